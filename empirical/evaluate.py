"""Scoring a learner on real data."""

from __future__ import annotations

import torch
from torch import Tensor

from empirical.data import Split
from empirical.learner import Learner
from empirical.ranks import ALONE, Ranks

BATCH = 1024


@torch.no_grad()
def correct(learner: Learner, split: Split) -> Tensor:
    """Whether each image of the split is classified correctly, (n,) bool."""
    guesses = [learner.logits(images.to(learner.device)).argmax(-1).cpu() for images in split.images.split(BATCH)]
    return torch.cat(guesses) == split.labels


def accuracy(learner: Learner, split: Split, ranks: Ranks = ALONE) -> float:
    """Fraction of the split that is classified correctly; the processes share the work."""
    if ranks.count == 1:
        return correct(learner, split).sum().item() / len(split.labels)
    mine = split.take(torch.tensor(ranks.mine(len(split.labels)), dtype=torch.long))
    return ranks.total(correct(learner, mine).sum().item() if len(mine.labels) else 0.0) / len(split.labels)


@torch.no_grad()
def agreement(learner: Learner, split: Split, ranks: Ranks = ALONE) -> float:
    """Fraction of the split that the raw and the averaged weights give the same label."""
    same = 0
    for number in ranks.mine(-(-len(split.labels) // BATCH)):
        images = split.images[number * BATCH : (number + 1) * BATCH].to(learner.device)
        same += int((learner.logits(images).argmax(-1) == learner.raw_logits(images).argmax(-1)).sum())
    return ranks.total(same) / len(split.labels)
