"""Judge the labels of samples by an independent learner that has never seen real data or the pool."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from empirical.config import Run, new_learner
from empirical.data.split import Split
from empirical.diffusion.sampler import Samples, Source
from empirical.loop.budget import REFERENCE_IMAGES

REFERENCE = 2**32  # added to the run seed: a sequence of images that no run trains on


class Judge:
    """Estimate the probability that a sample has its own label; it is low for harmful outliers.

    The reference is a learner of the run's kind, trained like the run's learner on other plain synthetic images,
    without additions. `cost` is the cost of its images and its training.
    """

    def __init__(self, run: Run, source: Source, device: str) -> None:
        samples, self.cost = source.draw(REFERENCE + run.seed, 0, REFERENCE_IMAGES)
        self.reference = new_learner(run, device)
        start = time.process_time()
        self.reference.fit(Split(samples.images, samples.labels), 0, run.training.iterations)
        self.cost.learner_cpu_s = time.process_time() - start
        self.cost.learner_steps = run.training.iterations

    @torch.no_grad()
    def __call__(self, samples: Samples) -> Tensor:
        """Return the reference's probability of each sample's own label, (n,)."""
        logits = self.reference.logits(samples.images.to(self.reference.device))
        return logits.softmax(-1).cpu().gather(1, samples.labels.unsqueeze(1)).squeeze(1)
