"""Expand the `[[series]]` tables of a figure's file into runs, as plain values: no world is opened, no torch needed.

[common.digits]                         # dotted settings of all series of a world; optional
"growth.initial" = 256

[[series]]
panel = "digits"                        # place in the figure
name = "deliberate practice"
world = "digits"                        # recipe: experiments/worlds/digits.toml
vary = "growth.additions"               # dotted setting, the x axis or its parameter
values = [1, 3]                         # or { default = [1, 3, 5], quick = [1] }
set = { "acquire.omega" = 0.05 }        # dotted settings on top of the recipe and of [common.digits]; optional
common = false                          # a series without the settings of [common.digits]; optional
examine = "hindsight"                   # question to the finished runs, see `empirical.review.examine`; optional
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from empirical.config import Run, from_dict
from empirical.settings.recipes import Recipe, read
from empirical.settings.values import merged
from empirical.system.errors import require
from empirical.worlds import WORLDS

REQUIRED = {"panel", "name", "world", "vary", "values"}
SERIES_KEYS = REQUIRED | {"set", "examine"}


@dataclass(frozen=True)
class Point:
    """One point of one series of a figure at one seed; `examine` is the series' question as written, "" for none."""

    figure: str
    panel: str
    series: str
    value: float
    run: Run
    examine: str | Mapping[str, Any] = ""


def recipe(experiments: Path, world: str) -> Recipe:
    """Read the default recipe of a world."""
    require(world in WORLDS, "world", world, f"one of {', '.join(WORLDS)}")
    return read(experiments / "worlds" / f"{world}.toml")


def series_of(name: str, experiment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the series in the file of the experiment `name`, the settings of `[common.<world>]` below their `set`.

    >>> tables = {"common": {"digits": {"acquire.omega": 0.1}}, "series": [{"world": "digits", "set": {"seed": 1}}]}
    >>> series_of("fig4", tables)
    [{'world': 'digits', 'set': {'acquire.omega': 0.1, 'seed': 1}}]
    """
    entries, common = experiment.get("series", []), experiment.get("common", {})
    worlds = dict.fromkeys(entry["world"] for entry in entries)
    require(set(common) <= set(worlds), f"{name}.toml: common", sorted(common), ", ".join(worlds), "name such a world")
    series = []
    for entry in entries:
        values = {key: value for key, value in entry.items() if key != "common"}
        shared = common.get(entry["world"], {}) if entry.get("common", True) else {}
        series.append({**values, "set": {**shared, **entry.get("set", {})}})
    return series


def expand(
    figure: str,
    series: Sequence[Mapping[str, Any]],
    recipes: Mapping[str, Recipe],
    preset: str,
    seeds: Mapping[str, int],
    overrides: Mapping[str, Mapping[str, Any]],
) -> list[Point]:
    """List the points of a figure's series: every value of `vary`, at seeds 0 ... seeds[world] - 1.

    recipes: by world. overrides: by world, settings of the command line, applied last.
    """
    points = []
    for entry in series:
        where = f"series {entry.get('name', '?')!r}"
        require(
            set(entry) <= SERIES_KEYS and set(entry) >= REQUIRED,
            where,
            sorted(entry),
            f"the keys {sorted(SERIES_KEYS)}, all but `set` and `examine` required",
        )
        world, values = entry["world"], entry["values"]
        require(world in seeds, f"{where}.world", world, f"a world with a number of seeds: {sorted(seeds)}", "add it")
        if isinstance(values, Mapping):
            allowed = f"one of {sorted(values)}"
            require(preset in values, f"{where}.values", preset, allowed, "add values for the preset")
            values = values[preset]
        for value in values:
            settings = {**entry.get("set", {}), entry["vary"]: value, **overrides.get(world, {})}
            run = from_dict(merged(recipes[world].run, settings))
            for seed in range(seeds[world]):
                seeded = dataclasses.replace(run, seed=seed)
                points.append(Point(figure, entry["panel"], entry["name"], value, seeded, entry.get("examine", "")))
    return points
