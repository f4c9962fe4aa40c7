"""Tables of the paper with the reader's own runs beside them: a line is filled when runs of its recipe are finished.

Nothing is run for these lines: `cli.recorded` looks for what is there. A table may also have its lines scaled down, as
series of runs in the world `digits` that are made like those of any figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot
from scipy.stats import binomtest

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, pool_size
from figures.contract.settings import require
from figures.contract.table import Row, select
from figures.drawing import dots
from figures.drawing.dots import Column, Line
from figures.paper.numbers import SETS, PrintedLine, printed_rows
from scaling.averages import aggregate

DIGITS = ("digits: samples", "samples")  # the panel of the digits' pool sizes, and its head
ONE = "{}: one run"  # panel of accuracies with the error of a finite evaluation set instead of that over seeds


@dataclass(frozen=True)
class Recorded:
    """One table: the `name` of the figure, its caption, the paper's lines.

    reference: the line that a dashed line marks. notes: sentences below the table.
    """

    name: str
    caption: str
    lines: Sequence[PrintedLine]
    reference: str = ""
    notes: Sequence[str] = ()

    def compute(self, inputs: Inputs) -> list[Row]:
        """The paper's numbers, those of finished recipes, and of the scaled-down lines accuracy and samples at the end.

        settings["scale"], where there are such lines: how many samples of the paper's are one of theirs. x: the line's
        samples, as printed.
        """
        rows = printed_rows(self.name, self.lines, "samples", dict(zip(SETS, SETS, strict=True)))
        rows += filled(self.name, self.lines, inputs.records)
        names = {(line.method, line.settings["samples"]): line.name for line in self.lines}
        digits = []
        for record in inputs.records:
            if record.panel == "digits":
                samples = planned(record) * inputs.settings["scale"]
                own_line = (record.series, samples)
                scale = inputs.settings["scale"]
                sizes = f"sizes whose {scale}-fold is a line of the paper's"
                require(own_line in names, f"{self.name}: runs of digits, times {scale}", own_line, sizes)
                digits.append(replace(record, series=names[own_line], value=samples))
        rows += average(self.name, digits, lambda record: record.value)
        ends = average(self.name, digits, lambda record: record.value, pool_size)
        rows += [row._replace(panel=DIGITS[0]) for row in ends]
        return rows

    def describe(self, settings: Settings) -> str:
        """The caption; lines whose runs have begun are named."""
        begun = [line.name for line in self.lines if line.name in settings.get("in progress", [])]
        return self.caption + (f" (in progress: {', '.join(begun)})" if begun else "")

    def summary(self, contents: Contents) -> str:
        """One line for the terminal: the lines with runs of the reader's, and the best of each method on digits."""
        rows = contents.rows
        ours = [line.name for line in self.lines if line.ours]
        done = {name: cell for name in ours if (cell := own(rows, "validation", name)) != "-"}
        parts = [
            f"{len(done)} of {len(ours)} lines have finished runs" + "".join(f", {k} {v}" for k, v in done.items())
        ]
        methods = {line.name: line.method for line in self.lines}
        digits = sorted(select(rows, panel="digits"), key=lambda row: row.y)
        best = {methods[row.series]: f"{row.series} {dots.accuracy(row)}" for row in digits}
        return "; ".join(parts + (["best of digits: " + ", ".join(best.values())] if best else []))

    def markdown(self, contents: Contents) -> str:
        """The table in Markdown: per set the paper's number and the reader's own, "-" where no run is finished."""
        rows = contents.rows
        sets = [name for name in SETS if select(rows, panel=name)]
        digits = {panel: {row.series: row for row in select(rows, panel=panel)} for panel in ("digits", DIGITS[0])}
        heads = ["", *(f"{SETS[name]}, {whose}" for name in sets for whose in ("paper", "own"))]
        cells = []
        for line in self.lines:
            cells.append([line.name])
            for name in sets:
                cells[-1].append(dots.share(line.per_cent[name] / 100, 4) if name in line.per_cent else "-")
                cells[-1].append(own(rows, name, line.name) if line.ours else "")
            if digits["digits"]:
                scaled, ends = digits["digits"].get(line.name), digits[DIGITS[0]].get(line.name)
                cells[-1] += [dots.accuracy(scaled) if scaled else "-", f"{ends.y:.0f}" if ends else "-"]
        heads += ["digits", DIGITS[1]] if digits["digits"] else []
        said = ["Own numbers: mean +- one standard error (seeds), or one run (95 % Wilson interval of the images)."]
        return dots.sheet(heads, cells) + "\n" + " ".join([*said, *self.notes]) + "\n"

    def draw(self, contents: Contents) -> Plot:
        """A dot plot of the table, the paper's numbers hollow."""
        lines = {line.name: Line(line.method) for line in self.lines}
        named = {ONE.format(name): name for name in SETS}
        shown = [
            row._replace(panel=named.get(row.panel, row.panel), n_seeds=row.n_seeds if row.panel == "digits" else None)
            for row in contents.rows
        ]  # numbers of seeds differ between lines, and images are no seeds
        columns = [Column(head, "accuracy", {name: "ImageNet"}) for name, head in SETS.items()]
        columns.append(Column("digits", "accuracy on real test digits", {"digits": "digits"}, DIGITS))
        return dots.draw(shown, lines, columns, self.reference, contents.note, contents.caption)

    def figure(self, *panels: str) -> Figure:
        """Make the figure of this table; `panels` are those that its scaled-down runs may name."""
        return Figure(
            name=self.name,
            compute=self.compute,
            summary=self.summary,
            draw=self.draw,
            describe=self.describe,
            markdown=self.markdown,
            panels=panels,
        )


def filled(figure: str, lines: Sequence[PrintedLine], records: Sequence[Record]) -> list[Row]:
    """Rows of what finished runs of the lines' recipes have, on the sets that the paper's table has.

    Such a run is a record whose panel is the recipe.
    Over several seeds mean and standard error; of one run accuracy and binomial standard error, in panels of their
    own, with the number of images in place of seeds.
    """
    rows, printed = [], {name for line in lines for name in line.per_cent}
    for line in lines:
        found = [record.result.sets for record in records if record.series == line.name]
        for name in (name for name in SETS if name in printed):
            counts = [hits_of(sets[name]) for sets in found if name in sets]
            shares = [hits / images for hits, images in counts]
            if len(counts) == 1:
                (share,), ((_, images),) = shares, counts
                error = float(np.sqrt(share * (1 - share) / images))
                numbers = (line.settings["samples"], share, error, images)
                rows.append(Row(figure, ONE.format(name), line.name, "practice", *numbers))
            elif counts:
                mean, stderr, n_seeds = aggregate(shares)
                numbers = (line.settings["samples"], float(mean), float(stderr), n_seeds)
                rows.append(Row(figure, name, line.name, "practice", *numbers))
    return rows


def hits_of(score: Mapping[str, Any]) -> tuple[int, int]:
    """Images that the evaluated model has right, and all images, of one evaluation set of a run's result."""
    return sum(score["hits"]), sum(score["totals"])


def own(rows: Sequence[Row], name: str, line: str) -> str:
    """The cell of the reader's own runs.

    >>> row = Row("table4", "validation: one run", "static, 64k", "practice", 64e3, 0.5656, 0.007, 5000)
    >>> own([row], "validation", "static, 64k"), own([], "validation", "static, 64k")
    ('.566 (.552 to .579)', '-')
    """
    for row in select(rows, panel=name, series=line, source="practice"):
        return f"{dots.accuracy(row)} ({row.n_seeds} seeds)"
    for row in select(rows, panel=ONE.format(name), series=line):
        images = row.n_seeds or 1
        low, high = binomtest(round(row.y * images), images).proportion_ci(method="wilson")
        return f"{dots.share(row.y)} ({dots.share(low)} to {dots.share(high)})"
    return "-"


def planned(record: Record) -> float:
    """Samples that the pool would have after all additions."""
    growth = record.result.config["growth"]
    return float(growth["initial"] + growth["additions"] * growth["addition"])
