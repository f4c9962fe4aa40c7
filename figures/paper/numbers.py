"""Read the numbers printed in the paper (arXiv 2502.15588) and its workshop precursor, one CSV file for each table.

The files beside this module hold accuracies in per cent, as printed, without standard errors, which were not printed;
rows of tables have them as fractions. Nothing here was measured by this project.

Things to know before quoting the numbers. The heads of Table 5's last two columns look exchanged against Table 1 (there
ImageNet-R is the higher number on ImageNet-1k, in Table 5 the column headed "Sketch" is): the numbers are kept under
the heads as printed. Table 4 says more than the headline of 7.5x on ImageNet-100: its run of deliberate practice with
128,000 samples (62.68) is already above the best static run, with 4,000,000 samples (62.32). And one of its lines,
130,000 + 27 x 64,000, does not add up to the 1,794,000 printed beside it; that total has 26 additions, and 27 make the
"1.9M" of Table 1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from figures.contract.table import Row

STATIC, DP = "static", "deliberate practice"
SETS = {  # evaluation sets by their names in `empirical` and in the CSV files: their heads in tables
    "validation": "validation",
    "train": "real training set",
    "v2": "ImageNet-V2",
    "sketch": "ImageNet-Sketch",
    "r": "ImageNet-R",
    "a": "ImageNet-A",
}
IMAGES = {"IN-100": 5_000, "IN-1k": 50_000}  # of the validation sets: their binomial error is the least there can be
SETTINGS = ("samples", "initial", "addition", "additions", "t_max", "omega", "pool", "swapped")  # columns of numbers


@dataclass(frozen=True)
class PrintedLine:
    """One line of a table of the paper: its name in this project, its method and its numbers.

    settings: the printed ones of `SETTINGS`: samples in all, initial (N), addition (P), additions (k) and the initial
    T_max in evaluations, omega, pool size, share of the pool swapped. per_cent: accuracies by evaluation set.
    """

    name: str
    method: str
    settings: Mapping[str, float]
    per_cent: Mapping[str, float]

    @property
    def ours(self) -> bool:
        """Tell whether runs of this project can fill the line: real photographs and other people's work are no runs."""
        return self.method in (STATIC, DP)


def cells_of(table: str) -> list[dict[str, str]]:
    """Read the cells of a table's CSV file, a dict by column for each line."""
    with Path(__file__).with_name(f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _lines(cells: Iterable[Mapping[str, str]]) -> tuple[PrintedLine, ...]:
    """Turn the cells of a table into its lines; empty cells are left out."""

    def numbers(line: Mapping[str, str], columns: Iterable[str]) -> dict[str, float]:
        return {name: float(line[name]) for name in columns if line.get(name)}

    return tuple(
        PrintedLine(line["line"], line["method"], numbers(line, SETTINGS), numbers(line, (*SETS, "test")))
        for line in cells
    )


TABLE1 = _lines(cells_of("table1"))  # names give the iterations, too
TABLE2 = _lines(cells_of("table2"))  # ImageNet-100, static, 50k iterations
TABLE3 = _lines(cells_of("table3"))  # ImageNet-100, ablation
TABLE4 = _lines(cells_of("table4"))  # ImageNet-100, 50k iterations, omega = .05 (deliberate practice)
TABLE5 = _lines(cells_of("table5"))  # ImageNet-1k, 100k iterations, omega = .05 (deliberate practice)
WORKSHOP_100 = _lines(line for line in cells_of("workshop") if line["source"] == "Table 1")
WORKSHOP_1K = _lines(line for line in cells_of("workshop") if line["task"] == "ImageNet-1k")  # Fig. 2


def printed_rows(figure: str, lines: Sequence[PrintedLine], x: str, panels: Mapping[str, str]) -> list[Row]:
    """Return the rows of a table's lines, each in the panels of its evaluation sets; `x` is one of the settings.

    panels: panel of each evaluation set that is wanted. The series is the line's name, y the accuracy as a fraction.

    >>> rows = printed_rows("table4", TABLE4, "samples", {"validation": "ImageNet-100"})
    >>> rows[0].panel, rows[0].series, rows[0].x, rows[0].y, len(rows)
    ('ImageNet-100', 'static, 64k', 64000.0, 0.5656, 18)
    """
    return [
        Row(figure, panels[name], line.name, "accuracy", "paper", line.settings[x], round(value / 100, 6))
        for line in lines
        for name, value in line.per_cent.items()
        if name in panels
    ]


def fig4_rows() -> list[Row]:
    """Return validation accuracy against samples in all, in fig4's panels "IN-100 (paper)" and "IN-1k (paper)".

    >>> row = fig4_rows()[0]
    >>> row.panel, row.series, row.x, row.y
    ('IN-100 (paper)', 'static', 64000.0, 0.5656)
    """
    rows = []
    for panel, lines in {"IN-100 (paper)": TABLE4, "IN-1k (paper)": TABLE5}.items():
        methods = {line.name: line.method for line in lines}
        printed = printed_rows("fig4", lines, "samples", {"validation": panel})
        rows += [row._replace(series=methods[row.series]) for row in printed]
    return rows


def workshop_rows() -> list[Row]:
    """Return the workshop's numbers: ImageNet-100 against the share of the pool swapped, ImageNet-1k against pool size.

    Fig. 2 does not say what share was swapped on ImageNet-1k.
    """
    rows = printed_rows("workshop", WORKSHOP_100, "swapped", {"validation": "IN-100 val", "test": "IN-100 test"})
    for name, panel in (("validation", "IN-1k val"), ("test", "IN-1k test")):
        rows += printed_rows("workshop", WORKSHOP_1K, "pool", {name: panel})
    return rows
