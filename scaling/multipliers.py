"""Read scaling curves: the x at which a curve reaches a level, and how many times more a baseline needs.

A scaling curve is accuracy against x, where x is a size (samples) or a cost (seconds, denoiser calls).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from scaling._check import finite, in_range, number

Bound = Literal["", "<", ">"]  # "" for a value, "<" or ">" where it is only known to lie below or above


class Curve(NamedTuple):
    """Accuracy y against x > 0, x strictly increasing."""

    x: Sequence[float]
    y: Sequence[float]


class Reach(NamedTuple):
    """The x at which a curve reaches a level; a `bound` marks a level off the measured range."""

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
        """Write the factor for the method: "7.5x fewer", "> 31x fewer", "2.0x more"; "" where a bound leaves it open.

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


def reach(curve: Curve, level: float) -> Reach:
    """Find the smallest x at which a curve reaches `level`, linear in log x between its points.

    The curve is made monotone by its running maximum (the best accuracy seen up to x), so that noise or an overshoot
    never makes a level unreachable again. A level above the best point gives the largest x with bound ">" (more than
    that is needed); a level below the first point gives the smallest x with bound "<".

    Raises ValueError for a curve that is not increasing in x > 0, and for NaN and infinity.

    >>> reach(Curve([100, 400], [0.5, 0.7]), 0.6)
    Reach(x=200.0, bound='')
    >>> reach(Curve([100, 400], [0.5, 0.7]), 0.8)
    Reach(x=400.0, bound='>')
    """
    where = "scaling.reach"
    x, y = finite(where, x=curve.x, y=curve.y)
    level = number(where, "level", level)
    if x.ndim != 1 or x.shape != y.shape or not len(x) or np.any(x <= 0) or np.any(np.diff(x) <= 0):
        raise ValueError(
            f"{where}: got x = {x}, y = {y}; allowed x > 0 strictly increasing, one y each; do sort the curve"
        )
    best = np.maximum.accumulate(y)
    if level > best[-1]:
        return Reach(float(x[-1]), ">")
    if level <= best[0]:
        return Reach(float(x[0]), "" if level == best[0] else "<")
    right = int(np.searchsorted(best, level))  # first point with best >= level
    with np.errstate(over="ignore", invalid="ignore"):
        fraction = (level - best[right - 1]) / (best[right] - best[right - 1])
        x_there = float(x[right - 1] * (x[right] / x[right - 1]) ** fraction)
    in_range(where, x_there)
    return Reach(x_there, "")


def multiplier(baseline: Curve, method: Curve, level: float) -> Multiplier:
    """Compute x_baseline(level) / x_method(level): how many times more samples, or cost, the baseline needs.

    For a method measured at one point (n, y) pass `Curve([n], [y])` and level y. A level off one of the measured ranges
    makes the factor a bound: ">" if the baseline never reaches it, or the method's first point is already better.

    Raises ValueError as `reach` does, and where both curves lie on the same side of the level: the ratio is then
    unknown.

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
    factor = needed.x / spent.x
    in_range("scaling.multiplier", factor, 1 / factor if factor else np.inf)
    return Multiplier(factor, bound, level, needed.x, spent.x)
