"""Grade intervals of fits against a known truth, and the fits that most people use, for comparison."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.stats import t

from scaling._check import Floats, finite
from scaling.bootstrap import Interval


class Grade(NamedTuple):
    """Grade of intervals against a known truth: coverage, median error and median half-width in % of the truth."""

    coverage: float
    error: float
    width: float
    hits: tuple[bool, ...]


def grade(intervals: Sequence[Interval], truth: float, scale: float) -> Grade:
    """Compare intervals with the truth; errors and half-widths are in per cent of `scale`.

    Raises ValueError without intervals, and for numbers that are not finite: an open end is an infinite one.

    >>> grade([Interval(1.1, 0.9, 1.3), Interval(1.3, 1.2, 1.4)], 1.0, 2.0)
    Grade(coverage=0.5, error=10.0, width=7.5, hits=(True, False))
    """
    where = "scaling.calibration.grade"
    if not intervals:
        raise ValueError(f"{where}: got no intervals; allowed at least one; do run trials")
    values, true, unit = finite(where, values=[interval.value for interval in intervals], truth=truth, scale=scale)
    hits = tuple(bool(interval.low <= true <= interval.high) for interval in intervals)
    widths = [(interval.high - interval.low) / 2 for interval in intervals]
    error, width = 100 * np.median(np.abs(values - true)) / unit, 100 * np.median(widths) / unit
    return Grade(float(np.mean(hits)), round(float(error), 9), round(float(width), 9), hits)


def by_curve_fit(x: ArrayLike, samples: ArrayLike, at: float) -> tuple[Interval, Interval] | None:
    """Fit floor + scale x^-exponent by `scipy.optimize.curve_fit`; return the floor and y(`at`), 95 % each.

    This is the usual practice: averages with their standard errors as `sigma`, floor >= 0, the covariance of curve_fit
    and Student's t. x (K,), samples (seeds, K). None where curve_fit gives up or has no covariance.
    """
    sizes, values = finite("scaling.calibration.by_curve_fit", x=x, samples=samples)
    error, stderr = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
    u = np.log(sizes) - np.log(sizes).mean()

    def law(v: Floats, floor: float, scale: float, exponent: float) -> Floats:
        return floor + scale * np.exp(-exponent * v)

    try:
        start, bounds = (error.min() / 2, float(np.median(error)), 0.5), ([0, 0, 0], [np.inf, np.inf, 10])
        best, covariance = curve_fit(law, u, error, start, sigma=stderr, absolute_sigma=True, bounds=bounds)
    except (RuntimeError, ValueError, OptimizeWarning):
        return None
    v = np.log(at) - np.log(sizes).mean()
    power = np.exp(-best[2] * v)
    slope = np.array([1.0, power, -best[1] * v * power])
    reach = t.ppf(0.975, len(sizes) - 3)
    spreads = reach * np.sqrt([covariance[0, 0], slope @ covariance @ slope])
    if not np.isfinite(spreads).all():
        return None
    centres = (float(best[0]), float(law(v, *best)))
    floor, value = (Interval(c, c - s, c + s) for c, s in zip(centres, map(float, spreads), strict=True))
    return floor, value


def by_lmfit(x: ArrayLike, samples: ArrayLike, at: float) -> tuple[Interval, Interval] | None:
    """Do the same fit by lmfit, with its `conf_interval` (profile) for the floor and `eval_uncertainty` for y(`at`).

    None where lmfit is not installed, gives up, or finds no interval.
    """
    try:
        import lmfit  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    sizes, values = finite("scaling.calibration.by_lmfit", x=x, samples=samples)
    error, stderr = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
    model = lmfit.Model(lambda u, floor, scale, exponent: floor + scale * np.exp(-exponent * u))
    parameters = model.make_params(floor=error.min() / 2, scale=float(np.median(error)), exponent=0.5)
    for parameter in parameters.values():
        parameter.min = 0.0
    centre = np.log(sizes).mean()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "bound reached": the interval is not finite then, and refused below
            fit = model.fit(error, parameters, u=np.log(sizes) - centre, weights=1 / stderr, scale_covar=False)
            low, value, high = (float(edge[1]) for edge in fit.conf_interval(sigmas=[0.95])["floor"])
            u = np.array([np.log(at) - centre])
            spread, ahead = float(fit.eval_uncertainty(u=u, sigma=0.95)[0]), float(fit.eval(u=u)[0])
    except Exception:  # lmfit raises many kinds near bounds: any is a failure of the fit
        return None
    numbers = (low, value, high, spread, ahead)
    if not np.isfinite(numbers).all():
        return None
    return Interval(value, low, high), Interval(ahead, ahead - spread, ahead + spread)
