"""The data worlds by name. A world is a frozen dataclass of options that supplies data, a generator and learners."""

from empirical.worlds.cifar10 import Cifar10World
from empirical.worlds.digits import DigitsWorld
from empirical.worlds.glyphs import GlyphsWorld
from empirical.worlds.linear import LinearWorld

WORLDS = {"linear": LinearWorld, "digits": DigitsWorld, "glyphs": GlyphsWorld, "cifar10": Cifar10World}

__all__ = ["WORLDS", "Cifar10World", "DigitsWorld", "GlyphsWorld", "LinearWorld"]
