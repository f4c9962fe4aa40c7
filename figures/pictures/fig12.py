"""Figure 12: guided samples of the first addition and of the last addition of a run."""

from __future__ import annotations

from empirical.runs.result import Record
from figures.pictures import then_and_now
from figures.pictures.portraits import Picture


def _series(record: Record, picture: Picture) -> str:
    first = min(other["round"] for other in record.examined["images"])
    return f"{'first' if picture['round'] == first else 'last'} addition"


def _groups(records: list[Record]) -> list[tuple[str, list[Picture]]]:
    """Return the pictures of each addition, titled with the addition, its iteration and omega."""
    (record,) = records
    groups: dict[int, list[Picture]] = {}
    for picture in record.examined["images"]:
        groups.setdefault(picture["round"], []).append(picture)
    iterations = record.examined["iterations"]
    return [
        (f"addition {number}, at iteration {iterations[number]:,}, omega = {pictures[0]['omega']:g}", pictures)
        for number, pictures in groups.items()
    ]


FIGURE = then_and_now.figure(
    "fig12",
    caption="Guided samples of the first and the last addition, each from noise of its own",
    then="when it was added",
    series=_series,
    groups=_groups,
)
