"""Record how a run was made: the manifest (versions, revision, hardware) and the journal of its starts."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from empirical import __version__
from empirical.settings.build import build, checked
from empirical.system.devices import arithmetic, device_name
from empirical.system.errors import InputError, require
from empirical.system.files import read_json, read_signed, write_bytes

TIME = "%Y-%m-%dT%H:%M:%SZ"
UNKNOWN = "unknown"
RESTORE = "restore the file, or delete the run and rerun"


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The machine that made a run; `cores` is None where the system does not count them."""

    machine: str
    system: str
    device: str
    device_name: str
    cores: int | None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Hold a run's manifest.json; entries with a default are missing in the manifests of older versions.

    arithmetic: see `devices.arithmetic`. identity: digest of the generator's weights. sha256: digest of the other
    entries, see `write_signed`.
    """

    versions: dict[str, str]
    git_revision: str
    hardware: Hardware
    started: str
    arithmetic: dict[str, Any] = field(default_factory=dict)
    identity: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Hold one line of a run's journal: `event` is "started", "resumed", or "recovered" from `damage`.

    device, device_name: where the run went on, "" if recovered, and in the journals of older versions.
    """

    time: str
    event: str
    host: str
    pid: int
    step: int
    ranks: int = 1
    device: str = ""
    device_name: str = ""
    damage: str = ""

    def __post_init__(self) -> None:
        require(self.event in ("started", "resumed", "recovered"), "event", self.event, "started, resumed, recovered")
        require(_is_time(self.time), "time", self.time, "a time such as 2026-01-31T12:00:00Z")


def manifest(device: str) -> dict[str, Any]:
    """Collect versions, git revision and hardware: numbers may depend on them besides the configuration.

    What this machine cannot tell is "unknown": it may have no git, and packages without metadata.
    """
    packages = (
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
        "versions": {
            "deliberate-practice": __version__,
            **{name: _version(name) for name in packages},
            "python": platform.python_version(),
        },
        "git_revision": _revision(),
        "hardware": {
            "machine": platform.machine(),
            "system": platform.system(),
            "device": device,
            "device_name": device_name(device),
            "cores": os.cpu_count(),
        },
        "arithmetic": arithmetic(device),
        "started": now(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN


def _revision() -> str:
    """Return the git revision of this code."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or UNKNOWN
    except OSError:  # there is no git
        return UNKNOWN


def now() -> str:
    """Return the time in UTC, as 2026-01-31T12:00:00Z."""
    return time.strftime(TIME, time.gmtime())


def _is_time(text: str) -> bool:
    try:
        time.strptime(text, TIME)
    except ValueError:
        return False
    return True


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the run in a folder; InputError names a damaged one. Older versions stored no digest."""
    path = folder / "manifest.json"
    values = checked(read_json(path), dict[str, Any], str(path))
    if "sha256" in values:
        read_signed(path, RESTORE)
    table = checked(values.get("hardware"), dict[str, Any], f"{path}.hardware")
    read: Manifest = build(Manifest, {**values, "hardware": build(Hardware, table, f"{path}.hardware")}, str(path))
    require(_is_time(read.started), f"{path}.started", read.started, "a time such as 2026-01-31T12:00:00Z", RESTORE)
    return read


def read_journal(folder: Path) -> list[Start]:
    """Read the journal of the run in a folder; InputError names a damaged line."""
    path, starts = folder / "journal.jsonl", []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        where = f"{path} line {number}"
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(where, f"damaged JSON ({error})", "the line as written", RESTORE) from None
        starts.append(build(Start, checked(values, dict[str, Any], where), where))
    require(bool(starts), str(path), "no line", "a line for every start of the run", RESTORE)
    return starts


def made_on(folder: Path) -> dict[str, str]:
    """Return the names of the devices that made the run in a folder, by kind ("cpu", "cuda"), from all of its starts.

    The journals of older versions name no devices: then the manifest's alone is known.
    """
    hardware = read_manifest(folder).hardware
    starts = [(start.device, start.device_name) for start in read_journal(folder) if start.device]
    return {device.partition(":")[0]: name for device, name in [*starts, (hardware.device, hardware.device_name)]}


def note(directory: Path, event: str, **values: Any) -> None:
    """Append a line to journal.jsonl (started, resumed, recovered); training events go to metrics.jsonl."""
    line = json.dumps({"time": now(), "event": event, "host": platform.node(), "pid": os.getpid(), **values})
    path = directory / "journal.jsonl"
    write_bytes(path, (path.read_bytes() if path.exists() else b"") + f"{line}\n".encode())  # never half a line
