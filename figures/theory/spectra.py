"""Spectra: error curves for power-law covariances, pruned and not - a theory the isotropic law cannot give.

The eigenvalues of Sigma fall as k^-exponent, one panel each. Lines are the exact law (`rmt.covariance`), points its
dense Monte Carlo. The truth has equal weights in Sigma's eigenbasis, and the pruning direction a set cosine to it in
the metric of Sigma. Every point has the best ridge of a list, by the exact law.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D

import rmt
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import simulated_row, theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.theory.fig3 import KEEP_ALL, series_name
from rmt import covariance

RIDGES = np.logspace(-6, 1, 57)  # to choose from, relative to the kept samples


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/spectra.toml`, one of its presets included."""

    d: int  # dimension
    rho: float  # cosine between pruning direction and truth, in the metric of Sigma
    exponents: list[float]  # of the eigenvalues, one panel each
    fractions: list[float]  # shares of the pool kept, hardest samples first
    first_log2: int  # pool sizes from 2^first_log2 ...
    last_log2: int  # ... to 2^last_log2
    points_per_octave: int  # of the lines
    simulated_log2: int  # Monte Carlo at every second power of 2 up to this one
    trials: int  # Monte-Carlo trials a point
    seed: int

    def __post_init__(self) -> None:
        require(self.d >= 2, "spectra.d", self.d, "whole numbers >= 2")
        require(-1 <= self.rho <= 1, "spectra.rho", self.rho, "cosines in [-1, 1]")
        require(bool(self.exponents), "spectra.exponents", self.exponents, "at least one")
        shares = bool(self.fractions) and all(0 < p <= 1 for p in self.fractions)
        require(shares, "spectra.fractions", self.fractions, "keep fractions in (0, 1]")
        require(0 <= self.first_log2 < self.last_log2, "spectra.first_log2", self.first_log2, "0 ... last_log2 - 1")
        require(self.points_per_octave >= 1, "spectra.points_per_octave", self.points_per_octave, "whole numbers >= 1")
        require(
            self.simulated_log2 <= self.last_log2, "spectra.simulated_log2", self.simulated_log2, "at most last_log2"
        )
        require(self.trials >= 2, "spectra.trials", self.trials, "whole numbers >= 2")
        require(self.seed >= 0, "spectra.seed", self.seed, "whole numbers >= 0")


def world(d: int, exponent: float, rho: float) -> dict[str, Any]:
    """Make eigenvalues, w0 = (1, ..., 1) and a ws at cosine rho to it in the metric of Sigma.

    In white coordinates ws is rho t + sqrt(1-rho^2) v, with t along Sigma^{1/2} w0 and v along what the alternating
    vector (1, -1, 1, ...) has beside t.
    """
    values = covariance.power_law(d, exponent)
    t = np.sqrt(values) / np.linalg.norm(np.sqrt(values))
    v = (-1.0) ** np.arange(d)
    v -= (v @ t) * t
    ws = (rho * t + np.sqrt(1 - rho**2) * v / np.linalg.norm(v)) / np.sqrt(values)
    return {"eigenvalues": values, "w0": np.ones(d), "ws": ws}


def best_ridge(problem: rmt.Problem, shape: Mapping[str, Any]) -> rmt.Problem:
    """Return `problem` with the best ridge of the list at each pool size."""
    ridges = np.asarray(problem.rule.p) * RIDGES.reshape(-1, *(1,) * len(problem.shape))
    errors = covariance.error_rate(replace(problem, ridge=ridges), **shape)
    return replace(problem, ridge=ridges.flat[np.argmin(errors, axis=0)])


def compute(inputs: Inputs) -> list[Row]:
    """Compute one panel per exponent: error rate against pool size, exact law and Monte Carlo.

    The random numbers of a point depend on the seed, its exponent, fraction and size only.
    """
    settings = build(Config, inputs.settings, "spectra")
    octaves = settings.last_log2 - settings.first_log2
    pools = 2.0 ** (
        settings.first_log2 + np.arange(octaves * settings.points_per_octave + 1) / settings.points_per_octave
    )
    cells = [(exponent, p) for exponent in settings.exponents for p in settings.fractions]
    sizes = [2**k for k in range(settings.first_log2, settings.simulated_log2 + 1, 2)]
    total = len(cells) * (1 + len(sizes))
    rows: list[Row] = []
    for done, (exponent, p) in enumerate(cells):
        shape, panel, series = world(settings.d, exponent, settings.rho), panel_name(exponent), series_name(p)
        inputs.progress(done * (1 + len(sizes)), total, f"{panel}: {series}")
        problem = rmt.Problem(n=pools, d=settings.d, ridge=1.0, rule=rmt.KeepHard(p))
        law = np.asarray(covariance.error_rate(best_ridge(problem, shape), **shape))
        rows += theory_rows("spectra", panel, series, "error rate", pools, law)
        for index, n in enumerate(sizes):
            inputs.progress(done * (1 + len(sizes)) + 1 + index, total, f"{panel}: {series}, {n} samples")
            tuned = best_ridge(replace(problem, n=n), shape)
            rng = np.random.default_rng([settings.seed, round(1e6 * exponent), round(1e9 * p), n])
            estimate = covariance.simulate(tuned, trials=settings.trials, rng=rng, **shape)
            numbers = (estimate.mean, estimate.stderr, estimate.samples)
            rows.append(simulated_row("spectra", panel, series, "error rate", n, *numbers))
    return rows


def panel_name(exponent: float) -> str:
    """Name the panel of an exponent.

    >>> panel_name(0.5)
    'eigenvalues ~ k^-0.5'
    """
    return f"eigenvalues ~ k^-{exponent:g}" if exponent else "equal eigenvalues"


def summary(contents: Contents) -> str:
    """Say in one line the error at the largest pool, and how close Monte Carlo is to the exact law."""
    rows, sentences = contents.rows, []
    for panel in dict.fromkeys(row.panel for row in rows):
        lines = {s: select(rows, panel=panel, series=s, source="theory") for s in _series(rows)}
        ends = ", ".join(f"{series} {line[-1].y:.4f}" for series, line in lines.items() if line)
        sentences.append(f"{panel}: {ends}")
    law = {(row.panel, row.series, row.x): row.y for row in rows if row.source == "theory"}
    points = [row for row in rows if row.source == "simulation" and (row.panel, row.series, row.x) in law]
    gap = max((abs(row.y - law[row.panel, row.series, row.x]) for row in points), default=0.0)
    return "; ".join([*sentences, f"{len(points)} Monte-Carlo points within {gap:.4f} of the exact law"])


def _series(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.series for row in rows))


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    return (
        f"Linear classifier, d = {settings['d']}, covariance with power-law eigenvalues of mean 1; "
        f"pruning direction at cosine {settings['rho']:g} to the truth; best ridge at each point"
    )


def draw(contents: Contents) -> Plot:
    """Draw one panel per spectrum on common log-log axes."""
    rows = contents.computed("spectra")
    names = list(dict.fromkeys(row.panel for row in rows))
    hard = [series for series in _series(rows) if series != KEEP_ALL]
    shades = map(to_hex, colormaps["OrRd"](np.linspace(0.5, 1.0, len(hard))))
    looks = {KEEP_ALL: style.Style(style.GREY, "o")} | {
        s: style.Style(c, "o") for s, c in zip(hard, shades, strict=True)
    }
    with style.context():
        figure = Plot(figsize=(max(9.6, 2.9 * len(names) + 0.4), 3.9), layout="constrained")
        axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for ax, panel in zip(axes, names, strict=True):
            points = select(rows, panel=panel)
            panels.curves(ax, points, style=looks.__getitem__)
            ticks.log_ticks(ax, points[0].x, points[-1].x, label="power", most=6)
            ax.set(title=re.sub(r"k\^(\S+)", r"$k^{\1}$", panel), xlabel="pool size")
        ticks.log_rate_axis(axes[0], [row.y for row in rows])
        axes[0].set_ylabel("error rate")
        key: panels.Drawn = {s: Line2D([], [], color=looks[s].colour) for s in _series(rows)}
        key["Monte Carlo"] = Line2D([], [], color=style.GREY, marker="o", markersize=3.2, linestyle="none")
        panels.legend(figure, [key])
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="spectra",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    settings=Config,
)
