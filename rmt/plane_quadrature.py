"""The expectations of `rmt.convex`: double integrals over a projection g and a margin, split where they change fast."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from rmt._check import Array
from rmt.losses import Loss
from rmt.pruning import tangent
from rmt.quadrature import SATURATED, legendre, normal_pdf

__all__ = ["FAR", "Classifier", "Forces", "ScalarProblem", "beyond", "forces"]

FAR = 7.5  # varphi(7.5) is 2e-13: the integrals stop here
_BASE = (-4.6, -2.7, -1.3, 0.0, 1.3, 2.7, 4.6)
_RATIO = 4.0  # ratio of neighbouring distances from a fast change


class ScalarProblem(NamedTuple):
    """A scalar `Problem`, with the rule as a function of g and the points +-kinks where it jumps."""

    phi: float
    lam: float
    keep: Callable[[Array], Array]
    kinks: Array
    agreement: float
    label_aware: bool
    loss: Loss


class Classifier(NamedTuple):
    """A candidate solution of the four equations (see `rmt.convex`)."""

    a1: float
    a2: float
    sigma: float
    V: float


class Forces(NamedTuple):
    """E[q f g], E[q f h], E[q f^2] and chi = E[q l''(zeta)/(1 + V l''(zeta))]."""

    fg: float
    fh: float
    ff: float
    chi: float


def forces(at: Classifier, problem: ScalarProblem, order: int) -> Forces:
    """Return the four expectations, computed with `order` nodes a panel.

    Given g, write a2 h + sigma Z = length W with W standard normal. Then h is normal with mean cos W and variance sin^2
    (cos = a2/length, sin = sigma/length), and y = 1 (a factor 2 accounts for y = -1) cuts it below at -tau g, which
    leaves P(y = 1) = Phi(e) and E[h; y = 1] = cos W Phi(e) + sin varphi(e) with e = (tau g + cos W)/sin.

    As a function of W the integrand changes fast around e = 0 (on the scale sin/cos) and where the proximal map bends
    (width/length); as a function of g around 0 (1/tau) and where the map bends at W = 0 (hypot(width, length)/a1).
    """
    a1, a2, sigma, V = at
    length = np.hypot(a2, sigma)  # a NumPy number: where it vanishes the results are not finite, which `solve` reports
    cos, sin = a2 / length, sigma / length
    tau = float(tangent(problem.agreement))
    bends, width = np.array(problem.loss.bends(V), dtype=np.float64), problem.loss.width
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        fast = [(0.0, 1 / abs(tau) if tau else np.inf)]
        fast += [(bend / a1, np.hypot(width, length) / abs(a1)) for bend in bends if a1]
    signs = (1.0,) if problem.label_aware else (-1.0, 1.0)
    jumps = [sign * kink for kink in problem.kinks for sign in signs]
    low = 0.0 if problem.label_aware else -FAR
    fixed = [edge for edge in (*_BASE, *jumps, low, FAR) if low <= edge]
    edges = np.unique(np.clip([*fixed, *_graded(fast)], low, FAR))
    g, g_weight = _nodes(edges[:, None], order)  # (G, 1)
    g, g_weight = g[:, 0], g_weight[:, 0] * problem.keep(g[:, 0]) * normal_pdf(g[:, 0])
    if not np.isfinite(tau):
        g_weight = g_weight * (tau * g > 0)
    used = g_weight > 0
    g, g_weight = g[used], g_weight[used]

    inner = [np.broadcast_to(edge, g.shape) for edge in (-FAR, *_BASE, FAR)]
    for bend in bends:
        inner += [(bend - a1 * g) / length + offset for offset in _offsets(width / length)]
    if cos and np.isfinite(tau):
        inner += [-tau * g / cos + offset for offset in _offsets(abs(sin / cos))]
    W, weight = _nodes(np.sort(np.clip(np.stack(inner), -FAR, FAR), axis=0), order)  # (nodes, G)
    weight = weight * normal_pdf(W)
    if np.isfinite(tau):
        e = np.clip((tau * g + cos * W) / sin, -SATURATED, SATURATED)
        P = ndtr(e)
        H = cos * W * P + sin * normal_pdf(e)
    else:
        P, H = np.ones_like(W), cos * W
    xi = a1 * g + length * W
    zeta = problem.loss.prox(xi, V)
    f = (zeta - xi) / V
    curvature = problem.loss.curvature(zeta)
    moments = [
        2 * float(g_weight @ (v * weight).sum(axis=0))
        for v in (f * P * g, f * H, f * f * P, P * curvature / (1 + V * curvature))
    ]
    return Forces(*moments)


def beyond(keep: Callable[[Array], Array]) -> float:
    """E[q; |G| > FAR], the share of all samples that is kept and that `forces` leaves out."""
    g, weight = _nodes(np.linspace(FAR, 38.0, 41), 10)  # (400,); varphi(38) is 1e-314
    return 2 * float(np.sum(keep(g) * weight * normal_pdf(g)))


def _offsets(scale: float) -> list[float]:
    """Return 0 and +-scale, growing by a ratio up to the tails of the normal density; nothing for a large scale."""
    if not scale <= 1.5:
        return []
    steps: list[float] = []
    if scale > 0:
        step = scale
        while step < 2 * FAR:
            steps.append(step)
            step *= _RATIO
    return [-v for v in reversed(steps)] + ([] if scale > 0 else [0.0]) + steps


def _graded(fast: Sequence[tuple[float, float]]) -> list[float]:
    """Return panel edges around points of fast change, given as (centre, scale)."""
    return [centre + offset for centre, scale in fast for offset in _offsets(scale)]


def _nodes(edges: Array, order: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights of the panels between `edges` (E, ...), both of shape ((E-1) order, ...)."""
    x, w = legendre(order)
    low, width = edges[:-1], np.diff(edges, axis=0)  # (E-1, ...)
    column = (order, *(1,) * low.ndim)
    nodes, weights = low + width * x.reshape(column), width * w.reshape(column)
    shape = len(low) * order, *low.shape[1:]
    return nodes.reshape(shape), weights.reshape(shape)
