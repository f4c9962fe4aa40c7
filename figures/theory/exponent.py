"""Figure exponent: does keeping hard examples change the exponent of the error law, or only its constant?

A column per cosine of the pruner. First row: error rate against pool size at a fixed ridge, second row its local slope
d log E / d log n; third and fourth row the same at the best ridge of each point. The law (`rmt.error_rate`) reaches
n/d = 10^6; reduced Monte Carlo lies on the squared loss's lines. Fits of E = floor + C n^-exponent are rows of quantity
"exponent", with bootstrap intervals over the Monte Carlo's trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator
from numpy.typing import NDArray

import rmt
import scaling
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import simulated_row, theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels, style
from rmt.limits import optimal_ridge

LOSSES, TUNINGS = ("squared", "logistic"), ("fixed", "best")
COLOURS = {"squared": style.BLUE, "logistic": style.VERMILLION}
_ACCURACY = 1e-3  # relative, of an error rate among which the best is taken
DASHES = {"all": "-", "hard": "--", "best": ":"}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/exponent.toml`, one of its presets included."""

    cosines: list[float]  # of pruning direction and truth, one column each
    fractions: list[float]  # keep-hard fractions; the first is also shown by itself, the best one with keep-all
    ridge: float  # the fixed one
    tiny_ridges: list[float]  # best ridges of the logistic loss are searched among these times (n/d)^-3 ...
    ridges: list[float]  # ... and these
    first_log10: int  # n/d from 10^first_log10 ...
    last_log10: int  # ... to 10^last_log10
    d: int  # dimension of the Monte Carlo
    trials: int
    simulated_log10: list[int]  # pool sizes of the Monte Carlo
    seed: int

    def __post_init__(self) -> None:
        require(bool(self.cosines) and max(map(abs, self.cosines)) <= 1, "exponent.cosines", self.cosines, "[-1, 1]")
        shares = bool(self.fractions) and all(0 < p < 1 for p in self.fractions)
        require(shares, "exponent.fractions", self.fractions, "keep fractions in (0, 1)")
        positive = bool(self.ridges) and min([self.ridge, *self.ridges, *self.tiny_ridges]) > 0
        require(positive, "exponent.ridges", self.ridges, "numbers > 0")
        require(self.first_log10 + 2 <= self.last_log10, "exponent.first_log10", self.first_log10, "last_log10 - 2")
        require(
            len(self.simulated_log10) in (0, *range(4, 20)),
            "exponent.simulated_log10",
            self.simulated_log10,
            "none, or 4 sizes and more",
        )
        require(self.d >= 2 and self.trials >= 2, "exponent.d, trials", (self.d, self.trials), "whole numbers >= 2")
        require(self.seed >= 0, "exponent.seed", self.seed, "whole numbers >= 0")


def compute(inputs: Inputs) -> list[Row]:
    """Compute error rates and slopes of panels "rho = ..., ridge fixed" and "... best", and the fits.

    Slopes are between neighbouring sizes, at their geometric mean. Of the quantity "exponent", x is rho.
    """
    settings = build(Config, inputs.settings, "exponent")
    ratios = 10.0 ** np.arange(settings.first_log10, settings.last_log10 + 1)
    steps = [(rho, tuning, loss) for rho in settings.cosines for tuning in TUNINGS for loss in LOSSES]
    rows: list[Row] = []
    for done, (rho, tuning, loss) in enumerate(steps):
        inputs.progress(done, len(steps), f"{loss}, rho = {rho:g}, {tuning} ridge")
        laws = [_errors(settings, ratios, p, rho, loss, tuning) for p in (1.0, *settings.fractions)]
        errors = np.stack([error for error, _ in laws])  # (1 + F, sizes)
        for keep, line in (("all", errors[0]), ("hard", errors[1]), ("best", errors.min(axis=0))):
            series, panel = series_name(loss, keep), panel_name(rho, tuning)
            rows += theory_rows("exponent", panel, series, "error rate", ratios, line)
            middles, slopes = np.sqrt(ratios[1:] * ratios[:-1]), np.diff(np.log(line)) / np.diff(np.log(ratios))
            rows += theory_rows("exponent", panel, series, "slope", middles, slopes)
        if loss == "squared" and settings.simulated_log10:
            for keep, p, (_, ridges) in zip(("all", "hard"), (1.0, settings.fractions[0]), laws[:2], strict=True):
                rows += _simulated(settings, ratios, p, rho, keep, tuning, ridges)
    return rows


def _errors(
    settings: Config, ratios: NDArray[Any], p: float, rho: float, loss: str, tuning: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return error rates and ridges at each n/d."""
    shared: dict[str, Any] = {"n": ratios, "d": 1, "rule": rmt.KeepHard(p), "rho": rho, "loss": loss}
    if tuning == "fixed":
        fixed = np.full(len(ratios), settings.ridge)
        return np.asarray(rmt.error_rate(rmt.Problem(ridge=settings.ridge, **shared))), fixed
    if loss == "squared":
        best = optimal_ridge(rmt.Problem(ridge=1.0, **shared), between=(1e-12, 1e2))
        return np.asarray(best.error_rate), np.asarray(best.argument)
    tiny = np.array(settings.tiny_ridges)[:, None] * ratios**-3.0
    plain = np.broadcast_to(np.array(settings.ridges)[:, None], (len(settings.ridges), len(ratios)))
    ridges = np.concatenate([tiny, plain])
    solution = rmt.convex.solve(rmt.Problem(ridge=ridges, **shared))
    trusted = (np.asarray(solution.residual) < _ACCURACY) & (np.asarray(solution.accuracy) < _ACCURACY)
    errors = np.where(trusted, solution.value, 1.0)
    best_at = np.argmin(errors, axis=0)[None]
    return tuple(np.take_along_axis(v, best_at, axis=0)[0] for v in (errors, ridges))


def _simulated(
    settings: Config, ratios: NDArray[Any], p: float, rho: float, keep: str, tuning: str, ridges: NDArray[Any]
) -> list[Row]:
    """Simulate points of a line of the squared loss, and fit a power law to their trials."""
    panel, series, samples, rows = panel_name(rho, tuning), series_name("squared", keep), [], []
    for k in settings.simulated_log10:
        ridge = float(ridges[np.argmin(np.abs(ratios - 10.0**k))])
        problem = rmt.Problem(n=settings.d * 10**k, d=settings.d, ridge=ridge, rule=rmt.KeepHard(p), rho=rho)
        seed = [settings.seed, round(1e9 * p), round(1e9 * (1 + rho)), TUNINGS.index(tuning), k]
        estimate = rmt.simulate(problem, settings.trials, rng=np.random.default_rng(seed))
        samples.append(estimate.samples)
        numbers = (10.0**k, estimate.mean, estimate.stderr, estimate.samples)
        rows.append(simulated_row("exponent", panel, series, "error rate", *numbers))
    sizes = settings.d * 10.0 ** np.array(settings.simulated_log10)
    fit = scaling.fit(sizes, np.array(samples).T, direction="down", rng=np.random.default_rng(settings.seed))
    exponent = fit.parameters["exponent"]
    spread = (exponent.high - exponent.low) / (2 * 1.96)
    place = ("exponent", f"ridge {tuning}", series, "exponent", "simulation")
    return [*rows, Row(*place, rho, exponent.value, spread, settings.trials)]


def panel_name(rho: float, tuning: str) -> str:
    """Name the panel of a cosine and a way to choose the ridge.

    >>> panel_name(0.9, "best")
    'rho = 0.9, ridge best'
    """
    return f"rho = {rho:g}, ridge {tuning}"


def series_name(loss: str, keep: str) -> str:
    """Name the series of a loss and a selection: "all", "hard" or "best".

    >>> series_name("squared", "hard")
    'squared, keep hard'
    """
    return f"{loss}, {'best fraction' if keep == 'best' else 'keep ' + keep}"


def summary(contents: Contents) -> str:
    """Say in one line the last local slopes, the gain of selection there, and the fitted exponents."""
    rows, sentences = contents.rows, []
    for panel in dict.fromkeys(r.panel for r in rows if r.panel.startswith("rho")):
        for loss in LOSSES:
            names = {keep: series_name(loss, keep) for keep in DASHES}
            laws = select(rows, panel=panel, source="theory", quantity="error rate")
            lines = {keep: select(laws, series=name) for keep, name in names.items()}
            slopes = [select(rows, panel=panel, series=name, quantity="slope") for name in names.values()]
            if all(lines.values()):
                ends = "/".join(f"{slope[-1].y:.2f}" for slope in slopes) + " (all/hard/best)"
                gain = lines["all"][-1].y / lines["best"][-1].y
                sentences.append(f"{panel}, {loss}: last slopes {ends}, best fraction {gain:.2f}x better")
    for row in (row for row in rows if row.quantity == "exponent"):
        interval = f"{-row.y:.3f} +- {1.96 * (row.stderr or 0):.3f}"
        sentences.append(f"fit, {row.panel}, {row.series}, rho = {row.x:g}: {interval}")
    return "; ".join(sentences) or "no panel"


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    return (
        f"Law to n/d = 1e{settings['last_log10']}; fixed ridge {settings['ridge']:g}; "
        f"keep hard: {100 * settings['fractions'][0]:g} %; "
        f"reduced Monte Carlo with d = {settings['d']}, {settings['trials']} trials a point"
    )


def draw(contents: Contents) -> Plot:
    """Draw columns by cosine; error and slope at the fixed ridge, then at the best."""
    rows = contents.computed("exponent")
    names = list(dict.fromkeys(row.panel for row in rows if row.panel.startswith("rho")))
    cosines = list(dict.fromkeys(name.split(",")[0] for name in names))
    looks = {
        series_name(loss, k): style.Style(colour, "o" if k == "all" else "s", dash)
        for loss, colour in COLOURS.items()
        for k, dash in DASHES.items()
    }
    with style.context():
        figure = Plot(figsize=(9.6, 10.4), layout="constrained")
        axes = figure.subplots(4, len(cosines), sharey="row", squeeze=False, height_ratios=[1.5, 1, 1.5, 1])
        for line, (tuning, sloped) in enumerate((t, s) for t in TUNINGS for s in (False, True)):
            for column, cosine in enumerate(cosines):
                ax, panel = axes[line, column], f"{cosine}, ridge {tuning}"
                errors = select(rows, panel=panel, quantity="error rate")
                shown = select(rows, panel=panel, quantity="slope") if sloped else errors
                panels.curves(ax, shown, style=looks.__getitem__)
                x = [row.x for row in errors]
                ax.set_xscale("log")
                ax.set_xlim(min(x) / 1.6, max(x) * 1.6)
                ax.set_title("" if sloped else f"{cosine}, {tuning} ridge")
                if sloped:
                    ax.set_xlabel("pool size per dimension, n/d")
                    for level in (-0.5, -1.0):
                        ax.axhline(level, color=style.GREY, linewidth=0.8, zorder=1)
            if sloped:
                axes[line, 0].set(ylabel="slope of log error", ylim=(-1.6, 0.1))
            else:
                errors = select(rows, quantity="error rate")
                low = min(row.y for row in errors if row.panel.endswith(f"ridge {tuning}"))
                decades = [10.0**k for k in range(int(np.floor(np.log10(low))), 1)]
                axes[line, 0].set(yscale="log", ylim=(low / 1.5, 0.6), ylabel="error rate")
                axes[line, 0].yaxis.set_major_locator(FixedLocator(decades))
                axes[line, 0].yaxis.set_major_formatter(FixedFormatter([f"{v:g}" for v in decades]))
        key: panels.Drawn = {name: Line2D([], [], color=look.colour, ls=look.linestyle) for name, look in looks.items()}
        key["reduced Monte Carlo"] = Line2D([], [], color=style.GREY, marker="o", markersize=3.2, linestyle="none")
        panels.legend(figure, [key])
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="exponent",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    settings=Config,
)
