"""Figure 13: the pool that a run of deliberate practice starts with beside the one it ends with."""

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
    """Mean entropy of both pools to the learner of the first addition and to the finished one (x: its iteration)."""
    return portraits.entropies("fig13", inputs.records, _cells)


def _cells(record: Record) -> Iterator[portraits.Cell]:
    return portraits.then_and_now(record, lambda picture: f"{picture['pool']} pool", then=lambda _: 1)


def describe(_: Settings) -> str:
    """The caption."""
    said = portraits.THEN_AND_NOW.format("to the learner of the first addition")
    return f"The first pool and the last, of each class rows from the oldest (left) to the newest (right)\n{said}"


def summary(contents: Contents) -> str:
    """One line for the terminal: the entropies of both, before and at the end."""
    return portraits.then_and_now_summary(contents.rows)


def pictures(records: Sequence[Record]) -> dict[str, grids.Sheet]:
    """A sheet a world: a block a pool, a row a class."""
    sheets = {}
    for world, (record,) in portraits.shown(records).items():
        images = record.examined["images"]
        sizes = {"first": record.result.pool[0]["added"], "last": record.result.pool_size}
        parts = [
            (f"{name} pool, {size:,} rows", [p for p in images if p["pool"] == name]) for name, size in sizes.items()
        ]
        sheets[world] = portraits.sheet(world, parts, portraits.names([record]))
    return sheets


def draw(contents: Contents) -> Plot:
    """The sheets, below each the table's numbers. Raises ValueError where there are none."""
    return portraits.draw(contents, "iteration of the learner")


FIGURE = Figure(
    name="fig13",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    pictures=pictures,
    panels=RUN_PANELS,
)
