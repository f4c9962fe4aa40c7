"""Figure 8: the denoiser's prediction x0_hat along the reverse process, plain and guided from the same noise."""

from __future__ import annotations

from collections.abc import Iterator

from empirical.runs.result import Record
from figures.drawing.grids import Sheet
from figures.pictures import portraits
from figures.pictures.portraits import Cell, Curves, strength


def _cells(record: Record) -> Iterator[Cell]:
    """Yield the entropy of x0_hat at each step (x), by omega (series)."""
    for picture in record.examined["images"]:
        step = float(picture["step"])
        yield Cell(strength(picture["omega"]), step, step, picture["entropy"])


def _sentence(curves: Curves) -> str:
    return "entropy at the last step: " + ", ".join(f"{name} {line[-1].y:.2f}" for name, line in curves.items())


def _sheet(records: list[Record]) -> Sheet:
    """Make a sheet with a column for each step and, for each class, a row for each omega."""
    (record,) = records
    images, names = record.examined["images"], portraits.names(records)
    omegas = list(dict.fromkeys(picture["omega"] for picture in images))
    levels = {picture["step"]: picture["level"] for picture in images}
    labels = sorted({picture["label"] for picture in images})
    rows = [(label, omega) for label in labels for omega in omegas]
    table = [[picture for picture in images if (picture["label"], picture["omega"]) == row] for row in rows]
    titles = [f"{step}\n{portraits.number(level)}" for step, level in levels.items()]
    block = portraits.block("step, and noise level t / T", titles, table, portraits.judged(names))
    return Sheet([block], [f"{names[label]}: {strength(omega)}" for label, omega in rows], group=len(omegas))


FIGURE = portraits.figure(
    "fig8",
    caption="x0_hat along the reverse process: the same noise at every omega, guided by the learner of the first "
    "addition\nbelow each image: entropy in nats to that learner; red: it sees another class than the row's",
    xlabel="step of the reverse process",
    cells=_cells,
    sheet=_sheet,
    sentence=_sentence,
)
