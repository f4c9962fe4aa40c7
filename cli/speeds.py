"""How fast machines do what runs are made of: as measured here by `throughput`, else as the recipes say.

A table of speeds, [throughput], says per second of one device: `images` by kind of guidance (`Acquire.kind`, guided at
every step), `iterations` and, optionally, `evaluations` (of all validation images) by learner. Its `device` is
"one core" unless it says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empirical.settings.recipes import load_toml
from empirical.system.errors import require

CORE = "one core"
Table = Mapping[str, Any]


@dataclass(frozen=True)
class Speeds:
    """Where to look: tables of recipes by world, and files of measurements, which are preferred, the best first."""

    recipes: Mapping[str, Table] = field(default_factory=dict)
    measured: tuple[Mapping[str, Any], ...] = ()

    def of(self, config: Mapping[str, Any]) -> Table:
        """The speeds of a run with this resolved configuration; empty where nothing is known."""
        kept = (file["throughput"] for file in self.measured if file["settings"] == settings(config))
        return next(kept, self.recipes.get(config["world"]["name"], {}))


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a resolved configuration decides how fast its images and iterations are."""
    world, sampling, training = config["world"], config["sampling"], config["training"]
    return {
        "world": world["name"],
        "generator": world.get("generator") or world.get("weights", ""),
        "learner": config["learner"]["kind"],
        **{f"sampling.{name}": sampling[name] for name in ("steps", "batch")},
        "sampling.guided": sampling["guidance_scale"] > 0,
        **{f"training.{name}": training[name] for name in ("batch", "augment", "bf16")},
    }


def known(recipes: Mapping[str, Mapping[str, Any]], out: Path, device: str) -> Speeds:
    """The speeds in recipes by world, and those measured under `out`: of this kind of device first, the latest first.

    Raises InputError for a file that is no measurement.
    """
    files = []
    for path in sorted((out / "throughput").glob("*.toml")):
        file = load_toml(path)
        whole = all(isinstance(file.get(name), Mapping) for name in ("throughput", "settings"))
        require(whole, str(path), "no [throughput] with its [settings]", "a file of `throughput`", "delete it")
        files.append(file)
    on_cpu = device.partition(":")[0] == "cpu"
    files.sort(key=lambda file: file["throughput"].get("date", ""), reverse=True)
    files.sort(key=lambda file: (file["throughput"].get("device", CORE) == CORE) != on_cpu)
    tables = {name: values["throughput"] for name, values in recipes.items() if "throughput" in values}
    return Speeds(tables, tuple(files))


def text(comment: Iterable[str], tables: Mapping[str, Mapping[str, Any]]) -> str:
    """TOML: a comment, then tables of plain values and of tables of numbers."""
    lines = [f"# {line}" for line in comment]
    for name, values in tables.items():
        lines += ["", f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in values.items())]
    return "\n".join([*lines, ""])


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(number)}" for key, number in value.items()) + " }"
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
