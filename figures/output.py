"""A figure's files: the table, the pictures, and the manifest that says what they were made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import figures
import rmt
import scaling
from figures.contract import table
from figures.contract.records import Record
from figures.drawing import style


def produce(
    module: ModuleType,
    stem: Path,
    settings: Mapping[str, Any],
    records: Sequence[Record],
    runs: Sequence[str],
    note: str,
    about: Callable[[], Mapping[str, Any]],
    progress: Callable[[int, int, str], None],
    *,
    reuse: bool,
) -> tuple[str, Path]:
    """Write `stem`.csv, .png, .pdf, .svg and .json; returns the figure's one line and its picture.

    A module that has `markdown` also gets its table as `stem`.md, which the line names; one that has `pictures` draws
    what that makes of the records, too. With `reuse`, the table on disk is drawn again if it was made of the same
    settings, runs (by name, one a record) and code, and keeps its manifest. What `about()` says once the table is made
    joins a new manifest. Raises OSError, with what to do, where a file cannot be written.
    """
    cases = [{key: record[key] for key in ("panel", "series", "value", "seed")} for record in records]
    made_of = {
        "settings": dict(settings),
        "code": source_digest(),
        "runs": [case | {"run": run} for case, run in zip(cases, runs, strict=True)],
    }
    if reuse and _made_of(stem, made_of):
        rows = table.load(stem.with_suffix(".csv"))
    else:
        rows = module.compute(settings, records, progress)
        details = module.details(records) if hasattr(module, "details") else {}
        stem.with_suffix(".json").unlink(missing_ok=True)  # never beside a table it does not describe
        table.save(rows, stem.with_suffix(".csv"))
        manifest = {**about(), "seeds": sorted({record["seed"] for record in records}), "details": details, **made_of}
        table.write_atomically(stem.with_suffix(".json"), (json.dumps(manifest, indent=1) + "\n").encode())
    said = module.summary(rows)
    if hasattr(module, "markdown"):
        heading = f"{module.describe(settings)}{f' ({note})' if note else ''}"
        path = stem.with_suffix(".md")
        table.write_atomically(path, f"{heading}\n\n{module.markdown(rows)}".encode())
        said += f"; table: {path.name}"
    shown = [module.pictures(records)] if hasattr(module, "pictures") else []
    paths = style.save(module.draw(rows, note, module.describe(settings), *shown), stem)
    return said, paths[0]


def _made_of(stem: Path, parts: Mapping[str, Any]) -> bool:
    """Whether there is a table at `stem` whose manifest says that it was made of these parts."""
    try:
        found = json.loads(stem.with_suffix(".json").read_text())
        same = all(found[key] == json.loads(json.dumps(value)) for key, value in parts.items())
    except (OSError, ValueError, KeyError):
        return False
    return same and stem.with_suffix(".csv").exists()


def source_digest() -> str:
    """A digest of the code that turns settings and runs into a table."""
    files = sorted(path for package in (rmt, scaling, figures) for path in Path(package.__path__[0]).rglob("*.py"))
    return hashlib.sha256("".join(path.read_text() for path in files).encode()).hexdigest()[:16]
