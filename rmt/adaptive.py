"""Adaptive practice in theory: prune fresh samples along the latest classifier, retrain on them alone, and repeat.

Full replacement (Sec. 4.2.2 of arXiv 2502.15588 taken round by round): round k draws n fresh samples, keeps those that
the rule selects along w_k, and fits w_{k+1} to the kept ones. The samples are independent of w_k, so Theorem 1 holds
given w_k, with rho_k = cos(w_k, w_0) as its pruning alignment, and all that survives a round is that one number:

    rho_{k+1} = m0(rho_k)/sqrt(nu0(rho_k))        theta_{k+1} = pi error(cos theta_k) = g(theta_k),  theta = arccos rho

As n, d -> infinity the alignment is deterministic and so is the recursion. Rules are even: -w prunes as w does, the map
is even in rho, and g maps [0, pi] into [0, pi/2]. g(0) > 0 while g(pi/2) <= pi/2: there is a fixed point in (0, pi/2],
and an odd number of them if none is a tangency. Since both coordinates name the same point, a slope at a fixed point,
d rho_{k+1}/d rho_k = g'(theta), is the same in either; below 1 in absolute value it attracts.

A stale direction under full replacement: rounds that prune along the same w_j ask the same question, so they have the
same answer, g(theta_j), whatever number of them. Renewing the direction every s rounds costs s times the samples.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from rmt._check import Values, plain
from rmt.generalization import error_rate
from rmt.problem import Problem

__all__ = ["FixedPoint", "advance", "fixed_points", "recursion"]

Array = NDArray[np.float64]
_FLAT, _NEAR = np.linspace(0, np.pi / 2, 1025), np.geomspace(1e-6, np.pi / 2, 1025)  # angles first looked at
_STEP = 1e-4  # of the slope's central difference, relative to the angle


@dataclass(frozen=True)
class FixedPoint:
    """An alignment that a round of practice reproduces.

    Args:
        rho: the alignment cos(w, w_0).
        error_rate: arccos(rho) / pi.
        slope: d rho_{k+1} / d rho_k there; negative: rounds alternate around it.
        stable: |slope| < 1, rounds that start near it tend to it.
    """

    rho: float
    error_rate: float
    slope: float
    stable: bool


def advance(problem: Problem) -> Values:
    """rho_{k+1} = cos(pi error_rate) for rho_k = problem.rho: the alignment after one round with full replacement.

    Args:
        problem: n samples generated in a round, of which `rule` keeps a part; ridge relative to n (a learner with a
            penalty per kept row has p times it); perfect generator; arrays broadcast.

    Accuracy: that of `rmt.error_rate` at n, d -> infinity; a finite round differs by O(1/d), and has a spread.

    Raises:
        ValueError: an imperfect generator or label-aware curation: a second cosine would change from round to round.

    >>> import rmt
    >>> round(advance(rmt.Problem(n=512, d=128, ridge=5e-3, rule=rmt.KeepHard(0.5), rho=0.8)), 6)
    0.886131
    """
    _checked(problem, "rmt.adaptive.advance")
    return plain(np.cos(np.pi * np.asarray(error_rate(problem))))


def recursion(problem: Problem, rounds: int, *, renew: int = 1) -> Array:
    """rho_0 = problem.rho, rho_1, ..., rho_rounds under full replacement, shape (rounds + 1, *problem.shape).

    Args:
        problem: one round, as in `advance`, with the alignment of the classifier that the first round prunes along.
        rounds: how many, >= 0.
        renew: the pruning direction is replaced by the latest classifier every so many rounds, >= 1: with 4, rounds 1
            to 4 prune along w_0, rounds 5 to 8 along w_4. Large values never renew it.

    Limits: renew = s gives rho_k of `recursion(problem, ceil(k / s))[-1]`.

    Raises:
        ValueError: as `advance`; rounds or renew not whole or too small.

    >>> import rmt
    >>> problem = rmt.Problem(n=512, d=128, ridge=5e-3, rule=rmt.KeepHard(0.5), rho=0.8)
    >>> recursion(problem, 4).round(4).tolist()
    [0.8, 0.8861, 0.9158, 0.9283, 0.9339]
    >>> recursion(problem, 4, renew=2).round(4).tolist()
    [0.8, 0.8861, 0.8861, 0.9158, 0.9158]
    """
    where = "rmt.adaptive.recursion"
    _checked(problem, where)
    for name, value, least in (("rounds", rounds, 0), ("renew", renew, 1)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{where}: got {name}={value!r}; allowed whole numbers >= {least}; do count rounds")
    path = [np.broadcast_to(np.asarray(problem.rho, dtype=np.float64), problem.shape)]
    for done in range(rounds):
        stale = done % renew != 0
        path.append(path[-1] if stale else np.asarray(advance(replace(problem, rho=path[-1], rho_agreement=None))))
    return np.stack(path)


def fixed_points(problem: Problem) -> list[FixedPoint]:
    """All rho with rho = m0(rho)/sqrt(nu0(rho)), in order of falling error: the plateaus of practice with replacement.

    With one of them, practice ends there from any start. With three, the middle one repels: a learner that starts below
    it ends at the poor one, however many rounds it practises.

    Args:
        problem: one round, scalar, as in `advance`; its own rho is ignored.

    Accuracy: 1e-12 for the angle, 1e-6 for the slope. Roots are found by sign changes of g(theta) - theta over 2049
    angles, equally spaced and equally spaced in the logarithm from 1e-6 on, and around every extremum between them that
    approaches zero: what can be missed is a pair of roots where g - theta turns twice within one step.

    Raises:
        ValueError: as `advance`; an array problem.

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

    def g(theta: Any) -> Any:
        return np.pi * np.asarray(error_rate(replace(problem, rho=np.cos(theta))))

    def gap(theta: float) -> float:
        return float(g(theta) - theta)

    found = []
    for left, right in _brackets(gap, np.union1d(_FLAT, _NEAR), g):
        if gap(left) * gap(right) < 0:
            theta = float(brentq(gap, left, right, xtol=1e-15, rtol=1e-14))
        else:  # one of them is the root, to rounding
            theta = min(left, right, key=lambda t: abs(gap(t)))
        high, low = theta * (1 + _STEP), theta * (1 - _STEP)
        slope = float((g(high) - g(low)) / (high - low))
        found.append(FixedPoint(float(np.cos(theta)), theta / np.pi, slope, abs(slope) < 1))
    return found[::-1]


def _brackets(gap: Any, theta: Array, g: Any) -> list[tuple[float, float]]:
    """Intervals with one sign change of g(theta) - theta each, or points where it is zero; in order."""
    values = g(theta) - theta
    sides, points = np.sign(values), list(theta)
    inner = np.flatnonzero(
        (sides[1:-1] == sides[:-2])
        & (sides[1:-1] == sides[2:])
        & (np.abs(values[1:-1]) <= np.abs(values[:-2]))
        & (np.abs(values[1:-1]) <= np.abs(values[2:]))
    )
    for i in inner + 1:  # an extremum that approaches zero may pass it, and return, between two angles
        bounds = theta[i - 1], theta[i + 1]
        best = minimize_scalar(lambda t, side=sides[i]: side * gap(t), bounds=bounds, method="bounded")
        if best.fun <= 0:
            points.append(float(best.x))
    theta = np.sort(points)
    sides = np.sign(g(theta) - theta)
    crossings = [(theta[i], theta[i + 1]) for i in np.flatnonzero(sides[:-1] * sides[1:] < 0)]
    return sorted(crossings + [(theta[i], theta[i]) for i in np.flatnonzero(sides == 0)])


def _checked(problem: Problem, where: str) -> None:
    """ValueError unless one cosine says all: a perfect generator, labels not asked."""
    rho, generator, agreement = problem.cosines
    if problem.label_aware or np.any(np.asarray(generator) != 1) or np.any(np.asarray(agreement) != np.asarray(rho)):
        raise ValueError(
            f"{where}: got an imperfect generator or label-aware curation; allowed a generator that is the truth; "
            "do leave out rho_generator, rho_agreement and label_aware"
        )
