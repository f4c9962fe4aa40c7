"""Pools whose most certain rows retire: the cavity equations with expectations over sampled rows.

After fit k, the share `Retire.share` of the rows in use with the largest |<x_i, w_k>| leaves the pool for good. Whether
a row is in use, v_k in {0, 1}, then depends on its residuals in earlier fits, so that expectations over rows are no
second moments of Gaussians. They stay expectations over one row: a row of round r is its label y, its coordinates x_V
in the plane of w_0 and w_r, and projections g_l = c <z, w_l> on the later classifiers, which are Gaussian before the
row is trained on, with covariance Gamma_lm = c^2 (R_lm - Q_l'Q_m). With e_k = y - <x, w_k> after fit k, F_k = v_k e_k,

    e_k (1 + c^2 chi_kk v_k) = y - x_V'Q_k - g_k - c^2 sum_{j<k} chi_kj F_j                             (1)
    E_r[F_k g_l] = sum_m Gamma_lm s_km,    s_kk = -E_r[v_k]/(1 + c^2 chi_kk)        (Stein's lemma)     (2)
    t_r^k = E_r[F_k x_V] - c^2 sum_l s_kl Q_l,    sigma_kl = sum_r n_r c_r^2 E_r[F_k F_l]               (3)
    h_kj = lam n_k 1{j = k} - sum_r n_r c_r^2 s_kj - n_j (t_j^k)_2/(|w_j| sin_j) 1{j < k}               (4)

replace the closed forms of `rmt.practice.recursion`, whose equations (6) hold as they are. Given v_k, F_k is affine in
the unknowns chi_kj, R_0k and R_jk, so that one Gram matrix of (y, x_V, g_l, F_l) over the sampled rows in use gives all
coefficients. Then g_k and e_k are drawn, and rows retire.
"""

from dataclasses import dataclass

import numpy as np

from rmt._check import Array, number, require, whole
from rmt.practice.recursion import Fits, grow, marchenko_pastur, solve_affine

__all__ = ["Retire", "SampledRound", "add_sampled_fit", "retire"]


@dataclass(frozen=True)
class Retire:
    """Weights of a pool from which, after every fit, the rows that it is most certain of are dropped.

    Args:
        share: share of the rows in use, those of largest |<x_i, w_k>|, that leave before the next round is added; in
            [0, 1). All of them: weights="replace".
        sample: number of sampled rows of each round, 1,000 to 10^7. Without retirement the accuracies agree with the
            closed form within standard errors of .0001 (8 repeats of 200,000 rows).
        repeats: independent samples, >= 2, whose spread gives the standard error: Student's t, repeats - 1 degrees.
        seed: of the samples, a whole number >= 0.
    """

    share: float
    sample: int = 50_000
    repeats: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        where = "rmt.practice.Retire"
        share = number(where, "share", self.share)
        require(0 <= share < 1, where, "share", share, "numbers in [0, 1)", "pass weights='replace' to drop all rows")
        whole(where, "sample", self.sample, 1000, "sample more rows")
        require(self.sample <= 10**7, where, "sample", self.sample, "at most 10^7", "raise repeats instead")
        whole(where, "repeats", self.repeats, 2, "ask for more (an error bar needs two)")
        whole(where, "seed", self.seed, 0, "pass a seed")


@dataclass
class SampledRound:
    """The rows of a round that are in use, out of `sampled`: labels y (N,), plane coordinates x (N, 2).

    `g` and `F` have one column per fit after the round. The round has n rows per dimension, with off-plane variance c2.
    `inverse` and `cotangent` are those of `recursion.Rounds`.
    """

    sampled: int
    n: float
    c2: float
    inverse: float
    cotangent: float
    y: Array
    x: Array
    g: Array
    F: Array

    def columns(self) -> Array:
        """Return (y, x_V, g_l, F_l), shape (N, 3 + 2m), m the number of fits since the round."""
        return np.column_stack([self.y, self.x, self.g, self.F])

    @property
    def share(self) -> float:
        """E[v]: share of the round's rows that are in use."""
        return len(self.y) / self.sampled


def retire(rounds: list[SampledRound], share: float) -> None:
    """Drop the given share of all rows in use: those of largest |<x, w_k>| = |y - F_k|, k the latest fit."""
    certainty = [np.abs(part.y - part.F[:, -1]) for part in rounds]
    weight = np.concatenate([np.full(len(part.y), part.n / part.sampled) for part in rounds])
    pooled = np.concatenate(certainty)
    order = np.argsort(-pooled)
    count = int(np.searchsorted(np.cumsum(weight[order]), share * weight.sum()))
    threshold = pooled[order[count - 1]] if count else np.inf
    for part, margins in zip(rounds, certainty, strict=True):
        stays = margins < threshold
        part.y, part.x, part.g, part.F = (rows[stays] for rows in (part.y, part.x, part.g, part.F))


def add_sampled_fit(fits: Fits, rounds: list[SampledRound], ridge: float, rng: np.random.Generator) -> Fits:
    """Solve fit k = len(rounds) by sampled expectations, and draw g_k and F_k of every row in use."""
    R, k = fits.R, len(rounds)
    n = np.array([part.n * part.share for part in rounds])
    c2 = np.array([part.c2 for part in rounds])
    penalty = ridge * n.sum()
    chi_kk = float(marchenko_pastur(np, penalty, n, c2))
    unit = np.eye(2 * k)  # affine forms, as in `recursion.next_fit`
    chi_k, R_k, one = unit[: k - 1], unit[k - 1 : -1], unit[-1]
    h, f, sigma = np.zeros((k - 1, 2 * k)), np.zeros(2 * k), np.zeros((k - 1, 2 * k))
    residuals, regressions, slopes = [], [], []
    for r, part in enumerate(rounds):
        later = slice(r, k - 1)  # fits r + 1 to k - 1, which the round's rows were trained on
        scale = 1 / (1 + part.c2 * chi_kk)
        Q, Q_k, gamma = _plane(part, r, R)
        Q_k = Q_k @ R_k  # (2, 2k)
        gamma_k = part.c2 * (R_k[1:][later] - Q[:, later].T @ Q_k)
        regression = np.linalg.solve(gamma, gamma_k)  # (m, 2k): g_k = regression' g + own noise
        residual = np.concatenate([one[None], -Q_k, -regression, -part.c2 * chi_k[later]])  # (3 + 2m, 2k)
        columns = part.columns()
        moments = scale * (columns.T @ columns / part.sampled) @ residual  # E[F_k column]
        m = len(gamma)
        s_kk = -part.share * scale
        s = np.linalg.solve(gamma, moments[3 : 3 + m]) - s_kk * regression
        t = moments[1:3] - part.c2 * (Q[:, later] @ s + s_kk * Q_k)
        h[later] -= part.n * part.c2 * s
        if r:
            h[r - 1] -= part.n * part.inverse * t[1]
        f += part.n * (t[0] - part.cotangent * t[1])
        sigma[later] += part.n * part.c2 * moments[3 + m :]
        residuals.append(residual)
        regressions.append(regression)
        slopes.append(scale)
    h_kk = penalty + float(np.sum(n * c2 * np.array(slopes)))
    solution = solve_affine(np, fits, h_kk, h, f, sigma)
    h, f, sigma, R_k, chi_k = (form @ solution for form in (h, f, sigma, R_k, chi_k))
    residuals = [form @ solution for form in residuals]
    regressions = [form @ solution for form in regressions]

    known, slope = 0.0, 0.0  # sigma_kk = known + slope R_kk
    explained = []  # c^2 |Q_k|^2 + the part of g_k's variance that g_l explain
    for r, (part, residual, regression, scale) in enumerate(zip(rounds, residuals, regressions, slopes, strict=True)):
        _, to_plane, gamma = _plane(part, r, R)
        explained.append(part.c2 * float(np.sum((to_plane @ R_k) ** 2)) + float(regression @ gamma @ regression))
        fitted = part.columns() @ residual
        weight = part.n * part.c2 * scale**2
        known += weight * (float(fitted @ fitted) / part.sampled - part.share * explained[-1])
        slope += weight * part.share * part.c2
    right = f * R_k[0] - h @ R_k[1:] + chi_k @ sigma + chi_kk * known
    R_kk = float(right / (h_kk - chi_kk * slope))
    for part, residual, regression, scale, less in zip(rounds, residuals, regressions, slopes, explained, strict=True):
        own = np.sqrt(max(part.c2 * R_kk - less, 0.0)) * rng.standard_normal(len(part.y))
        new_F = scale * (part.columns() @ residual - own)
        part.g = np.column_stack([part.g, part.g @ regression + own])
        part.F = np.column_stack([part.F, new_F])
    return grow(fits, np.append(R_k, R_kk), np.append(chi_k, chi_kk))


def _plane(part: SampledRound, r: int, R: Array) -> tuple[Array, Array, Array]:
    """Return Q (2, k-1) of the earlier fits, the matrix P (2, k) with Q_k = P R_k, and Gamma of the fits after round r.

    R_k = (R_0k, R_1k, ..., R_k-1,k).
    """
    to_plane = np.zeros((2, len(R)))
    to_plane[0, 0] = 1.0
    if r:
        to_plane[1, 0], to_plane[1, r] = -part.cotangent, part.inverse
    Q = to_plane @ R[:, 1:]
    after = Q[:, r:]
    return Q, to_plane, part.c2 * (R[r + 1 :, r + 1 :] - after.T @ after)
