"""Fit the loss of models of N parameters trained on D tokens: L(N, D) = floor + scale_n N^-a + scale_d D^-b."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from scaling._check import Floats, finite, generator, in_range, number, whole
from scaling.bootstrap import Interval
from scaling.forms import EXPONENTS
from scaling.noise import LARGEST, SMALLEST
from scaling.projection import minimise, project

NAMES = ("floor", "scale_n", "exponent_n", "scale_d", "exponent_d")
FLOP_PER_TOKEN = 6.0  # training costs 6 N D operations (Kaplan et al. 2020)
_ROUNDS = 6  # of Tukey's weights
_TUKEY = 4.685  # residuals beyond this many robust standard deviations do not count (95 % efficient)
_KEPT = 0.83  # share of a normal variance that is left under these weights


class Estimate(NamedTuple):
    """Values with bands, of the shape that was asked for."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A fitted L(N, D), with bootstrap intervals over runs.

    parameters: floor, scale_n, exponent_n, scale_d, exponent_d, each with value, low, high. share: b / (a + b), the
    exponent of the compute-optimal N in C = 6 N D. scatter: robust relative standard deviation of the residuals.
    """

    parameters: Mapping[str, Interval]
    share: Interval
    scatter: float
    runs: int
    converged: bool
    confidence: float
    draws: Floats = field(repr=False)  # (1 + R, 5), the fit itself first

    def predict(self, n: ArrayLike, d: ArrayLike) -> Estimate:
        """Compute the loss at N and D, which broadcast, with bands."""
        sizes, tokens = finite("scaling.Surface.predict", n=n, d=d)
        floor, scale_n, a, scale_d, b = self.draws.T.reshape(5, -1, *(1,) * np.broadcast(sizes, tokens).ndim)
        losses = floor + scale_n * sizes**-a + scale_d * tokens**-b  # (1 + R, ...)
        return self._estimate("scaling.Surface.predict", losses)

    def optimum(self, compute: ArrayLike) -> tuple[Estimate, Estimate]:
        """Compute the N and the D of least loss for `compute` = 6 N D operations, with bands.

        N = (a scale_n / (b scale_d))^(1 / (a + b)) (C / 6)^(b / (a + b)) (Hoffmann et al. 2022, Eq. 4).
        """
        (budget,) = finite("scaling.Surface.optimum", compute=compute)
        _, scale_n, a, scale_d, b = self.draws.T.reshape(5, -1, *(1,) * budget.ndim)
        n = (a * scale_n / (b * scale_d)) ** (1 / (a + b)) * (budget / FLOP_PER_TOKEN) ** (b / (a + b))
        where = "scaling.Surface.optimum"
        return self._estimate(where, n), self._estimate(where, budget / (FLOP_PER_TOKEN * n))

    def _estimate(self, where: str, samples: Floats) -> Estimate:
        in_range(where, samples)
        low, high = np.quantile(samples[1:], [(1 - self.confidence) / 2, (1 + self.confidence) / 2], axis=0)
        return Estimate(samples[0], np.minimum(low, samples[0]), np.maximum(high, samples[0]))


def chinchilla(
    n: ArrayLike,
    d: ArrayLike,
    loss: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 200,
    rng: np.random.Generator | None = None,
) -> Surface:
    """Fit L(N, D) = floor + scale_n N^-a + scale_d D^-b to single runs by variable projection.

    n, d, loss (runs >= 8,) > 0. The search is over (a, b); floor and scales >= 0 have a closed form. Residuals are
    relative, with Tukey's biweight, since diverged runs are common. Intervals resample runs.
    Without `rng` the draws are those of seed 0. Raises ValueError for other shapes and sizes, and fewer than 3
    different N or D.

    >>> n, d = (v.ravel() for v in np.meshgrid([1e8, 3e8, 1e9, 3e9], [1e9, 1e10, 1e11]))
    >>> fit = chinchilla(n, d, 1.7 + 400 * n**-0.34 + 410 * d**-0.28)
    >>> [round(fit.parameters[name].value, 2) for name in ("floor", "exponent_n", "exponent_d")]
    [1.7, 0.34, 0.28]
    """
    where = "scaling.chinchilla"
    sizes, tokens, losses = finite(where, n=n, d=d, loss=loss)
    if sizes.ndim != 1 or not sizes.shape == tokens.shape == losses.shape or len(sizes) < 8:
        shapes = f"n {sizes.shape}, d {tokens.shape}, loss {losses.shape}"
        raise ValueError(f"{where}: got {shapes}; allowed one shape (runs >= 8,); do give one entry per run")
    for name, v, least in (("n", sizes, 3), ("d", tokens, 3), ("loss", losses, 1)):
        if not SMALLEST <= v.min() <= v.max() <= LARGEST * 1e3 or len(np.unique(v)) < least:
            allowed = f"numbers > 0, from {SMALLEST:g} to {LARGEST * 1e3:g}, at least {least} different ones"
            raise ValueError(f"{where}: got {name} from {v.min():g} to {v.max():g}; allowed {allowed}; do so")
    number(where, "confidence", confidence, 0, 1)
    whole(where, "resamples", resamples, 2)
    rng = np.random.default_rng(0) if rng is None else rng
    generator(where, rng)
    u, v = np.log(sizes) - np.log(sizes).mean(), np.log(tokens) - np.log(tokens).mean()

    def basis(theta: Floats) -> Floats:
        powers = [np.exp(-np.exp(theta[..., i, None]) * w) for i, w in enumerate((u, v))]
        return np.stack([np.ones_like(powers[0]), *powers], axis=-2)

    bounds = [tuple(np.log(EXPONENTS))] * 2
    axis = np.log(np.geomspace(0.02, 3, 16))
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    robust = np.ones_like(losses)
    for _ in range(_ROUNDS):
        best = minimise(basis, losses[None], robust / losses**2, grid, bounds)
        _, residual = project(basis(best.theta[0]), losses, losses**-2.0)
        scatter = float(np.median(np.abs(residual))) / 0.6745
        robust = np.maximum(1e-6, 1 - (residual / max(_TUKEY * scatter, 1e-12)) ** 2).clip(0) ** 2
        grid = best.theta
    freedom = max(float(robust.sum()) - len(NAMES), 1.0)
    scatter = float(np.sqrt(np.sum(robust * residual**2) / freedom / _KEPT))
    g = rng.standard_normal((resamples, len(losses))) * np.sqrt(freedom / rng.chisquare(freedom, (resamples, 1)))
    drawn = losses + scatter * g * losses
    fits = minimise(basis, np.concatenate([losses[None], drawn]), robust / losses**2, best.theta, bounds)
    a, b = np.exp(fits.theta.T)
    floor, scale_n, scale_d = fits.coefficients.T
    with np.errstate(over="ignore"):
        scale_n, scale_d = scale_n * np.exp(a * np.log(sizes).mean()), scale_d * np.exp(b * np.log(tokens).mean())
    draws = np.column_stack([floor, scale_n, a, scale_d, b])
    in_range(where, draws)
    columns = [*draws.T, b / (a + b)]
    lows, highs = np.quantile(columns, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)  # (6,), (6,)
    *parameters, share = (
        Interval(float(column[0]), float(low), float(high))
        for column, low, high in zip(columns, lows, highs, strict=True)
    )
    return Surface(
        parameters=dict(zip(NAMES, parameters, strict=True)),
        share=share,
        scatter=scatter,
        runs=len(losses),
        converged=bool(fits.converged[0]),
        confidence=confidence,
        draws=draws,
    )
