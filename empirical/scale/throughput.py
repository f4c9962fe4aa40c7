"""Measure the speed of the parts of a run on a device, through the run's own code: sampler, pool, learner."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from empirical.config import Run
from empirical.data.split import Part
from empirical.diffusion.cost import Cost
from empirical.diffusion.guidance import Guide, Unguided, make_guide
from empirical.diffusion.sampler import Sampler
from empirical.learning.entropy import entropy
from empirical.learning.evaluate import accuracy
from empirical.learning.learner import Learner
from empirical.pool.parquet import Rows
from empirical.pool.pool import MEMORY, Pool
from empirical.settings.sections import DECODE, THROUGH, Acquire
from empirical.system.devices import TooLargeError
from empirical.system.errors import require
from empirical.worlds.world import World

REPEATS = 3  # repeats of a measurement, at least
EVALUATED = 2048  # images of a timed evaluation, at most
LARGEST_BATCH = 4096
Work = Callable[[], object]
# Dense bfloat16 TFLOP/s of the makers' datasheets, by torch's name of the device; the first name that fits counts.
DATASHEET = {"B200": 2250, "H200": 989, "H100 PCIe": 756, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "A10": 125}


@dataclass(frozen=True)
class Rate:
    """Units per second: median, slowest and fastest of the repeats; `gflop`: 10^9 operations of one unit."""

    median: float
    low: float
    high: float
    repeats: int
    gflop: float = 0.0

    @property
    def tflop_per_s(self) -> float:
        """10^12 operations per second at the median rate."""
        return self.median * self.gflop / 1e3


Measured = Rate | TooLargeError


def clock(device: torch.device) -> Callable[[], float]:
    """Return a function that reads seconds: wall time after a GPU's pending work; this process's CPU time on a CPU."""
    if device.type != "cuda":
        return time.process_time

    def now() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


def rates(works: Mapping[str, Work], units: float, seconds: float, now: Callable[[], float]) -> dict[str, Measured]:
    """Measure the units per second of each work, which makes `units` per call: after a warm-up, for `seconds` at least.

    The works take turns, so that other load on the machine changes their ratios little. A work that does not fit into
    memory has its error instead of a rate.
    """
    failed = {name: error for name, work in works.items() if (error := shortage(work))}
    times: dict[str, list[float]] = {name: [] for name in works if name not in failed}
    while times and (min(map(len, times.values())) < REPEATS or sum(map(sum, times.values())) < seconds * len(times)):
        for name, taken in times.items():
            start = now()
            works[name]()
            taken.append(max(now() - start, 1e-9))
    return failed | {
        name: Rate(units / statistics.median(taken), units / max(taken), units / min(taken), len(taken))
        for name, taken in times.items()
    }


def shortage(work: Work) -> TooLargeError | None:
    """Do a work; return its error, without the frames, which hold tensors, if it does not fit into memory."""
    try:
        work()
    except TooLargeError as error:
        return TooLargeError(*error.arguments)
    return None


def rate(work: Work, units: float, seconds: float, now: Callable[[], float]) -> Rate:
    """Measure the units per second of one work (see `rates`); its error is raised."""
    measured = rates({"": work}, units, seconds, now)[""]
    if isinstance(measured, TooLargeError):
        raise measured
    return measured


def modes(run: Run, world: World, *, every: bool) -> list[Acquire]:
    """List the kinds of guidance to measure, plain sampling first, then the recipe's or all; every step is guided."""
    own, omega = run.acquire, run.acquire.omega or 0.05
    kinds = [
        Acquire(),
        dataclasses.replace(own.of(1), every=1, interval=(0.0, 1.0), ratio=1, reject=0.0, retire=0.0),
    ]
    if every:
        kinds.append(Acquire(omega=omega, direction="random"))
        decodes = [decode for decode in DECODE if decode in world.decodes]
        kinds += [
            Acquire(omega=omega, through=through, decode=decode, chunk=own.chunk)
            for through in THROUGH
            for decode in decodes
        ]
    return list({acquire.mode: acquire for acquire in kinds}.values())


def image_rates(
    run: Run, world: World, learner: Learner, kinds: list[Acquire], images: int, seconds: float
) -> dict[str, Measured]:
    """Measure images per second by kind of guidance, in whole sampling batches, encoded for the pool (see `rates`)."""
    device, batch = str(learner.device), run.sampling.batch
    sampler, count = Sampler(world, run.sampling, device), batch * max(1, math.ceil(images / batch))
    guides = [make_guide(learner.logits, acquire, world.preview(acquire.decode, device)) for acquire in kinds]
    works = {guide.mode: partial(_round, sampler, learner, run.seed, count, guide) for guide in guides}
    measured = rates(works, count, seconds, clock(learner.device))
    for guide in guides:
        speed = measured[guide.mode]
        if isinstance(speed, Rate):
            measured[guide.mode] = dataclasses.replace(speed, gflop=sampler.gflop_per_image(guide))
    return measured


@torch.no_grad()
def _round(sampler: Sampler, learner: Learner, seed: int, count: int, guide: Guide) -> Rows:
    """Make the rows of a round of a pool."""
    samples, _ = sampler.draw(seed, 0, count, guide)
    return Rows.of(samples, entropy(learner.logits(samples.images.to(learner.device))).cpu())


def pool_of(run: Run, world: World, learner: Learner, folder: Path) -> Pool:
    """Make a pool of the run's average size, or just too large for memory, by repeating one sampling batch."""
    typical = run.growth.initial + run.growth.additions * run.growth.addition // 2
    enough = MEMORY // (4 * math.prod(world.shape)) + 1
    count, size = min(typical, enough), run.sampling.batch
    pool = Pool(folder / "pool", world.shape, 0, str(learner.device))
    sampler, writer = Sampler(world, run.sampling, str(learner.device)), pool.writer(0.0, 0)
    rows = _round(sampler, learner, run.seed, size, Unguided())
    for first in range(0, count, size):
        block = rows.take(torch.arange(min(size, count - first)))
        writer.add(block._replace(indices=block.indices + first), Cost())
    writer.flush()
    pool.commit(0.0, 0, Cost(images=count), torch.empty(0, dtype=torch.long))
    pool.append()
    return pool


def iteration_rate(learner: Learner, pool: Pool, iterations: int, seconds: float) -> Rate:
    """Measure training iterations per second, in blocks of `iterations` as between evaluations; batches are read.

    The blocks follow each other, as in a run, so that reading processes go on from one to the next.
    """
    with FlopCounterMode(display=False) as counter:
        learner.fit(pool, 0, 1)
    starts = itertools.count(1, iterations)

    def block() -> None:
        start = next(starts)
        learner.fit(pool, start, start + iterations)

    measured = rate(block, iterations, seconds, clock(learner.device))
    return dataclasses.replace(measured, gflop=counter.get_total_flops() / 1e9)


def evaluation_rate(run: Run, world: World, learner: Learner, seconds: float) -> Rate:
    """Measure evaluations per second on all validation images of the world, extrapolated from some of them."""
    split = world.validation_split(run.seed)
    total = len(split.labels)
    require(total > 0, f"world ({run.world.name}): validation split", total, "at least one image")
    some = Part(split, torch.arange(0, total, math.ceil(total / EVALUATED)))
    return rate(lambda: accuracy(learner, some), len(some.labels) / total, seconds, clock(learner.device))


def largest_batch(fits: Callable[[int], object]) -> int:
    """Return the largest power of two <= 4,096 at which `fits` does not raise TooLargeError, or 0."""
    batch = 1
    while batch <= LARGEST_BATCH:
        try:
            fits(batch)
        except TooLargeError:
            break
        batch *= 2
    return batch // 2


def sampling_fits(run: Run, world: World, learner: Learner, acquire: Acquire) -> Callable[[int], None]:
    """Return a function that draws one batch of a given size in two steps; TooLargeError if it does not fit."""
    device = str(learner.device)
    preview = world.preview(acquire.decode, device)

    def draw(batch: int) -> None:
        torch.cuda.empty_cache()
        settings = dataclasses.replace(run.sampling, batch=batch, steps=2)
        Sampler(world, settings, device).draw(run.seed, 0, batch, make_guide(learner.logits, acquire, preview))

    return draw


def matmul_tflop_per_s(device: torch.device, seconds: float) -> float:
    """Measure 10^12 operations per second of a large matrix product: bfloat16 on a GPU, float32 on a CPU."""
    size, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (1024, torch.float32)
    a, b = (torch.ones(size, size, device=device, dtype=dtype) for _ in range(2))

    def work() -> Tensor:
        return a @ b

    return rate(work, 2 * size**3 / 1e12, seconds, clock(device)).high


def datasheet_tflop_per_s(name: str) -> float | None:
    """Return the maker's dense bfloat16 peak of a device, 10^12 operations per second; None if `DATASHEET` lacks it.

    >>> datasheet_tflop_per_s("NVIDIA A100-SXM4-80GB"), datasheet_tflop_per_s("NVIDIA H100 PCIe")
    (312.0, 756.0)
    """
    words = set(name.replace("-", " ").split())
    return next((float(peak) for card, peak in DATASHEET.items() if words.issuperset(card.split())), None)
