"""Look up the numbers of the shipped tables, docs/tables, and write them with their standard errors.

A key names one row of a table: "figure; panel; series; quantity; x", or "...; source". Without a source it is the
measured row, where there is one. A path names one entry of a manifest's details: "figure; name; field=value; name".
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from figures.contract.table import MEASURED, Row, load

FOLDER = Path(__file__).resolve().parents[1] / "tables"
PARTS = ("panel", "series", "quantity")


@dataclass(frozen=True)
class Shipped:
    """A figure's table, and what its manifest says of how it was made."""

    rows: Sequence[Row]
    manifest: Mapping[str, Any]


@lru_cache
def shipped(figure: str, folder: Path = FOLDER) -> Shipped:
    """Read the shipped table of a figure; ValueError lists the tables where there is none of this name."""
    names = sorted(path.stem for path in folder.glob("*.csv"))
    if figure not in names:
        raise ValueError(f"docs.tables: got the figure {figure!r}; allowed {names}; do ship its table: docs/ship.py")
    return Shipped(load(folder / f"{figure}.csv"), json.loads((folder / f"{figure}.json").read_text()))


def row(key: str, folder: Path = FOLDER) -> Row:
    """Find the row of a key; ValueError says which part of the key no row has, and what the rows have there."""
    figure, *parts = (part.strip() for part in key.split(";"))
    if len(parts) not in (4, 5):
        form = "'figure; panel; series; quantity; x', or '...; source'"
        raise ValueError(f"docs.tables: got the key {key!r}; allowed {form}; do write it so")
    rows = list(shipped(figure, folder).rows)
    for name, part in zip(PARTS, parts, strict=False):
        known = list(dict.fromkeys(getattr(row, name) for row in rows))
        rows = [row for row in rows if getattr(row, name) == part]
        _require(bool(rows), key, f"{name} {part!r}", known)
    xs, x = [row.x for row in rows], float(parts[3])
    rows = [row for row in rows if math.isclose(row.x, x, rel_tol=1e-4, abs_tol=1e-12)]
    _require(bool(rows), key, f"x = {x:g}", [f"{value:g}" for value in sorted(set(xs))])
    sources = {row.source: row for row in rows}
    wanted = parts[4] if len(parts) == 5 else next((name for name in MEASURED if name in sources), rows[0].source)
    _require(wanted in sources, key, f"source {wanted!r}", list(sources))
    return sources[wanted]


def detail(path: str, folder: Path = FOLDER) -> Any:
    """Find an entry of the details of a manifest; "field=value" chooses those elements of a list that have it."""
    figure, *steps = (step.strip() for step in path.split(";"))
    entry: Any = shipped(figure, folder).manifest["details"]
    for step in steps:
        field, chooses, value = step.partition("=")
        if chooses and field.isidentifier() and isinstance(entry, list):
            known = list(dict.fromkeys(_text(element.get(field)) for element in entry))
            entry = [element for element in entry if _text(element.get(field)) == value]
            _require(bool(entry), path, step, known)
            continue
        entry = entry[0] if isinstance(entry, list) and len(entry) == 1 else entry
        known = list(entry) if isinstance(entry, dict) else [f"{len(entry)} elements: choose with field=value"]
        _require(isinstance(entry, dict) and step in entry, path, step, known)
        entry = entry[step]
    return entry


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _require(valid: bool, key: str, got: str, known: Sequence[str]) -> None:
    if not valid:
        raise ValueError(f"docs.tables {key!r}: got {got}; allowed {list(known)}; do correct the page")


def measured(value: float, stderr: float | None, signed: bool = False) -> str:
    """Write a number and its standard error, of which one digit counts; an exact number to three digits.

    Numbers below 1 have at least three decimals.

    >>> measured(0.9629, 0.0028), measured(0.000141, 4e-6), measured(1.92, 0.03), measured(0.05024, None)
    ('.963 +- .003', '.000141 +- .000004', '1.92 +- .03', '.0502')
    >>> measured(0.0329, 0.005, signed=True), measured(1683.4, None)
    ('+.033 +- .005', '1,683')
    """
    if stderr is None:
        return plain(value, decimals(abs(value)) + 2 if 0 < abs(value) < 100 else 0, signed)
    places = max(3 if abs(value) < 1 else 2, decimals(stderr)) if abs(value) < 100 else 0
    return f"{plain(value, places, signed)} +- {plain(stderr, places)}"


def decimals(number: float) -> int:
    """Return how many decimals show the first digit of a positive number; 0 for 0, or where it is above 1.

    >>> decimals(0.0042), decimals(3.5), decimals(0.0)
    (3, 0, 0)
    """
    return max(0, -math.floor(math.log10(number))) if number > 0 else 0


def plain(value: float, places: int, signed: bool = False) -> str:
    """Write a number without the zero in front of its point.

    >>> plain(-0.0304, 3), plain(0.5, 1, signed=True), plain(12144.2, 0), plain(0.0, 3)
    ('-.030', '+.5', '12,144', '.000')
    """
    text = f"{value:{'+' if signed else ''},.{places}f}"
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    return sign + (digits[1:] if digits.startswith("0.") else digits)


def gain(entry: Mapping[str, Any]) -> str:
    """Write a paired gain and its 95 % intervals: (over seeds) and [over seeds and test images]."""
    places = max(3, decimals(entry["stderr"]))
    text = plain(entry["value"], places, signed=True)
    for name, (first, last) in {"seeds": "()", "seeds and images": "[]"}.items():
        if name in entry:
            text += f" {first}{plain(entry[name]['low'], places)} to {plain(entry[name]['high'], places)}{last}"
    return text


def provenance(manifest: Mapping[str, Any]) -> str:
    """Say in one sentence how a table was made, from its manifest."""
    command, revision, date = manifest["command"], manifest["git_revision"], manifest["started"][:10]
    commit = revision.removesuffix("-dirty") + (" with local changes" if revision.endswith("-dirty") else "")
    return f"Made by `{command}` (preset {manifest['preset']}) at commit {commit} on {date}."
