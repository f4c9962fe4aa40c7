"""Limits of the law, without ridge and with endless data, and its optima: the best ridge and keep fraction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rmt._check import Array, Values, finite, frozen, plain, shown
from rmt.generalization import angle, checked, combine, error_rate, selection
from rmt.problem import Problem, squared_only
from rmt.pruning import KeepHard, Rule

__all__ = ["Optimum", "infinite_data", "optimal_keep_fraction", "optimal_ridge", "ridgeless"]

RIDGES = (1e-8, 1e4)  # range of `optimal_ridge`
FRACTIONS = (1e-3, 1.0)  # range of `optimal_keep_fraction`
_GRID, _ZOOM, _ZOOMS = 65, 9, 7  # points of the first grid; points of each finer grid around the best; number of these


@dataclass(frozen=True)
class Optimum:
    """The best argument and the error rate there; `bound` is true where the argument is an end of the range."""

    argument: Values
    error_rate: Values
    bound: Any


def ridgeless(problem: Problem) -> Values:
    """lim_{lam -> 0} of `rmt.error_rate`: Corollary 1 of arXiv 2502.15588, for any selection.

    The problem's own ridge is ignored. For phi < p (more kept samples than dimensions) R -> (1+delta) S^{-1} with
    1+delta -> p/(p-phi) and m' -> p/(p-phi)^3. For phi > p all terms diverge with 1/lam: lam R -> (I + S/(phi-p))^{-1},
    R/(1+delta) -> ((phi-p) I + S)^{-1} and lam^2 m' -> 1 - p/phi. At the interpolation threshold phi = p the noise
    diverges and the error is 1/2.

    Args:
        problem: any `Problem`; arrays broadcast.

    Returns:
        A float, or an array of `problem.shape`, in [0, 1].

    Accuracy: rounding. `rmt.error_rate` differs by O(lam), and by O(sqrt(lam)) around phi = p.

    Raises:
        ValueError: another loss than the squared one, which has no minimiser without ridge.

    >>> import rmt
    >>> problem = rmt.Problem(n=3000, d=350, ridge=1.0, rule=rmt.KeepHard(0.3), rho=1.0)
    >>> round(ridgeless(problem), 4)
    0.0325
    """
    where = "rmt.limits.ridgeless"
    squared_only(
        problem,
        where,
        "keep a ridge > 0: labels are sign <x, w_g>, so the kept data are separable, and as lam -> 0 |w| diverges and "
        "no minimiser exists",
    )
    sel = selection(problem)
    phi, p = np.broadcast_arrays(np.asarray(problem.phi), sel.p)
    gap = (p - phi)[..., None]
    with np.errstate(all="ignore"):  # overflows show in the results
        below = combine(sel, p[..., None] / gap / sel.S, np.zeros(1), 1 / sel.S, phi * p / (p - phi) ** 3)
        lam_R = 1 / (1 - sel.S / gap)
        above = combine(sel, lam_R, lam_R, 1 / (sel.S - gap), phi - p)
        values = np.select([phi < p, phi > p], [angle(below), angle(above)], 0.5)
    finite(where, values)
    return plain(np.broadcast_to(values, problem.shape).copy())


def infinite_data(problem: Problem) -> Values:
    """lim_{phi -> 0} of `rmt.error_rate` at fixed ridge: the angle of the population's ridge regression to the truth.

    delta -> 0, so w -> (S + lam I)^{-1} c without noise. Its limit lam -> 0 is Theorem 2 of arXiv 2511.03492.

    Args:
        problem: any `Problem` with squared loss, whose n and d are ignored; arrays broadcast.

    Returns:
        A float, or an array of `problem.shape`, in [0, 1].

    Accuracy: rounding. `rmt.error_rate` differs by O(phi), and by O(sqrt(phi)) where the limit is 0.

    Raises:
        ValueError: another loss than the squared one.

    >>> import rmt
    >>> problem = rmt.Problem(n=1, d=1, ridge=1e-12, rule=rmt.KeepHard(0.2), rho=1.0)
    >>> infinite_data(problem) < 1e-12
    True
    """
    squared_only(problem, "rmt.limits.infinite_data")
    sel = selection(problem)
    lam = np.asarray(problem.ridge)[..., None]
    with np.errstate(all="ignore"):
        R = 1 / (sel.S + lam)
        return plain(angle(checked(combine(sel, R, lam * R, R, np.zeros(problem.shape)), "rmt.limits.infinite_data")))


def optimal_ridge(problem: Problem, between: tuple[float, float] = RIDGES) -> Optimum:
    """argmin_lam `rmt.error_rate`: the best ridge of a problem, whose own ridge is ignored.

    Args:
        problem: any `Problem`; arrays broadcast.
        between: least and largest ridge to try.

    Returns:
        `Optimum` with floats, or arrays of `problem.shape`.

    Accuracy: the error rate to about 1e-12 relative (it is flat around its minimum), the ridge to 1e-5. Of several
    minima it is the lowest one on a grid of 5 points a decade; a narrower one may be missed.

    Raises:
        ValueError: not 0 < low < high.

    >>> import rmt
    >>> best = optimal_ridge(rmt.Problem(n=1000, d=500, ridge=1.0, rule=rmt.KeepAll(), rho=1.0))
    >>> round(best.argument, 3), round(best.error_rate, 4), best.bound
    (0.285, 0.186, False)
    """
    return _minimise(lambda lam: np.asarray(error_rate(replace(problem, ridge=lam))), problem.shape, between)


def optimal_keep_fraction(
    problem: Problem,
    keep: Callable[[Any], Rule] = KeepHard,
    *,
    best_ridge: bool = False,
    between: tuple[float, float] = FRACTIONS,
) -> Optimum:
    """argmin_p `rmt.error_rate`: the best keep fraction p* of a problem, whose own rule is ignored.

    Args:
        problem: any `Problem`; arrays broadcast.
        keep: makes the rule of a keep fraction, e.g. `rmt.KeepEasy`.
        best_ridge: use the best ridge for each fraction, instead of the problem's. The ridge is relative to the pool,
            so a fixed ridge weighs more the less is kept; the best ridge compares the data alone.
        between: least and largest fraction to try.

    Returns:
        `Optimum`; where its argument is 1, pruning does not pay.

    Accuracy: as for `optimal_ridge`; around the interpolation threshold p = phi there may be two minima of almost equal
    depth, between which p* jumps.

    Raises:
        ValueError: not 0 < low < high.

    >>> import rmt
    >>> problem = rmt.Problem(n=[512, 512 * 64], d=512, ridge=1e-3, rule=rmt.KeepAll(), rho=1.0)
    >>> optimal_keep_fraction(problem).argument.round(2).tolist()
    [0.8, 0.24]
    """

    def errors(p: Array) -> Array:
        pruned = replace(problem, rule=keep(p))
        return np.asarray(optimal_ridge(pruned).error_rate if best_ridge else error_rate(pruned))

    return _minimise(errors, replace(problem, rule=keep(1.0)).shape, between)


def _minimise(f: Callable[[Array], Array], shape: tuple[int, ...], between: tuple[float, float]) -> Optimum:
    """Minimise f over [low, high] for each entry of `shape`, on a logarithmic grid refined around its best point."""
    ends = np.asarray(frozen("rmt.limits", "between", between))
    if ends.shape != (2,) or not 0 < ends[0] < ends[1]:
        raise ValueError(f"rmt.limits: got between={shown(between)}; allowed 0 < low < high; do pass a range")
    low, high = map(float, ends)
    left, right = (np.full(shape, np.log(end)) for end in (low, high))
    for points in (_GRID, *[_ZOOM] * _ZOOMS):
        steps = np.linspace(0, 1, points).reshape(-1, *(1,) * len(shape))
        x = np.clip(np.exp(left + (right - left) * steps), low, high)  # (points, *shape)
        values = np.broadcast_to(f(x), x.shape)
        best = np.argmin(values, axis=0)[None]
        argument, value = (np.take_along_axis(v, best, axis=0)[0] for v in (x, values))
        left, right = (
            np.log(np.take_along_axis(x, np.clip(best + side, 0, points - 1), axis=0)[0]) for side in (-1, 1)
        )
    bound = np.isclose(argument, low, rtol=1e-9) | np.isclose(argument, high, rtol=1e-9)
    return Optimum(plain(argument), plain(value), bool(bound) if shape == () else bound)
