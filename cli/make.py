"""Make figures: their training runs, then their tables and pictures, each as soon as its own runs are done."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.options import Options
from cli.plans import Plan, plan, world_recipes
from cli.recorded import OwnRuns, find
from cli.terminal import console, progress_line
from empirical.system.errors import InputError, require
from figures.registry import FIGURES, figure

if TYPE_CHECKING:
    from empirical.scale.sweep import Case
    from figures.output import Made


def main(options: Options) -> int:
    """Make the figures that are named, or show what making them would take."""
    for flag, value in (("--workers", options.workers), ("--slurm-minutes", options.slurm_minutes)):
        require(value >= 0, flag, value, "an integer >= 1, or 0 for the default")
    for target in options.targets:
        require(target in FIGURES, "figure", target, ", ".join(FIGURES), "name one or more of them, or `list`")
    plans = [plan(name, options) for name in dict.fromkeys(options.targets)]
    if options.dry_run:
        from cli.listing import show_plans

        return show_plans(plans, options)
    start, pending = time.monotonic(), list(plans)
    stories: dict[str, str] = {}

    def make_finished(is_done: Callable[[Plan], bool]) -> None:
        """Make the figures whose runs are done, in the order in which they were asked for."""
        for item in [item for item in pending if is_done(item)]:
            pending.remove(item)
            made = make_figure(item, options, start)
            lines = (f"{item.name}: {made.summary}", made.picture)
            console.print(*lines, sep="\n  ", markup=False, highlight=False, soft_wrap=True)
            if made.story:
                stories[item.name] = f"{made.story} Picture: {made.picture}"

    root = options.out / "runs"
    if not options.resume:
        from cli.forget import forget

        forget([case.run for item in plans for case in item.cases], root, options.device)
    make_finished(lambda item: not item.cases)
    with progress_line("training runs") as report:

        def progress(done: int, total: int, note: str = "") -> None:
            report(done, total, note)
            make_finished(lambda item: all(case.done(root) for case in item.cases))

        make_runs([case for item in plans for case in item.cases], options, progress)
    make_finished(lambda _: True)
    for item in plans:
        if item.name in stories:
            console.print(f"\n{item.name}. {stories[item.name]}", markup=False, highlight=False)
    return 0


def make_runs(cases: Sequence[Case], options: Options, progress: Callable[..., None]) -> None:
    """Do the training runs of all figures together, those of the first figure first: they may share some."""
    from empirical.scale.workers import sweep

    if not cases:
        return
    if options.slurm:
        from cli.cluster import make_jobs

        make_jobs(cases, options, progress)
        return
    sweep(cases, options.out / "runs", options.device, options.workers or os.cpu_count() or 1, progress)


def make_figure(item: Plan, options: Options, start: float) -> Made:
    """Make one figure's files from its finished runs."""
    from empirical.runs.folder import run_directory, run_name
    from empirical.runs.manifest import manifest
    from empirical.scale import sweep
    from figures import output
    from figures.contract.figure import Inputs

    made, own, settings = sweep.results(item.cases, options.out / "runs"), OwnRuns(), item.experiment.settings
    if "recipes" in settings:
        own = find(settings["recipes"], options.experiments, options.out / "runs")
        settings = {**settings, "in progress": own.in_progress}

    def about() -> dict[str, Any]:
        series, recipes = item.experiment.series, world_recipes(options.experiments)
        return {
            "command": " ".join(["python", "paper_repro.py", *sys.argv[1:]]),
            "preset": options.preset,
            "learner": options.learner or "the recipe's",
            "series": [asdict(one) for one in series],
            "worlds": {name: recipes[name].run for name in sorted({one.world for one in series})},
            "cost": total_cost({name: record.result.cost for name, record in zip(names, made, strict=False)}),
            "wall_s": round(time.monotonic() - start, 1),
            **manifest(options.device),
            "made_on": devices([run_directory(case.run, options.out / "runs") for case in item.cases]),
        }

    notes = [] if options.preset == "default" else [f"{options.preset} preset: few seeds and points"]
    notes += [f"learner: {options.learner}"] if options.learner else []
    records, names = made + own.records, [run_name(case.run) for case in item.cases] + own.names
    stem = options.out / item.name / item.name
    with progress_line(item.name) as report:
        inputs = Inputs(settings, records, report)
        chosen = figure(item.name)
        return output.produce(chosen, stem, inputs, names, "; ".join(notes), about, reuse=options.resume)


def devices(folders: Sequence[Path]) -> dict[str, int]:
    """Count distinct runs by the devices that made them: "cuda (NVIDIA H200)", or "unknown" where files are damaged."""
    from empirical.runs.manifest import made_on

    counts: Counter[str] = Counter()
    for folder in dict.fromkeys(folders):
        try:
            makers = made_on(folder)
        except (InputError, OSError):
            makers = {"unknown": ""}
        counts[" and ".join(f"{kind} ({name})" if name else kind for kind, name in makers.items())] += 1
    return dict(counts)


def total_cost(costs: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Add up the cost counters of distinct runs, given by the names of the runs."""
    total: Counter[str] = Counter()
    for cost in costs.values():
        total.update(cost)
    return dict(total)
