"""Scaling-law analysis: averages over seeds, sample multipliers, power-law fits and their bootstrap intervals.

All functions are pure functions of arrays and know neither experiments nor figures.
"""

from scaling.averages import Aggregate, aggregate
from scaling.bootstrap import Interval, levels, paired_gain
from scaling.laws import PowerLaw, fit_power_law
from scaling.multipliers import Curve, Multiplier, Reach, multiplier, reach

__all__ = [
    "Aggregate",
    "Curve",
    "Interval",
    "Multiplier",
    "PowerLaw",
    "Reach",
    "aggregate",
    "fit_power_law",
    "levels",
    "multiplier",
    "paired_gain",
    "reach",
]
