"""One run on disk, from its configuration to its result; resumed wherever it was stopped. Its folder: see `rundir`."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from empirical.config import Run, to_dict
from empirical.settings.values import values_digest
from empirical.system.errors import InputError
from empirical.system.files import read_signed


def guide_path(directory: Path, round_: int) -> Path:
    """Where the learner that guided a round is kept; absent for plain and random directions."""
    return directory / "guides" / f"round_{round_:04d}.safetensors"


def read_result(path: Path) -> dict[str, Any]:
    """The result of a finished run."""
    return read_signed(path, f"delete {path} and rerun: it is made again from the run's last state")


VERSION = version("deliberate-practice")


def settings(run: Run) -> dict[str, Any]:
    """The configuration without the places of files: data and weights may move."""
    return without_places(to_dict(run), run)


def without_places(config: dict[str, Any], run: Run) -> dict[str, Any]:
    """A configuration of the run's world without the places of files."""
    world = {name: value for name, value in config.get("world", {}).items() if name not in run.world.places}
    return {**config, "world": world}


@lru_cache(maxsize=4096)
def run_name(run: Run) -> str:
    """The folder name of a run: a digest of all that decides its numbers."""
    return values_digest([settings(run), run.world.identity(), VERSION])


def run_directory(run: Run, root: Path) -> Path:
    """The folder of a run."""
    return root / run.world.name / run_name(run)


@lru_cache(maxsize=4096)
def result_path(run: Run, root: Path) -> Path:
    """Where the result of a run is kept; the file is there once the run is finished."""
    return run_directory(run, root) / "result.json"


def prefix_name(run: Run, additions: int) -> str:
    """Name of the state just before addition `additions + 1`, shared by all runs that agree up to there."""
    values = settings(run)
    del values["growth"]["additions"]
    if additions == 0:  # what the first addition will be is not known yet
        del values["acquire"], values["growth"]["addition"], values["growth"]["newest_weight"]
    return "prefix-" + values_digest([values, run.world.identity(), VERSION, additions])


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the run directory for this process; the lock goes with the process, however it ends."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / ".lock").open("w")
    except OSError as error:
        raise InputError(str(directory), error.strerror, "a writable folder", "choose another --out") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                str(directory),
                "a run directory in use by another process",
                "one process per run",
                "wait for it, or stop it",
            ) from None
        yield
