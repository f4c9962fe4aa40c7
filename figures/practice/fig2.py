"""Figure 2: training loss and validation accuracy over the iterations of runs with 0, 1 and 2 additions.

A plateau comes at another iteration in every seed, so an average over iterations blurs what an addition does. Beside
it stands, where the configuration gives a window, the same runs against the iterations since the seed's own first
addition; the run without additions is aligned to the iteration at which its twin added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.table import Row, select
from figures.drawing import bands, panels, style
from scaling.averages import aggregate

RUN_PANELS = ("digits", "linear")  # where series of runs can go
NONE, ONE, TWO, PLAIN = "no addition", "1 addition", "2 additions", "1 addition, omega = 0"
ADDITIONS = {NONE: 0, ONE: 1, TWO: 2, PLAIN: 1}  # the series, and how many additions their runs are allowed
ALIGNED = "{} aligned"
MEASURES = {"loss": "training loss", "accuracy_validation": "accuracy on real validation data"}
COLUMNS = {  # panel: (title, x label), in this order
    "digits": ("digits", "iteration"),
    "digits aligned": ("digits, around the first addition", "iterations since the seed's own first addition"),
    "linear": ("linear world", "evaluations"),
    "linear aligned": ("linear world, around the first addition", "evaluations since the first addition"),
}
MARKS = "dashed: mean iterations of the additions; grey: their standard deviation over seeds"
SETTLED = 0.12  # share of a run, mostly warm-up, that does not decide the range of the y axes


def compute(inputs: Inputs) -> list[Row]:
    """Means over seeds of both measures, and of the iterations of the additions.

    Panels are "<measure>: <world>", "<measure>: <world> aligned" for worlds in settings["window"] (the first and the
    last of the iterations since the addition that are shown); "additions: <world>" (x: first or second addition, y:
    iteration) and "test: <world>" (x: number of additions, y: accuracy on real test data) are not drawn as curves.
    """
    rows: list[Row] = []
    for (world, series), members in _by_series(inputs.records).items():
        window = inputs.settings.get("window", {}).get(world)
        steps = members[0].result.trajectory["step"]
        if window is None or series != PLAIN:  # the control only where nothing blurs it
            for measure in MEASURES:
                curves = [record.result.trajectory[measure] for record in members]
                rows += bands.mean_rows("fig2", f"{measure}: {world}", series, steps, curves)
        if window is not None and series != TWO:
            rows += _aligned(inputs.records, world, series, members, window)
        scores = [[record.result.accuracy] for record in members]
        rows += bands.mean_rows("fig2", f"test: {world}", series, [ADDITIONS[series]], scores)
        for k in range(1, ADDITIONS[series] + 1):
            at = [iterations[k - 1] for record in members if len(iterations := added_at(record)) >= k]
            rows += bands.mean_rows("fig2", f"additions: {world}", series, [k], [[value] for value in at])
    return rows


def _by_series(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    found: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda record: record.seed):
        found.setdefault((record.panel, record.series), []).append(record)
    return found


def added_at(record: Record) -> list[int]:
    """The iterations at which a run added data."""
    return [entry["step"] for entry in record.result.pool if entry["round"] > 0]


def _first_additions(records: Sequence[Record], world: str) -> dict[int, int]:
    """Of the runs with one addition, by seed, its iteration; the runs of a seed agree up to there."""
    runs = [r for r in records if (r.panel, r.series) == (world, ONE)]
    return {record.seed: iterations[0] for record in runs if (iterations := added_at(record))}


def _aligned(
    records: Sequence[Record], world: str, series: str, members: Sequence[Record], window: Sequence[int]
) -> list[Row]:
    """Rows of a series against the iterations since the seed's first addition."""
    first = _first_additions(records, world)
    rows: list[Row] = []
    for measure in MEASURES:
        curves = []
        for record in members:
            if record.seed in first:
                path = record.result.trajectory
                shifted = [step - first[record.seed] for step in path["step"]]
                curves.append(dict(zip(shifted, path[measure], strict=True)))
        offsets = sorted({offset for curve in curves for offset in curve if window[0] <= offset <= window[1]})
        values = [[curve.get(offset) for offset in offsets] for curve in curves]
        rows += bands.mean_rows("fig2", f"{measure}: {ALIGNED.format(world)}", series, offsets, values)
    return rows


def effects(records: Sequence[Record]) -> list[dict[str, Any]]:
    """What each addition did, seed by seed: loss in the last interval before it and the first one after it, and the
    accuracy at the end against that of the run with one addition less.

    Every number is a mean over the seeds that made the addition, with its standard error.
    """
    found = []
    by_series = _by_series(records)
    runs = {(*key, record.seed): record.result for key, members in by_series.items() for record in members}
    for (world, series), members in by_series.items():
        number = ADDITIONS[series]
        rival = {ONE: NONE, PLAIN: NONE, TWO: ONE}.get(series)
        seen: dict[str, list[float]] = {}
        for record in members:
            at, result = added_at(record), record.result
            before = runs.get((world, rival or "", record.seed))
            if not number or len(at) < number or before is None:
                continue
            path = result.trajectory
            now = path["step"].index(at[number - 1])
            if now + 1 == len(path["step"]):
                continue
            for name, value in {
                "iteration": at[number - 1],
                "loss before": path["loss"][now],
                "loss after": path["loss"][now + 1],
                "jump of the loss": path["loss"][now + 1] - path["loss"][now],
                "jump of the loss without it": before.trajectory["loss"][now + 1] - before.trajectory["loss"][now],
                "gain of validation accuracy": result.accuracy_validation - before.accuracy_validation,
                "gain of test accuracy": result.accuracy - before.accuracy,
            }.items():
                seen.setdefault(name, []).append(float(value))
        if seen and len(seen["iteration"]) > 1:
            entry: dict[str, Any] = {"panel": world, "series": series, "addition": number, "over": rival}
            for name, values in seen.items():
                mean, stderr, n_seeds = aggregate(values)
                entry |= {name: {"mean": float(mean), "stderr": float(stderr)}, "n_seeds": n_seeds}
            entry["spread of the iteration"] = float(np.std(seen["iteration"], ddof=1))
            found.append(entry)
    return found


def details(records: Sequence[Record]) -> dict[str, Any]:
    """What each addition did, paired by seed."""
    return {"additions": effects(records)}


def describe(_: Settings) -> str:
    """The caption."""
    return "What an addition does: the loss jumps, since the new samples are hard, and the accuracy climbs"


def jump(rows: Sequence[Row], world: str, series: str) -> tuple[Row, Row] | None:
    """Loss of a series at the evaluation of the addition and at the next one, from the aligned panel (the linear world:
    at the first addition's own evaluation); None where there are no such rows."""
    aligned = select(rows, panel=f"loss: {ALIGNED.format(world)}", series=series)
    at = select(rows, panel=f"additions: {world}", series=series)
    points, zero = (
        (aligned, 0.0) if aligned else (select(rows, panel=f"loss: {world}", series=series), at[0].y if at else 0)
    )
    before = [row for row in points if row.x == zero]
    after = [row for row in points if row.x > zero]
    return (before[0], after[0]) if before and after else None


def summary(contents: Contents) -> str:
    """One line for the terminal: per world the jump of the loss at the first addition, and the final accuracies."""
    rows = contents.rows
    parts = []
    for world in RUN_PANELS:
        said = []
        for series, name in ((ONE, "guided"), (PLAIN, "plain")):
            found = jump(rows, world, series)
            if found:
                said.append(f"loss {found[0].y:.2f} -> {found[1].y:.2f} at a {name} addition")
        for kind, name in (("accuracy_validation", "validation"), ("test", "test")):
            ends = [
                f"{points[-1].y:.3f} with {ADDITIONS[series]}"
                for series in (NONE, ONE, TWO)
                if (points := select(rows, panel=f"{kind}: {world}", series=series))
            ]
            if ends:
                said.append(f"{name} accuracy at the end " + ", ".join(ends) + " additions")
        if said:
            parts.append(f"{world}: " + ", ".join(said))
    return "; ".join(parts) or "no panel has rows"


def draw(contents: Contents) -> Plot:
    """A column per world, and per world with aligned rows; above the loss, below the accuracy.

    Dashed lines stand at the mean iterations of the additions. Raises ValueError if no row is of a known panel.
    """
    rows = contents.rows
    present = [column for column in COLUMNS if select(rows, panel=f"loss: {column}")]
    if not present:
        raise ValueError(f"fig2.draw: got no rows of any panel; allowed {list(COLUMNS)}; do run a world first")
    with style.context():
        figure = Plot(figsize=(4.3 * len(present), 5.6), layout="constrained")
        axes = figure.subplots(len(MEASURES), len(present), sharex="col", squeeze=False)
        named = []
        for line, measure in zip(axes, MEASURES, strict=True):
            for ax, column in zip(line, present, strict=True):
                here = select(rows, panel=f"{measure}: {column}")
                named.append(bands.bands(ax, here))
                _mark(ax, rows, column)
                _settled_range(ax, here)
                ax.set_ylabel(MEASURES[measure])
        for ax, column in zip(axes[0], present, strict=True):
            seeds = max((row.n_seeds or 0 for row in select(rows, panel=f"loss: {column}")), default=0)
            ax.set_title(f"{COLUMNS[column][0]}, {seeds} seeds")
        for ax, column in zip(axes[-1], present, strict=True):
            ax.set_xlabel(COLUMNS[column][1])
        panels.legend(figure, named, f"{bands.BANDS}; {MARKS}", columns=6)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _mark(ax: Axes, rows: Sequence[Row], column: str) -> None:
    """A dashed line at the first and the second addition, in the colour of the run whose last one it is, and their
    standard deviation over seeds as a grey strip."""
    if column not in RUN_PANELS:
        ax.axvline(0, color=style.series_style(ONE).colour, linestyle="--", linewidth=0.9)
        return
    for series, number in ((ONE, 1), (TWO, 2)):
        for row in select(rows, panel=f"additions: {column}", series=series):
            if row.x == number:
                spread = (row.stderr or 0.0) * math.sqrt(row.n_seeds or 0)
                ax.axvspan(row.y - spread, row.y + spread, color=style.GREY, alpha=0.12, linewidth=0)
                ax.axvline(row.y, color=style.series_style(series).colour, linestyle="--", linewidth=0.9)


def _settled_range(ax: Axes, rows: Sequence[Row]) -> None:
    """The y range of what follows the warm-up: its steep curve would flatten everything else."""
    start = min(row.x for row in rows)
    if start > 0:
        start = SETTLED * max(row.x for row in rows)
    settled = [row for row in rows if row.x >= start]
    low, high = (f(row.y + sign * 2 * (row.stderr or 0.0) for row in settled) for f, sign in ((min, -1), (max, 1)))
    margin = 0.06 * (high - low) or 0.01
    ax.set_ylim(low - margin, high + margin)


FIGURE = Figure(
    name="fig2",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    panels=RUN_PANELS,
)
