"""A reference for the quality of generated images: a classifier of the real corpus, and distances to its images."""

from __future__ import annotations

from torch import Tensor

from empirical.config import Run, new_learner, world_of
from empirical.data.split import Labelled
from empirical.learning.evaluate import accuracy, nearest


class Reference:
    """Compare images with the real corpus of a run's world.

    The classifier is a learner of the run's kind, trained on the corpus. Distances are measured to the first `compared`
    corpus images; `spacing` is the median distance of the first `probed` of these to their nearest neighbour among
    them. Default: all images.
    """

    def __init__(self, run: Run, device: str, compared: int | None = None, probed: int | None = None) -> None:
        corpus = world_of(run).corpus_split()
        self.classifier = new_learner(run, device)
        self.classifier.fit(corpus, 0, run.training.iterations)
        self.real = corpus.images[:compared]
        self.spacing = nearest(self.real[:probed], self.real, among_themselves=True).median()

    def agreement(self, images: Labelled) -> float:
        """Return the fraction of the images to which the classifier gives their own labels."""
        return accuracy(self.classifier, images)

    def distances(self, images: Tensor) -> Tensor:
        """Return the Euclidean distance (n,) of each image to the nearest real one."""
        return nearest(images, self.real)

    def remoteness(self, distances: Tensor) -> float:
        """Return the median of `distances` in units of `spacing`: well below 1 where images copy the corpus."""
        return (distances.median() / self.spacing).item()
