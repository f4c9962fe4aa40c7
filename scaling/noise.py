"""Average measured curves over seeds, and describe the noise of the averages.

Standard errors of a few seeds are noisy themselves, so each is drawn towards their trend over the sizes, as limma does
for gene expression (Smyth 2004).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

from scaling._check import Floats, finite, in_range, whole

Direction = Literal["up", "down"]

SMALLEST, LARGEST = 1e-15, 1e15  # errors and sizes of which powers stay far from the limits of double precision
_CLEAR = 2.0  # standard errors by which curves rise or fall
_PRIOR = 4.0  # degrees of freedom of the trend of the variances, as many as four more seeds have
_LEAST = 1e-9  # least standard error relative to y: exact numbers keep a finite weight


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Averages y at K sizes x in increasing order, and their noise.

    Noise is `deviations` (M, K): y + g @ deviations with independent standard normal g (M,) has the covariance of the
    averages; with seeds, a row is the curve of one seed, since its sizes share data. `dof` is the number of degrees of
    freedom of the noise, infinite where standard errors were given. Without any noise, M = 0. n_seeds: 0 if unknown.
    """

    x: Floats
    y: Floats
    deviations: Floats
    dof: float
    n_seeds: int

    @property
    def stderr(self) -> Floats:
        """Standard errors of the averages, (K,)."""
        stderr: Floats = np.sqrt(np.sum(self.deviations**2, axis=0))
        return stderr

    def part(self, keep: Any) -> Curve:
        """Return the curve at some of its sizes, given by an index."""
        return replace(self, x=self.x[keep], y=self.y[keep], deviations=self.deviations[:, keep])

    def resampled(self, resamples: int, rng: np.random.Generator) -> Floats:
        """Draw curves from the noise, (resamples, K), with the t tails of its degrees of freedom."""
        g = rng.standard_normal((resamples, len(self.deviations)))
        if np.isfinite(self.dof):
            g *= np.sqrt(self.dof / rng.chisquare(self.dof, (resamples, 1)))
        drawn: Floats = self.y + g @ self.deviations
        return drawn


def curve(where: str, x: ArrayLike, y: ArrayLike, stderr: ArrayLike | None = None, n_seeds: int | None = None) -> Curve:
    """Check measurements and average them over seeds.

    x (K,) > 0 in any order; y (seeds, K), or (K,) with the standard errors `stderr` (K,) of averages over `n_seeds`, if
    that is known, or without any. Raises ValueError for other shapes, and for numbers that are not finite.
    """
    sizes, values = finite(where, x=x, y=y)
    if sizes.ndim != 1 or values.ndim not in (1, 2) or values.shape[-1:] != sizes.shape or not values.size:
        raise ValueError(
            f"{where}: got x {sizes.shape}, y {values.shape}; allowed (K,) and (K,) or (seeds, K); "
            "do give one row per seed"
        )
    if not 1 / LARGEST <= sizes.min() <= sizes.max() <= LARGEST:
        raise ValueError(
            f"{where}: got x from {sizes.min():g} to {sizes.max():g}; allowed x > 0, from {1 / LARGEST:g} to "
            f"{LARGEST:g}; do change its unit"
        )
    if np.abs(values).max() > LARGEST:
        raise ValueError(
            f"{where}: got y up to {np.abs(values).max():g}; allowed up to {LARGEST:g}; do change its unit"
        )
    if n_seeds is not None and whole(where, "n_seeds", n_seeds, 2) and stderr is None:
        raise ValueError(f"{where}: got n_seeds without stderr; allowed both; do give the standard errors")
    order = np.argsort(sizes, kind="stable")
    sizes, values = sizes[order], values[..., order]
    if stderr is not None:
        (given,) = finite(where, stderr=stderr)
        if values.ndim != 1 or given.shape != sizes.shape or given.min() < 0:
            raise ValueError(
                f"{where}: got stderr {given.shape} for y {values.shape}; allowed numbers >= 0, one for each average; "
                "do leave it out where y has a row per seed"
            )
        noise = np.diag(np.maximum(given[order], _LEAST * np.abs(values)))
        return Curve(x=sizes, y=values, deviations=noise, dof=float(n_seeds or np.inf), n_seeds=n_seeds or 0)
    if values.ndim == 1 or len(values) == 1:
        average = values.reshape(-1)
        return Curve(x=sizes, y=average, deviations=np.zeros((0, len(sizes))), dof=np.inf, n_seeds=1)
    average = values.mean(axis=0)
    deviations = _moderated(sizes, values - average, _LEAST * np.abs(average))
    in_range(where, deviations)
    return Curve(x=sizes, y=average, deviations=deviations, dof=float(len(values)), n_seeds=len(values))


def sense(where: str, *curves: Curve) -> Direction:
    """Return "up" or "down", as the curves run over log x; ValueError where they do neither beyond their noise."""
    runs = [np.log(c.x) - np.log(c.x).mean() for c in curves]
    slope = sum(float(u @ c.y) for u, c in zip(runs, curves, strict=True))
    noise = sum(float(np.sum((c.deviations @ u) ** 2)) for u, c in zip(runs, curves, strict=True)) ** 0.5
    rounding = 1e-12 * max(float(np.abs(c.y).max()) for c in curves)
    if abs(slope) <= max(rounding, _CLEAR * noise):
        raise ValueError(
            f"{where}: got curves that neither rise nor fall beyond their noise; allowed direction 'up' (accuracy) or "
            "'down' (loss); do name it"
        )
    return "up" if slope > 0 else "down"


def _moderated(x: Floats, centred: Floats, least: Floats) -> Floats:
    """Scale the seeds' deviations (S, K) from their mean so that their squares sum to moderated variances of the mean.

    With nu = S - 1 and v_k the variance of the mean at size k, these are (nu v_k + 4 trend_k) / (nu + 4), where log
    trend is the straight line in log x through log v_k - (digamma(nu/2) - log(nu/2)).
    """
    n_seeds = len(centred)
    nu = n_seeds - 1
    raw = np.maximum(np.sum(centred**2, axis=0), least**2)
    variance = raw / (nu * n_seeds)
    log_v = np.log(np.maximum(variance, 1e-300)) - (digamma(nu / 2) - np.log(nu / 2))
    u = np.log(x) - np.log(x).mean()
    slope = u @ log_v / (u @ u) if u @ u > 0 else 0.0
    moderated = (nu * variance + _PRIOR * np.exp(log_v.mean() + slope * u)) / (nu + _PRIOR)
    scaled = centred * np.sqrt(moderated / np.maximum(raw, 1e-300))
    missing = moderated - np.sum(scaled**2, axis=0)  # of sizes at which all seeds agree
    return np.concatenate([scaled, np.diag(np.sqrt(np.maximum(missing, 0.0)))])
