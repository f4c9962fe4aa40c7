"""Figure 11: samples that were oversampled and pruned beside guided ones, and plain ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.table import Row
from figures.drawing import grids
from figures.pictures import portraits
from figures.pictures.portraits import WORLDS

RUN_PANELS = tuple(WORLDS)
PRUNED, GUIDED = "oversample-then-prune", "deliberate practice"  # the series whose titles say how strong


def compute(inputs: Inputs) -> list[Row]:
    """Mean entropy of the added samples, when they were added and to the finished learner (x: its iteration)."""
    return portraits.entropies("fig11", inputs.records, _cells)


def _cells(record: Record) -> Iterator[portraits.Cell]:
    return portraits.then_and_now(record, lambda _: record.series)


def describe(_: Settings) -> str:
    """The caption."""
    return (
        "One addition to the same learner: plain samples, the most uncertain of many, guided ones (plain's noise)\n"
        f"{portraits.THEN_AND_NOW.format('when it was added')}"
    )


def summary(contents: Contents) -> str:
    """One line for the terminal: the entropies of every series when added and at the end."""
    return portraits.then_and_now_summary(contents.rows)


def pictures(records: Sequence[Record]) -> dict[str, grids.Sheet]:
    """A sheet a world: a block a series, a row a class."""
    sheets = {}
    for world, members in portraits.shown(records).items():
        parts = [(_title(record), record.examined["images"]) for record in members]
        sheets[world] = portraits.sheet(world, parts, portraits.names(members))
    return sheets


def _title(record: Record) -> str:
    if record.series == PRUNED:
        return f"the most uncertain of {record.value:g} times as many"
    return f"guided, omega = {record.value:g}" if record.series == GUIDED else record.series


def draw(contents: Contents) -> Plot:
    """The sheets, below each the table's numbers. Raises ValueError where there are none."""
    return portraits.draw(contents, "iteration of the learner")


FIGURE = Figure(
    name="fig11",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    pictures=pictures,
    panels=RUN_PANELS,
)
