"""Moments of the closed-form rules in JAX, with their derivatives, for `rmt.sweep`.

The formulas of `rmt.pruning` are evaluated in forms that are accurate and compile to fast code. With
X = alpha/sqrt(1-rho^2), b = beta/sqrt(1-rho^2) and the upper sign for keep-hard, the derivatives are closed, too:

    d gamma/dp = alpha^2                                  as d/dp E[q f(G)] = f(alpha) for even f, under either rule
    d b/dp = 2 varphi(rho X)/sqrt(1-rho^2)                d b/drho = +-4 varphi(0) varphi(X) X rho/(1-rho^2)
    d beta_t/dp = alpha (2 Phi(rho X) - 1)                d beta_t/drho = 2 varphi(0) P(chi2_3 <= X^2), keep-easy: 1 - P
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, erfc, erfinv, ndtri

from rmt.quadrature import PDF0, SATURATED, legendre

__all__ = ["moments"]

_PDF0, _SQRT2 = float(PDF0), float(np.sqrt(2))
_TERMS = 25  # terms of the series in `_divided`; enough for y <= 2
_NODES, _WEIGHTS = legendre(6)
Traced = Any  # a jax array or tracer


def moments(kind: str, p: Traced, rho: Traced) -> tuple[Traced, Traced, Traced]:
    """Return gamma, beta/sqrt(1-rho^2) and beta_t of the rule "hard", "easy" or "all"."""
    if kind == "all":
        return p, 2 * _PDF0 * p, 2 * _PDF0 * rho
    return _pruned(kind == "hard", p, rho)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _pruned(hard: bool, p: Traced, rho: Traced) -> tuple[Traced, Traced, Traced]:
    """Return the `moments` of keep-hard or keep-easy."""
    alpha, X = _scales(hard, p, rho)[:2]
    if not hard:
        b = 2 * _PDF0 * erfc(X / _SQRT2)
        return p + 2 * alpha * _pdf(alpha), b, rho * b + 2 * _pdf(alpha) * erf(rho * X / _SQRT2)
    e1, e2 = erf(X / _SQRT2), erf(rho * X / _SQRT2)
    return _chi_square_3(alpha), 2 * _PDF0 * e1, _hard_beta_t(alpha, X, rho, e1, e2)


@_pruned.defjvp
def _pruned_slopes(hard: bool, primals: tuple[Traced, Traced], tangents: tuple[Traced, Traced]) -> Any:
    """Return the moments and their derivatives along the tangents, by the formulas of the module's docstring."""
    (p, rho), (dp, drho) = primals, tangents
    alpha, X, a = _scales(hard, p, rho)
    along = _chi_square_3(X) if hard else erfc(X / _SQRT2) + 2 * X * _pdf(X)
    d_gamma = jnp.where(p < 1, alpha**2, jnp.inf if hard else 0.0) * dp
    turn = (4 if hard else -4) * _PDF0 * _pdf(X) * X * rho / a / a
    d_b = 2 * _pdf(rho * X) / a * dp + turn * drho
    d_beta_t = alpha * erf(rho * X / _SQRT2) * dp + 2 * _PDF0 * along * drho
    return _pruned(hard, p, rho), (d_gamma, d_b, d_beta_t)


def _scales(hard: bool, p: Traced, rho: Traced) -> tuple[Traced, Traced, Traced]:
    """Return alpha, X = alpha/sqrt(1-rho^2) and sqrt(1-rho^2) > 0, the first two cut off where Phi is 1."""
    a = jnp.sqrt(jnp.maximum((1 - rho) * (1 + rho), 1e-200))
    if hard:
        alpha = jnp.where(p < 0.5, _SQRT2 * erfinv(jnp.minimum(p, 0.5)), -ndtri((1 - jnp.maximum(p, 0.5)) / 2))
        alpha = jnp.minimum(alpha, SATURATED)
    else:
        alpha = -ndtri(p / 2)
    return alpha, jnp.minimum(alpha / a, SATURATED), a


def _pdf(u: Traced) -> Traced:
    return _PDF0 * jnp.exp(-(u**2) / 2)


def _divided(y1: Traced, y2: Traced) -> Traced:
    """(M(y1) - M(y2))/(y1 - y2) for M(y) = 1F1(1; 3/2; y) and 0 <= y2 <= y1 <= 2, from positive terms only.

    M(y) is the sum of y^k/(3/2)_k, and (y1^k - y2^k)/(y1 - y2) = h_k obeys h_k = y1 h_{k-1} + y2^{k-1}.
    """
    h, power, pochhammer = jnp.ones_like(y1), jnp.ones_like(y1), 1.5
    result = h / pochhammer
    for k in range(2, _TERMS + 1):
        power = power * y2
        h = h * y1 + power
        pochhammer *= k + 0.5
        result = result + h / pochhammer
    return result


def _chi_square_3(x: Traced) -> Traced:
    """P(chi2_3 <= x^2) = 2 Phi(x) - 1 - 2 x varphi(x), for x < 2 through 2 Phi(x) - 1 = 2 x varphi(x) M(x^2/2)."""
    y = jnp.minimum(x, 2.0) ** 2 / 2
    return jnp.where(x < 2, 2 * x * _pdf(x) * y * _divided(y, 0.0 * y), erf(x / _SQRT2) - 2 * x * _pdf(x))


def _hard_beta_t(alpha: Traced, X: Traced, rho: Traced, e1: Traced, e2: Traced) -> Traced:
    """beta_t = 2 (rho varphi(0) e1 - varphi(alpha) e2) of keep-hard, in one of three forms.

    1. alpha >= 1: this formula.
    2. X < 2: the error functions through M as above, with X^2/2 - (rho X)^2/2 replaced by the equal alpha^2/2.
    3. Otherwise |rho| > .86 and e1 - e2 is small: by Gauss-Legendre between rho X and X.
    """
    r = jnp.abs(rho)
    y1 = jnp.minimum(X, 2.0) ** 2 / 2
    series = 4 * _PDF0 * rho * X * _pdf(X) * alpha**2 / 2 * _divided(y1, r**2 * y1)
    width = alpha**2 / (1 + r) / jnp.maximum(X, 1e-9)  # X - rho X
    nodes = X[..., None] - width[..., None] * _NODES
    between = 2 * width * jnp.sum(_pdf(nodes) * _WEIGHTS, axis=-1)
    flat = -jnp.expm1(-(alpha**2) / 2) - (1 - r)
    steep = 2 * _PDF0 * jnp.sign(rho) * (flat * jnp.abs(e2) + r * between)
    direct = 2 * (rho * _PDF0 * e1 - _pdf(alpha) * e2)
    return jnp.where(alpha >= 1, direct, jnp.where(X < 2, series, steep))
