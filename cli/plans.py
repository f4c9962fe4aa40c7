"""What making a figure takes: its settings, its series, its training runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.options import WITHOUT_DOWNLOADS, Options
from empirical.settings.recipes import load_toml
from empirical.system.errors import require
from figures.registry import figure

if TYPE_CHECKING:
    from empirical.scale.sweep import Case

IMAGE_WORLDS = ("digits", "latent_digits", "glyphs", "cifar10")  # where --learner applies


@dataclass(frozen=True)
class Plan:
    """One figure to make: its settings for the preset, its series of runs, the runs."""

    name: str
    settings: dict[str, Any]
    series: list[dict[str, Any]]
    cases: list[Case]
    compute_s: float  # measured on one core, training runs apart


@dataclass(frozen=True)
class Experiment:
    """`experiments/<name>.toml` resolved for the options; `base` and `overrides` are by world."""

    name: str
    settings: dict[str, Any]
    series: list[dict[str, Any]]
    seeds: dict[str, int]
    overrides: dict[str, dict[str, Any]]
    compute_s: float


def experiment(name: str, options: Options) -> Experiment:
    """Read a figure's file and resolve it for the options: which series, at which seeds, with which settings."""
    values = load_toml(options.experiments / f"{name}.toml")
    presets, seconds = (_by_preset(name, values, key, options.preset) for key in ("presets", "compute_s"))
    worlds = WITHOUT_DOWNLOADS if options.world == "all" else (options.world,)
    given = values.pop("series", [])
    series = [s for s in given if s["world"] in worlds]
    there = ", ".join(dict.fromkeys(s["world"] for s in given))
    require(bool(series) or not given, f"{name}: --world", options.world, f"all, {there}", "leave out the figure")
    settings = {**values, **presets}
    if options.world != "all" and "paper" in settings:
        settings["paper"] = False  # the paper's own panels stand beside all worlds, or not at all
    seeds = settings.pop("seeds", {})
    if options.seeds:
        require(options.seeds >= 2, "--seeds", options.seeds, "an integer >= 2", "one seed has no standard error")
        seeds = dict.fromkeys(seeds, options.seeds)
    overrides = {world: {"learner.kind": options.learner} for world in IMAGE_WORLDS} if options.learner else {}
    return Experiment(name, settings, series, seeds, overrides, seconds)


def _by_preset(name: str, values: dict[str, Any], key: str, preset: str) -> Any:
    """Take a table with an entry per preset out of `values`; the entry asked for."""
    table = values.pop(key, None)
    given = isinstance(table, dict) and preset in table
    require(given, f"{name}.toml: {key}", table, f"a table with an entry {preset!r}", "add the entry")
    return table[preset]


def plan(name: str, options: Options) -> Plan:
    """A figure's runs, every one checked."""
    from empirical.scale import sweep

    found = experiment(name, options)
    for s in found.series:
        allowed = figure(name).panels
        require(s["panel"] in allowed, f"{name}.toml: panel of series {s['name']!r}", s["panel"], ", ".join(allowed))
    cases = sweep.expand(found.series, options.experiments, options.preset, found.seeds, found.overrides)
    return Plan(name, found.settings, found.series, cases, found.compute_s)
