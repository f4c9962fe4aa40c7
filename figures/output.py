"""Write a figure's files: its table, its pictures, and the manifest that names what they were made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import figures
import rmt
import scaling
from empirical.system.files import read_json, write_bytes, write_json
from figures.contract import table
from figures.contract.figure import Contents, Figure, Inputs
from figures.drawing import style


def produce(
    figure: Figure,
    stem: Path,
    inputs: Inputs,
    runs: Sequence[str],
    note: str,
    about: Callable[[], Mapping[str, Any]],
    *,
    reuse: bool,
) -> tuple[str, Path]:
    """Write `stem`.csv, .json, .png, .pdf and .svg; return the figure's summary and the path of its picture.

    runs: names of the runs, one a record. note: a remark for the picture. about: makes further entries of a new
    manifest, once the table is computed. `stem`_seeds.csv has the samples behind the averages, where there are some. A
    figure with `markdown` also gets `stem`.md, which the summary names. With `reuse`, the table on disk is drawn again,
    and its manifest kept, where it was made of the same settings, runs and code. Raises InputError where a file cannot
    be written.
    """
    made_of = {
        "settings": dict(inputs.settings),
        "code": source_digest(),
        "runs": [
            {"panel": record.panel, "series": record.series, "value": record.value, "seed": record.seed, "run": run}
            for record, run in zip(inputs.records, runs, strict=True)
        ],
    }
    manifest = read_manifest(stem, made_of) if reuse else None
    if manifest is None:
        rows = figure.compute(inputs)
        details = figure.details(inputs.records) if figure.details else {}
        stem.with_suffix(".json").unlink(missing_ok=True)  # never beside a table it does not describe
        table.save(rows, stem.with_suffix(".csv"))
        seeds = sorted({record.seed for record in inputs.records})
        write_json(stem.with_suffix(".json"), {**about(), "seeds": seeds, "details": details, **made_of})
        manifest = read_json(stem.with_suffix(".json"))
    contents = Contents(
        table.load(stem.with_suffix(".csv")),
        note,
        figure.describe(inputs.settings),
        figure.pictures(inputs.records) if figure.pictures else {},
        manifest["details"],
    )
    summary = figure.summary(contents)
    if figure.markdown:
        heading = f"{contents.caption}{f' ({note})' if note else ''}"
        path = stem.with_suffix(".md")
        write_bytes(path, f"{heading}\n\n{figure.markdown(contents)}".encode())
        summary += f"; table: {path.name}"
    return summary, style.save(figure.draw(contents), stem)[0]


def read_manifest(stem: Path, made_of: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the manifest at `stem`; None unless a table stands beside it and both were made of exactly `made_of`."""
    try:
        manifest: dict[str, Any] = json.loads(stem.with_suffix(".json").read_text())
        same = all(manifest[key] == json.loads(json.dumps(value)) for key, value in made_of.items())
    except (OSError, ValueError, KeyError):
        return None
    return manifest if same and stem.with_suffix(".csv").exists() else None


def source_digest() -> str:
    """Digest the code that turns settings and runs into a table."""
    files = sorted(path for package in (rmt, scaling, figures) for path in Path(package.__path__[0]).rglob("*.py"))
    return hashlib.sha256("".join(path.read_text() for path in files).encode()).hexdigest()[:16]
