"""Read the manifest of a figure, figN.json: what its files were made of, and their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empirical.settings.build import build, checked
from empirical.system.errors import InputError
from empirical.system.files import read_json, read_signed

AGAIN = "make the figure again"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One run of a figure, as one point of one of its series; `run` is the name of the run's folder."""

    panel: str
    series: str
    value: int | float
    seed: int
    run: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Hold a figure's manifest; series and worlds as their files have them, `files` the SHA-256 of every other file.

    hardware and arithmetic are those of the machine that drew the figure, made_on counts its runs by the devices that
    made them. Entries with a default are missing in the manifests of older versions.
    """

    command: str
    preset: str
    learner: str
    series: list[dict[str, Any]]
    worlds: dict[str, dict[str, Any]]
    cost: dict[str, int | float]
    wall_s: float
    versions: dict[str, str]
    git_revision: str
    hardware: dict[str, Any]
    started: str
    seeds: list[int]
    details: dict[str, Any]
    settings: dict[str, Any]
    code: str
    runs: list[Entry]
    files: dict[str, str]
    arithmetic: dict[str, Any] = field(default_factory=dict)
    made_on: dict[str, int] = field(default_factory=dict)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; InputError names one that is damaged, or of an older version, which had no digests."""
    values = checked(read_json(path), dict[str, Any], str(path))
    if "sha256" not in values:
        raise InputError(str(path), "a manifest without digests, of an older version", "one with digests", AGAIN)
    values = read_signed(path, AGAIN)
    entries = checked(values.get("runs"), list[dict[str, Any]], f"{path}.runs")
    runs = [build(Entry, entry, f"{path}.runs[{number}]") for number, entry in enumerate(entries)]
    manifest: Manifest = build(Manifest, {**values, "runs": runs}, str(path))
    return manifest


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def changes(manifest: Manifest, paths: Iterable[Path]) -> list[str]:
    """List the files that are missing, or that differ from their digests in the manifest, each with its fault."""
    faults = []
    for path in paths:
        if not path.exists():
            faults.append(f"{path.name}: missing")
        elif digests([path])[path.name] != manifest.files.get(path.name):
            faults.append(f"{path.name}: not the file that its manifest describes")
    return faults
