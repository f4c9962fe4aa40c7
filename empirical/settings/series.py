"""Read the series of runs in an experiment's file, with the settings that the series of a world share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from empirical.system.errors import require


def series(name: str, experiment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the `[[series]]` of an experiment, `[common.<world>]` below the `set` of each without `common = false`.

    `name` is that of the experiment, for messages.

    >>> tables = {"common": {"digits": {"acquire.omega": 0.1}}, "series": [{"world": "digits", "set": {"seed": 1}}]}
    >>> series("fig4", tables)
    [{'world': 'digits', 'set': {'acquire.omega': 0.1, 'seed': 1}}]
    """
    entries, common = experiment.get("series", []), experiment.get("common", {})
    worlds = list(dict.fromkeys(entry["world"] for entry in entries))
    require(set(common) <= set(worlds), f"{name}.toml: common", sorted(common), ", ".join(worlds), "name such a world")
    resolved = []
    for entry in entries:
        values = {key: value for key, value in entry.items() if key != "common"}
        shared = common.get(entry["world"], {}) if entry.get("common", True) else {}
        resolved.append({**values, "set": {**shared, **entry.get("set", {})}})
    return resolved
