"""The command `run`: do one run of a recipe, with progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from rich.table import Table

from cli.listing import needed_for, spell
from cli.options import RunOptions, dotted_settings
from cli.plans import recipe_path
from cli.speeds import Speeds, known
from cli.terminal import console, progress_line
from empirical.config import Run, from_dict, to_dict, world_of
from empirical.practice import Event
from empirical.runs.execute import execute
from empirical.runs.feasible import require_feasible
from empirical.runs.folder import result_path, run_directory
from empirical.runs.result import Result
from empirical.runs.tensorboard import Scalars
from empirical.settings.recipes import read
from empirical.settings.values import flat, merged
from empirical.system.devices import prepare
from empirical.system.ranks import launched
from scaling.averages import wilson

MANY, WORST = 10, 5  # the worst 5 classes are named where there are more than 10


def main(options: RunOptions) -> int:
    """Do the run, or show its configuration and the estimate of its work."""
    recipe = read(recipe_path(options.recipe), options.line)
    run, speeds = from_dict(merged(recipe.run, dotted_settings(options.set))), recipe.throughput
    require_feasible(run, options.out / "runs")
    if options.dry_run:
        # the folder comes last: its name depends on the generator's weights, which may not be here yet
        show(run, known({run.world.name: speeds}, options.out, options.device))
    folder = run_directory(run, options.out / "runs")
    if options.dry_run:
        console.print(
            f"{folder}{' (finished)' if result_path(run, options.out / 'runs').exists() else ''}", markup=False
        )
        return 0
    prepare(options.device)
    with launched(options.device) as (ranks, device), ExitStack() as stack:
        if not ranks.first:
            execute(run, options.out / "runs", device, ranks=ranks)
            return 0
        before = result_path(run, options.out / "runs").exists()
        console.print(f"{folder}{': finished before' if before else ''}", markup=False)
        scalars = stack.enter_context(Scalars(folder)) if options.tensorboard else None
        report = stack.enter_context(progress_line("iterations"))

        def observe(event: Event) -> None:
            if scalars:
                scalars.write(event)
            values = event.values
            if event.kind == "evaluated":
                scores = f"loss {values['loss']:.3f}, validation {values['accuracy_validation']:.3f}"
                report(values["step"], run.training.iterations, f"pool {values['pool']:,}, {scores}")
            elif event.kind == "added":
                console.print(
                    f"iteration {values['step']}: {values['added']:,} added, entropy {values['entropy']:.3f}, "
                    f"pool {values['pool']:,}",
                    markup=False,
                )

        result = execute(run, options.out / "runs", device, ranks=ranks, observe=observe)
    tell(run, result)
    return 0


def show(run: Run, speeds: Speeds) -> None:
    """Print the resolved configuration and the estimate of the run's work."""
    for key, value in flat(to_dict(run)).items():
        console.print(f"{key} = {value}", markup=False, highlight=False)
    needed = needed_for([run], speeds)
    console.print(spell(needed), markup=False)
    if needed.unmeasured:
        console.print("paper_repro.py throughput RECIPE measures this machine's speed")


def tell(run: Run, result: Result) -> None:
    """Print the result of a run."""
    cost, lines = result.cost, Table("", "", show_header=False)
    if not result.sets:
        lines.add_row("accuracy on the real distribution", f"{result.accuracy:.4f}")
        lines.add_row("on real validation data", f"{result.accuracy_validation:.4f}")
    lines.add_row("pool", f"{result.pool_size:,} rows in use, {len(result.pool)} rounds")
    lines.add_row("images generated", f"{cost['images']:,} ({cost['sampling_gflop']:.3g} GFLOP)")
    lines.add_row("denoiser calls", f"{cost['denoiser_calls']:,}")
    lines.add_row("CPU time", f"{cost['sampling_cpu_s']:.1f} s sampling, {cost['learner_cpu_s']:.1f} s training")
    console.print(lines)
    tell_sets(result.sets, world_of(run).class_names)


def tell_sets(sets: Mapping[str, Mapping[str, list[int]]], classes: Sequence[str]) -> None:
    """Print the accuracy on every set of real images, and the worst classes of the first, where there are many."""
    if not sets:
        return
    lines = Table("real images", "", "accuracy", "95 % interval", "without averaged weights")
    for name, counts in sets.items():
        hits, raw, images = (sum(counts[kind]) for kind in ("hits", "raw_hits", "totals"))
        low, high = wilson(hits, images)
        lines.add_row(name, f"{images:,}", f"{hits / images:.4f}", f"{low:.4f} to {high:.4f}", f"{raw / images:.4f}")
    console.print(lines)
    name, counts = next(iter(sets.items()))
    pairs = list(zip(counts["hits"], counts["totals"], classes, strict=True))
    if len(pairs) > MANY:
        worst = sorted((hits / total, label) for hits, total, label in pairs if total)[:WORST]
        shares = ", ".join(f"{label} {share:.2f}" for share, label in worst)
        console.print(f"worst classes ({name}): {shares}", markup=False, highlight=False)
