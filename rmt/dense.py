"""Dense trials: draw every kept row and fit the classifier by linear algebra or Newton's method.

They work for every loss and covariance, and tests hold `rmt.reduced` against them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from rmt._check import Array
from rmt.losses import LOSSES, Loss
from rmt.pruning import Rule
from rmt.resources import DRAWS, PRODUCTS, SETUP, most_kept

__all__ = ["DenseData", "bytes_needed", "seconds_needed", "trial"]

_TYPICAL = 20  # Newton steps of a trial, for the estimate of its time
_BLOCK = 2048  # rows in memory at a time; no draw depends on it
_NEWTON, _HALVINGS = 200, 40  # most Newton steps; most halvings of a step
_GRADIENT = 1e-9  # largest gradient of the objective, relative to its terms
_OVERSHOOT = 0.5  # largest slope at the end of a step, relative to the slope at its beginning


def _same(rows: Array) -> Array:
    return rows


@dataclass(frozen=True, kw_only=True)
class DenseData:
    """The distribution of one finite data set: white rows ~ N(0, I_d), k special coordinates first, made samples.

    Args:
        n, d, lam, rule, label_aware: as in `Problem`.
        label: w_g on the special coordinates, of which the first is along w_s, shape (k,), k <= d.
        truth: w_* in the samples' coordinates after whitening, a unit vector, shape (d,).
        shape: maps white rows to samples, (N, d) -> (N, d), which have the covariance diag(`scale`^2).
        scale: standard deviations of the samples' coordinates, shape (d,).
        loss: loss that the classifier minimises.
    """

    n: int
    d: int
    lam: float
    rule: Rule
    label_aware: bool
    label: Array
    truth: Array
    shape: Callable[[Array], Array] = _same
    scale: Array = field(default_factory=lambda: np.ones(()))
    loss: Loss = LOSSES["squared"]


def trial(data: DenseData, rng: np.random.Generator) -> tuple[float, float]:
    """Draw one data set; return <w, w_*> and the length of w's part orthogonal to w_*, or (0, 1) if none is kept."""
    special_rng, bulk_rng = rng.spawn(2)  # separate streams: the block size changes no draw
    special, y = _kept(data, special_rng)  # (N, k), (N,)
    if len(y) == 0:
        return 0.0, 1.0

    def rows(block: slice) -> Array:
        head = special[block]
        return data.shape(np.hstack([head, bulk_rng.standard_normal((len(head), data.d - head.shape[1]))]))

    penalty = data.n * data.lam
    if not data.loss.squared:
        w = _minimise(rows(slice(None)) * y[:, None], data.loss, penalty)
    elif len(y) >= data.d:
        w = _solve_primal(rows, y, data.d, penalty)
    else:
        w = _solve_dual(rows, y, penalty)  # (d,)
    w = data.scale * w
    largest = np.abs(w).max()
    w /= largest  # with a large ridge the squares below would underflow
    along = w @ data.truth
    return float(largest * along), float(largest * np.linalg.norm(w - along * data.truth))


def bytes_needed(n: float, d: float, p: float, *, all_rows: bool) -> float:
    """Bound one trial's memory: coordinates and labels of kept rows (twice, while joining), blocks, matrices.

    `all_rows` is for Newton's method, which holds all kept rows and as many weighted rows.
    """
    N = most_kept(n, p)
    rows = 3 * N * d if all_rows else 5 * min(_BLOCK, n) * d
    return 8 * (8 * N + rows + 5 * d * min(d, max(N, 1)))


def seconds_needed(n: float, d: float, p: float, *, newton: bool) -> float:
    """Estimate one trial's time on one core: random numbers, and X'X or XX' once, or at every step of Newton's."""
    N = most_kept(n, p)
    products = N * d * min(N, d)
    return SETUP + (2 * n + N * d) / DRAWS + (_TYPICAL if newton else 1) * products / PRODUCTS


def _kept(data: DenseData, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw n rows; return the special coordinates and labels of the kept ones, shapes (N, k) and (N,)."""
    rows, labels = [], []
    normal_rng, coin_rng = rng.spawn(2)
    for start in range(0, data.n, _BLOCK):
        x = normal_rng.standard_normal((min(_BLOCK, data.n - start), len(data.label)))
        y = np.where(x @ data.label >= 0, 1.0, -1.0)
        kept = coin_rng.random(len(x)) < data.rule.keep_probability(x[:, 0])
        if data.label_aware:
            kept &= y * x[:, 0] > 0
        rows.append(x[kept])
        labels.append(y[kept])
    return np.concatenate(rows), np.concatenate(labels)


def _solve_primal(rows: Callable[[slice], Array], y: Array, d: int, penalty: float) -> Array:
    """w = (X'X + penalty I)^{-1} X'y, with X'X and X'y summed over blocks of rows."""
    gram, moment = np.zeros((d, d)), np.zeros(d)
    for start in range(0, len(y), _BLOCK):
        block = slice(start, start + _BLOCK)
        X = rows(block)
        gram += X.T @ X
        moment += X.T @ y[block]
    gram[np.diag_indices(d)] += penalty
    return cho_solve(cho_factor(gram, lower=True, overwrite_a=True, check_finite=False), moment, check_finite=False)


def _solve_dual(rows: Callable[[slice], Array], y: Array, penalty: float) -> Array:
    """The same w as X'(XX' + penalty I)^{-1} y."""
    X = rows(slice(None))
    kernel = X @ X.T
    kernel[np.diag_indices(len(y))] += penalty
    return X.T @ cho_solve(cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False), y, check_finite=False)


def _minimise(yX: Array, loss: Loss, penalty: float) -> Array:
    """argmin of sum_i l(<yX_i, w>) + penalty |w|^2 / 2 by Newton's method, steps halved until they stop overshooting.

    The slope of the convex objective along a Newton step rises from a negative value; a step is accepted if the slope
    at its end is at most half that value's size. Raises ArithmeticError where the gradient does not vanish.
    """
    if yX.shape[0] < yX.shape[1]:  # w lies in the span of the rows: as many unknowns as rows
        basis, triangle = np.linalg.qr(yX.T)
        return basis @ _minimise(np.ascontiguousarray(triangle.T), loss, penalty)
    w = np.zeros(yX.shape[1])
    margins = yX @ w  # (N,)
    for _ in range(_NEWTON):
        pull = yX.T @ loss.slope(margins)
        gradient = pull + penalty * w
        size = np.linalg.norm(pull) + penalty * np.linalg.norm(w)
        if size == 0 or np.linalg.norm(gradient) <= _GRADIENT * size:
            return w
        root = np.sqrt(loss.curvature(margins))[:, None] * yX
        hessian = root.T @ root
        hessian[np.diag_indices(len(w))] += penalty
        step = -cho_solve(
            cho_factor(hessian, lower=True, overwrite_a=True, check_finite=False), gradient, check_finite=False
        )
        along = yX @ step
        downhill, share = gradient @ step, 1.0
        for _ in range(_HALVINGS):
            slope = along @ loss.slope(margins + share * along) + penalty * (step @ (w + share * step))
            if slope <= -_OVERSHOOT * downhill:
                break
            share /= 2
        w = w + share * step
        margins = margins + share * along
    raise ArithmeticError(
        f"rmt.simulate: got a gradient of {np.linalg.norm(gradient) / size:.3g} after {_NEWTON} Newton steps; "
        f"allowed at most {_GRADIENT:g}; do use a larger ridge"
    )
