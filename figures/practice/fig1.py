"""Figure 1: accuracy against the amount of data, deliberate practice against small and large static data.

The paper's numbers (Tables 4 and 5) with the reader's finished runs of their recipes, and the runs of fig4 on digits.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Plot

from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, pool_size
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.paper import beside_own_runs as recorded
from figures.paper.numbers import DP, STATIC, TABLE4, TABLE5
from figures.practice import fig4

PANELS = {  # panel: (title, y label), in this order
    "IN-1k": ("ImageNet-1k", "accuracy on real validation set"),
    "IN-100": ("ImageNet-100", "accuracy on real validation set"),
    "digits": ("digits", "accuracy on real test digits"),
}
RUN_PANELS = ("digits",)


def compute(inputs: Inputs) -> list[Row]:
    """The paper's points, those of finished recipes (one run: with the error of its validation set), digits."""
    rows = [row._replace(figure="fig1", panel=row.panel.removesuffix(" (paper)")) for row in fig4.fig4_rows()]
    for panel, runs in (("IN-100", TABLE4), ("IN-1k", TABLE5)):
        methods, sets = {run.name: run.method for run in runs}, ("validation", recorded.ONE.format("validation"))
        found = [row for row in recorded.filled("fig1", runs, inputs.records) if row.panel in sets]
        rows += [row._replace(panel=panel, series=methods[row.series]) for row in found]
    return rows + average("fig1", [record for record in inputs.records if record.panel == "digits"], pool_size)


def describe(_: Settings) -> str:
    """The caption."""
    return "Accuracy against the amount of data (hollow: the paper's; dashed: the most static data, and a tenth of it)"


def summary(contents: Contents) -> str:
    """One line for the terminal: what fig4 says of these panels, and how many runs of recipes there are."""
    parts = []
    for panel in PANELS:
        here = select(contents.rows, panel=panel)
        found = fig4.saving(reference(here), panel) if here else None
        if found:
            parts.append(f"{panel}: {found.level:.3f} with {found.words('fewer', 'more')} samples")
        own = [row for row in here if row.source == "practice" and row.panel != "digits"]
        parts += [f"{panel}, own points: {len(own)}"] if own else []
    return "; ".join(parts) or "no panel has both methods"


def reference(rows: Sequence[Row]) -> list[Row]:
    """The rows of a panel that make its curves: the paper's, and without any the runs'."""
    return [row for row in rows if row.source == "paper"] or list(rows)


def draw(contents: Contents) -> Plot:
    """One panel per task that has rows. Raises ValueError if no row is of a known panel."""
    rows = contents.rows
    present = [panel for panel in PANELS if select(rows, panel=panel)]
    if not present:
        raise ValueError(f"fig1.draw: got no rows of any panel; allowed {list(PANELS)}; do run a world first")
    with style.context():
        figure = Plot(figsize=(4.2 * len(present), 4.2), layout="constrained")
        named = []
        for index, panel in enumerate(present):
            ax = figure.add_subplot(1, len(present), index + 1)
            here = select(rows, panel=panel)
            curves = reference(here)
            named.append(panels.curves(ax, curves))
            own = [row for row in here if row not in curves]
            drawn = panels.curves(ax, own, join=())
            named[-1] |= {f"{series}, own runs": artist for series, artist in drawn.items()}
            ticks.log_ticks(ax, min(row.x for row in here), max(row.x for row in here))
            static = [row for row in curves if row.series == STATIC]
            for row in static[-1:] + [row for row in static if row.x >= static[-1].x / 10][:1]:
                ax.axhline(row.y, color=style.SERIES[STATIC].colour, linestyle="--", linewidth=0.8, zorder=1)
            title, ylabel = PANELS[panel]
            ax.set(title=title, xlabel="synthetic samples in total", ylabel=ylabel)
            found = fig4.saving(curves, panel)
            if found:
                panels.saving(ax, found, found.words("fewer", "more"), style.SERIES[DP].colour)
        panels.legend(figure, named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="fig1",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    panels=RUN_PANELS,
)
