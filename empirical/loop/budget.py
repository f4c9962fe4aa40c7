"""The expected cost of a run, from its configuration alone: images, denoiser calls and learner steps.

Planning (`--dry-run`, `list`) takes the upper bound, in which every allowed addition happens; `verify` takes the
additions that a run has made, for which the counts are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from empirical.config import Run

HELD_OUT_IMAGES = 1024  # plain synthetic images that the signals without real images are measured on
REFERENCE_IMAGES = 2048  # plain synthetic images that the judge of acquire.reject is trained on


@dataclass(frozen=True)
class Expected:
    """Counts of one run.

    plain: unguided images by the sequence they are drawn from ("pool", "held out", "reference").
    guided: images made under guidance or in random directions. rows: images ever stored in the pool.
    calls_per_image: denoiser evaluations for one image. learner_steps: iterations, those of the judge included.
    """

    plain: Mapping[str, int]
    guided: int
    rows: int
    calls_per_image: int
    learner_steps: int

    @property
    def images(self) -> int:
        """All images that are generated."""
        return sum(self.plain.values()) + self.guided

    @property
    def denoiser_calls(self) -> int:
        """Denoiser evaluations for all images; classifier-free guidance takes two a step."""
        return self.images * self.calls_per_image


def expected(run: Run, additions: int | None = None) -> Expected:
    """Count what a run generates and trains, with so many additions (default: all that it allows).

    >>> from empirical.config import from_dict
    >>> sections = {"training": {"iterations": 100}, "sampling": {"steps": 50}, "acquire": {"omega": 0.05}}
    >>> growth = {"initial": 256, "addition": 128, "additions": 2}
    >>> run = from_dict({"world": {"name": "digits"}, "learner": {"kind": "cnn"}, "growth": growth, **sections})
    >>> expected(run).images, expected(run).guided, expected(run, additions=1).denoiser_calls
    (512, 256, 19200)
    """
    growth, acquire = run.growth, run.acquire
    additions = growth.additions if additions is None else additions
    added = additions * acquire.candidates(growth.addition)
    guided = added if acquire.omega else 0
    plain = {"pool": growth.initial + added - guided}
    if growth.signal != "validation":
        plain["held out"] = HELD_OUT_IMAGES
    if acquire.reject:
        plain["reference"] = REFERENCE_IMAGES
    return Expected(
        plain,
        guided,
        growth.initial + additions * growth.addition,
        run.sampling.steps * (2 if run.sampling.guidance_scale else 1),
        run.training.iterations * (2 if acquire.reject else 1),
    )


def guided_share(steps: int, every: int, interval: Sequence[float]) -> float:
    """Return the share of DDIM's steps that are guided, as `diffusion.guidance.When` chooses them.

    The noise level t / T of step i is taken as i / steps, without the scheduler's offset: one step more or less.

    >>> guided_share(50, 5, (0.0, 1.0)), guided_share(10, 1, (0.25, 0.75))
    (0.2, 0.5)
    """
    low, high = interval
    levels = [i / steps for i in range(steps) if low <= i / steps <= high]
    return len(levels[::every]) / steps
