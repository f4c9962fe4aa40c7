"""Figure 2: training loss and validation accuracy over the iterations of runs with 0, 1 and 2 additions.

A plateau comes at another iteration in every seed, so an average over iterations blurs what an addition does. Beside
it stands, where the configuration gives a window, the same runs against the iterations since the seed's own first
addition; the run without additions is aligned to the iteration at which its twin added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record, Result
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.records import mean_rows
from figures.contract.table import Row, select
from figures.drawing import bands, panels, style
from figures.drawing.worlds import WORLDS
from scaling.averages import aggregate

PANELS = ("digits", "linear")
NONE, ONE, TWO, PLAIN = "no addition", "1 addition", "2 additions", "1 addition, omega = 0"
ADDITIONS = {NONE: 0, ONE: 1, TWO: 2, PLAIN: 1}  # the series, and how many additions their runs are allowed
ALIGNED = "{} aligned"
LOSS, VALIDATION = "training loss", "validation accuracy"  # quantities, as are the keys below
MEASURES = {LOSS: "loss", VALIDATION: "accuracy_validation"}  # the keys of trajectories
LABELS = {LOSS: "training loss", VALIDATION: "accuracy on real validation data"}
ADDED, TEST = "iteration of an addition", "accuracy"  # of these x is the number of additions
COLUMNS = {  # panel: (title, x label), in this order
    "digits": (WORLDS["digits"].title, "iteration"),
    "digits aligned": (
        f"{WORLDS['digits'].title}, around the first addition",
        "iterations since the seed's own first addition",
    ),
    "linear": (WORLDS["linear"].title, "evaluations"),
    "linear aligned": (f"{WORLDS['linear'].title}, around the first addition", "evaluations since the first addition"),
}
MARKS = "dashed: mean iterations of the additions; grey: their standard deviation over seeds"
SETTLED = 0.12  # share of a run, mostly warm-up, that does not decide the range of the y axes
CAPTION = "What an addition does: the loss jumps, since the new samples are hard, and the accuracy climbs"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/fig2.toml`."""

    window: dict[str, tuple[int, int]] = field(default_factory=dict)  # from and to, see `compute`, by world

    def __post_init__(self) -> None:
        require(set(self.window) <= set(PANELS), "fig2.window", sorted(self.window), f"worlds: {', '.join(PANELS)}")


def compute(inputs: Inputs) -> list[Row]:
    """Average both measures over seeds, the iterations of the additions, and the final accuracy on real test data.

    A world in settings["window"] (the first and the last of the iterations since the addition that are shown) also has
    a panel "<world> aligned". x is the iteration; of `ADDED` and `TEST` it is the number of additions.
    """
    rows: list[Row] = []
    for (world, series), members in _by_series(inputs.records).items():
        window = inputs.settings.get("window", {}).get(world)
        steps = members[0].result.trajectory["step"]
        if window is None or series != PLAIN:  # the control only where nothing blurs it
            for quantity, key in MEASURES.items():
                curves = {record.seed: record.result.trajectory[key] for record in members}
                rows += mean_rows("fig2", world, series, quantity, steps, curves)
        if window is not None and series != TWO:
            rows += _aligned(inputs.records, world, series, members, window)
        scores = {record.seed: [record.result.accuracy] for record in members}
        rows += mean_rows("fig2", world, series, TEST, [ADDITIONS[series]], scores)
        for k in range(1, ADDITIONS[series] + 1):
            times = {r.seed: [float(added[k - 1])] for r in members if len(added := added_at(r)) >= k}
            rows += mean_rows("fig2", world, series, ADDED, [k], times)
    return rows


def _by_series(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """Group the runs by (world, series), each group in order of seed."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda record: record.seed):
        groups.setdefault((record.panel, record.series), []).append(record)
    return groups


def added_at(record: Record) -> list[int]:
    """Return the iterations at which a run added data."""
    return [int(entry["step"]) for entry in record.result.pool if entry["round"] > 0]


def _first_additions(records: Sequence[Record], world: str) -> dict[int, int]:
    """Return by seed the iteration of the first addition; all runs of a seed agree up to there."""
    runs = [r for r in records if (r.panel, r.series) == (world, ONE)]
    return {record.seed: iterations[0] for record in runs if (iterations := added_at(record))}


def _aligned(
    records: Sequence[Record], world: str, series: str, members: Sequence[Record], window: Sequence[int]
) -> list[Row]:
    """Average both measures of a series against the iterations since the seed's first addition."""
    first = _first_additions(records, world)
    rows: list[Row] = []
    for quantity, key in MEASURES.items():
        paths: dict[int, dict[float, float]] = {}
        for record in members:
            if record.seed in first:
                trajectory = record.result.trajectory
                shifted = [step - first[record.seed] for step in trajectory["step"]]
                paths[record.seed] = dict(zip(shifted, trajectory[key], strict=True))
        offsets = sorted({at for path in paths.values() for at in path if window[0] <= at <= window[1]})
        curves = {seed: [path.get(at) for at in offsets] for seed, path in paths.items()}
        rows += mean_rows("fig2", ALIGNED.format(world), series, quantity, offsets, curves)
    return rows


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Measure what each addition did, paired by seed: means over the seeds that made it, with standard errors.

    The loss is that of the last interval before the addition and of the first one after it. Accuracies at the end are
    compared with the run that has one addition less.
    """
    entries = []
    by_series = _by_series(records)
    results = {(*key, record.seed): record.result for key, members in by_series.items() for record in members}
    for (world, series), members in by_series.items():
        rival = {ONE: NONE, PLAIN: NONE, TWO: ONE}.get(series, "")
        effects = [
            numbers
            for record in members
            if (before := results.get((world, rival, record.seed)))
            and (numbers := _effect(record, before, ADDITIONS[series]))
        ]
        if len(effects) < 2:
            continue
        entry: dict[str, Any] = {"panel": world, "series": series, "addition": ADDITIONS[series], "over": rival}
        for name in effects[0]:
            mean, stderr, n_seeds = aggregate([numbers[name] for numbers in effects])
            entry |= {name: {"mean": float(mean), "stderr": float(stderr)}, "n_seeds": n_seeds}
        entry["spread of the iteration"] = float(np.std([numbers["iteration"] for numbers in effects], ddof=1))
        entries.append(entry)
    return {"additions": entries}


def _effect(record: Record, before: Result, number: int) -> dict[str, float]:
    """Compare a run with `before`, that of one addition less; empty without this addition or an evaluation after it."""
    at, result, path = added_at(record), record.result, record.result.trajectory
    if len(at) < number:
        return {}
    now = path["step"].index(at[number - 1])
    if now + 1 == len(path["step"]):
        return {}
    return {
        "iteration": float(at[number - 1]),
        "loss before": path["loss"][now],
        "loss after": path["loss"][now + 1],
        "jump of the loss": path["loss"][now + 1] - path["loss"][now],
        "jump of the loss without it": before.trajectory["loss"][now + 1] - before.trajectory["loss"][now],
        "gain of validation accuracy": result.accuracy_validation - before.accuracy_validation,
        "gain of test accuracy": result.accuracy - before.accuracy,
    }


def jump(rows: Sequence[Row], world: str, series: str) -> tuple[Row, Row] | None:
    """Return the loss of a series at the evaluation of its first addition and at the next one; None without such rows.

    They are taken from the aligned panel, in a world without it (the linear one) at the mean iteration of the addition.
    """
    points, zero = select(rows, panel=ALIGNED.format(world), series=series, quantity=LOSS), 0.0
    if not points:
        at = select(rows, panel=world, series=series, quantity=ADDED)
        points, zero = select(rows, panel=world, series=series, quantity=LOSS), at[0].y if at else 0.0
    before = [row for row in points if row.x == zero]
    after = [row for row in points if row.x > zero]
    return (before[0], after[0]) if before and after else None


def summary(contents: Contents) -> str:
    """Say in one line, by world, the jump of the loss at the first addition and the final accuracies."""
    sentences = []
    for world in PANELS:
        phrases = []
        for series, name in ((ONE, "guided"), (PLAIN, "plain")):
            losses = jump(contents.rows, world, series)
            if losses:
                phrases.append(f"loss {losses[0].y:.2f} -> {losses[1].y:.2f} at a {name} addition")
        for quantity, name in ((VALIDATION, "validation"), (TEST, "test")):
            ends = [
                f"{points[-1].y:.3f} with {ADDITIONS[series]}"
                for series in (NONE, ONE, TWO)
                if (points := select(contents.rows, panel=world, series=series, quantity=quantity))
            ]
            if ends:
                phrases.append(f"{name} accuracy at the end " + ", ".join(ends) + " additions")
        if phrases:
            sentences.append(f"{world}: " + ", ".join(phrases))
    return "; ".join(sentences) or "no panel has rows"


def draw(contents: Contents) -> Plot:
    """Draw a column per world, and one per world with aligned rows; above the loss, below the accuracy.

    Dashed lines stand at the mean iterations of the additions.
    """
    rows, present = contents.rows, contents.panels(COLUMNS, "fig2.draw")
    with style.context():
        figure = Plot(figsize=(4.3 * len(present), 5.6), layout="constrained")
        axes = figure.subplots(len(LABELS), len(present), sharex="col", squeeze=False)
        named = []
        for line, (quantity, label) in zip(axes, LABELS.items(), strict=True):
            for ax, column in zip(line, present, strict=True):
                curves = select(rows, panel=column, quantity=quantity)
                named.append(bands.bands(ax, curves))
                _mark(ax, rows, column)
                _settled_range(ax, curves)
                ax.set_ylabel(label)
        for ax, column in zip(axes[0], present, strict=True):
            seeds = max((row.n_seeds or 0 for row in select(rows, panel=column, quantity=LOSS)), default=0)
            ax.set_title(f"{COLUMNS[column][0]}, {seeds} seeds")
        for ax, column in zip(axes[-1], present, strict=True):
            ax.set_xlabel(COLUMNS[column][1])
        panels.legend(figure, named, f"{bands.BANDS}; {MARKS}", columns=6)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _mark(ax: Axes, rows: Sequence[Row], column: str) -> None:
    """Draw a dashed line at each addition, and the standard deviation of its iteration over seeds as a grey strip.

    A line has the colour of the run whose last addition it is.
    """
    if column not in PANELS:
        ax.axvline(0, color=style.series_style(ONE).colour, linestyle="--", linewidth=0.9)
        return
    for series, number in ((ONE, 1), (TWO, 2)):
        for row in select(rows, panel=column, series=series, quantity=ADDED):
            if row.x == number:
                spread = (row.stderr or 0.0) * math.sqrt(row.n_seeds or 0)
                ax.axvspan(row.y - spread, row.y + spread, color=style.GREY, alpha=0.12, linewidth=0)
                ax.axvline(row.y, color=style.series_style(series).colour, linestyle="--", linewidth=0.9)


def _settled_range(ax: Axes, rows: Sequence[Row]) -> None:
    """Fit the y range to the rows after the warm-up, whose steep curve would flatten everything else."""
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
    describe=lambda _: CAPTION,
    details=details,
    panels=PANELS,
    settings=Config,
)
