"""The expectations of `rmt.convex`: double integrals over a projection g and a score, split where they change fast."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from rmt.losses import Loss
from rmt.pruning import normal_pdf, tangent

__all__ = ["Case", "Forces", "Point", "forces"]

Array = NDArray[np.float64]
_FAR = 7.5  # varphi(7.5) is 2e-13
_BASE = (-4.6, -2.7, -1.3, 0.0, 1.3, 2.7, 4.6)
_RATIO = 4.0  # of neighbouring distances from a fast change
_FLAT = 40.0  # Phi beyond it is 0 or 1


class Case(NamedTuple):
    """One scalar problem: as in `Problem`, with the rule as a function of g and the points +-g where it jumps."""

    phi: float
    lam: float
    keep: Callable[[Array], Array]
    kinks: Array
    agreement: float
    label_aware: bool
    loss: Loss


class Point(NamedTuple):
    """A classifier of the theory."""

    a1: float
    a2: float
    sigma: float
    V: float


class Forces(NamedTuple):
    """E[q f g], E[q f h], E[q f^2] and t = E[q l''(u)/(1 + V l''(u))]."""

    fg: float
    fh: float
    ff: float
    t: float


def forces(at: Point, case: Case, order: int) -> Forces:
    """The four expectations, by `order` nodes a panel.

    Given g, let a2 h + sigma Z = s W with W standard normal. Then h is normal with mean kappa W and variance nu^2
    (kappa = a2/s, nu = sigma/s), and y = 1 (a factor 2 accounts for y = -1) cuts it below at -tau g, which leaves
    P = Phi(e) and E[h; y = 1] = kappa W Phi(e) + nu varphi(e) with e = (tau g + kappa W)/nu.

    As a function of W the integrand changes fast around e = 0 (on the scale nu/kappa) and where the proximal map bends
    (width/s); as a function of g around 0 (1/tau) and where it bends at W = 0 (hypot(width, s)/a1).
    """
    a1, a2, sigma, V = at
    s = float(np.hypot(a2, sigma))
    kappa, nu = a2 / s, sigma / s
    tau, slope = float(tangent(case.agreement)), abs(a1)
    bends, width = np.array(case.loss.bends(V), dtype=np.float64), case.loss.width
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        fast = [(0.0, 1 / abs(tau) if tau else np.inf)]
        fast += [(bend / a1, np.hypot(width, s) / slope) for bend in bends if slope]
    signs = (1.0,) if case.label_aware else (-1.0, 1.0)
    jumps = [sign * kink for kink in case.kinks for sign in signs]
    low = 0.0 if case.label_aware else -_FAR
    fixed = [e for e in (*_BASE, *jumps, low, _FAR) if low <= e]
    edges = np.unique(np.clip([*fixed, *_graded(fast)], low, _FAR))
    g, g_weight = _nodes(edges[:, None], order)  # (G, 1)
    g, g_weight = g[:, 0], g_weight[:, 0] * case.keep(g[:, 0]) * normal_pdf(g[:, 0])
    if not np.isfinite(tau):
        g_weight = g_weight * (tau * g > 0)
    used = g_weight > 0
    g, g_weight = g[used], g_weight[used]

    inner = [np.broadcast_to(edge, g.shape) for edge in (-_FAR, *_BASE, _FAR)]
    for bend in bends:
        inner += [(bend - a1 * g) / s + off for off in _offsets(width / s)]
    if kappa and np.isfinite(tau):
        inner += [-tau * g / kappa + off for off in _offsets(abs(nu / kappa))]
    W, weight = _nodes(np.sort(np.clip(np.stack(inner), -_FAR, _FAR), axis=0), order)  # (nodes, G)
    weight = weight * normal_pdf(W)
    if np.isfinite(tau):
        e = np.clip((tau * g + kappa * W) / nu, -_FLAT, _FLAT)
        P = ndtr(e)
        H = kappa * W * P + nu * normal_pdf(e)
    else:
        P, H = np.ones_like(W), kappa * W
    omega = a1 * g + s * W
    u = case.loss.prox(omega, V)
    f = (u - omega) / V
    curvature = case.loss.curvature(u)
    moments = [
        2 * float(g_weight @ (v * weight).sum(axis=0))
        for v in (f * P * g, f * H, f * f * P, P * curvature / (1 + V * curvature))
    ]
    return Forces(*moments)


def _offsets(scale: float) -> list[float]:
    """0 and +-scale, growing by a ratio up to where the normal density has nothing more to show."""
    if not scale <= 1.5:
        return []
    steps: list[float] = []
    if scale > 0:
        step = scale
        while step < 2 * _FAR:
            steps.append(step)
            step *= _RATIO
    return [-v for v in reversed(steps)] + ([] if scale > 0 else [0.0]) + steps


def _graded(fast: Sequence[tuple[float, float]]) -> list[float]:
    return [centre + off for centre, scale in fast for off in _offsets(scale)]


def _nodes(edges: Array, order: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights of the panels between `edges` (E, ...), both of shape ((E-1) order, ...)."""
    x, w = np.polynomial.legendre.leggauss(order)
    low, width = edges[:-1], np.diff(edges, axis=0)  # (E-1, ...)
    column = (-1, *(1,) * low.ndim)
    nodes = low + width * ((x + 1) / 2).reshape(column)
    weights = width * (w / 2).reshape(column)
    return nodes.reshape(-1, *low.shape[1:]), weights.reshape(-1, *low.shape[1:])
