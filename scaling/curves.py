"""Read curves from CSV files: x, y and series, with a seed or a standard error in each row; or the project's tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scaling._check import Floats

PLACE = ("figure", "panel", "series", "quantity", "source")  # columns that tell series of the project's tables apart
NUMBERS = ("x", "y", "stderr", "seed", "n_seeds")
_DO = "correct the file"


@dataclass(frozen=True, kw_only=True)
class Series:
    """One curve of a file: sizes x (K,), y (seeds, K) or (K,), and standard errors of the latter, if given."""

    name: str
    x: Floats
    y: Floats
    stderr: Floats | None
    n_seeds: int | None

    @property
    def points(self) -> tuple[Floats, Floats, Floats | None, int | None]:
        """The curve as `scaling.multiplier` asks for it."""
        return self.x, self.y, self.stderr, self.n_seeds


def read(path: Path) -> list[Series]:
    """Read the series of a CSV file with a header, in the order of their first rows.

    Columns: x, y; series (default: one series, named after the file); seed, or stderr with or without n_seeds; and the
    other columns of the project's tables: figure, panel, quantity, source. Names join the columns that differ. Every
    series has each of its seeds once at each of its sizes. Raises ValueError that names file, row and column.
    """
    lines = _lines(path)
    told_apart = [name for name in PLACE if len({line[name] for _, line in lines}) > 1]
    groups: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
    for row, line in lines:
        name = ", ".join(line[column] for column in told_apart if line[column]) or lines[0][1]["series"] or path.stem
        groups.setdefault(name, []).append((row, line))
    return [_series(path, name, members) for name, members in groups.items()]


def _lines(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a file with their numbers, every column of `PLACE` and `NUMBERS` filled."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: got {error}; allowed CSV in UTF-8; do {_DO}") from None
    names = [name.strip() for name in header]
    unknown = [name for name in names if name not in PLACE + NUMBERS]
    if unknown or not {"x", "y"} <= set(names) or len(set(names)) < len(names):
        raise ValueError(
            f"{path} row 1: got the columns {', '.join(names) or 'of an empty file'}; allowed x and y, and of "
            f"{', '.join((*PLACE, *NUMBERS[2:]))} those there are, once each; do rename or remove columns"
        )
    if {"seed", "stderr"} <= set(names):
        raise ValueError(f"{path} row 1: got columns seed and stderr; allowed one of them; do remove one")
    lines = []
    for number, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            raise ValueError(f"{path} row {number}: got {len(cells)} cells; allowed {len(names)}; do {_DO}")
        given = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
        lines.append((number, {name: given.get(name, "") for name in PLACE + NUMBERS}))
    if not lines:
        raise ValueError(f"{path}: got no rows below the header; allowed at least one; do add the measurements")
    return lines


def _series(path: Path, name: str, lines: Sequence[tuple[int, Mapping[str, str]]]) -> Series:
    """Gather the rows of one series into arrays."""
    points: dict[tuple[float, str], tuple[int, float, float | None, float | None]] = {}
    for row, line in lines:
        x, y = (_number(path, row, column, line[column]) for column in ("x", "y"))
        stderr, seeds = (_number(path, row, c, line[c]) if line[c] else None for c in ("stderr", "n_seeds"))
        if x <= 0:
            raise ValueError(f"{path} row {row} column x: got {line['x']}; allowed numbers > 0; do {_DO}")
        if stderr is not None and stderr < 0:
            raise ValueError(f"{path} row {row} column stderr: got {line['stderr']}; allowed numbers >= 0; do {_DO}")
        if seeds is not None and (seeds < 2 or seeds % 1):
            raise ValueError(f"{path} row {row} column n_seeds: got {seeds:g}; allowed whole numbers >= 2; do {_DO}")
        if (x, line["seed"]) in points:
            first = points[x, line["seed"]][0]
            again = f"series {name!r}, x = {x:g}{', seed ' * bool(line['seed'])}{line['seed']} again, as in row {first}"
            raise ValueError(
                f"{path} row {row}: got {again}; allowed one row each; do give seeds, or names, of their own"
            )
        points[x, line["seed"]] = (row, y, stderr, seeds)
    sizes = sorted({x for x, _ in points})
    seeds_of = sorted({seed for _, seed in points})
    missing = [(x, seed) for x in sizes for seed in seeds_of if (x, seed) not in points]
    if missing:
        x, seed = missing[0]
        raise ValueError(
            f"{path} column seed: got no seed {seed or 'given'} of series {name!r} at x = {x:g}; allowed the same "
            "seeds at every x; do add the rows, or give averages with a column stderr"
        )
    y_of = np.array([[points[x, seed][1] for x in sizes] for seed in seeds_of])
    rows = [points[x, seeds_of[0]] for x in sizes]
    errors = [stderr for _, _, stderr, _ in rows]
    given = [stderr is not None for stderr in errors]
    if any(given) and not all(given):
        row = rows[given.index(False)][0]
        raise ValueError(
            f"{path} row {row} column stderr: got an empty cell; allowed one in each row, or none; do {_DO}"
        )
    numbers = [int(seeds) for _, _, _, seeds in rows if seeds is not None]
    return Series(
        name=name,
        x=np.array(sizes),
        y=y_of if len(seeds_of) > 1 else y_of[0],
        stderr=np.array(errors, dtype=float) if all(given) else None,
        n_seeds=min(numbers) if numbers and all(given) else None,
    )


def _number(path: Path, row: int, column: str, cell: str) -> float:
    """Read a finite number."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{path} row {row} column {column}: got {cell!r}; allowed finite numbers; do {_DO}")
    return value
