"""Stop at the first number that is not finite: it must never be stored, averaged or called a result."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch takes seconds to load, and plain values do without
    from torch import Tensor


def require_finite(where: str, values: Tensor | float, do: str) -> None:
    """Raise FloatingPointError if a value is not finite; the first axis of a tensor counts samples.

    where: the place, "sampling: images from 256 on". do: the setting to change, "lower acquire.omega".
    """
    if isinstance(values, float | int):
        if math.isfinite(values):
            return
        got = str(values)
    else:
        if bool(values.isfinite().all()):
            return
        rows = values.reshape(len(values), -1)
        bad = (~rows.isfinite()).any(1).nonzero().flatten()
        first = rows[bad[0]]
        example = float(first[~first.isfinite()][0])
        got = f"{example} in {len(bad)} of {len(rows)}, the first at place {int(bad[0])}"
    raise FloatingPointError(f"{where}: got {got}; allowed finite numbers; {do}")


def require_finite_values(where: str, values: Mapping[str, Any], do: str) -> None:
    """Raise FloatingPointError that names the first number in nested plain values that is not finite."""
    for name, value in _numbers(values, ""):
        require_finite(f"{where}: {name}", value, do)


def _numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _numbers(inner, f"{name}[{i}]")
