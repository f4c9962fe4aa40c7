"""How fast a device does what a run is made of, measured through the run's own code: sampler, pool, learner."""

from __future__ import annotations

import dataclasses
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
from empirical.system.errors import InputError, require
from empirical.worlds.world import World

REPEATS = 3  # at least
EVALUATED = 2048  # images, at most, of a timed evaluation
LARGEST_BATCH = 4096
Work = Callable[[], object]
# Dense bfloat16 TFLOP/s of the makers' datasheets, by what torch calls the device; the first name that fits.
DATASHEET = {"B200": 2250, "H200": 989, "H100 PCIe": 756, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "A10": 125}


@dataclass(frozen=True)
class Rate:
    """Something per second: the median of the repeats, the slowest and the fastest; and 10^9 operations of each."""

    median: float
    low: float
    high: float
    repeats: int
    gflop: float = 0.0

    @property
    def tflop_per_s(self) -> float:
        """Operations in use."""
        return self.median * self.gflop / 1e3


def clock(device: torch.device) -> Callable[[], float]:
    """Seconds: on the clock when all of a GPU's work is done; of this process on a CPU, which others may use too."""
    if device.type != "cuda":
        return time.process_time

    def now() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


def rates(works: Mapping[str, Work], units: float, seconds: float, now: Callable[[], float]) -> dict[str, Rate]:
    """How many units a second each work makes, each time `units` of them: after a warm-up, `seconds` each at least.

    They take turns, so that whatever else the machine does changes their ratios little.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    while min(map(len, times.values())) < REPEATS or sum(map(sum, times.values())) < seconds * len(works):
        for name, work in works.items():
            start = now()
            work()
            times[name].append(max(now() - start, 1e-9))
    return {
        name: Rate(units / statistics.median(taken), units / max(taken), units / min(taken), len(taken))
        for name, taken in times.items()
    }


def rate(work: Work, units: float, seconds: float, now: Callable[[], float]) -> Rate:
    """The same of one work."""
    return rates({"": work}, units, seconds, now)[""]


def modes(run: Run, world: World, *, every: bool) -> list[Acquire]:
    """The kinds of guidance to measure, plain sampling first, each guided at every step: the recipe's, or all."""
    own, omega = run.acquire, run.acquire.omega or 0.05
    wanted = [
        Acquire(),
        dataclasses.replace(own.effective(), every=1, interval=(0.0, 1.0), ratio=1, reject=0.0, retire=0.0),
    ]
    if every:
        wanted.append(Acquire(omega=omega, direction="random"))
        decodes = [decode for decode in DECODE if decode in world.decodes]
        wanted += [
            Acquire(omega=omega, through=through, decode=decode, checkpointed=own.checkpointed)
            for through in THROUGH
            for decode in decodes
        ]
    return list({acquire.mode: acquire for acquire in wanted}.values())


def image_rates(
    run: Run, world: World, learner: Learner, kinds: list[Acquire], images: int, seconds: float
) -> dict[str, Rate]:
    """Images a second by kind of guidance, in whole sampling batches, encoded for the pool."""
    device, batch = str(learner.device), run.sampling.batch
    sampler, count = Sampler(world, run.sampling, device), batch * max(1, math.ceil(images / batch))
    guides = [make_guide(learner.logits, acquire, world.preview(acquire.decode, device)) for acquire in kinds]
    works = {guide.mode: partial(_round, sampler, learner, run.seed, count, guide) for guide in guides}
    found = rates(works, count, seconds, clock(learner.device))
    return {
        guide.mode: dataclasses.replace(found[guide.mode], gflop=sampler.gflop_per_image(guide)) for guide in guides
    }


@torch.no_grad()
def _round(sampler: Sampler, learner: Learner, seed: int, count: int, guide: Guide) -> Rows:
    """Samples as they go into a pool."""
    samples, _ = sampler.draw(seed, 0, count, guide)
    return Rows.of(samples, entropy(learner.logits(samples.images.to(learner.device))).cpu())


def pool_of(run: Run, world: World, learner: Learner, folder: Path) -> Pool:
    """A pool as large as the run's is on average, or just too large for memory: one sampling batch, again and again."""
    typical = run.growth.initial + run.growth.additions * run.growth.addition // 2
    enough = MEMORY // (4 * math.prod(world.shape)) + 1
    count, size = min(typical, enough), run.sampling.batch
    pool = Pool(folder / "pool", world.shape, 0, str(learner.device))
    sampler, writer = Sampler(world, run.sampling, str(learner.device)), pool.writer(0.0, 0)
    rows = _round(sampler, learner, run.seed, size, Unguided())
    for first in range(0, count, size):
        part = rows.take(torch.arange(min(size, count - first)))
        writer.add(part._replace(indices=part.indices + first), Cost())
    writer.flush()
    pool.commit(0.0, 0, Cost(images=count), torch.empty(0, dtype=torch.long))
    pool.append()
    return pool


def iteration_rate(learner: Learner, pool: Pool, iterations: int, seconds: float) -> Rate:
    """Iterations a second, `iterations` of them at a time (as between two evaluations), with the reading of batches."""
    with FlopCounterMode(display=False) as counter:
        learner.fit(pool, 0, 1)
    measured = rate(lambda: learner.fit(pool, 0, iterations), iterations, seconds, clock(learner.device))
    return dataclasses.replace(measured, gflop=counter.get_total_flops() / 1e9)


def evaluation_rate(run: Run, world: World, learner: Learner, seconds: float) -> Rate:
    """Evaluations a second on all the world's validation images, of which some are looked at."""
    split = world.validation_split(run.seed)
    total = len(split.labels)
    require(total > 0, f"world ({run.world.name}): validation split", total, "at least one image")
    some = Part(split, torch.arange(0, total, math.ceil(total / EVALUATED)))
    return rate(lambda: accuracy(learner, some), len(some.labels) / total, seconds, clock(learner.device))


def largest_batch(fits: Callable[[int], object]) -> int:
    """The largest power of two, up to 4,096, at which `fits` does not raise for want of memory; 0 if 1 does."""
    batch = 1
    while batch <= LARGEST_BATCH:
        try:
            fits(batch)
        except InputError:
            break
        batch *= 2
    return batch // 2


def sampling_fits(run: Run, world: World, learner: Learner, acquire: Acquire) -> Callable[[int], None]:
    """Draw one batch of a given size in two steps; InputError where the memory is too small."""
    device = str(learner.device)
    preview = world.preview(acquire.decode, device)

    def draw(batch: int) -> None:
        torch.cuda.empty_cache()
        settings = dataclasses.replace(run.sampling, batch=batch, steps=2)
        Sampler(world, settings, device).draw(run.seed, 0, batch, make_guide(learner.logits, acquire, preview))

    return draw


def matmul_tflop_per_s(device: torch.device, seconds: float) -> float:
    """What a large product of matrices reaches on the device: bfloat16 on a GPU, float32 on a CPU."""
    size, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (1024, torch.float32)
    a, b = (torch.ones(size, size, device=device, dtype=dtype) for _ in range(2))

    def work() -> Tensor:
        return a @ b

    return rate(work, 2 * size**3 / 1e12, seconds, clock(device)).high


def datasheet_tflop_per_s(name: str) -> float | None:
    """The maker's dense bfloat16 peak of a device of that name, where it is known here.

    >>> datasheet_tflop_per_s("NVIDIA A100-SXM4-80GB"), datasheet_tflop_per_s("NVIDIA H100 PCIe")
    (312.0, 756.0)
    """
    words = set(name.replace("-", " ").split())
    return next((float(peak) for card, peak in DATASHEET.items() if words.issuperset(card.split())), None)
