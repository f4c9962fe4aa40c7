"""Adaptive practice: theory against the practice loop of the linear world, round by round.

a: accuracy against rounds, the pool replaced or accumulated, static data of the accumulated size beside them.
b: where replacement ends, against the oversampling ratio. c: the same samples with a pruning direction that is renewed
rarely. d: one recipe with two attracting fixed points, from a poor and from a good start.

Theory is `rmt.practice`, on the rows of the runs' own sampler, whose variance is .976 after 100 DDIM steps and .988
after 200; nothing is fitted. Replaced pools start from each seed's own initial alignment, and are averaged over seeds.
Fixed points are those of the recursion on exact rows, `rmt.adaptive`. The learner's penalty is per kept sample, the
recursion's per sample of the pool: lam = ridge / ratio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

import rmt
from empirical.runs.result import Record
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.limits import (
    Comparison,
    changed,
    comparisons,
    curve,
    limits,
    path,
    question,
    starting_at,
    sweep,
    verdict,
)
from figures.contract.records import average, pool_size, theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels, ticks
from figures.drawing.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, VERMILLION, Style, context, inscribe
from rmt.adaptive import fixed_points, recursion

INITIAL, REPLACED, GROWN, STATIC = "initial", "replacement", "accumulation", "static"
POOR, GOOD, ONCE, END = "poor start", "good start", "after one round", "fixed point"
PANELS = {  # panel: (title, x label)
    "a": ("a   round by round", "rounds"),
    "b": ("b   where replacement leads", "oversampling ratio 1/p"),
    "c": ("c   the price of a stale direction", "rounds pruned along one direction"),
    "d": ("d   one recipe, two ends", "rounds"),
}
LOOKS = {
    REPLACED: Style(VERMILLION, "P"),
    GROWN: Style(BLUE, "o"),
    STATIC: Style(PINK, "x"),
    INITIAL: Style(BLACK, "."),
    ONCE: Style(GREY, ".", "--"),
    END: Style(BLACK, ".", ":"),
    POOR: Style(ORANGE, "v"),
    GOOD: Style(GREEN, "s"),
}
ATTRACTS, REPELS = "attracts", "repels"
CAPTION = "Practice without guidance: prune fresh samples along the latest classifier, retrain, repeat"


def compute(inputs: Inputs) -> list[Row]:
    """Compute theory and averages of the panels that have runs; the figure has no settings of its own."""
    require(not inputs.settings, "adaptive", dict(inputs.settings), "no settings: the runs have them all")
    runs: dict[tuple[str, str], list[Record]] = {}
    for record in inputs.records:
        runs.setdefault((record.panel, record.series), []).append(record)
    return [
        *_rounds(runs.get(("a", INITIAL), []), runs.get(("a", REPLACED), []), "a", REPLACED),
        *_grown(runs),
        *_ratios(runs.get(("a", INITIAL), []), runs.get(("b", REPLACED), [])),
        *_stale(runs),
        *_two_ends(runs),
    ]


def alignments(records: Sequence[Record]) -> NDArray[np.float64]:
    """Return cos(w, w_0) of the given runs, in order of seed."""
    return np.array([r.result.alignment for r in sorted(records, key=lambda record: record.seed)])


def problem(record: Record, rho: Any, ratio: Any = None) -> rmt.Problem:
    """Pose one round of a run as a problem of the theorem, at another oversampling `ratio` where given."""
    run = record.result.config
    ratio = run["acquire"]["ratio"] if ratio is None else ratio
    kept, world = run["growth"]["addition"], run["world"]
    n, ridge, rule = kept * ratio, world["ridge"] / ratio, rmt.KeepHard(1 / np.asarray(ratio))
    return rmt.Problem(n=n, d=world["dimension"], ridge=ridge, rule=rule, rho=rho)


def accuracy(rho: Any) -> NDArray[np.float64]:
    """Return the accuracy 1 - arccos(rho)/pi of a classifier at cosine rho to the truth."""
    return 1 - np.arccos(np.asarray(rho)) / np.pi


def _theory(panel: str, series: str, x: Any, y: Any) -> list[Row]:
    return theory_rows("adaptive", panel, series, "accuracy", x, y)


def replaced(initial: Sequence[Record], config: Mapping[str, Any]) -> NDArray[np.float64]:
    """Compute the accuracy after each round of replacement from each seed's own start, (rounds + 1, seeds)."""
    asked = question(config)
    if asked is None:
        raise ValueError(f"adaptive: got a run {dict(config)}; allowed the linear world without guidance; do change it")
    paths = [curve(starting_at(asked, rho)) for rho in alignments(initial)]
    return np.array([[fit.accuracy for fit in fits] for fits in paths]).T


def _rounds(initial: Sequence[Record], runs: Sequence[Record], panel: str, series: str) -> list[Row]:
    """Average the runs against the number of rounds, and compute replacement from each seed's own start."""
    if not initial or not runs:
        return []
    accuracies = replaced(initial, _longest(runs).result.config).mean(axis=1)
    rows = average("adaptive", runs, lambda record: record.value)
    return rows + _theory(panel, series, range(len(accuracies)), accuracies)


def _longest(runs: Sequence[Record]) -> Record:
    return max(runs, key=lambda record: record.value)


def _grown(runs: Mapping[tuple[str, str], list[Record]]) -> list[Row]:
    """Average accumulated and static pools of the same sizes, and compute the theory of both."""
    grown, static, initial = (runs.get(("a", series), []) for series in (GROWN, STATIC, INITIAL))
    rows: list[Row] = []
    for members in (grown, initial):  # initial: round 0
        rows += average("adaptive", members, lambda record: record.value)
        rows += limits("adaptive", members, lambda record: record.value)
    if grown:
        rows += path("adaptive", grown, 0, 1, rows)
    if static and grown:
        growth = grown[0].result.config["growth"]
        first, step = growth["initial"], growth["addition"]
        rows += average("adaptive", static, lambda record: (pool_size(record) - first) / step)
        rows += limits("adaptive", static, lambda record: (pool_size(record) - first) / step)
        sizes = {x: first + step * x for x in np.linspace(0, max(row.x for row in rows), 65).tolist()}
        rows += sweep("adaptive", static, "growth.initial", sizes, rows)
    return rows


def _ratios(initial: Sequence[Record], runs: Sequence[Record]) -> list[Row]:
    """Average the runs against the ratio, with theory after one round, after all, and at the fixed point."""
    if not initial or not runs:
        return []
    config, largest = runs[0].result.config, max(r.value for r in runs)
    ratios = np.geomspace(1, largest, 25).round(9)  # powers of two are among them, as in the runs
    ends = np.array([replaced(initial, changed(config, "acquire.ratio", ratio)).mean(axis=1) for ratio in ratios])
    fine, rho = np.geomspace(1, largest, 49), alignments(initial)
    fixed = accuracy(recursion(problem(runs[0], rho, fine[:, None]), 500)[-1]).mean(axis=1)
    return [
        *average("adaptive", runs, lambda record: record.value),
        *_theory("b", REPLACED, ratios, ends[:, -1]),
        *_theory("b", ONCE, ratios, ends[:, 1]),
        *_theory("b", END, fine, fixed),
    ]


def _stale(runs: Mapping[tuple[str, str], list[Record]]) -> list[Row]:
    """Average the runs of all rounds whose direction is renewed every x rounds, with their theory.

    Accumulated: additions x times as large and as many times fewer. Replaced: rounds along one direction have one law,
    so the last of K rounds has that of round K/x along fresh directions, which panel a's runs have drawn.
    """
    once, grown, initial = (runs.get(("a", series), []) for series in (REPLACED, GROWN, INITIAL))
    rare = runs.get(("c", GROWN), [])
    if not (once and grown and rare and initial):
        return []
    last, step = _longest(once).value, grown[0].result.config["growth"]["addition"]
    fresh = [replace(r, panel="c") for r in grown if r.value == last]
    again = [replace(r, panel="c") for r in once if last % r.value == 0]
    accuracies = replaced(initial, _longest(once).result.config).mean(axis=1)
    rounds = sorted({round(r.value) for r in again})
    rows = average("adaptive", [*rare, *fresh], lambda r: r.result.config["growth"]["addition"] / step)
    rows += limits("adaptive", [*rare, *fresh], lambda r: r.result.config["growth"]["addition"] / step)
    rows += average("adaptive", again, lambda record: last / record.value)
    return rows + _theory("c", REPLACED, [last / k for k in rounds], accuracies[rounds])


def _two_ends(runs: Mapping[tuple[str, str], list[Record]]) -> list[Row]:
    """Average the runs of both starts, and compute the recipe's fixed points on exact rows as level lines."""
    rows: list[Row] = []
    for series in (POOR, GOOD):
        members = runs.get(("d", series), [])
        rows += _rounds([r for r in members if r.value == 0], members, "d", series)
    if rows:
        last = max(row.x for row in rows)
        recipe = next(r for (panel, _), members in runs.items() if panel == "d" for r in members)
        for point in fixed_points(problem(recipe, 0.0)):
            name = f"{ATTRACTS if point.stable else REPELS}, {1 - point.error_rate:.3f}"
            rows += _theory("d", name, (0, last), (1 - point.error_rate,) * 2)
    return rows


def pairs(rows: Sequence[Row]) -> list[Comparison]:
    """Return practice beside theory, but for panel d's starts, which theory is given, and panel a's runs in panel c."""
    new = {"c": lambda pair: pair.series == GROWN and pair.x > 1, "d": lambda pair: pair.x > 0}
    return [pair for pair in comparisons(rows) if pair.panel not in new or new[pair.panel](pair)]


def details(records: Sequence[Record]) -> dict[str, Any]:
    """List z-scores round by round, and the gain of accuracy by the sampler's rows over exact ones under replacement.

    The gain is that of the theory: the sampler's rows have less variance off the truth.
    """
    scores: dict[str, list[float]] = {}
    for pair in pairs(compute(Inputs({}, records))):
        scores.setdefault(f"{pair.panel} {pair.series}", []).append(round(pair.z, 2))
    gains = {}
    for panel, start, series in (("a", INITIAL, REPLACED), ("d", POOR, POOR), ("d", GOOD, GOOD)):
        runs = [r for r in records if (r.panel, r.series) == (panel, series)]
        initial = [r for r in records if (r.panel, r.series, r.value) == (panel, start, 0)]
        if initial and runs:
            own = replaced(initial, _longest(runs).result.config)
            exact = accuracy(recursion(problem(_longest(runs), alignments(initial)), len(own) - 1))
            gains[f"{panel} {series}"] = [round(float(gain), 5) for gain in (own - exact).mean(axis=1)]
    return {"z-scores": scores, "sampler's rows minus exact rows": gains}


def summary(contents: Contents) -> str:
    """Say in one line where each way ends, and how far runs are from theory."""
    rows, sentences = contents.rows, []
    for panel, names in (("a", (REPLACED, GROWN, STATIC)), ("d", (POOR, GOOD))):
        for series in names:
            points = select(rows, panel=panel, series=series, source="practice")
            if points:
                sentences.append(f"{series} {points[-1].y:.3f} at round {points[-1].x:g}")
    sentences.append(verdict(pairs(rows), "{:g}"))
    sentences += sorted({row.series for row in rows if row.series.startswith((ATTRACTS, REPELS))})
    return "; ".join(filter(None, sentences)) or "no panel has rows"


def look(series: str) -> Style:
    """Return the style of a series; a fixed point's depends on whether it attracts."""
    if series.startswith(ATTRACTS):
        return Style(GREY, ".", "-")
    return Style(GREY, ".", "--") if series.startswith(REPELS) else LOOKS[series]


def draw(contents: Contents) -> Plot:
    """Draw the panels that have rows, two in a line."""
    present = contents.panels(PANELS, "adaptive.draw")
    with context():
        lines, columns = -(-len(present) // 2), min(len(present), 2)
        figure = Plot(figsize=(4.8 * columns, 3.4 * lines + 0.8), layout="constrained")
        named: list[panels.Drawn] = []
        for index, panel in enumerate(present):
            ax = figure.add_subplot(lines, columns, index + 1)
            points = select(contents.rows, panel=panel)
            levels = [row for row in points if row.series.startswith((ATTRACTS, REPELS))]
            named.append(panels.curves(ax, [row for row in points if row not in levels], style=look))
            for row in levels[: len(levels) // 2]:
                ax.axhline(row.y, color=GREY, linestyle=look(row.series).linestyle, linewidth=0.9, zorder=1)
                ax.annotate(row.series, (0.72, row.y), xycoords=("axes fraction", "data"), xytext=(0, 2),
                            textcoords="offset points", ha="center", fontsize=7.5, color=GREY)  # fmt: skip
            if panel in "bc":
                ticks.log_ticks(ax, min(row.x for row in points), max(row.x for row in points))
            else:
                ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            title, xlabel = PANELS[panel]
            ax.set(title=title, xlabel=xlabel, ylabel="test accuracy")
        panels.legend(figure, named)
        inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="adaptive",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    panels=tuple(PANELS),
)
