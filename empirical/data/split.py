"""Labelled images, and how mini-batches are drawn from them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from empirical.system.ranks import ALONE, Ranks


class Split(NamedTuple):
    """Images (n, ...) with labels (n,), in memory."""

    images: Tensor
    labels: Tensor

    @property
    def version(self) -> int:
        """It never changes."""
        return 0

    @property
    def in_memory(self) -> bool:
        """It is."""
        return True

    def batch(self, seed: int, step: int, size: int, ranks: Ranks = ALONE) -> Split:
        """This process's share of the mini-batch of iteration `step`: `size` rows in all, uniform, with replacement."""
        return self.take(draw(seed, step, size, len(self.labels))[ranks.index :: ranks.count])

    def everything(self) -> tuple[Split, Tensor]:
        """All rows, and how likely each is to be drawn, relative to the others."""
        return self, torch.ones(len(self.labels))

    def take(self, rows: Tensor) -> Split:
        """Some rows; a GPU that holds them need not be waited for."""
        rows = rows.to(self.images.device, non_blocking=True)
        return Split(self.images[rows], self.labels[rows])


class Labelled(Protocol):
    """Labelled images, wherever they are: a `Split` in memory, a folder that is read as it is needed."""

    @property
    def labels(self) -> Tensor:
        """(n,)."""
        ...

    def take(self, rows: Tensor) -> Split:
        """Some rows, in memory."""
        ...


class Part(NamedTuple):
    """Some `rows` of labelled images, taken when they are asked for."""

    whole: Labelled
    rows: Tensor

    @property
    def labels(self) -> Tensor:
        """Of the rows."""
        return self.whole.labels[self.rows]

    def take(self, rows: Tensor) -> Split:
        """Some of the rows."""
        return self.whole.take(self.rows[rows])


class Data(Protocol):
    """What learners train on: a `Split`, or the growing pool."""

    @property
    def version(self) -> int:
        """Changes whenever the rows change."""
        ...

    @property
    def in_memory(self) -> bool:
        """Whether a batch is had without reading files."""
        ...

    def batch(self, seed: int, step: int, size: int, ranks: Ranks = ALONE) -> Split: ...
    def everything(self) -> tuple[Split, Tensor]: ...


def draw(seed: int, step: int, size: int, total: int) -> Tensor:
    """`size` integers in [0, total), uniform with replacement: a function of (seed, step, size, total)."""
    mixed = np.random.SeedSequence((seed, step)).generate_state(1)[0]  # torch looks at the low 32 bits only
    generator = torch.Generator().manual_seed(int(mixed))
    return torch.randint(total, (size,), generator=generator)
