"""What there is, and what making it would take: `list` and --dry-run. Nothing is done here."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from cli.estimate import Estimate, Footprint, estimate, resolved, said, said_bytes
from cli.options import Options
from cli.plans import Plan, experiment
from cli.speeds import CORE, Speeds, known
from cli.terminal import console
from empirical.config import to_dict
from empirical.settings.recipes import load_toml
from empirical.settings.values import flat, merged
from figures.registry import FIGURES

if TYPE_CHECKING:
    from empirical.config import Run
    from empirical.scale.sweep import Case


def show_list(options: Options) -> int:
    """Every figure: what it shows, and how long it takes from nothing on this machine's cores."""
    lines = Table("name", "what it shows", "default", "quick", "made")
    worlds = {path.stem: load_toml(path) for path in sorted((options.experiments / "worlds").glob("*.toml"))}
    for name in FIGURES:
        header = (options.experiments / f"{name}.toml").read_text().splitlines()[0].lstrip("# ")
        times = [_from_nothing(name, options, preset, worlds) for preset in ("default", "quick")]
        made = "yes" if (options.out / name / f"{name}.json").exists() else ""
        lines.add_row(name, header.partition(": ")[2] or header, *(f"{s / 60:.1f} min" for s in times), made)
    console.print(lines)
    return 0


def _from_nothing(name: str, options: Options, preset: Any, worlds: Mapping[str, dict[str, Any]]) -> float:
    """Estimated wall seconds of a figure of which nothing has been made yet, without building its runs."""
    found = experiment(name, Options(targets=[name], preset=preset, experiments=options.experiments))
    configs: list[dict[str, Any]] = []
    replayed: list[dict[str, Any]] = []
    for series in found.series:
        values = series["values"][preset] if isinstance(series["values"], Mapping) else series["values"]
        for value in values:
            config = resolved(merged(worlds[series["world"]], {**series.get("set", {}), series["vary"]: value}))
            seeds = [{**config, "seed": seed} for seed in range(found.seeds.get(series["world"], 0))]
            configs += seeds
            replayed += seeds if series.get("examine") else []
    return _wall(
        estimate(configs, known(worlds, options.out, options.device), replayed=replayed), found.compute_s, options
    )


def speeds(options: Options) -> Speeds:
    """The speeds of all worlds that have a recipe, those measured on this machine first."""
    recipes = {path.stem: load_toml(path) for path in sorted((options.experiments / "worlds").glob("*.toml"))}
    return known(recipes, options.out, options.device)


def _wall(needed: Estimate, compute_s: float, options: Options) -> float:
    """Seconds on the clock: start-up, in this process and in the workers, runs spread over the cores, the figure."""
    workers = options.workers or os.cpu_count() or 1
    on_cores = needed.seconds[CORE]
    return (8 if needed.runs else 4) + compute_s + on_cores / workers + needed.seconds.total() - on_cores


def show_plans(plans: list[Plan], options: Options) -> int:
    """The resolved configuration, the runs and what they take, of each plan; nothing is done."""
    for item in plans:
        console.print(f"{item.name}, preset {options.preset}: {item.settings or 'no settings'}", markup=False)
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
        replayed = [to_dict(case.run) for case in left if case.examine]
        needed = needed_for([case.run for case in left], speeds(options), replayed)
        said_about = f"{item.name}: {len(item.cases)} runs, {len(left)} of them to do, about "
        console.print(f"{said_about}{_wall(needed, item.compute_s, options) / 60:.1f} min", markup=False)
        if left:
            console.print(spell(needed), markup=False)
    return 0


def needed_for(runs: list[Run], fast: Speeds, replayed: Sequence[Mapping[str, Any]] = ()) -> Estimate:
    """What runs take, disk included."""
    kinds = {f"{run.world.name}/{run.learner.kind}": run for run in runs}
    feet = {name: footprint(run) for name, run in kinds.items()}
    return estimate([to_dict(run) for run in runs], fast, feet, replayed)


def footprint(run: Run) -> Footprint:
    """Bytes on disk of an image of the run's world and of its learner with its optimiser.

    Grey levels compress little at these sizes: a PNG has about as many bytes as the image has values, and a header.
    """
    from empirical.data.images import is_image

    values = math.prod(run.world.shape)
    size = values + 70.0 if is_image(run.world.shape) else 4.0 * values
    tensors = run.world.learner(run, "cpu").state()
    state = sum(tensor.nbytes for tensor in tensors.values())
    moments = 2 * sum(tensor.nbytes for name, tensor in tensors.items() if name.startswith("model."))  # AdamW's
    return Footprint(size, state + moments)


def spell(needed: Estimate) -> str:
    """An estimate in a line."""
    times = [
        f"{said(seconds)} on one core" if device == CORE else f"{seconds / 3600:,.1f} GPU-hours ({device})"
        for device, seconds in needed.seconds.items()
    ]
    if needed.unmeasured:
        times.append(f"not measured: {', '.join(sorted(needed.unmeasured))}")
    work = f"{needed.images:,} images, {needed.denoiser_calls:,} denoiser calls, {needed.iterations:,} iterations"
    return "; ".join([work, *times, f"{said_bytes(needed.disk_bytes)} on disk"])
