"""Figure 4: accuracy against the total number of synthetic samples, static against deliberate practice.

Own runs on the worlds (practice, with its controls, and theory where given), and the paper's own points for
ImageNet-100 and ImageNet-1k (Tables 4 and 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot

import rmt
import scaling
from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, gain, hits, points, pool_size
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.paper.numbers import DP, STATIC, fig4_rows

PANELS = {  # panel: (title, y label), in this order
    "linear": ("linear world", "test accuracy"),
    "digits": ("digits", "accuracy on real test digits"),
    "glyphs": ("glyphs", "accuracy on real glyphs of other fonts"),
    "IN-100 (paper)": ("ImageNet-100: the paper's numbers (Table 4)", "accuracy on real validation set"),
    "IN-1k (paper)": ("ImageNet-1k: the paper's numbers (Table 5)", "accuracy on real validation set"),
}
KEEP_ALL = "Theorem 1, all kept"
RUN_PANELS = ("linear", "digits", "glyphs")  # where series of runs can go


def compute(inputs: Inputs) -> list[Row]:
    """Averages of the runs against pool size, the theorem for static data in the linear world.

    With settings["paper"], the paper's own points in panels of their own.
    """
    rows = average("fig4", inputs.records, pool_size)
    static = select(rows, panel="linear", series=STATIC)
    if static:
        world = next(record.result.config["world"] for record in inputs.records if record.panel == "linear")
        sizes = np.geomspace(static[0].x, static[-1].x, 60)
        problem = rmt.Problem(n=sizes, d=world["dimension"], ridge=world["ridge"], rule=rmt.KeepAll(), rho=1.0)
        accuracy = 1 - np.asarray(rmt.error_rate(problem))
        rows += [
            Row("fig4", "linear", KEEP_ALL, "theory", float(x), float(y)) for x, y in zip(sizes, accuracy, strict=True)
        ]
    return rows + (fig4_rows() if inputs.settings["paper"] else [])


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Gains of deliberate practice over static data and its controls at equal size, paired by seed.

    Each with 95 % bootstrap intervals over seeds and, where there are test images, over seeds and images; and how many
    times more static samples it takes to match.
    """
    rng = np.random.default_rng(0)
    gains = []
    for panel in dict.fromkeys(record.panel for record in records):
        here = [record for record in records if record.panel == panel]
        static = panels.curve(select(average("fig4", here, pool_size), series=STATIC))
        by_point = points(here)
        for (_, series, size), members in by_point.items():
            if series != DP or not static.x:
                continue
            accuracy = float(hits(members).mean())
            factor = scaling.multiplier(static, scaling.Curve([size], [accuracy]), accuracy)
            entry: dict[str, Any] = {
                "panel": panel,
                "size": size,
                "accuracy": accuracy,
                "against static": factor.words("fewer samples", "more samples"),
                "n_seeds": len(members),
            }
            for (_, other, at), baseline in by_point.items():
                difference = gain(members, baseline, rng) if at == size and other != DP else None
                if difference:  # else a seed ended at another size
                    entry[f"gain over {other}"] = difference
            gains.append(entry)
    return {"gains": gains}


def describe(_: Settings) -> str:
    """The caption."""
    return "Accuracy against the number of synthetic training samples"


def saving(rows: Sequence[Row], panel: str) -> scaling.Multiplier | None:
    """How many times fewer samples deliberate practice needs for the best measured accuracy of static data.

    Sizes between points are interpolated; where DP's smallest size is already better the factor is a lower bound (">"),
    where its largest is still worse an upper bound ("<"). None unless the panel has both series.
    """
    static, practice = (_measured(rows, panel, series) for series in (STATIC, DP))
    return scaling.multiplier(static, practice, max(static.y)) if static.x and practice.x else None


def _measured(rows: Sequence[Row], panel: str, series: str) -> scaling.Curve:
    return panels.curve(row for row in select(rows, panel=panel, series=series) if row.source in ("practice", "paper"))


def summary(contents: Contents) -> str:
    """One line for the terminal: per panel, static's best accuracy and the samples both methods need for it."""
    parts = []
    for panel in PANELS:
        found = saving(contents.rows, panel)
        if found:
            dp, static, words = (
                ticks.count(found.method_x),
                ticks.count(found.baseline_x),
                found.words("fewer", "more"),
            )
            said = f"by DP with {dp} samples ({words})" if words else f"not by DP with {dp} samples"
            parts.append(f"{panel}: {found.level:.3f} by static with {static} samples, {said}")
    return "; ".join(parts) or "no panel has both methods"


def draw(contents: Contents) -> Plot:
    """One panel per world that has rows; an arrow shows the samples saved at static's best accuracy.

    `note` marks e.g. a quick preset, `caption` names the settings. Raises ValueError if no row is of a known panel.
    """
    rows = contents.rows
    present = [panel for panel in PANELS if select(rows, panel=panel)]
    if not present:
        raise ValueError(f"fig4.draw: got no rows of any panel; allowed {list(PANELS)}; do run a world first")
    columns = min(len(present), 2)
    with style.context():
        figure = Plot(figsize=(4.8 * columns, 3.6 * -(-len(present) // columns) + 0.6), layout="constrained")
        named = []
        for index, panel in enumerate(present):
            ax = figure.add_subplot(-(-len(present) // columns), columns, index + 1)
            here = select(rows, panel=panel)
            named.append(panels.curves(ax, here))
            ticks.log_ticks(ax, min(row.x for row in here), max(row.x for row in here))
            title, ylabel = PANELS[panel]
            seeds = max((row.n_seeds or 0 for row in here), default=0)
            title += f", {seeds} seeds" if seeds else ""
            ax.set(title=title, xlabel="synthetic samples in total", ylabel=ylabel)
            found = saving(rows, panel)
            if found:
                panels.saving(ax, found, found.words("fewer", "more"), style.SERIES[DP].colour)
        panels.legend(figure, named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="fig4",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    panels=RUN_PANELS,
)
