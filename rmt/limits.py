"""Limits of the law - no ridge, endless data - and what is best: the ridge, and the fraction to keep."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmt._check import Values, plain
from rmt.generalization import angle, checked, combine, error_rate, selection
from rmt.losses import LOSSES, find
from rmt.problem import Problem, squared_only
from rmt.pruning import KeepHard, Rule

__all__ = ["Optimum", "infinite_data", "optimal_keep_fraction", "optimal_ridge", "ridgeless"]

Array = NDArray[np.float64]
RIDGES = (1e-8, 1e4)  # searched by `optimal_ridge`
FRACTIONS = (1e-3, 1.0)  # searched by `optimal_keep_fraction`
_GRID, _ZOOM, _ZOOMS = 65, 9, 7  # points of the first search; of each finer one around the best; how many of these


@dataclass(frozen=True)
class Optimum:
    """The best argument and the error rate there; `bound` where it is an end of the range that was searched."""

    argument: Values
    error_rate: Values
    bound: Any


def ridgeless(problem: Problem) -> Values:
    """lim_{lam -> 0} of `rmt.error_rate`: Corollary 1 of arXiv 2502.15588, for any selection.

    The problem's own ridge is ignored. For phi < p (more kept samples than dimensions) R -> (1+delta) S^{-1} with
    1+delta -> p/(p-phi) and m' -> p/(p-phi)^3. For phi > p all terms diverge with 1/lam: lam R -> (I + S/(phi-p))^{-1},
    R/(1+delta) -> ((phi-p) I + S)^{-1} and lam^2 m' -> 1 - p/phi. At the interpolation threshold phi = p nothing but
    noise remains: 1/2.

    Args:
        problem: any `Problem`; arrays broadcast.

    Returns:
        A float, or an array of `problem.shape`, in [0, 1].

    Accuracy: rounding. `rmt.error_rate` comes within O(lam) of it, but within O(sqrt(lam)) around phi = p.

    >>> import rmt
    >>> problem = rmt.Problem(n=3000, d=350, ridge=1.0, rule=rmt.KeepHard(0.3), rho=1.0)
    >>> round(ridgeless(problem), 4)
    0.0325
    """
    _ridgeless_exists(problem)
    sel = selection(problem)
    phi, p = np.broadcast_arrays(np.asarray(problem.phi), sel.p)
    gap = (p - phi)[..., None]
    with np.errstate(all="ignore"):  # judged by the results
        below = combine(sel, p[..., None] / gap / sel.S, np.zeros(1), 1 / sel.S, phi * p / (p - phi) ** 3)
        lam_R = 1 / (1 - sel.S / gap)
        above = combine(sel, lam_R, lam_R, 1 / (sel.S - gap), phi - p)
        values = np.select([phi < p, phi > p], [angle(below), angle(above)], 0.5)
    if not np.isfinite(values).all():
        checked(below._replace(excess=values), "rmt.limits.ridgeless")
    return plain(values)


def _ridgeless_exists(problem: Problem) -> None:
    if find(problem.loss, "rmt.limits.ridgeless") is not LOSSES["squared"]:
        raise ValueError(
            f"rmt.limits.ridgeless: got loss={problem.loss!r}; allowed 'squared'; do keep a ridge > 0: labels are "
            "sign <x, w_g>, so the kept data are separable, and as lam -> 0 |w| diverges and no minimiser exists"
        )


def infinite_data(problem: Problem) -> Values:
    """lim_{phi -> 0} of `rmt.error_rate` at fixed ridge: the angle of the population's ridge regression to the truth.

    delta -> 0, so w -> (S + lam I)^{-1} c, and there is no noise. Theorem 2 of arXiv 2511.03492, which lets lam -> 0
    first, is the limit of vanishing ridge of this.

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
    """The ridge with the least `rmt.error_rate`, all else as in `problem` (whose own ridge is ignored).

    Args:
        problem: any `Problem`; arrays broadcast.
        between: least and largest ridge to try.

    Accuracy: the error rate to about 1e-12 relative (it is flat around its minimum), the ridge to 1e-5. Of several
    minima, the lowest one that a grid of 5 points a decade does not miss.

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
    """p*: the keep fraction with the least `rmt.error_rate`, all else as in `problem` (whose own rule is ignored).

    Args:
        problem: any `Problem`; arrays broadcast.
        keep: makes the rule of a keep fraction, e.g. `rmt.KeepEasy`.
        best_ridge: take the best ridge for each fraction, instead of the problem's. As the ridge is relative to the
            pool, a fixed one weighs more the less is kept: this compares the data instead.
        between: least and largest fraction to try.

    Returns:
        `Optimum`; where its argument is 1, pruning does not pay.

    Accuracy: as `optimal_ridge`; around the interpolation threshold p = phi there may be two minima of almost equal
    depth, between which p* jumps.

    >>> import rmt
    >>> problem = rmt.Problem(n=[512, 512 * 64], d=512, ridge=1e-3, rule=rmt.KeepAll(), rho=1.0)
    >>> optimal_keep_fraction(problem).argument.round(2).tolist()
    [0.8, 0.24]
    """

    def errors(p: Array) -> Array:
        question = replace(problem, rule=keep(p))
        return np.asarray(optimal_ridge(question).error_rate if best_ridge else error_rate(question))

    return _minimise(errors, replace(problem, rule=keep(1.0)).shape, between)


def _minimise(f: Callable[[Array], Array], shape: tuple[int, ...], between: tuple[float, float]) -> Optimum:
    """Least f over [low, high] on a logarithmic grid, made finer around its best point, elementwise for `shape`."""
    low, high = between
    if not 0 < low < high < np.inf:
        raise ValueError(f"rmt.limits: got between={between!r}; allowed 0 < low < high; do pass a range")
    ends = np.log(low), np.log(high)
    left, right = (np.full(shape, end) for end in ends)
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
