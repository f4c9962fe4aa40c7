"""Score a learner at each evaluation: on real validation images, and by the signal whose plateau calls for data."""

from __future__ import annotations

import math

import torch

from empirical.config import Run, world_of
from empirical.data.split import Labelled, Part, Split
from empirical.diffusion.cost import Cost
from empirical.diffusion.sampler import Source
from empirical.learning.evaluate import accuracy, agreement
from empirical.learning.learner import Learner
from empirical.loop.budget import HELD_OUT_IMAGES
from empirical.system.errors import require
from empirical.system.ranks import ALONE, Ranks

HELD_OUT = 2**31  # added to the run seed: a sequence of images that no run trains on


class Watch:
    """Measure a learner's accuracy on real validation images, and the signal of the patience rule.

    growth.signal = "validation": accuracy on a share of the real validation images, the same at each evaluation;
    "synthetic": accuracy on held-out plain synthetic images; "agreement": share of those to which the raw and the
    averaged weights give the same label. `cost` is the cost of the held-out images.
    """

    def __init__(self, run: Run, source: Source, ranks: Ranks = ALONE) -> None:
        self.growth, self.ranks, self.cost = run.growth, ranks, Cost()
        self.validation = world_of(run).validation_split(run.seed)
        total = len(self.validation.labels)
        require(total > 0, f"world ({run.world.name}): validation split", total, "at least one image")
        order = torch.randperm(total, generator=torch.Generator().manual_seed(run.seed))
        watched = math.ceil(round(run.growth.validation_share * total, 6))
        share = run.growth.validation_share
        require(watched >= 1, "growth.validation_share", share, f"at least one of the {total} validation images")
        self.watched: Labelled = Part(self.validation, order[:watched])
        if run.growth.signal != "validation":
            samples, self.cost = source.draw(HELD_OUT + run.seed, 0, HELD_OUT_IMAGES)
            self.watched = Split(samples.images, samples.labels)

    def __call__(self, learner: Learner) -> dict[str, float]:
        """Return {"accuracy_validation": ..., "signal": ...}, both fractions."""
        real = accuracy(learner, self.validation, self.ranks)
        if self.growth.signal == "agreement":
            signal = agreement(learner, self.watched, self.ranks)
        elif len(self.watched.labels) == len(self.validation.labels) and self.growth.signal == "validation":
            signal = real
        else:
            signal = accuracy(learner, self.watched, self.ranks)
        return {"accuracy_validation": real, "signal": signal}
