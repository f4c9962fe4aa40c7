"""Labelled images in memory, and how mini-batches are drawn from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Split(NamedTuple):
    """Images (n, ...) with labels (n,)."""

    images: Tensor
    labels: Tensor

    def batch(self, seed: int, step: int, size: int) -> tuple[Tensor, Tensor]:
        """The mini-batch of iteration `step`: `size` rows, uniform, with replacement."""
        mixed = np.random.SeedSequence((seed, step)).generate_state(1)[0]  # torch looks at the low 32 bits only
        generator = torch.Generator().manual_seed(int(mixed))
        rows = torch.randint(len(self.labels), (size,), generator=generator)
        return self.images[rows], self.labels[rows]
