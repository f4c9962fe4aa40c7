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

import json
import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from empirical.system.errors import InputError


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
