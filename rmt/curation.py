"""Imperfect generators and label-aware curation: three directions instead of two (arXiv 2511.03492).

Labels come from a generator, y = sign(<x, w_g>), the pruner looks along w_s, and the truth is w_*. With the cosines
rho = cos(w_s, w_*), rho_generator = cos(w_g, w_*) and rho_agreement = cos(w_s, w_g), the law depends on x through its
coordinates along three orthonormal directions only: w_s, the rest of w_g (its part orthogonal to w_s, normalised) and
the rest of w_* (its part orthogonal to both). A label-aware pruner keeps x only if its rule does and the pruner agrees
with the label, y = sign(<x, w_s>).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from rmt._check import Array, Values
from rmt.pruning import Rule, sine
from rmt.quadrature import normal_pdf
from rmt.quadrature_rules import rule_integral

__all__ = ["LabelAware", "coordinates", "label_aware", "overlaps"]


class LabelAware(NamedTuple):
    """Moments of label-aware selection in coordinates in which E[q x x'] is diagonal.

    `S` and `c` hold E[q x x'] and E[q y x] along two principal axes of the plane of w_s and w_g: (`cos`, `sin`) and
    (-`sin`, `cos`) in terms of w_s and the rest of w_g.
    """

    p: Array
    S: tuple[Array, Array]
    c: tuple[Array, Array]
    cos: Array
    sin: Array


def overlaps(rho: Values, generator: Values, agreement: Values) -> tuple[Array, Array]:
    """Return |w_s x w_*| |w_s x w_g| and rho_generator - rho rho_agreement, the bound of an overlap and the overlap.

    Three directions with these cosines exist iff |overlap| <= bound; overlap/bound is the cosine between the parts of
    w_* and w_g orthogonal to w_s. With `near` the one of rho, rho_agreement that is nearer to +-1 and `other` the other
    one, both signed such that near >= 0, overlap = (rho_generator - other) + other (1 - near) subtracts least.
    """
    rho, agreement = np.asarray(rho), np.asarray(agreement)
    near, other = (np.where(np.abs(rho) >= np.abs(agreement), *pair) for pair in ((rho, agreement), (agreement, rho)))
    other = np.where(near < 0, -other, other)
    return sine(rho) * sine(agreement), (np.asarray(generator) - other) + other * (1 - np.abs(near))


def coordinates(rho: Values, generator: Values, agreement: Values) -> tuple[Array, Array, Array]:
    """Return the coordinates of w_* along w_s, the rest of w_g and the rest of w_*: a unit vector.

    The third coordinate is 0 for a perfect generator (|rho_generator| = 1). It is 0 too where w_s and w_g coincide:
    w_g then has no rest, and the second direction is chosen along the rest of w_*.

    >>> [round(float(t), 6) for t in coordinates(0.95, 0.85, 0.9)]
    [0.95, -0.011471, 0.312039]
    """
    bound, overlap = np.broadcast_arrays(*overlaps(rho, generator, agreement))
    shape = bound.shape
    # lengths of the parts of w_g and of w_* orthogonal to w_s
    rest_g, rest = (np.broadcast_to(sine(cosine), shape) for cosine in (agreement, rho))
    perfect = np.abs(np.broadcast_to(np.asarray(generator), shape)) == 1
    with np.errstate(divide="ignore", invalid="ignore"):
        second = np.where(rest_g == 0, rest, np.clip(overlap / rest_g, -rest, rest))
        squared = np.maximum((bound - overlap) * (bound + overlap), 0.0)
        third = np.where((rest_g == 0) | perfect, 0.0, np.sqrt(squared) / rest_g)
    second = np.where(perfect, np.copysign(rest, overlap), second)
    return np.broadcast_to(np.asarray(rho, dtype=np.float64), shape), second, third


def label_aware(rule: Rule, agreement: Values) -> LabelAware:
    """Return p, S and c of the selection q(<x, w_s>) 1{sign <x, w_s> = sign <x, w_g>}, by quadrature.

    Write G, H for the coordinates of x along w_s and the rest of w_g. Given G = g > 0 a kept sample has H > -e with
    e = tau g, which has probability Phi(e), E[H; kept] = varphi(e) and E[H^2; kept] = Phi(e) - e varphi(e). With the
    weight 2 q(g) varphi(g) and the argument e of Phi and varphi left out:

        p = int Phi    E[q G^2] = int g^2 Phi    E[q G H] = int g varphi    E[q H^2] = int (Phi - e varphi)
        E[q y G] = int g Phi    E[q y H] = int varphi

    In all other directions E[q y x] is 0 and E[q x x'] is p.
    """

    def integrands(g: Array, e: Array) -> Array:
        Phi, pdf = ndtr(e), normal_pdf(e)
        g, Phi, pdf = np.broadcast_arrays(g, Phi, pdf)
        return 2 * np.stack([np.ones_like(g), Phi, g**2 * Phi, g * pdf, Phi - e * pdf, g * Phi, pdf])

    _, p, along, mixed, across, c1, c2 = rule_integral(rule, agreement, integrands, "rmt label-aware curation")
    # one Jacobi rotation by the angle theta; this form of tan theta keeps the digits of a small eigenvalue
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        cot2 = np.where(mixed == 0, np.inf, (across - along) / (2 * mixed))  # cot 2 theta
    tan = np.where(cot2 < 0, -1.0, 1.0) / (np.abs(cot2) + np.hypot(1.0, cot2))
    cos = 1 / np.hypot(1.0, tan)
    sin = -tan * cos
    S = along - tan * mixed, across + tan * mixed
    return LabelAware(p, S, (cos * c1 + sin * c2, cos * c2 - sin * c1), cos, sin)
