"""Exact Monte Carlo without the data matrix: the finite-(n, d) law of the ridge classifier in O(n + d) a trial.

Let g, h be the coordinates of x along w_s and the rest of w_g. Whether a sample is kept, and its label y, depend on g
and h alone; the other d - 2 coordinates of the N kept samples are iid normal and independent of the kept rows
A = [g h y]. Only the Gram matrix A'A = U'U (U upper triangular) is needed of A, and it is summed while g and h are
drawn in blocks:

  * A QR decomposition of A turns the kept rows, by an orthogonal matrix, into [U; 0] beside an N x (d - 2) normal
    matrix M.
  * Orthogonal matrices that leave the first three rows of M in place, and others that turn its columns, do not change
    the law of the entries that are not yet drawn. Golub and Kahan's bidiagonalisation alternates them: a column
    rotation that empties row 0 except for its first entry, one for row 1, one for row 2, then a row rotation of rows
    3 ... N-1 that empties column 0, a column rotation for row 3, and so on. It leaves independent entries (I, J from 0)

        M[I, I] ~ chi_{d-2-I}    M[I, I-1], M[I, I-2] ~ N(0, 1)    M[I, I-3] ~ chi_{N-I} (I >= 3)

    and zeros: bandwidth three, and no row beyond d. (Dumitriu and Edelman 2002 do it with bandwidth one.)
  * With the columns g, h of U in front, row I of the reduced data reaches from column I - 1 to I + 2. X'X + n lam I
    (for N >= d) and XX' + n lam I (for N < d, well conditioned as lam -> 0) have bandwidth three: one banded solve.
  * The column rotations are uniform and independent of the rest, so the part of w in the d - 2 other dimensions has a
    uniform direction: its component along a third direction (the rest of w_*) is one more draw.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded

from rmt._check import Array
from rmt.pruning import Rule
from rmt.resources import DRAWS, SETUP, most_kept

__all__ = ["ReducedData", "bytes_needed", "seconds_needed", "trial"]

_BLOCK = 1 << 14  # samples in memory at a time; no draw depends on it
_BAND = 3


@dataclass(frozen=True, kw_only=True)
class ReducedData:
    """The distribution of one finite data set, x ~ N(0, I_d).

    Args:
        n, d, lam, rule, label_aware: as in `Problem`.
        label: coordinates of w_g along w_s and its own rest, a unit vector.
        truth: coordinates of w_* along w_s, the rest of w_g and its own rest, a unit vector.
    """

    n: int
    d: int
    lam: float
    rule: Rule
    label_aware: bool
    label: tuple[float, float]
    truth: tuple[float, float, float]


def trial(data: ReducedData, rng: np.random.Generator) -> tuple[float, float]:
    """Draw one data set; return <w, w_*> and the length of w's part orthogonal to w_*, or (0, 1) if none is kept."""
    *plane, bulk, turn = rng.spawn(5)  # separate streams: the block size changes no draw
    N, gram = _gram(data, *plane)
    if N == 0:
        return 0.0, 1.0
    U = _factor(gram, N)  # (min(N, 3), 3)
    bands = _draw_bands(U[:, :2], N, data.d, bulk)  # (4, K)
    w = (_solve_primal if data.d <= N else _solve_dual)(bands, U[:, 2], data.d, data.n * data.lam)
    largest = np.abs(w).max()
    w /= largest  # with a large ridge the squares below would underflow
    rest = float(np.linalg.norm(w[2:]))
    third, others = _split(rest, data.d - 2, turn) if data.truth[2] else (0.0, rest)
    special, truth = np.array([w[0], w[1], third]), np.array(data.truth)
    along = special @ truth
    return float(largest * along), float(largest * np.hypot(np.linalg.norm(special - along * truth), others))


def bytes_needed(d: float) -> float:
    """Bound one trial's memory: a block of samples, and bands, right-hand side and solution with their copies."""
    return 8 * (16 * _BLOCK + 24 * (d + 8))


def seconds_needed(n: float, d: float, p: float) -> float:
    """Estimate one trial's time on one core: a projection per sample, another per kept one, and the bands."""
    N = most_kept(n, p)
    return SETUP + (n + N + 8 * min(N, d)) / DRAWS


def _gram(
    data: ReducedData, g_rng: np.random.Generator, h_rng: np.random.Generator, coin_rng: np.random.Generator
) -> tuple[int, Array]:
    """Draw n samples; return N and A'A of the kept rows A = [g h y], shape (3, 3).

    h is drawn only where the rule keeps g.
    """
    N, sums = 0, np.zeros(5)
    blocks = np.empty((3, min(_BLOCK, data.n)))
    for start in range(0, data.n, _BLOCK):
        g = blocks[0, : min(_BLOCK, data.n - start)]
        g_rng.standard_normal(out=g)
        q = data.rule.keep_probability(g)
        kept = q >= 1
        if not kept.all():
            unsure = np.flatnonzero((q > 0) & ~kept)
            kept[unsure] = coin_rng.random(len(unsure)) < q[unsure]
            g = g[kept]
        h, y = blocks[1:, : len(g)]
        h_rng.standard_normal(out=h)
        np.multiply(h, data.label[1], out=y)
        y += data.label[0] * g
        np.copysign(1.0, y, out=y)
        if data.label_aware:
            agreed = y * g > 0
            g, h, y = g[agreed], h[agreed], y[agreed]
        N += len(g)
        sums += (g @ g, g @ h, h @ h, g @ y, h @ y)  # five dot products are faster than one product of matrices
    gg, gh, hh, gy, hy = sums
    return N, np.array([[gg, gh, gy], [gh, hh, hy], [gy, hy, N]])


def _factor(gram: Array, N: int) -> Array:
    """Return U, upper triangular with min(N, 3) rows, from A'A = U'U.

    The columns of A are scaled to equal length first, which makes the roots of the eigenvalues accurate.
    """
    scale = np.sqrt(np.diagonal(gram))
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    rank = min(N, 3)
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T * scale
    return np.asarray(np.linalg.qr(root[3 - rank :], mode="r"))


def _draw_bands(plane: Array, N: int, d: int, rng: np.random.Generator) -> Array:
    """Draw the reduced data X of K = min(N, d + 1) rows, as bands[j, I] = X[I, I - 1 + j], j = 0 ... 3.

    `plane` is U without its last column, the first entries of rows 0 and 1 of X.
    """
    others, K = d - 2, min(N, d + 1)
    bands = np.zeros((_BAND + 1, K))
    rows = np.arange(K, dtype=np.float64)
    bands[0, 3:] = np.sqrt(rng.chisquare(N - rows[3:]))
    bands[1, 2 : min(K, d)] = rng.standard_normal(max(min(K, d) - 2, 0))
    bands[2, 1 : min(K, d - 1)] = rng.standard_normal(max(min(K, d - 1) - 1, 0))
    bands[3, : min(K, others)] = np.sqrt(rng.chisquare(others - rows[: min(K, others)]))
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
    """The same w as X'(XX' + penalty I)^{-1} y, without its last entries, which are 0 where X has K + 2 < d columns."""
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


def _split(length: float, dimensions: int, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a vector of the given length in uniform direction; return its first coordinate and the others' length."""
    first = rng.standard_normal()
    others = np.sqrt(rng.chisquare(dimensions - 1)) if dimensions > 1 else 0.0
    whole = np.hypot(first, others)
    return float(length * first / whole), float(length * others / whole)
