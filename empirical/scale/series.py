"""Read the TOML file of a figure, and expand its `[[series]]` into runs, as plain values: no world is opened.

compute_s = { default = 2, quick = 1 }  # seconds of one core by preset for the figure itself, training runs apart

[presets.default.seeds]                 # number of seeds by world; other keys of a preset are settings of the figure
digits = 8

[common.digits]                         # dotted settings of all series of a world; optional
"growth.initial" = 256

[[series]]
panel = "digits"                        # place in the figure
name = "deliberate practice"
world = "digits"                        # recipe: experiments/worlds/digits.toml
vary = "growth.additions"               # dotted setting, the x axis or its parameter
values = [1, 3]                         # or { default = [1, 3, 5], quick = [1] }
set = { "acquire.omega" = 0.05 }        # dotted settings on top of the recipe and of [common.digits]; optional
seeds = [100, 101]                      # a series at seeds of its own, whatever the preset and --seeds; optional
common = false                          # a series without the settings of [common.digits]; optional
by_default = false                      # a series that is made with --world only; optional
examine = "hindsight"                   # question to the finished runs, see `empirical.review.examine`; optional
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from empirical.config import Run, from_dict
from empirical.settings.build import build, checked
from empirical.settings.recipes import Recipe, load_toml, read
from empirical.settings.values import merged
from empirical.system.errors import InputError, require
from empirical.worlds import WORLDS

PRESETS = ("default", "quick")
MOST_SEEDS = 10_000


@dataclass(frozen=True, kw_only=True)
class Series:
    """Describe runs of one world that differ in the setting `vary`; `set` includes the settings shared by the world."""

    panel: str
    name: str
    world: str
    vary: str
    values: list[int | float] | dict[str, list[int | float]]  # of all presets, or by preset
    set: dict[str, Any] = dataclasses.field(default_factory=dict)
    seeds: list[int] | None = None  # where they are not the preset's
    examine: str | dict[str, Any] = ""
    by_default: bool = True  # False: left out unless --world names the series' world

    def points(self, preset: str, where: str) -> list[int | float]:
        """Return the values of `vary` for a preset."""
        if isinstance(self.values, list):
            return self.values
        require(preset in self.values, f"{where}.values", preset, f"one of {sorted(self.values)}", "add the preset")
        return self.values[preset]


@dataclass(frozen=True)
class ExperimentFile:
    """Hold the checked contents of `experiments/<name>.toml`; `settings`, `seeds` and `compute_s` are by preset."""

    series: list[Series]
    settings: dict[str, dict[str, Any]]  # the figure's own keys, those of the preset on top
    seeds: dict[str, dict[str, int]]  # by world
    compute_s: dict[str, float]  # seconds of one core for the figure itself, training runs apart; measured


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


def read_experiment(path: Path) -> ExperimentFile:
    """Read the TOML file of a figure. InputError names the file and the key of a wrong type or shape."""
    where, own = f"{path.name}: ", load_toml(path)
    series = series_of(path.stem, own)
    own = {key: value for key, value in own.items() if key not in ("series", "common")}
    compute_s = checked(own.pop("compute_s", None), dict[str, float], f"{where}compute_s")
    presets = checked(own.pop("presets", None), dict[str, dict[str, Any]], f"{where}presets")
    for name, table in (("compute_s", compute_s), ("presets", presets)):
        require(set(table) <= set(PRESETS), f"{where}{name}", sorted(table), f"entries of {', '.join(PRESETS)}")
    for preset, seconds in compute_s.items():
        require(seconds >= 0, f"{where}compute_s.{preset}", seconds, "a number >= 0, in seconds")
    seeds = {}
    for preset, table in presets.items():
        place = f"{where}presets.{preset}.seeds"
        seeds[preset] = checked(table.pop("seeds", {}), dict[str, int], place)
        for world, count in seeds[preset].items():
            require(world in WORLDS, place, world, f"worlds: {', '.join(WORLDS)}", "correct the name")
            require_seeds(count, f"{place}.{world}")
    return ExperimentFile(series, {preset: own | table for preset, table in presets.items()}, seeds, compute_s)


def require_seeds(count: int, where: str) -> None:
    """Refuse a number of seeds without a standard error, or beyond all reason."""
    allowed = f"an integer from 2 to {MOST_SEEDS:,}"
    require(2 <= count <= MOST_SEEDS, where, count, allowed, "correct it: one seed has no standard error")


def series_of(name: str, tables: Mapping[str, Any]) -> list[Series]:
    """Return the series in the tables of the file of the figure `name`, with the settings of `[common.<world>]`.

    >>> entry = {"panel": "digits", "name": "all", "world": "digits", "vary": "acquire.ratio", "values": [1, 2]}
    >>> tables = {"common": {"digits": {"acquire.omega": 0.1}}, "series": [{**entry, "set": {"seed": 1}}]}
    >>> series_of("fig4", tables)[0].set
    {'acquire.omega': 0.1, 'seed': 1}
    """
    where = f"{name}.toml: "
    entries = checked(tables.get("series", []), list[dict[str, Any]], f"{where}series")
    common = checked(tables.get("common", {}), dict[str, dict[str, Any]], f"{where}common")
    series = []
    for index, entry in enumerate(entries):
        place = f"{where}series[{index}]"
        shared = checked(entry.pop("common", True), bool, f"{place}.common")
        one: Series = build(Series, entry, place)
        require(one.world in WORLDS, f"{place}.world", one.world, f"one of {', '.join(WORLDS)}")
        _check_values(one, f"{place}.values")
        own = [0, 1] if one.seeds is None else one.seeds
        require(len(set(own)) == len(own) >= 2, f"{place}.seeds", own, "at least two different seeds, or none")
        settings = {**(common.get(one.world, {}) if shared else {}), **one.set}
        for key, value in settings.items():
            plain, do = not isinstance(value, Mapping), 'write "section.setting" = value'
            require(plain, f"{place}.set.{key}", value, "a value, with a dotted name as its key", do)
        series.append(dataclasses.replace(one, set=settings))
    worlds = dict.fromkeys(one.world for one in series)
    allowed = ", ".join(worlds) or "none without series"
    require(set(common) <= set(worlds), f"{where}common", sorted(common), allowed, "name the world of a series")
    return series


def _check_values(series: Series, where: str) -> None:
    """Refuse values of unknown presets, values given twice, and a list that is empty for all presets."""
    by_preset = series.values if isinstance(series.values, dict) else {"": series.values}
    named = isinstance(series.values, dict)
    require(not named or set(by_preset) <= set(PRESETS), where, sorted(by_preset), f"entries of {', '.join(PRESETS)}")
    require(any(by_preset.values()), where, series.values, "at least one value, in at least one preset")
    for values in by_preset.values():
        require(len(set(values)) == len(values), where, values, "different values", "give each once")


def expand(
    figure: str,
    series: Sequence[Series],
    recipes: Mapping[str, Recipe],
    preset: str,
    seeds: Mapping[str, int],
    overrides: Mapping[str, Mapping[str, Any]],
) -> list[Point]:
    """List the points of a figure's series: every value of `vary`, at its own seeds or at 0 ... seeds[world] - 1.

    recipes: by world. overrides: by world, settings of the command line, applied last.
    """
    points = []
    for one in series:
        where, world = f"{figure}.toml: series {one.name!r}", one.world
        require(world in seeds, f"{where}.world", world, f"a world with a number of seeds: {sorted(seeds)}", "add it")
        require(world in recipes, f"{where}.world", world, f"a world with a recipe: {sorted(recipes)}", "write one")
        for value in one.points(preset, where):
            settings = {**one.set, one.vary: value, **overrides.get(world, {})}
            try:
                run = from_dict(merged(recipes[world].run, settings))
            except InputError as error:
                place, *rest = error.arguments
                raise InputError(f"{where}: {place}", *rest) from None
            for seed in one.seeds or range(seeds[world]):
                seeded = dataclasses.replace(run, seed=seed)
                points.append(Point(figure, one.panel, one.name, value, seeded, one.examine))
    return points
