"""Scaling-law analysis of any loss or accuracy: fits with intervals that hold, back-tests, multipliers, L(N, D).

All functions are pure functions of arrays and know neither experiments nor figures. `fit` fits a form of `FORMS`;
`backtest` and `choose` judge forms by what they foresee; `multiplier` says how many times more a baseline needs, over
levels; `chinchilla` fits losses of models of N parameters on D tokens.
"""

from scaling.averages import Aggregate, aggregate
from scaling.backtests import BackTest, Choice, backtest, choose
from scaling.bootstrap import Interval, levels, paired_gain, pooled_gain
from scaling.fits import Fit, Prediction, fit
from scaling.forms import FORMS, Form
from scaling.ratios import Multiplier, Reading, multiplier
from scaling.surfaces import Surface, chinchilla

__all__ = [
    "FORMS",
    "Aggregate",
    "BackTest",
    "Choice",
    "Fit",
    "Form",
    "Interval",
    "Multiplier",
    "Prediction",
    "Reading",
    "Surface",
    "aggregate",
    "backtest",
    "chinchilla",
    "choose",
    "fit",
    "levels",
    "multiplier",
    "paired_gain",
    "pooled_gain",
]
