"""The law for any convex loss: four equations for the classifier that minimises it, solved by Newton's method.

Write w = a1 w_s + a2 (rest of w_g) + a part of length sigma in uniform direction; g, h are the coordinates of x along
the first two directions and Z along the third, all standard normal, and y = sign <x, w_g>. A sample left out of the
training has the margin xi = y (a1 g + a2 h + sigma Z); training on it pulls the margin to zeta = prox(xi, V). With the
force f = (zeta - xi)/V = -l'(zeta) of a sample along y the minimiser obeys

    lam a1 = E[q y f g]    lam a2 = E[q y f h]    sigma^2 = phi E[q f^2]/(lam + chi)^2    V = phi/(lam + chi)
    chi = E[q l''(zeta)/(1 + V l''(zeta))]

and the test error is the angle between (a1, a2, sigma Z) and w_* over pi. The minimiser's equation times w is one more
identity, lam sigma^2 = E[q f (zeta - y (a1 g + a2 h))]. For the squared loss V = delta and this is Theorem 1 of
arXiv 2502.15588. With an imperfect generator w has no component along the rest of w_*.

The expectations are double integrals (`rmt.plane_quadrature`). They do not change under (x, y) -> (-x, -y), so y = 1
with a factor 2. The equations are solved in (a1, a2, log sigma, log V), first with a coarse quadrature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rmt._check import Array, Values, finite, first, require
from rmt.curation import coordinates
from rmt.newton import newton, step_of
from rmt.plane_quadrature import FAR, Classifier, ScalarProblem, beyond, forces
from rmt.problem import Problem
from rmt.pruning import Rule, sine

__all__ = ["LEAST_RIDGE", "Solution", "error_rate", "solve"]

LEAST_RIDGE = 1e-24  # with a smaller ridge |w| diverges
_COARSE = 6  # nodes a panel of the first quadrature
_FINE = ((10, 14), (18, 26))  # nodes to solve with, and to estimate the error; the second pair if the first fails
_START = 8  # damped steps before Newton's
_NEAR = 1e-4  # largest relative length of the last Newton step on the coarse equations
_STEP = 1e-9  # largest relative length of the last Newton step on the fine equations
_BEYOND = 1e-7  # largest share of the kept samples that the quadrature leaves out
_ACCURACY = 1e-6  # largest relative error of the error rate


@dataclass(frozen=True)
class Solution:
    """The error rate, its classifier and their convergence; each field a number or an array of the problem's shape.

    Args:
        value: error rate.
        a1, a2, sigma: components of w along w_s and the rest of w_g, and the length of its remainder.
        V: shift of a sample's own margin per unit of its force; delta for the squared loss.
        residual: relative length of the last Newton step.
        accuracy: relative change of `value` by one more Newton step with 40 % more quadrature nodes or more.
        iterations: number of Newton steps.
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
    """angle(w, w_*) / pi through the four equations: `rmt.error_rate` for any loss, also the squared one.

    Args:
        problem: as for `solve`.

    Returns:
        A float, or an array of `problem.shape`, in [0, 1].

    Accuracy: 1e-6 relative, checked at each point, and typically 1e-10.

    Raises:
        ValueError: as for `solve`.
        ArithmeticError: the equations were not solved; it names their residual, relative error and the iterations.

    >>> import rmt
    >>> problem = rmt.Problem(n=1000, d=250, ridge=0.01, rule=rmt.KeepHard(0.4), rho=0.9, loss="logistic")
    >>> round(error_rate(problem), 4)
    0.3052
    """
    solution = solve(problem)
    finite("rmt.error_rate", solution.value, solution.V, solution.residual)
    unsolved = ~np.asarray(solution.converged)
    if failed := first(unsolved, solution.residual, solution.accuracy, solution.iterations):
        residual, accuracy, steps = failed
        raise ArithmeticError(
            f"rmt.error_rate: got equations with residual {residual:.3g} and relative error {accuracy:.3g} after "
            f"{steps} iterations; allowed at most {_STEP:g} and {_ACCURACY:g}; do use a larger ridge (w_g "
            "separates the labels: |w| diverges as the ridge vanishes), or declare where rule and loss are not smooth "
            "(`kinks`, `bends`)"
        )
    return solution.value


def solve(problem: Problem) -> Solution:
    """Solve the four equations for `error_rate`. `Solution.converged` is false where that failed.

    Args:
        problem: any `Problem`; arrays broadcast, and their entries are solved one by one, some 20 ms each.

    Raises:
        ValueError: a ridge below 1e-24 with any loss but the squared one: w_g separates the labels, and without ridge
            no minimiser exists; a rule with more than 1e-7 of its kept samples beyond |u| = 7.5.

    >>> import rmt
    >>> solution = solve(rmt.Problem(n=3000, d=250, ridge=1e-3, rule=rmt.KeepAll(), loss="logistic"))
    >>> round(solution.value, 4), solution.converged
    (0.0403, True)
    """
    shape, loss = problem.shape, problem.loss_function
    require(
        (np.asarray(problem.ridge) >= LEAST_RIDGE) | loss.squared,
        "rmt.error_rate",
        f"loss={problem.loss!r}, ridge",
        problem.ridge,
        f"ridge >= {LEAST_RIDGE:g} for losses other than 'squared'",
        "raise it: w_g separates the labels, so as the ridge vanishes |w| diverges and no minimiser exists",
    )
    rule, agreement = problem.rule, problem.cosines[2]
    truth = np.stack([np.broadcast_to(t, shape) for t in coordinates(*problem.cosines)], axis=-1).reshape(-1, 3)
    numbers = [np.broadcast_to(np.asarray(v), shape).ravel() for v in (problem.phi, problem.ridge, agreement)]
    p_shape = np.shape(rule.p)
    entries = np.broadcast_to(np.arange(np.size(rule.p)).reshape(p_shape), shape).ravel()  # of p, for each problem
    kinks = np.asarray(rule.kinks)
    kinks = kinks if kinks.ndim > 1 else kinks.reshape(len(kinks), *(1,) * len(p_shape))
    kinks = np.broadcast_to(kinks, (len(kinks), *p_shape)).reshape(len(kinks), np.size(rule.p))
    rows = []
    for i, (phi, lam, cosine) in enumerate(zip(*numbers, strict=True)):
        keep = _keep(rule, p_shape, entries[i])
        share = beyond(keep) / float(np.ravel(rule.p)[entries[i]])
        what = f"loss={problem.loss!r} and a rule whose share of kept samples beyond |u| = {FAR} is"
        require(share <= _BEYOND, "rmt.error_rate", what, share, f"at most {_BEYOND:g}", "keep a larger fraction")
        aware = problem.label_aware
        scalar = ScalarProblem(float(phi), float(lam), keep, kinks[:, entries[i]], float(cosine), aware, loss)
        with np.errstate(all="ignore"):  # overflows show in the results
            rows.append(_solve_one(scalar, truth[i]))
    kinds: list[Any] = [*[np.float64] * 7, np.int64, np.bool_]
    columns = [np.array([row[i] for row in rows], dtype=kind).reshape(shape) for i, kind in enumerate(kinds)]
    return Solution(*(column.item() if shape == () else column for column in columns))


def _keep(rule: Rule, p_shape: tuple[int, ...], index: int) -> Callable[[Array], Array]:
    """Return entry `index` of an array rule as a function of projections of shape (G,)."""

    def keep(u: Array) -> Array:
        q = rule.keep_probability(u.reshape(-1, *(1,) * len(p_shape)))
        return np.broadcast_to(q, (len(u), *p_shape)).reshape(len(u), -1)[:, index]

    return keep


def _solve_one(problem: ScalarProblem, truth: Array) -> tuple[Any, ...]:
    """Return the fields of `Solution` for one problem, with `truth` the coordinates of w_*."""
    x, last, coarse_steps, slopes = _approach(_start(problem), problem)
    if last > _NEAR:
        x, coarse_steps, slopes = _descend(problem)
    steps = coarse_steps
    for order, finest in _FINE:
        x, residual, taken, slopes = _newton(x, problem, order, _STEP, slopes)
        value, steps = _angle(x, truth), steps + taken
        accuracy = abs(_angle(x + step_of(slopes, _gap(x, problem, finest)), truth) / value - 1)
        converged = bool(residual <= _STEP and accuracy <= _ACCURACY)
        if converged:
            break
    sigma, V = np.exp(x[2:])
    return value, x[0], x[1], sigma, V, residual, accuracy, steps, converged


def _start(problem: ScalarProblem) -> Array:
    """Return the start x = (a1, a2, log sigma, log V) with w = w_g, sigma = 1 and V = 1."""
    return np.array([problem.agreement, float(sine(problem.agreement)), 0.0, 0.0])


def _approach(x: Array, problem: ScalarProblem) -> tuple[Array, float, int, Array]:
    """Solve with the coarse quadrature, by damped steps x <- x + gap and then Newton's; return as `newton`."""
    for _ in range(_START):
        x = x + _gap(x, problem, _COARSE)
    return _newton(x, problem, _COARSE, _NEAR, None)


def _descend(problem: ScalarProblem) -> tuple[Array, int, Array]:
    """Solve with the coarse quadrature by following the solution from a large ridge down; return x, steps and slopes.

    The ratio of neighbouring ridges shrinks where a step fails.
    """
    lam, ratio = max(10.0, problem.lam), 10.0
    x, _, steps, slopes = _approach(_start(problem), problem._replace(lam=lam))
    while lam > problem.lam and ratio > 1.2:
        lower = max(problem.lam, lam / ratio)
        new, residual, taken, new_slopes = _newton(x, problem._replace(lam=lower), _COARSE, _NEAR, None)
        steps += taken
        if residual <= _NEAR:
            x, slopes, lam, ratio = new, new_slopes, lower, ratio**1.5
        else:
            ratio = ratio**0.5
    return x, steps, slopes


def _angle(x: Array, truth: Array) -> float:
    """Return the angle of (a1, a2, sigma in a random direction) to the truth over pi."""
    plane = np.array([x[0], x[1], 0.0])
    along = plane @ truth
    across = np.hypot(np.linalg.norm(plane - along * truth), np.exp(x[2]))
    return float(np.arctan2(across, along) / np.pi)


def _gap(x: Array, problem: ScalarProblem, order: int) -> Array:
    """Right-hand sides minus x = (a1, a2, log sigma, log V), with a = (E[q f (g, h)] + chi a)/(lam + chi) for a1, a2.

    Iterating x <- x + gap approaches the solution from anywhere, slowly.
    """
    a1, a2, sigma, V = x[0], x[1], *np.exp(x[2:])
    fg, fh, ff, chi = forces(Classifier(a1, a2, sigma, V), problem, order)
    total = problem.lam + chi
    gap_sigma = 0.5 * np.log(problem.phi * ff) - np.log(total) - x[2]
    gap_V = np.log(problem.phi / total) - x[3]
    return np.array([(fg - problem.lam * a1) / total, (fh - problem.lam * a2) / total, gap_sigma, gap_V])


def _scale(x: Array) -> Array:
    """Return the units of a1, a2, log sigma and log V: |w|, |w|, 1, 1."""
    length = np.sqrt(x[0] ** 2 + x[1] ** 2 + np.exp(2 * x[2]))
    return np.array([length, length, 1.0, 1.0])


def _newton(
    x: Array, problem: ScalarProblem, order: int, aim: float, slopes: Array | None
) -> tuple[Array, float, int, Array]:
    return newton(x, lambda at: _gap(at, problem, order), _scale, aim, slopes)
