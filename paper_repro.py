"""Reproduce the figures of "Improving the Scaling Laws of Synthetic Data with Deliberate Practice".

python paper_repro.py list                      what there is, and how long it takes
python paper_repro.py fig3 fig4 fig5            make figures, under results/
python paper_repro.py fig4 --dry-run            show what would be done
python paper_repro.py generator digits          train the digits generator anew
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from empirical import quality, sweep
from empirical.config import from_dict, load_toml, to_dict
from empirical.errors import InputError, require
from empirical.generator import GeneratorTraining
from empirical.run import manifest
from figures import adaptive, curation, exponent, fig3, fig4, fig5, fig7, loss, output, phase, spectra

EXPERIMENTS = Path(__file__).parent / "experiments"
FIGURES = {
    "fig3": fig3,
    "fig4": fig4,
    "fig5": fig5,
    "fig7": fig7,
    "curation": curation,
    "spectra": spectra,
    "phase": phase,
    "adaptive": adaptive,
    "loss": loss,
    "exponent": exponent,
}
console = Console(width=None if sys.stdout.isatty() else 160)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Make figures, theory and practice on the same axes, under results/: name them, or say `list` to see which.

    `errata` prints the paper's misprints with numbers; `generator digits` trains the digits generator anew.
    """

    targets: tyro.conf.Positional[list[str]]
    """Figures by name; or `list`, `errata`, or `generator WORLD`."""
    preset: Literal["default", "quick"] = "default"
    """`quick`: the same code with fewer seeds and points, marked on the figure."""
    world: Literal["all", "linear", "digits"] = "all"
    """Only the panels of one world."""
    learner: str = ""
    """Another learner for the digits world: cnn or vit."""
    seeds: int = 0
    """Seeds per point instead of the preset's; at least 2."""
    device: str = "cpu"
    """Torch device for sampling and training, e.g. cuda."""
    workers: int = 0
    """Processes, one thread each; default: one per core."""
    out: Path = Path("results")
    """Where runs and figures are kept."""
    resume: bool = True
    """Reuse finished runs and continue interrupted ones; --no-resume deletes and repeats them."""
    dry_run: bool = False
    """Show configuration, runs and estimated time, and stop."""


@dataclass(frozen=True)
class Plan:
    """One figure to make: its settings for the preset, its series of runs, the runs."""

    name: str
    settings: dict[str, Any]
    series: list[dict[str, Any]]
    cases: list[sweep.Case]
    compute_s: float  # measured on one core, training runs apart


def plan(name: str, options: Options) -> Plan:
    """Read `experiments/<name>.toml` and resolve it for the options."""
    experiment = load_toml(EXPERIMENTS / f"{name}.toml")
    presets, seconds = experiment.pop("presets"), experiment.pop("compute_s")
    series = [s for s in experiment.pop("series", []) if options.world in ("all", s["world"])]
    for s in series:
        allowed = getattr(FIGURES[name], "RUN_PANELS", [s["panel"]])
        require(s["panel"] in allowed, f"{name}.toml: panel of series {s['name']!r}", s["panel"], ", ".join(allowed))
    settings = {**experiment, **presets[options.preset]}
    seeds = settings.pop("seeds", {})
    if options.seeds:
        require(options.seeds >= 2, "--seeds", options.seeds, "an integer >= 2", "one seed has no standard error")
        seeds = dict.fromkeys(seeds, options.seeds)
    overrides = {"digits": {"learner.kind": options.learner}} if options.learner else {}
    cases = sweep.expand(series, EXPERIMENTS, options.preset, seeds, overrides)
    return Plan(name, settings, series, cases, seconds[options.preset])


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 2 bad input, 1 failure, 130 interrupted."""
    options = tyro.cli(Options, args=arguments)
    try:
        return run(options)
    except (InputError, ValueError, FloatingPointError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError | OSError) else 1
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped; the same command goes on from here")
        return 130


def run(options: Options) -> int:
    """Do what the options ask for."""
    targets = options.targets
    if targets == ["list"]:
        return show_list(options)
    if targets == ["errata"]:
        return show_errata()
    if targets and targets[0] == "generator":
        return train_generator(targets[1:], options)
    for target in targets or [""]:
        require(target in FIGURES, "figure", target, ", ".join(FIGURES), "name one or more of them, or `list`")
    plans = [plan(name, options) for name in dict.fromkeys(targets)]
    if options.dry_run:
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
    runs = [case.run for item in plans for case in item.cases]
    if not runs:
        return
    root = options.out / "runs"
    if not options.resume:
        for one in runs:
            shutil.rmtree(root / one.world.name / sweep.run_name(one), ignore_errors=True)
    workers = options.workers or os.cpu_count() or 1
    with progress_line("training runs") as report:
        sweep.sweep(runs, root, options.device, workers, lambda done, total: report(done, total, ""))


def make_figure(item: Plan, options: Options, start: float) -> tuple[str, str]:
    """Make one figure's files from its finished runs; returns what it says and its picture."""
    records = sweep.results(item.cases, options.out / "runs")

    def about() -> dict[str, Any]:
        return {
            "command": " ".join(["python", "paper_repro.py", *sys.argv[1:]]),
            "preset": options.preset,
            "learner": options.learner or "the recipe's",
            "series": item.series,
            "worlds": {name: sweep.recipe(EXPERIMENTS, name)[0] for name in sorted({s["world"] for s in item.series})},
            "cost": total_cost(item, records),
            "wall_s": round(time.monotonic() - start, 1),
            **manifest(options.device),
        }

    notes = [] if options.preset == "default" else [f"{options.preset} preset: few seeds and points"]
    notes += [f"learner on digits: {options.learner}"] if options.learner else []
    note = "; ".join(notes)
    names = [sweep.run_name(case.run) for case in item.cases]
    stem = options.out / item.name / item.name
    with progress_line(item.name) as report:
        said, picture = output.produce(
            FIGURES[item.name], stem, item.settings, records, names, note, about, report, reuse=options.resume
        )
    return said, str(picture)


def total_cost(item: Plan, records: list[dict[str, Any]]) -> dict[str, float]:
    """Cost counters summed over the figure's distinct runs."""
    costs = {
        sweep.run_name(case.run): record["result"]["cost"] for case, record in zip(item.cases, records, strict=True)
    }
    total: Counter[str] = Counter()
    for cost in costs.values():
        total.update(cost)
    return dict(total)


def show_errata() -> int:
    """The paper's misprints: every derivation is run, then each formula as printed, corrected, and measured."""
    from rmt import symbolic  # sympy takes a second to load

    symbolic.prove()
    lines = Table("where", "as printed, and what is meant", "problem", "printed", "corrected", "Monte Carlo")
    for erratum in symbolic.errata(rng=np.random.default_rng(0)):
        printed = "unusable" if erratum.printed is None else f"{erratum.printed:.4g}"
        measured = f"{erratum.measured:.4g} +- {erratum.stderr:.2g}"
        lines.add_row(erratum.where, erratum.misprint, erratum.problem, printed, f"{erratum.corrected:.4g}", measured)
    console.print(lines)
    console.print("Lemmas 1-3, m' and Corollary 1 were derived by sympy just now and hold as corrected.")
    return 0


def train_generator(worlds: list[str], options: Options) -> int:
    """Train the generator of a world anew, under <out>/generator, with a check of its quality."""
    require(worlds == ["digits"], "generator", " ".join(worlds), "digits", "the linear world's score is exact")
    recipe, _ = sweep.recipe(EXPERIMENTS, "digits")
    with progress_line("generator") as report:
        record = quality.train_generator(from_dict(recipe), GeneratorTraining(), options.out / "generator", report)
    for name, value in record["checks"].items():
        console.print(f"{name.replace('_', ' ')}: {value:.4f}")
    return 0


def show_list(options: Options) -> int:
    """Every figure: what it shows and how long it takes from nothing on this machine's cores."""
    lines = Table("name", "what it shows", "default", "quick")
    for name in FIGURES:
        said = (EXPERIMENTS / f"{name}.toml").read_text().splitlines()[0].lstrip("# ")
        times = [
            duration(plan(name, Options(targets=[name], preset=preset)), options) for preset in ("default", "quick")
        ]
        lines.add_row(name, said.partition(": ")[2] or said, *(f"{seconds / 60:.1f} min" for seconds in times))
    console.print(lines)
    return 0


def duration(item: Plan, options: Options) -> float:
    """Estimated wall seconds of what is left to do of a plan."""
    left = [case.run for case in item.cases if not sweep.is_done(case.run, options.out / "runs")]
    workers = options.workers or os.cpu_count() or 1
    starting = 8 if left else 4  # imports, in this process and in the workers
    return starting + item.compute_s + sweep.estimate_seconds(left, EXPERIMENTS) / workers


def show_plans(plans: list[Plan], options: Options) -> int:
    """The resolved configuration, the runs and the estimated time of each plan; nothing is done."""
    for item in plans:
        console.print(f"{item.name}, preset {options.preset}: {item.settings or 'no settings'}", markup=False)
        first: dict[str, dict[str, Any]] = {}
        lines = Table("panel", "series", "value", "seeds", "where it differs from its world's configuration")
        points: dict[tuple[str, str, float], list[sweep.Case]] = {}
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
        left = sum(not sweep.is_done(case.run, options.out / "runs") for case in item.cases)
        minutes = duration(item, options) / 60
        console.print(
            f"{item.name}: {len(item.cases)} runs, {left} of them to do, about {minutes:.1f} min", markup=False
        )
    return 0


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted names."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return result


@contextmanager
def progress_line(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal, else a line at most every ten seconds; called with (done, total, what comes next)."""
    if console.is_terminal:
        columns = (
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=None, note="")
            yield lambda done, total, note: bar.update(task, completed=done, total=total, note=note)
        return
    last = -10.0

    def report(done: int, total: int, note: str) -> None:
        nonlocal last
        if done == total or time.monotonic() - last >= 10:
            last = time.monotonic()
            print(f"{what}: {done} of {total} {note}".rstrip(), flush=True)

    yield report


if __name__ == "__main__":
    sys.exit(main())
