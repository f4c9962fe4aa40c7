"""How a run was made: the manifest (versions, revision, hardware) and the journal of its starts."""

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
    """Collect versions, git revision and hardware: numbers may depend on them besides the configuration."""
    source = Path(__file__).parent
    git = subprocess.run(
        ["git", "-C", source, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
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
    """Return the time in UTC, as 2026-01-31T12:00:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def note(directory: Path, event: str, **values: Any) -> None:
    """Append to journal.jsonl (started, resumed, recovered); training events go to metrics.jsonl."""
    line = json.dumps({"time": now(), "event": event, "host": platform.node(), "pid": os.getpid(), **values})
    try:
        with (directory / "journal.jsonl").open("a") as file:
            file.write(line + "\n")
    except OSError as error:
        raise InputError(str(directory), error.strerror, "a writable folder", "choose another --out") from None
