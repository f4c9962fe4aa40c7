"""Integrals against the normal density on the half-line, by adaptive Gauss-Legendre panels with an error estimate."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from rmt._check import Array

__all__ = ["Integral", "half_normal", "legendre", "normal_pdf", "panel_edges"]

PDF0 = 1 / np.sqrt(2 * np.pi)  # varphi(0)
SATURATED = 40.0  # Phi(+-40) and varphi(40) are 0 or 1 in double precision
FAR = 38.0  # varphi(38) is 1e-314: the integrals stop here
_FLAT = (3.0, 6.0, 9.0)  # Phi and varphi of tau g change on the scale 1/tau, and no more beyond 9/tau
_GRID = (1e-6, 1e-4, 1e-2, 0.1, 0.5, 1.0, 2.0, 3.0, 4.5, 6.0, 9.0, 14.0, 22.0)
_NEAR = (1e-3, 1e-2, 1e-1)  # distances from a kink; a rule may be steep there
_ORDER = 24  # nodes a panel
_DEPTH = 48  # halvings of a panel: an undeclared jump is located to 2^-48 of its panel
_CAUTION = 100.0  # the error estimate over the last disagreement: a jump may hide from the nodes
_PANELS = 4096  # most panels to halve at once; rougher integrands are returned as they are, with their error estimate


class Integral(NamedTuple):
    """Values and absolute error estimates, both of shape (integrands, ...)."""

    value: Array
    error: Array


def normal_pdf(u: Array) -> Array:
    """varphi(u) = exp(-u^2/2)/sqrt(2 pi)."""
    return PDF0 * np.exp(-(u**2) / 2)


@cache
def legendre(order: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on [0, 1], both of shape (order,).

    >>> legendre(1)
    (array([0.5]), array([1.]))
    """
    x, w = np.polynomial.legendre.leggauss(order)
    return (x + 1) / 2, w / 2


def panel_edges(kinks: Array, tau: Array) -> Array:
    """Ends of panels on which a rule with these `kinks`, and Phi(tau g), are smooth; sorted along the first axis.

    Args:
        kinks: points u > 0 where the rule jumps or bends, shape (K, ...).
        tau: slope of the label's dependence on g, shape (...); may be infinite.

    Returns:
        Edges from 0 to FAR, shape (E, ...), some of them equal.

    >>> panel_edges(np.array([0.7]), np.array(0.0))[[0, -1]].tolist()
    [0.0, 38.0]
    """
    beside = [kinks + side * step for step in _NEAR for side in (-1, 1)]
    with np.errstate(divide="ignore", over="ignore"):
        flat = [k * (1 / np.abs(tau)) for k in _FLAT]
    rows = [*kinks, *(row for block in beside for row in block), *flat, 0.0, *_GRID, FAR]
    return np.sort(np.clip(np.stack(np.broadcast_arrays(*rows)), 0.0, FAR), axis=0)


def half_normal(f: Callable[[Array], Array], edges: Array, rtol: float = 1e-13) -> Integral:
    """int_0^FAR f(g) varphi(g) dg for several f at once, split at `edges`.

    A panel is halved until its 24-node value agrees with the sum over its halves, to `rtol` of the whole integral. Only
    panels that disagree are halved again, up to a limit. The error estimate is a hundred times the sum of the last
    disagreements.

    Args:
        f: takes g of shape (nodes, ...) and returns (integrands, nodes, ...).
        edges: ends of the first panels along the first axis, shape (E, ...).
        rtol: tolerance, relative to the integral of |f|.

    >>> moments = half_normal(lambda g: np.stack([g**0, g**2]), panel_edges(np.empty(0), np.array(0.0)))
    >>> moments.value.round(12).tolist(), bool((moments.error < 1e-12).all())
    ([0.5, 0.5], True)
    """
    nodes, weights = legendre(_ORDER)

    def panels(low: Array, high: Array) -> Array:
        """Integrals over each panel, shape (integrands, panels, ...)."""
        width = high - low
        g = low + width * nodes.reshape(-1, *(1,) * low.ndim)  # (nodes, panels, ...)
        weight = weights.reshape(-1, *(1,) * low.ndim) * width * np.exp(-(g**2) / 2) / np.sqrt(2 * np.pi)
        flat = f(g.reshape(g.shape[0] * g.shape[1], *g.shape[2:]))  # (integrands, nodes * panels, ...)
        return np.sum(flat.reshape(len(flat), *g.shape) * weight, axis=1)

    low, high = edges[:-1], edges[1:]
    whole = panels(low, high)
    value, error, size = 0.0, 0.0, np.sum(np.abs(whole), axis=1)
    for depth in range(_DEPTH):
        middle = (low + high) / 2
        halves = panels(np.concatenate([low, middle]), np.concatenate([middle, high]))
        left, right = np.split(halves, 2, axis=1)
        gap = np.abs(left + right - whole)
        size = np.maximum(size, np.sum(np.abs(left) + np.abs(right), axis=1)) if depth == 0 else size
        agreed = gap <= rtol * size[:, None]  # (integrands, panels, ...)
        done = np.all(agreed, axis=(0, *range(2, agreed.ndim))) | (depth == _DEPTH - 1)
        done |= len(done) > _PANELS
        value = value + np.sum((left + right)[:, done], axis=1)
        error = error + _CAUTION * np.sum(gap[:, done], axis=1)
        if done.all():
            break
        low, high = (np.concatenate(pair) for pair in ((low[~done], middle[~done]), (middle[~done], high[~done])))
        whole = np.concatenate([left[:, ~done], right[:, ~done]], axis=1)
    return Integral(np.asarray(value), np.asarray(error))
