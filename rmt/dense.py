"""Dense trials: draw the data, fit the classifier by linear algebra or Newton's method. The oracle of `rmt.reduced`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from rmt.losses import LOSSES, Loss
from rmt.pruning import Rule

__all__ = ["Setting", "bytes_needed", "trial"]

Array = NDArray[np.float64]
_BLOCK = 2048  # rows held at a time; no draw depends on it
_NEWTON, _HALVINGS = 200, 40  # steps at most; halvings of one
_GRADIENT = 1e-9  # of the objective, relative to its terms
_OVERSHOOT = 0.5  # slope allowed at the end of a step, relative to that at its beginning


def _same(rows: Array) -> Array:
    return rows


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One finite data set to draw: rows (special coordinates, rest) ~ N(0, I_d), turned into samples by `shape`.

    Args:
        n, d, lam, rule, label_aware: as in `Problem`.
        label: w_g on the special coordinates, of which w_s is the first, shape (k,), k <= d.
        truth: w_* in the coordinates of the samples, made white, a unit vector, shape (d,).
        shape: takes white rows to samples, (N, d) -> (N, d); they have the covariance diag(`scale`^2).
        scale: shape (d,).
        loss: what the classifier minimises.
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


def trial(setting: Setting, rng: np.random.Generator) -> tuple[float, float]:
    """(<w, w_*>, |w beside w_*|) of one data set; (0, 1) where no sample is kept."""
    special_rng, bulk_rng = rng.spawn(2)  # separate streams: the block size changes no draw
    special, y = _kept(setting, special_rng)  # (N, k), (N,)
    if len(y) == 0:
        return 0.0, 1.0

    def rows(block: slice) -> Array:
        part = special[block]
        return setting.shape(np.hstack([part, bulk_rng.standard_normal((len(part), setting.d - part.shape[1]))]))

    penalty = setting.n * setting.lam
    if setting.loss is not LOSSES["squared"]:
        w = _minimise(rows(slice(None)) * y[:, None], setting.loss, penalty)
    elif len(y) >= setting.d:
        w = _solve_primal(rows, y, setting.d, penalty)
    else:
        w = _solve_dual(rows, y, penalty)  # (d,)
    w = setting.scale * w
    largest = np.abs(w).max()
    w /= largest  # a large ridge would underflow the squares below
    along = w @ setting.truth
    return float(largest * along), float(largest * np.linalg.norm(w - along * setting.truth))


def bytes_needed(n: float, d: float, p: float, *, all_rows: bool) -> float:
    """Bound on one trial's memory: coordinates and labels of kept rows (twice, while joining), blocks, matrices.

    `all_rows`: Newton's method holds all kept rows, and as many weighted ones.
    """
    kept = min(n, p * n + 10 * math.sqrt(n))
    held = 3 * kept * d if all_rows else 5 * min(_BLOCK, n) * d
    return 8 * (8 * kept + held + 5 * d * min(d, max(kept, 1)))


def _kept(setting: Setting, rng: np.random.Generator) -> tuple[Array, Array]:
    """Special coordinates and labels of the kept rows out of n."""
    kept, labels = [], []
    normal_rng, coin_rng = rng.spawn(2)
    for start in range(0, setting.n, _BLOCK):
        x = normal_rng.standard_normal((min(_BLOCK, setting.n - start), len(setting.label)))
        y = np.where(x @ setting.label >= 0, 1.0, -1.0)
        chosen = coin_rng.random(len(x)) < setting.rule.keep_probability(x[:, 0])
        if setting.label_aware:
            chosen &= y * x[:, 0] > 0
        kept.append(x[chosen])
        labels.append(y[chosen])
    return np.concatenate(kept), np.concatenate(labels)


def _solve_primal(rows: Callable[[slice], Array], y: Array, d: int, penalty: float) -> Array:
    """w = (X'X + penalty I)^{-1} X'y, summed over blocks of rows."""
    gram, moment = np.zeros((d, d)), np.zeros(d)
    for start in range(0, len(y), _BLOCK):
        block = slice(start, start + _BLOCK)
        X = rows(block)
        gram += X.T @ X
        moment += X.T @ y[block]
    gram[np.diag_indices(d)] += penalty
    return cho_solve(cho_factor(gram, lower=True, overwrite_a=True), moment)


def _solve_dual(rows: Callable[[slice], Array], y: Array, penalty: float) -> Array:
    """The same w as X'(XX' + penalty I)^{-1} y."""
    X = rows(slice(None))
    kernel = X @ X.T
    kernel[np.diag_indices(len(y))] += penalty
    return X.T @ cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), y)


def _minimise(yX: Array, loss: Loss, penalty: float) -> Array:
    """argmin of sum_i l(<yX_i, w>) + penalty |w|^2 / 2 by Newton's method, steps halved until they stop overshooting.

    Along a Newton direction s the slope of the convex objective rises from a negative value; a step is accepted where
    it is no more than that value's size above 0. Raises ArithmeticError where the gradient does not vanish.
    """
    if yX.shape[0] < yX.shape[1]:  # w lies in the span of the rows: as many unknowns as rows
        Q, R = np.linalg.qr(yX.T)
        return Q @ _minimise(np.ascontiguousarray(R.T), loss, penalty)
    w = np.zeros(yX.shape[1])
    margins = yX @ w  # (N,)
    for _ in range(_NEWTON):
        slopes = loss.slope(margins)
        pull = yX.T @ slopes
        gradient = pull + penalty * w
        size = np.linalg.norm(pull) + penalty * np.linalg.norm(w)
        if size == 0 or np.linalg.norm(gradient) <= _GRADIENT * size:
            return w
        root = np.sqrt(loss.curvature(margins))[:, None] * yX
        hessian = root.T @ root
        hessian[np.diag_indices(len(w))] += penalty
        s = -cho_solve(cho_factor(hessian, lower=True, overwrite_a=True), gradient)
        along = yX @ s
        downhill, length = gradient @ s, 1.0
        for _ in range(_HALVINGS):
            slope = along @ loss.slope(margins + length * along) + penalty * (s @ (w + length * s))
            if slope <= -_OVERSHOOT * downhill:
                break
            length /= 2
        w = w + length * s
        margins = margins + length * along
    raise ArithmeticError(
        f"rmt.simulate: got a gradient of {np.linalg.norm(gradient) / size:.3g} after {_NEWTON} Newton steps; "
        f"allowed at most {_GRADIENT:g}; do use a larger ridge"
    )
