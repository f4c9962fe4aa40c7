"""Figure 1: accuracy against the amount of data, deliberate practice against small and large static data.

The paper's numbers (Tables 4 and 5) with the reader's finished runs of their recipes, and the runs of fig4 on digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.records import average, pool_size
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.drawing.worlds import WORLDS
from figures.paper import beside_own_runs
from figures.paper.numbers import STATIC, TABLE4, TABLE5, fig4_rows
from figures.practice import fig4

PANELS = {  # panel: world, in this order
    "IN-1k": WORLDS["imagenet1k"],
    "IN-100": WORLDS["imagenet100"],
    "digits": WORLDS["digits"],
}
TABLES = {"IN-100": TABLE4, "IN-1k": TABLE5}
CAPTION = "Accuracy against the amount of data (hollow: the paper's; dashed: the most static data, and a tenth of it)"


def compute(inputs: Inputs) -> list[Row]:
    """Collect the paper's points, those of finished recipes with several seeds, and the averages of runs on digits."""
    rows = [row._replace(figure="fig1", panel=row.panel.removesuffix(" (paper)")) for row in fig4_rows()]
    for panel, lines in TABLES.items():
        methods = {line.name: line.method for line in lines}
        own = select(beside_own_runs.filled("fig1", lines, inputs.records), panel="validation")
        rows += [row._replace(panel=panel, series=methods[row.series]) for row in own]
    return rows + average("fig1", [record for record in inputs.records if record.panel == "digits"], pool_size)


def details(records: Sequence[Record]) -> dict[str, Any]:
    """List the recipes with a single finished run, whose error is the binomial one of the validation images."""
    return {panel: beside_own_runs.single_runs(lines, records) for panel, lines in TABLES.items()}


def own_points(contents: Contents, panel: str) -> list[Row]:
    """Return the points of the reader's own runs in a panel of the paper's numbers, single runs included."""
    methods = {line.name: line.method for line in TABLES.get(panel, ())}
    single = beside_own_runs.single_rows("fig1", contents.details.get(panel, ()))
    shown = [row._replace(panel=panel, series=methods[row.series]) for row in select(single, panel="validation")]
    return [*select(contents.rows, panel=panel, source="practice"), *shown] if panel in TABLES else []


def summary(contents: Contents) -> str:
    """Say in one line how many samples deliberate practice saves, and how many recipes have finished runs."""
    sentences = []
    for panel in PANELS:
        saved = fig4.saving(reference(select(contents.rows, panel=panel)), panel)
        if saved:
            sentences.append(f"{panel}, accuracy {fig4.reading(saved)}")
        own = own_points(contents, panel)
        sentences += [f"{panel}, own points: {len(own)}"] if own else []
    return "; ".join(sentences) or "no panel has both methods"


def reference(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a panel that are joined to curves: the paper's where there are some, else all."""
    return [row for row in rows if row.source == "paper"] or list(rows)


def draw(contents: Contents) -> Plot:
    """Draw one panel per task that has rows, and below it the samples saved over levels of accuracy."""
    present = contents.panels(PANELS, "fig1.draw")
    with style.context():
        figure = Plot(figsize=(4.2 * len(present), 5.6), layout="constrained")
        axes = figure.subplots(2, len(present), squeeze=False, height_ratios=[2.3, 1])
        named = []
        for (ax, below), panel in zip(axes.T, present, strict=True):
            curves, own = reference(select(contents.rows, panel=panel)), own_points(contents, panel)
            drawn = panels.curves(ax, own, join=())
            named.append(panels.curves(ax, curves) | {f"{series}, own runs": mark for series, mark in drawn.items()})
            sizes = [row.x for row in (*curves, *own)]
            ticks.log_ticks(ax, min(sizes), max(sizes))
            static = [row for row in curves if row.series == STATIC]
            for row in static[-1:] + [row for row in static if row.x >= static[-1].x / 10][:1]:
                ax.axhline(row.y, color=style.SERIES[STATIC].colour, linestyle="--", linewidth=0.8, zorder=1)
            title, ylabel = PANELS[panel]
            ax.set(title=title, xlabel="synthetic samples in total", ylabel=ylabel)
            fig4.draw_saving(ax, below, fig4.saving(curves, panel))
        panels.legend(figure, named, title=fig4.LEGEND)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="fig1",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    panels=("digits",),
    settings=beside_own_runs.OwnRecipes,
)
