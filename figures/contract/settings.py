"""From a TOML table to a figure's checked settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """The dataclass `cls` from exactly its fields, each of the annotated kind: int, float (finite) or a list of these.

    Raises ValueError naming unknown and missing keys, with the allowed ones, or the first value of a wrong kind.
    """
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    unknown, missing = sorted(values.keys() - set(names)), sorted(set(names) - values.keys())
    if unknown or missing:
        raise ValueError(
            f"{where}: got unknown keys {unknown}, missing keys {missing}; allowed exactly {', '.join(names)}; "
            "do correct the keys"
        )
    for name, kind in get_type_hints(cls).items():
        if not _is_a(values[name], kind):
            raise ValueError(f"{where}.{name}: got {values[name]!r}; allowed {_say(kind)}; do correct the value")
    return cls(**values)


def _is_a(value: Any, kind: Any) -> bool:
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is_a(item, get_args(kind)[0]) for item in value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole or (kind is float and isinstance(value, float) and math.isfinite(value))


def _say(kind: Any) -> str:
    if get_origin(kind) is list:
        return f"a list, each {_say(get_args(kind)[0])}"
    return "a whole number" if kind is int else "a finite number"


def require(valid: bool, where: str, got: Any, allowed: str) -> None:
    """Raise ValueError, in the form of all the project's messages, unless `valid`."""
    if not valid:
        raise ValueError(f"{where}: got {got!r}; allowed {allowed}; do correct the value")
