"""Multipliers over levels: how many times more samples a baseline needs, with its interval and its bounds."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

import scaling

_TICKS = [m * 10.0**k for k in range(-3, 5) for m in (1, 2, 5)]
_MOST = 5  # ticks


def factors(ax: Axes, multiplier: scaling.Multiplier, colour: str) -> None:
    """Draw the factor against the level as a line over its 95 % interval; bounds are triangles that point away.

    An interval that is open on a side runs to the edge of the axes there, and is hatched. The grey line is 1: no
    difference.
    """
    levels, factor = multiplier.levels, multiplier.factor
    known = np.array([not reading.bound for reading in multiplier.readings])
    finite = np.concatenate([factor, multiplier.low, multiplier.high])
    finite = finite[np.isfinite(finite) & (finite > 0)]
    low = max(min(finite.min(), 1.0), min(factor.min(), 1.0) / 4) / 1.25
    high = min(max(finite.max(), 1.0), 4 * max(factor.max(), 1.0)) * 1.25
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ax.axhline(1.0, color="#7A7A7A", linewidth=0.8, zorder=1)
    bottom, top = (np.clip(ends, low / 100, 100 * high) for ends in (multiplier.low, multiplier.high))
    if len(levels) > 1:
        closed = (multiplier.low > 0) & np.isfinite(multiplier.high)
        ax.fill_between(levels, bottom, top, where=closed, color=colour, alpha=0.18, linewidth=0)
        left = ~closed | np.append(~closed[1:], False) | np.insert(~closed[:-1], 0, False)  # up to the closed ones
        ax.fill_between(
            levels, bottom, top, where=left, facecolor="none", edgecolor=colour, alpha=0.3, hatch="////", linewidth=0
        )
        ax.plot(levels[known], factor[known], color=colour)
    else:
        ax.vlines(levels, bottom, top, color=colour, alpha=0.4, linewidth=3)
        ax.plot(levels[known], factor[known], color=colour, marker="o", markersize=4)
    for bound, marker in ((">", "^"), ("<", "v")):
        at = [reading.bound == bound for reading in multiplier.readings]
        ax.plot(levels[at], factor[at], color=colour, marker=marker, markersize=4, linestyle="none")
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    ticks = ticks[:: -(-len(ticks) // _MOST)]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.margins(x=0.08)
