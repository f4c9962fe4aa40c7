"""Measure what `learning_curve` predicts: draw subsets of the rows, fit ridge classifiers, count their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve

from rmt._check import Array, require, whole
from rmt.data.rows import Rows, Test, checked_grid, checked_rows, share

WHERE = "rmt.data.simulate"


@dataclass(frozen=True)
class Measured:
    """Mean test error over trials and its standard error, (len(n), len(ridge), len(keep)); samples (trials, ...)."""

    mean: Array
    stderr: Array
    samples: Array


def simulate(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n: int | Sequence[int],
    ridge: float | Sequence[float],
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    scores: ArrayLike | None = None,
    keep: float | Sequence[float] | None = None,
    trials: int = 50,
    rng: np.random.Generator,
) -> Measured:
    """Average the test error rate of ridge classifiers fitted to random subsets: the Monte Carlo of `learning_curve`.

    Arguments and learner are those of `rmt.data.learning_curve`. Without test rows, the rows that are not drawn are the
    test rows, so that n < M. In a trial smaller pools are parts of larger ones, and all cells have the same pools.

    Args:
        trials: number of random subsets, >= 2.
        rng: parent of one child generator a trial: trial t is the same whatever their number.

    Returns:
        A `Measured`. Its standard error is that over draws of the subset; test rows are the same in all trials.

    Raises:
        ValueError: bad arguments, as in `learning_curve`.

    >>> rng = np.random.default_rng(0)
    >>> y = rng.choice([-1, 1], 400)
    >>> X = rng.laplace(size=(400, 40)) + 0.3 * y[:, None]
    >>> measured = simulate(X, y, n=[50, 100], ridge=[0.1], trials=20, rng=rng)
    >>> measured.mean[:, 0, 0].round(2).tolist()
    [0.24, 0.17]
    """
    whole(WHERE, "trials", trials, 2, "pass e.g. 50")
    rows = checked_rows(WHERE, X, y, X_test, y_test)
    M = len(rows.X)
    grid = checked_grid(WHERE, M, n, ridge, scores, keep)
    if rows.test is None:
        most = np.asarray(grid.n)
        require(
            most < M, WHERE, "n", most, f"numbers below {M}, the rows of X", "pass test rows, or leave some undrawn"
        )
    samples = np.empty((trials, len(grid.n), len(grid.ridge), len(grid.keep)))
    for trial, child in zip(samples, rng.spawn(trials), strict=True):
        places, order = grid.ranks(M, child), child.permutation(M)
        for i, size in enumerate(grid.n):
            pool = order[:size]
            ranked = pool[np.argsort(places[pool])]
            test = rows.test or Test(rows.X[order[size:]], rows.labels[order[size:]])
            for k, p in enumerate(grid.keep):
                kept = ranked[: share(p, size)]
                for j, lam in enumerate(grid.ridge):
                    trial[i, j, k] = _error(rows, kept, lam * size / len(kept), test)
    return Measured(samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(trials), samples)


def _error(rows: Rows, kept: np.ndarray, lam: float, test: Test) -> float:
    """Fit w to the kept rows, by the smaller of both normal equations, and count the errors on the test rows."""
    X, Y = rows.X[kept], rows.Y[kept]
    n, d = X.shape
    if d <= n:
        w = solve(X.T @ X / n + lam * np.eye(d), X.T @ Y / n, assume_a="pos")
    else:
        w = X.T @ solve(X @ X.T / n + lam * np.eye(n), Y / n, assume_a="pos")
    given = test.X @ w
    guesses = given[:, 0] > 0 if Y.shape[1] == 1 else given.argmax(axis=1)
    return float(np.mean(guesses != test.labels))
