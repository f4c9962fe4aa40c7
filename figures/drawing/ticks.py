"""Axes with readable labels: counts of samples, guidance strengths, accuracies on a scale of log error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator


def count(value: float) -> str:
    """Write a number of samples, or a cost, as a short label.

    >>> [count(v) for v in (0.5, 128, 8192, 64_000, 1_300_000)]
    ['0.5', '128', '8,192', '64k', '1.3M']
    """
    if value >= 1e6:
        return f"{value / 1e6:.3g}M"
    if value >= 1e4:
        return f"{value / 1e3:.3g}k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def log_ticks(ax: Axes, low: float, high: float, *, label: Literal["power", "count"] = "count", most: int = 7) -> None:
    """Make the x axis logarithmic over [low, high], ticks at whole powers of 2 ("power") or at 1-2-5 numbers ("count").

    "count", too, has its ticks at powers of 2 where `low` is a power of 2 below 10^4, as on axes of 1, 2, 4, ... or
    128, 256, ... At most `most` ticks are set. Raises ValueError unless low > 0.
    """
    if not low > 0:
        raise ValueError(f"ticks.log_ticks: got x = {low}; allowed x > 0; do leave the point out of the table")
    ax.set_xscale("log", base=2)
    ax.set_xlim(low / 2**0.25, high * 2**0.25)
    if label == "power" or (low < 1e4 and math.log2(low).is_integer()):
        powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
        ticks = [2.0**k for k in powers[:: max(1, math.ceil(len(powers) / most))]]
        names = [f"$2^{{{round(math.log2(t))}}}$" if label == "power" else count(t) for t in ticks]
    else:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [m * 10.0**k for k in decades for m in (1, 2, 5) if low <= m * 10.0**k <= high]
        ticks = ticks[:: max(1, math.ceil(len(ticks) / most))]
        names = [count(t) for t in ticks]
    fixed_ticks(ax, ticks, names)


def strength_ticks(ax: Axes, strengths: Sequence[float]) -> None:
    """Make an x axis of guidance strengths with 0: linear up to the smallest positive strength, logarithmic beyond.

    Every strength has a tick; one too close to the last labelled tick has no label.
    """
    positive = [value for value in strengths if value > 0]
    if positive:
        ax.set_xscale("symlog", linthresh=positive[0], linscale=0.6)
        ax.set_xlim(-0.15 * positive[0], positive[-1] * 1.25)
    names, last, apart = [], 0.0, 1.6 if len(positive) <= 6 else 3.0
    for value in strengths:
        named = value == 0 or value >= apart * last
        names.append(f"{value:g}" if named else "")
        last = value if named else last
    fixed_ticks(ax, strengths, names)


def fixed_ticks(ax: Axes, ticks: Sequence[float], names: Sequence[str]) -> None:
    """Set exactly these ticks and labels on the x axis, without minor ticks."""
    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.xaxis.set_major_formatter(FixedFormatter(list(names)))
    ax.xaxis.set_minor_locator(NullLocator())


def log_error_axis(ax: Axes, low: float, high: float) -> None:
    """Show accuracies on a scale of log error, on which a power law of the error is a straight line."""
    ax.set_yscale("function", functions=(lambda a: -np.log(np.maximum(1 - a, 1e-9)), lambda s: 1 - np.exp(-s)))
    ax.set_ylim(low, high)
    ticks = [a for a in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999) if low <= a <= high]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{a:g}" for a in ticks]))
    ax.yaxis.set_minor_locator(NullLocator())


def log_rate_axis(ax: Axes, values: Sequence[float]) -> None:
    """Make a log y axis of error rates around `values`, with plain labels and grid lines at 1-2-5 numbers."""
    low, high = min(values), max(values)
    ax.set_yscale("log")
    ax.set_ylim(low / 1.15, high * 1.15)
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high > 8 * low else (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    ticks = [m * 10.0**k for k in decades for m in steps if low / 1.15 <= m * 10.0**k <= high * 1.15]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{tick:.3g}" for tick in ticks]))
    ax.yaxis.set_minor_locator(NullLocator())
