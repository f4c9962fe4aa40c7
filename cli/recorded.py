"""Find the reader's own finished runs of tables of recipes: a figure has lines for them and never makes them."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from empirical.config import Run, from_dict, to_dict
from empirical.runs.folder import deciding
from empirical.runs.manifest import read_manifest
from empirical.runs.result import Record, read_result
from empirical.settings.recipes import lines as lines_of
from empirical.settings.recipes import read
from empirical.system.errors import InputError
from empirical.system.files import read_json
from empirical.worlds import open_world


@dataclass(frozen=True)
class OwnRuns:
    """Records of finished runs, the names of their folders, and the lines whose runs have only begun."""

    records: list[Record] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    in_progress: list[str] = field(default_factory=list)


class RecipeLine:
    """A line of a table of recipes; its key is (table, name of the line)."""

    def __init__(self, table: str, name: str, run: Run) -> None:
        self.key, self.run = (table, name), run
        self.settings, self.models = _settings(run), _models(run)

    @cached_property
    def identity(self) -> str | None:
        """Digest of the recipe's generator; None where its weights are not at hand."""
        try:
            return open_world(self.run.world).identity()
        except InputError:
            return None

    def fits(self, settings: str, models: list[Any], identity: str) -> bool:
        """Tell whether a run is one of this recipe, at any seed: equal settings, and the same generator.

        A generator is the same if it is named alike, or if its weights are equal, wherever they are now.
        """
        if settings != self.settings:
            return False
        return models == self.models or (identity != "" and identity == self.identity)


def find(tables: Sequence[str], experiments: Path, root: Path) -> OwnRuns:
    """Find the runs under `root` of tables of recipes: the panel of a record is its table, the series is its line.

    Places of data do not matter, and neither data nor weights are needed unless the weights have moved. Of several runs
    of one seed, made with another version, the one that was started last counts.
    """
    lines = [line for table in tables for line in _lines(table, experiments)]
    finished: dict[tuple[tuple[str, str], int], tuple[str, Path]] = {}
    begun: set[tuple[str, str]] = set()
    worlds = dict.fromkeys(line.run.world.name for line in lines)
    for directory in sorted(path.parent for world in worlds for path in (root / world).glob("*/config.json")):
        try:
            run, made_by = from_dict(read_json(directory / "config.json")), read_manifest(directory)
            settings, models = _settings(run), _models(run)
            keys = [line.key for line in lines if line.fits(settings, models, made_by.identity)]
        except InputError as error:  # damaged, or made by another version, which had other settings
            _warn(f"{directory} is left out: {error}")
            continue
        begun.update(keys)
        if (directory / "result.json").exists():
            made = (made_by.started, directory)
            for key in keys:
                finished[key, run.seed] = max(made, finished.get((key, run.seed), made))
    records = [
        Record(panel=table, series=line, value=0.0, seed=seed, result=read_result(directory / "result.json"))
        for ((table, line), seed), (_, directory) in sorted(finished.items())
    ]
    folders_of = [directory.name for _, (_, directory) in sorted(finished.items())]
    return OwnRuns(records, folders_of, sorted(line for _, line in begun - {key for key, _ in finished}))


@lru_cache(maxsize=1024)
def _warn(message: str) -> None:
    """Print a message to stderr, the first time only: several figures look through the same folders."""
    print(message, file=sys.stderr)


def _lines(table: str, experiments: Path) -> list[RecipeLine]:
    path = experiments / f"{table}.toml"
    return [RecipeLine(table, name, from_dict(read(path, name).run)) for name in lines_of(path)]


def _settings(run: Run) -> str:
    """Return the settings that decide a run's numbers, but for the seed and the generator, as text."""
    config: Mapping[str, Any] = to_dict(dataclasses.replace(run, seed=0))
    return json.dumps(deciding(config, open_world(run.world).places), sort_keys=True)


def _models(run: Run) -> list[Any]:
    """Return the options that name the generator's weights."""
    world = open_world(run.world)
    return [getattr(world, name) for name in world.models if hasattr(world, name)]
