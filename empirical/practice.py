"""Algorithm 1: deliberate practice. Its variants, baselines and controls are the same loop.

static                      growth.additions = 0
deliberate practice         acquire.omega > 0
dynamic, omega = 0          acquire.omega = 0
random-direction control    acquire.direction = "random"
oversample-then-prune       acquire.ratio > 1
swaps in a fixed pool       acquire.retire > 0, growth.addition = retire * growth.initial
outlier filter              acquire.reject > 0
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from empirical.config import Run
from empirical.diffusion.cost import Cost
from empirical.diffusion.guidance import Guide, Unguided, make_guide
from empirical.diffusion.sampler import Samples, Source
from empirical.learning.entropy import entropy
from empirical.learning.learner import Learner
from empirical.loop.patience import Plateau, due
from empirical.loop.selection import largest
from empirical.pool.parquet import Rows
from empirical.pool.pool import Pool
from empirical.pool.writer import Writer, covered
from empirical.settings.sections import Acquire
from empirical.system.ranks import ALONE, Ranks

BATCH = 1024  # images that the learner looks at together, where there are many


@dataclass
class Progress:
    """Where a run stands: with the learner's state and the pool, all that the rest of the run depends on."""

    step: int = 0
    additions: int = 0
    plateau: Plateau = field(default_factory=Plateau)


@dataclass(frozen=True)
class Event:
    """`kind` is "started", "due" (data are called for and will be added), "added" or "evaluated"."""

    kind: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """What a run works with."""

    source: Source
    watch: Callable[[Learner], dict[str, float]]  # {"accuracy_validation": ..., "signal": ...}
    judge: Callable[[Samples], Tensor] | None = None  # samples' label probabilities, where acquire.reject > 0
    ranks: Ranks = ALONE


def practice(run: Run, learner: Learner, pool: Pool, around: Surroundings, progress: Progress) -> Iterator[Event]:
    """Train `learner` on a pool that grows when a signal plateaus; yields after each change, so a caller can save.

    Parameters follow the paper: N = growth.initial, P = growth.addition, tau = growth.evaluate_every and
    T_max = patience(growth, len(pool)). Started from a saved `progress`, learner and pool, it goes on as if it had
    never stopped.
    """
    growth, training = run.growth, run.training
    if not pool.rounds:
        add(run, learner, pool, around, progress.step, growth.initial, Unguided())  # line 1: N samples, no guidance
        yield Event("started", {"pool": len(pool)})
    while True:
        if progress.additions < growth.additions and due(growth, training, progress.step, progress.plateau, len(pool)):
            yield Event("due", {"addition": progress.additions + 1})
            guide = make_guide(learner.logits, run.acquire, run.world.preview(run.acquire.decode, str(learner.device)))
            add(run, learner, pool, around, progress.step, growth.addition, guide)
            progress.additions += 1
            progress.plateau = progress.plateau.reset()
            yield Event("added", {"step": progress.step, "pool": len(pool), **pool.summary()[-1]})
        if progress.step >= training.iterations:
            return
        stop = min(progress.step + growth.evaluate_every, training.iterations)
        loss = learner.fit(pool, progress.step, stop)
        scores = around.watch(learner)
        progress.step = stop
        progress.plateau = progress.plateau.after(scores["signal"])
        yield Event("evaluated", {"step": stop, "pool": len(pool), "loss": loss, **scores})


def add(run: Run, learner: Learner, pool: Pool, around: Surroundings, step: int, count: int, guide: Guide) -> None:
    """Append a round of `count` samples made under `guide`, and retire what it takes the place of.

    An interrupted round goes on where it stopped; a complete one is only taken into use.
    """
    ranks, omega = around.ranks, 0.0 if guide.kind == "plain" else run.acquire.omega
    if not pool.committed():
        wanted = candidates(run.acquire, count) if pool.rounds else count
        make = _make if wanted == count else _choose
        cost = make(run, learner, pool, around, pool.writer(omega, step), count, guide)
        cost = Cost(**{name: type(value)(ranks.total(value)) for name, value in vars(cost).items()})
        retired = doomed(run.acquire, learner, pool) if pool.rounds else torch.empty(0, dtype=torch.long)
        if ranks.first:
            pool.commit(omega, step, cost, retired)
        ranks.barrier()
    pool.append()


def candidates(acquire: Acquire, count: int) -> int:
    """Samples made for an addition of `count`: the others are pruned, or rejected."""
    return math.ceil(round(acquire.ratio * count / (1 - acquire.reject), 6))


def _drawn(
    run: Run, learner: Learner, around: Surroundings, first: int, count: int, guide: Guide, skip: set[int], cost: Cost
) -> Iterator[tuple[Rows, Samples, Cost]]:
    """This process's share of `count` samples of the run's sequence from `first` on, in sampling batches."""
    batch = run.sampling.batch
    chunks = [low for low in range(first, first + count, batch) if low not in skip]
    for number in around.ranks.mine(len(chunks)):
        low = chunks[number]
        samples, spent = around.source.draw(run.seed, low, min(batch, first + count - low), guide)
        cost.add(spent)
        with torch.no_grad():
            yield Rows.of(samples, entropy(learner.logits(samples.images.to(learner.device))).cpu()), samples, spent


def _make(
    run: Run, learner: Learner, pool: Pool, around: Surroundings, writer: Writer, count: int, guide: Guide
) -> Cost:
    """Write `count` samples as they come; those that an interrupted attempt has written already are left alone."""
    cost, begun = Cost(), pool.begun()
    around.ranks.barrier()  # before anyone writes more
    for number in around.ranks.mine(len(begun)):
        cost.add(begun[number].cost)
    for rows, _, spent in _drawn(run, learner, around, pool.generated, count, guide, covered(begun), cost):
        writer.add(rows, spent)
    writer.flush()
    return cost


def _choose(
    run: Run, learner: Learner, pool: Pool, around: Surroundings, writer: Writer, count: int, guide: Guide
) -> Cost:
    """Write the best `count` of the candidates: the most uncertain, or those whose labels the judge believes most."""
    if around.ranks.first:
        for shard in pool.begun():  # of an interrupted attempt: a selection is made whole
            shard.path.unlink()
    around.ranks.barrier()
    cost, judge, wanted = Cost(), around.judge, candidates(run.acquire, count)
    drawn = _drawn(run, learner, around, pool.generated, wanted, guide, set(), cost)
    rows = largest(
        ((rows, judge(samples) if judge else rows.entropy) for rows, samples, _ in drawn), count, around.ranks
    )
    if rows is not None:
        writer.add(rows, Cost())
        writer.flush()
    return cost


@torch.no_grad()
def doomed(acquire: Acquire, learner: Learner, pool: Pool) -> Tensor:
    """Rows in use that an addition retires: the share `acquire.retire` about which the learner is most certain."""
    count = round(acquire.retire * len(pool))
    if count == len(pool):
        return pool.active
    if count == 0:
        return pool.active[:0]
    places = torch.arange(len(pool)).split(BATCH)
    uncertainty = torch.cat([entropy(learner.logits(pool.in_use(p).images.to(learner.device))).cpu() for p in places])
    return pool.active[torch.sort(uncertainty, stable=True).indices[:count]].sort().values
