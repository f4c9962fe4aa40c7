"""Figure 3, theory: accuracy against samples kept and against pool size, for keep-all and several keep-hard fractions.

Lines are the exact law (`rmt.error_rate`), points its dense Monte Carlo, dotted lines the arXiv-v1 law. The theorem's
penalty is relative to the pool, so a fixed one would weigh more on a learner that keeps less. Here every learner has
the best penalty per **kept** sample of a list, chosen at each size by the exact law: a curve then shows what the data
are worth, not how well one penalty happens to suit them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

import rmt
import scaling
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import simulated_row, theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks

KEEP_ALL, V1 = "keep all", " (arXiv v1)"
PANELS = {  # panel: (title, x label)
    "kept": ("At equal numbers of training samples", "samples kept"),
    "pool": ("At equal pool size", "pool size"),
}
LEVEL = 0.95  # accuracy at which sample counts are compared


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/fig3.toml`, one of its presets included."""

    d: int  # dimension
    rho: float  # cosine between pruning direction and truth
    fractions: list[float]  # shares of the pool kept, hardest samples first
    first_log2: int  # from 2^first_log2 ...
    last_log2: int  # ... to 2^last_log2 kept samples
    points_per_octave: int  # of the lines
    ridge_low_log10: float  # penalties per kept sample to choose from ...
    ridge_high_log10: float  # ... as powers of 10
    ridges: int  # how many of them
    v1_visible: float  # the v1 law is given where its accuracy is off by more than this
    simulated_log2: int  # Monte Carlo at every power of 2 from the first to this one
    trials: int  # Monte-Carlo trials a point ...
    simulated_samples: int  # ... fewer where trials x kept would exceed this ...
    least_trials: int  # ... but never fewer than this
    seed: int

    def __post_init__(self) -> None:
        for name in ("d", "points_per_octave", "ridges", "simulated_samples"):
            require(getattr(self, name) >= 1, f"fig3.{name}", getattr(self, name), "whole numbers >= 1")
        shares = bool(self.fractions) and all(0 < p <= 1 for p in self.fractions)
        require(shares, "fig3.fractions", self.fractions, "keep fractions in (0, 1]")
        require(0 <= self.first_log2 < self.last_log2, "fig3.first_log2", self.first_log2, "0 ... last_log2 - 1")
        require(self.simulated_log2 <= self.last_log2, "fig3.simulated_log2", self.simulated_log2, "at most last_log2")
        require(2 <= self.least_trials <= self.trials, "fig3.least_trials", self.least_trials, "2 ... trials")
        require(self.seed >= 0, "fig3.seed", self.seed, "whole numbers >= 0")


def best_ridge(settings: Config, p: float, pool: ArrayLike) -> rmt.Problem:
    """Pose keeping the hardest fraction p of `pool` samples, with the best penalty of the list at each size."""
    n = np.asarray(pool, dtype=float)
    per_kept = np.logspace(settings.ridge_low_log10, settings.ridge_high_log10, settings.ridges)  # (R,)
    columns = p * per_kept.reshape(-1, *(1,) * n.ndim)  # (R, 1...)
    rule = rmt.KeepHard(p)
    errors = rmt.error_rate(rmt.Problem(n=n, d=settings.d, ridge=columns, rule=rule, rho=settings.rho))  # (R, ...)
    best = p * per_kept[np.argmin(errors, axis=0)]
    return rmt.Problem(n=n, d=settings.d, ridge=best, rule=rule, rho=settings.rho)


def compute(inputs: Inputs) -> list[Row]:
    """Compute panels "kept" and "pool": exact law and Monte Carlo; in "kept" also the arXiv-v1 law.

    Simulation asks the very problem of its line, the pool rounded to whole samples. The random numbers of a point
    depend on the seed, its fraction and its size only.
    """
    settings = build(Config, inputs.settings, "fig3")
    first, octaves = settings.first_log2, settings.last_log2 - settings.first_log2
    kept = 2.0 ** (first + np.arange(octaves * settings.points_per_octave + 1) / settings.points_per_octave)
    sizes = [2**k for k in range(first, settings.simulated_log2 + 1)]
    points = [(p, size) for p in settings.fractions for size in sizes]
    rows: list[Row] = []
    for p in settings.fractions:
        problem = best_ridge(settings, p, kept / p)
        exact = 1 - np.asarray(rmt.error_rate(problem))
        v1 = 1 - np.asarray(rmt.error_rate(problem, law="gaussian_margin"))
        off = np.abs(v1 - exact) > settings.v1_visible
        rows += theory_rows("fig3", "kept", series_name(p), "accuracy", kept, exact)
        rows += theory_rows("fig3", "pool", series_name(p), "accuracy", kept / p, exact)
        rows += theory_rows("fig3", "kept", series_name(p) + V1, "accuracy", kept[off], v1[off])
    for done, (p, size) in enumerate(points):
        inputs.progress(done, len(points), f"keep {p:g}: {size} samples")
        trials = max(settings.least_trials, min(settings.trials, settings.simulated_samples // size))
        rng = np.random.default_rng([settings.seed, round(1e9 * p), size])
        estimate = rmt.simulate(best_ridge(settings, p, np.rint(size / p)), trials=trials, method="dense", rng=rng)
        numbers = (1 - estimate.mean, estimate.stderr, 1 - estimate.samples)
        for panel, x in (("kept", size), ("pool", size / p)):
            rows.append(simulated_row("fig3", panel, series_name(p), "accuracy", x, *numbers))
    return rows


def series_name(p: float) -> str:
    """Name the series of a kept fraction.

    >>> series_name(0.25), series_name(1.0)
    ('keep hardest 25 %', 'keep all')
    """
    return KEEP_ALL if p == 1 else f"keep hardest {100 * p:g} %"


def best_saving(rows: Sequence[Row], panel: str) -> tuple[str, scaling.Reading] | None:
    """Find the series that needs the fewest samples for accuracy LEVEL, and how many times more keep-all needs.

    None where keep-all or every other series stays below LEVEL.
    """
    lines = {s: panels.curve(select(rows, panel=panel, series=s, source="theory")) for s in _exact_series(rows)}
    lines = {series: line for series, line in lines.items() if line.x and line.y[0] < LEVEL <= max(line.y)}
    if KEEP_ALL not in lines or len(lines) < 2:
        return None
    readings = {s: scaling.multiplier(lines[KEEP_ALL], line, LEVEL).best for s, line in lines.items() if s != KEEP_ALL}
    return max(readings.items(), key=lambda item: item[1].factor)


def _exact_series(rows: Sequence[Row]) -> list[str]:
    return [s for s in dict.fromkeys(row.series for row in rows) if not s.endswith(V1)]


def summary(contents: Contents) -> str:
    """Say in one line the samples saved at accuracy LEVEL, and how close Monte Carlo is to the exact law."""
    rows, sentences = contents.rows, []
    for panel, what in (("kept", "trained on"), ("pool", "in the pool")):
        saving = best_saving(rows, panel)
        if saving:
            series, factor = saving
            samples = f"{factor.method_x:,.0f} samples {what} instead of {factor.baseline_x:,.0f}"
            sentences.append(f"{series}: accuracy {LEVEL} with {samples} ({factor.words('fewer', 'more')})")
    simulated, gap = monte_carlo_gap(rows)
    return "; ".join([*sentences, f"{simulated} Monte-Carlo points within {gap:.4f} of the exact law"])


def monte_carlo_gap(rows: Sequence[Row]) -> tuple[int, float]:
    """Count the Monte-Carlo points beside the exact law, and find the largest difference of accuracies."""
    law = {(row.series, row.x): row.y for row in select(rows, panel="kept", source="theory")}
    simulated = [row for row in select(rows, panel="kept", source="simulation") if (row.series, row.x) in law]
    return len(simulated), max((abs(row.y - law[row.series, row.x]) for row in simulated), default=0.0)


def story(contents: Contents) -> str:
    """Tell what a hard sample is worth, per sample trained on and per sample generated."""
    rows = contents.rows
    sentences = [
        "What is a hard example worth? A linear classifier is trained on the hardest fraction of a pool, as ranked by "
        "an imperfect teacher."
    ]
    for panel, instead, which in (
        ("kept", "training samples", "if they are taken as they come"),
        ("pool", "generated samples", "without selection"),
    ):
        saving = best_saving(rows, panel)
        if saving:
            series, factor = saving
            sentences.append(
                f"Counted in {instead}, accuracy {LEVEL} takes {factor.baseline_x:,.0f} {which}, "
                f"{factor.method_x:,.0f} with the rule '{series}' ({factor.words('fewer', 'more')})."
            )
    simulated, gap = monte_carlo_gap(rows)
    sentences.append(f"The lines are exact theory; {simulated} simulated points agree with them within {gap:.4f}.")
    return " ".join(sentences)


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    return (
        f"Linear classifier, d = {settings['d']}; pruning direction at cosine {settings['rho']:g} to the truth; "
        "best ridge per kept sample at each point"
    )


def draw(contents: Contents) -> Plot:
    """Draw both panels on one accuracy axis, of log error, with the samples saved at LEVEL."""
    rows = contents.computed("fig3")
    hard = [series for series in _exact_series(rows) if series != KEEP_ALL]
    shades = map(to_hex, colormaps["OrRd"](np.linspace(0.4, 1.0, len(hard))))
    colours = {KEEP_ALL: style.GREY} | dict(zip(hard, shades, strict=True))
    looks = {s: style.Style(colour, "o") for s, colour in colours.items()}
    looks |= {s + V1: look._replace(linestyle=":") for s, look in looks.items()}
    with style.context():
        figure = Plot(figsize=(9.6, 4.9), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        kept = panels.curve(select(rows, panel="kept", series=KEEP_ALL) or rows).x
        for ax, (panel, (title, xlabel)) in zip(axes, PANELS.items(), strict=True):
            panels.curves(ax, [row for row in rows if row.panel == panel], style=looks.__getitem__)
            ticks.log_ticks(ax, kept[0], kept[-1], label="power", most=12)
            ax.set(title=title, xlabel=xlabel)
            saving = best_saving(rows, panel)
            if saving:
                series, factor = saving
                panels.saving(ax, factor, factor.words("fewer", "more"), colours[series])
        ticks.log_error_axis(axes[0], 0.5, 1 - 0.8 * min(1 - row.y for row in rows))
        axes[0].set_ylabel("test accuracy (axis of log error)")
        key = {s: Line2D([], [], color=colour) for s, colour in colours.items()}
        key["Monte Carlo"] = Line2D([], [], color=style.GREY, marker="o", markersize=3.2, linestyle="none")
        key["law of arXiv v1, where it differs"] = Line2D([], [], color=style.GREY, linestyle=":")
        panels.legend(figure, [key])
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="fig3",
    compute=compute,
    summary=summary,
    story=story,
    draw=draw,
    describe=describe,
    settings=Config,
)
