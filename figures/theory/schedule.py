"""Figure schedule: how to spend a budget of rows on guided practice, by theory, and whether it is so.

Two ways of practice: all rounds kept with a usual ridge and guidance to the last step; and the last two rounds kept
with a small ridge and unguided last steps. a, b: error rate over the strength of guidance and its growth from addition
to addition. c: cuts through both maps. d: number of rounds. e: share of the rows in the plain first round. f: how many
rounds a fit remembers. In d to f every point has its own best strength, kappa = omega sqrt(d), the same in all rounds.

Theory is `rmt.practice.learning_curve`; practice is the linear world (d = 128) with its own sampler, at the theory's
optimum and beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Plot
from matplotlib.ticker import NullLocator

from empirical.runs.result import Record
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract import limits
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.drawing.style import BLACK, BLUE, GREEN, ORANGE, PINK, SKY, VERMILLION, Style
from figures.theory.ways import CUTS, KEPT, TWO, VARIANTS, WAYS, Way, best

ERROR, BEST = "error rate", "best kappa"  # quantities of theory; runs and their limits have accuracy
OMEGA, ROUNDS, FIRST, MEMORY = "omega", "rounds", "first round", "memory"  # panels
_DOUBLING = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # ticks
PANELS = {  # of runs: (title, x label)
    OMEGA: ("c   cuts through a and b", r"$\kappa = \omega\sqrt{d}$, in the middle addition"),
    ROUNDS: ("d   number of rounds", "rounds of equal size"),
    FIRST: ("e   the plain first round", "share of the rows in the first round"),
    MEMORY: ("f   what a fit remembers", "latest rounds that a fit sees"),
}
LOOKS = {
    KEPT: Style(BLUE, "o"),
    TWO: Style(VERMILLION, "^"),
    f"{KEPT}, growing": Style(SKY, "s", "--", 4.0),
    f"{TWO}, growing": Style(ORANGE, "v", "--", 4.5),
    "ridge 0.01, unguided last fifth": Style(GREEN, "D", "--", 4.0),
    "ridge 1e-6, guided to the last step": Style(PINK, "P", ":"),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/schedule.toml`, one of its presets included."""

    budget: float  # rows per dimension, over all rounds
    rounds: int  # of equal size where their number does not vary
    steps: int  # of DDIM
    kappas: list[float]  # strengths of guidance among which the best is taken, ascending
    factors: list[float]  # of the strength from one addition to the next
    numbers: list[int]  # of rounds, panel d
    shares: list[float]  # of the rows in the first round, panel e
    memories: list[int]  # panel f

    def __post_init__(self) -> None:
        require(self.budget > 0, "schedule.budget", self.budget, "rows per dimension > 0")
        require(self.rounds >= 3, "schedule.rounds", self.rounds, "whole numbers >= 3")
        rising = len(self.kappas) >= 3 and all(0 < a < b for a, b in zip(self.kappas, self.kappas[1:], strict=False))
        require(rising, "schedule.kappas", self.kappas, "at least three numbers > 0, ascending")
        both = 1.0 in self.factors and 0 < min(self.factors) < 1 < max(self.factors)
        require(both, "schedule.factors", self.factors, "numbers > 0, of which one is 1, one less and one more")
        require(all(k >= 2 for k in self.numbers), "schedule.numbers", self.numbers, "whole numbers >= 2")
        require(all(0 < share < 1 for share in self.shares), "schedule.shares", self.shares, "shares in (0, 1)")
        memories = all(1 <= m <= self.rounds for m in self.memories)
        require(memories, "schedule.memories", self.memories, "from 1 to the number of rounds")

    def spent(self, way: Way, rounds: int, share: float | None = None) -> Way:
        """Return a way that spends the budget in so many rounds, with a share of it in the first; else all equal."""
        first = self.budget * (share or 1 / rounds)
        addition = (self.budget - first) / (rounds - 1)
        return replace(way, first=first, addition=addition, additions=rounds - 1, steps=self.steps)


def compute(inputs: Inputs) -> list[Row]:
    """Compute maps over strength and growth, lines at the best strength, and the runs beside their own limits."""
    settings = build(Config, inputs.settings, "schedule")
    rows: list[Row] = []
    for name, way in CUTS.items():
        rows += _strengths(settings, way, OMEGA, name)
    for name, way in WAYS.items():
        for done, factor in enumerate(settings.factors):
            inputs.progress(done, len(settings.factors), f"{name}, factor {factor:g}")
            rows += _strengths(settings, replace(way, factor=factor), f"map, {name}", f"factor {factor:g}")
        lines: dict[str, dict[float, Way]] = {
            ROUNDS: {k: settings.spent(way, k) for k in settings.numbers},
            FIRST: {share: settings.spent(way, settings.rounds, share) for share in settings.shares},
        }
        for panel, ways in lines.items():
            rows += _line(inputs, panel, name, ways, settings.kappas)
    for name, way in VARIANTS.items():
        equal = settings.spent(way, settings.rounds)
        ways = {m: replace(equal, memory=m) for m in settings.memories}
        rows += _line(inputs, MEMORY, name, ways, settings.kappas)
    for panel, x in PLACES.items():
        runs = [record for record in inputs.records if record.panel == panel]
        rows += average("schedule", runs, x) + limits.limits("schedule", runs, x)
    return rows


def _strengths(settings: Config, way: Way, panel: str, series: str) -> list[Row]:
    """Compute the error rate at every strength of guidance."""
    equal = settings.spent(way, settings.rounds)
    errors = [replace(equal, kappa=kappa).error_rate() for kappa in settings.kappas]
    return theory_rows("schedule", panel, series, ERROR, settings.kappas, errors)


def _line(inputs: Inputs, panel: str, series: str, ways: dict[Any, Way], kappas: Sequence[float]) -> list[Row]:
    """Compute the least error rate and the best strength at every x."""
    found = []
    for done, (x, way) in enumerate(ways.items()):
        inputs.progress(done, len(ways), f"{series}, {panel} {x:g}")
        found.append(best(way, kappas))
    columns = zip((ERROR, BEST), zip(*found, strict=True), strict=True)
    return [row for name, y in columns for row in theory_rows("schedule", panel, series, name, ways, y)]


def _kappa(record: Record) -> float:
    """Return kappa of the middle addition of a run whose schedule is a geometric series."""
    run = record.result.config
    factors = run["acquire"]["schedule"]
    middle = math.sqrt(factors[0] * factors[-1]) if len(factors) > 1 else 1.0
    return float(run["acquire"]["omega"] * middle * math.sqrt(run["world"]["dimension"]))


def _rounds(record: Record) -> float:
    return float(record.result.config["growth"]["additions"] + 1)


def _share(record: Record) -> float:
    growth = record.result.config["growth"]
    return float(growth["initial"] / (growth["initial"] + growth["additions"] * growth["addition"]))


def _memory(record: Record) -> float:
    return float(record.result.config["growth"]["memory"] or _rounds(record))


PLACES: dict[str, Callable[[Record], float]] = {OMEGA: _kappa, ROUNDS: _rounds, FIRST: _share, MEMORY: _memory}


def factor(series: str) -> float:
    """Read the factor from the name of a map's line.

    >>> factor("factor 1.25")
    1.25
    """
    return float(series.removeprefix("factor "))


def advice(rows: Sequence[Row], way: str) -> list[str]:
    """Say in one sentence each which strength, growth, number of rounds and first round theory finds best."""
    lines = select(rows, panel=f"map, {way}")
    groups: dict[str, Callable[[float], bool]] = {
        "fixed": lambda f: f == 1, "growing": lambda f: f > 1, "shrinking": lambda f: f < 1,
    }  # fmt: skip
    found = []
    for word, belongs in groups.items():
        least = min((row for row in lines if belongs(factor(row.series))), key=lambda row: row.y)
        by = "" if word == "fixed" else f" {factor(least.series):g} times an addition"
        found.append(f"{word}{by} {least.y:.4f} (kappa {least.x:g})")
    sentences = [f"{way}: error {', '.join(found)}"]
    for panel, words in ((ROUNDS, "{:g} rounds"), (FIRST, "{:.0%} in the first round")):
        line = select(rows, panel=panel, series=way, quantity=ERROR)
        least, worst = (pick(line, key=lambda row: row.y) for pick in (min, max))
        sentences.append(f"{words.format(least.x)} {least.y:.4f} ({words.format(worst.x)} {worst.y:.4f})")
    return sentences


def summary(contents: Contents) -> str:
    """Say in one line what theory advises, with numbers, and how far practice is from theory."""
    sentences = [sentence for way in WAYS for sentence in advice(contents.rows, way)]
    named = {KEPT: "ridge 0.01, guided to the last step", TWO: "ridge 1e-6, unguided last fifth"}
    for name in VARIANTS:
        least = min(select(contents.rows, panel=MEMORY, series=name, quantity=ERROR), key=lambda row: row.y)
        sentences.append(f"{named.get(name, name)}: remember {least.x:g} rounds, {least.y:.4f}")
    sentences.append(limits.verdict(limits.comparisons(contents.rows), "x = {:.3g}"))
    return "; ".join(filter(None, sentences))


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    return (
        f"{settings['budget']:g} d rows in all, {settings['rounds']} rounds of equal size unless varied, "
        f"{settings['steps']} DDIM steps. Lines: theory; points: linear world, d = 128, with its own sampler"
    )


def draw(contents: Contents) -> Plot:
    """Draw two maps of the theory with the runs on them, and four panels of lines with runs."""
    rows = contents.computed("schedule")
    with style.context():
        figure = Plot(figsize=(11.4, 7.2), layout="constrained")
        axes = figure.subplots(2, 3)
        for letter, ax, way in zip("ab", axes[0], WAYS, strict=False):
            _map(figure, ax, rows, way)
            ax.set_title(f"{letter}   {way}" + (", ridge 0.01" if way == KEPT else ", ridge 1e-6, unguided last fifth"))
        drawn = []
        for ax, (panel, (title, xlabel)) in zip(axes.flat[2:], PANELS.items(), strict=True):
            lines = select(rows, panel=panel, quantity=ERROR)
            runs = [row._replace(y=1 - row.y) for row in select(rows, panel=panel, source="practice")]
            drawn.append(panels.curves(ax, [*lines, *runs], style=LOOKS.__getitem__))
            ax.set_xscale("log")
            x = sorted({row.x for row in lines})
            marks = (
                x if panel in (ROUNDS, MEMORY) else [v for v in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6) if x[0] <= v <= x[-1]]
            )
            ticks.fixed_ticks(ax, marks, [f"{mark:g}" for mark in marks])
            ticks.log_rate_axis(ax, [row.y for row in [*lines, *runs]])
            ax.set(title=title, xlabel=xlabel, ylabel="error rate")
        panels.legend(figure, drawn)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _map(figure: Plot, ax: Axes, rows: Sequence[Row], way: str) -> None:
    """Draw the error rate over strength and growth; circles have the colour of the runs' own error."""
    lines = select(rows, panel=f"map, {way}")
    factors = sorted({row.series for row in lines}, key=factor)
    errors = np.array([[row.y for row in select(lines, series=name)] for name in factors])
    kappas, growth = [row.x for row in select(lines, series=factors[0])], [factor(name) for name in factors]
    norm = LogNorm(errors.min(), errors.max())
    mesh = ax.pcolormesh(kappas, growth, errors, norm=norm, cmap="viridis", shading="gouraud", rasterized=True)
    figure.colorbar(mesh, ax=ax, pad=0.02, label="error rate")
    i, j = np.unravel_index(np.argmin(errors), errors.shape)
    ax.plot(kappas[j], growth[i], marker="*", markersize=12, color="white", markeredgecolor=BLACK)
    for series, cut in CUTS.items():
        runs = select(rows, panel=OMEGA, series=series, source="practice") if series.startswith(way) else []
        colours = [1 - row.y for row in runs]
        places = [row.x for row in runs], [cut.factor] * len(runs)
        ax.scatter(*places, c=colours, norm=norm, cmap="viridis", s=55, edgecolors="white", linewidths=1.3, zorder=3,
                   clip_on=False)  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel=PANELS[OMEGA][1], ylabel="factor of omega per addition")
    ticks.fixed_ticks(ax, [0.05, 0.1, 0.2, 0.5, 1.0], ["0.05", "0.1", "0.2", "0.5", "1"])
    ax.set_yticks(growth, [f"{value:g}" for value in growth])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.grid(visible=False)


FIGURE = Figure(
    name="schedule",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    panels=tuple(PANELS),
    settings=Config,
)
