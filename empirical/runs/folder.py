"""The folder of a run: its name, the paths in it, and the lock that keeps a second process out.

<root>/<world>/<name>/config.json         the resolved configuration; <name> is its digest
                      manifest.json       versions, revision, hardware, start
                      journal.jsonl       when and where the run was started, resumed, recovered
                      metrics.jsonl       one line per event of the loop
                      checkpoint.safetensors, checkpoint.previous.safetensors
                      pool/               see `empirical.pool`
                      guides/round_*.safetensors   the learner that guided a round: its rows can be made again
                      result.json         written last: the run is finished
                      <examination>.json  see `empirical.review.examine`
<root>/<world>/prefix-<digest>/           the state of a run just before an addition, for runs that share it
<root>/<world>/plain-<digest>/            unguided images, shared by the runs of one seed
"""

from __future__ import annotations

import dataclasses
import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from empirical import __version__
from empirical.config import GONE, Run, current, to_dict
from empirical.settings.build import build, checked
from empirical.settings.sections import Acquire, Growth
from empirical.settings.values import values_digest
from empirical.system.errors import InputError
from empirical.worlds import open_world

# Names of runs hold all settings, those of the first version with their values. A setting that has come since is left
# out at its default, and one that has gone stays at the only value that is left: older runs keep their names.
NEWER: dict[str, dict[str, Any]] = {
    "world": {"channels_last": False, "compiled": False},
    "training": {"chunk": 0},
    "sampling": {"bf16": False},
    "acquire": {"chunk": 0},
}


def deciding_settings(run: Run) -> dict[str, Any]:
    """Return the settings that decide a run's numbers, as plain values."""
    return deciding(to_dict(run), open_world(run.world).places)


def deciding(config: Mapping[str, Any], places: Sequence[str]) -> dict[str, Any]:
    """Reduce a configuration to what decides numbers: without places of files, unused settings at their defaults.

    Data and weights may move, and runs that differ only in settings without effect are the same run.
    """
    config = current(config)
    tables = {name: checked(config.get(name, {}), dict[str, Any], name) for name in ("world", "growth", "acquire")}
    world = {name: value for name, value in tables["world"].items() if name not in places}
    growth, acquire = build(Growth, tables["growth"], "growth"), build(Acquire, tables["acquire"], "acquire")
    sections = {"growth": growth.effective(), "acquire": acquire.effective(growth.additions)}
    values = {**config, "world": world} | {name: dataclasses.asdict(section) for name, section in sections.items()}
    for name, defaults in NEWER.items():
        table = checked(values.get(name, {}), dict[str, Any], name)
        used = {key: value for key, value in table.items() if defaults.get(key, ...) != value}
        values[name] = used | GONE.get(name, {})
    return values


@lru_cache(maxsize=4096)
def run_name(run: Run) -> str:
    """Return the folder name of a run: a digest of all that decides its numbers."""
    return values_digest([deciding_settings(run), open_world(run.world).identity(), __version__])


def run_directory(run: Run, root: Path) -> Path:
    """Return the folder of a run."""
    return root / run.world.name / run_name(run)


@lru_cache(maxsize=4096)
def result_path(run: Run, root: Path) -> Path:
    """Return the path of a run's result; the file exists once the run is finished."""
    return run_directory(run, root) / "result.json"


def guide_path(directory: Path, round_: int) -> Path:
    """Return the path of the learner that guided a round; only rounds guided by entropy have one."""
    return directory / "guides" / f"round_{round_:04d}.safetensors"


def prefix_name(run: Run, additions: int) -> str:
    """Name the state just before addition `additions + 1`, which all runs share that agree up to there."""
    growth = dataclasses.replace(run.growth, additions=additions)
    values = deciding_settings(dataclasses.replace(run, growth=growth))
    del values["growth"]["additions"]
    if additions == 0:  # settings of the first addition do not matter yet
        del values["acquire"], values["growth"]["addition"], values["growth"]["newest_weight"]
    return "prefix-" + values_digest([values, open_world(run.world).identity(), __version__, additions])


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the run directory for this process; the lock ends with the process, however that ends."""
    with _lock(directory, fcntl.LOCK_EX, "a run directory in use by another process", "one process per run"):
        yield


@contextmanager
def used(base: Path) -> Iterator[None]:
    """Hold the folder of a world for one of the runs that use its shared states and plain images."""
    with _lock(base, fcntl.LOCK_SH, "a folder whose shared files are being deleted", "one process at a time"):
        yield


@contextmanager
def unused(base: Path) -> Iterator[None]:
    """Hold the folder of a world while no run uses its shared states and plain images."""
    with _lock(base, fcntl.LOCK_EX, "a folder with runs in progress", "no other process"):
        yield


@contextmanager
def _lock(folder: Path, kind: int, got: str, allowed: str) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise InputError(str(folder), error.strerror, "a writable folder", "choose another --out") from None
    with file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(str(folder), got, allowed, "wait for it, or stop it") from None
        yield
