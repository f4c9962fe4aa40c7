"""Figure 5: two ways to hard examples, oversample-then-prune and guided generation, and what each of them costs.

a: accuracy against the oversampling ratio. b: one-step deliberate practice against the guidance strength omega.
c: the theorem's accuracy against 1/p, with runs of the linear world in which the learner is refitted on the pruned set
alone. d: accuracy against the cost of an added sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot

import scaling
from empirical.runs.result import Record
from empirical.system.errors import require
from figures.contract import words
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.limits import comparisons, limits, sweep, verdict
from figures.contract.records import average, averages
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.practice import replacement

WORLDS = ("linear", "digits", "glyphs")
TITLES = {"linear": "Linear world", "digits": "Digits", "glyphs": "Glyphs"}
PRUNE, BASELINE, RANDOM = "oversample-then-prune", "random baseline", "random direction"
DP_SERIES = ("DP through x0", "DP through denoiser")
RANGE = 0.07  # largest omega of the theory at d = 128: moves omega sqrt(d) of up to .8, which leave |x| as it is
SWEEPS = (  # (panel, series, what x is)
    ("a", PRUNE, "ratio"),
    ("b", "through x0", "omega"),
    ("b", "through denoiser", "omega"),
)
AXES = {  # letter: (title, x label)
    "a": ("a   oversample, then prune", "oversampling ratio"),
    "b": ("b   guided generation", r"guidance strength $\omega$"),
    "c": ("c   theory: keep the hardest p", "oversampling ratio 1/p"),
    "d": ("d   accuracy against cost", "sampling work per added sample (plain: 1)"),
}
RUN_PANELS = (*(f"{letter} {world}" for letter in "ab" for world in WORLDS), "c")
CAPTION = (
    "One addition to a trained learner: samples selected (a, c) or generated to be hard (b), and the cost (d); "
    "random baseline: all candidates added, unselected"
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/fig5.toml`."""

    usual_omega: dict[str, float]  # of panel d, by world, fixed beforehand

    def __post_init__(self) -> None:
        worlds = sorted(self.usual_omega)
        require(worlds == sorted(WORLDS), "fig5.usual_omega", worlds, f"a number for each of {', '.join(WORLDS)}")


def compute(inputs: Inputs) -> list[Row]:
    """Average the runs for panels a-d, and compute the theorem's curve at the initial learners' own alignments.

    Panel d has each guided method at settings["usual_omega"][world], fixed beforehand. Panel b also has the mean
    "entropy" of the samples when they were added, in nats. The linear world's series of panels a, b and d have the
    theory of practice beside them.
    """
    by_panel: dict[str, list[Record]] = {}
    for record in inputs.records:
        by_panel.setdefault(record.panel, []).append(record)
    rows: list[Row] = []
    for panel, runs in by_panel.items():
        letter, _, world = panel.partition(" ")
        if letter == "a":
            rows += average("fig5", runs, _oversampling) + _selected(runs)
            costs = average("fig5", runs, _cost) + limits("fig5", runs, _cost)
            rows += [row._replace(panel=f"d {world}") for row in costs]
        elif letter == "b":
            rows += average("fig5", runs, lambda record: record.value) + _guided(runs)
            rows += average("fig5", runs, lambda record: record.value, _entropy, "entropy")
            omega = inputs.settings["usual_omega"][world]
            usual = [run for run in runs if run.value == omega and run.series != RANDOM]
            costs = average("fig5", usual, _cost) + limits("fig5", usual, _cost)
            rows += [row._replace(panel=f"d {world}", series=f"DP {row.series}") for row in costs]
        else:
            refitted = [record for record in runs if record.series == replacement.REPLACEMENT]
            rows += average("fig5", refitted, lambda record: record.value) + replacement.theorem(runs)
    return rows


def _selected(records: Sequence[Record]) -> list[Row]:
    """Compute the limits of panel a, and of ratios between those of the runs."""
    rows = limits("fig5", records, _oversampling)
    ratios = np.geomspace(1, max(map(_oversampling, records)), 25).tolist()
    for series, key in ((PRUNE, "acquire.ratio"), (BASELINE, "growth.addition")):
        runs = [record for record in records if record.series == series]
        if runs:
            unit = 1 if series == PRUNE else runs[0].result.config["growth"]["initial"]
            rows += sweep("fig5", runs, key, {ratio: ratio * unit for ratio in ratios}, rows)
    return rows


def _guided(records: Sequence[Record]) -> list[Row]:
    """Compute the limits of panel b, and of omegas half-way, by their logarithms, between those of the runs."""
    rows = limits("fig5", records, lambda record: record.value)
    for series in dict.fromkeys(record.series for record in records):
        runs = [record for record in records if record.series == series]
        omegas = np.array(sorted({record.value for record in runs if record.value > 0}))
        between = np.sqrt(omegas[1:] * omegas[:-1]).tolist()
        rows += sweep("fig5", runs, "acquire.omega", {omega: omega for omega in between}, rows)
    return rows


def _oversampling(record: Record) -> float:
    """Return the samples generated for the addition, per sample that other methods add (as many as the first pool)."""
    first, added = record.result.pool
    return added["images"] / first["images"]


def _cost(record: Record) -> float:
    """Return the FLOP of the addition, per sample that other methods add, in units of a plain sample's."""
    first, added = record.result.pool
    return round(added["gflop"] / first["gflop"], 9)


def _entropy(record: Record) -> float:
    """Return the mean entropy of the added samples when they were added, in nats."""
    return record.result.pool[-1]["entropy"]


def cheaper(rows: Sequence[Row], world: str) -> dict[str, scaling.Reading]:
    """Compute how many times the cost oversample-then-prune needs for the best accuracy of each DP series.

    A lower bound (">") where oversampling does not get there beyond its noise; empty without panel d of this world.
    """
    costs = select(rows, panel=f"d {world}")
    pruned = averages(select(costs, series=PRUNE, source="practice"))
    factors = {}
    for series in DP_SERIES:
        best = _best(select(costs, series=series, source="practice"))
        if best and len(pruned[0]) > 1:
            factors[series] = scaling.multiplier(pruned, averages([best]), direction="up").best
    return factors


def _best(rows: Sequence[Row]) -> Row | None:
    return max(rows, key=lambda row: row.y, default=None)


def summary(contents: Contents) -> str:
    """Say in one line, by world, the best ratio, the best omega and the cost advantage; then theory against runs."""
    rows, sentences = contents.rows, []
    for world in WORLDS:
        phrases = []
        for letter, series, what in SWEEPS:
            points = select(rows, panel=f"{letter} {world}", series=series, quantity="accuracy", source="practice")
            best = _best(points)
            if best:
                first = f"({points[0].y:.3f} at {points[0].x:g})"
                phrases.append(f"{series} best {best.y:.3f} at {what} {best.x:g} {first}")
        for series, factor in cheaper(rows, world).items():
            words = factor.words("cheaper", "dearer")
            compared = f"{words} than oversampling" if words else "at a cost oversampling leaves open"
            phrases.append(f"{series} {compared}")
        if phrases:
            sentences.append(f"{world}: " + ", ".join(phrases))
    gap = replacement.theory_gap(rows)
    if gap:
        sentences.append(f"theory: {gap[0]} replacement runs within {gap[1]:.1f} standard errors of Theorem 1")
    pairs = [pair for pair in comparisons(rows) if pair.panel[0] in "ab"]
    finite = [pair for pair in pairs if pair.panel[0] == "b" and (pair.series == RANDOM or pair.x > RANGE)]
    sentences.append(verdict([pair for pair in pairs if pair not in finite], "{:g}"))
    effects = [f"{pair.series} at omega {pair.x:g} {pair.gap:+.4f} (z {pair.z:+.1f})" for pair in finite if pair.x]
    if effects:
        sentences.append("practice - theory where the dimension is too low for the limit: " + ", ".join(effects))
    return "; ".join(filter(None, sentences)) or "no panel has rows"


def story(contents: Contents) -> str:
    """Tell, by world, what selecting and what generating hard samples gains, and at what cost."""
    sentences = [
        "Is it better to select hard examples or to generate them? A trained learner gets one addition, made in either "
        "way, and goes on."
    ]
    for world in WORLDS:
        costs = select(contents.rows, panel=f"d {world}", source="practice")
        selected, guided = select(costs, series=PRUNE), select(costs, series=DP_SERIES[0])
        best = _best(selected)
        if not best or not guided:
            continue
        plain, generated = selected[0], guided[0]
        sentences.append(
            f"{TITLES[world]}: plain samples give accuracy {words.accuracy(plain)}; selecting the most uncertain gives "
            f"at best {words.accuracy(best)}, for {best.x:.3g} times the work of sampling; guidance gives "
            f"{words.accuracy(generated)} for {generated.x:.3g} times the work."
        )
    gap = replacement.theory_gap(contents.rows)
    if gap:
        sentences.append(f"Theorem 1 predicts {gap[0]} runs on selected samples within {gap[1]:.1f} standard errors.")
    return " ".join(sentences)


def draw(contents: Contents) -> Plot:
    """Draw a line of panels per world; c stands in the first, the legend below c (with one world: below the figure)."""
    known = {world: [f"a {world}", f"b {world}", f"d {world}"] for world in WORLDS}
    present = set(contents.panels(["c", *(panel for line in known.values() for panel in line)], "fig5.draw"))
    worlds = [world for world in WORLDS if not present.isdisjoint(known[world])]
    grid: list[Any] = [[f"{letter} {world}" for letter in "abcd"] for world in worlds] or [["", "", "", ""]]
    grid[0][2] = "c"
    grid = [[panel if panel in present else "." for panel in line] for line in grid]
    shown = [panel for line in grid for panel in line if panel != "."]
    if len(grid) > 1:
        grid[1][2] = "legend"
    with style.context():
        figure = Plot(figsize=(14.0, 3.2 * len(grid) + 0.4), layout="constrained")
        axes = figure.subplot_mosaic(grid)
        for world in worlds:
            if {f"a {world}", f"d {world}"} <= present:
                axes[f"a {world}"].sharey(axes[f"d {world}"])
        named = [_draw_panel(axes[panel], panel, contents.rows) for panel in shown]
        panels.legend(axes.get("legend", figure), named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _draw_panel(ax: Axes, panel: str, rows: Sequence[Row]) -> panels.Drawn:
    """Draw one panel with its axes; return its artists by series, for the legend."""
    letter, _, world = panel.partition(" ")
    scores = select(rows, panel=panel, quantity="accuracy")
    joined = {"c": (), "d": (PRUNE, BASELINE)}
    named = panels.curves(ax, scores, join=joined.get(letter))
    title, xlabel = AXES[letter]
    ax.set(title=title, xlabel=xlabel, ylabel=f"{world or 'linear'}: test accuracy")
    if letter == "b":
        ticks.strength_ticks(ax, sorted({row.x for row in scores if row.source == "practice"}))
        _draw_entropy(ax, select(rows, panel=panel, quantity="entropy"))
        return named
    alike = scores if letter == "d" else [row for row in rows if row.panel.split()[0] in ("a", "c")]  # one range
    ticks.log_ticks(ax, min(row.x for row in alike), max(row.x for row in alike))
    savings = cheaper(rows, world) if letter == "d" else {}
    if savings:
        series, factor = next(iter(savings.items()))  # one arrow; the summary has both
        panels.saving(ax, factor, factor.words("cheaper", "dearer"), style.SERIES[series].colour)
    return {series.removeprefix("DP "): artist for series, artist in named.items()}


def _draw_entropy(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw the entropy of the samples when they were added as thin dotted lines, on a right-hand axis."""
    if not rows:
        return
    right = ax.twinx()
    for series in dict.fromkeys(row.series for row in rows):
        line = panels.curve(select(rows, series=series))
        right.plot(line.x, line.y, color=style.series_style(series).colour, linestyle=":", linewidth=0.9)
    right.set_ylabel("entropy when added, nats (dotted)", fontsize=8)
    right.grid(visible=False)
    right.spines["right"].set_visible(True)
    right.set_ylim(bottom=0)


FIGURE = Figure(
    name="fig5",
    compute=compute,
    summary=summary,
    story=story,
    draw=draw,
    describe=lambda _: CAPTION,
    panels=RUN_PANELS,
    settings=Config,
)
