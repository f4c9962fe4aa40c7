"""Convex losses l of the margin zeta = y <x, w>, with their derivatives and proximal maps.

The theory needs l'' and the proximal map prox(xi, V) = argmin_zeta (zeta - xi)^2/(2V) + l(zeta); Newton's method on
data needs l' and l''. All are functions of arrays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from rmt._check import Array, number, real, require, shown

__all__ = ["LOSSES", "Loss", "named", "smoothed_hinge"]

_STEPS = 200  # most iterations of a proximal map
_PROBES = np.linspace(-30.0, 30.0, 241)  # margins at which a loss is checked


def _nowhere(_: float) -> Sequence[float]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A convex loss l of the margin zeta = y <x, w>.

    Args:
        slope: l' of an array of margins; increasing.
        curvature: l'' >= 0 of an array of margins; where l' bends, the value on either side.
        prox: (xi, V) -> zeta with zeta + V l'(zeta) = xi; without it Newton's method solves the equation, some 10
            times slower.
        bends: V -> the xi where prox(., V) bends or changes fast; integrals are split there.
        width: scale of xi on which prox(., V) changes fast there; 0 where it has corners.

    Raises:
        ValueError: `slope` decreases, `curvature` is negative, one of them is not a finite number, or `prox` is not the
            proximal map, at one of 241 margins from -30 to 30.

    >>> absolute = Loss(slope=lambda z: z / np.hypot(1, z), curvature=lambda z: np.hypot(1, z) ** -3.0)
    >>> absolute.prox(np.array([2.0]), 1.0).round(6)
    array([1.22527])
    """

    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]
    prox: Callable[[Array, float], Array] = None  # type: ignore[assignment]  # set below
    bends: Callable[[float], Sequence[float]] = _nowhere
    width: float = 1.0

    def __post_init__(self) -> None:
        where = "rmt.Loss"
        for name in ("slope", "curvature", "bends"):
            if not callable(getattr(self, name)):
                got = shown(getattr(self, name))
                raise ValueError(f"{where}: got {name}={got}; allowed functions; do pass e.g. a lambda")
        slope, curvature = (_values(f(_PROBES), name) for f, name in ((self.slope, "l'"), (self.curvature, "l''")))
        grows = np.diff(slope) >= -1e-12 * np.abs(slope).max()
        require(grows, where, "l' decreasing at the margin", _PROBES[1:], "convex losses", "check `slope`")
        require(curvature >= 0, where, "l''", curvature, "numbers >= 0", "check `curvature`")
        require(number(where, "width", self.width) >= 0, where, "width", self.width, "numbers >= 0", "pass a scale")
        if self.prox is None:
            object.__setattr__(self, "prox", _Prox(self.slope, self.curvature))
        for V in (0.1, 3.0):
            zeta = _values(self.prox(_PROBES, V), "prox")
            residual = np.abs(zeta + V * self.slope(zeta) - _PROBES)
            require(residual < 1e-8, where, f"|prox + {V} l'(prox) - xi|", residual, "0 (below 1e-8)", "check `prox`")

    @property
    def squared(self) -> bool:
        """True for the built-in squared loss, whose classifier is linear in the labels and has a closed-form law."""
        return self.prox is _squared_prox


def _values(result: Any, name: str) -> Array:
    """Return what a loss's function gives at the probes; ValueError unless it is one finite number for each."""
    values = real("rmt.Loss", name, result)
    if values.shape != _PROBES.shape:
        got, allowed = f"{name} of shape {values.shape} for margins of shape {_PROBES.shape}", "equal shapes"
        raise ValueError(f"rmt.Loss: got {got}; allowed {allowed}; do write it for arrays, e.g. with numpy.where")
    require(np.isfinite(values), "rmt.Loss", name, values, "finite values", "remove NaN and infinity")
    return values


@dataclass(frozen=True)
class _Prox:
    """Solve zeta + V l'(zeta) = xi by Newton's method, halving a bracket wherever a step would leave it."""

    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]

    def __call__(self, xi: Array, V: float) -> Array:
        xi = np.asarray(xi, dtype=np.float64)
        reach = np.abs(V * self.slope(xi))  # a bound on |zeta - xi|, as l' increases
        low, high, zeta = xi - reach, xi + reach, xi
        for _ in range(_STEPS):
            gap = zeta + V * self.slope(zeta) - xi
            low, high = np.where(gap <= 0, zeta, low), np.where(gap >= 0, zeta, high)
            step = zeta - gap / (1 + V * self.curvature(zeta))
            new = np.where((step >= low) & (step <= high), step, (low + high) / 2)
            if np.all(np.abs(new - zeta) <= 1e-14 * (1 + np.abs(zeta))):
                return new
            zeta = new
        return zeta


def _squared_slope(zeta: Array) -> Array:
    return zeta - 1


def _squared_prox(xi: Array, V: float) -> Array:
    return (xi + V) / (1 + V)


def _logistic_slope(zeta: Array) -> Array:
    return -expit(-zeta)


def _logistic_curvature(zeta: Array) -> Array:
    return expit(zeta) * expit(-zeta)


def _logistic_prox(xi: Array, V: float) -> Array:
    """Solve zeta + V l'(zeta) = xi by Newton's method with monotone steps.

    For zeta >= 0 the function zeta - xi - V s(-zeta), s the logistic function, is increasing and concave, so Newton's
    steps from the left never pass the root. Negative roots are reflected: zeta -> -zeta, xi -> -(xi + V). With
    k = log(V/2) the start is zeta = k - log max(1, k - xi), which lies on the left because s(-zeta) >= e^-zeta/2.
    """
    negative = xi < -V / 2
    target = np.where(negative, -(xi + V), xi)
    k = np.log(V / 2)
    zeta = np.maximum(np.maximum(target, 0.0), k - np.log(np.maximum(1.0, k - target)))
    for _ in range(_STEPS):
        tail = expit(-zeta)
        step = (zeta - target - V * tail) / (1 + V * tail * (1 - tail))
        zeta -= step
        if -step.min(initial=0.0) <= 1e-9:  # the next error is about the square of this
            break
    return np.where(negative, -zeta, zeta)


def _logistic_bends(V: float) -> Sequence[float]:
    return (0.0, -V) if V > 2 else (-V / 2,)


@dataclass(frozen=True)
class _Hinge:
    """The functions of the smoothed hinge of a given width."""

    width: float

    def slope(self, zeta: Array) -> Array:
        return np.clip((zeta - 1) / self.width, -1.0, 0.0)

    def curvature(self, zeta: Array) -> Array:
        return np.where((zeta <= 1) & (zeta >= 1 - self.width), 1 / self.width, 0.0)

    def prox(self, xi: Array, V: float) -> Array:
        middle = (xi + V / self.width) / (1 + V / self.width)
        return np.where(xi >= 1, xi, np.where(xi + V <= 1 - self.width, xi + V, middle))

    def bends(self, V: float) -> Sequence[float]:
        return (1.0, 1 - self.width - V)


def smoothed_hinge(width: float = 0.5) -> Loss:
    """l = 0 for zeta >= 1, (1-zeta)^2/(2 width) down to 1 - width, and 1 - zeta - width/2 below that: no corner.

    Args:
        width: range of margins over which the slope changes from -1 to 0, from 1e-6 to 1e6.

    Raises:
        ValueError: width outside its range.

    >>> smoothed_hinge(0.5).slope(np.array([-1.0, 0.75, 2.0])).tolist()
    [-1.0, -0.5, 0.0]
    """
    where = "rmt.losses.smoothed_hinge"
    value = number(where, "width", width)
    require(1e-6 <= value <= 1e6, where, "width", value, "numbers > 0, from 1e-6 to 1e6", "pass e.g. 0.5")
    hinge = _Hinge(value)
    return Loss(slope=hinge.slope, curvature=hinge.curvature, prox=hinge.prox, bends=hinge.bends, width=0.0)


LOSSES: dict[str, Loss] = {
    "squared": Loss(slope=_squared_slope, curvature=np.ones_like, prox=_squared_prox, width=1.0),
    "logistic": Loss(
        slope=_logistic_slope, curvature=_logistic_curvature, prox=_logistic_prox, bends=_logistic_bends, width=1.0
    ),
    "smoothed hinge": smoothed_hinge(),
}


def named(loss: Any, where: str) -> Loss:
    """Return the built-in loss of that name, or the `Loss` itself; ValueError for anything else."""
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    raise ValueError(
        f"{where}: got loss={shown(loss)}; allowed {', '.join(map(repr, LOSSES))} or an rmt.Loss; do pass one of them"
    )
