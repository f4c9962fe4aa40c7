"""The data worlds by name. A world is a frozen dataclass of options that supplies data, a generator and learners."""

from empirical.worlds.cifar10 import Cifar10World
from empirical.worlds.digits import DigitsWorld
from empirical.worlds.glyphs import GlyphsWorld
from empirical.worlds.imagenet import ImageNet1kWorld, ImageNet100World
from empirical.worlds.latent_digits import LatentDigitsWorld
from empirical.worlds.linear import LinearWorld

WORLDS = {
    "linear": LinearWorld,
    "digits": DigitsWorld,
    "latent_digits": LatentDigitsWorld,
    "glyphs": GlyphsWorld,
    "cifar10": Cifar10World,
    "imagenet100": ImageNet100World,
    "imagenet1k": ImageNet1kWorld,
}

__all__ = [
    "WORLDS",
    "Cifar10World",
    "DigitsWorld",
    "GlyphsWorld",
    "ImageNet1kWorld",
    "ImageNet100World",
    "LatentDigitsWorld",
    "LinearWorld",
]
