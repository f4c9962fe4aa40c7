"""A run's folder: what it is called, what is said about its making, who holds it.

<root>/<world>/<name>/config.json         the resolved configuration; <name> is its digest
                      manifest.json       versions, revision, hardware, start
                      journal.jsonl       when and where the run was started, resumed, recovered
                      metrics.jsonl       one line per event of the loop
                      checkpoint.safetensors, checkpoint.previous.safetensors
                      pool/               see `empirical.pool`
                      guides/round_*.safetensors   the learner that guided a round: its rows can be made again
                      result.json         written last: the run is finished
                      <examination>.json  see `empirical.examine`
<root>/<world>/prefix-<digest>/           the state of a run just before an addition, for runs that share it
<root>/<world>/plain-<digest>/            unguided images, shared by the runs of one seed
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from empirical.config import Run, digest, to_dict
from empirical.errors import InputError

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
    return digest([settings(run), run.world.identity(), VERSION])


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
    return "prefix-" + digest([values, run.world.identity(), VERSION, additions])


def manifest(device: str) -> dict[str, Any]:
    """Versions, git revision and hardware: what numbers may depend on besides the configuration."""
    here = Path(__file__).parent
    git = subprocess.run(
        ["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    packages = (
        "deliberate-practice",
        "numpy",
        "scipy",
        "torch",
        "diffusers",
        "timm",
        "scikit-learn",
        "pyarrow",
        "pillow",
    )
    return {
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
        "git_revision": git.stdout.strip() or "unknown",
        "hardware": {
            "machine": platform.machine(),
            "system": platform.system(),
            "device": device,
            "device_name": torch.cuda.get_device_name() if device.startswith("cuda") else platform.processor(),
            "cores": os.cpu_count(),
        },
        "started": now(),
    }


def now() -> str:
    """The time, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def note(directory: Path, event: str, **values: Any) -> None:
    """A line in the journal: what happened to the run, as opposed to in it."""
    line = json.dumps({"time": now(), "event": event, "host": platform.node(), "pid": os.getpid(), **values})
    try:
        with (directory / "journal.jsonl").open("a") as file:
            file.write(line + "\n")
    except OSError as error:
        raise InputError(str(directory), error.strerror, "a writable folder", "choose another --out") from None


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
