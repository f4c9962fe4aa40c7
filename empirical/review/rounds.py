"""Check the rounds of a run's pool against its configuration and its metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from empirical.config import Run, world_of
from empirical.diffusion.guidance import When
from empirical.diffusion.sampler import image_seed
from empirical.loop.budget import expected
from empirical.loop.patience import Plateau, due
from empirical.pool.pool import Pool
from empirical.pool.rounds import Round
from empirical.review.checks import MismatchError, agree


def check_seeds(run: Run, pool: Pool) -> str:
    """Derive each row's label and seed from its index in the run's sequence of images; no index may occur twice."""
    first, rows = 0, 0
    for round_ in pool.rounds:
        where = f"round {round_.number}"
        indices = round_.indices.tolist()
        if indices != sorted(set(indices)) or indices[0] < first or indices[-1] >= first + round_.cost.images:
            raise MismatchError(
                f"{where}: indices of images repeated, or outside {first} to {first + round_.cost.images - 1}"
            )
        classes = world_of(run).classes
        for index, label, seed in zip(indices, round_.labels.tolist(), round_.seeds.tolist(), strict=True):
            agree(f"{where}, image {index}: label", label, index % classes)
            agree(f"{where}, image {index}: seed", seed, image_seed(run.seed, label, index // classes))
        highest = math.log(classes) + 1e-4
        if not bool(((round_.entropy >= 0) & (round_.entropy <= highest)).all()):
            raise MismatchError(f"{where}: entropies outside 0 to log {classes}")
        first += round_.cost.images
        rows += len(round_)
    return f"labels and seeds of all {rows:,} rows follow from run seed {run.seed} and index"


def check_growth(run: Run, pool: Pool) -> str:
    """Compare sizes, guidance strengths, retired rows and costs of the rounds with the configuration."""
    growth, acquire, active = run.growth, run.acquire, 0
    sizes: list[int] = []
    for round_ in pool.rounds:
        later, where = round_.number > 0, f"round {round_.number}"
        size = growth.addition if later else growth.initial
        agree(f"{where}: rows", len(round_), size)
        agree(f"{where}: images", round_.cost.images, acquire.candidates(size) if later else size)
        agree(f"{where}: omega", round_.omega, acquire.of(round_.number).omega if later else 0.0)
        if growth.memory:
            agree(f"{where}: retired rows", round_.retired.tolist(), _forgotten(growth.memory, sizes))
        else:
            agree(f"{where}: retired rows", len(round_.retired), round(acquire.retire * active))
        sizes.append(size)
        _check_cost(run, round_, gflop_per_image(pool.rounds[0]))
        active += size - len(round_.retired)
    agree("rows in use", len(pool), active)
    if len(pool.rounds) > growth.additions + 1:
        raise MismatchError(f"{len(pool.rounds) - 1} additions, more than {growth.additions}")
    guided = " of guided images" if growth.additions and acquire.omega else ""
    unchecked = f"GFLOP{guided}, skipped steps and CPU seconds: signed, not checked"
    return f"{len(pool.rounds) - 1} additions, {active:,} rows in use; {unchecked}"


def _forgotten(memory: int, sizes: Sequence[int]) -> list[int]:
    """List the rows of the round that the next one pushes out of the latest `memory`; sizes: of all rounds so far."""
    number = len(sizes) - memory
    first = sum(sizes[: max(number, 0)])
    return list(range(first, first + sizes[number])) if number >= 0 else []


def _check_cost(run: Run, round_: Round, plain: float) -> None:
    """Derive the counts of a round's cost. plain: 10^9 operations of one unguided image, equal for all of a run."""
    where, cost = f"round {round_.number}: cost", round_.cost
    guided = cost.images * guided_steps(run) if round_.number else 0
    agree(f"{where}.denoiser_calls", cost.denoiser_calls, cost.images * expected(run).calls_per_image)
    agree(f"{where}.guided_steps", cost.guided_steps, guided)
    agree(f"{where}.learner_steps", cost.learner_steps, 0)
    if not 0 <= cost.skipped_steps <= guided:
        raise MismatchError(f"{where}.skipped_steps: {cost.skipped_steps} of {guided} guided steps")
    if not guided and not math.isclose(gflop_per_image(round_), plain, rel_tol=1e-9):
        raise MismatchError(f"{where}.sampling_gflop: {gflop_per_image(round_)} an image, not {plain} as in round 0")


def guided_steps(run: Run) -> int:
    """Count the guided denoising steps of one image of an addition."""
    scheduler = world_of(run).scheduler()
    scheduler.set_timesteps(run.sampling.steps)
    return len(When(run.acquire.every, run.acquire.interval).steps(scheduler)) if run.acquire.omega else 0


def gflop_per_image(round_: Round) -> float:
    """Return the stored arithmetic of sampling one image of a round, in 10^9 operations."""
    return round_.cost.sampling_gflop / round_.cost.images


def check_events(run: Run, pool: Pool, events: Sequence[dict[str, Any]], rounds: int) -> str:
    """Compare the first `rounds` rounds, which the last checkpoint counts, with the events of the metrics."""
    lines, size = pool.summary()[:rounds], run.growth.initial
    started, added = ([event for event in events if event["event"] == kind] for kind in ("started", "added"))
    agree("rounds", len(lines), rounds)
    agree("metrics.jsonl: started", started, [{"event": "started", "pool": size}])
    agree("round 0: step", lines[0]["step"], 0)
    agree("metrics.jsonl: additions", len(added), rounds - 1)
    for line, event in zip(lines[1:], added, strict=True):
        size += line["added"] - line["retired"]
        agree(f"round {line['round']}", {"event": "added", "pool": size, **line}, event)
    _check_patience(run, events)
    return f"{rounds} rounds, as in the metrics; their steps follow from the watched signal"


def _check_patience(run: Run, events: Sequence[dict[str, Any]]) -> None:
    """Repeat the decisions of `practice` on the recorded signal: data are added where it has stopped improving."""
    plateau, step, additions, size, asked = Plateau(), 0, 0, run.growth.initial, True
    for event in events[1:]:
        wanted = asked and additions < run.growth.additions and due(run.growth, run.training, step, plateau, size)
        if wanted != (event["event"] == "added"):
            raise MismatchError(f"metrics.jsonl: data {'missing' if wanted else 'added'} at iteration {step}")
        if wanted:
            agree("metrics.jsonl: step of an addition", event["step"], step)
            plateau, additions, size, asked = plateau.reset(), additions + 1, event["pool"], False
        else:
            plateau, step, asked = plateau.after(event["signal"]), event["step"], True
