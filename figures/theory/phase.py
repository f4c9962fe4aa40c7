"""Phase diagram: the best fraction to keep, hardest first, over pool size and quality of the pruner.

At every (n/d, rho) the exact law is minimised over keep fraction and ridge together (`rmt.limits`), so that fractions
compete by what their data are worth. Pruning pays where it lowers the error of keep-all by a stated share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

import rmt
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import theory_rows
from figures.contract.table import Row, select
from figures.drawing import style, ticks
from rmt.limits import optimal_keep_fraction, optimal_ridge

BEST, GAIN, LINE = "best keep fraction", "error saved", "least n/d at which pruning pays"  # quantities
PANEL = "n/d and rho"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/phase.toml`, one of its presets included."""

    first_log2: int  # pool samples per dimension from 2^first_log2 ...
    last_log2: int  # ... to 2^last_log2
    points_per_octave: int
    least_rho: float  # cosines between pruner and truth from this ...
    cosines: int  # ... to 1, this many, at equal angles
    pays: float  # share of keep-all's error that pruning must save to pay

    def __post_init__(self) -> None:
        require(self.first_log2 < self.last_log2, "phase.first_log2", self.first_log2, "less than last_log2")
        require(self.points_per_octave >= 1, "phase.points_per_octave", self.points_per_octave, "whole numbers >= 1")
        require(0 <= self.least_rho < 1, "phase.least_rho", self.least_rho, "cosines in [0, 1)")
        require(self.cosines >= 2, "phase.cosines", self.cosines, "whole numbers >= 2")
        require(0 < self.pays < 1, "phase.pays", self.pays, "shares in (0, 1)")


def compute(inputs: Inputs) -> list[Row]:
    """Compute BEST and GAIN, a series per cosine with x = n/d, and LINE, with x = cosine.

    LINE has the least n/d at which pruning pays, interpolated in log n/d; cosines at which it pays nowhere, or already
    at the first n/d, are left out.
    """
    settings = build(Config, inputs.settings, "phase")
    points = (settings.last_log2 - settings.first_log2) * settings.points_per_octave + 1
    ratio = np.logspace(settings.first_log2, settings.last_log2, points, base=2)
    rows: list[Row] = []
    for done, rho in enumerate(np.cos(np.linspace(np.arccos(settings.least_rho), 0.0, settings.cosines))):
        inputs.progress(done, settings.cosines, f"cosine {rho:g}")
        problem = rmt.Problem(n=ratio, d=1.0, ridge=1.0, rule=rmt.KeepAll(), rho=rho)
        best = optimal_keep_fraction(problem, best_ridge=True)
        saved = 1 - np.asarray(best.error_rate) / np.asarray(optimal_ridge(problem).error_rate)
        for quantity, values in ((BEST, np.asarray(best.argument)), (GAIN, saved)):
            rows += theory_rows("phase", PANEL, series_name(rho), quantity, ratio, values)
        start = crossing(np.log(ratio), saved, settings.pays)
        if start is not None:
            rows += theory_rows("phase", PANEL, f"by {100 * settings.pays:g} %", LINE, [rho], [np.exp(start)])
    return rows


def crossing(x: NDArray[np.float64], y: NDArray[np.float64], level: float) -> float | None:
    """Find the x at which y first rises through `level`, interpolated; None where it starts above it or never does.

    >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.0, 0.4]), 0.1)
    1.25
    """
    above = np.flatnonzero(y >= level)
    if len(above) == 0 or above[0] == 0:
        return None
    i = above[0]
    return float(x[i - 1] + (x[i] - x[i - 1]) * (level - y[i - 1]) / (y[i] - y[i - 1]))


def series_name(rho: float) -> str:
    """Name the series of a cosine; `cosine` reads it back.

    >>> cosine(series_name(0.95))
    0.95
    """
    return f"rho = {rho:.6g}"


def cosine(series: str) -> float:
    """Read the cosine from the name of its series."""
    return float(series.removeprefix("rho = "))


def matrix(rows: Sequence[Row], quantity: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return n/d, cosines, and the values of a quantity, (cosines, n/d)."""
    series = sorted({row.series for row in select(rows, quantity=quantity)}, key=cosine)
    lines = [select(rows, quantity=quantity, series=name) for name in series]
    ratio = np.array([row.x for row in lines[0]])
    return ratio, np.array([cosine(name) for name in series]), np.array([[row.y for row in line] for line in lines])


def summary(contents: Contents) -> str:
    """Say in one line where pruning starts to pay, the least p*, and the largest share of error saved."""
    rows = contents.rows
    if not rows:
        return "no rows"
    sentences = []
    line = select(rows, quantity=LINE)
    if line:
        ends = " and ".join(f"n/d = {row.y:.2f} at rho = {row.x:g}" for row in (line[0], line[-1]))
        sentences.append(f"pruning pays {line[0].series} from {ends}")
    best, saved = (select(rows, quantity=quantity) for quantity in (BEST, GAIN))
    for word, row in (("least p*", min(best, key=lambda r: r.y)), ("most error saved", max(saved, key=lambda r: r.y))):
        sentences.append(f"{word} {row.y:.3g} at n/d = {row.x:.3g}, {row.series}")
    return "; ".join(sentences)


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    pays = f"pruning pays where it saves {100 * settings['pays']:g} % of keep-all's error"
    return f"Keep-hard; best ridge for every fraction; {pays}"


def draw(contents: Contents) -> Plot:
    """Draw two maps over n/d and cosine, best keep fraction and error saved, with the border where pruning pays."""
    rows = contents.computed("phase")
    line = select(rows, quantity=LINE)
    with style.context():
        figure = Plot(figsize=(9.6, 4.4), layout="constrained")
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        maps = (
            (BEST, "best keep fraction p*", "YlGnBu_r", (0.0, 1.0)),
            (GAIN, "share of keep-all's error saved", "OrRd", (0.0, None)),
        )
        for ax, (quantity, title, colours, (low, high)) in zip(axes, maps, strict=True):
            ratio, rho, values = matrix(rows, quantity)
            mesh = ax.pcolormesh(
                ratio, rho, values, cmap=colours, vmin=low, vmax=high, shading="nearest", rasterized=True
            )
            figure.colorbar(mesh, ax=ax, pad=0.02)
            levels = [0.1, 0.2, 0.4, 0.6, 0.8, 0.95] if quantity == BEST else [0.1, 0.3, 0.5, 0.7]
            inner = [level for level in levels if values.min() < level < values.max()]
            contours = ax.contour(ratio, rho, values, levels=inner, colors=style.BLACK, linewidths=0.6)
            ax.clabel(contours, fontsize=7, fmt="%g")
            if line:
                level = float(line[0].series.removeprefix("by ").removesuffix(" %")) / 100
                ax.contour(*matrix(rows, GAIN), levels=[level], colors=style.PINK, linewidths=2.2)
            ticks.log_ticks(ax, ratio[0], ratio[-1], label="power", most=9)
            ax.set_yscale(
                "function", functions=(lambda c: -np.arccos(np.clip(c, -1, 1)), np.cos)
            )  # linear in the angle
            cosines = [c for c in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0) if rho[0] <= c <= rho[-1]]
            ax.set_yticks(cosines, [f"{c:g}" for c in cosines], minor=False)
            ax.yaxis.set_minor_locator(NullLocator())
            ax.grid(visible=False)
            ax.set(
                title=title,
                xlabel="pool samples per dimension, n/d",
                ylim=(rho[0], rho[-1]),
                xlim=(ratio[0], ratio[-1]),
            )
        axes[0].set_ylabel("cosine between pruner and truth")
        if line:
            key = Line2D([], [], color=style.PINK, linewidth=2.2)
            figure.legend([key], [f"above and right of it pruning pays, {line[0].series}"], loc="outside lower center")
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="phase",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    settings=Config,
)
