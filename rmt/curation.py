"""Imperfect generators and label-aware curation: three directions instead of two (arXiv 2511.03492).

Labels come from a generator, y = sign(<x, w_g>), the pruner looks along w_s, and the truth is w_*. With the cosines
rho = cos(w_s, w_*), rho_generator = cos(w_g, w_*) and rho_agreement = cos(w_s, w_g), everything happens in the span of
e1 = w_s, e2 = the rest of w_g, e3 = the rest of w_*. A label-aware pruner keeps x, besides its rule, only if it agrees
with the label: y = sign(<x, w_s>).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from rmt._check import Values
from rmt.pruning import Rule, normal_pdf, sine
from rmt.quadrature_rules import rule_integral

__all__ = ["LabelAware", "coordinates", "label_aware", "overlaps"]

Array = NDArray[np.float64]


class LabelAware(NamedTuple):
    """Moments of label-aware selection in coordinates in which E[q x x'] is diagonal.

    `S` and `c` are those of the plane of w_s and w_g along its two principal axes; (`cos`, `sin`) is the first axis,
    (-`sin`, `cos`) the second, in terms of w_s and the rest of w_g.
    """

    p: Array
    S: tuple[Array, Array]
    c: tuple[Array, Array]
    cos: Array
    sin: Array


def overlaps(rho: Values, generator: Values, agreement: Values) -> tuple[Array, Array]:
    """u = |w_s x w_*| |w_s x w_g| and v = rho_generator - rho rho_agreement; the directions exist iff |v| <= u.

    v/u is the cosine between what w_* and w_g have beside w_s. With r2 the cosine nearer to +-1, made positive by the
    sign of w_s, and r1 the other, v = (rho_generator - r1) + r1 (1 - r2): no more is subtracted than must be.
    """
    rho, agreement = np.asarray(rho), np.asarray(agreement)
    near, other = (np.where(np.abs(rho) >= np.abs(agreement), *pair) for pair in ((rho, agreement), (agreement, rho)))
    r1 = np.where(near < 0, -other, other)
    return sine(rho) * sine(agreement), (np.asarray(generator) - r1) + r1 * (1 - np.abs(near))


def coordinates(rho: Values, generator: Values, agreement: Values) -> tuple[Array, Array, Array]:
    """w_* along w_s, along the rest of w_g, and along what is left: a unit vector.

    The third part is 0 for a perfect generator (|rho_generator| = 1), and where w_s and w_g coincide, since the second
    then has no direction of its own and may be that of w_*.

    >>> [round(float(t), 6) for t in coordinates(0.95, 0.85, 0.9)]
    [0.95, -0.011471, 0.312039]
    """
    u, v = np.broadcast_arrays(*overlaps(rho, generator, agreement))
    a, b = np.broadcast_to(sine(agreement), u.shape), np.broadcast_to(sine(rho), u.shape)
    flat = np.abs(np.broadcast_to(np.asarray(generator), u.shape)) == 1
    with np.errstate(divide="ignore", invalid="ignore"):
        second = np.where(a == 0, b, np.clip(v / a, -b, b))
        third = np.where((a == 0) | flat, 0.0, np.sqrt(np.maximum((u - v) * (u + v), 0.0)) / a)
    second = np.where(flat, np.copysign(b, v), second)
    return np.broadcast_to(np.asarray(rho, dtype=np.float64), u.shape), second, third


def label_aware(rule: Rule, agreement: Values) -> LabelAware:
    """p, S and c of q(<x, w_s>) 1{sign <x, w_s> = sign <x, w_g>}, by quadrature.

    Write G, H for x along w_s and the rest of w_g. Given G = g > 0 a kept sample has H > -t, t = tau g, with
    P = Phi(t), E[H; kept] = varphi(t) and E[H^2; kept] = Phi(t) - t varphi(t), so with the weight 2 q(g) varphi(g):

        p = int Phi    E[q G^2] = int g^2 Phi    E[q G H] = int g varphi(t)    E[q H^2] = int (Phi - t varphi(t))
        E[q y G] = int g Phi    E[q y H] = int varphi(t)

    and E[q y x] is 0 in all other directions, E[q x x'] is p.
    """

    def integrands(g: Array, t: Array) -> Array:
        Phi, pdf = ndtr(t), normal_pdf(t)
        g, Phi, pdf = np.broadcast_arrays(g, Phi, pdf)
        return 2 * np.stack([Phi, g**2 * Phi, g * pdf, Phi - t * pdf, g * Phi, pdf])

    p, along, mixed, across, c1, c2 = rule_integral(rule, agreement, integrands, "rmt label-aware curation").value
    # one Jacobi rotation; tan of the angle from the form that keeps a small eigenvalue's digits
    with np.errstate(divide="ignore", over="ignore"):
        zeta = np.where(mixed == 0, np.inf, (across - along) / (2 * mixed))
    tan = np.where(zeta < 0, -1.0, 1.0) / (np.abs(zeta) + np.hypot(1.0, zeta))
    cos = 1 / np.hypot(1.0, tan)
    sin = -tan * cos
    S = along - tan * mixed, across + tan * mixed
    return LabelAware(p, S, (cos * c1 + sin * c2, cos * c2 - sin * c1), cos, sin)
