"""Turn mean scores and their noise into error rates: in closed form for two classes, by draws of the noise for more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from rmt._check import Array
from rmt.data.equivalent import Equivalent, blocks
from rmt.data.residuals import Residuals, quadratic
from rmt.data.scores import Points, move, noise

BATCHES, DRAWS = 12, 8  # draws of the noise, each of which counts with both signs
BLOCK = 256  # points at a time
Chance = Callable[[slice, Array], Array]  # (which points, their scores (T, K, B)) -> chances of an error (T, B)


class Errors(NamedTuple):
    """An error rate, its standard error over draws of the noise, and its values (B,) as rows are resampled."""

    error: float
    stderr: float
    resampled: Array


def expected(
    equivalent: Equivalent,
    residuals: Residuals,
    c: float,
    parts: Sequence[Points],
    rows: Array,
    weights: Sequence[Array],
    rng: np.random.Generator,
) -> Errors:
    """Average the chance of an error over points and over draws of the training set; c is 1/n - 1/M.

    parts: the training rows, left out, and/or other points. rows: how often each training row is in each resample,
    (M, B); w follows to first order in these weights. weights: the same for the points of each part, (T, B).
    """
    if residuals.r.shape[1] == 1:
        chances = [_gaussian(points, residuals) for points in parts]
        means = [
            chance(slice(None), points.scores[:, :, None])[:, 0] for chance, points in zip(chances, parts, strict=True)
        ]
        stderr = 0.0
    else:
        means, stderr, chances = _drawn(equivalent, residuals, c, parts, rng)

    def force(at: slice) -> Array:
        return residuals.r[at, :, None] * (rows[at, None] - 1)

    moved, wrong = np.zeros((*residuals.w.shape, rows.shape[1])), np.zeros(rows.shape[1])
    for at in blocks(len(rows), BLOCK):
        moved += move(equivalent, force(at), at)
    for points, mean, weight, chance in zip(parts, means, weights, chances, strict=True):
        for at in blocks(len(points.z), BLOCK):
            scores = points.scores[at, :, None]
            shifts = points.block(at).shifts(moved, force(at))
            change = chance(at, scores + shifts) - chance(at, scores)
            wrong += np.einsum("tb,tb->b", weight[at], mean[at, None] + change)
    resampled = wrong / sum(weight.sum(axis=0) for weight in weights)
    return Errors(float(np.concatenate(means).mean()), stderr, resampled)


def _gaussian(points: Points, residuals: Residuals) -> Chance:
    """Return the chance Phi(-y s/sqrt(x'Omega x)) that a Gaussian score of mean s has another sign than y = +-1."""
    variance = residuals.v if points.own is not None else quadratic(points.z, residuals.Omega)
    slope = (1 - 2 * points.labels) / np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    return lambda at, scores: ndtr(slope[at, None] * scores[:, 0])


def _drawn(
    equivalent: Equivalent, residuals: Residuals, c: float, parts: Sequence[Points], rng: np.random.Generator
) -> tuple[list[Array], float, list[Chance]]:
    """Estimate chances of errors by draws: means over all draws, their standard error, chances over the first batch."""
    means, by_draw, chances = [np.zeros(len(points.z)) for points in parts], [], []
    batches, count = (BATCHES, DRAWS) if c > 0 else (1, 1)
    for batch in range(batches):
        force = noise(equivalent, residuals, c, count, rng)
        moved, wrong = move(equivalent, force), np.zeros(count)
        for points, mean in zip(parts, means, strict=True):
            shifts = points.shifts(moved, force)
            base = points.scores[:, :, None]
            pairs = (_wrong(base + shifts, points.labels) + _wrong(base - shifts, points.labels)) / 2
            mean += pairs.mean(axis=1) / batches
            wrong += pairs.sum(axis=0)
            if batch == 0:
                chances.append(_average(np.concatenate([shifts, -shifts], axis=2), points.labels))
        by_draw.append(wrong / sum(map(len, means)))
    every = np.concatenate(by_draw)
    return means, float(every.std(ddof=1) / np.sqrt(len(every))) if c > 0 else 0.0, chances


def _average(shifts: Array, labels: np.ndarray) -> Chance:
    """Return the chance of an error of argmax over draws of the noise, whose scores are shifted by (T, K, draws)."""
    single = shifts.astype(np.float32)  # half the time; ties are no closer than its rounding

    def chance(at: slice, scores: Array) -> Array:
        given, draws = scores.astype(np.float32), single[at].transpose(2, 0, 1)[:, :, :, None]
        return np.mean([_wrong(given + shift, labels[at]) for shift in draws], axis=0)

    return chance


def _wrong(scores: NDArray[np.floating], labels: np.ndarray) -> Array:
    """Return 1 where the score of the label is not the largest, else 0, (T, B); it changes the scores (T, K, B)."""
    place = np.arange(len(labels)), labels
    own = scores[place]
    scores[place] = -np.inf
    wrong: Array = (scores.max(axis=1) >= own).astype(np.float64)
    return wrong
