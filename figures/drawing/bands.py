"""Curves over the course of training: a line for each series, and a band of its standard errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from matplotlib.axes import Axes

from figures.contract.table import Row, select
from figures.drawing.panels import ERROR_BARS, Drawn, curve
from figures.drawing.style import Style, series_style

BANDS = rf"bands: $\pm$ {ERROR_BARS:g} standard errors"


def bands(
    ax: Axes,
    rows: Iterable[Row],
    *,
    style: Callable[[str], Style] = series_style,
    linewidth: float = 1.4,
    shade: bool = True,
) -> Drawn:
    """Draw every series of one panel's rows as a line over a band of +-2 standard errors and return the lines."""
    rows = list(rows)
    drawn: Drawn = {}
    for series in dict.fromkeys(row.series for row in rows):
        look, points = style(series), select(rows, series=series)
        line = curve(points)
        (drawn[series],) = ax.plot(line.x, line.y, color=look.colour, linestyle=look.linestyle, linewidth=linewidth)
        if shade:
            y, half = np.array(line.y), ERROR_BARS * np.array([row.stderr or 0.0 for row in points])
            ax.fill_between(line.x, y - half, y + half, color=look.colour, alpha=0.18, linewidth=0)
    return drawn
