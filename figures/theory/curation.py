"""Curation: when to keep hard samples and when easy ones - little or much data, weak or strong generator.

Labels come from an imperfect generator (theory of arXiv 2511.03492). Lines are the exact law (`rmt.error_rate`), points
its dense Monte Carlo. Dashed, the pruner also drops samples whose label it disagrees with. Every point has its own best
ridge, by the exact law: a curve shows what the kept data are worth, not how well one penalty suits them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from rmt.generalization import selection
from rmt.limits import optimal_ridge

HARD, EASY, ALL = "keep hard", "keep easy", "keep all"
RULES: dict[str, Callable[[Any], rmt.Rule]] = {HARD: rmt.KeepHard, EASY: rmt.KeepEasy, ALL: lambda _: rmt.KeepAll()}
CHECKED = ", labels checked"  # ends the name of a label-aware series
COLOURS = {HARD: style.VERMILLION, EASY: style.BLUE, ALL: style.GREY}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/curation.toml`, one of its presets included."""

    d: int  # dimension
    rho: float  # cosine between pruner and truth
    weak: float  # cosine between the weak generator and the truth ...
    strong: float  # ... and of the strong one
    little: float  # pool samples per dimension ...
    much: float  # ... with little and with much data
    least_fraction: float  # of the lines
    points: int  # of each line
    simulated: list[float]  # keep fractions of the Monte Carlo
    trials: int  # Monte-Carlo trials a point
    seed: int

    def __post_init__(self) -> None:
        require(self.d >= 3, "curation.d", self.d, "whole numbers >= 3")
        require(0 < self.little < self.much, "curation.little", self.little, "0 < little < much")
        require(-1 <= self.weak < self.strong <= 1, "curation.weak", self.weak, "cosines, weak < strong")
        require(0 < self.least_fraction < 1, "curation.least_fraction", self.least_fraction, "fractions in (0, 1)")
        require(self.points >= 2, "curation.points", self.points, "whole numbers >= 2")
        shares = all(0 < p <= 1 for p in self.simulated)
        require(shares, "curation.simulated", self.simulated, "keep fractions in (0, 1]")
        require(self.trials >= 2, "curation.trials", self.trials, "whole numbers >= 2")
        require(self.seed >= 0, "curation.seed", self.seed, "whole numbers >= 0")


def regimes(settings: Config) -> dict[str, tuple[float, float]]:
    """Return the samples per dimension and the generator's cosine of each panel, by name."""
    sizes = {"little data": settings.little, "much data": settings.much}
    generators = {"weak generator": settings.weak, "strong generator": settings.strong}
    return {f"{a}, {b}": (size, cosine) for a, size in sizes.items() for b, cosine in generators.items()}


def compute(inputs: Inputs) -> list[Row]:
    """Compute the four panels: error rate against the fraction of the pool kept, exact law and Monte Carlo.

    Keep-all does not depend on a fraction; it is given at the ends of the axis. The random numbers of a point depend on
    the seed, its panel, series and fraction only.
    """
    settings = build(Config, inputs.settings, "curation")
    rows: list[Row] = []
    points: list[tuple[str, str, rmt.Problem, float, list[int]]] = []
    for index, (panel, (per_dimension, generator)) in enumerate(regimes(settings).items()):
        for code, (name, label_aware) in enumerate((n, aware) for aware in (False, True) for n in RULES):
            series = name + CHECKED * label_aware
            problem = rmt.Problem(
                n=round(per_dimension * settings.d), d=settings.d, ridge=1.0, rule=rmt.KeepAll(), rho=settings.rho,
                rho_generator=generator, label_aware=label_aware,
            )  # fmt: skip
            p = np.geomspace(settings.least_fraction, 1.0, 2 if name == ALL else settings.points)
            tuned = best_ridge(problem, name, p)
            kept = p if name == ALL else selection(tuned).p
            law = np.broadcast_to(rmt.error_rate(tuned), p.shape)
            rows += theory_rows("curation", panel, series, "error rate", kept, law)
            if name != ALL:
                points += [(panel, series, problem, share, [index, code]) for share in settings.simulated]
    for done, (panel, series, problem, share, stream) in enumerate(points):
        inputs.progress(done, len(points), f"{panel}: {series} {share:g}")
        tuned = best_ridge(problem, series.removesuffix(CHECKED), share)
        rng = np.random.default_rng([settings.seed, *stream, round(1e9 * share)])
        estimate = rmt.simulate(tuned, trials=settings.trials, method="dense", rng=rng)
        numbers = (float(selection(tuned).p), estimate.mean, estimate.stderr, estimate.samples)
        rows.append(simulated_row("curation", panel, series, "error rate", *numbers))
    return rows


def best_ridge(problem: rmt.Problem, name: str, p: Any) -> rmt.Problem:
    """Return `problem` under the named rule at keep fractions p, with the best ridge for each."""
    pruned = replace(problem, rule=RULES[name](p))
    return replace(pruned, ridge=optimal_ridge(pruned).argument)


def optimum(rows: Sequence[Row], panel: str, series: str) -> Row | None:
    """Return the best point of a theory line."""
    return min(select(rows, panel=panel, series=series, source="theory"), key=lambda row: row.y, default=None)


def summary(contents: Contents) -> str:
    """Say in one line the best rule of each regime, without and with label check, and keep-all's error."""
    rows, sentences = contents.rows, []
    for panel in dict.fromkeys(row.panel for row in rows):
        phrases = []
        for ending in ("", CHECKED):
            best = {name: optimum(rows, panel, name + ending) for name in RULES}
            measured = [row for row in best.values() if row]
            if measured:
                least = min(measured, key=lambda row: row.y)
                phrases.append(f"{least.series} {least.y:.3f} at {100 * least.x:.0f} %")
        whole = optimum(rows, panel, ALL)
        sentences.append(f"{panel}: {'; '.join(phrases)}" + (f" (keep all {whole.y:.3f})" if whole else ""))
    return " | ".join(sentences) or "no panel"


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    return (
        f"Linear classifier, d = {settings['d']}; cosine to the truth: pruner {settings['rho']:g}, "
        f"weak generator {settings['weak']:g}, strong generator {settings['strong']:g}; "
        f"n/d = {settings['little']:g} or {settings['much']:g}; best ridge at each point"
    )


def look(series: str) -> style.Style:
    """Return the style of a series: colour by rule; dashed with squares where labels are checked."""
    colour = COLOURS[series.removesuffix(CHECKED)]
    return style.Style(colour, "s", "--") if series.endswith(CHECKED) else style.Style(colour, "o")


def draw(contents: Contents) -> Plot:
    """Draw one panel per regime, on one axis of log error; stars mark the best keep fractions of the lines."""
    rows = contents.computed("curation")
    names = list(dict.fromkeys(row.panel for row in rows))
    with style.context():
        figure = Plot(figsize=(9.6, 7.0), layout="constrained")
        axes = figure.subplots(-(-len(names) // 2), 2, sharex=True, squeeze=False)
        for ax, panel in zip(axes.flat, names, strict=False):
            points = select(rows, panel=panel)
            panels.curves(ax, points, style=look)
            for series in dict.fromkeys(row.series for row in points):
                best = optimum(rows, panel, series)
                if best and not series.startswith(ALL):
                    ax.plot(
                        best.x, best.y, "*", color=look(series).colour, markersize=11, markeredgecolor="white", zorder=5
                    )
            ticks.log_ticks(ax, min(row.x for row in rows), 1.0)
            ticks.log_rate_axis(ax, [row.y + panels.ERROR_BARS * (row.stderr or 0.0) for row in points])
            ax.set_title(panel)
        for ax in axes[-1]:
            ax.set_xlabel("fraction of the pool kept")
        for ax in axes[:, 0]:
            ax.set_ylabel("error rate")
        key: panels.Drawn = {}
        for series in dict.fromkeys(row.series for row in rows):
            (key[series],) = axes[0, 0].plot([], [], color=look(series).colour, linestyle=look(series).linestyle)
        key["Monte Carlo"] = Line2D([], [], color=style.BLACK, marker="o", markersize=3.2, linestyle="none")
        key["best keep fraction"] = Line2D([], [], color=style.BLACK, marker="*", markersize=9, linestyle="none")
        panels.legend(figure, [key])
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="curation",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    settings=Config,
)
