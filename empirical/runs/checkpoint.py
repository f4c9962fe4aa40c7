"""One run on disk, from its configuration to its result; resumed wherever it was stopped. Its folder: see `rundir`."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from torch import Tensor

from empirical.runs.manifest import note
from empirical.system.errors import InputError, require
from empirical.system.files import text_digest, write_bytes
from empirical.system.tensors import load_tensors

log = logging.getLogger(__name__)


def _keep_previous(directory: Path) -> None:
    """Let the last checkpoint survive the writing of the next: damage to one file is not the end of a run."""
    current, previous = (directory / f"checkpoint{kind}.safetensors" for kind in ("", ".previous"))
    temporary = directory / f".previous.{os.getpid()}"
    if current.exists():
        temporary.unlink(missing_ok=True)
        try:
            os.link(current, temporary)
        except OSError:  # a file system without hard links, or full: the older copy stays
            return
        temporary.replace(previous)
        temporary.unlink(missing_ok=True)  # renaming does nothing where both are the same file already


def saved(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], list[str]]:
    """The tensors and values of the latest whole checkpoint, and the lines of metrics that it counted.

    A damaged checkpoint is set aside, and said, if the one before it is whole; otherwise InputError names it.
    """
    current, previous = (folder / f"checkpoint{kind}.safetensors" for kind in ("", ".previous"))
    try:
        return _whole(folder, current)
    except InputError as damage:
        if not previous.exists():
            raise
        try:
            found = _whole(folder, previous)
        except InputError:
            raise damage from None
        log.warning("%s; the checkpoint before it is used, at step %d", damage, found[1]["step"])
        note(folder, "recovered", step=found[1]["step"], damage=str(damage))
        if current.exists():
            write_bytes(folder / "checkpoint.damaged.safetensors", current.read_bytes())
        write_bytes(current, previous.read_bytes())
        return found


def _whole(folder: Path, checkpoint: Path) -> tuple[dict[str, Tensor], dict[str, Any], list[str]]:
    do, metrics = f"delete {folder} and rerun", folder / "metrics.jsonl"
    tensors, values = load_tensors(checkpoint, do)
    lines = metrics.read_text(errors="replace").splitlines()[: values["lines"]] if metrics.exists() else []
    intact = text_digest("\n".join(lines)) == values["lines_sha256"]
    require(intact, str(metrics), "lines that do not match their digest", "the file as written", do)
    return tensors, values, lines
