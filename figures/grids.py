"""Grids of sample images: a row a class, a column a round, side by side for several runs (the paper's Figs. 10-13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from figures import style


@dataclass(frozen=True)
class Block:
    """The part of one run: its title, those of its columns, images (classes, columns, C, H, W) in [-1, 1], C = 1 or 3.

    Columns with an empty title belong to the one before.
    """

    title: str
    columns: Sequence[str]
    images: np.ndarray


def draw(blocks: Sequence[Block], classes: Sequence[str], caption: str = "", note: str = "") -> Figure:
    """All blocks in a row, every class in the same line. Raises ValueError where their shapes do not fit together."""
    for block in blocks:
        fits = block.images.ndim == 5 and block.images.shape[:2] == (len(classes), len(block.columns))
        if not fits or block.images.shape[2] not in (1, 3):
            shape = f"({len(classes)} classes, {len(block.columns)} columns, 1 or 3 channels, height, width)"
            got = f"grids.draw {block.title!r}: got images of shape {block.images.shape}"
            raise ValueError(f"{got}; allowed {shape}; do reorder the axes")
    widths = [len(block.columns) for block in blocks]
    cell = 0.55  # inches of an image
    with style.context():
        figure = Figure(
            figsize=(cell * sum(widths) + 0.4 * len(blocks) + 0.5, cell * len(classes) + 1.1), layout="constrained"
        )
        axes = np.atleast_1d(figure.subplots(1, len(blocks), width_ratios=widths, squeeze=False)[0])
        for ax, block in zip(axes, blocks, strict=True):
            mosaic = tiled(block.images)
            height, width = (block.images.shape[axis] + 1 for axis in (3, 4))  # with the line between images
            ax.imshow(mosaic, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            starts = [i for i, name in enumerate(block.columns) if name]
            ends = [*starts[1:], len(block.columns)]
            middles = [(first + last) / 2 * width - 1 for first, last in zip(starts, ends, strict=True)]
            ax.set_xticks(middles, [block.columns[i] for i in starts], fontsize=7)
            ax.set_yticks([(i + 0.5) * height - 1 for i in range(len(classes))], classes, fontsize=7)
            for start in starts[1:]:
                ax.axvline(start * width - 1, color=style.VERMILLION, linewidth=0.8)
            ax.tick_params(length=0)
            ax.grid(visible=False)
            ax.xaxis.tick_top()
            ax.spines[:].set_visible(False)
            ax.set_title(block.title, fontsize=8)
        style.inscribe(figure, caption, note)
    return figure


def tiled(images: np.ndarray) -> np.ndarray:
    """Images (R, K, C, H, W) in [-1, 1] as one, (R (H + 1) - 1, K (W + 1) - 1[, 3]) in [0, 1], white lines between.

    >>> tiled(np.full((1, 2, 1, 1, 1), -1.0))
    array([[0., 1., 0.]])
    """
    framed = np.pad(np.clip((images + 1) / 2, 0, 1), ((0, 0),) * 3 + ((0, 1), (0, 1)), constant_values=1.0)
    rows, columns, channels, height, width = framed.shape
    whole = framed.transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)[:-1, :-1]
    return whole[..., 0] if channels == 1 else whole
