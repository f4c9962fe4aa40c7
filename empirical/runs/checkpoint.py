"""Checkpoints of a run: written whole, the last two kept, a damaged one replaced by the one before it.

A checkpoint holds the learner's tensors and the position of the run, and counts the lines of metrics.jsonl that belong
to it; later lines, of a run that was killed, are dropped when it goes on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from empirical.runs.manifest import note
from empirical.system.errors import InputError, require
from empirical.system.files import text_digest, write_bytes
from empirical.system.tensors import load_tensors, save_tensors

NAME, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"
log = logging.getLogger(__name__)


class Checkpoint(NamedTuple):
    """The learner's tensors, the values of the run's position, and the lines of metrics so far."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]
    lines: list[str]


def write_checkpoint(folder: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any], lines: list[str]) -> None:
    """Write metrics and checkpoint; the metrics first, since the checkpoint counts and signs their lines."""
    write_bytes(folder / "metrics.jsonl", "".join(line + "\n" for line in lines).encode())
    _keep_previous(folder)
    signed = {**values, "lines": len(lines), "lines_sha256": _signature(lines)}
    save_tensors(folder / NAME, tensors, signed)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read the latest whole checkpoint with its lines of metrics.

    A damaged checkpoint is set aside with a warning if the one before it is whole; otherwise InputError names it.
    """
    current, previous = folder / NAME, folder / PREVIOUS
    try:
        return _whole(folder, current)
    except InputError as damage:
        if not previous.exists():
            raise
        try:
            earlier = _whole(folder, previous)
        except InputError:
            raise damage from None
        step = earlier.values["step"]
        log.warning("%s; the checkpoint before it is used, at step %d", damage, step)
        note(folder, "recovered", step=step, damage=str(damage))
        if current.exists():
            write_bytes(folder / "checkpoint.damaged.safetensors", current.read_bytes())
        write_bytes(current, previous.read_bytes())
        return earlier


def _whole(folder: Path, checkpoint: Path) -> Checkpoint:
    """Read one checkpoint; InputError if its file or its lines of metrics do not match their digests."""
    do, metrics = f"delete {folder} and rerun", folder / "metrics.jsonl"
    tensors, values = load_tensors(checkpoint, do)
    lines = metrics.read_text(errors="replace").splitlines()[: values["lines"]] if metrics.exists() else []
    intact = _signature(lines) == values["lines_sha256"]
    require(intact, str(metrics), "lines that do not match their digest", "the file as written", do)
    return Checkpoint(tensors, values, lines)


def _signature(lines: Sequence[str]) -> str:
    return text_digest("\n".join(lines))


def _keep_previous(folder: Path) -> None:
    """Keep the last checkpoint under another name: damage to one file is not the end of a run."""
    current, previous, temporary = folder / NAME, folder / PREVIOUS, folder / f".previous.{os.getpid()}"
    if current.exists():
        temporary.unlink(missing_ok=True)
        try:
            os.link(current, temporary)
        except OSError:  # a file system without hard links, or full: the older copy stays
            return
        temporary.replace(previous)
        temporary.unlink(missing_ok=True)  # renaming does nothing where both are the same file already
