"""Atomic writes of files and folders, and JSON with a digest that is checked on reading."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from empirical.system.errors import InputError, require
from empirical.system.finite import require_finite_values


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically: readers see the old file or the new one, never a part, also after a crash."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):  # the temporary file may not exist yet
            temporary.unlink()
        raise InputError(
            str(path),
            error.strerror,
            "a writable folder with free space",
            "free space or choose another --out, then rerun",
        ) from None


def require_writable(path: Path) -> None:
    """Refuse a file that could not be written, before the work that makes its contents; its folder is made."""
    require(not os.path.isdir(path), str(path), "a folder", "the name of a file", "name another")
    probe = path.with_name(f".{path.name}.probe")
    write_bytes(probe, b"")
    probe.unlink()


def sweep_temporaries(folder: Path) -> None:
    """Delete the temporary files and folders that killed processes have left in a folder; its lock must be held."""
    for path in sorted(folder.rglob(".*")):
        if path.suffix[1:].isdigit() and path.suffix != f".{os.getpid()}":
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def write_json(path: Path, values: Any) -> None:
    """Write plain values as JSON, atomically."""
    write_bytes(path, (json.dumps(values, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises InputError that names a file that is damaged, missing or no file."""
    try:
        return json.loads(path.read_text())
    except OSError as error:
        do = f"restore it, or delete {path.parent} and rerun"
        raise InputError(str(path), error.strerror, "a file", do) from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            str(path), f"damaged JSON ({error})", "the file as written", f"delete {path.parent} and rerun"
        ) from None


def write_signed(path: Path, values: dict[str, Any]) -> None:
    """Write plain values as JSON with their digest, atomically. Numbers that are not finite are refused by name."""
    require_finite_values(str(path), values, "nothing was written: change the setting that made it")
    write_bytes(path, _signed(values))


def read_signed(path: Path, do: str) -> dict[str, Any]:
    """Read a file of `write_signed` and refuse any changed byte. `do` tells the user how to replace a damaged file."""
    try:
        data = path.read_bytes()
        values = json.loads(data)
        del values["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(str(path), f"an unreadable file ({error})", "the file as written", do) from None
    if data != _signed(values):  # bytes, since a changed last digit may read as the same number
        raise InputError(str(path), "contents that do not match their digest", "the file as written", do)
    return values


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def link_tree(source: Path, target: Path) -> None:
    """Copy the folder `source` to `target` with hard links where the file system has them; whole or absent.

    Use it only for folders whose files are replaced, never changed in place: a linked file is the same file.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        shutil.copytree(source, temporary, copy_function=_link)
        temporary.replace(target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if not target.exists():  # otherwise another process has just made the same copy
            reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror  # the first failure
            raise InputError(
                str(target),
                reason,
                "a writable folder with free space",
                "free space or choose another --out, then rerun",
            ) from None


def _signed(values: dict[str, Any]) -> bytes:
    """Return the JSON of `values` with a last entry "sha256", the digest of the others."""
    return (json.dumps({**values, "sha256": text_digest(json.dumps(values))}, indent=1) + "\n").encode()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
