"""Plan a figure: its settings for the preset, its series of runs, the runs themselves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.options import EXPERIMENTS, WITHOUT_DOWNLOADS, Options
from empirical.config import from_dict
from empirical.scale.series import ExperimentFile, Point, Series, expand, read_experiment, require_seeds
from empirical.settings.build import build
from empirical.settings.recipes import Recipe, lines, read
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
    series: list[Series]
    seeds: dict[str, int]
    overrides: dict[str, dict[str, Any]]
    compute_s: float  # seconds of one core for the figure itself, training runs apart; measured
    file: ExperimentFile  # with the settings of all presets

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
    return next((place for place in places if os.path.isfile(place)), path)  # unlike Path's, false for any bad name


def experiment(name: str, options: Options) -> Experiment:
    """Read a figure's file and resolve it for the options: which series, at which seeds, with which settings."""
    path, preset = options.experiments / f"{name}.toml", options.preset
    file = read_experiment(path)
    for key, table in (("presets", file.settings), ("compute_s", file.compute_s)):
        require(preset in table, f"{path.name}: {key}", sorted(table), f"an entry {preset!r}", "add the entry")
    every = options.world == "all"
    require(every or options.world in WORLDS, "--world", options.world, f"one of all, {', '.join(WORLDS)}")
    if every:
        series = [one for one in file.series if one.world in WITHOUT_DOWNLOADS and one.by_default]
        series = series or file.series  # a figure of other worlds alone
    else:
        series = [one for one in file.series if one.world == options.world]
    there = ", ".join(["all", *dict.fromkeys(one.world for one in file.series)])
    needless = every and not file.series  # a figure of theory alone
    require(bool(series) or needless, f"{name}: --world", options.world, there, "leave out the figure")
    settings, seeds = dict(file.settings[preset]), file.seeds[preset]
    if not every and "paper" in settings:
        settings["paper"] = False  # the paper's own panels stand beside all worlds, or not at all
    if options.seeds:
        require_seeds(options.seeds, "--seeds")
        seeds = dict.fromkeys(seeds, options.seeds)
    overrides = {world: {"learner.kind": options.learner} for world in IMAGE_WORLDS} if options.learner else {}
    return Experiment(name, settings, series, seeds, overrides, file.compute_s[preset], file)


def plan(name: str, options: Options) -> Plan:
    """Plan a figure: read its file, check its settings and panels, and check every run against its world."""
    from empirical.scale import sweep

    resolved, planned = experiment(name, options), figure(name)
    for settings in resolved.file.settings.values():
        build(planned.settings, settings, f"{name}.toml")
    for table in resolved.settings.get("recipes", ()):
        path = options.experiments / f"{table}.toml"
        for line in lines(path):
            from_dict(read(path, line).run)
    for one in resolved.series:
        where = f"{name}.toml: panel of series {one.name!r}"
        require(one.panel in planned.panels, where, one.panel, ", ".join(planned.panels))
    points = resolved.points(world_recipes(options.experiments), options.preset)
    some = bool(points) or not resolved.series
    require(some, f"{name}.toml: values", f"none for --preset {options.preset}", "at least one", "name another preset")
    return Plan(resolved, sweep.plan(points))
