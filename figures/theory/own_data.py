"""Lay the law of `rmt.data` over refits of the same rows: rows of the tidy table, their agreement, and panels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from numpy.typing import NDArray

import rmt
from figures.contract.table import Row, select
from figures.drawing import style, ticks
from figures.drawing.panels import BARS, Drawn, curves
from figures.drawing.style import BLACK, BLUE, GREEN, ORANGE, PINK, SKY, VERMILLION, Style

ERROR, LOW, HIGH = "error rate", "error rate, low", "error rate, high"  # quantities of the table
LOOKS = tuple(map(Style, (BLUE, ORANGE, GREEN, VERMILLION, SKY, PINK, BLACK), "osv^DP*"))
Cell = tuple[Any, ...]  # an index into arrays (n, ridge, keep)


def law_rows(figure: str, panel: str, series: str, x: Iterable[float], law: rmt.data.Solution, cell: Cell) -> list[Row]:
    """Make the rows of a line of the law and of its 95 % interval."""
    values = {ERROR: law.error, LOW: law.low, HIGH: law.high}
    place = (figure, panel, series)
    return [
        Row(*place, quantity, "theory", float(at), float(y))
        for quantity, array in values.items()
        for at, y in zip(x, np.atleast_1d(array[cell]), strict=True)
    ]


def refit_rows(
    figure: str, panel: str, series: str, x: Iterable[float], measured: rmt.data.Measured, cell: Cell
) -> list[Row]:
    """Make the rows of measured points, each with its trials."""
    trials = len(measured.samples)
    samples = measured.samples[(slice(None), *cell)].reshape(trials, -1).T
    return [
        Row(
            *(figure, panel, series, ERROR, "simulation"),
            float(at),
            float(np.mean(values)),
            float(np.std(values, ddof=1) / np.sqrt(trials)),
            trials,
            tuple(enumerate(values.tolist())),
        )
        for at, values in zip(x, samples, strict=True)
    ]


class Agreement(NamedTuple):
    """Agreement of measured points with the law: relative errors of the law, and its distance in standard errors."""

    relative: NDArray[np.float64]
    z: NDArray[np.float64]

    def words(self) -> str:
        """Describe the agreement.

        >>> Agreement(np.array([0.01, -0.03]), np.array([0.4, -1.5])).words()
        '2 points: median relative error 2.0 %, 90 % within 2.8 %, largest z 1.5'
        """
        if not len(self.z):
            return "no points"
        median, high = np.quantile(np.abs(self.relative), [0.5, 0.9])
        return (
            f"{len(self.z)} points: median relative error {100 * median:.1f} %, 90 % within {100 * high:.1f} %, "
            f"largest z {np.abs(self.z).max():.1f}"
        )


def agreement(rows: Iterable[Row]) -> Agreement:
    """Compare every measured point with the law at the same panel, series and x."""
    rows = [row for row in rows if row.quantity == ERROR]
    law = {(row.panel, row.series, row.x): row.y for row in rows if row.source == "theory"}
    points = [row for row in rows if row.source != "theory" and (row.panel, row.series, row.x) in law]
    gaps = np.array([law[row.panel, row.series, row.x] - row.y for row in points])
    sizes, errors = np.array([row.y for row in points]), np.array([row.stderr or 0.0 for row in points])
    return Agreement(gaps / np.maximum(sizes, 1e-12), gaps / np.maximum(errors, 1e-12))


def draw_law(rows: Sequence[Row], titles: Mapping[str, tuple[str, str]], caption: str, note: str = "") -> Plot:
    """Draw the panels that have rows, each with its (title, x label): lines and bands of the law, measured points."""
    names = [panel for panel in titles if select(rows, panel=panel)]
    with style.context():
        figure = Plot(figsize=(max(9.6, 4.0 * len(names)), 5.0), layout="constrained")
        for ax, panel in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            shown = select(rows, panel=panel)
            looks = dict(zip(dict.fromkeys(row.series for row in rows if row.panel == panel), LOOKS, strict=False))
            drawn = law_panel(ax, shown, looks.__getitem__)
            ticks.log_rate_axis(ax, [row.y for row in shown if row.quantity == ERROR])
            log_axis(ax, [row.x for row in shown])
            title, xlabel = titles[panel]
            ax.set(title=title, xlabel=xlabel, ylabel="test error rate")
            ax.legend(drawn.values(), drawn, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
        key = f"lines: law, bands: its 95 % bootstrap intervals; points: refits, {BARS}"
        style.inscribe(figure, f"{caption}\n{key}", note)
    return figure


def log_axis(ax: Axes, x: Sequence[float]) -> None:
    """Make the x axis logarithmic, labelled at up to eight of its points in 1-2-5 style."""
    ax.set_xscale("log")
    points = sorted(set(x))
    chosen = points[:: -(-len(points) // 6)]
    ticks.fixed_ticks(ax, chosen, [ticks.count(at) if at >= 1 else f"{at:.2g}" for at in chosen])


def law_panel(ax: Axes, rows: Sequence[Row], look: Callable[[str], Style], band: bool = True) -> Drawn:
    """Draw lines of the law with bands of their 95 % intervals, and measured points with +-2 standard errors."""
    for series in dict.fromkeys(row.series for row in rows) if band else ():
        low, high = (select(rows, series=series, quantity=quantity) for quantity in (LOW, HIGH))
        x, ends = [row.x for row in low], ([row.y for row in low], [row.y for row in high])
        ax.fill_between(x, *ends, color=look(series).colour, alpha=0.1, linewidth=0)
    return curves(ax, [row for row in rows if row.quantity == ERROR], style=look)


class Best(NamedTuple):
    """The best value of a grid, and the 95 % interval of the best values in bootstrap resamples."""

    value: float
    low: float
    high: float

    def words(self) -> str:
        """Write the value and its interval.

        >>> Best(0.5, 0.3, 1.0).words()
        '0.5 [0.3, 1]'
        """
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def best(grid: NDArray[np.float64], error: NDArray[np.float64], resampled: NDArray[np.float64]) -> Best:
    """Find where the error (G,) is least, and where it is in every resample (B, G).

    Resamples are shifted to the mean `error`: their own is larger, since w has the noise of both samples in them.

    >>> best(np.array([1.0, 2.0]), np.array([0.2, 0.1]), np.array([[0.3, 0.1], [0.3, 0.2]]))
    Best(value=2.0, low=2.0, high=2.0)
    """
    shifted = error + resampled - resampled.mean(axis=0)
    found = np.sort(grid[shifted.argmin(axis=1)])
    low, high = (found[round(share * (len(found) - 1))] for share in (0.025, 0.975))
    return Best(float(grid[error.argmin()]), float(low), float(high))
