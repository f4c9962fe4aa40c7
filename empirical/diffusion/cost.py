"""The cost of a run in counts and CPU seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Cost:
    """Count what a run spends; everything but the seconds is the same on every machine.

    `denoiser_calls` counts evaluations per image (classifier-free guidance makes two per step), `skipped_steps` the
    guided steps without a usable gradient, `sampling_gflop` forward and backward matrix work in 10^9 operations.
    """

    images: int = 0
    denoiser_calls: int = 0
    guided_steps: int = 0
    skipped_steps: int = 0
    sampling_gflop: float = 0.0
    learner_steps: int = 0
    sampling_cpu_s: float = 0.0
    learner_cpu_s: float = 0.0

    def add(self, other: Cost) -> None:
        """Add the counts of `other`."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
