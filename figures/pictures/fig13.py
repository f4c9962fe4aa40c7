"""Figure 13: the pool that a run of deliberate practice starts with beside the one it ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from figures.contract.records import Record
from figures.contract.table import Row
from figures.drawing import grids
from figures.pictures import portraits
from figures.pictures.portraits import WORLDS

RUN_PANELS = tuple(WORLDS)


def compute(config: Mapping[str, Any], records: Sequence[Record], progress: Callable[..., None]) -> list[Row]:  # noqa: ARG001
    """Mean entropy of both pools to the learner of the first addition and to the finished one (x: its iteration)."""
    return portraits.entropies("fig13", records, _cells)


def _cells(record: Record) -> Iterator[portraits.Cell]:
    return portraits.then_and_now(record, lambda picture: f"{picture['pool']} pool", then=lambda _: 1)


def describe(config: Mapping[str, Any]) -> str:  # noqa: ARG001
    """The caption."""
    said = portraits.THEN_AND_NOW.format("to the learner of the first addition")
    return f"The first pool and the last, of each class rows from the oldest (left) to the newest (right)\n{said}"


def summary(rows: Sequence[Row]) -> str:
    """One line for the terminal: the entropies of both, before and at the end."""
    return portraits.then_and_now_summary(rows)


def pictures(records: Sequence[Record]) -> dict[str, grids.Sheet]:
    """A sheet a world: a block a pool, a row a class."""
    sheets = {}
    for world, (record,) in portraits.shown(records).items():
        images = record["examined"]["images"]
        sizes = {"first": record["result"]["pool"][0]["added"], "last": record["result"]["pool_size"]}
        parts = [
            (f"{name} pool, {size:,} rows", [p for p in images if p["pool"] == name]) for name, size in sizes.items()
        ]
        sheets[world] = portraits.sheet(world, parts, portraits.names([record]))
    return sheets


def draw(rows: Sequence[Row], note: str, caption: str, sheets: Mapping[str, grids.Sheet]) -> Figure:
    """The sheets, below each the table's numbers. Raises ValueError where there are none."""
    return portraits.draw(rows, sheets, "iteration of the learner", note, caption)
