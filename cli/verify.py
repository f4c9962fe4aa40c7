"""The command `verify`: check stored runs, and figures by making their tables again from their runs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from cli.options import VerifyOptions
from cli.terminal import console, progress_line
from empirical.review.checks import Check, MismatchError, agree, attempt
from empirical.review.examine import file_name, question
from empirical.review.remake import find_run
from empirical.review.verify import check_run
from empirical.runs.result import Record, read_result
from empirical.system.devices import prepare
from empirical.system.errors import require
from empirical.system.files import read_json, read_signed
from figures import registry

PICTURES = ("png", "pdf", "svg")


def main(options: VerifyOptions) -> int:
    """Print one line per check; return 1 if any fails, after a last line that names the failures."""
    require(bool(options.folders), "verify", "nothing", "run folders, names of runs, or figure folders", "name one")
    prepare(options.device)
    off = []
    for name in dict.fromkeys(options.folders):
        for where, check in checks(name, options):
            line = f"{'ok ' if check.ok else 'OFF'} {where}: {check.name}: {check.message}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            off += [] if check.ok else [f"{where}: {check.name}"]
    if off:
        console.print(f"{len(off)} off: {', '.join(off)}", markup=False, highlight=False, soft_wrap=True)
    return 1 if off else 0


def checks(name: str, options: VerifyOptions) -> Iterator[tuple[str, Check]]:
    """Yield the checks of a run or a figure, each with the folder or figure that it concerns."""
    folder = Path(name)
    if (folder / f"{folder.resolve().name}.json").exists() and not (folder / "config.json").exists():
        yield from figure_checks(folder.resolve(), options)
        return
    run_folder = find_run(name, options.out / "runs")
    for check in check_run(run_folder, device=options.device):
        yield str(run_folder), check


def figure_checks(folder: Path, options: VerifyOptions) -> Iterator[tuple[str, Check]]:
    """Yield the cheap checks of the runs that a figure was made of, then the checks of its own files."""
    name = folder.name
    manifest: dict[str, Any] = {}

    def read() -> str:
        manifest.update(read_json(folder / f"{name}.json"))
        missing = [key for key in ("settings", "runs", "series", "versions", "git_revision") if key not in manifest]
        if missing or name not in registry.FIGURES:
            raise MismatchError(
                f"{name}.json: without {', '.join(missing)}" if missing else f"{name}: no figure of that name"
            )
        return f"complete; made with {manifest['git_revision']}"

    first = attempt("manifest", read)
    yield name, first
    if not first.ok:
        return
    root = folder.parent / "runs" if (folder.parent / "runs").exists() else options.out / "runs"
    runs, bad = list(dict.fromkeys(entry["run"] for entry in manifest["runs"])), False
    folders: dict[str, Path] = {}
    with progress_line(f"runs of {name}") as report:
        for done, run in enumerate(runs):
            lookup = attempt("run", partial(look_up, run, root, folders))
            for check in check_run(folders[run], thorough=False) if lookup.ok else [lookup]:
                if not check.ok:
                    bad = True
                    yield str(folders.get(run, run)), check
            report(done + 1, len(runs), "")
    if runs and not bad:
        yield name, Check("runs", True, f"all {len(runs)} pass their checks")
    if not bad:
        yield name, attempt("table", lambda: remake_table(folder, manifest, folders))
    yield name, attempt("pictures", lambda: look_for_pictures(folder))


def look_up(run: str, root: Path, folders: dict[str, Path]) -> str:
    """Find a run's folder and put it into `folders`."""
    folders[run] = find_run(run, root)
    return str(folders[run])


def remake_table(folder: Path, manifest: dict[str, Any], folders: dict[str, Path]) -> str:
    """Make table and details again from the records of the runs; the table must be equal byte for byte."""
    from figures import output
    from figures.contract import table
    from figures.contract.figure import Contents, Inputs

    name, figure = folder.name, registry.figure(folder.name)
    examined = {
        (s["panel"], s["name"]): file_name(question(s["examine"], f"series {s['name']!r}.examine"))
        for s in manifest["series"]
        if s.get("examine")
    }
    records = []
    for entry in manifest["runs"]:
        run, file = folders[entry["run"]], examined.get((entry["panel"], entry["series"]))
        place: dict[str, Any] = {key: entry[key] for key in ("panel", "series", "value", "seed")}
        answer = read_signed(run / file, f"delete {run / file} and rerun") if file else {}
        records.append(Record(**place, result=read_result(run / "result.json"), examined=answer))
    with progress_line(name) as report:
        rows = figure.compute(Inputs(manifest["settings"], records, report))
    code = "" if manifest.get("code") == output.source_digest() else " (it was made by other code)"
    with tempfile.TemporaryDirectory() as scratch:
        again = Path(scratch) / f"{name}.csv"
        table.save(rows, again)
        for path in (again, table.seeds_path(again)):
            same_lines(folder / path.name, path, code)
    details = figure.details(records) if figure.details else {}
    agree(f"{name}.json: details", json.loads(json.dumps(manifest.get("details", {}))), details)
    if figure.markdown:
        text = (folder / f"{name}.md").read_text()
        if not text.endswith(figure.markdown(Contents(rows, details=details))):
            raise MismatchError(f"{name}.md: not the table of {name}.csv")
    return f"{len(rows)} rows made again, byte for byte"


def same_lines(stored: Path, again: Path, code: str) -> None:
    """Compare a stored table with the one made again, if any is made; MismatchError names the first other line."""
    if stored.exists() != again.exists():
        raise MismatchError(f"{stored.name}: {'missing' if again.exists() else 'not made by its runs'}{code}")
    if again.exists() and stored.read_bytes() != again.read_bytes():
        before, now = stored.read_text(errors="replace").splitlines(), again.read_text().splitlines()
        same = takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False))
        raise MismatchError(f"{stored.name} line {len(list(same)) + 1}: differs from the table of its runs{code}")


def look_for_pictures(folder: Path) -> str:
    """Check that the picture is there in all formats and not empty."""
    for kind in PICTURES:
        path = folder / f"{folder.name}.{kind}"
        if not path.exists() or path.stat().st_size == 0:
            raise MismatchError(f"{path.name}: {'empty' if path.exists() else 'missing'}")
    return ", ".join(PICTURES)
