"""When things happen: the Warmup-Stable-Decay learning rate and the patience of Algorithm 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

from empirical.learning.rates import cooldown_start
from empirical.settings.sections import Growth, Training


@dataclass(frozen=True)
class Plateau:
    """The counter T of Algorithm 1: evaluations since the validation accuracy last improved."""

    best: float = -math.inf
    waited: int = 0

    def after(self, accuracy: float) -> Plateau:
        """The state after one more evaluation."""
        return Plateau(accuracy, 0) if accuracy > self.best else Plateau(self.best, self.waited + 1)

    def reset(self) -> Plateau:
        """The state after data were added: T = 0, the best accuracy stays."""
        return Plateau(self.best, 0)


def patience(growth: Growth, pool_size: int) -> int:
    """T_max for a pool of `pool_size`: fixed, or incremental, in proportion to the pool (T_max at N is the base).

    A fixed patience fires too often once an epoch of a grown pool no longer fits between the evaluations it counts.
    """
    if not growth.incremental:
        return growth.patience
    return math.ceil(growth.patience * pool_size / growth.initial)


def due(growth: Growth, training: Training, step: int, plateau: Plateau, pool_size: int) -> bool:
    """Whether Algorithm 1 calls for new data after `step` iterations, whatever the allowed number of additions."""
    if step >= cooldown_start(training):
        return False
    if growth.add_at is not None:
        return step == growth.add_at
    return plateau.waited >= patience(growth, pool_size)
