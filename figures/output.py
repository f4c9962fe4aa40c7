"""Write a figure's files: its table, its pictures, and the manifest that names what they were made of."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

import figures
import rmt
import scaling
from empirical.system.errors import InputError
from empirical.system.files import write_bytes, write_signed
from figures.contract import table
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.manifest import Manifest, changes, digests, read_manifest
from figures.drawing import style

log = logging.getLogger(__name__)


class Made(NamedTuple):
    """A figure that was made: its result in one line, and in a paragraph ("" without one), and its picture."""

    summary: str
    story: str
    picture: Path


def produce(
    figure: Figure,
    stem: Path,
    inputs: Inputs,
    runs: Sequence[str],
    note: str,
    about: Callable[[], Mapping[str, Any]],
    *,
    reuse: bool,
) -> Made:
    """Write `stem`.csv, .png, .pdf and .svg, then .json; return the figure's summary, story and picture.

    runs: names of the runs, one a record. note: a remark for the picture. about: makes further entries of a new
    manifest, once the table is computed. `stem`_seeds.csv has the samples behind the averages, where there are some. A
    figure with `markdown` also gets `stem`.md, which the summary names. With `reuse`, the table on disk is drawn again,
    and its manifest kept, where it was made of the same settings, runs and code, and is the file that the manifest
    describes. The manifest is written last, with the digests of all files. Raises InputError where a file cannot be
    written.
    """
    made_of = {
        "settings": dict(inputs.settings),
        "code": source_digest(),
        "runs": [
            {"panel": record.panel, "series": record.series, "value": record.value, "seed": record.seed, "run": run}
            for record, run in zip(inputs.records, runs, strict=True)
        ],
    }
    path = stem.with_suffix(".csv")
    values = stored(stem, made_of) if reuse else None
    if values is None:
        rows = figure.compute(inputs)
        details = figure.details(inputs.records) if figure.details else {}
        stem.with_suffix(".json").unlink(missing_ok=True)  # never beside a table it does not describe
        table.save(rows, path)
        seeds = sorted({record.seed for record in inputs.records})
        values = json.loads(json.dumps({**about(), "seeds": seeds, "details": details, **made_of}))
    contents = Contents(
        table.load(path),
        note,
        figure.describe(inputs.settings),
        figure.pictures(inputs.records) if figure.pictures else {},
        values["details"],
    )
    summary, files = figure.summary(contents), tables(stem)
    if figure.markdown:
        heading = f"{contents.caption}{f' ({note})' if note else ''}"
        files.append(stem.with_suffix(".md"))
        write_bytes(files[-1], f"{heading}\n\n{figure.markdown(contents)}".encode())
        summary += f"; table: {files[-1].name}"
    pictures = style.save(figure.draw(contents), stem)
    values = {**values, "files": digests([*files, *pictures])}
    write_signed(stem.with_suffix(".json"), {field.name: values[field.name] for field in fields(Manifest)})
    return Made(summary, figure.story(contents) if figure.story else "", pictures[0])


def tables(stem: Path) -> list[Path]:
    """List the table at `stem`, and the file of its samples if there is one."""
    path = stem.with_suffix(".csv")
    return [path, *(seeds for seeds in [table.seeds_path(path)] if seeds.exists())]


def stored(stem: Path, made_of: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the manifest at `stem`; None unless it and its table are whole and both were made of exactly `made_of`.

    Damage is logged: the table is then made anew.
    """
    path = stem.with_suffix(".json")
    if not path.exists():
        return None
    try:
        manifest = read_manifest(path)
    except InputError as damage:
        where, got, *_ = damage.arguments
        log.warning("%s: %s; made anew", Path(where).name, got)
        return None
    values = asdict(manifest)
    if any(values[key] != json.loads(json.dumps(value)) for key, value in made_of.items()):
        return None
    described = [stem.parent / name for name in manifest.files if name.endswith(".csv")]
    if faults := changes(manifest, dict.fromkeys([*tables(stem), *described])):
        log.warning("%s; made anew", "; ".join(faults))
        return None
    return values


def source_digest() -> str:
    """Digest the code that turns settings and runs into a table."""
    files = sorted(path for package in (rmt, scaling, figures) for path in Path(package.__path__[0]).rglob("*.py"))
    return hashlib.sha256("".join(path.read_text() for path in files).encode()).hexdigest()[:16]
