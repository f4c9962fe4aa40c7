"""What figures of sample images share (Figs. 8, 10-13): from the pictures of runs to blocks of a grid and to a table.

The pictures are those of one run, at the first seed; the table is the mean entropy of such pictures over all seeds.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure as Plot
from matplotlib.figure import SubFigure
from matplotlib.image import imread

from empirical.runs.result import Record
from figures.contract.figure import Contents
from figures.contract.table import Row, select
from figures.drawing import panels
from figures.drawing.grids import Block, Sheet, Words, draw_sheets
from figures.drawing.style import BLUE, GREEN, ORANGE, PINK, VERMILLION, Style
from scaling.averages import aggregate

Picture = Mapping[str, Any]  # of one image, see empirical.portraits
WORLDS = {
    "digits": "digits",
    "latent_digits": "digits, latent diffusion",
    "glyphs": "glyphs",
    "cifar10": "CIFAR-10",
    "imagenet100": "ImageNet-100",
}
NAME = 9  # letters of a class that are shown
LOOKS = (  # of series, in their order
    Style(ORANGE, "v"),
    Style(BLUE, "o"),
    Style(GREEN, "s", size=4.0),
    Style(VERMILLION, "^"),
    Style(PINK, "D", size=4.0),
)


class Cell(NamedTuple):
    """The entropy of one image and where it counts: `place` is x where seeds have it at different x."""

    series: str
    place: float | str
    x: float
    entropy: float


def entropies(figure: str, records: Sequence[Record], cells: Callable[[Record], Iterable[Cell]]) -> list[Row]:
    """One practice row per (panel, series, place): mean over seeds of the images' mean entropy, in nats.

    What only one seed has - a run may make fewer additions than another - has no standard error, and no row.
    """
    found: dict[tuple[str, str, float | str], list[tuple[float, float]]] = {}
    for record in records:
        own: dict[tuple[str, float | str], list[Cell]] = {}
        for cell in cells(record):
            own.setdefault((cell.series, cell.place), []).append(cell)
        for (series, place), members in own.items():
            uncertainty = float(np.mean([cell.entropy for cell in members]))
            found.setdefault((record.panel, series, place), []).append((members[0].x, uncertainty))
    rows = []
    for (panel, series, _), points in found.items():
        if len(points) > 1:
            xs, ys = zip(*points, strict=True)
            mean, stderr, n_seeds = aggregate(ys)
            x = xs[0] if len(set(xs)) == 1 else float(np.mean(xs))
            rows.append(Row(figure, panel, series, "practice", x, float(mean), float(stderr), n_seeds))
    return rows


def shown(records: Sequence[Record]) -> dict[str, list[Record]]:
    """By world, the records that are shown: those of its first seed, in the order of their series."""
    first: dict[str, int] = {}
    for record in records:
        first[record.panel] = min(record.seed, first.get(record.panel, record.seed))
    found = {world: [r for r in records if (r.panel, r.seed) == (world, seed)] for world, seed in first.items()}
    return {world: found[world] for world in WORLDS if world in found}


def names(records: Iterable[Record]) -> dict[int, str]:
    """The classes, short, by label."""
    return {int(label): short(name) for record in records for label, name in record.examined["names"].items()}


def short(name: str) -> str:
    """A class in a few letters.

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
    """A table of pictures; white where there is none."""
    first = next(picture for line in table for picture in line if picture)
    blank = np.ones_like(pixels(first))
    images = np.stack([np.stack([pixels(picture) if picture else blank for picture in line]) for line in table])
    said = [[words(picture) if picture else Words("") for picture in line] for line in table]
    return Block(title, columns, images, said)


def pixels(picture: Picture) -> np.ndarray:
    """(C, H, W) in [-1, 1]."""
    levels = imread(io.BytesIO(base64.b64decode(picture["png"])), format="png")  # (H, W[, 3]) in [0, 1]
    whole = levels[..., None] if levels.ndim == 2 else levels
    return np.moveaxis(whole, -1, 0) * 2.0 - 1.0


def judged(called: Mapping[int, str]) -> Callable[[Picture], Words]:
    """Below an image: the learner's entropy, in another colour and with the class where that is not the label."""

    def words(picture: Picture) -> Words:
        wrong, name = picture["class"] != picture["label"], called[picture["class"]]
        apart = " " if len(name) == 1 else "\n"
        seen = f"{apart}as {name}" if wrong else ""
        return Words(number(picture["entropy"]) + seen, wrong)

    return words


def judged_twice(called: Mapping[int, str]) -> Callable[[Picture], Words]:
    """The same, of the finished learner, after the entropy that an image had before."""
    judge = judged(called)

    def words(picture: Picture) -> Words:
        now = judge(picture)
        return Words(f"{number(picture['before'])} \N{RIGHTWARDS ARROW} {now.text}", now.marked)

    return words


def number(value: float) -> str:
    """Two decimals, as the project writes them.

    >>> number(0.954), number(1.2)
    ('.95', '1.20')
    """
    return f"{value:.2f}".removeprefix("0")


def by_class(pictures: Iterable[Picture], labels: Iterable[int], columns: int) -> list[list[Picture | None]]:
    """A line of pictures a class, filled up to `columns`."""
    table: list[list[Picture | None]] = []
    given = list(pictures)
    for label in labels:
        line: list[Picture | None] = [picture for picture in given if picture["label"] == label]
        table.append(line[:columns] + [None] * (columns - len(line)))
    return table


def strength(omega: float) -> str:
    """A guidance strength in words.

    >>> strength(0.0), strength(0.05)
    ('plain', 'omega = 0.05')
    """
    return f"omega = {omega:g}" if omega else "plain"


# Rows of pools: an entropy before and one at the end of the run

THEN_AND_NOW = (
    "entropy [nats] {} \N{RIGHTWARDS ARROW} to the finished learner; red: it sees another class than the row's"
)


def then_and_now(
    record: Record, series: Callable[[Picture], str], then: Callable[[Picture], int] = lambda picture: picture["round"]
) -> Iterator[Cell]:
    """Entropies of rows before, to the learner of the addition `then`, and at the end; x is the learner's iteration."""
    iterations, end = record.examined["iterations"], record.result.config["training"]["iterations"]
    for picture in record.examined["images"]:
        yield Cell(series(picture), "then", float(iterations[then(picture)]), picture["before"])
        yield Cell(series(picture), "now", float(end), picture["entropy"])


def then_and_now_summary(rows: Sequence[Row]) -> str:
    """One line for the terminal: by world and series, the first entropy and the last."""
    parts = []
    for world in WORLDS:
        lines = {row.series: select(rows, panel=world, series=row.series) for row in rows if row.panel == world}
        said = [f"{name} {line[0].y:.2f}, then {line[-1].y:.2f}" for name, line in lines.items()]
        parts += [f"{world}, entropy of {'; '.join(said)}"] if said else []
    return ". ".join(parts) or "no world has pictures"


def sheet(world: str, parts: Sequence[tuple[str, Sequence[Picture]]], called: Mapping[int, str]) -> Sheet:
    """A block for each (title, pictures), a row a class."""
    every = [picture for _, pictures in parts for picture in pictures]
    labels = sorted({picture["label"] for picture in every})
    blocks = []
    for title, pictures in parts:
        columns = max(sum(picture["label"] == label for picture in pictures) for label in labels)
        table = by_class(pictures, labels, columns)
        blocks.append(block(title, [""] * columns, table, judged_twice(called)))
    return Sheet(blocks, [called[label] for label in labels], WORLDS[world])


def draw(contents: Contents, xlabel: str) -> Plot:
    """The sheets by world, below each its part of the table. Raises ValueError where there is nothing to draw."""
    sheets = contents.pictures
    if not sheets:
        allowed = ", ".join(WORLDS)
        raise ValueError(f"portraits.draw: got no pictures; allowed those of {allowed}; do take the default preset")
    below = {world: partial(_curves, select(contents.rows, panel=world), xlabel) for world in sheets}
    drawn = [replace(sheet, below=below[world]) for world, sheet in sheets.items()]
    return draw_sheets(drawn, contents.caption, contents.note)


def _curves(rows: Sequence[Row], xlabel: str, figure: SubFigure) -> None:
    ax = figure.subplots()
    looks = dict(zip(dict.fromkeys(row.series for row in rows), LOOKS, strict=False))
    drawn = panels.curves(ax, rows, style=looks.__getitem__)
    ax.set(xlabel=xlabel, ylabel="mean entropy [nats]", ylim=(0, None))
    title = f"{max((row.n_seeds or 0 for row in rows), default=0)} seeds; {panels.BARS}"
    figure.legend(list(drawn.values()), list(drawn), loc="outside right center", title=title)
