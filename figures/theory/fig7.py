"""Figure 7: error rate against keep fraction, theory and Monte Carlo, for keep-hard, keep-easy and random selection.

One column per pool size, one row per ridge. Lines are the exact law (`rmt.error_rate`), points its dense Monte Carlo,
the vertical line the interpolation threshold p = phi (as many kept samples as dimensions). The last panel puts all
points into units of their own standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D

import rmt
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import simulated_row, theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks

HARD, EASY, RANDOM = "keep hard", "keep easy", "keep at random"
RULES: dict[str, Callable[[Any], rmt.Rule]] = {
    HARD: rmt.KeepHard,
    EASY: rmt.KeepEasy,
    RANDOM: lambda p: rmt.SoftKeep(p, power=0.0),
}
LOOKS = {
    HARD: style.Style(style.VERMILLION, "o"),
    EASY: style.Style(style.BLUE, "s"),
    RANDOM: style.Style(style.GREY, "^"),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/fig7.toml`, one of its presets included."""

    d: int  # dimension
    rho: float  # cosine between pruning direction and truth
    pools: list[int]  # pool sizes n, one column each
    ridges: list[float]  # penalties relative to the pool, one row each
    least_fraction: float  # of the lines
    points: int  # of each line
    simulated: list[float]  # keep fractions of the Monte Carlo
    trials: int  # Monte-Carlo trials a point
    seed: int

    def __post_init__(self) -> None:
        require(self.d >= 2, "fig7.d", self.d, "whole numbers >= 2")
        require(bool(self.pools) and min(self.pools) >= 1, "fig7.pools", self.pools, "whole numbers >= 1")
        require(bool(self.ridges) and min(self.ridges) > 0, "fig7.ridges", self.ridges, "numbers > 0")
        require(0 < self.least_fraction < 1, "fig7.least_fraction", self.least_fraction, "fractions in (0, 1)")
        require(self.points >= 2, "fig7.points", self.points, "whole numbers >= 2")
        shares = all(0 < p <= 1 for p in self.simulated)
        require(shares, "fig7.simulated", self.simulated, "keep fractions in (0, 1]")
        require(self.trials >= 2, "fig7.trials", self.trials, "whole numbers >= 2")
        require(self.seed >= 0, "fig7.seed", self.seed, "whole numbers >= 0")


def panel_name(n: int, ridge: float) -> str:
    """Name the panel of a pool size and a ridge.

    >>> panel_name(1000, 1e-6)
    'n = 1000, ridge 1e-06'
    """
    return f"n = {n}, ridge {ridge:g}"


def compute(inputs: Inputs) -> list[Row]:
    """Compute a panel per pool size and ridge (error rate against keep fraction), and panels "z" and "p = phi".

    In panel "z", x is the number of kept samples per dimension and y the "z-score", the difference between Monte Carlo
    and exact law over the standard error; its series are named by rule and panel. In panel "p = phi", x is the
    "threshold" of every pool. The random numbers of a point depend on the seed, its pool, ridge, rule and fraction.
    """
    settings = build(Config, inputs.settings, "fig7")
    rows: list[Row] = []
    grid = np.geomspace(settings.least_fraction, 1.0, settings.points)
    cells = [(ridge, n) for ridge in settings.ridges for n in settings.pools]
    for ridge, n in cells:
        rows.append(Row("fig7", "p = phi", panel_name(n, ridge), "threshold", "theory", settings.d / n, 0.0))
        for name, rule in RULES.items():
            problem = rmt.Problem(n=n, d=settings.d, ridge=ridge, rule=rule(grid), rho=settings.rho)
            law = np.asarray(rmt.error_rate(problem))
            rows += theory_rows("fig7", panel_name(n, ridge), name, "error rate", grid, law)
    points = [(*cell, name, p) for cell in cells for name in RULES for p in settings.simulated]
    for done, (ridge, n, name, p) in enumerate(points):
        panel = panel_name(n, ridge)
        inputs.progress(done, len(points), f"{panel}: {name} {p:g}")
        problem = rmt.Problem(n=n, d=settings.d, ridge=ridge, rule=RULES[name](p), rho=settings.rho)
        code = [n, round(1e12 * ridge), list(RULES).index(name), round(1e9 * p)]
        rng = np.random.default_rng([settings.seed, *code])
        estimate = rmt.simulate(problem, trials=settings.trials, method="dense", rng=rng)
        samples, exact = estimate.samples, float(np.asarray(rmt.error_rate(problem)))
        rows.append(simulated_row("fig7", panel, name, "error rate", p, estimate.mean, estimate.stderr, samples))
        z, scores = (estimate.mean - exact) / estimate.stderr, (samples - exact) / estimate.stderr
        rows.append(simulated_row("fig7", "z", f"{name}, {panel}", "z-score", n * p / settings.d, z, 1.0, scores))
    return rows


def summary(contents: Contents) -> str:
    """Say in one line the best keep fraction of keep-hard by panel, and the z-scores."""
    rows, sentences = contents.rows, []
    for panel in dict.fromkeys(row.panel for row in rows if row.panel not in ("z", "p = phi")):
        lines = {name: select(rows, panel=panel, series=name, source="theory") for name in (HARD, RANDOM)}
        if all(lines.values()):
            best, whole = min(lines[HARD], key=lambda row: row.y), lines[RANDOM][-1]
            sentences.append(f"{panel}: keep hard {best.y:.3f} at {100 * best.x:.0f} % (all {whole.y:.3f})")
    scores = select(rows, panel="z")
    away = np.array([row.y for row in scores if not math.isclose(row.x, 1.0)])
    at = [row.y for row in scores if math.isclose(row.x, 1.0)]
    if len(away) > 1:
        scores_away = (
            f"{len(away)} Monte-Carlo points away from p = d/n: z-scores {away.mean():+.2f} +- {away.std(ddof=1):.2f}"
        )
        sentences.append(scores_away + (f"; {len(at)} at it: {min(at):.1f} to {max(at):.1f}" if at else ""))
    return "; ".join(sentences) or "no panel"


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    return (
        f"Linear classifier, d = {settings['d']}; pruning direction at cosine {settings['rho']:g} to the truth; "
        f"{settings['trials']} Monte-Carlo trials a point"
    )


def draw(contents: Contents) -> Plot:
    """Draw columns by pool size, rows by ridge, and the z-scores on the right."""
    rows = contents.computed("fig7")
    thresholds = {row.series: row.x for row in select(rows, panel="p = phi")}
    names = [panel for panel in dict.fromkeys(row.panel for row in rows) if panel in thresholds]
    columns = len({thresholds[panel] for panel in names})
    lines = -(-len(names) // columns)
    with style.context():
        figure = Plot(figsize=(2.6 * columns + 3.0, 2.7 * lines + 0.9), layout="constrained")
        grid = figure.add_gridspec(lines, columns + 1, width_ratios=[1.0] * columns + [1.15])
        first: Axes | None = None
        for index, panel in enumerate(names):
            row, column = divmod(index, columns)
            ax = figure.add_subplot(grid[row, column], sharex=first, sharey=first)
            first = first or ax
            panels.curves(ax, select(rows, panel=panel), style=LOOKS.__getitem__)
            ticks.log_ticks(ax, min(r.x for r in rows if r.panel == panel), 1.0)
            ax.axvline(thresholds[panel], color=style.BLACK, linestyle=":", linewidth=1.0, zorder=1)
            ax.set_title(panel)
            ax.set_ylim(0, 0.55)
            if row == lines - 1:
                ax.set_xlabel("fraction of the pool kept, p")
            if column == 0:
                ax.set_ylabel("error rate")
        _draw_scores(figure.add_subplot(grid[:, columns]), select(rows, panel="z"))
        key: panels.Drawn = {
            name: Line2D([], [], color=look.colour, marker=look.marker, markersize=3.2) for name, look in LOOKS.items()
        }
        key["p = d/n: as many kept samples as dimensions"] = Line2D([], [], color=style.BLACK, linestyle=":")
        panels.legend(figure, [key])
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _draw_scores(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw the z-score of every Monte-Carlo point against kept samples per dimension, and the range of 95 % of them."""
    ax.axhspan(-2, 2, color=style.GREY, alpha=0.15, linewidth=0)
    for row in rows:
        look = LOOKS[row.series.split(",")[0]]
        ax.plot(row.x, row.y, marker=look.marker, color=look.colour, markersize=3.6, linestyle="none", alpha=0.8)
    if rows:
        ticks.log_ticks(ax, min(row.x for row in rows), max(row.x for row in rows))
        top = max(4.5, 1.1 * max(abs(row.y) for row in rows))
        ax.set_ylim(-top, top)
    ax.axvline(1.0, color=style.BLACK, linestyle=":", linewidth=1.0, zorder=1)
    ax.set(
        title="z-scores of all points",
        xlabel="kept samples per dimension, p n/d",
        ylabel="(Monte Carlo - law) / standard error",
    )


FIGURE = Figure(
    name="fig7",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    settings=Config,
)
