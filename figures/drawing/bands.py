"""Curves over the course of training: a line per series, and a band for its uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from figures.contract.table import Row, select
from figures.drawing.panels import ERROR_BARS, Drawn, curve
from figures.drawing.style import Style, series_style
from scaling.averages import aggregate

BANDS = rf"bands: $\pm$ {ERROR_BARS:g} standard errors"


def mean_rows(
    figure: str, panel: str, series: str, x: Sequence[float], curves: Sequence[Sequence[float | None]]
) -> list[Row]:
    """One practice row per x at which every one of the `curves` (seeds, len(x)) has a value: mean and standard error.

    An average over other seeds at every x would move when a seed comes or goes, so there is none. No rows for fewer
    than two curves.

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
    """Draw every series of one panel's rows as a line over a band of +-2 standard errors; returns the lines."""
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


def legend(figure: Figure, drawn: Iterable[Drawn], title: str = BANDS, columns: int = 6) -> Legend:
    """One legend below the figure for all that was drawn; a series drawn in several panels is named once."""
    named: Drawn = {}
    for panel in drawn:
        named |= {series: artist for series, artist in panel.items() if series not in named}
    handles, names = list(named.values()), list(named)
    return figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), columns), title=title)
