"""Runs that a table has lines for and never makes: those of the recipes in its folders, at any seed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.estimate import resolved
from empirical.settings.recipes import load_toml
from empirical.system.errors import require

PLACES = ("data", "v2", "sketch", "r", "a")  # options of worlds that say where data are, not what


@dataclass(frozen=True)
class Found:
    """Records of finished runs (see `figures.records`), their folders' names, recipes whose runs have only begun."""

    records: list[dict[str, Any]]
    names: list[str]
    in_progress: list[str]


def find(folders: Sequence[str], experiments: Path, root: Path) -> Found:
    """The runs under `root` of the recipes in the `folders` of `experiments`; a record's panel is its recipe.

    They are known by their configurations: neither data nor weights are needed, and where the data were does not
    matter. Of several runs of one seed, made with other weights or another version, the latest finished one counts.
    """
    from empirical.runs.folder import read_result
    from empirical.system.files import read_json

    wanted: dict[str, list[str]] = {}
    for folder in folders:
        paths = sorted((experiments / folder).glob("*.toml"))
        require(bool(paths), f"recipes {folder!r}", str(experiments / folder), "a folder with TOML files")
        for path in paths:
            config = resolved({key: value for key, value in load_toml(path).items() if key != "throughput"})
            wanted.setdefault(_identity(config), []).append(f"{folder}/{path.stem}")
    worlds = {json.loads(text)["world"]["name"] for text in wanted}
    finished: dict[tuple[str, int], tuple[str, Path]] = {}
    begun: set[str] = set()
    for directory in sorted(path.parent for world in worlds for path in (root / world).glob("*/config.json")):
        config = read_json(directory / "config.json")
        recipes = wanted.get(_identity(config), [])
        begun.update(recipes)
        if (directory / "result.json").exists():
            made = (read_json(directory / "manifest.json")["started"], directory)
            for recipe in recipes:
                finished[recipe, config["seed"]] = max(made, finished.get((recipe, config["seed"]), made))
    records = [
        {"panel": recipe, "series": "own", "value": 0.0, "seed": seed, "result": read_result(made[1] / "result.json")}
        for (recipe, seed), made in sorted(finished.items())
    ]
    names = [directory.name for _, (_, directory) in sorted(finished.items())]
    return Found(records, names, sorted(begun - {recipe for recipe, _ in finished}))


def _identity(config: Mapping[str, Any]) -> str:
    """What makes runs of a configuration comparable, as text: all of it but the seed and where data are."""
    from empirical.worlds import WORLDS

    name = config["world"]["name"]
    options = {f.name: f.default for f in dataclasses.fields(WORLDS[name]) if f.default is not dataclasses.MISSING}
    world = {key: value for key, value in {**options, **config["world"]}.items() if key not in PLACES}
    return json.dumps({**config, "world": world, "seed": None}, sort_keys=True)
