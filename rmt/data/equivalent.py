"""Solve for the weighted ridge problem on M rows that is equivalent to the plain one on n of them.

    R = (sum_i a_i x_i x_i'/M + lam I)^{-1},  h_i = x_i'R x_i/M,  delta_i = h_i/(1 - a_i h_i)
    a_i = 1/(1 + (M/n - 1) delta_i)

Leaving out one row at a time gives E[R_n] = (E[x x'/(1 + delta_n)] + lam I)^{-1} on n rows, and the same on M weighted
rows if a/(1 + a delta_M) = 1/(1 + delta_n). As a map of delta, the equations are positive, increasing, and grow less
than in proportion: they have one solution, and plain iteration reaches it from any start (Yates, IEEE JSAC 13, 1995).
Anderson mixing takes 5 to 20 steps. It starts with equal weights a = lam/mu, which solve the equations' averages,
    lam = mu (1 - df/n)/(1 - df/M),  df = tr C(C + mu I)^{-1},  C = X'X/M.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg.blas import dtrsm
from scipy.optimize import brentq

from rmt._check import Array
from rmt.data.fixed_point import fixed_point

BLOCK = 2048  # rows of a temporary matrix


class Equivalent(NamedTuple):
    """The equivalent problem: weights a (M,), leverages h (M,), whitened rows z (M, d), and L of R^{-1} = L L' (d, d).

    `residual` is the largest change of log(a) that one more step makes, after `steps` steps.
    """

    a: Array
    h: Array
    z: Array
    L: Array
    residual: float
    steps: int


def solve(X: Array, n: int, lam: float, eigenvalues: Array) -> Equivalent:
    """Solve for the weights with which the M rows X stand for n of them; `eigenvalues` are those of X'X/M."""
    M, excess = len(X), len(X) / n - 1

    def step(log_a: Array) -> Array:
        a = np.exp(np.minimum(log_a, 0.0))
        L = _factor(X, a, lam)
        h = np.concatenate([squares(whiten(L, X[at])) for at in blocks(M)]) / M
        return -np.log1p(excess * h / (1 - a * h))

    log_a, residual, steps = fixed_point(step, np.full(M, np.log(_equal_weight(eigenvalues, M, n, lam))))
    a = np.exp(np.minimum(log_a, 0.0))
    L = _factor(X, a, lam)
    z = whiten(L, X)
    return Equivalent(a, squares(z) / M, z, L, residual, steps)


def blocks(count: int, size: int = BLOCK) -> Iterator[slice]:
    """Split `count` rows into blocks of `size`, so that temporary arrays stay small."""
    return (slice(low, low + size) for low in range(0, count, size))


def moments(X: Array, weights: Array) -> Array:
    """Compute X' diag(weights) X / M in blocks of rows, shape (d, d); weights >= 0."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for at in blocks(len(X)):
        block = X[at] * np.sqrt(weights[at, None])
        total += block.T @ block  # one array on both sides: NumPy computes one triangle only
    return total / len(X)


def whiten(L: Array, X: Array) -> Array:
    """Return L^{-1} x of every row of X, shape of X."""
    z: Array = dtrsm(1.0, L, X.T, lower=True).T  # scipy.linalg.solve_triangular also estimates the condition of L
    return z


def squares(rows: Array) -> Array:
    """Compute the squared length of every row."""
    return np.einsum("ij,ij->i", rows, rows)


def _factor(X: Array, a: Array, lam: float) -> Array:
    """Return the lower triangular L with L L' = X' diag(a) X/M + lam I."""
    matrix = moments(X, a)
    matrix[np.diag_indices(len(matrix))] += lam
    return np.linalg.cholesky(matrix).astype(np.float64, copy=False)


def _equal_weight(eigenvalues: Array, M: int, n: int, lam: float) -> float:
    """Solve the equivalence with one weight a = lam/mu for all rows."""
    rank = len(eigenvalues)

    def excess(log_mu: float) -> float:
        mu = np.exp(log_mu)
        missing = np.sum(mu / (eigenvalues + mu))  # d - df
        return float(mu * (1 - (rank - missing) / n) * M / (M - rank + missing) - lam)

    low, high = np.log(lam), np.log(lam + eigenvalues.sum() / n) + 1e-6
    return float(lam / np.exp(brentq(excess, low, high))) if excess(low) < 0 else 1.0
