"""Make a figure of groups of samples, with their entropy earlier and to the finished learner (Figs. 11-13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from empirical.runs.result import Record
from figures.contract.figure import Figure
from figures.drawing.grids import Sheet, Words
from figures.pictures import portraits
from figures.pictures.portraits import Cell, Curves, Picture

NOW = "\N{RIGHTWARDS ARROW} to the finished learner; red: it sees another class than the row's"


def figure(
    name: str,
    *,
    caption: str,
    then: str,
    series: Callable[[Record, Picture], str],
    groups: Callable[[list[Record]], Sequence[tuple[str, list[Picture]]]],
    learner: Callable[[Picture], int] = lambda picture: picture["round"],
) -> Figure:
    """Make the figure of several groups of samples: a block for each group, a row for each class.

    then: the time of the first entropy, in words. series: group of a picture in the table. groups: (title, pictures)
    of the blocks of a world. learner: addition whose learner gave the first entropy. x of the table is the iteration of
    the learner.
    """

    def cells(record: Record) -> Iterator[Cell]:
        iterations, end = record.examined["iterations"], record.result.config["training"]["iterations"]
        for picture in record.examined["images"]:
            name = series(record, picture)
            yield Cell(name, "then", float(iterations[learner(picture)]), picture["before"])
            yield Cell(name, "now", float(end), picture["entropy"])

    return portraits.figure(
        name,
        caption=f"{caption}\nentropy [nats] {then} {NOW}",
        xlabel="iteration of the learner",
        cells=cells,
        sheet=lambda records: _sheet(groups(records), portraits.names(records)),
        sentence=_sentence,
    )


def _sentence(curves: Curves) -> str:
    return "entropy of " + "; ".join(f"{name} {line[0].y:.2f}, then {line[-1].y:.2f}" for name, line in curves.items())


def _sheet(groups: Sequence[tuple[str, list[Picture]]], names: Mapping[int, str]) -> Sheet:
    """Make a block of each (title, pictures), with a row for each class and columns for its largest class."""
    labels = sorted({picture["label"] for _, pictures in groups for picture in pictures})
    blocks = []
    for title, pictures in groups:
        columns = max(sum(picture["label"] == label for picture in pictures) for label in labels)
        table = portraits.by_class(pictures, labels, columns)
        blocks.append(portraits.block(title, [""] * columns, table, _judged_twice(names)))
    return Sheet(blocks, [names[label] for label in labels])


def _judged_twice(names: Mapping[int, str]) -> Callable[[Picture], Words]:
    """Write both entropies below an image, as `portraits.judged` does for the finished learner."""
    judge = portraits.judged(names)

    def words(picture: Picture) -> Words:
        now = judge(picture)
        return Words(f"{portraits.number(picture['before'])} \N{RIGHTWARDS ARROW} {now.text}", now.marked)

    return words
