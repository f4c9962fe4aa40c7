"""Tables of the paper with the reader's own runs beside them: a line is filled when runs of its recipe are finished.

Nothing is run for these lines: `cli.recorded` looks for what is there. A table may also have its lines scaled down, as
series of runs in the world `digits` that are made like those of any figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure as Plot
from scipy.stats import binomtest

from empirical.runs.result import Record
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, mean_row, pool_size
from figures.contract.table import Row, select
from figures.drawing import dots
from figures.drawing.dots import Column, Line
from figures.paper.numbers import SETS, PrintedLine, printed_rows

SINGLE = "single runs"  # entry of the details


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
        return rows + average(self.name, digits, lambda record: record.value, pool_size, "samples")

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """List the lines with a single finished run, which has no standard error over seeds."""
        return {SINGLE: single_runs(self.lines, records)}

    def describe(self, settings: Settings) -> str:
        """The caption; lines whose runs have begun are named."""
        begun = [line.name for line in self.lines if line.name in settings.get("in progress", [])]
        return self.caption + (f" (in progress: {', '.join(begun)})" if begun else "")

    def summary(self, contents: Contents) -> str:
        """One line for the terminal: the lines with runs of the reader's, and the best of each method on digits."""
        rows = contents.rows
        ours = [line.name for line in self.lines if line.ours]
        done = {name: cell for name in ours if (cell := own(contents, "validation", name)) != "-"}
        parts = [
            f"{len(done)} of {len(ours)} lines have finished runs" + "".join(f", {k} {v}" for k, v in done.items())
        ]
        methods = {line.name: line.method for line in self.lines}
        digits = sorted(select(rows, panel="digits", quantity="accuracy"), key=lambda row: row.y)
        best = {methods[row.series]: f"{row.series} {dots.accuracy(row)}" for row in digits}
        return "; ".join(parts + (["best of digits: " + ", ".join(best.values())] if best else []))

    def markdown(self, contents: Contents) -> str:
        """The table in Markdown: per set the paper's number and the reader's own, "-" where no run is finished."""
        rows = contents.rows
        sets = [name for name in SETS if select(rows, panel=name)]
        digits, ends = (
            {row.series: row for row in select(rows, panel="digits", quantity=name)} for name in ("accuracy", "samples")
        )
        heads = ["", *(f"{SETS[name]}, {whose}" for name in sets for whose in ("paper", "own"))]
        cells = []
        for line in self.lines:
            cells.append([line.name])
            for name in sets:
                cells[-1].append(dots.share(line.per_cent[name] / 100, 4) if name in line.per_cent else "-")
                cells[-1].append(own(contents, name, line.name) if line.ours else "")
            if digits:
                scaled, end = digits.get(line.name), ends.get(line.name)
                cells[-1] += [dots.accuracy(scaled) if scaled else "-", f"{end.y:.0f}" if end else "-"]
        heads += ["digits", "samples"] if digits else []
        said = ["Own numbers: mean +- one standard error (seeds), or one run (95 % Wilson interval of the images)."]
        return dots.sheet(heads, cells) + "\n" + " ".join([*said, *self.notes]) + "\n"

    def draw(self, contents: Contents) -> Plot:
        """A dot plot of the table, the paper's numbers hollow."""
        lines = {line.name: Line(line.method) for line in self.lines}
        shown = [
            row if row.panel == "digits" else row._replace(n_seeds=None)  # numbers of seeds differ between lines
            for row in (*contents.rows, *single_rows(self.name, contents.details.get(SINGLE, ())))
        ]
        columns = [Column(head, "accuracy", {name: "ImageNet"}) for name, head in SETS.items()]
        columns.append(
            Column("digits", "accuracy on real test digits", {"digits": "digits"}, beside=("samples", "samples"))
        )
        return dots.draw(shown, lines, columns, self.reference, contents.note, contents.caption)

    def figure(self, *panels: str) -> Figure:
        """Make the figure of this table; `panels` are those that its scaled-down runs may name."""
        return Figure(
            name=self.name,
            compute=self.compute,
            summary=self.summary,
            draw=self.draw,
            describe=self.describe,
            details=self.details,
            markdown=self.markdown,
            panels=panels,
        )


class Score(NamedTuple):
    """How many images of an evaluation set a finished run has right."""

    seed: int
    hits: int
    images: int

    @classmethod
    def of(cls, record: Record, name: str) -> Score:
        """Sum the counts of all classes of an evaluation set."""
        counts = record.result.sets[name]
        return cls(record.seed, sum(counts["hits"]), sum(counts["totals"]))


def scores(lines: Sequence[PrintedLine], records: Sequence[Record]) -> Iterator[tuple[PrintedLine, str, list[Score]]]:
    """Yield lines with finished runs, every evaluation set that the table prints, and the scores on it."""
    printed = {name for line in lines for name in line.per_cent}
    for line in lines:
        runs = [record for record in records if record.series == line.name]
        for name in (name for name in SETS if name in printed):
            on_set = [Score.of(run, name) for run in runs if name in run.result.sets]
            if on_set:
                yield line, name, on_set


def filled(figure: str, lines: Sequence[PrintedLine], records: Sequence[Record]) -> list[Row]:
    """Average the accuracies of lines with several finished runs; the panel is the evaluation set, x as printed."""
    return [
        mean_row(
            figure, name, line.name, "accuracy", line.settings["samples"], [(s.seed, s.hits / s.images) for s in runs]
        )
        for line, name, runs in scores(lines, records)
        if len(runs) > 1
    ]


def single_runs(lines: Sequence[PrintedLine], records: Sequence[Record]) -> list[dict[str, Any]]:
    """List the lines with one finished run as plain values: evaluation set, line, samples as printed, hits, images."""
    return [
        {
            "set": name,
            "line": line.name,
            "samples": line.settings["samples"],
            "hits": runs[0].hits,
            "images": runs[0].images,
        }
        for line, name, runs in scores(lines, records)
        if len(runs) == 1
    ]


def single_rows(figure: str, entries: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Make rows of single runs, for drawing only: their error is the binomial one of the images, not one over seeds."""
    rows = []
    for entry in entries:
        share = entry["hits"] / entry["images"]
        error = float(np.sqrt(share * (1 - share) / entry["images"]))
        rows.append(Row(figure, entry["set"], entry["line"], "accuracy", "practice", entry["samples"], share, error))
    return rows


def own(contents: Contents, name: str, line: str) -> str:
    """Write the cell of a line's own runs on an evaluation set: with standard error, or one run with its interval.

    >>> run = {"set": "validation", "line": "static, 64k", "samples": 64000, "hits": 2828, "images": 5000}
    >>> contents = Contents([], details={"single runs": [run]})
    >>> own(contents, "validation", "static, 64k"), own(contents, "sketch", "static, 64k")
    ('.566 (.552 to .579)', '-')
    """
    for row in select(contents.rows, panel=name, series=line, source="practice"):
        return f"{dots.accuracy(row)} ({row.n_seeds} seeds)"
    for entry in contents.details.get(SINGLE, ()):
        if (entry["set"], entry["line"]) == (name, line):
            low, high = binomtest(entry["hits"], entry["images"]).proportion_ci(method="wilson")
            return f"{dots.share(entry['hits'] / entry['images'])} ({dots.share(low)} to {dots.share(high)})"
    return "-"


def planned(record: Record) -> float:
    """Samples that the pool would have after all additions."""
    growth = record.result.config["growth"]
    return float(growth["initial"] + growth["additions"] * growth["addition"])
