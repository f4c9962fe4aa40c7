"""Algorithm 1: deliberate practice. Static training, oversample-then-prune and the controls are the same loop.

static                      growth.additions = 0
deliberate practice         acquire.omega > 0
dynamic, omega = 0          acquire.omega = 0
random-direction control    acquire.direction = "random"
oversample-then-prune       acquire.ratio > 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from empirical.config import Run
from empirical.entropy import entropy
from empirical.guidance import Guide, Unguided, make_guide
from empirical.learner import Learner
from empirical.pool import Pool, Shard
from empirical.prune import hardest
from empirical.sampler import Cost, Samples
from empirical.schedule import Plateau, due


class Source(Protocol):
    """Where images come from: a `Sampler`, or one that remembers what it drew."""

    def draw(self, run_seed: int, first: int, count: int, guide: Guide | None = None) -> tuple[Samples, Cost]:
        """Images `first` to `first + count - 1` of the run's sequence."""
        ...


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


def practice(
    run: Run, learner: Learner, pool: Pool, source: Source, score: Callable[[Learner], float], progress: Progress
) -> Iterator[Event]:
    """Train `learner` on a pool that grows when its score plateaus; yields after each change, so a caller can save.

    Parameters follow the paper: N = growth.initial, P = growth.addition, tau = growth.evaluate_every and
    T_max = patience(growth, len(pool)). `score` is the accuracy on real validation data. Started from a saved
    `progress`, learner and pool, it goes on as if it had never stopped.
    """
    growth, training = run.growth, run.training
    if not len(pool):
        add(run, learner, pool, source, progress, growth.initial, Unguided())  # line 1: N samples without guidance
        yield Event("started", {"pool": len(pool)})
    while True:
        if progress.additions < growth.additions and due(growth, training, progress.step, progress.plateau, len(pool)):
            yield Event("due", {"addition": progress.additions + 1})
            add(run, learner, pool, source, progress, growth.addition, make_guide(learner.logits, run.acquire))
            progress.additions += 1
            progress.plateau = progress.plateau.reset()
            yield Event("added", {"step": progress.step, "pool": len(pool), **pool.summary()[-1]})
        if progress.step >= training.iterations:
            return
        stop = min(progress.step + growth.evaluate_every, training.iterations)
        loss = learner.fit(pool, progress.step, stop)
        accuracy = score(learner)
        progress.step = stop
        progress.plateau = progress.plateau.after(accuracy)
        yield Event("evaluated", {"step": stop, "pool": len(pool), "loss": loss, "accuracy_validation": accuracy})


def add(run: Run, learner: Learner, pool: Pool, source: Source, progress: Progress, count: int, guide: Guide) -> None:
    """Append `count` samples made under `guide`; an addition keeps the hardest 1/ratio of what was made."""
    shard = pool.stored()  # written by an interrupted run just before it could be recorded
    if shard is None:
        cost = Cost()
        ratio = run.acquire.ratio if pool.shards else 1

        def blocks() -> Iterator[tuple[Samples, torch.Tensor]]:
            for block in range(ratio):
                samples, spent = source.draw(run.seed, pool.generated + block * count, count, guide)
                cost.add(spent)
                with torch.no_grad():
                    yield samples, entropy(learner.logits(samples.images.to(learner.device))).cpu()

        samples, uncertainty = hardest(blocks(), count)
        shard = Shard(
            samples=samples,
            entropy=uncertainty,
            round=len(pool.shards),
            omega=0.0 if guide.kind == "plain" else run.acquire.omega,
            step=progress.step,
            replaces=bool(pool.shards) and run.acquire.replace,
            cost=cost,
        )
    pool.append(shard)
