"""One look for the pictures of all lessons, quick enough to follow a slider.

Curves are drawn as log10 of their values on linear axes with fixed ticks: matplotlib's logarithmic axes and its
constrained layout take four times longer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.drawing import style


def canvas(panels: int = 1) -> tuple[Figure, list[Axes]]:
    """Make a figure with `panels` axes side by side, in the project's look."""
    with style.context():
        figure = Figure(figsize=(7.2 if panels == 1 else 9.6, 4.2), dpi=100)
        axes = list(figure.subplots(1, panels, squeeze=False)[0])
        figure.subplots_adjust(left=0.11 if panels == 1 else 0.08, right=0.96, bottom=0.13, top=0.93, wspace=0.22)
    return figure, axes


def log_ticks(ax: Axes, *, x: Sequence[float] = (), y: Sequence[float] = ()) -> None:
    """Label axes that show log10 of a quantity with its values; the axis ends at the first and the last value."""
    for axis, set_limits, values in ((ax.xaxis, ax.set_xlim, x), (ax.yaxis, ax.set_ylim, y)):
        if values:
            places = [math.log10(value) for value in values]
            axis.set_ticks(places, [f"{value:,.10g}" for value in values])
            margin = 0.015 * (places[-1] - places[0])
            set_limits(places[0] - margin, places[-1] + margin)
