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

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from empirical.system.errors import require


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted names."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return result


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Where two configurations differ, as "name = found, not wanted"; empty where they do not."""
    one, other = (json.loads(json.dumps(flat(values))) for values in (found, wanted))
    names = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
    return ", ".join(f"{name} = {one.get(name)!r}, not {other.get(name)!r}" for name in names)


def values_digest(values: Any) -> str:
    """A short name for plain values, the same on every machine."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def merged(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with dotted `overrides` applied: {"growth.additions": 3} sets values["growth"]["additions"]."""
    result = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    for dotted, value in overrides.items():
        *path, last = dotted.split(".")
        target = result
        for part in path:
            target = target.setdefault(part, {})
            require(isinstance(target, dict), dotted, value, "a setting of a section", "correct the dotted name")
        target[last] = value
    return result
