"""The learning rate over the course of training, and when it starts to cool down."""

from __future__ import annotations

import math

from empirical.settings.sections import Training


def cooldown_start(training: Training) -> int:
    """Return the first iteration of the cool-down; from then on no data are added."""
    return training.iterations - round(training.cooldown * training.iterations)


def rate(step: int, training: Training) -> float:
    """Return the learning rate of iteration `step` in [0, iterations), in units of `training.lr`.

    Linear warm-up, then constant with a cosine cool-down (Warmup-Stable-Decay; paper, App. C.5), or a cosine from the
    warm-up to the end. The last step has a small rate, never zero.
    """
    warmup = round(training.warmup * training.iterations)
    start = cooldown_start(training) if training.schedule == "wsd" else warmup
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if step < start:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - start + 1) / (training.iterations - start + 1)))
