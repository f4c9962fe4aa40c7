"""Read recipes: TOML files that may be based on one another, with tables for a run, its speeds and its generator."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empirical.settings.build import build, checked
from empirical.system.errors import InputError, require


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Give the speed of one device in work per second: the table [throughput] of a recipe or of a measurement."""

    device: str = ""  # default: one core
    machine: str = ""
    date: str = ""
    images: dict[str, float] = field(default_factory=dict)  # by mode of guidance
    iterations: dict[str, float] = field(default_factory=dict)  # by learner
    evaluations: dict[str, float] = field(default_factory=dict)  # of all validation images, by learner

    def __post_init__(self) -> None:
        for name in ("images", "iterations", "evaluations"):
            for kind, speed in getattr(self, name).items():
                require(speed > 0, f"throughput.{name}.{kind}", speed, "a number > 0")


@dataclass(frozen=True)
class Recipe:
    """The tables of a recipe, apart: the sections of a run, measured speeds, and the generator's training."""

    run: dict[str, Any]  # what `empirical.config.from_dict` takes, with or without overrides
    throughput: dict[str, Any]  # [throughput], {} where there is none
    generator: dict[str, Any]  # [generator], {} where there is none


def read(path: Path, line: str = "") -> Recipe:
    """Read a recipe with all its bases, or one line of a table of recipes. InputError names a file, key or line."""
    values = load_toml(path)
    if line or "lines" in values:
        table = lines(path)
        allowed = ", ".join(map(repr, table)) or "none: the file has no [lines]"
        require(line in table, f"{path}: line", line, allowed, "name one")
        values = table[line]
    throughput, generator = (
        checked(values.pop(name, {}), dict[str, Any], f"{path}: {name}") for name in ("throughput", "generator")
    )
    build(Throughput, throughput, f"{path}: throughput")
    presets = checked(generator.get("presets", {}), dict[str, dict[str, Any]], f"{path}: generator.presets")
    for name, preset in presets.items():
        checked(preset.get("set", {}), dict[str, Any], f"{path}: generator.presets.{name}.set")
    return Recipe(values, throughput, generator)


def lines(path: Path) -> dict[str, dict[str, Any]]:
    """Read a table of recipes: each entry of `[lines]` on top of the rest of the file and of a `base` of its own."""
    shared = load_toml(path)
    entries = checked(shared.pop("lines", {}), dict[str, dict[str, Any]], f"{path}: lines")
    return {name: _overlaid(shared, _on_base(entry, path, ())) for name, entry in entries.items()}


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file on top of the file that its key `base` names, relative to it: tables merge, values replace.

    InputError names a file that is absent or malformed, and files that are each other's base.
    """
    return _inherited(path, ())


def _inherited(path: Path, heirs: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file on top of its bases; `heirs` are the files that have it as a base, the first one read first."""
    where = f"{heirs[-1]}: base" if heirs else str(path)
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError | IsADirectoryError)
        got = (str(path) if heirs else "no such file") if missing else f"an unreadable file ({error})"
        raise InputError(where, got, "an existing TOML file in UTF-8", "check the name") from None
    seen = [heir.resolve() for heir in heirs]
    require(path.resolve() not in seen, where, str(path), "a file that is not based on this one", "name another")
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # malformed, or beyond all reason
        raise InputError(str(path), str(error), "valid TOML", "mend the line") from None
    return _on_base(values, path, heirs)


def _on_base(values: dict[str, Any], path: Path, heirs: tuple[Path, ...]) -> dict[str, Any]:
    """Lay values of the file `path` over the file that their key `base` names, where they have one."""
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
