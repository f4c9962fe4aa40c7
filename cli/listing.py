"""The command `list`, and --dry-run: estimate the time and disk of figures without making them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from cli.estimate import Estimate, Footprint, duration, estimate, size
from cli.options import ListOptions, Options, Preset
from cli.plans import Plan, experiment, world_recipes
from cli.speeds import CORE, Speeds, known
from cli.terminal import console
from empirical.settings.values import flat
from empirical.system.errors import require
from figures.registry import QUESTIONS

if TYPE_CHECKING:
    from empirical.config import Run
    from empirical.scale.sweep import Case
    from empirical.settings.recipes import Recipe


def main(options: ListOptions) -> int:
    """Print the figures, by question, with their content and the time to make each from nothing on these cores."""
    require(options.workers >= 0, "--workers", options.workers, "an integer >= 1, or 0 for the default")
    lines = Table("name", "what it shows", "default", "quick", "made")
    recipes = world_recipes(options.experiments)
    fast = known({name: recipe.throughput for name, recipe in recipes.items()}, options.out, options.device)
    presets: tuple[Preset, ...] = ("default", "quick")
    for question, names in QUESTIONS.items():
        lines.add_row("", f"[bold]{question}[/bold]")
        for name in names:
            times = [_from_nothing(name, options, preset, recipes, fast) for preset in presets]
            header = (options.experiments / f"{name}.toml").read_text().partition("\n")[0].lstrip("# ")
            made = "yes" if (options.out / name / f"{name}.json").exists() else ""
            lines.add_row(name, header.partition(": ")[2] or header, *(f"{s / 60:.1f} min" for s in times), made)
        lines.add_section()
    console.print(lines)
    return 0


def _from_nothing(name: str, options: ListOptions, preset: Preset, recipes: dict[str, Recipe], fast: Speeds) -> float:
    """Estimate the wall seconds to make a figure from nothing."""
    resolved = experiment(name, Options(targets=[name], preset=preset, experiments=options.experiments))
    points = resolved.points(recipes, preset)
    needed = estimate([p.run for p in points], fast, replayed=[p.run for p in points if p.examine])
    return _wall(needed, resolved.compute_s, options.workers)


def speeds(experiments: Path, out: Path, device: str) -> Speeds:
    """Collect the speeds of all worlds that have a recipe; measurements of this machine come first."""
    recipes = world_recipes(experiments)
    return known({name: recipe.throughput for name, recipe in recipes.items()}, out, device)


def _wall(needed: Estimate, compute_s: float, workers: int) -> float:
    """Estimate wall seconds: start-up of this process and its workers, runs spread over the cores, the figure."""
    workers = workers or os.cpu_count() or 1
    on_cores = needed.seconds[CORE]
    return (8 if needed.runs else 4) + compute_s + on_cores / workers + needed.seconds.total() - on_cores


def show_plans(plans: list[Plan], options: Options) -> int:
    """Print the resolved configuration of each plan, its runs, and the estimate of their work."""
    from empirical.config import to_dict

    fast = speeds(options.experiments, options.out, options.device)
    for item in plans:
        settings = item.experiment.settings
        console.print(f"{item.name}, preset {options.preset}: {settings or 'no settings'}", markup=False)
        first: dict[str, dict[str, Any]] = {}
        lines = Table("panel", "series", "value", "seeds", "where it differs from its world's configuration")
        points: dict[tuple[str, str, float], list[Case]] = {}
        for case in item.cases:
            points.setdefault((case.panel, case.series, case.value), []).append(case)
        for (panel, series, value), cases in points.items():
            config = flat(to_dict(cases[0].run))
            world = first.setdefault(cases[0].run.world.name, config)
            changed = ", ".join(f"{key} = {value}" for key, value in config.items() if value != world[key])
            lines.add_row(panel, series, f"{value:g}", str(len(cases)), changed)
        for world_name, config in first.items():
            console.print(f"world {world_name}: " + ", ".join(f"{k} = {v}" for k, v in config.items()), markup=False)
        if points:
            console.print(lines)
        left = [case for case in item.cases if not case.done(options.out / "runs")]
        needed = needed_for([case.run for case in left], fast, [case.run for case in left if case.examine])
        minutes = _wall(needed, item.experiment.compute_s, options.workers) / 60
        line = f"{item.name}: {len(item.cases)} runs, {len(left)} of them to do, about {minutes:.1f} min"
        console.print(line, markup=False)
        if left:
            console.print(spell(needed), markup=False)
    return 0


def needed_for(runs: list[Run], fast: Speeds, replayed: Sequence[Run] = ()) -> Estimate:
    """Estimate the work of runs, disk included."""
    kinds = {f"{run.world.name}/{run.learner.kind}": run for run in runs}
    feet: Mapping[str, Footprint] = {name: footprint(run) for name, run in kinds.items()}
    return estimate(runs, fast, feet, replayed)


def footprint(run: Run) -> Footprint:
    """Estimate the bytes on disk of an image of the run's world, and of its learner with its optimiser.

    Small grey images compress little: a PNG has about as many bytes as the image has values, and a header.
    """
    from empirical.config import new_learner, world_of
    from empirical.data.images import is_image

    shape = world_of(run).shape
    values = math.prod(shape)
    tensors = new_learner(run, "cpu").state()
    state = sum(tensor.nbytes for tensor in tensors.values())
    moments = 2 * sum(tensor.nbytes for name, tensor in tensors.items() if name.startswith("model."))  # AdamW's
    return Footprint(values + 70.0 if is_image(shape) else 4.0 * values, state + moments)


def spell(needed: Estimate) -> str:
    """Write an estimate in one line."""
    times = [
        f"{duration(seconds)} on one core" if device == CORE else f"{seconds / 3600:,.1f} GPU-hours ({device})"
        for device, seconds in needed.seconds.items()
    ]
    if needed.unmeasured:
        times.append(f"not measured: {', '.join(sorted(needed.unmeasured))}")
    work = f"{needed.images:,} images, {needed.denoiser_calls:,} denoiser calls, {needed.iterations:,} iterations"
    return "; ".join([work, *times, f"{size(needed.disk_bytes)} on disk"])
