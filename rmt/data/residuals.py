"""Compute the mean of the learned w over draws of n of M rows, its left-out residuals, and the noise of the draw.

    w = R sum_i a_i x_i Y_i/M,    r_i = (Y_i - w'x_i)/(1 - a_i h_i)
    Omega = c R [sum_i a_i^2 (r_i^2 + v_i) x_i x_i'/M] R,  c = 1/n - 1/M     covariance of w over draws of n of M rows
    v_i = (x_i'Omega x_i - own_i (r_i^2 + v_i))/(1 - a_i h_i)^2              variance of the score of row i, left out

own_i = c M a_i^2 h_i^2 is what row i itself adds to x_i'Omega x_i. The equation for v is linear, v = A (r^2 + v), with
A >= 0 and A (1/a) < 1/a - 1 in every entry: its solution exists, is unique and positive. With K classes, r^2 and v are
sums over classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rmt._check import Array
from rmt.data.equivalent import Equivalent, blocks, moments, squares
from rmt.data.fixed_point import fixed_point


class Residuals(NamedTuple):
    """Left-out residuals r (M, K) and the variances v (M,) of left-out scores; w (d, K) and Omega (d, d), whitened.

    Whitened: w'x = z'w and x'Omega x = z'Omega z. `residual` is the largest change of log(|r|^2 + v) that one more step
    makes, after `steps` steps.
    """

    r: Array
    v: Array
    w: Array
    Omega: Array
    residual: float
    steps: int


def solve(equivalent: Equivalent, Y: Array, c: float) -> Residuals:
    """Solve for the left-out residuals and their noise; Y has shape (M, K), and c is 1/n - 1/M."""
    a, h, z = equivalent.a, equivalent.h, equivalent.z
    w = z.T @ (a[:, None] * Y) / len(z)
    r = (Y - z @ w) / (1 - a * h)[:, None]
    own, shrink = c * len(z) * (a * h) ** 2, (1 - a * h) ** 2
    square = squares(r) + np.finfo(float).tiny  # the logarithm of a residual of zero is asked for

    def spread(total: Array) -> Array:
        return c * moments(z, a**2 * total)

    def variance(total: Array) -> Array:
        """Return v where every row's force has the mean square `total`."""
        return np.maximum(quadratic(z, spread(total)) - own * total, 0.0) / shrink

    start = np.log(square)

    def step(log_total: Array) -> Array:
        return np.log(square + variance(np.exp(np.minimum(log_total, start.max() + 100))))  # mixing may overshoot

    log_total, residual, steps = fixed_point(step, start)
    total = np.exp(log_total)
    return Residuals(r, variance(total), w, spread(total), residual, steps)


def quadratic(z: Array, matrix: Array) -> Array:
    """Compute z'(matrix)z of every row, in blocks of rows."""
    return np.concatenate([np.einsum("ij,ij->i", z[at] @ matrix, z[at]) for at in blocks(len(z))])
