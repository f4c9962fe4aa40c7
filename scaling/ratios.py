"""Read how many times more samples, or cost, a baseline needs for the level that a method reaches.

Curves are made monotone by weighted isotonic regression. A level is read only below the baseline's maximum minus two
standard errors: where the baseline is flat, its running maximum is noise, and the ratio read there too large.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from scaling._check import Floats, finite, generator, number, whole
from scaling.inverse import inverse, monotone
from scaling.noise import Curve, Direction, curve, sense

Bound = Literal["", "<", ">"]  # "" for a value, "<" or ">" where it is only known to lie below or above
Points = (
    tuple[ArrayLike, ArrayLike]
    | tuple[ArrayLike, ArrayLike, ArrayLike | None]
    | tuple[ArrayLike, ArrayLike, ArrayLike | None, int | None]
)

_MARGIN = 2.0  # standard errors between the baseline's maximum and the highest level
_LEVELS = 25  # of a curve over levels


class Reading(NamedTuple):
    """x_baseline / x_method at one level, with its interval; `bound` ">" or "<" where only a bound is known.

    `low` may be 0 and `high` infinite: the noise, or the range of the curves, leaves that side open.
    """

    level: float
    factor: float
    low: float
    high: float
    bound: Bound
    baseline_x: float
    method_x: float

    def words(self, less: str, more: str) -> str:
        """Write no more than is known of the factor: "7.5x fewer", "at least 20x fewer", "2.0x more", or "".

        Where the interval is open on one side, its other end stands for the factor; "" if that does not say which of
        both needs fewer.

        >>> Reading(0.6, 31.25, 20.0, float("inf"), ">", 4e6, 128e3).words("fewer", "more")
        'at least 20x fewer'
        >>> Reading(0.6, 0.5, 0.4, 0.8, "", 100, 200).words("fewer", "more")
        '2.0x more'
        """
        if self.low > 0 and np.isfinite(self.high):
            return f"{_short(self.factor)}x {less}" if self.factor >= 1 else f"{_short(1 / self.factor)}x {more}"
        if self.low > 1:
            return f"at least {_short(self.low)}x {less}"
        return f"at least {_short(1 / self.high)}x {more}" if self.high < 1 else ""

    def interval(self) -> str:
        """Write a closed interval of the factor: "3.1 to 5.2"; "" for an open one, and for an exact factor.

        >>> Reading(0.6, 4.0, 3.1, 5.2, "", 100, 25).interval()
        '3.1 to 5.2'
        """
        closed = 0 < self.low < self.high < np.inf
        return f"{_short(self.low)} to {_short(self.high)}" if closed else ""


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


@dataclass(frozen=True, kw_only=True)
class Multiplier:
    """Ratios of the sizes that baseline and method need: readings by level, from the worst level to the best.

    highest: the best level that may be read. refused: levels that were asked for and cannot be read.
    """

    readings: tuple[Reading, ...]
    highest: float
    refused: tuple[float, ...]
    direction: Direction
    confidence: float

    @property
    def levels(self) -> Floats:
        """Levels of the readings, in units of y."""
        return np.array([reading.level for reading in self.readings])

    @property
    def factor(self) -> Floats:
        """x_baseline / x_method at each level."""
        return np.array([reading.factor for reading in self.readings])

    @property
    def low(self) -> Floats:
        """Lower ends of the intervals; 0 where they are open."""
        return np.array([reading.low for reading in self.readings])

    @property
    def high(self) -> Floats:
        """Upper ends of the intervals; infinite where they are open."""
        return np.array([reading.high for reading in self.readings])

    @property
    def best(self) -> Reading:
        """The reading at the best level that both curves reach; without any, at the best level."""
        return next((reading for reading in reversed(self.readings) if not reading.bound), self.readings[-1])


def multiplier(
    baseline: Points,
    method: Points,
    levels: ArrayLike | None = None,
    *,
    direction: Direction | None = None,
    confidence: float = 0.95,
    resamples: int = 400,
    rng: np.random.Generator | None = None,
) -> Multiplier:
    """Compute x_baseline(level) / x_method(level) over levels, with bootstrap intervals.

    baseline, method: (x, y) with y (seeds, K); or (x, y, stderr) or (x, y, stderr, n_seeds) with averages y (K,); y
    (K,) alone is taken as exact. A method of one size is read at its own y. levels: in units of y; None: 25 from the
    curves' first points plus two standard errors to the baseline's last average below `highest`, minus two. direction:
    "up" for an accuracy, "down" for a loss; None: as the curves run. Every resample draws both curves anew, makes them
    monotone, bends them between sizes as far as their neighbours allow, and reads them. Without `rng` the draws are
    those of seed 0.

    Accuracy: with a baseline flat at .940, noise .003 and a true factor of 4, the median reading is 3.9 to 4.0 and the
    95 % interval covers in 95 to 98 % over all levels, 92 to 98 % at the best (`tests/scaling/test_ratios.py`).

    Raises ValueError for what is no curve, and where no level can be read.

    >>> n = 2.0 ** np.arange(6, 15)
    >>> reading = multiplier((n, 1 - 3 * n**-0.5), (n, 1 - 3 * (4 * n) ** -0.5), [0.9]).best
    >>> round(reading.factor, 2), reading.words("fewer", "more")
    (4.0, '4.0x fewer')
    """
    where = "scaling.multiplier"
    number(where, "confidence", confidence, 0, 1)
    whole(where, "resamples", resamples, 2)
    rng = np.random.default_rng(0) if rng is None else rng
    generator(where, rng)
    base, new = (_checked(where, name, points) for name, points in (("baseline", baseline), ("method", method)))
    direction = direction or sense(where, base, new)
    if direction not in ("up", "down"):
        raise ValueError(f"{where}: got direction = {direction!r}; allowed 'up', 'down'; do use 'down' for a loss")
    if len(base.x) < 2:
        raise ValueError(f"{where}: got a baseline of one size; allowed at least 2; do measure more sizes")
    sign = 1.0 if direction == "up" else -1.0
    base, new = replace(base, y=sign * base.y), replace(new, y=sign * new.y)
    olds, news = (monotone(c, c.resampled(resamples, rng)) for c in (base, new))  # (1 + R, K): the averages first
    highest = olds[0, -1] - _MARGIN * float(base.stderr[olds[0] == olds[0, -1]].max())
    asked = _levels(base, new, olds[0], news[0], highest) if levels is None else _asked(where, levels, sign)
    wanted = np.broadcast_to(asked, (len(olds), len(asked)))
    if levels is None and len(new.x) == 1 and asked[0] == news[0, 0]:
        wanted = news  # its own level in every resample
    needed, spent = inverse(base.x, olds, wanted, rng), inverse(new.x, news, wanted, rng)
    readings = [
        _reading(sign * level, needed[:, i], spent[:, i], base.x, new.x, confidence)
        for i, level in enumerate(asked)
        if level <= highest
    ]
    kept = tuple(reading for reading in readings if reading is not None)
    if not kept:
        shown = ", ".join(f"{sign * level:.6g}" for level in asked[:3])
        raise ValueError(
            f"{where}: got levels {shown}; allowed levels that one of the curves spans, up to the baseline's best "
            f"minus two standard errors, {sign * highest:.6g}; do choose others"
        )
    read = {reading.level for reading in kept}
    refused = tuple(float(sign * level) for level in asked if sign * level not in read)
    best = float(sign * highest)
    return Multiplier(readings=kept, highest=best, refused=refused, direction=direction, confidence=confidence)


def whole_curve(baseline: Points, method: Points, *, direction: Direction | None = None, count: int = 41) -> Multiplier:
    """Compute the multiplier at `count` levels from the baseline's first average to the best level allowed.

    The first average counts plus two standard errors. Bounds are among the readings: where the method's first size is
    already better, the factor is known from below. A method of one size is read at its own y. Raises as `multiplier`.
    """
    if np.size(method[0]) == 1:
        return multiplier(baseline, method, direction=direction)
    read = multiplier(baseline, method, direction=direction, resamples=2)  # for the highest level alone
    base = curve("scaling.whole_curve", *baseline)
    sign = 1.0 if read.direction == "up" else -1.0
    first = base.y[0] + sign * _MARGIN * base.stderr[0]
    if sign * (read.highest - first) <= 0:
        return multiplier(baseline, method, direction=read.direction)
    return multiplier(baseline, method, np.linspace(first, read.highest, count), direction=read.direction)


def _checked(where: str, name: str, points: Points) -> Curve:
    """Return a curve of different sizes; ValueError for another shape, and for equal sizes."""
    if not isinstance(points, tuple | list) or not 2 <= len(points) <= 4:
        allowed = "(x, y), (x, y, stderr) or (x, y, stderr, n_seeds)"
        raise ValueError(f"{where}: got a {name} of type {type(points).__name__}; allowed {allowed}; do pass a tuple")
    measured = curve(f"{where} {name}", *points)
    if np.any(np.diff(measured.x) <= 0):
        raise ValueError(f"{where} {name}: got equal sizes; allowed different ones; do average repeated measurements")
    return measured


def _asked(where: str, levels: ArrayLike, sign: float) -> Floats:
    """Return levels from the worst to the best."""
    (asked,) = finite(where, levels=levels)
    if asked.ndim > 1 or not asked.size:
        raise ValueError(f"{where}: got levels of shape {asked.shape}; allowed one level or a list; do give them so")
    return np.unique(sign * asked)


def _levels(base: Curve, new: Curve, old_y: Floats, new_y: Floats, highest: float) -> Floats:
    """Choose levels that both curves span beyond their noise, or else bounds that the baseline gives."""
    if len(new.x) == 1:
        return np.minimum(new_y, highest)
    last = max(int(np.sum(old_y <= highest)) - 1, 0)  # the last average below the highest level
    top = min(old_y[last] - _MARGIN * base.stderr[last], new_y[-1] - _MARGIN * new.stderr[-1])
    starts = [y[0] + _MARGIN * c.stderr[0] for y, c in ((old_y, base), (new_y, new))]
    bottom = max(starts) if max(starts) < top else min(starts[0], top)
    return np.linspace(bottom, top, _LEVELS) if bottom < top else np.array([top])


def _reading(
    level: float, needed: Floats, spent: Floats, base_x: Floats, new_x: Floats, confidence: float
) -> Reading | None:
    """Read one level from the averages (first entry) and the resamples; None where the ratio is unknown."""
    if needed[0] == spent[0] and needed[0] in (0.0, np.inf):
        return None
    bound: Bound = ">" if spent[0] == 0 or needed[0] == np.inf else "<" if needed[0] == 0 or spent[0] == np.inf else ""
    at = [float(np.clip(found[0], x[0], x[-1])) for found, x in ((needed, base_x), (spent, new_x))]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = needed / spent
    # where both are off the range on one side, either order is possible: half of the resamples on each side
    unknown = np.isnan(ratios)
    ratios[unknown] = np.where(np.arange(unknown.sum()) % 2, 0.0, np.inf)
    factor = at[0] / at[1]
    if bound == ">":  # the ratio to the method's first size is known with its noise, the rest is open
        ratios = np.where(needed == np.inf, base_x[-1], needed) / at[1] if spent[0] == 0 else needed
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2], method="nearest")
    low, high = (0.0 if bound == "<" else min(low, factor)), (np.inf if bound == ">" else max(high, factor))
    return Reading(float(level), factor, float(low), float(high), bound, *at)
