"""What each way of guiding costs and does: the gradient's path, the decoder it sees the learner through, which steps.

Measured in the world `latent_digits`, whose decoder costs about as much as a pass through its UNet. One addition to a
learner that all lines of a seed share. A step of omega acts per guided step: fewer steps are weaker guidance, unless
omega grows as the steps become fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average
from figures.contract.table import Row, select
from figures.drawing import dots
from figures.drawing.dots import Column, Line

PANEL = "latent digits"
DEAR, PLAIN, RANDOM = "denoiser, full decoder", "plain", "random direction"
PATHS = ("denoiser", "conditional", "x0")
DECODERS = ("full decoder", "tiny decoder", "linear map")


def _mode(path: str, name: str) -> Line:
    return Line(f"through {path}", (DEAR, PLAIN) if name != DEAR else ())


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
    RANDOM: Line(RANDOM, (DEAR, PLAIN)),
    PLAIN: Line("plain", (DEAR,)),
}
COST, CPU, ENTROPY = "cost", "CPU time", "entropy"  # quantities
COLUMNS = (
    Column("accuracy", "on real test digits", {PANEL: "accuracy"}, (COST, "FLOPs")),
    Column("entropy", "nats, of the samples when added", {PANEL: "entropy"}, (CPU, "CPU time"), ENTROPY),
)
RUN_PANELS = (PANEL,)
CHEAP = 1.1  # of the work of plain sampling


def compute(inputs: Inputs) -> list[Row]:
    """Per line accuracy, its change from the dear mode, entropy, and the cost of an added sample; x is omega.

    Costs are in units of a plain sample's: matrix work, counted, and CPU seconds, measured as the runs were made.
    """
    rows = dots.measured("modes", inputs.records, LINES, _omega, (COST, _work))
    rows += average("modes", inputs.records, _omega, lambda record: record.result.pool[-1]["entropy"], ENTROPY)
    plain = {record.seed: record for record in inputs.records if record.series == PLAIN}
    paired = [record for record in inputs.records if record.seed in plain]
    return rows + average("modes", paired, _omega, lambda record: _time(record, plain[record.seed]), CPU)


def _omega(record: Record) -> float:
    return record.result.config["acquire"]["omega"]


def _work(record: Record) -> float:
    """Operations for an added sample over those for one of the initial, plain ones."""
    first, added = record.result.pool
    return round(added["gflop"] / added["images"] / (first["gflop"] / first["images"]), 9)


def _time(record: Record, plain: Record) -> float:
    """The same of CPU seconds; `plain` is the run of the seed that adds plain samples.

    A run counts the seconds of all its sampling; the initial samples are the plain run's own.
    """
    first, added = record.result.pool
    each = _seconds(plain) / sum(line["images"] for line in plain.result.pool)
    return (_seconds(record) - each * first["images"]) / added["images"] / each


def _seconds(record: Record) -> float:
    return record.result.cost["sampling_cpu_s"]


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Paired changes, from the dear mode and from plain sampling, with bootstrap intervals."""
    return {"changes": dots.changes(records, LINES)}


def describe(_: Settings) -> str:
    """The caption."""
    return "Ways of guiding a latent diffusion model (right: an added sample's cost, plain: 1; dashed: the dearest way)"


def cheap(rows: Sequence[Row]) -> list[str]:
    """A sentence on every guided mode of at most `CHEAP` times the work of plain sampling."""
    cost, entropy = ({row.series: row.y for row in select(rows, quantity=name)} for name in (COST, ENTROPY))
    changes = {row.series: dots.change(row) for row in select(rows, quantity="change")}
    guided = [name for name in dots.order(select(rows, quantity=COST), LINES) if name not in (DEAR, PLAIN, RANDOM)]
    return [
        f"{name} costs {cost[name]:.2f} of plain sampling, entropy {entropy[name]:.2f} (dearest way: "
        f"{entropy.get(DEAR, float('nan')):.2f}), accuracy {changes.get(name, 'not comparable')} from the dearest way"
        for name in guided
        if cost[name] <= CHEAP
    ]


def summary(contents: Contents) -> str:
    """One line for the terminal: the dear mode and plain sampling, then the modes that cost almost nothing."""
    rows = contents.rows
    cost = {row.series: row.y for row in select(rows, quantity=COST)}
    found = {row.series: row for row in select(rows, quantity="accuracy")}
    said = [f"{name} {dots.accuracy(found[name])} at {cost[name]:.2f}" for name in (PLAIN, DEAR) if name in found]
    return "; ".join(said + cheap(rows)) or "no runs"


def markdown(contents: Contents) -> str:
    """The table in Markdown."""
    rows = contents.rows
    notes = ["FLOPs and CPU time are those of an added sample; a plain one's are 1."]
    return dots.markdown(rows, LINES, COLUMNS, notes + [f"{sentence}." for sentence in cheap(rows)])


def draw(contents: Contents) -> Plot:
    """A dot plot of the table. Raises ValueError without rows of the world."""
    contents.panels(RUN_PANELS, "modes.draw")
    return dots.draw(contents.rows, LINES, COLUMNS, DEAR, contents.note, contents.caption)


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
