"""Adaptive practice: the theory's recursion against the practice loop of the linear world, round by round.

a: accuracy against rounds, the pool replaced or accumulated, static data of the accumulated size beside them.
b: where replacement ends, against the oversampling ratio. c: the same samples with a pruning direction that is renewed
rarely. d: one recipe with two attracting fixed points, from a poor and from a good start.

Theory is `rmt.adaptive`, at the runs' own n, d and ridge and from each seed's own initial alignment, averaged over
seeds. The learner's penalty is per kept sample, the theorem's per sample of the pool: lam = ridge / ratio.
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


def _rounds(initial: Sequence[Record], runs: Sequence[Record], panel: str, series: str) -> list[Row]:
    """Average the runs against the number of rounds, and compute the recursion from each seed's own start."""
    if not initial or not runs:
        return []
    last = round(max(r.value for r in runs))
    path = accuracy(recursion(problem(runs[0], alignments(initial)), last)).mean(axis=1)
    return average("adaptive", runs, lambda record: record.value) + _theory(panel, series, range(last + 1), path)


def _grown(runs: Mapping[tuple[str, str], list[Record]]) -> list[Row]:
    """Average accumulated and static pools of the same sizes, and compute the theorem for static ones."""
    grown, static, initial = (runs.get(("a", series), []) for series in (GROWN, STATIC, INITIAL))
    rows = average("adaptive", [*grown, *initial], lambda record: record.value)  # initial: round 0
    if static and grown:
        growth, world = (grown[0].result.config[key] for key in ("growth", "world"))
        first, step = growth["initial"], growth["addition"]
        rows += average("adaptive", static, lambda record: (pool_size(record) - first) / step)
        x = np.linspace(0, max(row.x for row in rows), 65)
        plain = rmt.Problem(n=first + step * x, d=world["dimension"], ridge=world["ridge"], rule=rmt.KeepAll(), rho=1.0)
        rows += _theory("a", STATIC, x, 1 - np.asarray(rmt.error_rate(plain)))
    return rows


def _ratios(initial: Sequence[Record], runs: Sequence[Record]) -> list[Row]:
    """Average the runs against the ratio, with the recursion after one round, after all, and at its fixed point."""
    if not initial or not runs:
        return []
    ratios = np.geomspace(1, max(r.value for r in runs), 49)
    rounds, rho = runs[0].result.config["growth"]["additions"], alignments(initial)
    path = accuracy(recursion(problem(runs[0], rho, ratios[:, None]), 500))  # (rounds + 1, ratios, seeds)
    return [
        *average("adaptive", runs, lambda record: record.value),
        *_theory("b", REPLACED, ratios, path[rounds].mean(axis=1)),
        *_theory("b", ONCE, ratios, path[1].mean(axis=1)),
        *_theory("b", END, ratios, path[-1].mean(axis=1)),
    ]


def _stale(runs: Mapping[tuple[str, str], list[Record]]) -> list[Row]:
    """Average the runs of all rounds whose direction is renewed every x rounds, with the recursion for replacement.

    Accumulated: additions x times as large and as many times fewer. Replaced: rounds along one direction have one law,
    so the last of K rounds has that of round K/x along fresh directions, which panel a's runs have drawn.
    """
    replaced, grown, initial = (runs.get(("a", series), []) for series in (REPLACED, GROWN, INITIAL))
    rare = runs.get(("c", GROWN), [])
    if not (replaced and grown and rare and initial):
        return []
    last, step = max(r.value for r in replaced), grown[0].result.config["growth"]["addition"]
    fresh = [replace(r, panel="c") for r in grown if r.value == last]
    again = [replace(r, panel="c") for r in replaced if last % r.value == 0]
    every = sorted({round(last / r.value) for r in again})
    start = problem(replaced[0], alignments(initial))
    ends = [accuracy(recursion(start, round(last), renew=s)[-1]).mean() for s in every]
    return [
        *average("adaptive", [*rare, *fresh], lambda r: r.result.config["growth"]["addition"] / step),
        *average("adaptive", again, lambda record: last / record.value),
        *_theory("c", REPLACED, every, ends),
    ]


def _two_ends(runs: Mapping[tuple[str, str], list[Record]]) -> list[Row]:
    """Average the runs of both starts, and compute the recipe's fixed points as level lines."""
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


def gaps(rows: Sequence[Row], panel: str, series: str) -> list[float]:
    """Return (practice - theory) / standard error at each x > 0 that has both."""
    theory = {row.x: row.y for row in select(rows, panel=panel, series=series, source="theory")}
    runs = [row for row in select(rows, panel=panel, series=series, source="practice") if row.x in theory]
    return [(row.y - theory[row.x]) / row.stderr for row in runs if row.stderr and row.x > 0]


def details(records: Sequence[Record]) -> dict[str, Any]:
    """List the distances of runs with replacement from the recursion, in standard errors, round by round."""
    rows = compute(Inputs({}, records))
    pairs = [("a", REPLACED), ("d", POOR), ("d", GOOD)]
    return {
        "z-scores": {f"{panel} {series}": [round(z, 2) for z in gaps(rows, panel, series)] for panel, series in pairs}
    }


def summary(contents: Contents) -> str:
    """Say in one line where each way ends, and how far runs are from the recursion."""
    rows, sentences = contents.rows, []
    for panel, names in (("a", (REPLACED, GROWN, STATIC)), ("d", (POOR, GOOD))):
        for series in names:
            points = select(rows, panel=panel, series=series, source="practice")
            if points:
                sentences.append(f"{series} {points[-1].y:.3f} at round {points[-1].x:g}")
    z = [gap for panel, series in (("a", REPLACED), ("d", POOR), ("d", GOOD)) for gap in gaps(rows, panel, series)]
    if z:
        furthest = max(map(abs, z))
        sentences.append(f"{len(z)} points with replacement within {furthest:.1f} standard errors of the recursion")
    sentences += sorted({row.series for row in rows if row.series.startswith((ATTRACTS, REPELS))})
    return "; ".join(sentences) or "no panel has rows"


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
