"""Measure how far a form is from the curve it was fitted to, beyond the noise of the averages.

A wrong form misses smoothly: its residuals rise and fall together, and most of the miss is hidden, since the parameters
follow it. The misfit is therefore modelled as tau e(x) times a Gaussian process in log x with correlation
exp(-(v - v')^2 / 2), v = log x / (share of the range of log x). tau follows from the residuals by the moments of the
statistic that is most sensitive to such a process.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2, f

from scaling._check import Floats

CORRELATED = 0.5  # correlation length as a share of the fitted range of log x
_JITTER = 1e-9  # on the diagonal of a smooth correlation matrix, which is nearly singular
_LARGEST = 20.0  # tau in units of the residuals' relative root mean square: what they hide of it is not known better
_CAUTION = 0.35  # quantile of chi^2 that stands for the misfit's visible share; its median would be too bold (`grade`)


def correlation(x: Floats) -> Floats:
    """Return the correlation matrix of the misfit at the sizes, (K, K)."""
    v = np.log(x) / (CORRELATED * np.log(x.max() / x.min()))
    matrix: Floats = np.exp(-0.5 * (v[:, None] - v) ** 2)
    return matrix


def drawn(x: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Draw misfits of unit size at the fitted sizes, (resamples, K)."""
    root = np.linalg.cholesky(correlation(x) + _JITTER * np.eye(len(x)))
    draws: Floats = rng.standard_normal((resamples, len(x))) @ root.T
    return draws


def unfollowed(jacobian: Floats, weights: Floats) -> Floats:
    """Return the projector (K, K) onto weighted residuals that no small change of the parameters can follow."""
    q, singular, _ = np.linalg.svd(jacobian * np.sqrt(weights)[:, None], full_matrices=False)
    q = q[:, singular > 1e-10 * max(singular.max(initial=0), 1e-300)]
    return np.eye(len(weights)) - q @ q.T


def amplitude(
    residual: Floats, fitted: Floats, jacobian: Floats, weights: Floats, deviations: Floats, dof: float, shape: Floats
) -> float:
    """Estimate tau^2 of the misfit, whose covariance is tau^2 e_k `shape`_kl e_l with the fitted errors e.

    With z the weighted residuals that the parameters cannot follow, A the weighted covariance for tau = 1 there, and C
    that of the noise: E[z' A z] = tr(A C) + tau^2 tr(A A). The noise's share is subtracted at the median of its F
    distribution, and the rest divided by a quantile of chi^2 / nu, with nu = tr(A)^2 / tr(A A) degrees of freedom.
    """
    root = np.sqrt(weights)
    misfit = fitted[:, None] * shape * fitted
    clear = unfollowed(jacobian, weights)
    A = clear @ (root[:, None] * misfit * root) @ clear
    z = clear @ (root * residual)
    noise = (deviations * root) @ clear  # (M, K)
    square = float(np.sum(A * A))
    if square <= 1e-24 * float(np.sum((root[:, None] * misfit * root) ** 2)):
        return 0.0
    nu = np.trace(A) ** 2 / square
    expected = np.sum((noise @ A) * noise) * (f.ppf(0.5, nu, 3 * dof) if np.isfinite(dof) else chi2.ppf(0.5, nu) / nu)
    tau2 = float((z @ A @ z - expected) / square / (chi2.ppf(_CAUTION, nu) / nu))
    return float(np.clip(tau2, 0.0, _LARGEST**2 * np.mean((residual / fitted) ** 2)))
