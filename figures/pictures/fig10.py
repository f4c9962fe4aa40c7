"""Figure 10: samples from the same noise, guided by the learners of several additions at several strengths."""

from __future__ import annotations

from collections.abc import Iterator

from empirical.runs.result import Record
from figures.drawing.grids import Sheet
from figures.pictures import portraits
from figures.pictures.portraits import Cell, Curves, strength


def _cells(record: Record) -> Iterator[Cell]:
    """Yield the entropy of the samples at each omega (x), by guiding learner (series)."""
    for picture in record.examined["images"]:
        omega = picture["omega"]
        yield Cell(f"learner of addition {picture['round']}", omega, omega, picture["entropy"])


def _sentence(curves: Curves) -> str:
    ends = {name: (line[0], line[-1]) for name, line in curves.items()}
    return "; ".join(
        f"{name}: {first.y:.2f} at omega = {first.x:g}, {last.y:.2f} at {last.x:g}"
        for name, (first, last) in ends.items()
    )


def _sheet(records: list[Record]) -> Sheet:
    """Make a sheet with a block for each learner, a row for each class and a column for each omega."""
    (record,) = records
    images, names = record.examined["images"], portraits.names(records)
    labels = sorted({picture["label"] for picture in images})
    blocks = []
    for number in dict.fromkeys(picture["round"] for picture in images):
        guided = [picture for picture in images if picture["round"] == number]
        omegas = list(dict.fromkeys(picture["omega"] for picture in guided))
        table = portraits.by_class(guided, labels, len(omegas))
        title = f"learner of addition {number} (iteration {record.examined['iterations'][number]:,})"
        columns = [strength(omega).removeprefix("omega = ") for omega in omegas]
        blocks.append(portraits.block(title, columns, table, portraits.judged(names)))
    return Sheet(blocks, [names[label] for label in labels])


FIGURE = portraits.figure(
    "fig10",
    caption="The same noise in every row, guided by learners of several rounds (blocks) at several omega (columns)\n"
    "below each image: entropy in nats to that learner; red: it sees another class than the row's",
    xlabel="guidance strength omega",
    cells=_cells,
    sheet=_sheet,
    sentence=_sentence,
)
