"""Figures: their training runs, then their tables and pictures."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from typing import Any

from rich.table import Table

from cli.options import Options
from cli.plans import Plan, plan
from cli.recorded import Found, find
from cli.terminal import console, progress_line
from empirical.runs.result import Record
from empirical.system.errors import require
from figures.registry import FIGURES, figure


def main(options: Options) -> int:
    """Do what is asked for: figures by name, or one of the words."""
    targets = options.targets
    if targets == ["list"]:
        from cli.listing import show_list

        return show_list(options)
    if targets == ["errata"]:
        from cli.errata import show_errata

        return show_errata()
    if targets and targets[0] == "generator":
        from cli.generator import train_generator

        return train_generator(targets[1:], options)
    for target in targets or [""]:
        require(target in FIGURES, "figure", target, ", ".join(FIGURES), "name one or more of them, or `list`")
    plans = [plan(name, options) for name in dict.fromkeys(targets)]
    if options.dry_run:
        from cli.listing import show_plans

        return show_plans(plans, options)
    start = time.monotonic()
    make_runs(plans, options)
    lines = Table("figure", "what it shows", "file", title=None)
    for item in plans:
        lines.add_row(item.name, *make_figure(item, options, start))
    console.print(lines)
    return 0


def make_runs(plans: list[Plan], options: Options) -> None:
    """Do the training runs of all plans together: they may share some."""
    from empirical.scale.workers import sweep

    cases = [case for item in plans for case in item.cases]
    if not cases:
        return
    root = options.out / "runs"
    if not options.resume:
        from cli.forget import forget

        forget([case.run for case in cases], root, options.device)
    if options.slurm:
        from cli.cluster import make_jobs

        make_jobs(cases, options)
        return
    workers = options.workers or os.cpu_count() or 1
    with progress_line("training runs") as report:
        sweep(cases, root, options.device, workers, lambda done, total: report(done, total, ""))


def make_figure(item: Plan, options: Options, start: float) -> tuple[str, str]:
    """Make one figure's files from its finished runs; returns what it says and its picture."""
    from empirical.runs.folder import run_name
    from empirical.runs.manifest import manifest
    from empirical.scale import sweep
    from figures import output
    from figures.contract.figure import Inputs

    made = sweep.results(item.cases, options.out / "runs")
    found, settings = Found([], [], []), item.settings
    if "recipes" in settings:
        found = find(settings["recipes"], options.experiments, options.out / "runs")
        settings = {**settings, "in progress": found.in_progress}

    def about() -> dict[str, Any]:
        return {
            "command": " ".join(["python", "paper_repro.py", *sys.argv[1:]]),
            "preset": options.preset,
            "learner": options.learner or "the recipe's",
            "series": item.series,
            "worlds": {
                name: sweep.recipe(options.experiments, name) for name in sorted({s["world"] for s in item.series})
            },
            "cost": total_cost(item, made),
            "wall_s": round(time.monotonic() - start, 1),
            **manifest(options.device),
        }

    notes = [] if options.preset == "default" else [f"{options.preset} preset: few seeds and points"]
    notes += [f"learner: {options.learner}"] if options.learner else []
    note = "; ".join(notes)
    records, names = made + found.records, [run_name(case.run) for case in item.cases] + found.names
    stem = options.out / item.name / item.name
    with progress_line(item.name) as report:
        said, picture = output.produce(
            figure(item.name), stem, Inputs(settings, records, report), names, note, about, reuse=options.resume
        )
    return said, str(picture)


def total_cost(item: Plan, records: list[Record]) -> dict[str, float]:
    """Cost counters summed over the figure's distinct runs."""
    from empirical.runs.folder import run_name

    costs = {run_name(case.run): record.result.cost for case, record in zip(item.cases, records, strict=True)}
    total: Counter[str] = Counter()
    for cost in costs.values():
        total.update(cost)
    return dict(total)
