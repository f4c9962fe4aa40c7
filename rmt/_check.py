"""Checks at the boundary: every refusal reads `where: got X; allowed Y; do Z`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = float | NDArray[Any]  # a number or an array of numbers


def frozen(where: str, name: str, value: Any) -> float | NDArray[np.float64]:
    """`value` as a Python float or as a read-only float64 copy; ValueError unless real and finite."""
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "iuf":
            raise TypeError
        array = given.astype(np.float64)  # always a copy
    except (TypeError, ValueError):
        raise ValueError(f"{where}: got {name}={value!r}; allowed real numbers; do pass a number or an array") from None
    require(np.isfinite(array), where, name, array, "finite values", "remove NaN and infinity")
    if array.ndim == 0:
        return float(array)
    array.setflags(write=False)
    return array


def require(ok: Any, where: str, name: str, value: Any, allowed: str, do: str) -> None:
    """ValueError naming the first entry of `value` at which `ok` is false; an entry may be a row of numbers."""
    bad = ~np.atleast_1d(ok)
    if bad.any():
        entries = np.asarray(value)
        entries = entries.reshape(bad.shape + entries.shape[np.ndim(ok) :])
        got = entries[bad][0]
        raise ValueError(f"{where}: got {name}={got}; allowed {allowed}; do {do}")


def broadcast(where: str, **values: Any) -> tuple[int, ...]:
    """The common shape of named values; ValueError naming all shapes if there is none."""
    shapes = {name: np.shape(value) for name, value in values.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        got = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"{where}: got shapes {got}; allowed shapes that broadcast together; do reshape them, e.g. n[:, None]"
        ) from None


def plain(value: Any) -> Any:
    """A Python float for a zero-dimensional result, the array otherwise."""
    return float(value) if np.ndim(value) == 0 else value
