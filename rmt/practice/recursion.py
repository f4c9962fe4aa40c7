"""The cavity equations of a growing pool, one fit at a time; every new overlap solves a linear equation.

Rounds r = 0, 1, ... of n_r rows per dimension, fits k = 1, 2, ...; round r >= 1 is made along w_r, the classifier of
fit r, and enters through S_r, b_r, c_r (`rmt.practice.additions`). Fit k weighs rows of round r with v_kr,

    lam N_k w_k = sum_i v_kr(i) x_i (y_i - <x_i, w_k>),    N_k = d n_k,    n_k = sum_r v_kr n_r.    (1)

The unknown limits are the overlaps R_jk = <w_j, w_k> (index 0 is the truth) and the memories chi_kj, the response of
fit k to a field on fit j. With D_r = diag_k(v_kr), all matrices lower triangular in (fit, fit):

    L^r = D_r (I + c_r^2 chi D_r)^{-1},    M^r_lm = 1 - b_r'(Q_l + Q_m) + c_r^2 R_lm + Q_l' (S_r - c_r^2 I) Q_m    (2)
    Q_l = (R_0l, (R_rl/|w_r| - cos_r R_0l)/sin_r),     t_r^k = sum_l L^r_kl (b_r - (S_r - c_r^2 I) Q_l)    (3)
    h_kj = lam n_k 1{j = k} + sum_r n_r c_r^2 L^r_kj - n_j (t_j^k)_2/(|w_j| sin_j) 1{j < k}    (4)
    f_k = sum_r n_r ((t_r^k)_1 - (t_r^k)_2 cos_r/sin_r),     sigma_kl = sum_r n_r c_r^2 (L^r M^r L^r')_kl    (5)
    h chi = I,     sum_j h_kj R_0j = f_k,     sum_m h_km R_mj = f_k R_0j + sum_l chi_jl sigma_kl  (j <= k)    (6)

Fit k adds row k to chi, R, L and sigma. Its diagonal chi_kk solves the Marchenko-Pastur equation (7) by itself; then
(6) is affine in chi_kj, R_0k and R_jk (j < k), and at last in R_kk. So a quantity is held as the coefficients of these
2k - 1 unknowns and of 1, along a last axis: an affine form.

    lam n_k chi_kk + sum_r n_r c_r^2 v_kr chi_kk/(1 + c_r^2 v_kr chi_kk) = 1    (7)

`next_fit` is written for any array library with NumPy's functions (`xp`): `rmt.practice.curve` runs it in NumPy,
`rmt.sweep` in JAX. Cavity method: not a proof, but the limits agree with simulations of the finite process.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Values = Any  # an array of the library `xp`
Function = Callable[[Values], Values]
Root = Callable[[Function, Function, Values], Values]  # (function, its slope, start) -> a root of the function
NEWTON = 60  # steps of Newton's method for (7), which doubles the digits, or the logarithm, of chi_kk


class Rounds(NamedTuple):
    """The rounds that a fit may see: rows per dimension n (k,), S (k, 2, 2), b (k, 2) and c^2 (k,).

    `inverse` is 1/(|w_r| sin_r) and `cotangent` cos_r/sin_r, shape (k,), both 0 for round 0, which has no direction.
    """

    n: Values
    S: Values
    b: Values
    c2: Values
    inverse: Values
    cotangent: Values


class Fits(NamedTuple):
    """The limits of k fits: overlaps R (k+1, k+1), with the truth at index 0, and memories chi (k, k)."""

    R: Values
    chi: Values


def no_fits() -> Fits:
    """Return the state before the first fit: |w_0| = 1."""
    return Fits(np.ones((1, 1)), np.zeros((0, 0)))


def newton(function: Function, slope: Function, start: Values) -> Values:
    """Find a root of `function` by Newton's method."""
    for _ in range(NEWTON):
        start = start - function(start) / slope(start)
    return start


def add_fit(fits: Fits, rounds: Rounds, weights: Values, ridge: Values) -> Fits:
    """Solve for one more fit, number k, of `rounds` 0 to k - 1 with weights v (k, k): rows are fits, columns rounds."""
    return grow(fits, *next_fit(np, fits, rounds, weights[:-1], weights[-1], ridge))


def grow(fits: Fits, R_k: Values, chi_k: Values) -> Fits:
    """Append a fit with the overlaps (R_0k, ..., R_kk) and memories (chi_k1, ..., chi_kk)."""
    R, chi = fits
    return Fits(np.block([[R, R_k[:-1, None]], [R_k]]), np.block([[chi, np.zeros((len(chi), 1))], [chi_k]]))


def next_fit(
    xp: Any, fits: Fits, rounds: Rounds, old: Values, new: Values, ridge: Values, root: Root = newton
) -> tuple[Values, Values]:
    """Solve for one more fit; return its overlaps (R_0k, ..., R_kk) and memories (chi_k1, ..., chi_kk).

    `old` are the weights (k-1, k) of the earlier fits in the rounds, `new` (k,) those of the fit itself. Arrays may
    have room for fits and rounds that are not there yet: fits without overlaps and memories, and rounds that the fit
    does not weigh, change nothing. `root` finds roots by Newton's method, in the way of the library `xp`.
    """
    n, S, b, c2, inverse, cotangent = rounds
    k, R, chi = len(n), fits.R, fits.chi
    rows = xp.sum(new * n)
    chi_kk = marchenko_pastur(xp, ridge * rows, n, new * c2, root)
    l_kk = new / (1 + c2 * new * chi_kk)  # (k,): L^r_kk
    h_kk = ridge * rows + xp.sum(n * c2 * l_kk)

    unit = xp.eye(2 * k)  # affine forms of chi_k1 ... chi_k,k-1, of R_0k, R_1k ... R_k-1,k, and of 1
    chi_k, R_k, one = unit[: k - 1], unit[k - 1 : -1], unit[-1]
    D = xp.eye(k - 1) * old.T[:, None, :]  # (k, k-1, k-1): D_r of the earlier fits
    L = D @ xp.linalg.inv(xp.eye(k - 1) + c2[:, None, None] * (chi @ D))
    L_k = -(c2 * l_kk)[:, None, None] * (xp.swapaxes(L, 1, 2) @ chi_k)  # (k, k-1, 2k): L^r_kj, j < k, by (2)
    Q = xp.stack([xp.broadcast_to(R[0, 1:], (k, k - 1)), _off_truth(R[:k, 1:], R[0, 1:], inverse, cotangent)], axis=1)
    Q_k = xp.stack([xp.broadcast_to(R_k[0], (k, 2 * k)), _off_truth(R_k, R_k[0], inverse, cotangent)], axis=1)
    excess = S - c2[:, None, None] * xp.eye(2)
    t = (b[:, :, None] - excess @ Q) @ L_k
    t = t + l_kk[:, None, None] * (b[:, :, None] * one - excess @ Q_k)  # (k, 2, 2k)
    h = xp.tensordot(n * c2, L_k, 1) - (n * inverse)[1:, None] * t[1:, 1]  # (k-1, 2k): h_kj, j < k
    f = xp.einsum("r,rf->f", n, t[:, 0] - cotangent[:, None] * t[:, 1])
    bQ, bQ_k = xp.einsum("rc,rcl->rl", b, Q), xp.einsum("rc,rcf->rf", b, Q_k)
    QeQ = xp.swapaxes(Q, 1, 2) @ excess
    M = 1 - bQ[:, :, None] - bQ[:, None, :] + c2[:, None, None] * R[1:, 1:] + QeQ @ Q  # (k, k-1, k-1)
    M_k = (1 - bQ)[:, :, None] * one - bQ_k[:, None, :] + c2[:, None, None] * R_k[1:] + QeQ @ Q_k  # (k, k-1, 2k)
    weighted = (n * c2)[:, None, None] * (M @ xp.swapaxes(L, 1, 2))  # (k, k-1, k-1), by r, j, l
    alone = (n * c2 * l_kk)[:, None, None] * xp.swapaxes(L, 1, 2)
    sigma = xp.tensordot(weighted, L_k, ((0, 1), (0, 1))) + xp.tensordot(alone, M_k, ((0, 1), (0, 1)))  # (k-1, 2k)

    solution = solve_affine(xp, fits, h_kk, h, f, sigma)
    L_k, Q_k, M_k, h, f, sigma, bQ_k, R_k = (form @ solution for form in (L_k, Q_k, M_k, h, f, sigma, bQ_k, R_k))
    own = 1 - 2 * bQ_k + xp.einsum("rc,rcd,rd->r", Q_k, excess, Q_k)  # M^r_kk without its c^2 R_kk
    noise = xp.sum(L_k * (M @ L_k[:, :, None])[:, :, 0], axis=1) + 2 * l_kk * xp.sum(L_k * M_k, axis=1) + l_kk**2 * own
    right = f * R_k[0] - h @ R_k[1:] + solution[: k - 1] @ sigma + chi_kk * xp.sum(n * c2 * noise)
    R_kk = right / (h_kk - chi_kk * xp.sum(n * c2**2 * l_kk**2))
    return xp.append(R_k, R_kk), xp.append(solution[: k - 1], chi_kk)


def solve_affine(xp: Any, fits: Fits, h_kk: Values, h: Values, f: Values, sigma: Values) -> Values:
    """Solve (6) for chi_k1 ... chi_k,k-1, R_0k ... R_k-1,k; return them and a last 1, shape (2k,).

    h (k-1, 2k), f (2k,) and sigma (k-1, 2k) are affine forms of h_kj, f_k and sigma_kl.
    """
    R, chi = fits
    k = len(R)
    unit = xp.eye(2 * k)
    chi_k, R_k = unit[: k - 1], unit[k - 1 : -1]
    equations = xp.concatenate(
        [
            h_kk * chi_k + chi.T @ h,
            (h_kk * R_k[0] - f + R[0, 1:] @ h)[None],
            h_kk * R_k[1:] - R[0, 1:, None] * f + R[1:, 1:].T @ h - chi @ sigma,
        ]
    )  # (2k-1, 2k): affine forms that vanish
    return xp.append(xp.linalg.solve(equations[:, :-1], -equations[:, -1]), 1.0)


def _off_truth(R_r: Values, R_0: Values, inverse: Values, cotangent: Values) -> Values:
    """Return <q_r, w_l> = (R_rl/|w_r| - cos_r R_0l)/sin_r of every round r, 0 for round 0; shape of `R_r`."""
    return inverse[:, None] * R_r - cotangent[:, None] * R_0


def marchenko_pastur(xp: Any, penalty: Values, n: Values, v: Values, root: Root = newton) -> Values:
    """Solve penalty chi + sum_r n_r v_r chi/(1 + v_r chi) = 1 for chi > 0, (7), by Newton's method.

    The left side is concave and rises from 0: Newton's method from chi = 0 rises to the root and never passes it.
    """
    return root(
        lambda chi: penalty * chi + xp.sum(n * v * chi / (1 + v * chi)) - 1,
        lambda chi: penalty + xp.sum(n * v / (1 + v * chi) ** 2),
        0 * penalty,
    )


def direction(xp: Any, along: Values, square: Values) -> tuple[Values, Values, Values]:
    """Return cos and sin of the angle between w and the truth, and the length of w, from <w, w_0> and <w, w>."""
    across = xp.sqrt(xp.maximum(square - along**2, 0.0))
    length = xp.hypot(along, across)
    return along / length, across / length, length
