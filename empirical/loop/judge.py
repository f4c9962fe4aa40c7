"""What is measured on the way: the signal whose plateau calls for data, and an independent judge of labels.

Both can do without real data: they draw plain synthetic images that no pool ever holds.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor

from empirical.config import Run
from empirical.data.split import Split
from empirical.diffusion.sampler import Samples, Source
from empirical.loop.signals import REFERENCE
from empirical.settings.sections import REFERENCE_IMAGES


class Judge:
    """The probability that an independent reference gives a sample's own label: low for harmful outliers.

    The reference is a learner of the run's kind, trained as the run's on other plain synthetic images, without
    additions. `cost` is what it took.
    """

    def __init__(self, run: Run, source: Source, device: str) -> None:
        samples, self.cost = source.draw(REFERENCE + run.seed, 0, REFERENCE_IMAGES)
        self.reference = run.world.learner(run, device)
        start = time.process_time()
        self.reference.fit(Split(samples.images, samples.labels), 0, run.training.iterations)
        self.cost.learner_cpu_s = time.process_time() - start
        self.cost.learner_steps = run.training.iterations

    @torch.no_grad()
    def __call__(self, samples: Samples) -> Tensor:
        """(n,) for n samples."""
        logits = self.reference.logits(samples.images.to(self.reference.device))
        return logits.softmax(-1).cpu().gather(1, samples.labels.unsqueeze(1)).squeeze(1)
