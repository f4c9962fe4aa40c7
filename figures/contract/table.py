"""Check, save and load the contract between theory, practice and the plots: one tidy table.

One row is one point of one curve. Theory and practice land on the same axes because they are rows of one table.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from empirical.system.files import write_bytes

SOURCES = ("theory", "simulation", "practice", "paper")
MEASURED = ("simulation", "practice")  # rows with a standard error and the number of seeds behind it


class Row(NamedTuple):
    """One point: its place (figure, panel), its curve (series), what y is (quantity), its source, and its numbers.

    `panel` names a place in the picture: a world, a task, a set of axes. `stderr` is the standard error of `y` over
    `n_seeds` independent seeds or trials; both are None where the number is exact (theory) or where no error was
    printed (paper). `samples` are the (seed, y) pairs that were averaged, empty where they are unknown; they go to a
    file of their own.
    """

    figure: str
    panel: str
    series: str
    quantity: str
    source: str
    x: float
    y: float
    stderr: float | None = None
    n_seeds: int | None = None
    samples: tuple[tuple[int, float], ...] = ()


COLUMNS = Row._fields[:9]  # of the table
KEYS = COLUMNS[:6]  # what makes a point unique; the columns that both files share
SEEDS = (*KEYS, "seed", "y")  # columns of the file of samples


def check(rows: Iterable[Row]) -> list[Row]:
    """Return the rows as a list after checking that each is valid and no point is given twice.

    Raises ValueError naming the first bad row: an empty name, an unknown source, a non-finite number, a negative
    standard error, a measured point without standard error over at least two seeds, or two rows with one (figure,
    panel, series, quantity, source, x).

    >>> check([Row("fig3", "kept", "keep all", "accuracy", "theory", 128.0, 0.62)])[0].y
    0.62
    """
    checked: list[Row] = []
    seen: dict[tuple[object, ...], int] = {}
    for index, row in enumerate(rows):
        _check_row(row, where=f"table.check row {index}")
        point = row[: len(KEYS)]
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

    for name in ("figure", "panel", "series", "quantity"):
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
    rows: Iterable[Row],
    *,
    panel: str | None = None,
    series: str | None = None,
    quantity: str | None = None,
    source: str | None = None,
) -> list[Row]:
    """Return the rows of a panel, a series, a quantity and a source, where given, in order of x."""
    wanted = (panel, series, quantity, source)
    chosen = (row for row in rows if all(want in (None, got) for want, got in zip(wanted, row[1:5], strict=True)))
    return sorted(chosen, key=lambda row: row.x)


def seeds_path(path: Path) -> Path:
    """Return the path of the samples that belong to the table at `path`.

    >>> str(seeds_path(Path("fig4/fig4.csv")))
    'fig4/fig4_seeds.csv'
    """
    return path.with_name(f"{path.stem}_seeds.csv")


def save(rows: Iterable[Row], path: Path) -> None:
    """Check the rows and write them as CSV, and their samples beside them; each file is written whole or not at all.

    Floats are written in full (repr), so `load` returns equal rows; None is an empty cell. Without any samples an older
    file of samples is deleted. Raises InputError where a file cannot be written.
    """
    checked = check(rows)
    points = [[*row[:5], *(_number(v) for v in (row.x, row.y, row.stderr)), row.n_seeds] for row in checked]
    samples = [[*row[:5], _number(row.x), seed, _number(y)] for row in checked for seed, y in row.samples]
    write_bytes(path, _text(COLUMNS, points))
    if samples:
        write_bytes(seeds_path(path), _text(SEEDS, samples))
    else:
        seeds_path(path).unlink(missing_ok=True)


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _text(header: Sequence[str], lines: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    return text.getvalue().encode()


def load(path: Path) -> list[Row]:
    """Read and check the rows of a CSV written by `save`, without their samples.

    Raises ValueError with file and line where the header, the number of cells, a number or a row is wrong; OSError
    where there is no file to read.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"table.load {path}: got {error}; allowed CSV in UTF-8; do delete it and rerun") from error
    if tuple(header) != COLUMNS:
        raise ValueError(
            f"table.load {path}: got the columns {header}; allowed exactly {list(COLUMNS)}; do delete it and rerun"
        )
    return check(_parse(cells, where=f"table.load {path} line {number}") for number, cells in enumerate(lines, start=2))


def _parse(cells: Sequence[str], *, where: str) -> Row:
    try:
        figure, panel, series, quantity, source, x, y, stderr, n_seeds = cells
        exact = (float(stderr) if stderr else None, int(n_seeds) if n_seeds else None)
        return Row(figure, panel, series, quantity, source, float(x), float(y), *exact)
    except ValueError as error:
        raise ValueError(
            f"{where}: got {list(cells)}; allowed 5 names, x, y, stderr and n_seeds or empty; do delete it and rerun"
        ) from error
