"""Figure 13: the pool that a run of deliberate practice starts with and the pool that it ends with."""

from __future__ import annotations

from empirical.runs.result import Record
from figures.pictures import then_and_now
from figures.pictures.portraits import Picture


def _groups(records: list[Record]) -> list[tuple[str, list[Picture]]]:
    """Return the pictures of the first and of the last pool, titled with the size of the pool."""
    (record,) = records
    sizes = {"first": record.result.pool[0]["added"], "last": record.result.pool_size}
    return [
        (f"{name} pool, {size:,} rows", [picture for picture in record.examined["images"] if picture["pool"] == name])
        for name, size in sizes.items()
    ]


FIGURE = then_and_now.figure(
    "fig13",
    caption="The first pool and the last, of each class rows from the oldest (left) to the newest (right)",
    then="to the learner of the first addition",
    series=lambda _, picture: f"{picture['pool']} pool",
    groups=_groups,
    learner=lambda _: 1,
)
