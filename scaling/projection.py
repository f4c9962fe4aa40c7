"""Minimise weighted sums of squares over many curves at once, by variable projection.

A form is y = sum_l c_l b_l(theta, x) with L <= 3 coefficients c_l >= 0 and a few nonlinear parameters theta. For each
theta the best coefficients have a closed form (Golub and Pereyra 1973), so that the search is over theta alone: the
best point of a grid for the first curve, then Levenberg-Marquardt steps for all curves together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from scaling._check import Floats

Basis = Callable[[Floats], Floats]  # (..., P) nonlinear parameters -> (..., L, K) basis functions at the K sizes

_STEPS = 60  # at most, of Levenberg-Marquardt; most curves end within 15
_TOLERANCE = 1e-12  # relative decrease of the sum of squares at which a curve is done
_DIFFERENCE = 1e-6  # step of the derivatives, which are one-sided differences


class Minimum(NamedTuple):
    """The best parameters of each curve: theta (R, P), coefficients (R, L), sum of squares (R,), converged (R,)."""

    theta: Floats
    coefficients: Floats
    squares: Floats
    converged: np.ndarray


def project(basis: Floats, curves: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the coefficients c >= 0 that minimise sum_k w_k (y_k - sum_l c_l b_lk)^2, and the weighted residuals.

    basis (..., L, K), curves and weights (..., K); returns (..., L) and sqrt(w) (y - c b), (..., K). Of all sets of
    coefficients that may differ from zero, the best feasible one is taken: 2^L - 1 small systems.
    """
    root = np.sqrt(weights)
    B, y = basis * root[..., None, :], curves * root  # (..., L, K), (..., K)
    gram = B @ np.swapaxes(B, -1, -2)  # (..., L, L)
    right = (B @ y[..., None])[..., 0]  # (..., L)
    size = gram.shape[-1]
    shape = np.broadcast_shapes(gram.shape[:-1], right.shape)
    best, gain = np.zeros(shape), np.zeros(shape[:-1])  # gain: decrease of the sum of squares
    for free in (s for n in range(1, size + 1) for s in itertools.combinations(range(size), n)):
        part = _solve(gram[..., free, :][..., free], right[..., free])
        lower = np.einsum("...l,...l->...", part, right[..., free])
        better = (part >= 0).all(axis=-1) & (lower > gain)
        gain = np.where(better, lower, gain)
        full = np.zeros(shape)
        full[..., free] = part
        best = np.where(better[..., None], full, best)
    return best, y - (best[..., None, :] @ B)[..., 0, :]


def _solve(gram: Floats, right: Floats) -> Floats:
    """Solve systems of up to three scaled, slightly regularised normal equations."""
    scale = np.sqrt(np.diagonal(gram, axis1=-2, axis2=-1)) + 1e-300  # (..., l)
    scaled = gram / (scale[..., None] * scale[..., None, :]) + 1e-13 * np.eye(gram.shape[-1])
    return np.linalg.solve(scaled, (right / scale)[..., None])[..., 0] / scale


def minimise(
    basis: Basis, curves: Floats, weights: Floats, grid: Floats, bounds: Sequence[tuple[float, float]]
) -> Minimum:
    """Fit a form to curves (R, K) with weights (K,) or (R, K), within bounds of theta.

    All curves start from the point of `grid` (G, P) that is best for the first. Steps in theta are at most 1.
    """
    low, high = np.array(bounds, dtype=float).T
    weights = np.broadcast_to(weights, curves.shape)
    _, residuals = project(basis(grid), curves[0], weights[0])
    start = grid[np.argmin(np.sum(residuals**2, axis=-1))]
    theta = np.tile(start, (len(curves), 1))  # (R, P)
    damping = np.full(len(curves), 1e-3)
    converged = np.zeros(len(curves), dtype=bool)
    _, residual = project(basis(theta), curves, weights)
    squares = np.sum(residual**2, axis=-1)
    tiny = 1e-26 * np.sum(weights * curves**2, axis=-1)
    for _ in range(_STEPS):
        active = np.flatnonzero(~converged)
        if not active.size:
            break
        at, y, w, r = theta[active], curves[active], weights[active], residual[active]
        jacobian = np.empty((*r.shape, at.shape[1]))  # (A, K, P)
        for p in range(at.shape[1]):
            step = np.where(at[:, p] + _DIFFERENCE > high[p], -_DIFFERENCE, _DIFFERENCE)
            moved = at.copy()
            moved[:, p] += step
            jacobian[..., p] = (project(basis(moved), y, w)[1] - r) / step[:, None]
        gradient = np.einsum("akp,ak->ap", jacobian, r)
        blocked = ((at <= low) & (gradient > 0)) | ((at >= high) & (gradient < 0))
        jacobian = np.where(blocked[:, None, :], 0.0, jacobian)
        hessian = np.swapaxes(jacobian, 1, 2) @ jacobian
        diagonal = np.maximum(np.diagonal(hessian, axis1=1, axis2=2), 1e-12 * (squares[active, None] + 1e-300))
        damped = hessian + damping[active, None, None] * (diagonal[:, :, None] * np.eye(at.shape[1]))
        damped = damped + 1e-300 * np.eye(at.shape[1])
        change = -np.linalg.solve(damped, np.where(blocked, 0.0, gradient)[..., None])[..., 0]
        tried = np.clip(at + np.clip(change, -1.0, 1.0), low, high)
        _, new = project(basis(tried), y, w)
        total = np.sum(new**2, axis=-1)
        better = total < squares[active]
        gained = (squares[active] - total) / np.maximum(squares[active], tiny[active] + 1e-300)
        small = better & (gained < _TOLERANCE)
        stuck = ~better & (damping[active] > 1e8)
        converged[active] = small | stuck | (squares[active] <= tiny[active])
        moved_to = active[better]
        theta[moved_to], residual[moved_to], squares[moved_to] = tried[better], new[better], total[better]
        damping[active] = np.where(better, damping[active] / 5, damping[active] * 10)
    coefficients, _ = project(basis(theta), curves, weights)
    return Minimum(theta, coefficients, squares, converged)
