"""Make a figure of sample images (Figs. 8, 10-13): grids of the pictures of runs, and a table of their entropies.

The grids show the runs of the first seed; the table has the mean entropy of such pictures over all seeds.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure as Plot
from matplotlib.figure import SubFigure
from matplotlib.image import imread

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure
from figures.contract.records import mean, mean_row
from figures.contract.table import Row, select
from figures.drawing import panels
from figures.drawing.grids import Block, Sheet, Words, draw_sheets
from figures.drawing.style import BLUE, GREEN, ORANGE, PINK, VERMILLION, Style
from figures.drawing.worlds import WORLDS

Picture = Mapping[str, Any]  # of one image, see empirical.review.portraits
Curves = Mapping[str, list[Row]]  # the rows of a world by series, in order of x
PICTURED = ("digits", "latent_digits", "glyphs", "cifar10", "imagenet100")  # worlds whose samples are images
NAME = 9  # letters shown of the name of a class
LOOKS = (  # styles of the series, in their order
    Style(ORANGE, "v"),
    Style(BLUE, "o"),
    Style(GREEN, "s", size=4.0),
    Style(VERMILLION, "^"),
    Style(PINK, "D", size=4.0),
)


class Cell(NamedTuple):
    """The entropy of one image, and its point in the table: `place` names a point whose x differs between seeds."""

    series: str
    place: float | str
    x: float
    entropy: float


def figure(
    name: str,
    *,
    caption: str,
    xlabel: str,
    cells: Callable[[Record], Iterable[Cell]],
    sheet: Callable[[list[Record]], Sheet],
    sentence: Callable[[Curves], str],
) -> Figure:
    """Make a figure of the pictures of runs: a sheet of images for each world, and below it the curves of the table.

    cells: entropies of a record's images. sheet: images of a world, from the records of its first seed. sentence:
    describes the curves of a world in the summary.
    """

    def summary(contents: Contents) -> str:
        sentences = []
        for world in PICTURED:
            series = dict.fromkeys(row.series for row in contents.rows if row.panel == world)
            curves = {name: select(contents.rows, panel=world, series=name) for name in series}
            sentences += [f"{world}, {sentence(curves)}"] if curves else []
        return ". ".join(sentences) or "no world has pictures"

    return Figure(
        name=name,
        compute=lambda inputs: entropies(name, inputs.records, cells),
        summary=summary,
        draw=lambda contents: draw(contents, xlabel),
        describe=lambda _: caption,
        pictures=lambda records: {world: sheet(runs) for world, runs in first_seeds(records).items()},
        panels=PICTURED,
    )


def entropies(figure: str, records: Sequence[Record], cells: Callable[[Record], Iterable[Cell]]) -> list[Row]:
    """Average the images' entropies, in nats, over images and then over seeds: a row for each (panel, series, place).

    A point of one seed only has no standard error and gets no row: a run may make fewer additions than another.
    """
    points: dict[tuple[str, str, float | str], list[tuple[int, float, float]]] = {}
    for record in records:
        own: dict[tuple[str, float | str], list[Cell]] = {}
        for cell in cells(record):
            own.setdefault((cell.series, cell.place), []).append(cell)
        for (series, place), members in own.items():
            uncertainty = float(np.mean([cell.entropy for cell in members]))
            points.setdefault((record.panel, series, place), []).append((record.seed, members[0].x, uncertainty))
    return [
        mean_row(figure, panel, series, "entropy", mean([x for _, x, _ in seeds]), [(seed, y) for seed, _, y in seeds])
        for (panel, series, _), seeds in points.items()
        if len(seeds) > 1
    ]


def first_seeds(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return by world the records of its first seed, which are shown, in the order of their series."""
    first: dict[str, int] = {}
    for record in records:
        first[record.panel] = min(record.seed, first.get(record.panel, record.seed))
    return {
        world: [record for record in records if (record.panel, record.seed) == (world, first[world])]
        for world in PICTURED
        if world in first
    }


def names(records: Iterable[Record]) -> dict[int, str]:
    """Return the short names of the classes by label."""
    return {int(label): short(name) for record in records for label, name in record.examined["names"].items()}


def short(name: str) -> str:
    """Shorten the name of a class to a few letters.

    >>> short("7"), short("robin, American robin"), short("Chesapeake Bay retriever")
    ('7', 'robin', 'Chesapeak')
    """
    return name.partition(",")[0][:NAME]


def block(
    title: str,
    columns: Sequence[str],
    table: Sequence[Sequence[Picture | None]],
    words: Callable[[Picture], Words],
) -> Block:
    """Make a block of a table of pictures; a cell without a picture is white."""
    first = next(picture for line in table for picture in line if picture)
    blank = np.ones_like(pixels(first))
    images = np.stack([np.stack([pixels(picture) if picture else blank for picture in line]) for line in table])
    below = [[words(picture) if picture else Words("") for picture in line] for line in table]
    return Block(title, columns, images, below)


def pixels(picture: Picture) -> np.ndarray:
    """Decode the PNG of a picture to (C, H, W) in [-1, 1]."""
    levels = imread(io.BytesIO(base64.b64decode(picture["png"])), format="png")  # (H, W[, 3]) in [0, 1]
    whole = levels[..., None] if levels.ndim == 2 else levels
    return np.moveaxis(whole, -1, 0) * 2.0 - 1.0


def judged(names: Mapping[int, str]) -> Callable[[Picture], Words]:
    """Write the learner's entropy below an image; a class that is not the label is named and marks the words."""

    def words(picture: Picture) -> Words:
        wrong, name = picture["class"] != picture["label"], names[picture["class"]]
        separator = " " if len(name) == 1 else "\n"
        seen = f"{separator}as {name}" if wrong else ""
        return Words(number(picture["entropy"]) + seen, wrong)

    return words


def number(value: float) -> str:
    """Write a number with two decimals, without a leading zero.

    >>> number(0.954), number(1.2)
    ('.95', '1.20')
    """
    return f"{value:.2f}".removeprefix("0")


def by_class(pictures: Iterable[Picture], labels: Iterable[int], columns: int) -> list[list[Picture | None]]:
    """Arrange pictures in a table with a line of `columns` cells for each class; cells left over are None."""
    table: list[list[Picture | None]] = []
    pictures = list(pictures)
    for label in labels:
        line: list[Picture | None] = [picture for picture in pictures if picture["label"] == label]
        table.append(line[:columns] + [None] * (columns - len(line)))
    return table


def strength(omega: float) -> str:
    """Name a guidance strength.

    >>> strength(0.0), strength(0.05)
    ('plain', 'omega = 0.05')
    """
    return f"omega = {omega:g}" if omega else "plain"


def draw(contents: Contents, xlabel: str) -> Plot:
    """Draw the sheets of all worlds, below each its curves of the table. Raises ValueError without any pictures."""
    sheets: Mapping[str, Sheet] = contents.pictures
    if not sheets:
        allowed = ", ".join(PICTURED)
        raise ValueError(f"portraits.draw: got no pictures; allowed those of {allowed}; do take the default preset")
    below = {world: partial(_curves, select(contents.rows, panel=world), xlabel) for world in sheets}
    titled = [replace(sheet, title=WORLDS[world].title, below=below[world]) for world, sheet in sheets.items()]
    return draw_sheets(titled, contents.caption, contents.note)


def _curves(rows: Sequence[Row], xlabel: str, figure: SubFigure) -> None:
    ax = figure.subplots()
    looks = dict(zip(dict.fromkeys(row.series for row in rows), LOOKS, strict=False))
    drawn = panels.curves(ax, rows, style=looks.__getitem__)
    ax.set(xlabel=xlabel, ylabel="mean entropy [nats]", ylim=(0, None))
    title = f"{max((row.n_seeds or 0 for row in rows), default=0)} seeds; {panels.BARS}"
    figure.legend(list(drawn.values()), list(drawn), loc="outside right center", title=title)
