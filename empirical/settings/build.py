"""The configuration of one run: frozen dataclasses, one default in one place, unknown keys refused.

A run is a pure function of its `Run`. Recipes are TOML files with the same sections:

    [world]     which data world, and its options     (the fields of the class in `empirical.worlds`)
    [learner]   the model that is trained
    [training]  its optimiser and schedule
    [sampling]  the diffusion sampler
    [growth]    when data are added, and how many
    [acquire]   how the added data are made or chosen
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, get_type_hints

from empirical.system.errors import require


def build(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """Make a dataclass of `values`, refusing unknown keys, missing keys and wrong types by name."""
    hints = get_type_hints(cls)
    known = {f.name: f for f in dataclasses.fields(cls)}
    for key in values:
        require(key in known, f"{where}.{key}", values[key], f"the keys {', '.join(known)}", "remove or rename the key")
    for name, f in known.items():
        optional = f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
        require(name in values or optional, f"{where}.{name}", None, "a value", "add the key")
    return cls(**{key: _coerce(value, hints[key], f"{where}.{key}") for key, value in values.items()})


def _coerce(value: Any, hint: Any, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint == tuple[int, int]:
        require(
            isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int for v in value),
            where,
            value,
            "a pair of integers",
        )
        return tuple(value)
    if hint == tuple[float, float]:
        pair = isinstance(value, list | tuple) and len(value) == 2 and all(type(v) in (int, float) for v in value)
        require(pair and all(map(math.isfinite, value)), where, value, "a pair of numbers")
        return tuple(map(float, value))
    if hint in (int, float, str, bool):
        require(type(value) is hint, where, value, f"a value of type {hint.__name__}")
        require(hint is not float or math.isfinite(value), where, value, "a finite number")
    elif hint == int | None:
        require(value is None or type(value) is int, where, value, "an integer")
    return value
