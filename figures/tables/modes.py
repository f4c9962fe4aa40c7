"""Cost and effect of each way of guiding: by the gradient's path, by the decoder before the learner, by guided steps.

Measured in the world `latent_digits`, whose decoder costs about as much as a pass through its UNet, on one addition to
a learner that all lines of a seed share. omega acts per guided step: fewer guided steps are weaker guidance, unless
omega grows in proportion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract import words
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average
from figures.contract.table import Row, select
from figures.drawing import dots
from figures.drawing.dots import Column, Line

PANEL = "latent digits"
COSTLIEST, PLAIN, RANDOM = "denoiser, full decoder", "plain", "random direction"
PATHS = ("denoiser", "conditional", "x0")
DECODERS = ("full decoder", "tiny decoder", "linear map")


def _mode(path: str, name: str) -> Line:
    return Line(f"through {path}", (COSTLIEST, PLAIN) if name != COSTLIEST else ())


LINES = {
    **{name: _mode(path, name) for path in PATHS for decoder in DECODERS if (name := f"{path}, {decoder}")},
    **{
        name: _mode(name.partition(",")[0], name)
        for name in (
            "denoiser, full decoder, every 2nd step",
            "denoiser, full decoder, every 5th step",
            "denoiser, full decoder, every 5th step, 5 omega",
            "x0, full decoder, every 5th step, 5 omega",
            "x0, tiny decoder, every 2nd step, 2 omega",
            "x0, tiny decoder, every 5th step, 5 omega",
        )
    },
    RANDOM: Line(RANDOM, (COSTLIEST, PLAIN)),
    PLAIN: Line("plain", (COSTLIEST,)),
}
COST, CPU, ENTROPY = "cost", "CPU time", "entropy"  # quantities
COLUMNS = (
    Column("accuracy", "on real test digits", {PANEL: "accuracy"}, (COST, "FLOPs")),
    Column("entropy", "nats, of the samples when added", {PANEL: "entropy"}, (CPU, "CPU time"), ENTROPY),
)
RUN_PANELS = (PANEL,)
CHEAP = 1.1  # largest work of a cheap mode, in units of plain sampling


def compute(inputs: Inputs) -> list[Row]:
    """Collect for each line accuracy, change from the costliest mode, entropy and costs of an added sample; x is omega.

    Costs are in units of the cost of a plain sample: matrix work, counted, and CPU seconds, measured during the runs.
    """
    rows = dots.measured("modes", inputs.records, LINES, _omega, (COST, _work))
    rows += average("modes", inputs.records, _omega, lambda record: record.result.pool[-1]["entropy"], ENTROPY)
    plain = {record.seed: record for record in inputs.records if record.series == PLAIN}
    paired = [record for record in inputs.records if record.seed in plain]
    return rows + average("modes", paired, _omega, lambda record: _time(record, plain[record.seed]), CPU)


def _omega(record: Record) -> float:
    return record.result.config["acquire"]["omega"]


def _work(record: Record) -> float:
    """Return the operations of an added sample, in units of the operations of an initial, plain sample."""
    first, added = record.result.pool
    return round(added["gflop"] / added["images"] / (first["gflop"] / first["images"]), 9)


def _time(record: Record, plain: Record) -> float:
    """Return the CPU seconds of an added sample, in units of the CPU seconds of a plain sample.

    plain: the run of the same seed that adds plain samples. A run counts the seconds of all its sampling, the initial
    plain samples included, which cost as much as those of the plain run.
    """
    first, added = record.result.pool
    each = _seconds(plain) / sum(line["images"] for line in plain.result.pool)
    return (_seconds(record) - each * first["images"]) / added["images"] / each


def _seconds(record: Record) -> float:
    return record.result.cost["sampling_cpu_s"]


def details(records: Sequence[Record]) -> dict[str, Any]:
    """List paired changes from the costliest mode and from plain sampling, with bootstrap intervals."""
    return {"changes": dots.changes(records, LINES)}


def describe(_: Settings) -> str:
    """Return the caption."""
    return (
        "Ways of guiding a latent diffusion model (right: an added sample's cost, plain: 1; dashed: the costliest way)"
    )


def cheap(rows: Sequence[Row]) -> list[str]:
    """Write a sentence on every guided mode of at most `CHEAP` times the work of plain sampling."""
    cost, entropy = ({row.series: row.y for row in select(rows, quantity=name)} for name in (COST, ENTROPY))
    changes = {row.series: words.change(row) for row in select(rows, quantity="change")}
    guided = [name for name in dots.order(select(rows, quantity=COST), LINES) if name not in (COSTLIEST, PLAIN, RANDOM)]
    return [
        f"{name} costs {cost[name]:.2f} of plain sampling, entropy {entropy[name]:.2f} (costliest way: "
        f"{entropy.get(COSTLIEST, float('nan')):.2f}), accuracy {changes.get(name, 'not comparable')} "
        "from the costliest way"
        for name in guided
        if cost[name] <= CHEAP
    ]


def summary(contents: Contents) -> str:
    """Give accuracy and cost of plain sampling and of the costliest mode, then the modes that cost almost nothing."""
    rows = contents.rows
    cost = {row.series: row.y for row in select(rows, quantity=COST)}
    accuracies = {row.series: words.accuracy(row) for row in select(rows, quantity="accuracy")}
    ends = [f"{name} {accuracies[name]} at {cost[name]:.2f}" for name in (PLAIN, COSTLIEST) if name in accuracies]
    return "; ".join(ends + cheap(rows)) or "no runs"


def markdown(contents: Contents) -> str:
    """Write the table in Markdown."""
    rows = contents.rows
    notes = ["FLOPs and CPU time are those of an added sample; a plain one's are 1."]
    return dots.markdown(rows, LINES, COLUMNS, notes + [f"{sentence}." for sentence in cheap(rows)])


def draw(contents: Contents) -> Plot:
    """Draw a dot plot of the table. Raises ValueError without rows of the world."""
    contents.panels(RUN_PANELS, "modes.draw")
    return dots.draw(contents.rows, LINES, COLUMNS, COSTLIEST, contents.note, contents.caption)


FIGURE = Figure(
    name="modes",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    markdown=markdown,
    panels=RUN_PANELS,
)
