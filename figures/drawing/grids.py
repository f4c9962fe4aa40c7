"""Grids of sample images, a row for each class, with blocks of several runs or rounds side by side (Figs. 8, 10-13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from figures.drawing import style

CELL = 0.62  # width of an image, inches
WIDTH, BELOW = 8.0, 1.9  # inches: least width of a figure with a caption, height of the panel below a sheet
WORDS = 0.2  # height of a line of words below an image, in widths of an image


class Words(NamedTuple):
    """The one or two lines of words below an image, in another colour if `marked`."""

    text: str
    marked: bool = False


@dataclass(frozen=True)
class Block:
    """A grid of images with a title, titles of its columns and words below the images, by row and column.

    images: (rows, columns, C, H, W) in [-1, 1], C = 1 or 3. A column with an empty title continues the one before.
    """

    title: str
    columns: Sequence[str]
    images: np.ndarray
    words: Sequence[Sequence[Words]] = ()


@dataclass(frozen=True)
class Sheet:
    """Blocks side by side with common labels of their rows, and the function that draws the panel `below` them.

    A line is drawn after every `group` rows; 0: no lines.
    """

    blocks: Sequence[Block]
    rows: Sequence[str]
    title: str = ""
    group: int = 0
    below: Callable[[SubFigure], None] | None = None

    @property
    def lines(self) -> int:
        """The largest number of lines of words below an image."""
        texts = [words.text for block in self.blocks for line in block.words for words in line]
        return max((text.count("\n") + 1 for text in texts), default=0)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        columns = sum(len(block.columns) for block in self.blocks)
        pitch = CELL * (1 + WORDS * self.lines)
        return CELL * columns + 0.4 * len(self.blocks) + 0.5, pitch * len(self.rows) + 0.8


def draw(blocks: Sequence[Block], rows: Sequence[str], caption: str = "", note: str = "") -> Figure:
    """Draw one sheet: blocks side by side with common labels of their rows. Raises ValueError as `draw_sheets` does."""
    return draw_sheets([Sheet(blocks, rows)], caption, note)


def draw_sheets(sheets: Sequence[Sheet], caption: str = "", note: str = "") -> Figure:
    """Draw sheets from top to bottom. Raises ValueError where a block's shape does not fit its sheet."""
    strips: list[tuple[float, Callable[[SubFigure], None]]] = []  # height in inches, and the function that draws it
    for sheet in sheets:
        for block in sheet.blocks:
            _check(block, len(sheet.rows))
        strips.append((sheet.size[1], partial(_draw_sheet, sheet)))
        strips += [(BELOW, sheet.below)] if sheet.below else []
    heights = [height for height, _ in strips]
    width = max(sheet.size[0] for sheet in sheets)
    with style.context():
        size = (max(width, WIDTH if caption else 0), sum(heights) + 0.5)
        figure = Figure(figsize=size, layout="constrained")
        subfigures = figure.subfigures(len(strips), 1, height_ratios=heights, squeeze=False)[:, 0]
        for subfigure, (_, draw_strip) in zip(subfigures, strips, strict=True):
            draw_strip(subfigure)
        style.inscribe(figure, caption, note)
    return figure


def _check(block: Block, rows: int) -> None:
    shape = (rows, len(block.columns))
    worded = [len(line) for line in block.words] in ([], [shape[1]] * shape[0])
    if block.images.ndim != 5 or block.images.shape[:2] != shape or block.images.shape[2] not in (1, 3) or not worded:
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
    """Draw each row of a block as one strip of images; coordinates are pixels of the images."""
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
    for start in range(sheet.group, len(sheet.rows), sheet.group) if sheet.group else []:
        ax.axhline(start * pitch - 0.5, color=style.VERMILLION, linewidth=0.8)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.xaxis.tick_top()
    ax.spines[:].set_visible(False)
    ax.set_title(block.title, fontsize=8)


def tiled(images: np.ndarray) -> np.ndarray:
    """Tile images (R, K, C, H, W) in [-1, 1] into one (R (H + 1) - 1, K (W + 1) - 1[, 3]) in [0, 1], with white lines.

    >>> tiled(np.full((1, 2, 1, 1, 1), -1.0))
    array([[0., 1., 0.]])
    """
    framed = np.pad(np.clip((images + 1) / 2, 0, 1), ((0, 0),) * 3 + ((0, 1), (0, 1)), constant_values=1.0)
    rows, columns, channels, height, width = framed.shape
    whole = framed.transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)[:-1, :-1]
    return whole[..., 0] if channels == 1 else whole
