"""The title of each world in a figure, and the label of an axis with accuracies measured in it."""

from __future__ import annotations

from typing import NamedTuple


class World(NamedTuple):
    """The names of a world in figures: `title` of its panels, `accuracy` label of the axis."""

    title: str
    accuracy: str


WORLDS = {  # by the name of the world in `empirical.worlds`
    "linear": World("linear world", "test accuracy"),
    "digits": World("digits", "accuracy on real test digits"),
    "latent_digits": World("digits, latent diffusion", "accuracy on real test digits"),
    "glyphs": World("glyphs", "accuracy on real glyphs of other fonts"),
    "cifar10": World("CIFAR-10", "accuracy on real test images"),
    "imagenet100": World("ImageNet-100", "accuracy on real validation set"),
    "imagenet1k": World("ImageNet-1k", "accuracy on real validation set"),
}
