"""Scoring a learner on real data."""

from __future__ import annotations

import torch
from torch import Tensor

from empirical.data import Split
from empirical.learner import Learner


@torch.no_grad()
def correct(learner: Learner, split: Split, batch: int = 1024) -> Tensor:
    """Whether each image of the split is classified correctly, (n,) bool."""
    guesses = [learner.logits(images.to(learner.device)).argmax(-1).cpu() for images in split.images.split(batch)]
    return torch.cat(guesses) == split.labels


def accuracy(learner: Learner, split: Split) -> float:
    """Fraction of the split that is classified correctly."""
    return correct(learner, split).float().mean().item()
