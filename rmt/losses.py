"""Convex losses of the margin y <x, w>: what theory and simulation ask of them.

The theory needs, of a loss l, its proximal map prox(omega, V) = argmin_u (u - omega)^2/(2V) + l(u) and l''; Newton's
method on data needs l' and l''. All are functions of arrays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from rmt._check import require

__all__ = ["LOSSES", "Loss", "LossName", "find", "smoothed_hinge"]

Array = NDArray[np.float64]
LossName = str  # "squared", "logistic" or "smoothed hinge"
_STEPS = 200  # of the iterations of a proximal map
_PROBES = np.linspace(-30.0, 30.0, 241)  # margins at which a loss is checked


def _nowhere(_: float) -> Sequence[float]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A convex loss l of the margin m = y <x, w>.

    Args:
        slope: l', of an array of margins; increasing.
        curvature: l'' >= 0, likewise; where l' bends, either side's value.
        prox: (omega, V) -> u with u + V l'(u) = omega; left out, it is found by Newton's method, some 10 times slower.
        bends: V -> the omega where prox(., V) bends or changes fast; integrals are split there.
        width: scale of omega on which it changes fast there; 0 where it has corners.

    Raises:
        ValueError: `slope` decreases, `curvature` is negative, or `prox` is not the proximal map, at one of 241 margins
            from -30 to 30.

    >>> absolute = Loss(slope=lambda m: m / np.hypot(1, m), curvature=lambda m: np.hypot(1, m) ** -3.0)
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
        slope, curvature = (np.asarray(f(_PROBES), dtype=np.float64) for f in (self.slope, self.curvature))
        grows = np.diff(slope) >= -1e-12 * np.abs(slope).max()
        require(grows, where, "l' decreasing at m", _PROBES[1:], "convex losses", "check `slope`")
        require(curvature >= 0, where, "l''", curvature, "numbers >= 0", "check `curvature`")
        require(np.isfinite(self.width) and self.width >= 0, where, "width", self.width, "numbers >= 0", "pass a scale")
        if self.prox is None:
            object.__setattr__(self, "prox", _Prox(self.slope, self.curvature))
        for V in (0.1, 3.0):
            u = np.asarray(self.prox(_PROBES, V))
            left = np.abs(u + V * self.slope(u) - _PROBES)
            require(left < 1e-8, where, f"|prox + {V} l'(prox) - omega|", left, "0 (below 1e-8)", "check `prox`")


@dataclass(frozen=True)
class _Prox:
    """u with u + V l'(u) = omega, by Newton's method, halving a bracket wherever a step would leave it."""

    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]

    def __call__(self, omega: Array, V: float) -> Array:
        omega = np.asarray(omega, dtype=np.float64)
        pull = np.abs(V * self.slope(omega))  # |u - omega| is at most this, as l' increases
        low, high, u = omega - pull, omega + pull, omega
        for _ in range(_STEPS):
            gap = u + V * self.slope(u) - omega
            low, high = np.where(gap <= 0, u, low), np.where(gap >= 0, u, high)
            step = u - gap / (1 + V * self.curvature(u))
            new = np.where((step >= low) & (step <= high), step, (low + high) / 2)
            if np.all(np.abs(new - u) <= 1e-14 * (1 + np.abs(u))):
                return new
            u = new
        return u


def _squared_prox(omega: Array, V: float) -> Array:
    return (omega + V) / (1 + V)


def _logistic_slope(m: Array) -> Array:
    return -expit(-m)


def _logistic_curvature(m: Array) -> Array:
    return expit(m) * expit(-m)


def _logistic_prox(omega: Array, V: float) -> Array:
    """Newton's method, monotone: reflecting u -> -u, omega -> -(omega + V) where u < 0 leaves a concave increasing map.

    For u >= 0 the function u - omega - V sigma(-u) is concave, and Newton's steps from the left never pass the root.
    With k = log(V/2) it starts from u = k - log max(1, k - omega), which sigma(-u) >= e^-u/2 shows to be on the left.
    """
    negative = omega < -V / 2
    target = np.where(negative, -(omega + V), omega)
    k = np.log(V / 2)
    u = np.maximum(np.maximum(target, 0.0), k - np.log(np.maximum(1.0, k - target)))
    for _ in range(_STEPS):
        tail = expit(-u)
        step = (u - target - V * tail) / (1 + V * tail * (1 - tail))
        u -= step
        if -step.min(initial=0.0) <= 1e-9:  # the next error is about the square of this
            break
    return np.where(negative, -u, u)


def _logistic_bends(V: float) -> Sequence[float]:
    return (0.0, -V) if V > 2 else (-V / 2,)


@dataclass(frozen=True)
class _Hinge:
    """Parts of the smoothed hinge."""

    width: float

    def slope(self, m: Array) -> Array:
        return np.clip((m - 1) / self.width, -1.0, 0.0)

    def curvature(self, m: Array) -> Array:
        return np.where((m <= 1) & (m >= 1 - self.width), 1 / self.width, 0.0)

    def prox(self, omega: Array, V: float) -> Array:
        middle = (omega + V / self.width) / (1 + V / self.width)
        return np.where(omega >= 1, omega, np.where(omega + V <= 1 - self.width, omega + V, middle))

    def bends(self, V: float) -> Sequence[float]:
        return (1.0, 1 - self.width - V)


def smoothed_hinge(width: float = 0.5) -> Loss:
    """l(m) = 0 for m >= 1, (1-m)^2/(2 width) down to 1 - width, and 1 - m - width/2 below: a hinge without corner.

    >>> smoothed_hinge(0.5).slope(np.array([-1.0, 0.75, 2.0])).tolist()
    [-1.0, -0.5, 0.0]
    """
    require(0 < width < np.inf, "rmt.losses.smoothed_hinge", "width", width, "numbers > 0", "pass e.g. 0.5")
    parts = _Hinge(float(width))
    return Loss(slope=parts.slope, curvature=parts.curvature, prox=parts.prox, bends=parts.bends, width=0.0)


def _shifted(m: Array) -> Array:
    return m - 1


LOSSES: dict[str, Loss] = {
    "squared": Loss(slope=_shifted, curvature=np.ones_like, prox=_squared_prox, width=1.0),
    "logistic": Loss(
        slope=_logistic_slope, curvature=_logistic_curvature, prox=_logistic_prox, bends=_logistic_bends, width=1.0
    ),
    "smoothed hinge": smoothed_hinge(),
}


def find(loss: Any, where: str) -> Loss:
    """The loss of a name, or the `Loss` itself; ValueError for anything else."""
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    raise ValueError(
        f"{where}: got loss={loss!r}; allowed {', '.join(map(repr, LOSSES))} or an rmt.Loss; do pass one of them"
    )
