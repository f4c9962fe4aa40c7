"""Figure 9: data that come on a plateau, unguided (dynamic, omega = 0), against all data at once (static).

If adding data late were a gain, or a loss, by itself, deliberate practice would owe part of its effect to the schedule.
Above, accuracy against the size of the pool at the end; below, the difference of both, paired by seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.records import average, gains, gap_rows, pool_size
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.drawing.worlds import WORLDS

PANELS = ("linear", "digits")
STATIC, DYNAMIC = "static", "dynamic, omega = 0"
CAPTION = "Plain samples added on plateaus (dynamic) against all of them from the start (static)"


def compute(inputs: Inputs) -> list[Row]:
    """Average the runs against pool size: accuracy, and the gap of dynamic to static data, paired by seed."""
    return average("fig9", inputs.records, pool_size) + gap_rows("fig9", inputs.records, STATIC)


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Measure the gaps with 95 % bootstrap intervals over seeds, and over seeds and test images where there are any."""
    return {"gaps": gains(records, STATIC)}


def summary(contents: Contents) -> str:
    """Say in one line the gap at every size, and how many gaps are beyond two standard errors."""
    sentences = []
    for world in PANELS:
        gaps = select(contents.rows, panel=world, quantity="gap")
        if gaps:
            sizes = ", ".join(f"{gap.y:+.4f} +- {gap.stderr:.4f} at {ticks.count(gap.x)}" for gap in gaps)
            far = sum(abs(gap.y) > panels.ERROR_BARS * (gap.stderr or 0.0) for gap in gaps)
            sentences.append(f"{world}: dynamic minus static {sizes} ({far} of {len(gaps)} beyond 2 standard errors)")
    return "; ".join(sentences) or "no panel has both methods"


def draw(contents: Contents) -> Plot:
    """Draw a column per world; above accuracy, below the paired difference."""
    worlds = contents.panels(PANELS, "fig9.draw")
    with style.context():
        figure = Plot(figsize=(4.8 * len(worlds), 5.2), layout="constrained")
        axes = figure.subplots(2, len(worlds), sharex="col", squeeze=False, height_ratios=(3, 2))
        named = []
        for (above, below), world in zip(axes.T, worlds, strict=True):
            scores, gaps = (select(contents.rows, panel=world, quantity=name) for name in ("accuracy", "gap"))
            named.append(panels.curves(above, scores))
            seeds = max(row.n_seeds or 0 for row in scores)
            above.set(title=f"{WORLDS[world].title}, {seeds} seeds", ylabel="test accuracy")
            panels.curves(below, gaps)
            below.axhline(0, color=style.series_style(STATIC).colour, linewidth=0.9)
            below.set(xlabel="samples in total", ylabel="dynamic minus static")
            ticks.log_ticks(below, min(row.x for row in scores), max(row.x for row in scores))
        panels.legend(figure, named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="fig9",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    panels=PANELS,
)
