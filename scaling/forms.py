"""Define the forms of scaling laws: each gives its basis functions, its starts, and its parameters by name.

All forms describe an error e(x) > 0 that falls with x. Inside, u = log x - mean(log x), so that coefficients have the
size of the errors; `decode` returns to x itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit

from scaling._check import Floats

EXPONENTS = (1e-3, 10.0)  # exponents are searched here
_LOG_EXPONENTS = (float(np.log(EXPONENTS[0])), float(np.log(EXPONENTS[1])))


@dataclass(frozen=True, kw_only=True)
class Form:
    """A scaling law.

    formula: as it is written. parameters: names, in the order of `decode`. least: the least number of sizes to fit.
    basis: theta (..., P), u (K,) -> basis functions (..., L, K); the error is their combination with coefficients >= 0.
    bounds: of theta, given u. grid: starts (G, P), given u. decode: theta (R, P), coefficients (R, L), mean log x ->
    parameters (R, names). places: for each parameter, the index of its coefficient, or L + the index of its theta.
    """

    name: str
    formula: str
    parameters: tuple[str, ...]
    least: int
    basis: Callable[[Floats, Floats], Floats]
    bounds: Callable[[Floats], list[tuple[float, float]]]
    grid: Callable[[Floats], Floats]
    decode: Callable[[Floats, Floats, float], Floats]
    places: tuple[int, ...]


def _exponent_bounds(_: Floats) -> list[tuple[float, float]]:
    return [_LOG_EXPONENTS]


def _exponent_grid(_: Floats) -> Floats:
    return _log(0.01, 5, 60)[:, None]


def _powers(theta: Floats, u: Floats) -> Floats:
    """u -> exp(-a u) with a = exp(theta_0), (..., K)."""
    return np.exp(-np.exp(theta[..., :1]) * u)


def _power_basis(theta: Floats, u: Floats) -> Floats:
    return _powers(theta, u)[..., None, :]


def _power_floor_basis(theta: Floats, u: Floats) -> Floats:
    power = _powers(theta, u)
    return np.stack([np.ones_like(power), power], axis=-2)


def _decode_power(theta: Floats, coefficients: Floats, centre: float) -> Floats:
    exponent = np.exp(theta[:, 0])
    scale = coefficients[:, -1] * np.exp(exponent * centre)
    return np.column_stack([coefficients[:, :-1], scale, exponent])


def _saturating_basis(theta: Floats, u: Floats) -> Floats:
    """Return sigma(-t), sigma(t) with log sigma(t) - alpha log sigma(-t) = -a (u - u0): e = floor ... + start ... ."""
    exponent, place, alpha = np.exp(theta[..., :1]), theta[..., 1:2], np.exp(theta[..., 2:3])
    c = -exponent * (u - place)  # (..., K)
    t = np.where(c < 0, c, c / alpha)
    for _ in range(12):  # Newton: the slope lies between min(1, alpha) and max(1, alpha)
        slope = np.exp(log_expit(-t)) + alpha * np.exp(log_expit(t))
        t = t - (log_expit(t) - alpha * log_expit(-t) - c) / slope
    return np.stack([np.exp(log_expit(-t)), np.exp(log_expit(t))], axis=-2)


def _decode_saturating(theta: Floats, coefficients: Floats, centre: float) -> Floats:
    exponent, alpha = np.exp(theta[:, 0]), np.exp(theta[:, 2])
    floor, start = coefficients.T
    drop = np.maximum(start - floor, 1e-300)
    scale = np.exp(np.clip((1 - alpha) * np.log(drop) + exponent * (centre + theta[:, 1]), -600, 600))
    return np.column_stack([floor, start, scale, exponent, alpha])


def _broken_basis(theta: Floats, u: Floats) -> Floats:
    first, last = np.exp(theta[..., :1]), np.exp(theta[..., 1:2])
    place, width = theta[..., 2:3], np.exp(theta[..., 3:4])
    bend = width * np.logaddexp(0.0, (u - place) / width)
    return np.exp(-first * u - (last - first) * bend)[..., None, :]


def _decode_broken(theta: Floats, coefficients: Floats, centre: float) -> Floats:
    first, last, place, width = np.exp(theta[:, 0]), np.exp(theta[:, 1]), theta[:, 2], np.exp(theta[:, 3])
    scale = coefficients[:, 0] * np.exp(first * centre)
    return np.column_stack([scale, first, last, np.exp(place + centre), width])


def _grid(*axes: NDArray[np.float64]) -> Floats:
    return np.array(list(itertools.product(*axes)))


def _log(low: float, high: float, number: int) -> Floats:
    return np.log(np.geomspace(low, high, number))


FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form(
            name="power",
            formula="scale x^-exponent",
            parameters=("scale", "exponent"),
            least=3,
            basis=_power_basis,
            bounds=_exponent_bounds,
            grid=_exponent_grid,
            decode=_decode_power,
            places=(0, 1),
        ),
        Form(
            name="power_floor",
            formula="floor + scale x^-exponent",
            parameters=("floor", "scale", "exponent"),
            least=4,
            basis=_power_floor_basis,
            bounds=_exponent_bounds,
            grid=_exponent_grid,
            decode=_decode_power,
            places=(0, 1, 2),
        ),
        Form(  # M4 of Alabdulmohsin, Neyshabur and Zhai (2022)
            name="saturating",
            formula="(e - floor) / (start - e)^sharpness = scale x^-exponent",
            parameters=("floor", "start", "scale", "exponent", "sharpness"),
            least=7,
            basis=_saturating_basis,
            bounds=lambda u: [_LOG_EXPONENTS, (2 * u[0] - u[-1], u[-1]), (np.log(0.1), np.log(10))],
            grid=lambda u: _grid(_log(0.05, 3, 14), np.linspace(1.5 * u[0], u[-1], 9), _log(0.3, 3, 3)),
            decode=_decode_saturating,
            places=(0, 1, 3, 2, 4),
        ),
        Form(  # one break, of Caballero et al. (2023)
            name="broken",
            formula="scale x^-exponent_before (1 + (x / break)^(1 / width))^(-width (exponent - exponent_before))",
            parameters=("scale", "exponent_before", "exponent", "break", "width"),
            least=8,
            basis=_broken_basis,
            bounds=lambda u: [_LOG_EXPONENTS, _LOG_EXPONENTS, (u[1], u[-2]), (np.log(0.02), np.log(3))],
            grid=lambda u: _grid(
                _log(0.03, 3, 8), _log(0.03, 3, 8), np.linspace(u[0], u[-1], 9)[2:-2], _log(0.1, 1, 2)
            ),
            decode=_decode_broken,
            places=(0, 1, 2, 3, 4),
        ),
    )
}
