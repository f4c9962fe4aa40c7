"""Labelled images in memory or elsewhere, and the mini-batches that are drawn from them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from empirical.system.ranks import ALONE, Ranks


class Split(NamedTuple):
    """Hold images (n, ...) with labels (n,) in memory."""

    images: Tensor
    labels: Tensor

    @property
    def version(self) -> int:
        """0: a Split is immutable."""
        return 0

    @property
    def in_memory(self) -> bool:
        """True: no files are read."""
        return True

    def batch(self, seed: int, step: int, size: int, ranks: Ranks = ALONE) -> Split:
        """Draw this process's share of iteration `step`'s mini-batch: `size` rows in all, uniform, with replacement."""
        return self.take(draw(seed, step, size, len(self.labels))[ranks.index :: ranks.count])

    def everything(self) -> tuple[Split, Tensor]:
        """Return all rows and their relative probabilities (n,) of being drawn, here equal."""
        return self, torch.ones(len(self.labels))

    def take(self, rows: Tensor) -> Split:
        """Select some rows, without waiting for a GPU that holds them."""
        rows = rows.to(self.images.device, non_blocking=True)
        return Split(self.images[rows], self.labels[rows])


class Labelled(Protocol):
    """Labelled images that can be taken by row: a `Split` in memory, or a folder whose files are then read."""

    @property
    def labels(self) -> Tensor:
        """Labels (n,)."""
        ...

    def take(self, rows: Tensor) -> Split:
        """Return some rows in memory."""
        ...


class Part(NamedTuple):
    """Restrict labelled images to some `rows` without reading them."""

    whole: Labelled
    rows: Tensor

    @property
    def labels(self) -> Tensor:
        """Return the labels of the rows."""
        return self.whole.labels[self.rows]

    def take(self, rows: Tensor) -> Split:
        """Return some of the rows, by their position among them, in memory."""
        return self.whole.take(self.rows[rows])


class Data(Protocol):
    """Training data of a learner: a `Split`, or the growing pool."""

    @property
    def version(self) -> int:
        """Number that changes whenever the rows change."""
        ...

    @property
    def in_memory(self) -> bool:
        """Tell whether a batch is made without reading files."""
        ...

    def batch(self, seed: int, step: int, size: int, ranks: Ranks = ALONE) -> Split:
        """Draw this process's share of the mini-batch of iteration `step`; images are values, or levels (uint8)."""
        ...

    def everything(self) -> tuple[Split, Tensor]:
        """Return all rows and their relative probabilities of being drawn."""
        ...


def draw(seed: int, step: int, size: int, total: int) -> Tensor:
    """Draw `size` integers in [0, total), uniform with replacement, as a function of (seed, step, size, total)."""
    mixed = np.random.SeedSequence((seed, step)).generate_state(1)[0]  # torch uses the low 32 bits only
    generator = torch.Generator().manual_seed(int(mixed))
    return torch.randint(total, (size,), generator=generator)
