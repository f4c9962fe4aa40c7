"""A few equations in as many unknowns, solved without knowing their derivatives."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["newton", "step_of"]

Array = NDArray[np.float64]
Equations = Callable[[Array], Array]
STEPS = 60  # at most
_SHORTEST = 0.01  # share of a step


def _jacobian(x: Array, gap: Array, equations: Equations, scale: Equations) -> Array:
    steps = 1e-5 * scale(x)
    return np.stack([(equations(x + step) - gap) / step.sum() for step in np.diag(steps)], axis=1)


def newton(
    x: Array, equations: Equations, scale: Equations, aim: float, slopes: Array | None
) -> tuple[Array, float, int, Array]:
    """Newton's method with Broyden's updates: the solution, the last step's length, their number, the derivative.

    Lengths are relative to `scale`. A step is shortened until the next one, by the same derivative, is shorter
    (Deuflhard's natural test: it does not depend on how well the equations are scaled); where that does not help the
    derivative is taken anew, and where that does not help either the method gives up.
    """
    gap = equations(x)
    fresh = slopes is None
    slopes = _jacobian(x, gap, equations, scale) if slopes is None else slopes
    length = np.inf
    for taken in range(STEPS):
        step = step_of(slopes, gap)
        length = float(np.max(np.abs(step) / scale(x)))
        if length <= aim:
            return x + step, length, taken, slopes
        share = min(1.0, 1 / length)
        while share > _SHORTEST:
            new_gap = equations(x + share * step)
            new_length = float(np.max(np.abs(step_of(slopes, new_gap)) / scale(x)))
            if new_length < (1 - share / 4) * length:
                break
            share /= 3
        else:
            if fresh or not np.isfinite(length):
                break
            slopes, fresh = _jacobian(x, gap, equations, scale), True
            continue
        step = share * step
        slopes = slopes + np.outer(new_gap - gap - slopes @ step, step) / (step @ step)
        x, gap, fresh = x + step, new_gap, False
    return x, length, taken, slopes


def step_of(slopes: Array, gap: Array) -> Array:
    """Newton's step; infinite where the derivative is singular."""
    try:
        return np.asarray(-np.linalg.solve(slopes, gap))
    except np.linalg.LinAlgError:
        return np.full(len(gap), np.inf)
