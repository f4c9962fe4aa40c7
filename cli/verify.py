"""The command `verify`: check stored runs, and figures by making their tables again from their runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from cli.make import total_cost
from cli.options import VerifyOptions
from cli.terminal import console, progress_line
from empirical.review.answers import read_answer
from empirical.review.checks import SEVERAL, Check, MismatchError, agree, attempt
from empirical.review.examine import file_name, question
from empirical.review.remake import find_run
from empirical.review.verify import check_run
from empirical.runs.result import Record, read_result
from empirical.scale.series import Series
from empirical.settings.build import build
from empirical.system.devices import prepare
from empirical.system.errors import require
from figures import output, registry
from figures.contract.figure import Contents, Inputs
from figures.contract.manifest import Manifest, changes, read_manifest
from figures.contract.table import load, save, seeds_path

PICTURES = ("png", "pdf", "svg")


def main(options: VerifyOptions) -> int:
    """Print one line per check; return 1 if any fails, after a last line that names the failures.

    Checks that need another device are marked "--" and do not fail; the command that makes them is printed.
    """
    require(bool(options.folders), "verify", "nothing", "run folders, names of runs, or figure folders", "name one")
    prepare(options.device)
    off, elsewhere = [], dict[str, list[str]]()
    for name in dict.fromkeys(options.folders):
        for where, check in checks(name, options):
            mark = "-- " if check.needs else "ok " if check.ok else "OFF"
            line = f"{mark} {where}: {check.name}: {check.message}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            off += [] if check.ok else [f"{where}: {check.name}"]
            if check.needs and where not in elsewhere.setdefault(check.needs, []):
                elsewhere[check.needs].append(where)
    if off:
        console.print(f"{len(off)} off: {', '.join(off)}", markup=False, highlight=False, soft_wrap=True)
    elsewhere.pop(SEVERAL, None)
    for device, folders in elsewhere.items():
        line = f"to check the rest, on {device}: python paper_repro.py verify {' '.join(folders)} --device {device}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
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
    name, stem = folder.name, folder / folder.name
    read: list[Manifest] = []
    yield name, attempt("manifest", lambda: check_manifest(stem, read))
    if not read:
        yield name, attempt("table", lambda: f"{len(load(stem.with_suffix('.csv')))} rows of valid form; not checked")
        yield name, attempt("pictures", lambda: look_for(stem))
        return
    manifest = read[0]
    root = folder.parent / "runs" if (folder.parent / "runs").exists() else options.out / "runs"
    runs, bad = list(dict.fromkeys(entry.run for entry in manifest.runs)), False
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
    yield name, attempt("table", lambda: check_table(stem, manifest, None if bad else folders))
    yield name, attempt("pictures", lambda: check_pictures(stem, manifest))


def check_manifest(stem: Path, read: list[Manifest]) -> str:
    """Read a figure's manifest into the empty list `read`, so that other checks can go on where a value is wrong."""
    require(stem.name in registry.FIGURES, "figure", stem.name, ", ".join(registry.FIGURES), "correct the name")
    manifest = read_manifest(stem.with_suffix(".json"))
    read.append(manifest)
    agree("seeds", manifest.seeds, sorted({entry.seed for entry in manifest.runs}))
    own = {f"{stem.name}{end}" for end in (".csv", "_seeds.csv", ".md", *(f".{kind}" for kind in PICTURES))}
    agree("files", sorted(set(manifest.files) - own), [])
    unchecked = "command, preset, learner, worlds, versions, hardware and time: signed, not checked"
    return f"matches its digest; made with {manifest.git_revision}; {unchecked}"


def look_up(run: str, root: Path, folders: dict[str, Path]) -> str:
    """Find a run's folder and put it into `folders`."""
    folders[run] = find_run(run, root)
    return str(folders[run])


def check_table(stem: Path, manifest: Manifest, folders: Mapping[str, Path] | None) -> str:
    """Compare table and samples with their digests and, unless runs are damaged (None), with ones made again."""
    names = [name for name in manifest.files if name.endswith(".csv")]
    if faults := changes(manifest, dict.fromkeys([*output.tables(stem), *(stem.parent / name for name in names)])):
        raise MismatchError("; ".join(faults))
    return "matches its digest; not made again" if folders is None else remake_table(stem, manifest, folders)


def remake_table(stem: Path, manifest: Manifest, folders: Mapping[str, Path]) -> str:
    """Make table and details again from the records of the runs; the table must be equal byte for byte."""
    name, figure = stem.name, registry.figure(stem.name)
    series = [build(Series, table, f"{name}.json: series[{i}]") for i, table in enumerate(manifest.series)]
    examined = {
        (one.panel, one.name): file_name(question(one.examine, f"series {one.name!r}.examine"))
        for one in series
        if one.examine
    }
    records = []
    for entry in manifest.runs:
        run, file = folders[entry.run], examined.get((entry.panel, entry.series))
        answer = read_answer(run / file) if file else {}
        place: dict[str, Any] = {key: value for key, value in asdict(entry).items() if key != "run"}
        records.append(Record(**place, result=read_result(run / "result.json"), examined=answer))
        agree(f"{entry.run}: seed", entry.seed, records[-1].result.config["seed"])
    with progress_line(name) as report:
        rows = figure.compute(Inputs(manifest.settings, records, report))
    code = "" if manifest.code == output.source_digest() else " (it was made by other code)"
    with tempfile.TemporaryDirectory() as scratch:
        again = Path(scratch) / f"{name}.csv"
        save(rows, again)
        for path in (again, seeds_path(again)):
            same_lines(stem.parent / path.name, path, code)
    details = figure.details(records) if figure.details else {}
    agree(f"{name}.json: details", manifest.details, details)
    trained, listed = {(one.panel, one.name) for one in series}, zip(manifest.runs, records, strict=True)
    costs = {entry.run: record.result.cost for entry, record in listed if (entry.panel, entry.series) in trained}
    agree(f"{name}.json: cost", manifest.cost, total_cost(costs))
    if figure.markdown:
        text = stem.with_suffix(".md").read_text()
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


def check_pictures(stem: Path, manifest: Manifest) -> str:
    """Compare pictures, and the table in Markdown if the figure has one, with their digests."""
    kinds = [*PICTURES, *(["md"] if registry.figure(stem.name).markdown else [])]
    if faults := changes(manifest, [stem.with_suffix(f".{kind}") for kind in kinds]):
        raise MismatchError("; ".join(faults))
    return f"{', '.join(kinds)} match their digests"


def look_for(stem: Path) -> str:
    """Check that the picture is there in all formats and not empty: without a manifest nothing else is known."""
    for kind in PICTURES:
        path = stem.with_suffix(f".{kind}")
        if not path.exists() or path.stat().st_size == 0:
            raise MismatchError(f"{path.name}: {'empty' if path.exists() else 'missing'}")
    return f"{', '.join(PICTURES)} are there; not checked"
