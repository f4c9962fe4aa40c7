"""Check arguments and results; every refusal reads `where: got X; allowed Y; do Z`."""

import reprlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Values = float | NDArray[Any]  # a number or an array of numbers


def real(where: str, name: str, value: Any, kinds: str = "iuf") -> Array:
    """Return `value` as a float64 array; ValueError unless its entries are real numbers and none of them is masked.

    `kinds` are the NumPy kinds of numbers that are allowed: "i", "u", "f", and "b" where True and False stand for 1, 0.
    """
    try:
        given = np.asarray(value)
        if given.dtype.kind not in kinds or isinstance(value, np.ma.MaskedArray):
            raise TypeError
        with np.errstate(over="ignore"):  # a longdouble may become infinite
            return given.astype(np.float64, copy=False)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"{where}: got {name}={shown(value)}; allowed real numbers, unmasked, whole ones below 2^64; "
            "do pass floats or an array of them"
        ) from None


def frozen(where: str, name: str, value: Any) -> float | Array:
    """Return `value` as a Python float or as a read-only float64 copy; ValueError unless it is `real` and finite."""
    array = real(where, name, value).copy()
    require(np.isfinite(array), where, name, array, "finite values", "remove NaN and infinity")
    if array.ndim == 0:
        return float(array)
    array.setflags(write=False)
    return array


def number(where: str, name: str, value: Any) -> float:
    """Return one number as a Python float; ValueError unless it is real, finite and no array."""
    result = frozen(where, name, value)
    if not isinstance(result, float):
        raise ValueError(f"{where}: got {name}={shown(value)}; allowed one number; do call once per number")
    return result


def shown(value: Any) -> str:
    """Return a short repr of a refused value."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python does not print such numbers
        return "a whole number of more than 4,300 digits"


def require(ok: Any, where: str, name: str, value: Any, allowed: str, do: str) -> None:
    """Raise a ValueError with the first entry of `value` at which `ok` is false; an entry may be a row of numbers."""
    bad = ~np.atleast_1d(ok)
    if bad.any():
        entries = np.asarray(value)
        entries = entries.reshape(bad.shape + entries.shape[np.ndim(ok) :])
        got = entries[bad][0]
        raise ValueError(f"{where}: got {name}={got}; allowed {allowed}; do {do}")


def whole(where: str, name: str, value: Any, least: int, do: str) -> int:
    """Return a whole number as an int; ValueError unless it is an int, not a bool, from `least` to 2^63 - 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value < 2**63:
        got = shown(value)
        raise ValueError(f"{where}: got {name}={got}; allowed whole numbers >= {least} and below 2^63; do {do}")
    return int(value)


def finite(where: str, *values: Values) -> None:
    """Raise a ValueError unless every result is finite: an infinity or a NaN has left double precision's range."""
    if not all(np.isfinite(value).all() for value in values):
        raise ValueError(
            f"{where}: got n, d, ridge or keep fraction so extreme that a result leaves the range of double precision; "
            "allowed (to full accuracy) ridge 1e-12 to 1e6, d/n 1e-6 to 1e6, keep fraction 1e-6 to 1; do stay nearer it"
        )


def first(bad: Any, *values: Any) -> tuple[Any, ...] | None:
    """Return the entries of `values` at the first place where `bad` is true; None where it is true nowhere."""
    places = np.flatnonzero(bad)
    return tuple(np.ravel(value)[places[0]] for value in values) if len(places) else None


def broadcast(where: str, **values: Any) -> tuple[int, ...]:
    """Return the common shape of named values; ValueError with all their shapes if there is none."""
    shapes = {name: np.shape(value) for name, value in values.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        got = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"{where}: got shapes {got}; allowed shapes that broadcast together; do reshape them, e.g. n[:, None]"
        ) from None


def plain(value: Any) -> Any:
    """Return a Python float for a zero-dimensional result, and the array otherwise."""
    return float(value) if np.ndim(value) == 0 else value
