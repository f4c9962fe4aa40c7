"""Recipes: TOML files that may be based on one another."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from empirical.system.errors import InputError, require


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; what it leaves open is taken from the file that its key `base` names, relative to it.

    Tables of both are joined, other values replaced. A file that is absent or malformed is said with its place, as are
    files that are each other's base.
    """
    return _inherited(path, ())


def _inherited(path: Path, heirs: tuple[Path, ...]) -> dict[str, Any]:
    """A file on top of its bases; `heirs` are the files that it is a base of, the first asked for first."""
    where = f"{heirs[-1]}: base" if heirs else str(path)
    seen = [heir.resolve() for heir in heirs]
    require(path.resolve() not in seen, where, str(path), "a file that is not based on this one", "name another")
    try:
        values = tomllib.loads(path.read_text())
    except (FileNotFoundError, IsADirectoryError):
        got = str(path) if heirs else "no such file"
        raise InputError(where, got, "an existing TOML file", "check the name") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(str(path), str(error), "valid TOML", "mend the line") from None
    if "base" not in values:
        return values
    base = values.pop("base")
    require(isinstance(base, str), f"{path}: base", base, "the name of a TOML file, relative to this one")
    return _overlaid(_inherited(path.parent / base, (*heirs, path)), values)


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = _overlaid(result[key], value) if nested else value
    return result
