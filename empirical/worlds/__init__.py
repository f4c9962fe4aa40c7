"""The data worlds by name. A world is a frozen dataclass of options that supplies data, a generator and learners."""

from empirical.worlds.digits import DigitsWorld
from empirical.worlds.linear import LinearWorld

WORLDS = {"linear": LinearWorld, "digits": DigitsWorld}

__all__ = ["WORLDS", "DigitsWorld", "LinearWorld"]
