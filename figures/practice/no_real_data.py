"""Figure no_real_data: deliberate practice that sees no real image at all.

The only real data of Algorithm 1 are the validation images whose accuracy the patience rule watches. Instead it can
watch the accuracy on held-out plain synthetic images, or how often the raw and the averaged weights of a network agree
on them. Above, accuracy against the size of the pool; below, when the last addition happened.
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
UNITS = {"linear": "evaluation", "digits": "iteration"}
STATIC, REAL = "static", "DP, real images"
SIGNALS = ("DP, synthetic images", "DP, raw-EMA agreement")
TIMING = "iteration of the last addition"
CAPTION = "Deliberate practice whose plateaus are seen on real validation images, or without any real image"


def compute(inputs: Inputs) -> list[Row]:
    """Average the runs against pool size: accuracy, its gap to the runs that watch real images, and `TIMING`.

    Gaps are paired by seed.
    """
    records = inputs.records
    growing = [record for record in records if last_addition(record)]
    return [
        *average("no_real_data", records, pool_size),
        *gap_rows("no_real_data", without_static(records), REAL),
        *average("no_real_data", growing, pool_size, last_addition, TIMING),
    ]


def without_static(records: Sequence[Record]) -> list[Record]:
    """Return the runs of deliberate practice."""
    return [record for record in records if record.series != STATIC]


def last_addition(record: Record) -> float:
    """Return the iteration of a run's last addition; 0 without any."""
    return float(record.result.pool[-1]["step"])


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Measure gaps to watching real images, and gains over static data, with 95 % bootstrap intervals."""
    gaps = gains(without_static(records), REAL)
    return {"gaps to watching real images": gaps, "gains over static": gains(records, STATIC)}


def summary(contents: Contents) -> str:
    """Say in one line the gap of every signal to watching real images, at every size."""
    sentences = []
    for world in PANELS:
        for signal in SIGNALS:
            gaps = select(contents.rows, panel=world, series=signal, quantity="gap")
            if gaps:
                sizes = ", ".join(f"{gap.y:+.4f} +- {gap.stderr:.4f} at {ticks.count(gap.x)}" for gap in gaps)
                sentences.append(f"{world}: {signal} minus {REAL} {sizes}")
    return "; ".join(sentences) or "no panel has both kinds of signal"


def draw(contents: Contents) -> Plot:
    """Draw a column per world: accuracy, gap to watching real images, and the time of the last addition."""
    worlds = contents.panels(PANELS, "no_real_data.draw")
    with style.context():
        figure = Plot(figsize=(4.8 * len(worlds), 6.8), layout="constrained")
        axes = figure.subplots(3, len(worlds), sharex="col", squeeze=False, height_ratios=(3, 2, 2))
        named = []
        for (above, middle, below), world in zip(axes.T, worlds, strict=True):
            scores, gaps, times = (
                select(contents.rows, panel=world, quantity=name) for name in ("accuracy", "gap", TIMING)
            )
            named.append(panels.curves(above, scores))
            seeds = max(row.n_seeds or 0 for row in scores)
            above.set(title=f"{WORLDS[world].title}, {seeds} seeds", ylabel="test accuracy")
            panels.curves(middle, gaps)
            middle.axhline(0, color=style.series_style(REAL).colour, linewidth=0.9)
            middle.set_ylabel("gap to watching\nreal images")
            panels.curves(below, times)
            below.set(xlabel="synthetic samples in total", ylabel=f"{UNITS[world]} of\nthe last addition")
            below.set_ylim(bottom=0)
            ticks.log_ticks(below, min(row.x for row in scores), max(row.x for row in scores))
        panels.legend(figure, named, columns=2)  # leaves room for the note
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="no_real_data",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    panels=PANELS,
)
