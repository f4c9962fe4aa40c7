"""Speeds of machines: measured by the command `throughput`, else read from the recipes.

A table of speeds, [throughput], has numbers per second of one device: `images` by mode of guidance (`Acquire.mode`,
guided at every step), `iterations` and, optionally, `evaluations` (of all validation images) by learner. Its default
`device` is "one core".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empirical.config import Run
from empirical.settings.build import build, checked
from empirical.settings.recipes import Throughput, load_toml

CORE = "one core"
Table = Mapping[str, Any]


@dataclass(frozen=True)
class Speeds:
    """Tables of the recipes by world, and files of measurements, which are preferred, the best first."""

    recipes: Mapping[str, Table] = field(default_factory=dict)
    measured: tuple[Mapping[str, Any], ...] = ()

    def of(self, run: Run) -> Table:
        """Return the table for a run; empty where nothing is known."""
        kept = (file["throughput"] for file in self.measured if file["settings"] == speed_settings(run))
        return next(kept, self.recipes.get(run.world.name, {}))


def speed_settings(run: Run) -> dict[str, Any]:
    """Return the settings of a run that decide how fast its images and iterations are."""
    options, sampling, training = dict(run.world.options), run.sampling, run.training
    newer: dict[str, Any] = {name: options.get(name) for name in ("channels_last", "compiled")}
    newer |= {"training.chunk": training.chunk, "acquire.chunk": run.acquire.chunk, "sampling.bf16": sampling.bf16}
    return {
        "world": run.world.name,
        "generator": options.get("generator") or options.get("weights", ""),
        "learner": run.learner.kind,
        "sampling.steps": sampling.steps,
        "sampling.batch": sampling.batch,
        "sampling.guided": sampling.guidance_scale > 0,
        "training.batch": training.batch,
        "training.augment": training.augment,
        "training.bf16": training.bf16,
        **{name: value for name, value in newer.items() if value},  # older files have none
    }


def known(recipes: Mapping[str, Table], out: Path, device: str) -> Speeds:
    """Collect the tables of recipes by world and those measured under `out`: for this kind of device, latest first.

    Raises InputError for a file that is no measurement.
    """
    files = []
    for path in sorted((out / "throughput").glob("*.toml")):
        file = load_toml(path)
        for name in ("throughput", "settings"):
            checked(file.get(name), dict[str, Any], f"{path}: {name}")
        build(Throughput, file["throughput"], f"{path}: throughput")
        files.append(file)
    on_cpu = device.partition(":")[0] == "cpu"
    files.sort(key=lambda file: file["throughput"].get("date", ""), reverse=True)
    files.sort(key=lambda file: (file["throughput"].get("device", CORE) == CORE) != on_cpu)
    return Speeds({name: table for name, table in recipes.items() if table}, tuple(files))


def text(comment: Iterable[str], tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Write TOML: a comment, then tables of plain values and of tables of numbers."""
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
