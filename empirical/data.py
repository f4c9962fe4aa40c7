"""Labelled images in memory, and how mini-batches are drawn from them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Split(NamedTuple):
    """Images (n, ...) with labels (n,)."""

    images: Tensor
    labels: Tensor

    def batch(self, seed: int, step: int, size: int) -> tuple[Tensor, Tensor]:
        """The mini-batch of iteration `step`: `size` rows, uniform, with replacement."""
        generator = torch.Generator().manual_seed((seed << 32) ^ step)
        rows = torch.randint(len(self.labels), (size,), generator=generator)
        return self.images[rows], self.labels[rows]
