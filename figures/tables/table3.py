"""Table 3: the effect of guidance strength, patience and sampling, on own worlds and in the paper.

Every line is one variant; all lines of a column end with the same number of samples, except for the last two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract import words
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.limits import comparisons, limits, verdict
from figures.contract.records import pool_size
from figures.contract.table import Row, select
from figures.drawing import dots
from figures.drawing.dots import Column, Line
from figures.paper.numbers import DP, STATIC, TABLE3, printed_rows

MAIN, ZERO, RANDOM = "usual omega, incremental patience, uniform sampling", "omega = 0", "random directions"
LARGE = "static, four times as many samples"
LINES = {
    MAIN: Line(DP),
    ZERO: Line("dynamic, omega = 0", (MAIN, STATIC)),
    "0.6 of the usual omega": Line(DP, (MAIN,)),
    "1.4 of the usual omega": Line(DP, (MAIN,)),
    "fixed patience": Line(DP, (MAIN,)),
    "newest samples drawn twice as often": Line(DP, (MAIN,)),
    RANDOM: Line("random direction", (MAIN, ZERO)),
    "Mixup and CutMix": Line(DP, (MAIN,)),
    STATIC: Line(STATIC, (MAIN,)),
    "static, Mixup and CutMix": Line(STATIC, (STATIC,)),
    LARGE: Line(STATIC, (MAIN, STATIC)),
    "static, four times as many, Mixup and CutMix": Line(STATIC, (LARGE,)),
}
IN_THE_PAPER = tuple(line.name for line in TABLE3)
COLUMNS = (
    dots.world_column("linear", "samples", "samples"),
    dots.world_column("digits", "samples", "samples"),
    Column(
        "ImageNet-100 (paper)",
        "accuracy",
        {"IN-100 val": "validation set", "IN-100 real train": "real training set"},
    ),
)
RUN_PANELS = ("linear", "digits")


def compute(inputs: Inputs) -> list[Row]:
    """Collect for each line its accuracy, its change and its samples at the end, and the paper's numbers; x is omega.

    omega of the paper's lines is the paper's; every world has a usual omega of its own. The linear world's lines have
    the theory of practice beside them.
    """
    own = dots.measured("table3", inputs.records, LINES, _omega, ("samples", pool_size))
    own += limits("table3", inputs.records, _omega)
    panels = {"validation": "IN-100 val", "train": "IN-100 real train"}
    return own + printed_rows("table3", TABLE3, "omega", panels)


def _omega(record: Record) -> float:
    return record.result.config["acquire"]["omega"]


def details(records: Sequence[Record]) -> dict[str, Any]:
    """List paired changes with bootstrap intervals, and the runs that ended before all their additions were made."""
    stopped = [
        {"panel": record.panel, "series": record.series, "seed": record.seed, "samples": record.result.pool_size}
        for record in records
        if record.result.pool_size < _planned(record)
    ]
    return {"changes": dots.changes(records, LINES), "stopped early": stopped}


def _planned(record: Record) -> int:
    growth = record.result.config["growth"]
    return growth["initial"] + growth["additions"] * growth["addition"]


def describe(_: Settings) -> str:
    """Return the caption."""
    return "Ablation: one change at a time to deliberate practice (first line, dashed), and to static data"


def summary(contents: Contents) -> str:
    """Give for each world the accuracy of the first line and the change of every other line from it; then theory."""
    rows, worlds = contents.rows, []
    for panel in RUN_PANELS:
        first = select(rows, panel=panel, series=MAIN, quantity="accuracy", source="practice")
        changes = select(rows, panel=panel, quantity="change")
        if first:
            named = sorted(changes, key=lambda row: list(LINES).index(row.series))
            from_first = [f"{row.series} {words.change(row)}" for row in named if LINES[row.series].against[0] == MAIN]
            worlds.append(f"{panel}: {words.accuracy(first[0])}; changes: " + (", ".join(from_first) or "none"))
    worlds += [*uneven(rows), verdict(comparisons(rows))]
    return "; ".join(filter(None, worlds)) or "no panel has the first line"


def uneven(rows: Sequence[Row]) -> list[str]:
    """Write a sentence on every line whose mean pool is smaller than planned: some runs ended before all additions."""
    sentences = []
    for panel in RUN_PANELS:
        ends = {row.series: row.y for row in select(rows, panel=panel, quantity="samples")}
        planned = max((ends[name] for name in IN_THE_PAPER if name in ends), default=0.0)
        sentences += [
            f"{panel}, {name}: {size:.0f} samples on average instead of {planned:.0f}, some seeds stopped early"
            for name, size in ends.items()
            if size < planned
        ]
    return sentences


def markdown(contents: Contents) -> str:
    """Write the table in Markdown."""
    notes = [f"{sentence}." for sentence in uneven(contents.rows)]
    return dots.markdown(contents.rows, LINES, COLUMNS, notes)


def draw(contents: Contents) -> Plot:
    """Draw a dot plot of the table. Raises ValueError if no row is of a known panel."""
    contents.panels([panel for column in COLUMNS for panel in column.panels], "table3.draw")
    return dots.draw(contents.rows, LINES, COLUMNS, MAIN, contents.note, contents.caption)


FIGURE = Figure(
    name="table3",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    markdown=markdown,
    panels=RUN_PANELS,
)
