"""Figure 10: samples of the same noise under the learners of several rounds, at several strengths of guidance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.table import Row, select
from figures.drawing import grids
from figures.pictures import portraits
from figures.pictures.portraits import WORLDS, Cell, strength

RUN_PANELS = tuple(WORLDS)


def compute(inputs: Inputs) -> list[Row]:
    """Mean entropy of the samples against omega, by world (panel) and guiding learner (series)."""
    return portraits.entropies("fig10", inputs.records, _cells)


def _cells(record: Record) -> Iterator[Cell]:
    for picture in record.examined["images"]:
        omega = picture["omega"]
        yield Cell(f"learner of addition {picture['round']}", omega, omega, picture["entropy"])


def describe(_: Settings) -> str:
    """The caption."""
    return (
        "The same noise in every row, guided by learners of several rounds (blocks) at several omega (columns)\n"
        "below each image: entropy in nats to that learner; red: it sees another class than the row's"
    )


def summary(contents: Contents) -> str:
    """One line for the terminal: by world and learner, entropies at the smallest and the largest omega."""
    rows = contents.rows
    parts = []
    for world in WORLDS:
        for name in dict.fromkeys(row.series for row in rows if row.panel == world):
            line = select(rows, panel=world, series=name)
            first, last = line[0], line[-1]
            parts.append(f"{world}, {name}: {first.y:.2f} at omega = {first.x:g}, {last.y:.2f} at {last.x:g}")
    return "; ".join(parts) or "no world has pictures"


def pictures(records: Sequence[Record]) -> dict[str, grids.Sheet]:
    """A sheet a world: a block a learner, a row a class, a column an omega."""
    sheets = {}
    for world, (record,) in portraits.shown(records).items():
        examined, called = record.examined, portraits.names([record])
        images = examined["images"]
        labels = sorted({picture["label"] for picture in images})
        blocks = []
        for number in dict.fromkeys(picture["round"] for picture in images):
            own = [picture for picture in images if picture["round"] == number]
            omegas = list(dict.fromkeys(picture["omega"] for picture in own))
            table = portraits.by_class(own, labels, len(omegas))
            title = f"learner of addition {number} (iteration {examined['iterations'][number]:,})"
            columns = [strength(omega).removeprefix("omega = ") for omega in omegas]
            blocks.append(portraits.block(title, columns, table, portraits.judged(called)))
        sheets[world] = grids.Sheet(blocks, [called[label] for label in labels], WORLDS[world])
    return sheets


def draw(contents: Contents) -> Plot:
    """The sheets, below each the table's numbers. Raises ValueError where there are none."""
    return portraits.draw(contents, "guidance strength omega")


FIGURE = Figure(
    name="fig10",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    pictures=pictures,
    panels=RUN_PANELS,
)
