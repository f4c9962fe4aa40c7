"""Show tables of runs, each line as a row of dots and as a row of Markdown, with changes paired by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from empirical.runs.result import Record
from figures.contract import words
from figures.contract.records import average, differences, gain, mean_row
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.drawing.worlds import WORLDS


class Line(NamedTuple):
    """A line of a table, drawn like the series `look`, with its changes from the lines `against`.

    The table shows the change from the first of `against`; the manifest has all changes.
    """

    look: str
    against: tuple[str, ...] = ()


class Column(NamedTuple):
    """One set of axes: the panels and the quantity drawn in it, and the numbers written beside each line.

    panels: name of each panel in the legend and in the heads of the Markdown. beside: quantity of the numbers at the
    right-hand edge, and their head.
    """

    title: str
    xlabel: str
    panels: Mapping[str, str]
    beside: tuple[str, str] = ("", "")
    quantity: str = "accuracy"

    def rows(self, rows: Iterable[Row], panel: str) -> list[Row]:
        """Return the rows of a panel that are drawn as dots in this column: those of runs and of the paper."""
        return [row for row in select(rows, panel=panel, quantity=self.quantity) if row.source != "theory"]

    def theory(self, rows: Iterable[Row]) -> list[Row]:
        """Return the theory's rows of the first panel, which are drawn as ticks behind the dots."""
        return select(rows, panel=next(iter(self.panels)), quantity=self.quantity, source="theory")

    def numbers(self, rows: Iterable[Row]) -> dict[str, Row]:
        """Return by line the rows of the numbers beside the lines, which belong to the first panel."""
        return {row.series: row for row in select(rows, panel=next(iter(self.panels)), quantity=self.beside[0])}


PAPER_MARKERS = ("s", "D")  # markers of the paper's numbers in a column's first and second panel
THEORY = "theory (infinite dimension)"


def world_column(world: str, quantity: str, head: str) -> Column:
    """Make the column of a world's own runs, with the numbers of a quantity beside the lines."""
    return Column(*WORLDS[world], {world: world}, (quantity, head))


def measured(
    figure: str,
    records: Sequence[Record],
    lines: Mapping[str, Line],
    x: Callable[[Record], float],
    beside: tuple[str, Callable[[Record], float]],
) -> list[Row]:
    """Make three rows for each line: its accuracy, the number beside it, and its "change".

    beside: quantity and number of a record. The change is the mean difference from the first line of `against`, paired
    by seed.
    """
    quantity, number = beside
    rows = [row._replace(x=round(row.x, 12)) for row in average(figure, records, x)]
    x_of = {(row.panel, row.series): row.x for row in rows}
    rows += average(figure, records, x, number, quantity)
    runs = by_line(records)
    for (panel, series), members in runs.items():
        for other in lines[series].against[:1] if series in lines else ():
            if samples := differences(members, runs.get((panel, other), [])):
                rows.append(mean_row(figure, panel, series, "change", x_of[panel, series], samples))
    return rows


def by_line(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """Group records by (panel, series), each group in order of seed."""
    runs: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda r: r.seed):
        runs.setdefault((record.panel, record.series), []).append(record)
    return runs


def changes(records: Sequence[Record], lines: Mapping[str, Line]) -> list[dict[str, Any]]:
    """List the `gain` of every line over each line of its `against`, where the runs have the same seeds."""
    rng, runs, entries = np.random.default_rng(0), by_line(records), []
    for (panel, series), members in runs.items():
        for other in lines[series].against if series in lines else ():
            if difference := gain(members, runs.get((panel, other), []), rng):
                entries.append({"panel": panel, "line": series, "against": other, **difference})
    return entries


def shown(rows: Iterable[Row], columns: Iterable[Column]) -> list[Row]:
    """Return the rows that are drawn in any of the columns, in the order of the table."""
    places = {(panel, column.quantity) for column in columns for panel in column.panels}
    return [row for row in rows if (row.panel, row.quantity) in places]


def order(rows: Iterable[Row], lines: Mapping[str, Line]) -> list[str]:
    """Return the lines that have rows: those of `lines` in their order, then others in the order of the rows."""
    present = dict.fromkeys(row.series for row in rows)
    return [*(name for name in lines if name in present), *(name for name in present if name not in lines)]


def draw(
    rows: Sequence[Row], lines: Mapping[str, Line], columns: Sequence[Column], reference: str, note: str, caption: str
) -> Figure:
    """Draw a row of dots for each line, in one set of axes for each column that has rows.

    Own runs have bars of +-2 standard errors; the paper's numbers are hollow, with a marker for each panel; ticks are
    theory. A dashed line marks the line `reference` in each column.
    """
    present = [column for column in columns if any(column.rows(rows, panel) for panel in column.panels)]
    names = order(shown(rows, present), lines)
    with style.context():
        figure = Figure(figsize=(2.9 + 2.6 * len(present), 1.7 + 0.26 * len(names)), layout="constrained")
        named: panels.Drawn = {}
        first: Axes | None = None
        for index, column in enumerate(present):
            ax = figure.add_subplot(1, len(present), index + 1, sharey=first)
            if first is None:
                first = ax
                ax.set_yticks(range(len(names)), names)
                ax.set_ylim(len(names) - 0.5, -0.5)
            ax.tick_params(axis="y", length=0, labelleft=ax is first)
            ax.spines["left"].set_visible(False)
            named |= _dots(ax, rows, names, lines, column) | _ticks(ax, names, column.theory(rows))
            drawn = [row for panel in column.panels for row in column.rows(rows, panel)]
            for mark in [row.y for row in drawn if row.series == reference][:1]:
                ax.axvline(mark, color=style.GREY, linestyle="--", linewidth=0.8, zorder=1)
            ax.margins(x=0.08)
            ax.locator_params(axis="x", nbins=6)
            seeds = max(row.n_seeds or 0 for row in drawn)
            ax.set(title=column.title + (f", {seeds} seeds" if seeds else ""), xlabel=column.xlabel)
            _beside(ax, rows, names, column)
        looks = [line.look for line in lines.values()]
        first_line = {look: looks.index(look) for look in looks}  # the paper's markers and unknown series come last
        panels.legend(figure, [dict(sorted(named.items(), key=lambda item: first_line.get(item[0], len(looks))))])
        style.inscribe(figure, caption, note)
    return figure


def _dots(
    ax: Axes, rows: Sequence[Row], names: Sequence[str], lines: Mapping[str, Line], column: Column
) -> panels.Drawn:
    """Draw the dots of one column and return the artists of the legend by name."""
    named: panels.Drawn = {}
    for number, (panel, title) in enumerate(column.panels.items()):
        for row in column.rows(rows, panel):
            series = lines[row.series].look if row.series in lines else row.series
            look, hollow = style.series_style(series), row.source == "paper"
            drawn = ax.errorbar(
                row.y,
                names.index(row.series),
                xerr=panels.ERROR_BARS * (row.stderr or 0.0),
                color=look.colour,
                marker=PAPER_MARKERS[number] if hollow else look.marker,
                markersize=4.5 if hollow else look.size,
                markerfacecolor="white" if hollow else look.colour,
                linestyle="none",
                elinewidth=0.9,
                capsize=0 if hollow else 1.8,
            )
            if hollow:
                mark = Line2D([], [], color=style.GREY, marker=PAPER_MARKERS[number], markerfacecolor="white")
                mark.set(linestyle="none", markersize=4.5)
                named[f"{title} (paper)"] = mark
            else:
                named.setdefault(series, drawn)
    return named


def _ticks(ax: Axes, names: Sequence[str], theory: Sequence[Row]) -> panels.Drawn:
    """Draw the theory of each line as a tick behind its dot, and return the artist of the legend."""
    if not theory:
        return {}
    places = [names.index(row.series) for row in theory]
    look: dict[str, Any] = {
        "color": style.BLACK,
        "marker": "|",
        "linestyle": "none",
        "markersize": 11,
        "markeredgewidth": 1.2,
    }
    return {THEORY: ax.plot([row.y for row in theory], places, zorder=1.5, **look)[0]}


def _beside(ax: Axes, rows: Sequence[Row], names: Sequence[str], column: Column) -> None:
    """Write the numbers of the lines at the right-hand edge, under their head."""
    numbers = {name: row for name, row in column.numbers(rows).items() if name in names}
    if not numbers:
        return

    def write(text: str, y: float, coords: Any, align: str) -> None:
        ax.annotate(
            text,
            (1, y),
            xycoords=coords,
            xytext=(2, 2 if align == "bottom" else 0),
            textcoords="offset points",
            va=align,
            fontsize=7.5,
            color=style.GREY,
            annotation_clip=False,
        )

    write(column.beside[1], 1, "axes fraction", "bottom")
    for name, row in numbers.items():
        write(ticks.count(row.y), names.index(name), ("axes fraction", "data"), "center")


def markdown(rows: Sequence[Row], lines: Mapping[str, Line], columns: Sequence[Column], notes: Sequence[str]) -> str:
    """Write the table in Markdown: for each column its panels, changes and theory if there are any, numbers beside.

    Own numbers are written as mean +- one standard error; `notes` are sentences below the table.
    """
    drawn = shown(rows, columns)
    names = order(drawn, lines)
    heads, cells = [""], {name: [name] for name in names}
    main = next((line.against[0] for line in lines.values() if line.against), "")

    def add(numbers: Iterable[Row], head: str, write: Callable[[Row], str]) -> None:
        by_name = {row.series: row for row in numbers}
        if by_name:
            heads.append(head)
            for name, line in cells.items():
                line.append(write(by_name[name]) if name in by_name else "-")

    def write_change(row: Row) -> str:
        other = lines[row.series].against[0]
        return words.change(row) + (f" (from {other!r})" if other != main else "")

    for column in columns:
        for panel, title in column.panels.items():
            add(column.rows(rows, panel), title, words.accuracy)
            if column.quantity == "accuracy":
                add(select(rows, panel=panel, quantity="change"), "change", write_change)
        add(column.theory(rows), "theory", lambda row: words.share(row.y))
        add(column.numbers(rows).values(), column.beside[1], lambda row: ticks.count(row.y))
    seeds = {row.panel: row.n_seeds for row in drawn if row.n_seeds}
    sizes = ", ".join(f"{panel} {count} seeds" for panel, count in seeds.items())
    reading = (
        f"Mean +- one standard error ({sizes}); changes are from {main!r} unless another line is named, paired by seed."
    )
    return words.sheet(heads, cells.values()) + "\n" + " ".join([reading, *notes] if sizes else notes) + "\n"
