"""Check arguments and results; every refusal reads `where: got X; allowed Y; do Z`."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def real(where: str, name: str, value: Any) -> Floats:
    """Return `value` as a float64 array; ValueError unless its entries are real numbers, True or False, unmasked."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or isinstance(value, np.ma.MaskedArray):
            raise TypeError
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"{where}: got {name} = {_shown(value)}; allowed real numbers, unmasked, whole ones below 2^64; "
            "do pass floats or an array of them"
        ) from None


def finite(where: str, **values: Any) -> tuple[Floats, ...]:
    """Return named values as float64 arrays; ValueError unless they are `real` and finite."""
    arrays = tuple(real(where, name, value) for name, value in values.items())
    for name, array in zip(values, arrays, strict=True):
        bad = array[~np.isfinite(array)]
        if bad.size:
            raise ValueError(f"{where}: got {name} with {bad[0]}; allowed finite numbers; do leave such entries out")
    return arrays


def number(where: str, name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> float:
    """Return one finite number as a float; ValueError unless it lies between `low` and `high`."""
    array = real(where, name, value)
    if array.ndim or not low < array < high or not np.isfinite(array):
        allowed = f"one finite number between {low:g} and {high:g}"
        raise ValueError(f"{where}: got {name} = {_shown(value)}; allowed {allowed}; do pass a float")
    return float(array)


def whole(where: str, name: str, value: Any, least: int) -> int:
    """Return a whole number as an int; ValueError unless it is an int, not a bool, from `least` to 2^63 - 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value < 2**63:
        allowed = f"whole numbers >= {least} and below 2^63"
        raise ValueError(f"{where}: got {name} = {_shown(value)}; allowed {allowed}; do pass an int")
    return int(value)


def generator(where: str, rng: Any) -> None:
    """Raise a ValueError unless `rng` is a NumPy generator."""
    if not isinstance(rng, np.random.Generator):
        do = "pass rng=numpy.random.default_rng(seed)"
        raise ValueError(f"{where}: got rng = {_shown(rng)}; allowed numpy.random.Generator; do {do}")


def in_range(where: str, *results: Any) -> None:
    """Raise a ValueError unless every result is finite: an infinity or a NaN has left double precision's range."""
    if not all(np.isfinite(result).all() for result in results):
        raise ValueError(
            f"{where}: got numbers so extreme that a result leaves the range of double precision; "
            "allowed numbers from 1e-150 to 1e150 in size; do change their unit"
        )


def _shown(value: Any) -> str:
    """Return a short repr of a refused value."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python does not print such numbers
        return "a whole number of more than 4,300 digits"
