"""Rates of practice in closed form, once a classifier is good: the sine s of its angle to the truth tends to 0.

**Selection that forgets.** A round of n rows per dimension with |<x, w>|/|w| <= t is all that the next fit sees. As
s -> 0 with band = t/s fixed, a row has <x, w_0> = s (band U + g) with U uniform on [-1, 1]; g, the coordinate of the
row along the error of w, and all others are N(0, 1); y = sign(band U + g). With Y = E[y U] and B = E[y g],

    Y = erf(band/sqrt 2)/2 - P(chi2_3 <= band^2)/(2 band^2),    B = erf(band/sqrt 2)/band    (1)

ridge regression gives <x, w_0> the coefficient A/s, g the coefficient B - A, and noise to all others:

    A = band Y/(band^2/3 + nu n/(n - 1)),    nu = ridge/s^2    (2)
    V = 1 - B^2 - 2 A band Y + A^2 band^2/3    (residual variance)    (3)
    s_next/s = sqrt((B - A)^2 + V/(n - 1))/A    (4)

The d other coordinates fit 1/n of every column, hence n/(n - 1). Wrong labels, a share `flips`: A, B and Y become
(1 - 2 flips) times as large. With a narrow band and no ridge, (4) is

    s_next/s = sqrt((pi/(2 (1 - 2 flips)^2) - 1)/(n - 1))    (5)

Per row, rounds of n = 3.4 are the fastest with true labels: the angle halves every 3.3 d rows. With a share of wrong
labels practice stays exponential, in rounds of more than pi/(2 (1 - 2 flips)^2) d rows.

**Selection that keeps everything.** Pools grow by the factor g each round, to N, and the band of a round is
proportional to N^-alpha, alpha < 1/2. The slope of <x, w_0> is then A = c/t of the newest round, and a later error
repeats the earlier ones, which its rows were kept along:

    c = 1.5 g^-alpha (1 - g^(2 alpha - 1))/(1 - g^(alpha - 1))    (6)
    1 = (1 - 1/g) (g^gamma/(1 - g^(gamma - 1)) - g^beta/(c (1 - g^(beta - 1)))),    gamma = alpha + beta    (7)

The error falls as N^-gamma with the root beta of (7), or with beta = 1/2, fresh noise alone, if that is smaller.
These are limits of the equations in `rmt.practice.recursion`, which tests compare with them.
"""

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf, gammainc

from rmt._check import Array, Values, number, require

__all__ = ["accumulation_exponent", "contraction", "noise_floor", "selection_floor"]

_BANDS = (np.log(1e-3), np.log(30.0))  # of the search for the best band
_PENALTIES = (1e-12, 1e3)


def contraction(band: Values, rows: Values, *, penalty: Values = 0.0, flips: Values = 0.0) -> Array:
    """Return s_next/s by equation (4), the factor by which one round of selection shrinks the classifier's angle.

    Args:
        band: half-width t of the band of kept rows over the sine s, > 0; keep-hard has p = sqrt(2/pi) band s.
        rows: rows per dimension of the round, n > 1.
        penalty: ridge/s^2, >= 0.
        flips: share of wrong labels, in [0, 1/2).

    Returns:
        The factor, in the shape of the broadcast arguments; above 1 the round makes the classifier worse.

    Accuracy: rounding; the limit s -> 0 is reached within 1 % at s = .1.

    Raises:
        ValueError: an argument out of its range.

    >>> contraction([1e-3, 1.0, 3.0], 4.0).round(4).tolist()
    [0.4362, 0.4798, 0.7503]
    """
    where = "rmt.practice.contraction"
    tau, n, nu, share = (np.asarray(value, dtype=float) for value in (band, rows, penalty, flips))
    require(tau > 0, where, "band", tau, "numbers > 0", "pass the half-width of the band over the sine")
    require(n > 1, where, "rows", n, "numbers > 1", "pass rows per dimension: d rows or fewer fit any labels")
    require(nu >= 0, where, "penalty", nu, "numbers >= 0", "pass ridge/sin^2")
    require((share >= 0) & (share < 0.5), where, "flips", share, "shares in [0, 1/2)", "pass the share of wrong labels")
    right, inside = 1 - 2 * share, erf(tau / np.sqrt(2))
    Y = right * (inside - gammainc(1.5, tau**2 / 2) / tau**2) / 2
    B = right * inside / tau
    A = tau * Y / (tau**2 / 3 + nu * n / (n - 1))
    V = 1 - B**2 - 2 * A * tau * Y + A**2 * tau**2 / 3
    return np.asarray(np.sqrt((B - A) ** 2 + V / (n - 1)) / A)[()]


def selection_floor(rows: float, ridge: float, *, flips: float = 0.0) -> float:
    """Return the error rate at which selection with replacement stops: the best band has `contraction` 1 there.

    The floor is proportional to the square root of the ridge: (4) depends on it through ridge/s^2 alone.

    Args:
        rows: rows per dimension of a round, > 1.
        ridge: penalty per row, > 0.
        flips: share of wrong labels, in [0, 1/2).

    Raises:
        ValueError: an argument out of its range, or so few rows that no band improves any classifier.

    >>> f"{selection_floor(4.0, 1e-6):.3g}"
    '0.000367'
    """
    where = "rmt.practice.selection_floor"
    lam = number(where, "ridge", ridge)
    require(lam > 0, where, "ridge", lam, "numbers > 0", "pass the penalty per row")

    def best(log_penalty: float) -> float:
        penalty = np.exp(log_penalty)
        search = minimize_scalar(
            lambda t: float(contraction(np.exp(t), rows, penalty=penalty, flips=flips)), bounds=_BANDS, method="bounded"
        )
        return float(np.log(search.fun))

    low, high = np.log(_PENALTIES)
    if best(low) >= 0:
        raise ValueError(
            f"{where}: got {rows} rows per dimension with {flips} of the labels wrong; allowed more than "
            f"{np.pi / (2 * (1 - 2 * flips) ** 2):.3g}; do make larger rounds"
        )
    return float(np.arcsin(np.sqrt(lam / np.exp(brentq(best, low, high)))) / np.pi)


def noise_floor(
    spread: float, mean: float, rows: float, ridge: float, *, flips: float = 0.0, bulk: float = 1.0
) -> float:
    """Return the error rate arctan(s)/pi at which rows of a fixed distance to the boundary stop every learner.

    With S = E[x_0^2], b = E[y x_0] along the truth and c^2 the variance along all other directions, a fit on n rows
    per dimension has A = (1 - 2 flips) b/(S + ridge n/(n - 1)) along the truth and noise across it:
    s = sqrt((1 - 2 A (1 - 2 flips) b + A^2 S)/(c^2 (n - 1)))/A. Guided samples, which keep a distance to the boundary
    because the sampler's last steps push them off it, end there.

    Args:
        spread, mean, bulk: S, b > 0 and c^2 of the rows, e.g. of `additions.plane_moments` at a cosine near 1.
        rows: rows per dimension that a fit sees, n > 1.
        ridge: penalty per row, >= 0.
        flips: share of wrong labels, in [0, 1/2).

    Accuracy: the rows' dependence on the direction that they are made along is left out: 1 % of the limit of
    `learning_curve` for ridge 1e-6 and below with the guided practice of experiments/law_of_practice.toml.

    Raises:
        ValueError: an argument out of its range.

    >>> f"{noise_floor(1e-6, 1e-3, 8, 1e-6):.2g}"  # all rows 1e-3 from the boundary: only the ridge leaves residuals
    '0.00014'
    """
    where = "rmt.practice.noise_floor"
    S, b, n, lam, wrong, c2 = (
        number(where, name, value)
        for name, value in (
            ("spread", spread), ("mean", mean), ("rows", rows), ("ridge", ridge), ("flips", flips), ("bulk", bulk),
        )
    )  # fmt: skip
    require(b > 0 and b**2 * (1 - 1e-9) <= S, where, "mean", b, "numbers in (0, sqrt(spread)]", "pass E[y x_0]")
    require(n > 1, where, "rows", n, "numbers > 1", "pass rows per dimension of a fit")
    require(lam >= 0 and c2 > 0, where, "ridge, bulk", (lam, c2), "ridge >= 0, bulk > 0", "pass a penalty, a variance")
    require(0 <= wrong < 0.5, where, "flips", wrong, "shares in [0, 1/2)", "pass the share of wrong labels")
    signal = (1 - 2 * wrong) * b
    A = signal / (S + lam * n / (n - 1))
    residual = max(1 - 2 * A * signal + A**2 * S, 0.0)
    return float(np.arctan(np.sqrt(residual / (c2 * (n - 1))) / A) / np.pi)


def accumulation_exponent(narrowing: float, growth: float) -> float:
    """Return gamma of error ~ N^-gamma by equations (6) and (7), where the band of a growing pool narrows as N^-alpha.

    Args:
        narrowing: alpha in [0, 1/2); 0 keeps a constant fraction of the candidates.
        growth: factor of the pool's size from one fit to the next, g > 1.

    Returns:
        gamma: 1/2 at alpha = 0, 1 as alpha -> 1/2, below alpha + 1/2 between.

    Raises:
        ValueError: an argument out of its range.

    >>> [round(accumulation_exponent(alpha, 1.5), 3) for alpha in (0.0, 0.25, 0.4, 0.49)]
    [0.5, 0.579, 0.744, 0.97]
    """
    where = "rmt.practice.accumulation_exponent"
    alpha, g = number(where, "narrowing", narrowing), number(where, "growth", growth)
    require(0 <= alpha < 0.5, where, "narrowing", alpha, "numbers in [0, 1/2)", "pass the exponent of the band")
    require(g > 1, where, "growth", g, "numbers > 1", "pass the ratio of successive pool sizes")
    c = 1.5 * g**-alpha * (1 - g ** (2 * alpha - 1)) / (1 - g ** (alpha - 1))

    def gap(beta: float) -> float:
        repeated = g ** (alpha + beta) / (1 - g ** (alpha + beta - 1)) - g**beta / (c * (1 - g ** (beta - 1)))
        return float((1 - 1 / g) * repeated - 1)

    if alpha == 0 or gap(0.5) < 0:
        return alpha + 0.5
    return alpha + float(brentq(gap, 0.0, 0.5))
