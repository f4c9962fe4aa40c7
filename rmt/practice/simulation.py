"""Monte Carlo of the idealised practice at finite dimension: draw the rows of a round, fit, go on along the fit."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from rmt._check import Array, finite, shown, whole
from rmt.monte_carlo import Estimate, estimate
from rmt.practice.additions import Addition, sampler
from rmt.practice.plan import Plan, Weights, plan
from rmt.practice.retirement import Retire
from rmt.practice.rows import draw
from rmt.resources import require_memory, require_time

__all__ = ["simulate"]

_PRODUCTS = 1e10  # products a second of one core
_STEPS = 5e6  # steps of the planar sampler a second


def simulate(
    rows: Sequence[float] | Array,
    ridge: float | Sequence[float] | Array,
    additions: Addition | Sequence[Addition],
    weights: Weights = "accumulate",
    *,
    first: Addition | None = None,
    flips: float = 0.0,
    d: int,
    trials: int = 50,
    rng: np.random.Generator,
) -> tuple[Estimate, ...]:
    """Average the accuracy 1 - angle(w_k, w_0)/pi of every fit of `learning_curve` over `trials` at finite d.

    Nothing of the theory enters: rows are drawn, labelled, pruned or sampled along the classifiers of the trial itself,
    and every fit is solved. The one idealisation is that of large d: a guided move has the length kappa exactly, and
    noise off the plane of w_0 and w_k is Gaussian.

    Args:
        rows, ridge, additions, weights, first, flips: as for `learning_curve`.
        d: dimension, >= 3; every rows d must be whole.
        trials: number of independent practices, >= 2.
        rng: parent of one child generator per trial; trial t is the same whatever the number of trials.

    Returns:
        One `Estimate` of the accuracy per fit, (K,); `samples` has the accuracy of each trial.

    Accuracy: `stderr` is the statistical error; `mean` differs from `learning_curve` by O(1/d). Fits of a trial are
    correlated. Time O(N d^2) for each fit on N rows, memory O(N d).

    Raises:
        ValueError: as for `learning_curve`; d, trials or rows d not whole; too much memory or more than 100 hours.

    >>> import rmt
    >>> rng = np.random.default_rng(0)
    >>> fits = simulate((2, 2), 1e-2, rmt.KeepHard(0.5), d=100, trials=40, rng=rng)
    >>> exact = rmt.practice.learning_curve((2, 2), 1e-2, rmt.KeepHard(0.5)).accuracy
    >>> [bool(abs(fit.mean - accuracy) < 4 * fit.stderr + 0.2 / 100) for fit, accuracy in zip(fits, exact)]
    [True, True]
    """
    where = "rmt.practice.simulate"
    practice = plan(where, rows, ridge, additions, weights, first, flips)
    whole(where, "d", d, 3, "pass the dimension")
    whole(where, "trials", trials, 2, "ask for more (an error bar needs two)")
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"{where}: got rng={shown(rng)}; allowed numpy.random.Generator; do pass default_rng(seed)")
    counts = _counts(where, practice.rows, d)
    total = float(sum(counts))
    require_memory(24 * total * d + 16 * d**2, f"{total:.0f} rows, d={d}", where, "lower d or the rows")
    samplers = [sampler(part) for part in practice.additions]
    steps = sum(n * part.steps for n, part in zip(counts, samplers, strict=True) if part)
    seconds = len(counts) * total * min(total, d) * d / _PRODUCTS + steps / _STEPS
    require_time(seconds, trials, 1, f"{total:.0f} rows, d={d}", where)
    with threadpool_limits(limits=1, user_api="blas"):
        accuracies = np.array([trial(practice, counts, d, child) for child in rng.spawn(trials)])  # (trials, K)
    finite(where, accuracies)
    return tuple(estimate(samples) for samples in accuracies.T)


def trial(practice: Plan, counts: list[int], d: int, rng: np.random.Generator) -> Array:
    """Run one practice; return the accuracy of each fit, (K,)."""
    truth, w = np.eye(1, d)[0], np.eye(1, d)[0]
    X, y, v = np.empty((0, d)), np.empty(0), np.empty(0)
    accuracies = []
    for k, (count, addition, child) in enumerate(zip(counts, practice.additions, rng.spawn(len(counts)), strict=True)):
        new_X, new_y = draw(addition, w, count, child, practice.flips)
        X, y = np.concatenate([X, new_X]), np.concatenate([y, new_y])
        if isinstance(practice.weights, Retire):
            v = np.append(v, np.ones(count))
        else:
            v = np.repeat(practice.weights[k, : k + 1], counts[: k + 1])
        w = ridge_fit(X, y, v, float(practice.ridge[k]))
        along = w @ truth
        if isinstance(practice.weights, Retire):
            v[most_certain(X, w, v, practice.weights.share)] = 0.0
        accuracies.append(1 - math.atan2(float(np.linalg.norm(w - along * truth)), along) / math.pi)
    return np.array(accuracies)


def most_certain(X: Array, w: Array, v: Array, share: float) -> NDArray[np.intp]:
    """Return the positions of the share of the rows in use, v > 0, that have the largest |<x, w>|."""
    used = np.flatnonzero(v)
    order = np.argsort(-np.abs(X[used] @ w))
    return used[order[: round(share * len(used))]]


def ridge_fit(X: Array, y: Array, v: Array, ridge: float) -> Array:
    """Solve (X'VX + ridge sum(v) I) w = X'Vy, in the smaller dimension of X; rows of weight 0 are left out."""
    used = v > 0
    X, y, root = X[used], y[used], np.sqrt(v[used])
    X, y, penalty = X * root[:, None], y * root, ridge * v.sum()
    if len(X) < X.shape[1]:
        return X.T @ _solve(X @ X.T, y, penalty)
    return _solve(X.T @ X, X.T @ y, penalty)


def _solve(gram: Array, right: Array, penalty: float) -> Array:
    gram[np.diag_indices(len(gram))] += penalty
    return cho_solve(cho_factor(gram, lower=True, overwrite_a=True, check_finite=False), right, check_finite=False)


def _counts(where: str, rows: Array, d: int) -> list[int]:
    """Return the rows of each round; ValueError unless rows d is whole."""
    counts = np.rint(rows * d)
    off = np.abs(counts - rows * d) > 1e-6
    if off.any() or (counts < 1).any():
        bad = rows[off | (counts < 1)][0]
        raise ValueError(f"{where}: got {bad} rows per dimension at d={d}; allowed whole products >= 1; do change d")
    return [int(count) for count in counts]
