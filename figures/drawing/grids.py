"""Grids of sample images: a row a class, a column a round, side by side for several runs (Figs. 8, 10-13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from figures.drawing import style

CELL = 0.62  # inches of an image
WIDTH, BELOW = 8.0, 1.9  # inches: of a figure with captions at least, of what stands below a sheet
WORDS = 0.2  # of an image's width, for a line of words below it


class Words(NamedTuple):
    """What stands below an image, in a line or two; `marked` in another colour."""

    text: str
    marked: bool = False


@dataclass(frozen=True)
class Block:
    """The part of one run: its title, those of its columns, images (rows, columns, C, H, W) in [-1, 1], C = 1 or 3.

    Columns with an empty title belong to the one before. words: what stands below the images, by row and column.
    """

    title: str
    columns: Sequence[str]
    images: np.ndarray
    words: Sequence[Sequence[Words]] = ()


@dataclass(frozen=True)
class Sheet:
    """Blocks side by side, the rows of all called the same; `parts` rows belong together, 0: all.

    below: draws what stands below them.
    """

    blocks: Sequence[Block]
    rows: Sequence[str]
    title: str = ""
    parts: int = 0
    below: Callable[[SubFigure], None] | None = None

    @property
    def lines(self) -> int:
        """Of words below an image, the longest."""
        said = [words.text for block in self.blocks for line in block.words for words in line]
        return max((text.count("\n") + 1 for text in said), default=0)

    @property
    def size(self) -> tuple[float, float]:
        """Inches."""
        columns = sum(len(block.columns) for block in self.blocks)
        pitch = CELL * (1 + WORDS * self.lines)
        return CELL * columns + 0.4 * len(self.blocks) + 0.5, pitch * len(self.rows) + 0.8


def draw(blocks: Sequence[Block], rows: Sequence[str], caption: str = "", note: str = "") -> Figure:
    """One sheet: all blocks in a row, every class in the same line. Raises ValueError as `draw_sheets` does."""
    return draw_sheets([Sheet(blocks, rows)], caption, note)


def draw_sheets(sheets: Sequence[Sheet], caption: str = "", note: str = "") -> Figure:
    """Sheets from top to bottom. Raises ValueError where the shapes of blocks do not fit together."""
    work: list[tuple[float, Callable[[SubFigure], None]]] = []  # each part's height, and what draws it
    for sheet in sheets:
        for block in sheet.blocks:
            _check(block, len(sheet.rows))
        work.append((sheet.size[1], partial(_draw_sheet, sheet)))
        work += [(BELOW, sheet.below)] if sheet.below else []
    heights = [height for height, _ in work]
    width = max(sheet.size[0] for sheet in sheets)
    with style.context():
        size = (max(width, WIDTH if caption else 0), sum(heights) + 0.5)
        figure = Figure(figsize=size, layout="constrained")
        parts = figure.subfigures(len(work), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, (_, drawing) in zip(parts, work, strict=True):
            drawing(part)
        style.inscribe(figure, caption, note)
    return figure


def _check(block: Block, rows: int) -> None:
    shape = (rows, len(block.columns))
    said = [len(line) for line in block.words] in ([], [shape[1]] * shape[0])
    if block.images.ndim != 5 or block.images.shape[:2] != shape or block.images.shape[2] not in (1, 3) or not said:
        allowed = f"({shape[0]} rows, {shape[1]} columns, 1 or 3 channels, height, width), and words for all or none"
        got = f"grids.draw {block.title!r}: got images of shape {block.images.shape}"
        raise ValueError(f"{got}; allowed {allowed}; do reorder the axes")


def _draw_sheet(sheet: Sheet, figure: SubFigure) -> None:
    widths = [len(block.columns) for block in sheet.blocks]
    axes = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    if sheet.title:
        figure.suptitle(sheet.title, fontsize=9)
    for ax, block in zip(axes, sheet.blocks, strict=True):
        _draw_block(ax, block, sheet)


def _draw_block(ax: Axes, block: Block, sheet: Sheet) -> None:
    """One strip of images a row, in units of a pixel."""
    _, columns, _, height, width = block.images.shape
    across = columns * (width + 1) - 1  # with a line between images
    pitch = height + 1 + WORDS * width * sheet.lines
    for i, line in enumerate(block.images):
        extent = (0.0, across, i * pitch + height, i * pitch)
        ax.imshow(tiled(line[None]), cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent)
    for i, line_of_words in enumerate(block.words):
        for j, words in enumerate(line_of_words):
            colour = style.VERMILLION if words.marked else style.BLACK
            x, y = j * (width + 1) + width / 2, i * pitch + height + 0.02 * width
            ax.text(x, y, words.text, color=colour, fontsize=5, ha="center", va="top", linespacing=1.0)
    ax.set(xlim=(0, across), ylim=(len(sheet.rows) * pitch, 0), aspect="equal")
    starts = [i for i, name in enumerate(block.columns) if name]
    ends = [*starts[1:], columns][: len(starts)]
    middles = [((first + last) * (width + 1) - 1) / 2 for first, last in zip(starts, ends, strict=True)]
    ax.set_xticks(middles, [block.columns[i] for i in starts], fontsize=7)
    ax.set_yticks([i * pitch + height / 2 for i in range(len(sheet.rows))], sheet.rows, fontsize=7)
    for start in starts[1:] if len(starts) < columns else []:
        ax.axvline(start * (width + 1) - 0.5, color=style.VERMILLION, linewidth=0.8)
    for start in range(sheet.parts, len(sheet.rows), sheet.parts) if sheet.parts else []:
        ax.axhline(start * pitch - 0.5, color=style.VERMILLION, linewidth=0.8)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.xaxis.tick_top()
    ax.spines[:].set_visible(False)
    ax.set_title(block.title, fontsize=8)


def tiled(images: np.ndarray) -> np.ndarray:
    """Images (R, K, C, H, W) in [-1, 1] as one, (R (H + 1) - 1, K (W + 1) - 1[, 3]) in [0, 1], white lines between.

    >>> tiled(np.full((1, 2, 1, 1, 1), -1.0))
    array([[0., 1., 0.]])
    """
    framed = np.pad(np.clip((images + 1) / 2, 0, 1), ((0, 0),) * 3 + ((0, 1), (0, 1)), constant_values=1.0)
    rows, columns, channels, height, width = framed.shape
    whole = framed.transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)[:-1, :-1]
    return whole[..., 0] if channels == 1 else whole
