"""Work on configurations as plain nested values: dotted names, overrides, differences, short digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from empirical.system.errors import require


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to dotted names; an empty table stays, so that two settings never look the same.

    >>> flat({"growth": {"initial": 8}, "seed": 1, "acquire": {}})
    {'growth.initial': 8, 'seed': 1, 'acquire': {}}
    """
    result: dict[str, Any] = {}
    for key, value in values.items():
        nested = isinstance(value, Mapping) and bool(value)
        result |= flat(value, f"{prefix}{key}.") if nested else {prefix + key: value}
    return result


def differences(stored: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Describe where two configurations differ, as "name = stored, not expected"; empty where they agree."""
    one, other = (json.loads(json.dumps(flat(values))) for values in (stored, expected))
    names = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
    return ", ".join(f"{name} = {one.get(name)!r}, not {other.get(name)!r}" for name in names)


def values_digest(values: Any) -> str:
    """Return 16 hexadecimal digits that name plain values, the same on every machine."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def merged(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Apply dotted `overrides` to `values`: {"growth.additions": 3} sets values["growth"]["additions"]."""
    result = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    for dotted, value in overrides.items():
        *path, last = dotted.split(".")
        target = result
        for part in path:
            target = target.setdefault(part, {})
            require(isinstance(target, dict), dotted, value, "a setting of a section", "correct the dotted name")
        target[last] = value
    return result
