"""The Marchenko-Pastur law of the pruned sample covariance: m(-lam) and its derivative."""

from typing import NamedTuple

import numpy as np

from rmt._check import Array, Values

__all__ = ["Spectral", "spectral"]


class Spectral(NamedTuple):
    """m(z), m'(z) and delta = phi m(z) at z = -lam."""

    m: Array
    m_prime: Array
    delta: Array


def spectral(p: Values, phi: Values, lam: Values) -> Spectral:
    """m = 2 / (b + sqrt(b^2 + 4 phi lam)), b = p + lam - phi: Stieltjes transform of the pruned covariance at z = -lam.

    Lemma 3 of arXiv 2502.15588: m is the positive root of 1/m = p/(1 + phi m) + lam, the limit of
    tr (X'DX/n + lam I)^{-1} / d. For b < 0 the same root is (|b| + sqrt(b^2 + 4 phi lam)) / (2 phi lam), so nothing is
    subtracted but p - phi. Differentiating the equation in z and using p/(1 + phi m) = 1/m - lam twice gives, without
    a subtraction,

        m' = m^2 (1 + delta) / (1 + lam m delta),    delta = phi m.

    Args:
        p: keep fraction, in (0, 1].
        phi: d / n, > 0.
        lam: ridge penalty, > 0.
        All broadcast.

    Limits: lam -> 0 gives m -> 1/(p - phi) for phi < p and lam m -> 1 - p/phi for phi > p; lam -> inf gives lam m -> 1.
    Accuracy: rounding; within sqrt(phi lam) of the threshold p = phi this includes the rounding of p - phi.

    >>> m, m_prime, _ = spectral(1.0, 0.5, 1e-12)
    >>> round(float(m), 9), round(float(m_prime), 9)
    (2.0, 8.0)
    """
    p, phi, lam = np.asarray(p), np.asarray(phi), np.asarray(lam)
    b = (p - phi) + lam
    total = np.abs(b) + np.hypot(b, 2 * np.sqrt(phi) * np.sqrt(lam))
    m = np.where(b >= 0, 2 / total, total / 2 / phi / lam)
    delta = phi * m
    return Spectral(m, m**2 * (1 + delta) / (1 + lam * m * delta), delta)
