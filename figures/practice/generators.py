"""Generators of different fidelity and diversity: what static data and deliberate practice make of each.

a: one network at several scales of classifier-free guidance. b: the same network after trainings of several lengths. c:
the gain of practice over static data of the same size, against how many of the real images the generator covers, and
against how often its labels hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from empirical.system.errors import require_positive
from figures.contract import words
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.records import average, differences, gain, mean_row, points
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.paper.numbers import DP, STATIC

PANELS = {"guidance": "classifier-free guidance scale", "length": "iterations of the generator's training"}
MEASURES = {"label agreement": "agreement", "density": "density", "coverage": "coverage"}  # series: key of `diversity`
GAIN = "gain"
NAMES = {"guidance": "by guidance scale", "length": "by length of the training"}  # series of c
AGAINST = ("coverage", "label agreement")  # x of c
CAPTION = "Static data and deliberate practice from generators of different fidelity and diversity"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/generators.toml`."""

    finished: int  # iterations of the finished generator's training

    def __post_init__(self) -> None:
        require_positive("generators", finished=self.finished)


def compute(inputs: Inputs) -> list[Row]:
    """Average accuracies and the measures of the generators, by guidance scale and length of the training.

    The static runs' first rounds are examined. Quantities: "accuracy", "share" (label agreement, density, coverage),
    and "gain", deliberate practice minus static data paired by seed.
    """
    place = partial(_place, inputs.settings["finished"])
    rows = average("generators", inputs.records, place)
    examined = [record for record in inputs.records if record.examined]
    for name, key in MEASURES.items():
        shares = average("generators", examined, place, partial(_measure, key), "share")
        rows += [row._replace(series=name) for row in shares]
    for (panel, x), runs, rivals in _pairs(inputs.records, place):
        if samples := differences(runs, rivals):
            rows.append(mean_row("generators", panel, DP, GAIN, x, samples))
    return rows


def gains_against(rows: Sequence[Row], measure: str) -> list[Row]:
    """Return the gains of all generators, with the mean of a measure of the same generator as x."""
    measured = {(row.panel, row.x): row.y for row in select(rows, series=measure)}
    return [
        row._replace(series=NAMES[row.panel], x=measured[row.panel, row.x])
        for row in select(rows, quantity=GAIN)
        if (row.panel, row.x) in measured
    ]


def _place(finished: int, record: Record) -> float:
    """Return the guidance scale, or the iterations of the generator's training."""
    return record.value or (float(finished) if record.panel == "length" else 0.0)


def _measure(key: str, record: Record) -> float:
    return record.examined[key]


def _pairs(
    records: Sequence[Record], place: Callable[[Record], float]
) -> list[tuple[tuple[str, float], list[Record], list[Record]]]:
    """Pair the runs of deliberate practice with the static ones of the same generator."""
    groups = points(records, place)
    return [
        ((panel, x), runs, groups.get((panel, STATIC, x), []))
        for (panel, series, x), runs in groups.items()
        if series == DP
    ]


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Measure the gain of deliberate practice over static data for each generator, with bootstrap intervals.

    "setting" is the value that the series varies; length 0 is the finished training.
    """
    rng, entries = np.random.default_rng(0), []
    for (panel, setting), runs, rivals in _pairs(records, lambda record: record.value):
        if numbers := gain(runs, rivals, rng):
            entries.append({"panel": panel, "setting": setting, **numbers})
    return {"gains": entries}


def summary(contents: Contents) -> str:
    """Say in one line the gain of practice for each generator, with its coverage and label agreement."""
    sentences = []
    for panel, name in NAMES.items():
        own = select(contents.rows, panel=panel)
        shares = {(row.series, row.x): row.y for row in select(own, quantity="share")}
        phrases = []
        for row in select(own, quantity=GAIN):
            held = [
                f"{series} {words.share(shares[series, row.x])}" for series in MEASURES if (series, row.x) in shares
            ]
            phrases.append(f"{words.change(row)} at {row.x:g} ({', '.join(held)})")
        if phrases:
            sentences.append(f"gain of practice {name}: " + ", ".join(phrases))
    return "; ".join(sentences) or "no generator has both methods"


def draw(contents: Contents) -> Plot:
    """Draw accuracy above the measures of the generators, a column a panel, and a column of gains against measures."""
    rows, present = contents.rows, contents.panels(PANELS, "generators.draw")
    against = {name: gains for name in AGAINST if (gains := gains_against(rows, name))}
    columns = len(present) + bool(against)
    with style.context():
        figure = Plot(figsize=(3.8 * columns, 6.0), layout="constrained")
        axes = figure.subplots(2, columns, squeeze=False)
        named = []
        for letter, column, panel in zip("ab", axes.T, present, strict=False):
            own = select(rows, panel=panel)
            for ax, quantity in zip(column, ("accuracy", "share"), strict=True):
                named.append(panels.curves(ax, select(own, quantity=quantity)))
                if panel == "length":
                    ticks.log_ticks(ax, min(row.x for row in own), max(row.x for row in own))
                ax.set_xlabel(PANELS[panel])
            seeds = max(row.n_seeds or 0 for row in own)
            column[0].set(title=f"{letter}   {NAMES[panel]}, {seeds} seeds", ylabel="accuracy on test fonts")
            column[1].set(ylabel="share, or density", ylim=(0, None))
        for ax, name in zip(axes[:, -1], against, strict=False):
            named.append(panels.curves(ax, against[name], join=()))
            ax.axhline(0, color=style.GREY, linewidth=0.8, zorder=1)
            ax.set(xlabel=f"{name} of the generator", ylabel="gain of practice")
            axes[0, -1].set_title("c   gain of practice over static data")
        for ax in axes[len(against) :, -1] if against else ():
            ax.axis("off")
        panels.legend(figure, named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="generators",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    panels=tuple(PANELS),
    settings=Config,
)
