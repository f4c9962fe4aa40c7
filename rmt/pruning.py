"""Keep rules q and their four Gaussian moments, through which alone a rule enters the theory.

With G ~ N(0, 1) the projection of x on the pruning direction, tau = rho/sqrt(1-rho^2), varphi, Phi the normal pdf, cdf:

    p = E[q(G)]    gamma = E[q(G) G^2]    beta = 2 E[q(G) varphi(tau G)]    beta_t = 2 E[q(G) Phi(tau G) G]

(Theorem 1 of arXiv 2502.15588). E[q x x'] is gamma along w_s and p in all directions orthogonal to it; E[q y x] is
beta_t along w_s and beta along the rest of w_0, because y = sign(rho G + sqrt(1-rho^2) H) has
E[y | G] = 2 Phi(tau G) - 1 and E[y H | G] = 2 varphi(tau G).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from scipy.special import erf, erfc, erfinv, gammainc, ndtri

from rmt._check import Array, Values, frozen, require
from rmt.quadrature import PDF0, legendre, normal_pdf

__all__ = ["KeepAll", "KeepEasy", "KeepHard", "Rule", "RuleMoments", "fraction", "sine", "tangent"]

_SQRT2 = np.sqrt(2.0)
_NODES, _WEIGHTS = legendre(24)
LEAST = 1e-300  # least keep fraction; moments of smaller ones underflow


class RuleMoments(NamedTuple):
    """The moments p, gamma, beta and beta_t of a rule at the alignment rho; the module's docstring defines them."""

    p: Array
    gamma: Array
    beta: Array
    beta_t: Array


@runtime_checkable
class Rule(Protocol):
    """The interface of a keep rule: a function q of the projection u = <x, w_s>/||w_s|| with q(-u) = q(u)."""

    @property
    def p(self) -> Values:
        """Fraction of samples kept, E[q(G)]."""

    @property
    def kinks(self) -> Any:
        """Points u > 0 where q jumps or bends, along the first axis; the other axes are those of `p`."""

    def keep_probability(self, u: Array) -> Array:
        """q(u) in [0, 1]; the last axes of `u` broadcast against `p`."""

    def moments(self, rho: Values) -> RuleMoments:
        """Gaussian moments at the alignment `rho`, broadcast against `p`."""


def sine(rho: Values) -> Array:
    """sqrt(1 - rho^2) without cancellation near |rho| = 1."""
    return np.sqrt((1 - np.asarray(rho)) * (1 + np.asarray(rho)))


def tangent(rho: Values) -> Array:
    """tau = rho / sqrt(1 - rho^2), infinite at |rho| = 1."""
    with np.errstate(divide="ignore"):
        return np.asarray(rho) / sine(rho)


@dataclass(frozen=True)
class KeepHard:
    """q(u) = 1{|u| <= alpha}: keep the fraction `p` closest to the pruner's decision boundary.

    Lemmas 1 and 2 of arXiv 2502.15588. With a = sqrt(1-rho^2), e1 = 2 Phi(alpha/a) - 1, e2 = 2 Phi(tau alpha) - 1:
    p = 2 Phi(alpha) - 1, gamma = p - 2 alpha varphi(alpha), beta = 2 varphi(0) a e1 and
    beta_t = 2 (rho varphi(0) e1 - varphi(alpha) e2). The last two cancel for p -> 0: gamma is computed in its
    chi-square form P(chi2_3 <= alpha^2), and beta_t as an integral wherever alpha < 1.

    Args:
        p: keep fraction, in [1e-300, 1]; may be an array.

    Limits: p = 1 is `KeepAll`. Accuracy: about 1e-14 relative for p >= 1e-6.

    Raises:
        ValueError: p outside [1e-300, 1].

    >>> KeepHard(0.3).moments(0.9).gamma.round(6)
    np.float64(0.014555)
    """

    p: Values

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", fraction("rmt.KeepHard", self.p))

    @property
    def threshold(self) -> Array:
        """alpha with P(|G| <= alpha) = p; infinite at p = 1."""
        return _SQRT2 * erfinv(np.asarray(self.p))

    @property
    def kinks(self) -> Array:
        return self.threshold[None]

    def keep_probability(self, u: Array) -> Array:
        return (np.abs(u) <= self.threshold).astype(np.float64)

    def moments(self, rho: Values) -> RuleMoments:
        alpha, a = self.threshold, sine(rho)
        x, tau_alpha = _scaled(alpha, rho)
        e1, e2 = erf(x / _SQRT2), erf(tau_alpha / _SQRT2)
        direct = 2 * (rho * PDF0 * e1 - normal_pdf(alpha) * e2)
        beta_t = np.where(alpha < 1, _hard_beta_t_small(np.minimum(alpha, 1.0), rho), direct)
        gamma = gammainc(1.5, alpha**2 / 2)
        return RuleMoments(np.asarray(self.p), gamma, 2 * PDF0 * a * e1, beta_t)


@dataclass(frozen=True)
class KeepEasy:
    """q(u) = 1{|u| > alpha}: keep the fraction `p` farthest from the pruner's decision boundary.

    Lemmas 1 and 2 of arXiv 2502.15588; the complement of `KeepHard`. With a = sqrt(1-rho^2),
    e1 = 2 (1 - Phi(alpha/a)), e2 = 2 Phi(tau alpha) - 1: p = 2 (1 - Phi(alpha)), gamma = p + 2 alpha varphi(alpha),
    beta = 2 varphi(0) a e1 and beta_t = 2 (rho varphi(0) e1 + varphi(alpha) e2).

    Args:
        p: keep fraction, in [1e-300, 1]; may be an array.

    Limits: p = 1 is `KeepAll`. Accuracy: about 1e-14 relative for p >= 1e-6; where alpha >> a, beta is a Gaussian tail
    and has 1e-16 (alpha/a)^2.

    Raises:
        ValueError: p outside [1e-300, 1].

    >>> KeepEasy(0.6).moments(0.9).gamma.round(6)
    np.float64(0.96466)
    """

    p: Values

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", fraction("rmt.KeepEasy", self.p))

    @property
    def threshold(self) -> Array:
        """alpha with P(|G| > alpha) = p; zero at p = 1."""
        return -ndtri(np.asarray(self.p) / 2)

    @property
    def kinks(self) -> Array:
        return self.threshold[None]

    def keep_probability(self, u: Array) -> Array:
        return (np.abs(u) > self.threshold).astype(np.float64)

    def moments(self, rho: Values) -> RuleMoments:
        alpha, a = self.threshold, sine(rho)
        x, tau_alpha = _scaled(alpha, rho)
        e1, e2 = erfc(x / _SQRT2), erf(tau_alpha / _SQRT2)
        gamma = self.p + 2 * alpha * normal_pdf(alpha)
        return RuleMoments(np.asarray(self.p), gamma, 2 * PDF0 * a * e1, 2 * (rho * PDF0 * e1 + normal_pdf(alpha) * e2))


@dataclass(frozen=True)
class KeepAll:
    """q(u) = 1: no pruning. p = gamma = 1, beta = 2 varphi(0) sqrt(1-rho^2), beta_t = 2 rho varphi(0).

    No direction prunes, so that a `Problem` with this rule needs no rho.

    >>> KeepAll().moments(0.6).beta.round(6)
    np.float64(0.638308)
    """

    @property
    def p(self) -> float:
        """Fraction of samples kept: 1."""
        return 1.0

    @property
    def kinks(self) -> Array:
        return np.empty(0)

    def keep_probability(self, u: Array) -> Array:
        return np.ones_like(u)

    def moments(self, rho: Values) -> RuleMoments:
        one = np.asarray(1.0)
        return RuleMoments(one, one, 2 * PDF0 * sine(rho), 2 * PDF0 * np.asarray(rho))


def fraction(where: str, p: Values) -> float | Array:
    """Return a keep fraction as `frozen` does; ValueError outside [1e-300, 1]."""
    value = frozen(where, "p", p)
    allowed = f"keep fractions in (0, 1], from {LEAST:g} on"
    require((value >= LEAST) & (value <= 1), where, "p", value, allowed, "pass the share of samples kept")
    return value


def _scaled(alpha: Array, rho: Values) -> tuple[Array, Array]:
    """Return alpha / sqrt(1-rho^2) and tau alpha, with their limits at alpha = 0, alpha = inf and |rho| = 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(alpha == 0, 0.0, alpha / sine(rho))
        return x, np.where(np.asarray(rho) == 0, 0.0, rho * x)


def _hard_beta_t_small(alpha: Array, rho: Values) -> Array:
    """beta_t = 2 int_0^alpha g varphi(g) erf(tau g/sqrt(2)) dg of keep-hard for alpha <= 1, from positive terms only.

    The integral up to g1, where the error function becomes 1, is by Gauss-Legendre (24 nodes give 1e-14); the rest of
    it is in closed form.
    """
    flat = 6 * _SQRT2  # erf(6) = 1 in double precision
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        g1 = np.minimum(alpha, flat * sine(rho) / np.abs(rho))
    s1 = np.minimum(np.abs(_scaled(alpha, rho)[1]), flat)
    g = g1[..., None] * _NODES
    inner = g1 * ((g * normal_pdf(g) * erf(s1[..., None] * _NODES / _SQRT2)) @ _WEIGHTS)
    outer = normal_pdf(alpha) * np.expm1((alpha - g1) * (alpha + g1) / 2)
    return np.sign(rho) * 2 * (inner + outer)
