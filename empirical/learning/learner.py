"""The trained classifier: any network, with AdamW, WSD, label smoothing, crops, Mixup/CutMix, clipping, bf16 and EMA.

A learner is anything with `fit`, `logits`, `state` and `load_state`; the linear one lives with its world.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from empirical.data.split import Data
from empirical.system.ranks import Ranks


class Learner(Protocol):
    """What the practice loop needs of a model; image batches are (B, ...), logits (B, classes)."""

    device: torch.device

    def fit(self, data: Data, start: int, stop: int) -> float:
        """Take iterations `start` to `stop - 1` on the data; return the mean training loss."""
        ...

    def distribute(self, ranks: Ranks) -> None:
        """From now on, train as one of several processes."""
        ...

    def logits(self, images: Tensor) -> Tensor:
        """Logits of the evaluated model, differentiable in the images, each image on its own."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Everything `fit` depends on, as named tensors."""
        ...

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        ...

    def raw_logits(self, images: Tensor) -> Tensor:
        """Logits of the weights that are trained, where `logits` are those of an average of them."""
        ...

    def evaluated(self) -> dict[str, Tensor]:
        """What `logits` depends on, as named tensors."""
        ...

    def load_evaluated(self, state: dict[str, Tensor]) -> None:
        """Make `logits` those of what `evaluated` returned."""
        ...
