"""Decide when Algorithm 1 adds data: a plateau of the watched signal that outlasts its patience."""

from __future__ import annotations

import math
from dataclasses import dataclass

from empirical.learning.rates import cooldown_start
from empirical.settings.sections import Growth, Training


@dataclass(frozen=True)
class Plateau:
    """Count evaluations since the watched signal last improved: T of Algorithm 1."""

    best: float = -math.inf
    waited: int = 0

    def after(self, accuracy: float) -> Plateau:
        """Return the state after one more evaluation."""
        return Plateau(accuracy, 0) if accuracy > self.best else Plateau(self.best, self.waited + 1)

    def reset(self) -> Plateau:
        """Return the state after data were added: T = 0, and the best value stays."""
        return Plateau(self.best, 0)


def patience(growth: Growth, pool_size: int) -> int:
    """Return T_max in evaluations: fixed, or incremental, in proportion to the pool (growth.patience at N).

    A fixed patience fires too often once an epoch of a grown pool no longer fits between the evaluations it counts.
    """
    if not growth.incremental:
        return growth.patience
    return math.ceil(growth.patience * pool_size / growth.initial)


def due(growth: Growth, training: Training, step: int, plateau: Plateau, pool_size: int) -> bool:
    """Tell whether Algorithm 1 asks for new data after `step` iterations, however many additions are allowed."""
    if step >= cooldown_start(training):
        return False
    if growth.add_at is not None:
        return step == growth.add_at
    return plateau.waited >= patience(growth, pool_size)
