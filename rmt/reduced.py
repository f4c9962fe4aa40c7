"""Exact Monte Carlo without the data matrix: the finite-(n, d) law of the ridge classifier in O(n + d) a trial.

Let g, h be x along w_s and along the rest of w_g. Whether a sample is kept, and its label y, depend on g and h alone;
the other D = d - 2 coordinates Z of the N kept samples are iid normal and independent of A = [g h y]. Only the Gram
matrix A'A = R'R (R upper triangular) is needed of A, and that is summed while g and h are drawn in blocks:

  * A = QR turns the kept rows, by an orthogonal matrix, into [R; 0] beside an N x D normal matrix M.
  * Orthogonal matrices that leave the first three rows of M in place, and others that turn its columns, do not change
    the law of what is left to be drawn. Alternating them as in Golub and Kahan's bidiagonalisation - a column rotation
    that empties row 0 but for its first entry, one for row 1, one for row 2, then a row rotation of rows 3 ... N-1 that
    empties column 0, a column rotation for row 3, and so on - leaves independent entries (I, J from 0)

        M[I, I] ~ chi_{D-I}    M[I, I-1], M[I, I-2] ~ N(0, 1)    M[I, I-3] ~ chi_{N-I} (I >= 3)

    and zeros: bandwidth three, and no row beyond D + 2. (Dumitriu and Edelman 2002 do it with bandwidth one.)
  * With the columns g, h of R in front, row I of the reduced data reaches from column I - 1 to I + 2. X'X + n lam I
    (for N >= d) and XX' + n lam I (for N < d, well conditioned as lam -> 0) have bandwidth three: one banded solve.
  * The column rotations are uniform and independent of the rest, so the part of w in the D dimensions has a uniform
    direction: what it has along a third direction (of an imperfect generator's w_*) is one more draw.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from rmt.pruning import Rule

__all__ = ["Case", "bytes_needed", "trial"]

Array = NDArray[np.float64]
_BLOCK = 1 << 14  # samples held at a time; no draw depends on it
_BAND = 3


@dataclass(frozen=True, kw_only=True)
class Case:
    """One finite data set to draw.

    Args:
        n, d, lam, rule, label_aware: as in `Problem`.
        label: w_g along w_s and along its own rest, a unit vector of two numbers.
        truth: w_* along w_s, along the rest of w_g, and along what is left: a unit vector of three.
    """

    n: int
    d: int
    lam: float
    rule: Rule
    label_aware: bool
    label: tuple[float, float]
    truth: tuple[float, float, float]


def trial(case: Case, rng: np.random.Generator) -> tuple[float, float]:
    """(<w, w_*>, |w beside w_*|) of one data set; (0, 1) where no sample is kept."""
    *plane, bulk, turn = rng.spawn(5)  # separate streams: the block size changes no draw
    N, gram = _plane_moments(case, *plane)
    if N == 0:
        return 0.0, 1.0
    R = _factor(gram, N)  # (min(N, 3), 3)
    bands = _draw_bands(R[:, :2], N, case.d, bulk)  # (4, K)
    w = (_solve_primal if case.d <= N else _solve_dual)(bands, R[:, 2], case.d, case.n * case.lam)
    largest = np.abs(w).max()
    w /= largest  # a large ridge would underflow the squares below
    rest = float(np.linalg.norm(w[2:]))
    third, beside = _split(rest, case.d - 2, turn) if case.truth[2] else (0.0, rest)
    inside, truth = np.array([w[0], w[1], third]), np.array(case.truth)
    along = inside @ truth
    return float(largest * along), float(largest * np.hypot(np.linalg.norm(inside - along * truth), beside))


def bytes_needed(d: float) -> float:
    """Bound on one trial's memory: a block of samples, and bands, right-hand side and solution with their copies."""
    return 8 * (16 * _BLOCK + 24 * (d + 8))


def _plane_moments(
    case: Case, g_rng: np.random.Generator, h_rng: np.random.Generator, coin_rng: np.random.Generator
) -> tuple[int, Array]:
    """N and A'A of the kept rows A = [g h y], shape (3, 3). h is drawn for the rows that the rule keeps, only."""
    N, sums = 0, np.zeros(5)
    blocks = np.empty((3, min(_BLOCK, case.n)))
    for start in range(0, case.n, _BLOCK):
        g = blocks[0, : min(_BLOCK, case.n - start)]
        g_rng.standard_normal(out=g)
        q = case.rule.keep_probability(g)
        kept = q >= 1
        if not kept.all():
            unsure = np.flatnonzero((q > 0) & ~kept)
            kept[unsure] = coin_rng.random(len(unsure)) < q[unsure]
            g = g[kept]
        h, y = blocks[1:, : len(g)]
        h_rng.standard_normal(out=h)
        np.multiply(h, case.label[1], out=y)
        y += case.label[0] * g
        np.copysign(1.0, y, out=y)
        if case.label_aware:
            agreed = y * g > 0
            g, h, y = g[agreed], h[agreed], y[agreed]
        N += len(g)
        sums += (g @ g, g @ h, h @ h, g @ y, h @ y)  # five dot products are faster than one product of matrices
    gg, gh, hh, gy, hy = sums
    return N, np.array([[gg, gh, gy], [gh, hh, hy], [gy, hy, N]])


def _factor(gram: Array, N: int) -> Array:
    """R, upper triangular with min(N, 3) rows, of A = QR from A'A = R'R; columns made equally long for the roots."""
    scale = np.sqrt(np.diagonal(gram))
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    rank = min(N, 3)
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T * scale
    return np.asarray(np.linalg.qr(root[3 - rank :], mode="r"))


def _draw_bands(plane: Array, N: int, d: int, rng: np.random.Generator) -> Array:
    """The reduced data X, K = min(N, d + 1) rows, as bands[j, I] = X[I, I - 1 + j], j = 0 ... 3; zeros elsewhere.

    `plane` is R without its last column: rows 0 and 1 of X begin with it.
    """
    D, K = d - 2, min(N, d + 1)
    bands = np.zeros((_BAND + 1, K))
    rows = np.arange(K, dtype=np.float64)
    bands[0, 3:] = np.sqrt(rng.chisquare(N - rows[3:]))
    bands[1, 2 : min(K, d)] = rng.standard_normal(max(min(K, d) - 2, 0))
    bands[2, 1 : min(K, d - 1)] = rng.standard_normal(max(min(K, d - 1) - 1, 0))
    bands[3, : min(K, D)] = np.sqrt(rng.chisquare(D - rows[: min(K, D)]))
    bands[1, 0], bands[2, 0] = plane[0]
    if K > 1:
        bands[1, 1] = plane[1, 1]
    return bands


def _solve_primal(bands: Array, y: Array, d: int, penalty: float) -> Array:
    """w = (X'X + penalty I)^{-1} X'y; entry (c + s, c) of X'X is the sum of X[I, c] X[I, c + s] over rows."""
    K = bands.shape[1]
    lower, moment = np.zeros((_BAND + 1, K + _BAND + 1)), np.zeros(K + _BAND + 1)  # columns from -1
    for j in range(_BAND + 1):
        for s in range(_BAND + 1 - j):
            lower[s, j : j + K] += bands[j] * bands[j + s]
        moment[j : j + len(y)] += bands[j, : len(y)] * y
    lower[0] += penalty
    return solveh_banded(lower[: min(_BAND, d - 1) + 1, 1 : d + 1], moment[1 : d + 1], lower=True, check_finite=False)


def _solve_dual(bands: Array, y: Array, d: int, penalty: float) -> Array:
    """The same w as X'(XX' + penalty I)^{-1} y; without the entries that are 0 because X has no more columns."""
    K = bands.shape[1]
    lower = np.zeros((min(_BAND, K - 1) + 1, K))
    for s in range(len(lower)):
        for j in range(_BAND + 1 - s):
            lower[s, : K - s] += bands[j + s, : K - s] * bands[j, s:]
    lower[0] += penalty
    right = np.zeros(K)
    right[: len(y)] = y
    a = solveh_banded(lower, right, lower=True, check_finite=False)
    w = np.zeros(K + _BAND + 1)  # columns from -1
    for j in range(_BAND + 1):
        w[j : j + K] += bands[j] * a
    return w[1 : d + 1]


def _split(length: float, D: int, rng: np.random.Generator) -> tuple[float, float]:
    """First coordinate, and length of the others, of a vector of the given length in uniform direction."""
    first = rng.standard_normal()
    others = np.sqrt(rng.chisquare(D - 1)) if D > 1 else 0.0
    whole = np.hypot(first, others)
    return float(length * first / whole), float(length * others / whole)
