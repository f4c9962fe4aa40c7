"""Iterate a map of positive numbers to its fixed point, on their logarithms, by Anderson mixing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgWarning
from scipy.optimize import NoConvergence, anderson

from rmt._check import Array

TOLERANCE = 1e-6  # largest change of a logarithm in one more step
STEPS = 300


class FixedPoint(NamedTuple):
    """The logarithms at the end, the largest change that one more step makes, and the number of steps."""

    value: Array
    residual: float
    steps: int


def fixed_point(step: Callable[[Array], Array], start: Array) -> FixedPoint:
    """Find x = step(x) from `start`; where STEPS steps do not suffice, the residual exceeds TOLERANCE.

    >>> fixed_point(lambda x: 0.5 * x + 1, np.zeros(3)).value.round(6).tolist()
    [2.0, 2.0, 2.0]
    """
    residual, steps = np.inf, 0

    def change(x: Array) -> Array:
        nonlocal residual, steps
        difference = step(x) - x
        residual, steps = float(np.abs(difference).max()), steps + 1
        return difference

    change(start)
    if residual <= TOLERANCE:
        return FixedPoint(start, residual, steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)  # of the mixing's 5 x 5 system: the residual decides
        try:
            x = anderson(change, start, alpha=1, M=5, w0=0, line_search=None, f_tol=TOLERANCE, maxiter=STEPS)
        except NoConvergence as stopped:
            (x,) = stopped.args
    return FixedPoint(x, residual, steps)
