"""Adaptive practice in theory: prune fresh samples along the latest classifier, retrain on them alone, and repeat.

Full replacement (Sec. 4.2.2 of arXiv 2502.15588, round by round): round k draws n fresh samples, keeps those that the
rule selects along w_k, and fits w_{k+1} to the kept samples. The samples are independent of w_k, so Theorem 1 holds
given w_k, with rho_k = cos(w_k, w_0) as its pruning alignment, and a round depends on the earlier ones through that one
number only:

    rho_{k+1} = m0(rho_k)/sqrt(nu0(rho_k))    theta_{k+1} = pi error(cos theta_k) = Theta(theta_k),  theta = arccos rho

As n, d -> infinity the alignment is deterministic and so is the recursion. Rules are even: -w prunes as w does, the map
is even in rho, and Theta maps [0, pi] into [0, pi/2]. Theta(0) > 0 and Theta(pi/2) <= pi/2: there is a fixed point in
(0, pi/2], and an odd number of them if none is a tangency. The slope at a fixed point is the same in both coordinates,
d rho_{k+1}/d rho_k = Theta'(theta); below 1 in absolute value the point attracts.

A stale direction under full replacement: all rounds that prune along the same w_j have the same law, Theta(theta_j),
whatever their number. Renewing the direction every s rounds costs s times the samples.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from rmt._check import Array, Values, plain, whole
from rmt.generalization import error_rate
from rmt.problem import Problem
from rmt.resources import require_memory

__all__ = ["FixedPoint", "advance", "fixed_points", "recursion"]

_FLAT, _NEAR = np.linspace(0, np.pi / 2, 1025), np.geomspace(1e-6, np.pi / 2, 1025)  # angles of the first search
_ROUND = 200  # bytes that a round takes, besides its numbers
_STEP = 1e-4  # step of the slope's central difference, relative to the angle


@dataclass(frozen=True)
class FixedPoint:
    """An alignment that a round of practice reproduces.

    Args:
        rho: the alignment cos(w, w_0).
        error_rate: arccos(rho) / pi.
        slope: d rho_{k+1} / d rho_k at the point; where it is negative, rounds alternate around the point.
        stable: |slope| < 1: rounds that start near the point tend to it.
    """

    rho: float
    error_rate: float
    slope: float
    stable: bool


def advance(problem: Problem) -> Values:
    """rho_{k+1} = cos(pi error_rate) for rho_k = problem.rho: the alignment after one round with full replacement.

    Args:
        problem: one round: n generated samples, of which `rule` keeps a part, rho, and a ridge relative to n (p times
            the penalty of a learner that divides by the kept rows); perfect generator; arrays broadcast.

    Returns:
        A float, or an array of `problem.shape`.

    Accuracy: as for `rmt.error_rate` at n, d -> infinity; a finite round differs by O(1/d) and fluctuates.

    Raises:
        ValueError: no rho; an imperfect generator or label-aware curation, whose second cosine would change from round
            to round.

    >>> import rmt
    >>> round(advance(rmt.Problem(n=512, d=128, ridge=5e-3, rule=rmt.KeepHard(0.5), rho=0.8)), 6)
    0.886131
    """
    _checked(problem, "rmt.adaptive.advance")
    return plain(np.cos(np.pi * np.asarray(error_rate(problem))))


def recursion(problem: Problem, rounds: int, *, renew: int = 1) -> Array:
    """rho_{k+1} = m0(rho_k)/sqrt(nu0(rho_k)) for k = 0 ... rounds - 1, from rho_0 = problem.rho: full replacement.

    Args:
        problem: one round, as in `advance`; its rho is the alignment of the classifier that the first round prunes
            along.
        rounds: number of rounds, >= 0.
        renew: number of rounds after which the latest classifier becomes the pruning direction, >= 1: with 4, rounds 1
            to 4 prune along w_0, rounds 5 to 8 along w_4. Large values never renew it.

    Returns:
        rho_0, rho_1, ..., rho_rounds, shape (rounds + 1, *problem.shape).

    Limits: with renew = s, rho_k is `recursion(problem, ceil(k / s))[-1]`.

    Raises:
        ValueError: as for `advance`; rounds or renew not whole or too small; more rounds than fit in the memory.

    >>> import rmt
    >>> problem = rmt.Problem(n=512, d=128, ridge=5e-3, rule=rmt.KeepHard(0.5), rho=0.8)
    >>> recursion(problem, 4).round(4).tolist()
    [0.8, 0.8861, 0.9158, 0.9283, 0.9339]
    >>> recursion(problem, 4, renew=2).round(4).tolist()
    [0.8, 0.8861, 0.8861, 0.9158, 0.9158]
    """
    where = "rmt.adaptive.recursion"
    _checked(problem, where)
    whole(where, "rounds", rounds, 0, "count rounds")
    whole(where, "renew", renew, 1, "count rounds")
    require_memory(rounds * (_ROUND + 16 * math.prod(problem.shape)), f"rounds={rounds}", where, "lower rounds")
    path = [np.broadcast_to(np.asarray(problem.rho, dtype=np.float64), problem.shape)]
    for done in range(rounds):
        stale = done % renew != 0
        path.append(path[-1] if stale else np.asarray(advance(replace(problem, rho=path[-1], rho_agreement=None))))
    return np.stack(path)


def fixed_points(problem: Problem) -> list[FixedPoint]:
    """Solve rho = m0(rho)/sqrt(nu0(rho)): the plateaus of practice with replacement, in order of falling error.

    With one fixed point, practice ends there from any start. With three, the middle one repels: a learner that starts
    with a larger error ends at the poor fixed point, however many rounds it practises.

    Args:
        problem: one round, scalar, as in `advance`; its own rho is ignored.

    Accuracy: 1e-12 for the angle, 1e-6 for the slope. Roots are found by sign changes of Theta(theta) - theta over 2049
    angles, half of them equally spaced and half in the logarithm from 1e-6 on, and around every extremum between them
    that approaches zero. A pair of roots is missed only where Theta - theta turns twice within one step.

    Raises:
        ValueError: as for `advance`; an array problem.

    >>> import rmt
    >>> for point in fixed_points(rmt.Problem(n=120, d=1, ridge=0.011, rule=rmt.KeepHard(0.25), rho=0)):
    ...     print(f"error {point.error_rate:.4f}, slope {point.slope:.2f}, stable: {point.stable}")
    error 0.0879, slope 0.89, stable: True
    error 0.0644, slope 1.10, stable: False
    error 0.0274, slope 0.62, stable: True
    """
    where = "rmt.adaptive.fixed_points"
    problem = replace(problem, rho=0.0, rho_agreement=None)
    _checked(problem, where)
    if problem.shape != ():
        raise ValueError(f"{where}: got a problem of shape {problem.shape}; allowed scalar problems; do ask one by one")

    def after(theta: Any) -> Any:
        """Theta(theta), the angle after one round."""
        return np.pi * np.asarray(error_rate(replace(problem, rho=np.cos(theta))))

    def gap(theta: Any) -> Any:
        return after(theta) - theta

    points = []
    for left, right in _brackets(gap, np.union1d(_FLAT, _NEAR)):
        if gap(left) * gap(right) < 0:
            theta = float(brentq(gap, left, right, xtol=1e-15, rtol=1e-14))
        else:  # one end is the root, to rounding
            theta = min(left, right, key=lambda end: abs(gap(end)))
        high, low = theta * (1 + _STEP), theta * (1 - _STEP)
        slope = float((after(high) - after(low)) / (high - low))
        points.append(FixedPoint(float(np.cos(theta)), theta / np.pi, slope, abs(slope) < 1))
    return points[::-1]


def _brackets(gap: Callable[[Any], Any], theta: Array) -> list[tuple[float, float]]:
    """Return intervals with one sign change of `gap` each, or points where it is zero, in order."""
    values = gap(theta)
    sides, points = np.sign(values), list(theta)
    inner = np.flatnonzero(
        (sides[1:-1] == sides[:-2])
        & (sides[1:-1] == sides[2:])
        & (np.abs(values[1:-1]) <= np.abs(values[:-2]))
        & (np.abs(values[1:-1]) <= np.abs(values[2:]))
    )
    for i in inner + 1:  # between two angles, an extremum that approaches zero may cross it and return
        bounds = theta[i - 1], theta[i + 1]
        best = minimize_scalar(lambda t, side=sides[i]: float(side * gap(t)), bounds=bounds, method="bounded")
        if best.fun <= 0:
            points.append(float(best.x))
    theta = np.sort(points)
    sides = np.sign(gap(theta))
    crossings = [(theta[i], theta[i + 1]) for i in np.flatnonzero(sides[:-1] * sides[1:] < 0)]
    return sorted(crossings + [(theta[i], theta[i]) for i in np.flatnonzero(sides == 0)])


def _checked(problem: Problem, where: str) -> None:
    """Raise a ValueError unless rho alone describes a round: it is given, the generator perfect, labels unchecked."""
    rho, generator, agreement = problem.cosines
    if problem.rho is None:  # `KeepAll` passes without rho elsewhere
        raise ValueError(f"{where}: got no rho; allowed cosines in [-1, 1]; do pass rho=..., the first alignment")
    if problem.label_aware or np.any(np.asarray(generator) != 1) or np.any(np.asarray(agreement) != np.asarray(rho)):
        raise ValueError(
            f"{where}: got an imperfect generator or label-aware curation; allowed a generator that is the truth; "
            "do leave out rho_generator, rho_agreement and label_aware"
        )
