"""Figure 8: what the denoiser expects at every step of the reverse process, plain and guided, from the same noise."""

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
    """Mean entropy of x0_hat against the step, by world (panel) and omega (series)."""
    return portraits.entropies("fig8", inputs.records, _cells)


def _cells(record: Record) -> Iterator[Cell]:
    for picture in record.examined["images"]:
        step = float(picture["step"])
        yield Cell(strength(picture["omega"]), step, step, picture["entropy"])


def describe(_: Settings) -> str:
    """The caption."""
    return (
        "x0_hat along the reverse process: the same noise at every omega, guided by the learner of the first addition\n"
        "below each image: entropy in nats to that learner; red: it sees another class than the row's"
    )


def summary(contents: Contents) -> str:
    """One line for the terminal: by world and omega, the entropy of x0_hat at the last step."""
    rows = contents.rows
    parts = []
    for world in WORLDS:
        series = list(dict.fromkeys(row.series for row in rows if row.panel == world))
        said = [f"{name} {select(rows, panel=world, series=name)[-1].y:.2f}" for name in series]
        parts += [f"{world}, entropy at the last step: " + ", ".join(said)] if said else []
    return "; ".join(parts) or "no world has pictures"


def pictures(records: Sequence[Record]) -> dict[str, grids.Sheet]:
    """A sheet a world: a row an omega for each class, a column a step."""
    sheets = {}
    for world, (record,) in portraits.shown(records).items():
        images, called = record.examined["images"], portraits.names([record])
        omegas = list(dict.fromkeys(picture["omega"] for picture in images))
        levels = {picture["step"]: picture["level"] for picture in images}
        labels = sorted({picture["label"] for picture in images})
        rows = [(label, omega) for label in labels for omega in omegas]
        table = [[p for p in images if (p["label"], p["omega"]) == row] for row in rows]
        titles = [f"{step}\n{portraits.number(level)}" for step, level in levels.items()]
        block = portraits.block("step, and noise level t / T", titles, table, portraits.judged(called))
        named = [f"{called[label]}: {strength(omega)}" for label, omega in rows]
        sheets[world] = grids.Sheet([block], named, WORLDS[world], len(omegas))
    return sheets


def draw(contents: Contents) -> Plot:
    """The sheets, below each the table's numbers. Raises ValueError where there are none."""
    return portraits.draw(contents, "step of the reverse process")


FIGURE = Figure(
    name="fig8",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    pictures=pictures,
    panels=RUN_PANELS,
)
