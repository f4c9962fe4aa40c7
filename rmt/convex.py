"""The law for any convex loss: four equations for the classifier that minimises it, solved by Newton's method.

Write w = a1 w_s + a2 (rest of w_g) + a part of length sigma in uniform direction; g, h are x along the first two
directions and Z along the third, all standard normal, and y = sign <x, w_g>. The score of a sample that was left out of
the training is omega = a1 g + a2 h + sigma Z; training on it pulls y omega to u = prox(y omega, V). With the force
f = (u - y omega)/V = -l'(u) of a sample along y the minimiser obeys

    lam a1 = E[q y f g]    lam a2 = E[q y f h]    sigma^2 = phi E[q f^2]/(lam + t)^2    V = phi/(lam + t)
    t = E[q l''(u)/(1 + V l''(u))]

and the test error is the angle between (a1, a2, sigma Z) and w_* over pi. Multiplying the minimiser's equation by w
gives one more identity, lam sigma^2 = E[q f (u - y (a1 g + a2 h))]. For the squared loss V = delta and this is
Theorem 1 of arXiv 2502.15588; along the rest of w_* (an imperfect generator) w has nothing.

The expectations are double integrals (`rmt.plane_quadrature`): all is even under (x, y) -> (-x, -y), so y = 1 and a
factor 2. The equations are solved in (a1, a2, log sigma, log V), first with a coarse quadrature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmt._check import Values, plain, require
from rmt.curation import coordinates
from rmt.losses import LOSSES, find
from rmt.newton import newton, step_of
from rmt.plane_quadrature import Case, Point, forces
from rmt.problem import Problem
from rmt.pruning import Rule, sine

__all__ = ["LEAST_RIDGE", "Solution", "error_rate", "solve"]

Array = NDArray[np.float64]
LEAST_RIDGE = 1e-24  # below it |w| runs away
_COARSE = 6  # nodes a panel, to get near
_FINE = ((10, 14), (18, 26))  # to solve, and to estimate the error; the second pair where the first is not enough
_START = 8  # damped steps before Newton's
_NEAR = 1e-4  # length of the last Newton step on the coarse equations, relative
_STEP = 1e-9  # and on the fine ones
_ACCURACY = 1e-6  # of the error rate, relative


@dataclass(frozen=True)
class Solution:
    """The law's answer, and whether to believe it; each field a number or an array of the problem's shape.

    Args:
        value: error rate.
        a1, a2, sigma: w along w_s, along the rest of w_g, and the length of what is left.
        V: how far one sample's force moves its own score; delta for the squared loss.
        residual: length of the last Newton step, relative.
        accuracy: relative change of `value` by one more Newton step with 40 % more quadrature nodes or more.
        iterations: Newton steps taken.
        converged: whether the residual is at most 1e-9 and `accuracy` at most 1e-6.
    """

    value: Values
    a1: Values
    a2: Values
    sigma: Values
    V: Values
    residual: Values
    accuracy: Values
    iterations: Any
    converged: Any


def error_rate(problem: Problem) -> Values:
    """`rmt.error_rate` through the four equations, whatever the loss; ArithmeticError where they were not solved.

    >>> import rmt
    >>> problem = rmt.Problem(n=1000, d=250, ridge=0.01, rule=rmt.KeepHard(0.4), rho=0.9, loss="logistic")
    >>> round(error_rate(problem), 4)
    0.3052
    """
    solution = solve(problem)
    bad = ~np.atleast_1d(solution.converged)
    if bad.any():
        residual, accuracy, steps = (
            np.atleast_1d(v)[bad].flat[0] for v in (solution.residual, solution.accuracy, solution.iterations)
        )
        raise ArithmeticError(
            f"rmt.error_rate: got equations with residual {residual:.3g} and relative error {accuracy:.3g} after "
            f"{steps} iterations; allowed at most {_STEP:g} and {_ACCURACY:g}; do use a larger ridge (w_g "
            "separates the labels: |w| diverges as it vanishes), or declare where rule and loss are not smooth "
            "(`kinks`, `bends`)"
        )
    return solution.value


def solve(problem: Problem) -> Solution:
    """`error_rate` with all that led to it; does not raise where the equations were not solved, but says so.

    Args:
        problem: any `Problem`; arrays broadcast, and are solved one by one, some 20 ms each.

    Raises:
        ValueError: a ridge below 1e-24 with any loss but the squared one: the labels are separated by w_g, and without
            ridge no minimiser exists.

    >>> import rmt
    >>> found = solve(rmt.Problem(n=3000, d=250, ridge=1e-3, rule=rmt.KeepAll(), rho=0.95, loss="logistic"))
    >>> round(found.value, 4), found.converged
    (0.0403, True)
    """
    where, shape = "rmt.error_rate", problem.shape
    loss = find(problem.loss, where)
    require(
        (np.asarray(problem.ridge) >= LEAST_RIDGE) | (loss is LOSSES["squared"]),
        where,
        f"loss={problem.loss!r}, ridge",
        problem.ridge,
        f"ridge >= {LEAST_RIDGE:g} for losses other than 'squared'",
        "raise it: w_g separates the labels, so as the ridge vanishes |w| diverges and no minimiser exists",
    )
    rule, agreement = problem.rule, problem.cosines[2]
    truth = np.stack([np.broadcast_to(t, shape) for t in coordinates(*problem.cosines)], axis=-1).reshape(-1, 3)
    numbers = [np.broadcast_to(np.asarray(v), shape).ravel() for v in (problem.phi, problem.ridge, agreement)]
    p_shape = np.shape(rule.p)
    which = np.broadcast_to(np.arange(np.size(rule.p)).reshape(p_shape), shape).ravel()
    kinks = np.asarray(rule.kinks)
    kinks = kinks if kinks.ndim > 1 else kinks.reshape(len(kinks), *(1,) * len(p_shape))
    kinks = np.broadcast_to(kinks, (len(kinks), *p_shape)).reshape(len(kinks), max(1, np.size(rule.p)))
    rows = []
    for i, (phi, lam, cosine) in enumerate(zip(*numbers, strict=True)):
        keep = _keep(rule, p_shape, which[i])
        case = Case(float(phi), float(lam), keep, kinks[:, which[i]], float(cosine), problem.label_aware, loss)
        rows.append(_solve_one(case, truth[i]))
    columns = [np.reshape(np.array(column), shape)[()] for column in zip(*rows, strict=True)]
    steps, converged = (column.item() if shape == () else column for column in columns[-2:])
    value, a1, a2, sigma, V, residual, accuracy = map(plain, columns[:-2])
    return Solution(value, a1, a2, sigma, V, residual, accuracy, steps, converged)


def _keep(rule: Rule, p_shape: tuple[int, ...], index: int) -> Callable[[Array], Array]:
    """Entry `index` of an array rule as a function of (G,) projections."""

    def keep(u: Array) -> Array:
        q = rule.keep_probability(u.reshape(-1, *(1,) * len(p_shape)))
        return np.broadcast_to(q, (len(u), *p_shape)).reshape(len(u), -1)[:, index]

    return keep


def _solve_one(case: Case, truth: Array) -> tuple[Any, ...]:
    """The fields of `Solution`, for one problem."""
    x, last, coarse_steps, slopes = _approach(_beginning(case), case)
    if last > _NEAR:
        x, coarse_steps, slopes = _descend(case)
    steps = coarse_steps
    for order, finest in _FINE:
        x, residual, taken, slopes = _newton(x, case, order, _STEP, slopes)
        value, steps = _angle(x, truth), steps + taken
        with np.errstate(all="ignore"):
            accuracy = abs(_angle(x + step_of(slopes, _gap(x, case, finest)), truth) / value - 1)
        converged = bool(residual <= _STEP and accuracy <= _ACCURACY)
        if converged:
            break
    sigma, V = np.exp(x[2:])
    return value, x[0], x[1], sigma, V, residual, accuracy, steps, converged


def _beginning(case: Case) -> Array:
    return np.array([case.agreement, float(sine(case.agreement)), 0.0, 0.0])


def _approach(x: Array, case: Case) -> tuple[Array, float, int, Array]:
    """Damped steps, then Newton's, with the coarse quadrature."""
    return _newton(_damped(x, case, _START), case, _COARSE, _NEAR, None)


def _descend(case: Case) -> tuple[Array, int, Array]:
    """The same by following the solution from a large ridge down, in ratios that shrink where a step fails."""
    lam, ratio = max(10.0, case.lam), 10.0
    x, _, taken, slopes = _approach(_beginning(case), case._replace(lam=lam))
    while lam > case.lam and ratio > 1.2:
        lower = max(case.lam, lam / ratio)
        new, residual, steps, new_slopes = _newton(x, case._replace(lam=lower), _COARSE, _NEAR, None)
        taken += steps
        if residual <= _NEAR:
            x, slopes, lam, ratio = new, new_slopes, lower, ratio**1.5
        else:
            ratio = ratio**0.5
    return x, taken, slopes


def _angle(x: Array, truth: Array) -> float:
    """Angle of (a1, a2, sigma in a random direction) to the truth over pi."""
    inside = np.array([x[0], x[1], 0.0])
    along = inside @ truth
    beside = np.hypot(np.linalg.norm(inside - along * truth), np.exp(x[2]))
    return float(np.arctan2(beside, along) / np.pi)


def _gap(x: Array, case: Case, order: int) -> Array:
    """Right-hand sides minus x = (a1, a2, log sigma, log V), with a = (E[q f (g, h)] + t a)/(lam + t) for a = (a1, a2).

    Iterating them approaches the solution from anywhere, slowly.
    """
    a1, a2, sigma, V = x[0], x[1], *np.exp(x[2:])
    fg, fh, ff, t = forces(Point(a1, a2, sigma, V), case, order)
    whole = case.lam + t
    gap_sigma = 0.5 * np.log(case.phi * ff) - np.log(whole) - x[2]
    return np.array(
        [(fg - case.lam * a1) / whole, (fh - case.lam * a2) / whole, gap_sigma, np.log(case.phi / whole) - x[3]]
    )


def _scale(x: Array) -> Array:
    """What a1, a2, log sigma and log V are measured by: |w| and 1."""
    length = np.sqrt(x[0] ** 2 + x[1] ** 2 + np.exp(2 * x[2]))
    return np.array([length, length, 1.0, 1.0])


def _damped(x: Array, case: Case, steps: int) -> Array:
    """Steps of the iteration x <- x + gap."""
    for _ in range(steps):
        x = x + _gap(x, case, _COARSE)
    return x


def _newton(x: Array, case: Case, order: int, aim: float, slopes: Array | None) -> tuple[Array, float, int, Array]:
    return newton(x, lambda at: _gap(at, case, order), _scale, aim, slopes)
