"""Moments of guided samples in the plane: exact in one coordinate of the noise, adaptive in the other.

For fixed noise g_0 along w_0, the sampler (`rmt.practice.ddim`) maps g_1 to x_0 = X(g_0, signs), x_1 = c g_1 + shift,
where X and shift depend on g_1 only through the signs of the guided moves. So the line of all g_1 splits into intervals
of equal signs, at one threshold per interval and step, and Gaussian moments of every interval are in closed form: no
jump is integrated numerically. Neighbouring intervals with nearly equal images are merged, which bounds their number.
The remaining integral over g_0 is continuous and is computed by adaptive Simpson panels.

Samples that are pruned, not guided, keep one interval of g_1 for each g_0, which is a smooth function of g_0: the
trapezoidal rule then converges exponentially.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from rmt._check import Array
from rmt.practice.ddim import Step, direction, hazard, off_plane, sample
from rmt.quadrature import normal_pdf

__all__ = ["Moments", "moments", "moments_of_pruned"]

_FAR = 6.5  # the noise is cut off where the Gaussian tail is 1e-10
_PANELS, _LEVELS = 24, 30  # first panels, and halvings of a panel
_SHARE = 20  # a panel is accepted if its error is below tolerance / _SHARE
_BLOCK = 64  # values of g_0 that are handled at once
_FURTHEST, _STEP, _LEAST_SINE = 8.0, 0.04, 1e-5  # trapezoidal rule: range, step (or sin/2), largest number of nodes
_MERGED = 3  # images are merged below this times the tolerance


class Moments(NamedTuple):
    """E[x] and E[x x'] = [[xx[0], xx[1]], [xx[1], xx[2]]] of class +1, and the estimated error of their entries."""

    x: Array
    xx: Array
    error: float


def moments(cos: float, sin: float, kappa: float, through: str, steps: tuple[Step, ...], tolerance: float) -> Moments:
    """Integrate x and x x' over the Gaussian noise; the sum of the panels' estimated errors is returned with them.

    Raises ArithmeticError where panels of width 1e-8 do not reach the tolerance.
    """

    def at(g0: Array) -> Array:
        blocks = np.array_split(g0, max(1, len(g0) // _BLOCK))
        merged = _MERGED * tolerance
        return np.concatenate([_given(block, cos, sin, kappa, through, steps, merged) for block in blocks])

    points = np.linspace(-_FAR, _FAR, 2 * _PANELS + 1)
    values = at(points)
    panels = [np.stack([part[:-1:2], part[1::2], part[2::2]], axis=1) for part in (points, values)]
    x, f = panels  # left end, middle and right end of every panel: (panels, 3), (panels, 3, 5)
    total, error = np.zeros(values.shape[1]), 0.0
    for _ in range(_LEVELS):
        quarters = (x[:, :2] + x[:, 1:]) / 2
        between = at(quarters.T.ravel()).reshape(2, len(x), -1).swapaxes(0, 1)  # (panels, 2, 5)
        width = (x[:, 2] - x[:, 0])[:, None]
        coarse = width / 6 * (f[:, 0] + 4 * f[:, 1] + f[:, 2])
        fine = width / 12 * (f[:, 0] + 4 * between[:, 0] + 2 * f[:, 1] + 4 * between[:, 1] + f[:, 2])
        errors = np.abs(fine - coarse).max(axis=1)
        rough = errors > tolerance / _SHARE
        total += fine[~rough].sum(axis=0)
        error += float(errors[~rough].sum())
        if not rough.any():
            return Moments(total[:2], total[2:], error)
        x, f = (
            np.concatenate(
                [np.stack([v[:, 0], m[:, 0], v[:, 1]], axis=1), np.stack([v[:, 1], m[:, 1], v[:, 2]], axis=1)]
            )
            for v, m in ((x[rough], quarters[rough]), (f[rough], between[rough]))
        )
    raise ArithmeticError(
        f"rmt.practice: got an error of {errors.max():.2g} at cosine {cos}, kappa {kappa} after {_LEVELS} halvings; "
        f"allowed {tolerance / _SHARE:.2g} a panel; do raise the tolerance"
    )


def moments_of_pruned(cos: float, sin: float, keep: float, steps: tuple[Step, ...]) -> Moments:
    """Integrate x and x x' over the share `keep` of plain samples with the smallest |<x, w>|: cos x_0 + sin x_1.

    The estimated error is the difference from half as many nodes. Raises ArithmeticError for sin below 1e-5.
    """
    if sin < _LEAST_SINE:
        raise ArithmeticError(
            f"rmt.practice: got pruned samples along a classifier at an angle of {sin:.2g} to the truth; allowed at "
            f"least {_LEAST_SINE:g}; do end the practice earlier, or prune N(0, I) rows by rmt.KeepHard"
        )
    *_, c = off_plane(steps)
    nodes = 2 * int(np.ceil(_FURTHEST / min(_STEP, sin / 2)))
    g0, step = np.linspace(-_FURTHEST, _FURTHEST, nodes + 1, retstep=True)
    x0 = sample(np.stack([g0, np.zeros_like(g0)], axis=1), cos, sin, 0.0, "x0", steps)[:, 0]
    weight, centre, slope = step * normal_pdf(g0), -cos * x0 / (sin * c), 1 / (sin * c)

    def kept(limit: float) -> float:
        return float(weight @ (ndtr(centre + limit * slope) - ndtr(centre - limit * slope)))

    widest = 2 * _FURTHEST
    limit = brentq(lambda limit: kept(limit) - keep, 0.0, widest, xtol=1e-15) if keep < kept(widest) else widest
    lo, hi = centre - limit * slope, centre + limit * slope
    values = weight[:, None] * _closed_form(lo, hi, x0, np.zeros_like(x0), np.arange(len(x0), dtype=float), c)
    fine, coarse = values.sum(axis=0) / keep, 2 * values[::2].sum(axis=0) / keep
    return Moments(fine[:2], fine[2:], float(np.abs(fine - coarse).max()))


def _given(
    g0: Array, cos: float, sin: float, kappa: float, through: str, steps: tuple[Step, ...], merged: float
) -> Array:
    """Return varphi(g_0) E[(x_0, x_1, x_0^2, x_0 x_1, x_1^2) | g_0], shape (N, 5), by exact integration over g_1.

    An interval of g_1 is one entry of the arrays `lo`, `hi`, `x0`, `shift` (its image is x_0, c g_1 + shift) and `node`
    (its g_0); intervals of a node are in order, so that neighbours in the arrays are neighbours on the line.
    """
    node: Any = np.arange(len(g0))
    x0, shift = g0, np.zeros(len(g0))
    lo, hi = np.full(len(g0), -_FAR), np.full(len(g0), _FAR)
    factors = list(off_plane(steps))
    for step, c in zip(steps, factors, strict=False):
        C, s, C_next, s_next = step[:4]
        u = C * x0 / s
        h = hazard(u)
        eps0 = s * x0 - C * h
        if kappa and step.guided:
            threshold = (-cos * (C * x0 + s * h) / (sin * C) - shift) / c
            split = (threshold > lo) & (threshold < hi)
            sign = np.where(split | (threshold >= hi), -1.0, 1.0)
            e0, e1 = direction(through, cos, sin, u, h)
            x0, shift_move = x0 - kappa * c * sign * e0, kappa * c * sign * e1
            copies = 1 + split
            upper = (np.cumsum(copies) - 1)[split]  # place of the upper half of every interval that splits
            cut = threshold[split]
            twice = 2 * kappa * c * e0, 2 * kappa * c * e1
            down0, down1 = (np.broadcast_to(v, split.shape)[split] for v in twice)
            lo, hi, x0, shift, shift_move, eps0, node = (
                np.repeat(v, copies) for v in (lo, hi, x0, shift, shift_move, eps0, node)
            )
            hi[upper - 1], lo[upper] = cut, cut
            x0[upper] -= down0
            shift_move[upper] += down1
            shift = shift * step.off_plane - shift_move * C_next / C
            x0 = C_next * (x0 - s * eps0) / C + s_next * eps0
            lo, hi, x0, shift, node = _merge(lo, hi, x0, shift, node, merged)
        else:
            shift = shift * step.off_plane
            x0 = C_next * (x0 - s * eps0) / C + s_next * eps0
    return _closed_form(lo, hi, x0, shift, node, factors[-1]) * normal_pdf(g0)[:, None]


def _merge(lo: Array, hi: Array, x0: Array, shift: Array, node: Array, nearest: float) -> tuple[Array, ...]:
    """Merge pairs of neighbouring intervals whose images differ by less than `nearest`, at their weighted mean.

    In a run of such neighbours the first and second are merged, the third and fourth, and so on.
    """
    near = (np.abs(np.diff(x0)) + np.abs(np.diff(shift)) < nearest) & (np.diff(node) == 0)
    places = np.arange(len(near))
    starts = np.maximum.accumulate(np.where(near & ~np.append(False, near[:-1]), places, 0))
    left = np.flatnonzero(near & ((places - starts) % 2 == 0))
    share = (hi[left + 1] - lo[left + 1]) / (hi[left + 1] - lo[left])
    x0[left] += share * (x0[left + 1] - x0[left])
    shift[left] += share * (shift[left + 1] - shift[left])
    hi[left] = hi[left + 1]
    keep = np.ones(len(lo), dtype=bool)
    keep[left + 1] = False
    return lo[keep], hi[keep], x0[keep], shift[keep], node[keep]


def _closed_form(lo: Array, hi: Array, x0: Array, shift: Array, node: Array, c: float) -> Array:
    """Sum the moments of every node's intervals: those of (x_0, c g + shift) for Gaussian g between lo and hi."""
    mass = np.where(lo > 0, ndtr(-lo) - ndtr(-hi), ndtr(hi) - ndtr(lo))
    low, high = normal_pdf(lo), normal_pdf(hi)
    first, second = low - high, mass + lo * low - hi * high  # E[g], E[g^2] on the interval
    x1 = c * first + shift * mass
    x11 = c**2 * second + 2 * c * shift * first + shift**2 * mass
    columns = np.stack([x0 * mass, x1, x0**2 * mass, x0 * x1, x11], axis=1)
    return np.add.reduceat(columns, np.flatnonzero(np.diff(node, prepend=-1)), axis=0)
