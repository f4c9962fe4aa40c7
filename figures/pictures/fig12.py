"""Figure 12: guided samples of the first addition beside those of the last."""

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


def compute(inputs: Inputs) -> list[Row]:
    """Mean entropy of first and last addition, when they were added and to the finished learner (x: its iteration)."""
    return portraits.entropies("fig12", inputs.records, _cells)


def _cells(record: Record) -> Iterator[portraits.Cell]:
    first = min(picture["round"] for picture in record.examined["images"])
    return portraits.then_and_now(record, lambda p: f"{'first' if p['round'] == first else 'last'} addition")


def describe(_: Settings) -> str:
    """The caption."""
    said = portraits.THEN_AND_NOW.format("when it was added")
    return f"Guided samples of the first and the last addition, each from noise of its own\n{said}"


def summary(contents: Contents) -> str:
    """One line for the terminal: the entropies of both when added and at the end."""
    return portraits.then_and_now_summary(contents.rows)


def pictures(records: Sequence[Record]) -> dict[str, grids.Sheet]:
    """A sheet a world: a block an addition, a row a class."""
    sheets = {}
    for world, (record,) in portraits.shown(records).items():
        images = record.examined["images"]
        parts = []
        for number in dict.fromkeys(picture["round"] for picture in images):
            own = [picture for picture in images if picture["round"] == number]
            title = f"addition {number}, at iteration {record.examined['iterations'][number]:,}"
            parts.append((f"{title}, omega = {own[0]['omega']:g}", own))
        sheets[world] = portraits.sheet(world, parts, portraits.names([record]))
    return sheets


def draw(contents: Contents) -> Plot:
    """The sheets, below each the table's numbers. Raises ValueError where there are none."""
    return portraits.draw(contents, "iteration of the learner")


FIGURE = Figure(
    name="fig12",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    pictures=pictures,
    panels=RUN_PANELS,
)
