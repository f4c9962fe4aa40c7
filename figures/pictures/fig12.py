"""Figure 12: guided samples of the first addition beside those of the last."""

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
    """Mean entropy of first and last addition, when they were added and to the finished learner (x: its iteration)."""
    return portraits.entropies("fig12", records, _cells)


def _cells(record: Record) -> Iterator[portraits.Cell]:
    first = min(picture["round"] for picture in record["examined"]["images"])
    return portraits.then_and_now(record, lambda p: f"{'first' if p['round'] == first else 'last'} addition")


def describe(config: Mapping[str, Any]) -> str:  # noqa: ARG001
    """The caption."""
    said = portraits.THEN_AND_NOW.format("when it was added")
    return f"Guided samples of the first and the last addition, each from noise of its own\n{said}"


def summary(rows: Sequence[Row]) -> str:
    """One line for the terminal: the entropies of both when added and at the end."""
    return portraits.then_and_now_summary(rows)


def pictures(records: Sequence[Record]) -> dict[str, grids.Sheet]:
    """A sheet a world: a block an addition, a row a class."""
    sheets = {}
    for world, (record,) in portraits.shown(records).items():
        images = record["examined"]["images"]
        parts = []
        for number in dict.fromkeys(picture["round"] for picture in images):
            own = [picture for picture in images if picture["round"] == number]
            title = f"addition {number}, at iteration {record['examined']['iterations'][number]:,}"
            parts.append((f"{title}, omega = {own[0]['omega']:g}", own))
        sheets[world] = portraits.sheet(world, parts, portraits.names([record]))
    return sheets


def draw(rows: Sequence[Row], note: str, caption: str, sheets: Mapping[str, grids.Sheet]) -> Figure:
    """The sheets, below each the table's numbers. Raises ValueError where there are none."""
    return portraits.draw(rows, sheets, "iteration of the learner", note, caption)
