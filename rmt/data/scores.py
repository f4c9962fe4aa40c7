"""Compute how scores w'x move as the targets of training rows change: by noise, or as rows are resampled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rmt._check import Array
from rmt.data.equivalent import Equivalent, whiten
from rmt.data.residuals import Residuals


class Points(NamedTuple):
    """Rows whose error is predicted: whitened z (T, d), labels 0 ... K-1 (T,), and mean scores (T, K).

    `own` is a h of each row where the points are the training rows, each left out in turn, and None for other rows.
    """

    z: Array
    labels: np.ndarray
    scores: Array
    own: Array | None = None

    def shifts(self, move: Array, force: Array) -> Array:
        """Return the change (T, K, B) of the scores as w moves by `move` (d, K, B) under `force` (M, K, B)."""
        d, K, B = move.shape
        change = (self.z @ move.reshape(d, K * B)).reshape(-1, K, B)
        if self.own is None:
            return change
        own = self.own[:, None, None]
        return (change - own * force) / (1 - own)

    def block(self, rows: slice) -> Points:
        """Return some of the points."""
        return Points(self.z[rows], self.labels[rows], self.scores[rows], None if self.own is None else self.own[rows])


def left_out(equivalent: Equivalent, residuals: Residuals, Y: Array, labels: np.ndarray) -> Points:
    """Return the training rows, each left out in turn."""
    return Points(equivalent.z, labels, Y - residuals.r, equivalent.a * equivalent.h)


def unseen(equivalent: Equivalent, residuals: Residuals, X: Array, labels: np.ndarray) -> Points:
    """Return rows X that are not trained on."""
    z = whiten(equivalent.L, X)
    return Points(z, labels, z @ residuals.w)


def move(equivalent: Equivalent, force: Array, at: slice = slice(None)) -> Array:
    """Return the change (d, K, B) of w, whitened, as the targets of the rows `at` change by `force` (rows, K, B)."""
    rows, K, B = force.shape
    weighted = (equivalent.a[at, None, None] * force).reshape(rows, K * B)
    change: Array = (equivalent.z[at].T @ weighted / len(equivalent.z)).reshape(-1, K, B)
    return change


def noise(equivalent: Equivalent, residuals: Residuals, c: float, count: int, rng: np.random.Generator) -> Array:
    """Draw forces (M, K, count) under which w has the mean 0 and the covariances, between classes too, of its noise.

    A row has the force sqrt(c M) (g r + s), where g ~ N(0, 1), and s is a draw of the noise of its own left-out score,
    with a random sign that makes rows independent. That draw is made by forces along r whose mean square is |r|^2 + v,
    so that E|s|^2 = v.
    """
    M = len(residuals.r)
    r = np.sqrt(c * M) * residuals.r[:, :, None]
    size = np.sqrt(1 + residuals.v / np.maximum(np.sum(residuals.r**2, axis=1), np.finfo(float).tiny))
    force = r * (size[:, None] * rng.standard_normal((M, count)))[:, None]
    rows = Points(equivalent.z, np.empty(0), residuals.r, equivalent.a * equivalent.h)
    s = rows.shifts(move(equivalent, force), force)
    sign = rng.choice([-1.0, 1.0], (M, 1, count))
    return r * rng.standard_normal((M, 1, count)) + np.sqrt(c * M) * sign * s
