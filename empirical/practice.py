"""Algorithm 1: deliberate practice. Its variants, baselines and controls are the same loop.

static                      growth.additions = 0
deliberate practice         acquire.omega > 0
dynamic, omega = 0          acquire.omega = 0
random-direction control    acquire.direction = "random"
oversample-then-prune       acquire.ratio > 1
swaps in a fixed pool       acquire.retire > 0, growth.addition = retire * growth.initial
forgetting                  growth.memory > 0
omega grows with the pool   acquire.schedule = [1.0, 2.0, ...]
last steps unguided         acquire.interval = [0.2, 1.0]
outlier filter              acquire.reject > 0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from empirical.config import Run, world_of
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
from empirical.system.finite import require_finite
from empirical.system.ranks import ALONE, Ranks

BATCH = 1024  # pool images that the learner classifies at once when rows are to be retired


@dataclass
class Progress:
    """Position of a run: with the learner's state and the pool, it decides the rest of the run."""

    step: int = 0
    additions: int = 0
    plateau: Plateau = field(default_factory=Plateau)


@dataclass(frozen=True)
class Event:
    """A change of a run: `kind` is "started", "due" (data will be added next), "added" or "evaluated"."""

    kind: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The parts that a run works with."""

    run: Run
    learner: Learner
    pool: Pool
    source: Source  # of images
    watch: Callable[[Learner], dict[str, float]]  # returns {"accuracy_validation": ..., "signal": ...}
    judge: Callable[[Samples], Tensor] | None = None  # label probabilities (n,), where acquire.reject > 0
    ranks: Ranks = ALONE

    def guide(self) -> Guide:
        """Make the guide of the next addition: it follows the learner as it is now."""
        acquire = self.run.acquire.of(len(self.pool.rounds))
        preview = world_of(self.run).preview(acquire.decode, str(self.learner.device))
        return make_guide(self.learner.logits, acquire, preview, self.run.network)


def practice(setup: Setup, progress: Progress) -> Iterator[Event]:
    """Train the learner on a pool that grows when a signal plateaus; yield after each change, so a caller can save.

    Parameters follow the paper: N = growth.initial, P = growth.addition, tau = growth.evaluate_every and
    T_max = patience(growth, len(pool)). Started from a saved `progress`, learner and pool, the loop goes on as if it
    had never stopped.
    """
    learner, pool, growth, training = setup.learner, setup.pool, setup.run.growth, setup.run.training
    if not pool.rounds:
        add(setup, progress.step, growth.initial, Unguided())  # line 1: N samples, no guidance
        yield Event("started", {"pool": len(pool)})
    while True:
        if progress.additions < growth.additions and due(growth, training, progress.step, progress.plateau, len(pool)):
            yield Event("due", {"addition": progress.additions + 1})
            add(setup, progress.step, growth.addition, setup.guide())
            progress.additions += 1
            progress.plateau = progress.plateau.reset()
            yield Event("added", {"step": progress.step, "pool": len(pool), **pool.summary()[-1]})
        if progress.step >= training.iterations:
            return
        stop = min(progress.step + growth.evaluate_every, training.iterations)
        loss = learner.fit(pool, progress.step, stop)
        require_finite(f"training: loss up to iteration {stop}", loss, "lower training.lr or acquire.omega")
        scores = setup.watch(learner)
        progress.step = stop
        progress.plateau = progress.plateau.after(scores["signal"])
        yield Event("evaluated", {"step": stop, "pool": len(pool), "loss": loss, **scores})


def add(setup: Setup, step: int, count: int, guide: Guide) -> None:
    """Append a round of `count` samples made under `guide`, and retire the rows that it replaces.

    An interrupted round is completed; a complete one on disk is only taken into use.
    """
    acquire, pool, ranks = setup.run.acquire, setup.pool, setup.ranks
    omega = 0.0 if isinstance(guide, Unguided) else acquire.of(len(pool.rounds)).omega
    if not pool.committed():
        selective = bool(pool.rounds) and acquire.candidates(count) > count
        write = _write_best if selective else _write_all
        cost = write(setup, pool.writer(omega, step), count, guide)
        cost = Cost(**{name: type(value)(ranks.total(value)) for name, value in vars(cost).items()})
        memory = setup.run.growth.memory
        retired = pool.outdated(memory) if memory else least_uncertain(acquire, setup.learner, pool)
        if ranks.first:
            pool.commit(omega, step, cost, retired)
        ranks.barrier()
    pool.append()


def _drawn(setup: Setup, count: int, guide: Guide, skip: set[int], cost: Cost) -> Iterator[tuple[Rows, Samples, Cost]]:
    """Draw this process's share of the next `count` samples of the run's sequence, in sampling batches."""
    run, learner, first, batch = setup.run, setup.learner, setup.pool.generated, setup.run.sampling.batch
    chunks = [low for low in range(first, first + count, batch) if low not in skip]
    for number in setup.ranks.mine(len(chunks)):
        low = chunks[number]
        samples, spent = setup.source.draw(run.seed, low, min(batch, first + count - low), guide)
        cost.add(spent)
        with torch.no_grad():
            uncertainty = entropy(learner.logits(samples.images.to(learner.device))).cpu()
        require_finite(f"practice: entropy of samples from {low} on", uncertainty, "lower acquire.omega or training.lr")
        yield Rows.of(samples, uncertainty), samples, spent


def _write_all(setup: Setup, writer: Writer, count: int, guide: Guide) -> Cost:
    """Write `count` samples as they are drawn; those that an interrupted attempt has written are kept."""
    cost, begun = Cost(), setup.pool.begun()
    setup.ranks.barrier()  # before anyone writes more
    for number in setup.ranks.mine(len(begun)):
        cost.add(begun[number].cost)
    for rows, _, spent in _drawn(setup, count, guide, covered(begun), cost):
        writer.add(rows, spent)
    writer.flush()
    return cost


def _write_best(setup: Setup, writer: Writer, count: int, guide: Guide) -> Cost:
    """Write the best `count` of the candidates: the most uncertain, or those whose labels the judge believes most."""
    if setup.ranks.first:
        for shard in setup.pool.begun():  # a selection is made whole: files of an interrupted attempt go
            shard.path.unlink()
    setup.ranks.barrier()
    cost, judge = Cost(), setup.judge
    drawn = _drawn(setup, setup.run.acquire.candidates(count), guide, set(), cost)
    scored = ((rows, judge(samples) if judge else rows.entropy) for rows, samples, _ in drawn)
    rows = largest(scored, count, setup.ranks)
    if rows is not None:
        writer.add(rows, Cost())
        writer.flush()
    return cost


@torch.no_grad()
def least_uncertain(acquire: Acquire, learner: Learner, pool: Pool) -> Tensor:
    """Return the numbers of the rows to retire: the share `acquire.retire` of those in use with the lowest entropy."""
    count = round(acquire.retire * len(pool))
    if count == len(pool):
        return pool.active
    if count == 0:
        return pool.active[:0]
    places = torch.arange(len(pool)).split(BATCH)
    uncertainty = torch.cat([entropy(learner.logits(pool.in_use(p).images.to(learner.device))).cpu() for p in places])
    return pool.active[torch.sort(uncertainty, stable=True).indices[:count]].sort().values
