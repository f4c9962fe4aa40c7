"""Figure no_real_data: deliberate practice that sees no real image at all.

The only real data of Algorithm 1 are the validation images whose accuracy the patience rule watches. Instead it can
watch the accuracy on held-out plain synthetic images, or how often the raw and the averaged weights of a network agree
on them. Above, accuracy against the size of the pool; below, when the last addition happened.
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
UNITS = {"linear": "evaluation", "digits": "iteration"}
STATIC, REAL = "static", "DP, real images"
SIGNALS = ("DP, synthetic images", "DP, raw-EMA agreement")


def compute(inputs: Inputs) -> list[Row]:
    """Averages of the runs against pool size; "<world> gap": each series minus the one that watches real images, paired
    by seed; "<world> timing": the iteration of the last addition."""
    growing = [record for record in inputs.records if last_addition(record)]
    timing = [
        row._replace(panel=f"{row.panel} timing")
        for row in average("no_real_data", growing, pool_size, lambda record: float(last_addition(record)))
    ]
    gaps = gap_rows("no_real_data", _gaps(inputs.records))
    return average("no_real_data", inputs.records, pool_size) + gaps + timing


def _gaps(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Each way to see a plateau minus that on real images, at equal pool size."""
    return gains([r for r in records if r.series != STATIC], REAL, np.random.default_rng(0))


def last_addition(record: Record) -> int:
    """The iteration of a run's last addition; 0 without any."""
    return int(record.result.pool[-1]["step"])


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Gaps to watching real images, and gains over static data, with 95 % bootstrap intervals."""
    over_static = gains(records, STATIC, np.random.default_rng(0))
    return {"gaps to watching real images": _gaps(records), "gains over static": over_static}


def describe(_: Settings) -> str:
    """The caption."""
    return "Deliberate practice whose plateaus are seen on real validation images, or without any real image"


def summary(contents: Contents) -> str:
    """One line for the terminal: per world and signal, the gap to watching real images at every size."""
    parts = []
    for world in RUN_PANELS:
        for signal in SIGNALS:
            gaps = select(contents.rows, panel=f"{world} gap", series=signal)
            if gaps:
                said = ", ".join(f"{gap.y:+.4f} +- {gap.stderr:.4f} at {ticks.count(gap.x)}" for gap in gaps)
                parts.append(f"{world}: {signal} minus {REAL} {said}")
    return "; ".join(parts) or "no panel has both kinds of signal"


def draw(contents: Contents) -> Plot:
    """A column per world: accuracy, gap to watching real images, and the time of the last addition.

    Raises ValueError if no row is of a known panel.
    """
    rows = contents.rows
    worlds = [world for world in RUN_PANELS if select(rows, panel=world)]
    if not worlds:
        raise ValueError(
            f"no_real_data.draw: got no rows of any panel; allowed {list(RUN_PANELS)}; do run a world first"
        )
    with style.context():
        figure = Plot(figsize=(4.8 * len(worlds), 6.8), layout="constrained")
        axes = figure.subplots(3, len(worlds), sharex="col", squeeze=False, height_ratios=(3, 2, 2))
        named = []
        for (above, middle, below), world in zip(axes.T, worlds, strict=True):
            here = select(rows, panel=world)
            named.append(panels.curves(above, here))
            seeds = max(row.n_seeds or 0 for row in here)
            above.set(title=f"{TITLES[world]}, {seeds} seeds", ylabel="test accuracy")
            panels.curves(middle, select(rows, panel=f"{world} gap"))
            middle.axhline(0, color=style.series_style(REAL).colour, linewidth=0.9)
            middle.set_ylabel("gap to watching\nreal images")
            panels.curves(below, select(rows, panel=f"{world} timing"))
            below.set(xlabel="synthetic samples in total", ylabel=f"{UNITS[world]} of\nthe last addition")
            below.set_ylim(bottom=0)
            ticks.log_ticks(below, min(row.x for row in here), max(row.x for row in here))
        panels.legend(figure, named, columns=2)  # leaves room for the note
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="no_real_data",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    panels=RUN_PANELS,
)
