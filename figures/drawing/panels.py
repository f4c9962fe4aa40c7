"""Curves with error bars, arrows of savings and legends: each function draws into an `ax` and returns its artists."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from figures.contract.table import SOURCES, Row, select
from figures.drawing.style import Style, series_style, zorder
from scaling.ratios import Reading

Drawn = dict[str, Any]  # the artist, or container of artists, that a legend shows for each series
ERROR_BARS = 2.0  # bars show +- this many standard errors
BARS = rf"bars: $\pm$ {ERROR_BARS:g} standard errors"


def curves(
    ax: Axes,
    rows: Iterable[Row],
    *,
    style: Callable[[str], Style] = series_style,
    join: Collection[str] | None = None,
) -> Drawn:
    """Draw every series of one panel's rows and return, by series, the artist that a legend shows for it.

    Theory is a line; simulation is points; practice is points with bars of +-2 standard errors, joined by a thin line
    unless the series has a theory line (or is not in `join`, where given); the paper's numbers are hollow points,
    joined. The legend shows the points of a series, or its line where it has no points.
    """
    rows = list(rows)
    named: Drawn = {}
    for series in dict.fromkeys(row.series for row in rows):
        look = style(series)
        sources = {source: select(rows, series=series, source=source) for source in SOURCES}
        if sources["theory"]:
            line = curve(sources["theory"])
            (named[series],) = ax.plot(line.x, line.y, color=look.colour, linestyle=look.linestyle, zorder=2)
        for source in ("simulation", "paper", "practice"):
            points = sources[source]
            if not points:
                continue
            small, hollow = source == "simulation", source == "paper"
            joined = not sources["theory"] and (join is None or series in join)
            named[series] = ax.errorbar(
                *curve(points),
                yerr=[ERROR_BARS * (row.stderr or 0.0) for row in points],
                color=look.colour,
                marker=look.marker,
                linestyle=look.linestyle if joined else "none",
                linewidth=0.9,
                elinewidth=0.9,
                capsize=0 if small or hollow else 1.8,
                markersize=3.2 if small else look.size,
                markerfacecolor="white" if hollow else look.colour,
                zorder=zorder(series),
            )
    return named


def saving(ax: Axes, reading: Reading, text: str, colour: str) -> Artist | None:
    """Draw an arrow at the common accuracy, from the baseline's x to the method's, with `text`; none for an empty text.

    The text stands left of the arrow's head, or over the arrow where the y axis is within an inch. Set the scale and
    the limits of the x axis first.
    """
    if not text:
        return None
    head = (reading.method_x, reading.level)
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 3}
    ax.annotate("", xy=head, xytext=(reading.baseline_x, reading.level), arrowprops=arrow, zorder=4)
    fits = ax.transData.transform(head)[0] - ax.bbox.x0 > ax.figure.dpi  # an inch
    return ax.annotate(
        text,
        xy=head if fits else (math.sqrt(reading.method_x * reading.baseline_x), reading.level),
        xytext=(-5, 0) if fits else (0, 2.5),
        textcoords="offset points",
        ha="right" if fits else "center",
        va="center" if fits else "bottom",
        fontsize=8,
        color=colour,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5},  # points may lie under it
        zorder=5,
    )


def legend(target: Figure | Axes, drawn: Iterable[Drawn], title: str = BARS, columns: int = 4) -> Legend:
    """Add one legend for several panels: below a figure, in up to `columns` columns, or in the middle of empty axes.

    A series of several panels is named once, with its artist in the first.
    """
    named: Drawn = {}
    for panel in drawn:
        named |= {series: artist for series, artist in panel.items() if series not in named}
    handles, names = list(named.values()), list(named)
    if isinstance(target, Figure):
        return target.legend(handles, names, loc="outside lower center", ncols=min(len(names), columns), title=title)
    target.axis("off")
    return target.legend(handles, names, loc="center", title=title)


class Line(NamedTuple):
    """The points of one series, in order of x."""

    x: list[float]
    y: list[float]


def curve(rows: Iterable[Row]) -> Line:
    """Return the points of one series, in order of x."""
    points = select(rows)
    return Line([row.x for row in points], [row.y for row in points])
