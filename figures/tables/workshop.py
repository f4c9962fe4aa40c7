"""The workshop precursor: a pool of fixed size, whose samples that the learner is most certain of are swapped.

On a plateau a share of the pool is replaced by as many new samples, guided or (random generation) unguided. Own worlds
stand beside the precursor's Table 1 and Figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract import words
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.limits import comparisons, curve, limits, question, verdict
from figures.contract.records import mean_rows, theory_rows
from figures.contract.table import Row, select
from figures.drawing import dots, ticks
from figures.drawing.dots import Column, Line
from figures.paper.numbers import DP, STATIC, workshop_rows

WSD, WHOLE, RANDOM = "static", "100 % swapped", "random generation, 100 % swapped"
LINES = {
    "static, cosine schedule": Line(STATIC, (WSD,)),
    WSD: Line(STATIC),
    "25 % swapped, longer patience": Line(DP, (WSD,)),
    "25 % swapped": Line(DP, (WSD,)),
    "50 % swapped": Line(DP, (WSD,)),
    "75 % swapped": Line(DP, (WSD,)),
    WHOLE: Line(DP, (WSD, RANDOM)),
    RANDOM: Line("random generation", (WSD,)),
    "static, as many as 100 % swapped makes": Line("static, larger", (WSD, WHOLE)),
}
COLUMNS = (
    dots.world_column("linear", "images", "made"),
    dots.world_column("digits", "images", "made"),
    Column("ImageNet-100 (precursor)", "accuracy", {"IN-100 val": "validation set", "IN-100 test": "test set"}),
)
RUN_PANELS = ("linear", "digits")
AFTER = "validation accuracy after x swaps"


def compute(inputs: Inputs) -> list[Row]:
    """Collect for each line its accuracy, its change from static data and its images made; x is the share swapped.

    The linear world's lines have the theory of practice beside them, averaged over the swaps that its runs have made.
    """
    own = dots.measured("workshop", inputs.records, LINES, _swapped, ("images", _images))
    own += limits("workshop", inputs.records, _swapped)
    return own + by_swap(inputs.records) + workshop_rows()


def by_swap(records: Sequence[Record]) -> list[Row]:
    """Average the accuracy on validation samples after each swap x that all seeds have made, with its theory.

    Only lines that the theory knows; x = 0 is the initial pool.
    """
    rows = []
    for (panel, series), runs in dots.by_line(records).items():
        asked = question(runs[0].result.config)
        if asked and _swapped(runs[0]):
            curves = {run.seed: _after_swaps(run) for run in runs}
            swaps = range(min(map(len, curves.values())))
            practice = {seed: values[: len(swaps)] for seed, values in curves.items()}
            theory = [fit.accuracy for fit in curve(asked)[: len(swaps)]]
            rows += mean_rows("workshop", panel, series, AFTER, swaps, practice)
            rows += theory_rows("workshop", panel, series, AFTER, swaps, theory)
    return rows


def _after_swaps(record: Record) -> list[float]:
    """Return the accuracy on validation samples at the first evaluation after each swap; the first is before any."""
    path = record.result.trajectory
    evaluations = list(zip(path["step"], path["accuracy_validation"], strict=True))
    return [next(value for step, value in evaluations if step > line["step"]) for line in record.result.pool]


def _swapped(record: Record) -> float:
    return record.result.config["acquire"]["retire"]


def _images(record: Record) -> float:
    return float(sum(line["images"] for line in record.result.pool))


def details(records: Sequence[Record]) -> dict[str, Any]:
    """List paired changes with bootstrap intervals, numbers of swaps, and sampling work in units of a plain image."""
    made = [
        {
            "panel": panel,
            "line": series,
            "swaps": [len(record.result.pool) - 1 for record in members],
            "sampling work, in plain images": [round(_work(record)) for record in members],
        }
        for (panel, series), members in dots.by_line(records).items()
    ]
    return {"changes": dots.changes(records, LINES), "made": made}


def _work(record: Record) -> float:
    first, *swaps = record.result.pool
    return first["images"] * (1 + sum(line["gflop"] for line in swaps) / first["gflop"])


def describe(_: Settings) -> str:
    """Return the caption."""
    return "A pool of fixed size: its easiest samples give way to new ones (dashed: static; on the right: images made)"


def summary(contents: Contents) -> str:
    """Give for each world the accuracy of every line and the images made for it; then theory."""
    rows, worlds = contents.rows, []
    for panel in RUN_PANELS:
        accuracies = {row.series: row for row in select(rows, panel=panel, quantity="accuracy", source="practice")}
        made = {row.series: row.y for row in select(rows, panel=panel, quantity="images")}
        lines = [
            f"{name} {words.accuracy(accuracies[name])} ({ticks.count(made[name])} images)"
            for name in dots.order(accuracies.values(), LINES)
        ]
        worlds += [f"{panel}: " + ", ".join(lines)] if lines else []
    worlds += [verdict(comparisons(rows)), alternation(rows)]
    return "; ".join(filter(None, worlds)) or "no panel has runs"


def alternation(rows: Sequence[Row]) -> str:
    """Say how pools that are swapped as a whole alternate, swap by swap; "" without such runs."""
    pairs = [pair for pair in comparisons(rows, AFTER) if pair.series == WHOLE and pair.x > 0]
    if not pairs:
        return ""
    practice = " ".join(words.share(pair.practice.y) for pair in pairs)
    theory = " ".join(words.share(pair.theory.y) for pair in pairs)
    return f"{pairs[0].panel}, {WHOLE}: {practice} on validation samples after 1, 2, ... swaps, theory {theory}"


def markdown(contents: Contents) -> str:
    """Write the table in Markdown, with the precursor's ImageNet-1k numbers below it."""
    rows = contents.rows
    thousand = [f"{row.series} {words.accuracy(row)}" for row in select(rows, panel="IN-1k val")]
    notes = ["The precursor on ImageNet-1k (650,000 samples, validation): " + ", ".join(thousand) + "."]
    return dots.markdown(rows, LINES, COLUMNS, notes if thousand else [])


def draw(contents: Contents) -> Plot:
    """Draw a dot plot of the table. Raises ValueError if no row is of a known panel."""
    contents.panels([panel for column in COLUMNS for panel in column.panels], "workshop.draw")
    return dots.draw(contents.rows, LINES, COLUMNS, WSD, contents.note, contents.caption)


FIGURE = Figure(
    name="workshop",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    markdown=markdown,
    panels=RUN_PANELS,
)
