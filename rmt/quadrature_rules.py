"""Keep rules without closed forms, soft selection and any function, whose moments are integrals.

A rule is even, so the integrals run over g > 0. With tau = rho/sqrt(1-rho^2) and varphi the normal pdf:

    p = 2 int q varphi    gamma = 2 int q g^2 varphi    beta = 4 int q varphi(tau g) varphi
    beta_t = 2 int q g erf(tau g/sqrt(2)) varphi
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf

from rmt._check import Array, Values, number, real, require, shown
from rmt.pruning import LEAST, KeepEasy, KeepHard, Rule, RuleMoments, fraction, tangent
from rmt.quadrature import FAR, SATURATED, Integral, half_normal, normal_pdf, panel_edges

__all__ = ["KeepFunction", "SoftKeep", "rule_integral"]

_WORST = 1e-10  # largest relative error of an integral that is returned
_STRONGEST = 1000.0  # largest |power| of a soft rule
_PROBES = ((0.0, 9.0, 9e-5), (9.0, FAR, 9e-4))  # from, to, distance of the points u where a given q is probed
_SUSPECTS = 100  # number of probes around which a given q is integrated once more
_DO = "list the points where q jumps or bends as `kinks`, or use a smoother rule"


def rule_integral(rule: Rule, rho: Values, integrands: Callable[[Array, Array], Array], where: str) -> Array:
    """int_0^inf q(g) f(g, tau g) varphi(g) dg for the stacked f of `integrands`, the first of which must be 2.

    Raises a ValueError where an estimated error exceeds 1e-10 relative, or where the first integral is not `rule.p`:
    the quadrature then steps over a part of q.
    """
    result = _integral(rule.keep_probability, rule.kinks, rho, integrands, where).value
    got, p = np.broadcast_arrays(result[0], np.asarray(rule.p))
    require(np.abs(got - p) <= _WORST * p, where, f"p={rule.p} and E[q]", got, f"equal ones, to {_WORST:g}", _DO)
    return result


def _integral(
    q: Callable[[Array], Array], kinks: Any, rho: Values, integrands: Callable[[Array, Array], Array], where: str
) -> Integral:
    """Return the integrals of `rule_integral` with their errors; ValueError where one exceeds 1e-10 relative."""
    tau = tangent(rho)

    def f(g: Array) -> Array:
        with np.errstate(invalid="ignore"):  # 0 * inf, where g underflows
            scaled = np.where(g == 0, 0.0, np.clip(tau * g, -SATURATED, SATURATED))
        return q(g) * integrands(g, scaled)

    result = half_normal(f, panel_edges(np.asarray(kinks), tau))
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(result.error == 0, 0.0, result.error / np.max(np.abs(result.value), axis=0))
    name = "an estimated relative error of an integral of q"
    require(relative <= _WORST, where, name, relative, f"at most {_WORST:g}", _DO)
    return result


def _moments(g: Array, scaled: Array) -> Array:
    """Return the integrands of p, gamma, beta and beta_t."""
    one = np.ones(np.broadcast_shapes(g.shape, scaled.shape))
    return np.stack([2 * one, 2 * g**2 * one, 4 * normal_pdf(scaled), 2 * g * erf(scaled / np.sqrt(2))])


@dataclass(frozen=True)
class SoftKeep:
    """q(u) = min(1, C (s(u) (1 - s(u)))^w), s the logistic function, C such that E[q] = p.

    The rule of Kolossov, Montanari and Tandon (2024): power w > 0 prefers hard samples, w < 0 easy ones, w = 0 keeps
    the fraction p by coin. A sample is certainly kept where C (s (1 - s))^w exceeds 1.

    Args:
        p: keep fraction, in [1e-300, 1]; may be an array.
        power: w, one number in [-1000, 1000].

    Limits: p = 1 is `KeepAll`. w -> inf is `KeepHard` only if q reaches 1; at small p it is an ever narrower bell.
    Accuracy: adaptive quadrature, about 1e-12 relative.

    Raises:
        ValueError: p outside [1e-300, 1] or |power| > 1000.

    >>> SoftKeep(0.3, power=2.0).moments(0.9).gamma.round(6), SoftKeep(0.3, power=0.0).moments(0.9).gamma.round(6)
    (np.float64(0.158623), np.float64(0.3))
    """

    p: Values
    power: float = field(kw_only=True)
    _log_scale: Array = field(init=False, repr=False, compare=False)  # log C 4^-w

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", fraction("rmt.SoftKeep", self.p))
        power = number("rmt.SoftKeep", "power", self.power)
        allowed = f"numbers in [-{_STRONGEST:g}, {_STRONGEST:g}]"
        require(abs(power) <= _STRONGEST, "rmt.SoftKeep", "power", power, allowed, "use KeepHard or KeepEasy beyond")
        object.__setattr__(self, "power", power)
        scales = np.vectorize(lambda p: _log_scale(float(p), power), otypes=[np.float64])
        object.__setattr__(self, "_log_scale", scales(self.p))

    @property
    def kinks(self) -> Array:
        """The point where q reaches 1, if it does, shape (1, ...)."""
        return _reach(self._log_scale, self.power)[None]

    def keep_probability(self, u: Array) -> Array:
        return _soft(u, self._log_scale, self.power)

    def moments(self, rho: Values) -> RuleMoments:
        return RuleMoments(np.asarray(self.p), *rule_integral(self, rho, _moments, "rmt.SoftKeep")[1:])


def _log_cosh(u: Array) -> Array:
    return np.abs(u) + np.log1p(np.exp(-2 * np.abs(u))) - np.log(2)


def _soft(u: Array, log_scale: Array, power: float) -> Array:
    """q(u) = min(1, exp(log_scale) cosh(u/2)^(-2 power)), as 4 s (1 - s) = cosh(u/2)^-2."""
    return np.exp(np.minimum(0.0, log_scale - 2 * power * _log_cosh(u / 2)))


def _reach(log_scale: Array, power: float) -> Array:
    """Solve exp(log_scale) cosh(u/2)^(-2 power) = 1 for u > 0; 0 where there is no solution."""
    if power == 0:
        return np.zeros_like(log_scale)
    with np.errstate(over="ignore"):  # infinite, where a tiny power reaches 1 in no finite distance
        x = np.maximum(log_scale / (2 * power), 0.0)
        return 2 * (x + np.log1p(np.sqrt(-np.expm1(-2 * x))))  # 2 arccosh(e^x)


def _log_scale(p: float, power: float) -> float:
    """Solve E[q] = p for log C 4^-w; the keep fraction increases with it."""
    if power == 0:
        return float(np.log(p))
    if p == 1:
        return np.inf if power > 0 else 0.0

    def surplus(log_scale: float) -> float:
        scale = np.asarray(log_scale)
        edges = panel_edges(_reach(scale, power)[None], np.asarray(0.0))
        return float(2 * half_normal(lambda g: _soft(g, scale, power)[None], edges).value[0] / p - 1)

    # an upper end: q = 1 up to the threshold of keep-hard, or beyond the threshold of keep-easy, gives E[q] >= p
    threshold = (KeepHard if power > 0 else KeepEasy)(p).threshold
    high = float(2 * power * _log_cosh(np.asarray(threshold) / 2))
    step = 1.0
    while surplus(high - step) > 0:
        step *= 2
    return float(brentq(surplus, high - step, high + 1e-9, xtol=1e-15, rtol=1e-15))


@dataclass(frozen=True)
class KeepFunction:
    """Keep a sample with probability q(u), a given function of its projection u on the pruning direction.

    Args:
        q: takes an array of u and returns probabilities in [0, 1] of the same shape; even, q(-u) = q(u).
        kinks: points u > 0 where q jumps or bends, in one list. Without it jumps are found by bisection, at some cost.

    Accuracy: `error` estimates the absolute error of p; no moment's error exceeds 1e-10 of the largest moment. Both
    hold if every feature of q that is not listed is wider than 1e-4 (than 1e-3 beyond u = 9): q is probed at points
    that dense, integrated once more around the 100 where it bends most, and refused if an integral changes. A
    narrower feature, of width w at u, may stay unseen, and `error` with it: p then lacks up to 2 w varphi(u).

    Raises:
        ValueError: q is not even, leaves [0, 1], keeps (next to) nothing, returns no real numbers or another shape, is
            too rough, or has unlisted features that the quadrature steps over; kinks is no list of numbers > 0.

    >>> rule = KeepFunction(lambda u: np.exp(-(u**2) / 2))  # E[q] = 1/sqrt(2)
    >>> round(rule.p, 12), rule.error < 1e-12
    (0.707106781187, True)
    """

    q: Callable[[Array], Array]
    kinks: Sequence[float] = ()
    p: float = field(init=False, compare=False)
    error: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        where = "rmt.KeepFunction"
        if not callable(self.q):
            raise ValueError(f"{where}: got q={shown(self.q)}; allowed functions of an array; do pass e.g. a lambda")
        kinks = real(where, "kinks", self.kinks)
        if kinks.ndim != 1:
            raise ValueError(f"{where}: got kinks={shown(self.kinks)}; allowed lists of numbers; do pass e.g. [0.3]")
        require((kinks > 0) & (kinks < np.inf), where, "kinks", kinks, "points u > 0", "list those where q jumps")
        object.__setattr__(self, "kinks", tuple(kinks.tolist()))
        integral = _integral(self.keep_probability, kinks, 0.0, _moments, where)
        self._look_between_nodes(integral.value)
        p, error = float(integral.value[0]), float(integral.error[0])
        require(p > LEAST, where, "keep fraction E[q]", p, "rules that keep something", "give q mass where u has some")
        object.__setattr__(self, "p", min(p, 1.0))
        object.__setattr__(self, "error", error)

    def _look_between_nodes(self, integrals: Array) -> None:
        """Raise a ValueError if the integrals change once nodes lie around the points where q bends most."""
        u = np.concatenate([np.arange(*grid) for grid in _PROBES])  # (U,)
        bend = np.abs(np.diff(self.keep_probability(u), 2)) * normal_pdf(u[1:-1])
        listed = np.searchsorted(u, self.kinks)[:, None] + np.arange(-3, 2)  # second differences over a kink
        bend[np.clip(listed, 0, len(bend) - 1)] = 0.0
        suspects = u[1:-1][np.argsort(bend)[-_SUSPECTS:]]
        again = _integral(self.keep_probability, [*self.kinks, *suspects], 0.0, _moments, "rmt.KeepFunction").value
        change, largest = np.abs(again - integrals).max(), again.max()
        require(
            change <= _WORST * largest,
            "rmt.KeepFunction",
            f"unlisted features of q (near u={suspects[-1]:.4f}?), relative change of an integral with nodes there",
            change / (largest or 1.0),
            f"at most {_WORST:g}",
            _DO,
        )

    def keep_probability(self, u: Array) -> Array:
        """Return q(u), checked for its shape, its range and evenness at every u."""
        right, left = (real("rmt.KeepFunction", "q(u)", self.q(side), "biuf") for side in (u, -u))
        if right.shape != np.shape(u):
            raise ValueError(
                f"rmt.KeepFunction: got q(u) of shape {right.shape} for u of shape {np.shape(u)}; "
                "allowed equal shapes; do write q for arrays, e.g. with numpy.where"
            )
        require((right >= 0) & (right <= 1), "rmt.KeepFunction", "q(u)", right, "probabilities in [0, 1]", "rescale q")
        even = np.isclose(left, right, rtol=1e-9, atol=1e-12)
        require(even, "rmt.KeepFunction", "q(-u) different from q(u) at u", u, "even rules", "make q symmetric")
        return right

    def moments(self, rho: Values) -> RuleMoments:
        return RuleMoments(*rule_integral(self, rho, _moments, "rmt.KeepFunction"))
