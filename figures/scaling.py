"""Reading scaling curves: means, multipliers and power laws. Pure functions of arrays.

A scaling curve is accuracy against x, where x is a size (samples) or a cost (seconds, denoiser calls).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from figures.bootstrap import Interval, levels

Floats = NDArray[np.float64]
Bound = Literal["", "<", ">"]  # "" for a value, "<" or ">" where it is only known to lie below or above


class Aggregate(NamedTuple):
    """Mean over seeds, its standard error, and the number of seeds."""

    mean: Floats
    stderr: Floats
    n_seeds: int


class Curve(NamedTuple):
    """Accuracy y against x > 0, x strictly increasing."""

    x: Sequence[float]
    y: Sequence[float]


class Reach(NamedTuple):
    """The x at which a curve reaches a level; `bound` says so where the level lies off the measured range."""

    x: float
    bound: Bound


class Multiplier(NamedTuple):
    """x_baseline / x_method at one level of accuracy; `bound` ">" or "<" where only a bound is known."""

    factor: float
    bound: Bound
    level: float
    baseline_x: float
    method_x: float

    def words(self, less: str, more: str) -> str:
        """What it says of the method: "7.5x fewer", "> 31x fewer", "2.0x more"; "" where a bound leaves it open.

        >>> Multiplier(31.25, ">", 0.6, 4e6, 128e3).words("fewer", "more")
        '> 31x fewer'
        >>> Multiplier(0.5, "", 0.6, 100, 200).words("fewer", "more")
        '2.0x more'
        """
        if self.bound == (">" if self.factor < 1 else "<"):
            return ""
        size, word = (self.factor, less) if self.factor >= 1 else (1 / self.factor, more)
        digits = f"{size:.1f}" if size < 10 else f"{size:.0f}"
        return f"{'> ' if self.bound else ''}{digits}x {word}"


class PowerLaw(NamedTuple):
    """error(n) = floor + scale * n^-exponent, each with its interval, and whether the optimiser converged."""

    floor: Interval
    scale: Interval
    exponent: Interval
    converged: bool


def aggregate(samples: ArrayLike) -> Aggregate:
    """mean = sum_s y_s / S,  stderr = std_s(y) / sqrt(S), over the first axis.

    `samples` is (S, ...) with one entry per seed, S >= 2. Raises ValueError for fewer seeds: one seed has no error.

    >>> mean, stderr, n_seeds = aggregate([0.5, 0.75])
    >>> float(mean), float(stderr), n_seeds
    (0.625, 0.125, 2)
    """
    values = np.asarray(samples, dtype=float)  # (S, ...)
    if values.ndim == 0 or len(values) < 2:
        raise ValueError(f"aggregate: got shape {values.shape}; allowed (seeds >= 2, ...); do run more seeds")
    n_seeds = len(values)
    return Aggregate(values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n_seeds), n_seeds)


def reach(curve: Curve, level: float) -> Reach:
    """The smallest x at which a curve reaches `level`, linear in log x between its points.

    The curve is made monotone by its running maximum (the best accuracy seen up to x), so that noise or an overshoot
    never makes a level unreachable again. A level above the best point gives the largest x with bound ">" (more than
    that is needed); a level below the first point gives the smallest x with bound "<".

    >>> reach(Curve([100, 400], [0.5, 0.7]), 0.6)
    Reach(x=200.0, bound='')
    >>> reach(Curve([100, 400], [0.5, 0.7]), 0.8)
    Reach(x=400.0, bound='>')
    """
    x, y = np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or not len(x) or np.any(x <= 0) or np.any(np.diff(x) <= 0):
        raise ValueError(
            f"scaling.reach: got x = {x}, y = {y}; allowed x > 0 strictly increasing, one y each; do sort the curve"
        )
    best = np.maximum.accumulate(y)
    if level > best[-1]:
        return Reach(float(x[-1]), ">")
    if level <= best[0]:
        return Reach(float(x[0]), "" if level == best[0] else "<")
    right = int(np.searchsorted(best, level))  # first point with best >= level
    fraction = (level - best[right - 1]) / (best[right] - best[right - 1])
    return Reach(float(x[right - 1] * (x[right] / x[right - 1]) ** fraction), "")


def multiplier(baseline: Curve, method: Curve, level: float) -> Multiplier:
    """x_baseline(level) / x_method(level): how many times more samples, or cost, the baseline needs for one accuracy.

    For a method measured at one point (n, y) pass `Curve([n], [y])` and level y. A level off one of the measured ranges
    makes the factor a bound: ">" if the baseline never reaches it, or the method's first point is already better.

    Raises ValueError where both curves lie on the same side of the level: the ratio is then unknown.

    >>> multiplier(Curve([100, 400], [0.5, 0.7]), Curve([50], [0.6]), 0.6).words("fewer", "more")
    '4.0x fewer'
    >>> multiplier(Curve([100, 400], [0.5, 0.7]), Curve([50], [0.8]), 0.8).words("fewer", "more")
    '> 8.0x fewer'
    """
    needed, spent = reach(baseline, level), reach(method, level)
    if needed.bound and needed.bound == spent.bound:
        raise ValueError(
            f"scaling.multiplier: got level {level}, off both curves on one side; allowed levels that one of them "
            "spans; do choose another level"
        )
    inverse: dict[Bound, Bound] = {"": "", "<": ">", ">": "<"}
    bound = needed.bound or inverse[spent.bound]
    return Multiplier(needed.x / spent.x, bound, level, needed.x, spent.x)


def fit_power_law(
    sizes: ArrayLike, errors: ArrayLike, *, rng: np.random.Generator, confidence: float = 0.95, resamples: int = 200
) -> PowerLaw:
    """error = floor + scale * n^-exponent by robust least squares on log error (Huber beyond 5 %), floor >= 0.

    `sizes` (K >= 4,), `errors` (seeds >= 2, K) in (0, 1). Intervals are bootstraps over seeds: a seed's
    whole curve is drawn at once, since its sizes share data. Floor and exponent trade against each other: quote the
    interval, not the value alone.
    """
    n, samples = np.asarray(sizes, dtype=float), np.asarray(errors, dtype=float)
    if samples.ndim != 2 or len(samples) < 2 or samples.shape[1:] != n.shape or len(n) < 4:
        raise ValueError(
            f"fit_power_law: got sizes {n.shape}, errors {samples.shape}; allowed (K >= 4,) and (seeds >= 2, K); "
            "do give one row per seed"
        )
    if not (samples.min() > 0 and samples.max() < 1 and n.min() > 0):
        raise ValueError(
            f"fit_power_law: got errors from {samples.min()} to {samples.max()}, sizes from {n.min()}; allowed errors "
            "in (0, 1), sizes > 0; do leave out sizes without errors"
        )
    best, converged = _fit_curve(n, samples.mean(axis=0))
    draws = rng.integers(len(samples), size=(resamples, len(samples)))  # (R, S)
    refits = [_fit_curve(n, samples[draw].mean(axis=0))[0] for draw in draws]
    low, high = np.quantile(refits, levels(confidence, len(samples)), axis=0)  # (3,), (3,)
    floor, scale, exponent = (Interval(*map(float, triple)) for triple in zip(best, low, high, strict=True))
    return PowerLaw(floor, scale, exponent, converged)


def _fit_curve(n: Floats, error: Floats) -> tuple[Sequence[float], bool]:
    """(floor, scale, exponent) of one curve, and whether the fit converged; log n is centred for a benign start."""
    log_n, centre = np.log(n), float(np.log(n).mean())

    def residuals(parameters: Floats) -> Floats:
        floor, log_scale, exponent = parameters
        return np.log(floor + np.exp(log_scale - exponent * (log_n - centre))) - np.log(error)

    start = (0.5 * error.min(), float(np.log(error.mean())), 0.5)
    bounds = ([0.0, -np.inf, 0.0], [float(error.min()), np.inf, np.inf])
    fit = least_squares(residuals, start, bounds=bounds, loss="huber", f_scale=0.05, x_scale=(error.min(), 1.0, 0.5))
    floor, log_scale, exponent = fit.x
    return (floor, np.exp(log_scale + exponent * centre), exponent), bool(fit.success)
