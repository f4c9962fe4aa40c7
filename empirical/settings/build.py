"""Turn plain tables into checked dataclasses: unknown keys, missing keys and wrong types are refused by name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from empirical.system.errors import InputError, require

KINDS: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    str: "a text",
    bool: "true or false",
    list: "a list",
    dict: "a table",
    NoneType: "nothing",
}
PLAIN = {int, float, str, bool}


def build(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """Make the dataclass `cls` of `values`. InputError names an unknown or missing key or a value of another type."""
    known, hints = {f.name: f for f in dataclasses.fields(cls)}, _hints(cls)
    for key in values:
        allowed = f"the keys {', '.join(known)}" if known else "no keys"
        require(key in known, f"{where}.{key}", values[key], allowed, "remove or rename the key")
    for name, f in known.items():
        optional = f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
        require(name in values or optional, f"{where}.{name}", None, "a value", "add the key")
    return cls(**{key: checked(value, hints[key], f"{where}.{key}") for key, value in values.items()})


@lru_cache(maxsize=64)
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def checked(value: Any, hint: Any, where: str) -> Any:
    """Check a value against its type hint; integers become floats and lists become tuples where the hint asks so.

    >>> checked({"digits": 8}, dict[str, int], "fig4.toml: presets.quick.seeds")
    {'digits': 8}
    """
    for number in value if isinstance(value, list | tuple) else [value]:
        if type(number) is int and number.bit_length() > 63:
            got = f"an integer of {number.bit_length()} bits"
            raise InputError(where, got, "integers of at most 63 bits", "correct the value")
    if hint is float and type(value) is int:
        return float(value)
    if hint in (tuple[int, int], tuple[float, float]):
        number = get_args(hint)[0]
        pair = isinstance(value, list | tuple) and len(value) == 2
        require(pair and all(type(v) in {int, number} for v in value), where, value, f"a pair, each {KINDS[number]}")
        require(all(map(math.isfinite, value)), where, value, "finite numbers")
        return tuple(map(number, value))
    if hint == tuple[float, ...]:
        require(isinstance(value, list | tuple), where, value, "a list of numbers")
        return tuple(checked(number, float, f"{where}[{index}]") for index, number in enumerate(value))
    if isinstance(hint, UnionType):
        return _one_of(value, get_args(hint), where)
    if get_origin(hint) is list:
        require(isinstance(value, list), where, value, "a list")
        (item_hint,) = get_args(hint)
        plain = set(map(type, value)) <= PLAIN.intersection(get_args(item_hint) or [item_hint])
        if plain and all(type(item) is not float or math.isfinite(item) for item in value):
            return value  # at once: a result has thousands of numbers
        return [checked(item, item_hint, f"{where}[{index}]") for index, item in enumerate(value)]
    if get_origin(hint) is dict:
        require(isinstance(value, Mapping), where, value, "a table")
        return {key: checked(item, get_args(hint)[1], f"{where}.{key}") for key, item in value.items()}
    if hint in KINDS:
        require(type(value) is hint, where, value, f"a value of type {hint.__name__}")
        require(hint is not float or math.isfinite(value), where, value, "a finite number")
    return value


def _one_of(value: Any, hints: tuple[Any, ...], where: str) -> Any:
    """Check a value against the first of several type hints that its own type is of."""
    for hint in hints:
        if type(value) is (get_origin(hint) or hint):
            return checked(value, hint, where)
    raise InputError(where, value, " or ".join(KINDS[get_origin(hint) or hint] for hint in hints), "correct the value")
