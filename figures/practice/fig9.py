"""Figure 9: data that come on a plateau, unguided (dynamic, omega = 0), against all data at once (static).

If adding data late were a gain, or a loss, by itself, deliberate practice would owe part of its effect to the schedule.
Above, accuracy against the size of the pool at the end; below, the difference of both, paired by seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, gains, gap_rows, pool_size
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks

RUN_PANELS = ("linear", "digits")  # where series of runs can go
TITLES = {"linear": "linear world", "digits": "digits"}
STATIC, DYNAMIC = "static", "dynamic, omega = 0"


def compute(inputs: Inputs) -> list[Row]:
    """Averages of the runs against pool size, and in the panels "<world> gap" dynamic minus static, paired by seed."""
    return average("fig9", inputs.records, pool_size) + gap_rows(
        "fig9", gains(inputs.records, STATIC, np.random.default_rng(0))
    )


def details(records: Sequence[Record]) -> dict[str, Any]:
    """The gaps with 95 % bootstrap intervals over seeds and, where there are test images, over seeds and images."""
    return {"gaps": gains(records, STATIC, np.random.default_rng(0))}


def describe(_: Settings) -> str:
    """The caption."""
    return "Plain samples added on plateaus (dynamic) against all of them from the start (static)"


def summary(contents: Contents) -> str:
    """One line for the terminal: per world the gap of every size, and how many are beyond two standard errors."""
    parts = []
    for world in RUN_PANELS:
        gaps = select(contents.rows, panel=f"{world} gap")
        if gaps:
            said = ", ".join(f"{gap.y:+.4f} +- {gap.stderr:.4f} at {ticks.count(gap.x)}" for gap in gaps)
            far = sum(abs(gap.y) > panels.ERROR_BARS * (gap.stderr or 0.0) for gap in gaps)
            parts.append(f"{world}: dynamic minus static {said} ({far} of {len(gaps)} beyond 2 standard errors)")
    return "; ".join(parts) or "no panel has both methods"


def draw(contents: Contents) -> Plot:
    """A column per world; above accuracy, below the paired difference.

    Raises ValueError if no row is of a known panel.
    """
    rows = contents.rows
    worlds = [world for world in RUN_PANELS if select(rows, panel=world)]
    if not worlds:
        raise ValueError(f"fig9.draw: got no rows of any panel; allowed {list(RUN_PANELS)}; do run a world first")
    with style.context():
        figure = Plot(figsize=(4.8 * len(worlds), 5.2), layout="constrained")
        axes = figure.subplots(2, len(worlds), sharex="col", squeeze=False, height_ratios=(3, 2))
        named = []
        for (above, below), world in zip(axes.T, worlds, strict=True):
            here, gaps = select(rows, panel=world), select(rows, panel=f"{world} gap")
            named.append(panels.curves(above, here))
            seeds = max(row.n_seeds or 0 for row in here)
            above.set(title=f"{TITLES[world]}, {seeds} seeds", ylabel="test accuracy")
            panels.curves(below, gaps)
            below.axhline(0, color=style.series_style(STATIC).colour, linewidth=0.9)
            below.set(xlabel="samples in total", ylabel="dynamic minus static")
            ticks.log_ticks(below, min(row.x for row in here), max(row.x for row in here))
        panels.legend(figure, named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="fig9",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    panels=RUN_PANELS,
)
