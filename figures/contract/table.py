"""The contract between theory, practice and the plots: one tidy table, checked, saved and loaded without loss.

One row is one point of one curve. Theory and practice land on the same axes because they are the same table.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

SOURCES = ("theory", "simulation", "practice", "paper")
MEASURED = ("simulation", "practice")  # these carry a standard error and the number of seeds behind it


class Row(NamedTuple):
    """One point: where it is drawn (figure, panel, series), where it comes from, and its numbers.

    `stderr` is the standard error of `y` over `n_seeds` independent seeds or trials; both are None where the number is
    exact (theory) or where no error was printed (paper).
    """

    figure: str
    panel: str
    series: str
    source: str
    x: float
    y: float
    stderr: float | None = None
    n_seeds: int | None = None


def check(rows: Iterable[Row]) -> list[Row]:
    """The rows as a list, every one valid and no point given twice.

    Raises ValueError naming the first bad row: an empty name, an unknown source, a non-finite number, a negative
    standard error, a measured point without standard error over at least two seeds, or two rows with one (figure,
    panel, series, source, x).

    >>> check([Row("fig3", "kept", "keep all", "theory", 128.0, 0.62)])[0].y
    0.62
    """
    checked: list[Row] = []
    seen: dict[tuple[str, str, str, str, float], int] = {}
    for index, row in enumerate(rows):
        _check_row(row, where=f"table.check row {index}")
        point = (row.figure, row.panel, row.series, row.source, row.x)
        if point in seen:
            raise ValueError(
                f"table.check row {index}: got {point} again, first in row {seen[point]}; allowed one row per point; "
                "do average repeated measurements or name the series apart"
            )
        seen[point] = index
        checked.append(row)
    return checked


def _check_row(row: Row, *, where: str) -> None:
    def require(valid: bool, got: str, allowed: str, do: str) -> None:
        if not valid:
            raise ValueError(f"{where}: got {got}; allowed {allowed}; do {do}")

    for name in ("figure", "panel", "series"):
        require(bool(getattr(row, name)), f"an empty {name}", "any non-empty text", f"name the {name}")
    require(row.source in SOURCES, f"source {row.source!r}", ", ".join(SOURCES), "say where the number comes from")
    for name in ("x", "y"):
        value = getattr(row, name)
        require(math.isfinite(value), f"{name} = {value}", "finite numbers", "leave out a point that does not exist")
    if row.stderr is not None:
        valid = math.isfinite(row.stderr) and row.stderr >= 0
        require(valid, f"stderr = {row.stderr}", "finite numbers >= 0", "give the standard error of the mean")
    if row.source in MEASURED:
        valid = row.stderr is not None and row.n_seeds is not None and row.n_seeds >= 2
        got = f"a {row.source} point with stderr = {row.stderr}, n_seeds = {row.n_seeds}"
        require(valid, got, "a standard error over at least 2 seeds", "run more seeds")


def select(
    rows: Iterable[Row], *, panel: str | None = None, series: str | None = None, source: str | None = None
) -> list[Row]:
    """The rows of a panel, a series and a source, where given, in order of x; empty where there are none."""
    wanted = (panel, series, source)
    found = (row for row in rows if all(w in (None, got) for w, got in zip(wanted, row[1:4], strict=True)))
    return sorted(found, key=lambda row: row.x)


def save(rows: Iterable[Row], path: Path) -> None:
    """Check the rows and write them as CSV; the file is either the old one or the complete new one.

    Floats are written in full (repr), so `load` returns equal rows; None is an empty cell.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    for row in check(rows):
        numbers = (float(row.x), float(row.y), None if row.stderr is None else float(row.stderr))
        writer.writerow((*row[:4], *("" if v is None else repr(v) for v in numbers), row.n_seeds))
    write_atomically(path, text.getvalue().encode())


def load(path: Path) -> list[Row]:
    """The rows of a CSV written by `save`, checked.

    Raises ValueError with file and line where the header, the number of cells, a number or a row is wrong; OSError
    where there is no file to read.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"table.load {path}: got {error}; allowed CSV in UTF-8; do write it with table.save"
        ) from error
    if tuple(header) != Row._fields:
        raise ValueError(
            f"table.load {path}: got the columns {header}; allowed exactly {list(Row._fields)}; "
            "do write it with table.save"
        )
    return check(_parse(cells, where=f"table.load {path} line {number}") for number, cells in enumerate(lines, start=2))


def _parse(cells: Sequence[str], *, where: str) -> Row:
    try:
        figure, panel, series, source, x, y, stderr, n_seeds = cells
        return Row(
            figure,
            panel,
            series,
            source,
            float(x),
            float(y),
            float(stderr) if stderr else None,
            int(n_seeds) if n_seeds else None,
        )
    except ValueError as error:
        raise ValueError(
            f"{where}: got {list(cells)}; allowed 4 names, x, y, stderr or empty, n_seeds or empty; do write it again"
        ) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to a temporary file beside `path` and rename it: nobody ever sees half a file.

    Raises OSError, with what to do, when the folder cannot be written or is full; an older `path` is then untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(
            f"write {path}: got {error.strerror or error}; allowed a writable folder with free space; "
            "do choose another folder"
        ) from error
