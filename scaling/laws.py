"""Fit power laws of the error to scaling curves, with bootstrap intervals over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from scaling._check import Floats, generator, in_range, real, whole
from scaling.bootstrap import Interval, levels

_LEAST_ERROR = 1e-15  # least error to fit
_LARGEST = 1e30  # largest size to fit, and one over the least


class PowerLaw(NamedTuple):
    """error(n) = floor + scale * n^-exponent, each with its interval, and whether the optimiser converged."""

    floor: Interval
    scale: Interval
    exponent: Interval
    converged: bool


def fit_power_law(
    sizes: ArrayLike, errors: ArrayLike, *, rng: np.random.Generator, confidence: float = 0.95, resamples: int = 200
) -> PowerLaw:
    """Fit error = floor + scale * n^-exponent by robust least squares on log error (Huber beyond 5 %), floor >= 0.

    `sizes` (K >= 4,), `errors` (seeds >= 2, K) in [1e-15, 1). Intervals are bootstraps over seeds: a seed's whole curve
    is drawn at once, since its sizes share data. Floor and exponent trade against each other: quote the interval, not
    the value alone. Raises ValueError for other shapes, numbers without a logarithm and fewer than 4 different sizes.
    """
    where = "scaling.fit_power_law"
    n, samples = real(where, "sizes", sizes), real(where, "errors", errors)
    generator(where, rng)
    whole(where, "resamples", resamples, 1)
    if samples.ndim != 2 or len(samples) < 2 or samples.shape[1:] != n.shape or n.size < 4:
        raise ValueError(
            f"{where}: got sizes {n.shape}, errors {samples.shape}; allowed (K >= 4,) and (seeds >= 2, K); "
            "do give one row per seed"
        )
    if not (_LEAST_ERROR <= samples.min() <= samples.max() < 1 and 1 / _LARGEST <= n.min() <= n.max() <= _LARGEST):
        raise ValueError(
            f"{where}: got errors from {samples.min()} to {samples.max()}, sizes from {n.min()} to {n.max()}; allowed "
            f"errors in (0, 1), at least {_LEAST_ERROR:g}, and sizes > 0, from {1 / _LARGEST:g} to {_LARGEST:g}; do "
            "leave out sizes without errors"
        )
    different = len(np.unique(np.log(n)))
    if different < 4:
        raise ValueError(f"{where}: got {different} different sizes; allowed at least 4; do measure more sizes")
    with np.errstate(all="ignore"):  # overflows show in the results
        best, converged = _fit_curve(n, samples.mean(axis=0))
        draws = rng.integers(len(samples), size=(resamples, len(samples)))  # (R, S)
        refits = [_fit_curve(n, samples[draw].mean(axis=0))[0] for draw in draws]
    in_range(where, best, refits)
    low, high = np.quantile(refits, levels(confidence, len(samples)), axis=0)  # (3,), (3,)
    floor, scale, exponent = (Interval(*map(float, triple)) for triple in zip(best, low, high, strict=True))
    return PowerLaw(floor, scale, exponent, converged)


def _fit_curve(n: Floats, error: Floats) -> tuple[Sequence[float], bool]:
    """Fit (floor, scale, exponent) to one curve, and say whether it converged; log n is centred for a benign start."""
    log_n, centre = np.log(n), float(np.log(n).mean())

    def residuals(parameters: Floats) -> Floats:
        floor, log_scale, exponent = parameters
        return np.log(floor + np.exp(log_scale - exponent * (log_n - centre))) - np.log(error)

    start = (0.5 * error.min(), float(np.log(error.mean())), 0.5)
    bounds = ([0.0, -np.inf, 0.0], [float(error.min()), np.inf, np.inf])
    fit = least_squares(residuals, start, bounds=bounds, loss="huber", f_scale=0.05, x_scale=(error.min(), 1.0, 0.5))
    floor, log_scale, exponent = fit.x
    return (floor, np.exp(log_scale + exponent * centre), exponent), bool(fit.success)
