"""Curves over the course of training: a line for each series, and a band of its standard errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes

from figures.contract.table import Row, select
from figures.drawing.panels import ERROR_BARS, Drawn, curve
from figures.drawing.style import Style, series_style
from scaling.averages import aggregate

BANDS = rf"bands: $\pm$ {ERROR_BARS:g} standard errors"


def mean_rows(
    figure: str, panel: str, series: str, x: Sequence[float], curves: Sequence[Sequence[float | None]]
) -> list[Row]:
    """Average `curves` (seeds, len(x)) into practice rows, one for each x at which every curve has a value.

    Where a curve has no value (None) there is no row, since an average over changing seeds would jump. Fewer than two
    curves give no rows.

    >>> [row[4:] for row in mean_rows("f", "p", "s", [0, 10], [[1.0, 0.5], [None, 0.25]])]
    [(10.0, 0.375, 0.125, 2)]
    """
    rows: list[Row] = []
    if len(curves) < 2:
        return rows
    for at, values in zip(x, zip(*curves, strict=True), strict=True):
        if None not in values:
            mean, stderr, n_seeds = aggregate(values)
            rows.append(Row(figure, panel, series, "practice", float(at), float(mean), float(stderr), n_seeds))
    return rows


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
