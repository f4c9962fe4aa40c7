"""Figure loss: does the gain of keeping hard examples survive cross-entropy?

One column per loss. Above, error rate against pool size for keep-all and two keep-hard fractions, each with the best
ridge of a list at each point; below, at one pool size, against the ridge. Lines are the law (`rmt.error_rate`), points
its Monte Carlo (reduced for the squared loss, Newton's method on the data matrix for the others).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D

import rmt
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import simulated_row, theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.theory.fig3 import series_name

LOSSES = ("squared", "logistic", "smoothed hinge")
SIZE, RIDGE = "{}: best ridge", "{}: against ridge"
_FINER = 16  # ridges of the squared loss per ridge of the others
COLOURS = (style.GREY, style.ORANGE, style.VERMILLION, style.PINK)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/loss.toml`, one of its presets included."""

    rho: float  # cosine between pruning direction and truth
    fractions: list[float]  # shares of the pool kept, hardest samples first
    first_log2: int  # pool sizes d 2^first_log2 ...
    last_log2: int  # ... to d 2^last_log2
    ridge_low_log10: int  # ridges relative to the pool: powers of 10 from this ...
    ridge_high_log10: int  # ... to this
    ridges_per_decade: int
    ratio: int  # n/d of the lower panels
    d: int  # dimension of the Monte Carlo
    trials: int
    simulated_log2: list[int]  # pool sizes of the Monte Carlo
    seed: int

    def __post_init__(self) -> None:
        shares = bool(self.fractions) and all(0 < p <= 1 for p in self.fractions)
        require(shares, "loss.fractions", self.fractions, "keep fractions in (0, 1]")
        require(-1 <= self.rho <= 1, "loss.rho", self.rho, "cosines in [-1, 1]")
        require(self.first_log2 < self.last_log2, "loss.first_log2", self.first_log2, "less than last_log2")
        require(self.ridge_low_log10 < self.ridge_high_log10, "loss.ridge_low_log10", self.ridge_low_log10, "less")
        for name in ("ridges_per_decade", "ratio"):
            require(getattr(self, name) >= 1, f"loss.{name}", getattr(self, name), "whole numbers >= 1")
        for name in ("d", "trials"):
            require(getattr(self, name) >= 2, f"loss.{name}", getattr(self, name), "whole numbers >= 2")
        inside = all(self.first_log2 <= k <= self.last_log2 for k in self.simulated_log2)
        require(inside, "loss.simulated_log2", self.simulated_log2, "first_log2 ... last_log2")
        require(self.seed >= 0, "loss.seed", self.seed, "whole numbers >= 0")


def compute(inputs: Inputs) -> list[Row]:
    """Compute two panels per loss: error rate against n/d at the best ridge, and against the ridge at one n/d."""
    settings = build(Config, inputs.settings, "loss")
    ratios = 2.0 ** np.arange(settings.first_log2, settings.last_log2 + 1)
    points = [(loss, p) for loss in LOSSES for p in settings.fractions]
    rows: list[Row] = []
    for done, (loss, p) in enumerate(points):
        inputs.progress(done, len(points), f"{loss}: {series_name(p)}")
        ridges = _ridges(settings, loss)[:, None]
        shared: dict[str, Any] = {"rule": rmt.KeepHard(p), "rho": settings.rho, "loss": loss}
        errors = np.asarray(rmt.error_rate(rmt.Problem(n=ratios, d=1, ridge=ridges, **shared)))  # (R, sizes)
        best = np.argmin(errors, axis=0)
        least = np.take_along_axis(errors, best[None], axis=0)[0]
        at = np.asarray(rmt.error_rate(rmt.Problem(n=float(settings.ratio), d=1, ridge=ridges[:, 0], **shared)))
        rows += theory_rows("loss", SIZE.format(loss), series_name(p), "error rate", ratios, least)
        rows += theory_rows("loss", RIDGE.format(loss), series_name(p), "error rate", ridges[:, 0], at)
        for k in settings.simulated_log2:
            ratio, ridge = 2.0**k, float(ridges[best[k - settings.first_log2], 0])
            problem = rmt.Problem(n=round(ratio * settings.d), d=settings.d, ridge=ridge, **shared)
            seed = [settings.seed, LOSSES.index(loss), round(1e9 * p), round(1e3 * ratio)]
            estimate = rmt.simulate(problem, settings.trials, rng=np.random.default_rng(seed))
            numbers = (ratio, estimate.mean, estimate.stderr, estimate.samples)
            rows.append(simulated_row("loss", SIZE.format(loss), series_name(p), "error rate", *numbers))
    return rows


def _ridges(settings: Config, loss: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the ridges to choose from: more where an evaluation costs nothing and the best one is sharp."""
    per_decade = settings.ridges_per_decade * (_FINER if loss == "squared" else 1)
    low, high = settings.ridge_low_log10, settings.ridge_high_log10
    return np.logspace(low, high, (high - low) * per_decade + 1)


def gains(rows: Sequence[Row], loss: str) -> tuple[float, list[tuple[str, float, float]]]:
    """Return the largest n/d, and of each series its error rate there and how many times keep-all's is larger."""
    last = max(row.x for row in rows if row.panel == SIZE.format(loss))
    at = {r.series: r.y for r in select(rows, panel=SIZE.format(loss), source="theory") if r.x == last}
    return last, [(name, y, at.get(series_name(1.0), np.nan) / y) for name, y in at.items()]


def summary(contents: Contents) -> str:
    """Say in one line error rates and gains at the largest pool, by loss, and how close Monte Carlo is."""
    rows, sentences = contents.rows, []
    for loss in LOSSES:
        if select(rows, panel=SIZE.format(loss)):
            last, errors = gains(rows, loss)
            numbers = ", ".join(f"{name} {y:.3g} ({gain:.2f}x)" for name, y, gain in errors)
            sentences.append(f"{loss} at n = {last:g} d: {numbers}")
    law = {(row.panel, row.series, row.x): row.y for row in rows if row.source == "theory"}
    simulated = [row for row in rows if row.source == "simulation"]
    gap = max((abs(row.y - law[row.panel, row.series, row.x]) for row in simulated), default=0.0)
    sentences += [f"{len(simulated)} Monte-Carlo points within {gap:.4f} of the law"] if sentences else ["no panel"]
    return "; ".join(sentences)


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    return (
        f"Linear classifier; pruning direction at cosine {settings['rho']:g} to the truth; law, and Monte Carlo "
        f"with d = {settings['d']}, {settings['trials']} trials a point"
    )


def draw(contents: Contents) -> Plot:
    """Draw a column per loss; above against pool size, below against the ridge."""
    rows = contents.computed("loss")
    names = list(dict.fromkeys(row.series for row in rows))
    looks = {name: style.Style(COLOURS[i % len(COLOURS)], "o") for i, name in enumerate(names)}
    with style.context():
        figure = Plot(figsize=(9.6, 6.2), layout="constrained")
        axes = figure.subplots(2, len(LOSSES), sharey="row")
        for column, loss in enumerate(LOSSES):
            for ax, template in zip(axes[:, column], (SIZE, RIDGE), strict=True):
                points = select(rows, panel=template.format(loss))
                panels.curves(ax, points, style=looks.__getitem__)
                if template is SIZE:
                    ticks.log_ticks(ax, points[0].x, points[-1].x, label="count")
                    ax.set(title=f"{loss} loss, best ridge", xlabel="pool size per dimension, n/d")
                else:
                    ax.set_xscale("log")
                    ax.set(title=f"{loss} loss, one pool size", xlabel="ridge")
        for line, template in zip(axes, (SIZE, RIDGE), strict=True):
            every = [row.y for row in rows for loss in LOSSES if row.panel == template.format(loss)]
            ticks.log_rate_axis(line[0], every)
            line[0].set_ylabel("error rate")
        key: panels.Drawn = {name: Line2D([], [], color=looks[name].colour) for name in names}
        key["Monte Carlo"] = Line2D([], [], color=style.GREY, marker="o", markersize=3.2, linestyle="none")
        panels.legend(figure, [key])
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="loss",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    settings=Config,
)
