"""The protocol of a learner: the classifier that the practice loop trains, asks and saves."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from empirical.data.split import Data
from empirical.system.ranks import Ranks


class Learner(Protocol):
    """Classifier of images (B, ...) by logits (B, classes), as the practice loop uses it."""

    device: torch.device

    def fit(self, data: Data, start: int, stop: int) -> float:
        """Train for iterations `start` to `stop - 1` on the data; return the mean training loss."""
        ...

    def distribute(self, ranks: Ranks) -> None:
        """Train as one of several processes from now on."""
        ...

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits of the evaluated model, differentiable in the images, each image on its own."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return everything that `fit` depends on, as named tensors."""
        ...

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue from the tensors that `state` returned."""
        ...

    def raw_logits(self, images: Tensor) -> Tensor:
        """Return the logits of the weights in training; `logits` may use an average of these weights."""
        ...

    def evaluated(self) -> dict[str, Tensor]:
        """Return everything that `logits` depends on, as named tensors."""
        ...

    def load_evaluated(self, state: dict[str, Tensor]) -> None:
        """Let `logits` use the tensors that `evaluated` returned."""
        ...
