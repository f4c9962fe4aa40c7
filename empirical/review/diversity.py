"""Fidelity and diversity of a generator: how often its labels hold, how dense its images lie among the real ones, and
how many of the real ones they cover.

Density and coverage (Naeem et al., ICML 2020) count balls around real features: the ball of a real image reaches to its
k-th nearest other real image.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from empirical.config import Run, new_learner, world_of
from empirical.learning.evaluate import accuracy
from empirical.learning.learner import Learner
from empirical.review.features import features
from empirical.review.remake import open_pool
from empirical.runs.folder import run_directory
from empirical.settings.sections import Growth, Sampling
from empirical.system.errors import require
from empirical.worlds import choice_of
from empirical.worlds.trained import UNTRAINED, PixelWorld

NEAREST = 5  # k: a ball reaches to the fifth nearest other real image, as in the source


def density_and_coverage(real: Tensor, generated: Tensor, k: int = NEAREST) -> tuple[float, float]:
    """Compute density = sum_ij 1[y_j in ball_i] / (k m) and coverage = sum_i 1[a y_j in ball_i] / n.

    real: features (n, d), n > k; generated: (m, d). Generated images with the distribution of the real ones have
    density 1 and, with m = n, coverage 1 - 2^-k, .969 at k = 5, for large n. Images where many balls overlap,
    in the middle of their class, raise the density above 1; a generator that leaves out real images covers fewer.

    >>> real = torch.tensor([[0.0], [1.0], [2.0]])
    >>> density_and_coverage(real, torch.tensor([[0.5]]), k=1)
    (2.0, 0.6666666865348816)
    """
    require(len(real) > k, "diversity", len(real), f"more than {k} real images", "use more of them")
    apart = torch.cdist(real, real).fill_diagonal_(torch.inf)
    radii = apart.kthvalue(k, dim=1).values  # (n,)
    inside = torch.cdist(real, generated) < radii[:, None]  # (n, m)
    return inside.double().sum().item() / (k * len(generated)), inside.any(1).float().mean().item()


def diversity(run: Run, root: Path, device: str) -> dict[str, Any]:
    """Measure a run's first round, plain images, against as many real ones of the corpus, in features of a classifier.

    The classifier is a learner of the run's kind, trained on the corpus from seed 0 whatever the run's seed: all
    generators are measured alike. Features are the inputs of its last layer. "agreement" is the share of the images to
    which it gives their labels; "density" and "coverage" see `density_and_coverage`.
    """
    world = world_of(run)
    pool = open_pool(run, run_directory(run, root))
    rows = torch.arange(len(pool.rounds[0]))
    generated, real, classifier = pool.take(rows), world.corpus_split().take(rows), _classifier(_question(run), device)
    density, coverage = density_and_coverage(
        features(classifier, real).features, features(classifier, generated).features
    )
    return {"agreement": accuracy(classifier, generated), "density": density, "coverage": coverage}


def _question(run: Run) -> Run:
    """Reduce a run to what decides its classifier of real images: equal for all generators, samplers and seeds."""
    world: Any = world_of(run)
    if isinstance(world, PixelWorld):
        world = dataclasses.replace(world, weights=UNTRAINED, trained=0)
    return Run(
        world=choice_of(world),
        learner=run.learner,
        training=run.training,
        sampling=Sampling(steps=1),
        growth=Growth(initial=1),
    )


@lru_cache(maxsize=1)
def _classifier(run: Run, device: str) -> Learner:
    """Train the classifier of real images of `_question`, once per process."""
    learner = new_learner(run, device)
    learner.fit(world_of(run).corpus_split(), 0, run.training.iterations)
    return learner
