"""Estimate the time and the disk that runs will take. Counts and disk are upper bounds, times are not.

Counts come from `empirical.loop.budget`, speeds from `cli.speeds`. Not counted: starting up, the final test,
checkpoints, waiting for other processes.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cli.speeds import CORE, Speeds
from empirical.config import Run
from empirical.loop.budget import Expected, expected, guided_share
from empirical.settings.sections import Acquire, Sampling, WorldChoice

LATER = 0.6  # measured share of its iterations that a run makes itself if an earlier run shares its beginning
ROW_BYTES = 60  # bytes of a pool row beside its image: label, seed, index, round, omega, entropy, step
EVENT_BYTES = 180  # bytes of an evaluation in metrics.jsonl and result.json


@dataclass(frozen=True)
class Footprint:
    """Bytes that a world and its learner need on disk: per image, and for all tensors of a learner's state."""

    image: float
    state: float


@dataclass
class Estimate:
    """Total work of runs: `images` and `denoiser_calls` at most, `iterations` of learners, `seconds` by device.

    `unmeasured` names the work whose speed is unknown; `seconds` does not include it.
    """

    runs: int = 0
    images: int = 0
    denoiser_calls: int = 0
    iterations: int = 0
    disk_bytes: float = 0.0
    seconds: Counter[str] = dataclasses.field(default_factory=Counter)
    unmeasured: set[str] = dataclasses.field(default_factory=set)

    def take(self, run: Run, speeds: Speeds, key: str, kind: str, count: float) -> None:
        """Add the time of `count` images, iterations or evaluations of a kind."""
        table = speeds.of(run)
        per_second = table.get(key, {}).get(kind)
        if per_second:
            self.seconds[table.get("device", CORE)] += count / per_second
        elif count:
            self.unmeasured.add(f"{key} ({run.world.name}, {kind})")


def estimate(
    runs: Sequence[Run],
    speeds: Speeds,
    footprint: Mapping[str, Footprint] | None = None,
    replayed: Sequence[Run] = (),
) -> Estimate:
    """Add up the work of distinct runs; runs that begin alike share their beginning, runs of a seed their plain images.

    footprint: by world and learner, as "world/learner"; without it no disk is estimated.
    replayed: runs that are trained once more to be examined.
    """
    distinct = list(dict.fromkeys(run.effective() for run in runs))
    alike: dict[Run, int] = defaultdict(int)
    plain: dict[tuple[WorldChoice, Sampling, int], tuple[Run, dict[str, int]]] = {}
    total = Estimate(runs=len(distinct))
    for run in distinct:
        counts, beginning = expected(run), _beginning(run)
        alike[beginning] += 1
        _train(total, run, speeds, 1.0 if alike[beginning] == 1 else LATER)
        if run.acquire.reject:
            _train(total, run, speeds, watched=False)
        drawn = plain.setdefault((run.world, run.sampling, run.seed), (run, {}))[1]
        for sequence, count in counts.plain.items():
            drawn[sequence] = max(drawn.get(sequence, 0), count)
        total.images += counts.guided
        total.denoiser_calls += counts.guided * counts.calls_per_image
        share = guided_share(run.sampling.steps, run.acquire.every, run.acquire.interval)
        total.take(run, speeds, "images", run.acquire.mode, counts.guided * share)
        total.take(run, speeds, "images", "plain", counts.guided * (1 - share))
        if footprint:
            total.disk_bytes += _disk(run, counts, footprint[f"{run.world.name}/{run.learner.kind}"])
    for run, drawn in plain.values():
        count = sum(drawn.values())
        total.images += count
        total.denoiser_calls += count * expected(run).calls_per_image
        total.take(run, speeds, "images", "plain", count)
        if footprint:
            foot = footprint[f"{run.world.name}/{run.learner.kind}"]
            total.disk_bytes += count * (foot.image + ROW_BYTES)
    for run in replayed:
        _train(total, run, speeds, watched=False)
    return total


def _train(total: Estimate, run: Run, speeds: Speeds, share: float = 1.0, *, watched: bool = True) -> None:
    """Add a share of the time of a training; evaluations count only where they were measured, since most are cheap."""
    iterations, learner = run.training.iterations, run.learner.kind
    total.iterations += iterations
    total.take(run, speeds, "iterations", learner, iterations * share)
    if watched and learner in speeds.of(run).get("evaluations", {}):
        total.take(run, speeds, "evaluations", learner, iterations / run.growth.evaluate_every * share)


def _disk(run: Run, counts: Expected, foot: Footprint) -> float:
    """Estimate the bytes of a run's folder: pool, checkpoints, guiding learners, records."""
    guides = run.growth.additions if run.acquire.steered else 0
    records = run.training.iterations / run.growth.evaluate_every * EVENT_BYTES
    return counts.rows * (foot.image + ROW_BYTES) + (2 + guides / 4) * foot.state + records


def _beginning(run: Run) -> Run:
    """Return the same run without its additions: equal for runs that share their first state."""
    growth = dataclasses.replace(run.growth, additions=0, addition=0).effective()
    return dataclasses.replace(run, growth=growth, acquire=Acquire())


def duration(seconds: float) -> str:
    """Write a duration in seconds, minutes or hours.

    >>> duration(8), duration(400), duration(30000)
    ('8 s', '6.7 min', '8.3 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def size(count: float) -> str:
    """Write a number of bytes in MB or GB.

    >>> size(2.5e6), size(3e9)
    ('2.5 MB', '3.0 GB')
    """
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
