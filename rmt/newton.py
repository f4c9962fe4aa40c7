"""Newton's method for a few equations in as many unknowns, without their derivatives."""

from collections.abc import Callable

import numpy as np

from rmt._check import Array

__all__ = ["newton", "step_of"]

Equations = Callable[[Array], Array]
STEPS = 60  # most steps
_SHORTEST = 0.01  # least share of a step


def _jacobian(x: Array, gap: Array, equations: Equations, scale: Equations) -> Array:
    """Return the derivative of the equations at x by forward differences, `gap` being their value there."""
    steps = 1e-5 * scale(x)
    return np.stack([(equations(x + step) - gap) / step.sum() for step in np.diag(steps)], axis=1)


def newton(
    x: Array, equations: Equations, scale: Equations, aim: float, slopes: Array | None
) -> tuple[Array, float, int, Array]:
    """Solve equations(x) = 0 by Newton's method with Broyden's updates of the derivative.

    A step is shortened until the next step, by the same derivative, is shorter than it (Deuflhard's natural test, which
    does not depend on the scale of the equations). Where that does not help the derivative is computed anew, and where
    that does not help either the method gives up.

    Args:
        x: start, shape (k,).
        equations: maps (k,) to (k,).
        scale: the unit of each unknown at a given x; step lengths are relative to it.
        aim: length of a step at which the method ends.
        slopes: derivative to begin with, shape (k, k), or None.

    Returns:
        The solution, the length of the last step, the number of steps before it, and the derivative.

    >>> x, length, steps, _ = newton(np.array([1.0]), lambda x: x**2 - 2, np.abs, 1e-9, None)
    >>> float(x[0].round(9)), length < 1e-9
    (1.414213562, True)
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
    """Return Newton's step -slopes^{-1} gap; infinite where the derivative is singular."""
    try:
        return np.asarray(-np.linalg.solve(slopes, gap))
    except np.linalg.LinAlgError:
        return np.full(len(gap), np.inf)
