"""Figure 11: plain samples, oversampled and pruned samples, and guided samples of one addition."""

from __future__ import annotations

from empirical.runs.result import Record
from figures.pictures import then_and_now
from figures.pictures.portraits import Picture

PRUNED, GUIDED = "oversample-then-prune", "deliberate practice"  # the series whose titles give a strength


def _groups(records: list[Record]) -> list[tuple[str, list[Picture]]]:
    """Return the pictures of each series with their title."""
    return [(_title(record), record.examined["images"]) for record in records]


def _title(record: Record) -> str:
    if record.series == PRUNED:
        return f"the most uncertain of {record.value:g} times as many"
    return f"guided, omega = {record.value:g}" if record.series == GUIDED else record.series


FIGURE = then_and_now.figure(
    "fig11",
    caption="One addition to the same learner: plain samples, the most uncertain of many, guided ones (plain's noise)",
    then="when it was added",
    series=lambda record, _: record.series,
    groups=_groups,
)
