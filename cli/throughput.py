"""The command `throughput`: measure the speed of a recipe on this machine, for the estimates of --dry-run."""

from __future__ import annotations

import dataclasses
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from cli import speeds
from cli.options import ThroughputOptions, dotted_settings
from cli.plans import recipe_path
from cli.terminal import console, progress_line
from empirical.config import Run, from_dict, world_of
from empirical.learning.learner import Learner
from empirical.runs.manifest import now
from empirical.scale import throughput
from empirical.scale.throughput import Measured, Rate
from empirical.settings.recipes import read
from empirical.settings.values import merged
from empirical.system.devices import TooLargeError, device_name, prepare
from empirical.system.errors import require, require_positive
from empirical.system.files import require_writable, write_bytes
from empirical.worlds.world import World


def main(options: ThroughputOptions) -> int:
    """Measure and print the speeds; after each, write those so far into the file that estimates are made from.

    Work that does not fit into memory is named with the setting that makes it smaller; then the exit code is 1.
    """
    require_positive("throughput", seconds=options.seconds, ranks=options.ranks)
    require(options.images >= 0, "--images", options.images, "an integer >= 1, or 0 for one sampling batch")
    run = from_dict(merged(read(recipe_path(options.recipe), options.line).run, dotted_settings(options.set)))
    world, batch = world_of(run), run.training.batch
    require(batch % (2 * options.ranks) == 0 or options.ranks == 1, "--ranks", options.ranks,
            f"numbers whose double divides training.batch = {batch}")  # fmt: skip
    if options.random_weights:
        from empirical.worlds.random_imagenet import without_weights

        world = without_weights(world)
    prepare(options.device)
    shared = dataclasses.replace(run, training=dataclasses.replace(run.training, batch=batch // options.ranks))
    name, rates, whole = unit(options.device), dict[str, dict[str, Rate]](), True
    path = file_path(run, name, options.out)
    require_writable(path)
    with progress_line("measurements") as report:
        total = len(throughput.modes(shared, world, every=options.modes)) + (1 if options.random_weights else 2)
        for done, (key, kind, rate) in enumerate(measurements(shared, world, options), 1):
            report(done, total, f"{key}: {kind}")
            if isinstance(rate, TooLargeError):
                console.print(f"{key}: {kind}: not measured: {rate}", markup=False, highlight=False, soft_wrap=True)
                whole = False
                continue
            rates.setdefault(key, {})[kind] = rate
            write(path, run, rates, name, options)
    tell(rates, name, throughput.matmul_tflop_per_s(torch.device(options.device), min(options.seconds, 2.0)))
    if torch.device(options.device).type == "cuda":
        tell_batches(shared, world, options)
    if rates:
        console.print(str(path), markup=False)
    return 0 if whole else 1


def measurements(run: Run, world: World, options: ThroughputOptions) -> Iterator[tuple[str, str, Measured]]:
    """Yield (kind of work, its mode, its rate) one after the other; `run` trains on the share of one process."""
    learner, kind = untrained(run, world, options), run.learner.kind
    if not options.random_weights:  # first, since the data may be missing
        yield "evaluations", kind, throughput.evaluation_rate(run, world, learner, options.seconds)
    kinds = throughput.modes(run, world, every=options.modes)
    for guidance, rate in throughput.image_rates(run, world, learner, kinds, options.images, options.seconds).items():
        yield "images", guidance, rate
    with tempfile.TemporaryDirectory() as scratch:
        try:
            pool = throughput.pool_of(run, world, learner, Path(scratch))
            block = run.growth.evaluate_every
            yield "iterations", kind, throughput.iteration_rate(learner, pool, block, options.seconds)
        except TooLargeError as error:
            yield "iterations", kind, error


def tell(rates: Mapping[str, Mapping[str, Rate]], name: str, reached: float) -> None:
    """Print the speeds with their spread, and the share of the device's arithmetic that they use."""
    sheet = throughput.datasheet_tflop_per_s(name)
    lines = Table("", "per second", "repeats", "TFLOP/s", "of a matrix product's", "of the datasheet's")
    for key, by_kind in rates.items():
        for kind, rate in by_kind.items():
            used = rate.tflop_per_s
            shares = [f"{used:.3g}", f"{used / reached:.0%}", f"{used / sheet:.0%}" if sheet else ""]
            spread = f"{rate.median:.4g} ({rate.low:.4g} to {rate.high:.4g})"
            lines.add_row(f"{key}: {kind}", spread, str(rate.repeats), *(shares if rate.gflop else []))
    console.print(lines)
    line = f"{name}: {reached:.3g} TFLOP/s in a large product of matrices"
    console.print(line + (f", {sheet:,.0f} by its datasheet" if sheet else ""), markup=False)


def untrained(run: Run, world: World, options: ThroughputOptions) -> Learner:
    """Make the untrained learner of a run, for a world that may have random weights."""
    return world.learner(run.learner.kind, run.training, run.seed, options.device)


def tell_batches(run: Run, world: World, options: ThroughputOptions) -> None:
    """Print the largest sampling batches that fit into memory."""
    learner = untrained(run, world, options)
    for acquire in throughput.modes(run, world, every=options.modes):
        largest = throughput.largest_batch(throughput.sampling_fits(run, world, learner, acquire))
        console.print(f"largest sampling.batch, {acquire.mode}: {largest:,}", markup=False)


def unit(device: str) -> str:
    """Return the name of what speeds are those of: a GPU's model, or "one core" of a processor."""
    return device_name(device) if torch.device(device).type == "cuda" else speeds.CORE


def write(path: Path, run: Run, rates: Mapping[str, Mapping[str, Rate]], name: str, options: ThroughputOptions) -> None:
    """Write the speeds of one device and the settings they hold for; one iteration takes the time of all ranks."""
    share = {"iterations": options.ranks}
    table: dict[str, Any] = {
        "device": name,
        "machine": f"{platform.node()}, {platform.machine()}",
        "date": now(),
        **{
            key: {kind: rate.median / share.get(key, 1) for kind, rate in by_kind.items()}
            for key, by_kind in rates.items()
        },
    }
    comment = [
        f"Measured by `python paper_repro.py {' '.join(sys.argv[1:])}`: per second of one device, medians.",
        *(["The generator was a Stable Diffusion 1.5 of random weights."] if options.random_weights else []),
        *([f"Iterations are those of {options.ranks} processes, each on its share."] if options.ranks > 1 else []),
    ]
    tables = {"throughput": table, "settings": speeds.speed_settings(run)}
    write_bytes(path, speeds.text(comment, tables).encode())


def file_path(run: Run, name: str, out: Path) -> Path:
    """Return the path of the file for the run's world and learner on the device `name`."""
    slug = "cpu" if name == speeds.CORE else "-".join(name.lower().split())
    return out / "throughput" / f"{run.world.name}-{run.learner.kind}-{slug}.toml"
