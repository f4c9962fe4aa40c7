"""Plan a figure: its settings for the preset, its series of runs, the runs themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.options import EXPERIMENTS, WITHOUT_DOWNLOADS, Options
from empirical.scale.series import Point, expand, series_of
from empirical.settings.recipes import Recipe, load_toml, read
from empirical.system.errors import require
from empirical.worlds import WORLDS
from figures.registry import figure

if TYPE_CHECKING:
    from empirical.scale.sweep import Case

IMAGE_WORLDS = ("digits", "latent_digits", "glyphs", "cifar10")  # where --learner applies


@dataclass(frozen=True)
class Experiment:
    """`experiments/<name>.toml` resolved for the options; `overrides` are by world."""

    name: str
    settings: dict[str, Any]
    series: list[dict[str, Any]]
    seeds: dict[str, int]
    overrides: dict[str, dict[str, Any]]
    compute_s: float  # seconds of one core for the figure itself, training runs apart; measured

    def points(self, recipes: dict[str, Recipe], preset: str) -> list[Point]:
        """List the runs of the experiment as plain values; `recipes` are by world."""
        return expand(self.name, self.series, recipes, preset, self.seeds, self.overrides)


@dataclass(frozen=True)
class Plan:
    """One figure to make: its experiment, and its runs, checked."""

    experiment: Experiment
    cases: list[Case]

    @property
    def name(self) -> str:
        """Name of the figure."""
        return self.experiment.name


def world_recipes(experiments: Path) -> dict[str, Recipe]:
    """Read the default recipes of all worlds that have one."""
    return {path.stem: read(path) for path in sorted((experiments / "worlds").glob("*.toml"))}


def recipe_path(path: Path) -> Path:
    """Find a recipe: a file, or the name of one of the project's own, with or without the leading `experiments/`."""
    places = (path, EXPERIMENTS.parent / path, EXPERIMENTS / path)
    return next((place for place in places if place.is_file()), path)


def experiment(name: str, options: Options) -> Experiment:
    """Read a figure's file and resolve it for the options: which series, at which seeds, with which settings."""
    values = load_toml(options.experiments / f"{name}.toml")
    presets, seconds = (_by_preset(name, values, key, options.preset) for key in ("presets", "compute_s"))
    every = options.world == "all"
    require(every or options.world in WORLDS, "--world", options.world, f"one of all, {', '.join(WORLDS)}")
    worlds = WITHOUT_DOWNLOADS if every else (options.world,)
    given = series_of(name, values)
    series = [s for s in given if s["world"] in worlds]
    there = ", ".join(dict.fromkeys(s["world"] for s in given))
    require(bool(series) or not given, f"{name}: --world", options.world, f"all, {there}", "leave out the figure")
    settings = {key: value for key, value in values.items() if key not in ("series", "common")} | presets
    if not every and "paper" in settings:
        settings["paper"] = False  # the paper's own panels stand beside all worlds, or not at all
    seeds = settings.pop("seeds", {})
    if options.seeds:
        require(options.seeds >= 2, "--seeds", options.seeds, "an integer >= 2", "one seed has no standard error")
        seeds = dict.fromkeys(seeds, options.seeds)
    overrides = {world: {"learner.kind": options.learner} for world in IMAGE_WORLDS} if options.learner else {}
    return Experiment(name, settings, series, seeds, overrides, seconds)


def _by_preset(name: str, values: dict[str, Any], key: str, preset: str) -> Any:
    """Take a table with an entry per preset out of `values` and return the entry of the preset."""
    table = values.pop(key, None)
    given = isinstance(table, dict) and preset in table
    require(given, f"{name}.toml: {key}", table, f"a table with an entry {preset!r}", "add the entry")
    return table[preset]


def plan(name: str, options: Options) -> Plan:
    """Plan a figure: read its file, check its panels, and check every run against its world."""
    from empirical.scale import sweep

    resolved = experiment(name, options)
    for s in resolved.series:
        allowed = figure(name).panels
        require(s["panel"] in allowed, f"{name}.toml: panel of series {s['name']!r}", s["panel"], ", ".join(allowed))
    return Plan(resolved, sweep.plan(resolved.points(world_recipes(options.experiments), options.preset)))
