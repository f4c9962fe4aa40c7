"""Show a table of the paper with the reader's own runs beside it: finished runs of a line's recipe fill the line.

Such runs are never made for the table: `cli.recorded` finds the finished ones. A table may also have its lines scaled
down, as series of runs in the world `digits`, which are made like the runs of any figure.
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
from figures.contract import words
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, mean_row, pool_size
from figures.contract.table import Row, select
from figures.drawing import dots
from figures.drawing.dots import Column, Line
from figures.paper.numbers import SETS, PrintedLine, printed_rows

SINGLE = "single runs"  # entry of the details


@dataclass(frozen=True, kw_only=True)
class OwnRecipes:
    """Settings of a figure with lines for the reader's own runs: the keys of its TOML file."""

    recipes: list[str]  # tables of recipes under experiments/, e.g. "imagenet100/table4"


@dataclass(frozen=True, kw_only=True)
class ScaledRuns(OwnRecipes):
    """Settings of a table that also has scaled-down runs."""

    scale: int  # number of the paper's samples that are one sample of the scaled-down lines

    def __post_init__(self) -> None:
        require(self.scale >= 1, "scale", self.scale, "an integer >= 1")


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper: the name of its figure, its caption, its lines as printed.

    reference: the line that is marked by a dashed line. notes: sentences below the Markdown.
    """

    name: str
    caption: str
    lines: Sequence[PrintedLine]
    reference: str = ""
    notes: Sequence[str] = ()

    def compute(self, inputs: Inputs) -> list[Row]:
        """Collect the paper's numbers, averages of finished recipes, and accuracy and samples of the scaled-down lines.

        settings["scale"]: number of the paper's samples that are one sample of the scaled-down lines, where there are
        such lines. x: samples of the line, as printed.
        """
        rows = printed_rows(self.name, self.lines, "samples", dict(zip(SETS, SETS, strict=True)))
        rows += filled(self.name, self.lines, inputs.records)
        names = {(line.method, line.settings["samples"]): line.name for line in self.lines}
        digits = []
        for record in inputs.records:
            if record.panel == "digits":
                scale = inputs.settings["scale"]
                line = (record.series, planned(record) * scale)
                sizes = f"sizes whose {scale}-fold is a line of the paper's"
                require(line in names, f"{self.name}: runs of digits, times {scale}", line, sizes)
                digits.append(replace(record, series=names[line], value=line[1]))
        rows += average(self.name, digits, lambda record: record.value)
        return rows + average(self.name, digits, lambda record: record.value, pool_size, "samples")

    def details(self, records: Sequence[Record]) -> dict[str, Any]:
        """List the lines with a single finished run, which has no standard error over seeds."""
        return {SINGLE: single_runs(self.lines, records)}

    def describe(self, settings: Settings) -> str:
        """Return the caption, with the names of the lines whose runs have only begun."""
        begun = [line.name for line in self.lines if line.name in settings.get("in progress", [])]
        return self.caption + (f" (in progress: {', '.join(begun)})" if begun else "")

    def summary(self, contents: Contents) -> str:
        """Name the lines with finished runs of the reader, and the best line of each method on digits."""
        ours = [line.name for line in self.lines if line.ours]
        done = {name: cell for name in ours if (cell := own(contents, "validation", name)) != "-"}
        finished = f"{len(done)} of {len(ours)} lines have finished runs" + "".join(
            f", {k} {v}" for k, v in done.items()
        )
        methods = {line.name: line.method for line in self.lines}
        digits = sorted(select(contents.rows, panel="digits", quantity="accuracy"), key=lambda row: row.y)
        best = {methods[row.series]: f"{row.series} {words.accuracy(row)}" for row in digits}
        return finished + ("; best of digits: " + ", ".join(best.values()) if best else "")

    def markdown(self, contents: Contents) -> str:
        """Write the table in Markdown: for each set the paper's number and the reader's, or "-" without a run."""
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
                cells[-1].append(words.share(line.per_cent[name] / 100, 4) if name in line.per_cent else "-")
                cells[-1].append(own(contents, name, line.name) if line.ours else "")
            if digits:
                scaled, end = digits.get(line.name), ends.get(line.name)
                cells[-1] += [words.accuracy(scaled) if scaled else "-", f"{end.y:.0f}" if end else "-"]
        heads += ["digits", "samples"] if digits else []
        reading = "Own numbers: mean +- one standard error (seeds), or one run (95 % Wilson interval of the images)."
        return words.sheet(heads, cells) + "\n" + " ".join([reading, *self.notes]) + "\n"

    def draw(self, contents: Contents) -> Plot:
        """Draw a dot plot of the table, with hollow markers for the paper's numbers."""
        lines = {line.name: Line(line.method) for line in self.lines}
        shown = [
            row if row.panel == "digits" else row._replace(n_seeds=None)  # numbers of seeds differ between lines
            for row in (*contents.rows, *single_rows(self.name, contents.details.get(SINGLE, ())))
        ]
        columns = [Column(head, "accuracy", {name: "ImageNet"}) for name, head in SETS.items()]
        columns.append(dots.world_column("digits", "samples", "samples"))
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
            settings=ScaledRuns if panels else OwnRecipes,
        )


class Score(NamedTuple):
    """The number of images of an evaluation set that a finished run classifies correctly."""

    seed: int
    hits: int
    images: int

    @classmethod
    def of(cls, record: Record, name: str) -> Score:
        """Sum the counts of all classes of an evaluation set."""
        counts = record.result.sets[name]
        return cls(record.seed, sum(counts["hits"]), sum(counts["totals"]))


def scores(lines: Sequence[PrintedLine], records: Sequence[Record]) -> Iterator[tuple[PrintedLine, str, list[Score]]]:
    """Yield (line, evaluation set of the table, scores of the line's finished runs on the set)."""
    printed = {name for line in lines for name in line.per_cent}
    for line in lines:
        runs = [record for record in records if record.series == line.name]
        for name in (name for name in SETS if name in printed):
            on_set = [Score.of(run, name) for run in runs if name in run.result.sets]
            if on_set:
                yield line, name, on_set


def filled(figure: str, lines: Sequence[PrintedLine], records: Sequence[Record]) -> list[Row]:
    """Average the accuracies of lines with several finished runs; panel: evaluation set; x: samples as printed."""
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
        return f"{words.accuracy(row)} ({row.n_seeds} seeds)"
    for entry in contents.details.get(SINGLE, ()):
        if (entry["set"], entry["line"]) == (name, line):
            low, high = binomtest(entry["hits"], entry["images"]).proportion_ci(method="wilson")
            return f"{words.share(entry['hits'] / entry['images'])} ({words.share(low)} to {words.share(high)})"
    return "-"


def planned(record: Record) -> float:
    """Return the number of samples in the pool after all additions of the recipe."""
    growth = record.result.config["growth"]
    return float(growth["initial"] + growth["additions"] * growth["addition"])
