"""Measuring on this machine what a recipe needs, for the estimates of --dry-run."""

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
from cli.options import ThroughputOptions, settings
from cli.terminal import console, progress_line
from empirical.config import Run, from_dict, to_dict
from empirical.runs.manifest import now
from empirical.scale import throughput
from empirical.scale.throughput import Rate
from empirical.settings.recipes import read
from empirical.settings.values import merged
from empirical.system.devices import prepare
from empirical.system.errors import require, require_positive


def main(options: ThroughputOptions) -> int:
    """Measure, show, and leave the file that estimates are made from."""
    require_positive("throughput", seconds=options.seconds, ranks=options.ranks)
    asked = from_dict(merged(read(options.recipe, options.line).run, settings(options.set)))
    run, batch = asked, asked.training.batch
    require(batch % (2 * options.ranks) == 0 or options.ranks == 1, "--ranks", options.ranks,
            f"numbers whose double divides training.batch = {batch}")  # fmt: skip
    if options.random_weights:
        from empirical.worlds.random_imagenet import without_weights

        run = dataclasses.replace(asked, world=without_weights(asked.world))
    prepare(options.device)
    shared = dataclasses.replace(run, training=dataclasses.replace(run.training, batch=batch // options.ranks))
    name, found = device_name(options.device), dict[str, dict[str, Rate]]()
    with progress_line("measurements") as report:
        total = len(throughput.modes(shared, every=options.modes)) + (1 if options.random_weights else 2)
        for done, (key, kind, rate) in enumerate(measurements(shared, options), 1):
            report(done, total, f"{key}: {kind}")
            found.setdefault(key, {})[kind] = rate
    tell(found, name, throughput.matmul_tflop_per_s(torch.device(options.device), min(options.seconds, 2.0)))
    if torch.device(options.device).type == "cuda":
        tell_batches(shared, options)
    path = write(asked, found, name, options)
    console.print(str(path), markup=False)
    return 0


def measurements(run: Run, options: ThroughputOptions) -> Iterator[tuple[str, str, Rate]]:
    """(what, of which kind, how fast), each as it is known; `run` trains on the share of one process."""
    learner, kind = run.world.learner(run, options.device), run.learner.kind
    if not options.random_weights:  # first: the data may not be there
        yield "evaluations", kind, throughput.evaluation_rate(run, learner, options.seconds)
    kinds = throughput.modes(run, every=options.modes)
    for guidance, rate in throughput.image_rates(run, learner, kinds, options.images, options.seconds).items():
        yield "images", guidance, rate
    with tempfile.TemporaryDirectory() as scratch:
        pool = throughput.pool_of(run, learner, Path(scratch))
        yield "iterations", kind, throughput.iteration_rate(learner, pool, run.growth.evaluate_every, options.seconds)


def tell(found: Mapping[str, Mapping[str, Rate]], name: str, reached: float) -> None:
    """Speeds with their spread, and what share of the device's arithmetic they use."""
    sheet = throughput.datasheet_tflop_per_s(name)
    lines = Table("", "per second", "repeats", "TFLOP/s", "of a matrix product's", "of the datasheet's")
    for key, rates in found.items():
        for kind, rate in rates.items():
            used = rate.tflop_per_s
            shares = [f"{used:.3g}", f"{used / reached:.0%}", f"{used / sheet:.0%}" if sheet else ""]
            spread = f"{rate.median:.4g} ({rate.low:.4g} to {rate.high:.4g})"
            lines.add_row(f"{key}: {kind}", spread, str(rate.repeats), *(shares if rate.gflop else []))
    console.print(lines)
    said = f"{name}: {reached:.3g} TFLOP/s in a large product of matrices"
    console.print(said + (f", {sheet:,.0f} by its datasheet" if sheet else ""), markup=False)


def tell_batches(run: Run, options: ThroughputOptions) -> None:
    """The largest sampling batches that fit."""
    learner = run.world.learner(run, options.device)
    for acquire in throughput.modes(run, every=options.modes):
        largest = throughput.largest_batch(throughput.sampling_fits(run, learner, acquire))
        console.print(f"largest sampling.batch, {acquire.kind}: {largest:,}", markup=False)


def device_name(device: str) -> str:
    """What the device is called: the GPU's name, or one core of a processor."""
    kind = torch.device(device)
    return torch.cuda.get_device_name(kind) if kind.type == "cuda" else speeds.CORE


def write(run: Run, found: Mapping[str, Mapping[str, Rate]], name: str, options: ThroughputOptions) -> Path:
    """The file: speeds of one device, and the settings that they hold for. A mini-batch takes all ranks' time."""
    share = {"iterations": options.ranks}
    table: dict[str, Any] = {
        "device": name,
        "machine": f"{platform.node()}, {platform.machine()}",
        "date": now(),
        **{
            key: {kind: rate.median / share.get(key, 1) for kind, rate in rates.items()} for key, rates in found.items()
        },
    }
    comment = [
        f"Measured by `python paper_repro.py {' '.join(sys.argv[1:])}`: per second of one device, medians.",
        *(["The generator was a Stable Diffusion 1.5 of random weights."] if options.random_weights else []),
        *([f"Iterations are those of {options.ranks} processes, each on its share."] if options.ranks > 1 else []),
    ]
    slug = "cpu" if name == speeds.CORE else "-".join(name.lower().split())
    path = options.out / "throughput" / f"{run.world.name}-{run.learner.kind}-{slug}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(speeds.text(comment, {"throughput": table, "settings": speeds.settings(to_dict(run))}))
    return path
