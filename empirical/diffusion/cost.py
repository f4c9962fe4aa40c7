"""DDIM sampling in batches of one fixed shape, every image from its own seed.

Image i of a run is a function of (run seed, class, index in the class) and of the guide, nothing else: not of its
neighbours, the batch it shares, or how the work is divided. Plain and guided image i start from the same noise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Cost:
    """What a run spent; everything but the seconds is the same on every machine.

    `denoiser_calls` counts evaluations per image (classifier-free guidance makes two a step), `skipped_steps` the
    guided steps that had no usable gradient, `sampling_gflop` forward and backward matrix work in 10^9 operations.
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
        """Count what `other` counted too."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
