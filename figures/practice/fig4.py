"""Figure 4: accuracy against the total number of synthetic samples, static against deliberate practice.

Own runs on the worlds (practice, with its controls, and theory where given), and the paper's own points for
ImageNet-100 and ImageNet-1k (Tables 4 and 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot

import rmt
import scaling
from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.records import average, gain, hits, points, pool_size, theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.drawing.worlds import WORLDS, World
from figures.paper.numbers import DP, STATIC, fig4_rows

RUN_PANELS = ("linear", "digits", "glyphs")
PANELS = {  # panel: title and y label, in this order
    **{name: WORLDS[name] for name in RUN_PANELS},
    "IN-100 (paper)": World("ImageNet-100: the paper's numbers (Table 4)", WORLDS["imagenet100"].accuracy),
    "IN-1k (paper)": World("ImageNet-1k: the paper's numbers (Table 5)", WORLDS["imagenet1k"].accuracy),
}
KEEP_ALL = "Theorem 1, all kept"
CAPTION = "Accuracy against the number of synthetic training samples"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/fig4.toml`."""

    paper: bool  # the paper's own points in panels of their own


def compute(inputs: Inputs) -> list[Row]:
    """Average the runs against pool size, and compute the theorem for static data in the linear world.

    With settings["paper"], the paper's own points are added in panels of their own.
    """
    rows = average("fig4", inputs.records, pool_size)
    static = select(rows, panel="linear", series=STATIC)
    if static:
        world = next(record.result.config["world"] for record in inputs.records if record.panel == "linear")
        sizes = np.geomspace(static[0].x, static[-1].x, 60)
        problem = rmt.Problem(n=sizes, d=world["dimension"], ridge=world["ridge"], rule=rmt.KeepAll(), rho=1.0)
        law = 1 - np.asarray(rmt.error_rate(problem))
        rows += theory_rows("fig4", "linear", KEEP_ALL, "accuracy", sizes, law)
    return rows + (fig4_rows() if inputs.settings["paper"] else [])


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Measure the gains of deliberate practice over static data and its controls at equal size, paired by seed.

    Each with 95 % bootstrap intervals over seeds and, where there are test images, over seeds and images; and how many
    times more static samples it takes to match.
    """
    rng = np.random.default_rng(0)
    gains = []
    for panel in dict.fromkeys(record.panel for record in records):
        runs = [record for record in records if record.panel == panel]
        static = panels.curve(select(average("fig4", runs, pool_size), series=STATIC))
        by_point = points(runs)
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


def saving(rows: Sequence[Row], panel: str) -> scaling.Multiplier | None:
    """Compute how many times fewer samples deliberate practice needs for the best accuracy of static data.

    Sizes between points are interpolated; where DP's smallest size is already better the factor is a lower bound (">"),
    where its largest is still worse an upper bound ("<"). None unless the panel has both series.
    """
    measured = [row for row in select(rows, panel=panel) if row.source in ("practice", "paper")]
    static, practice = (panels.curve(select(measured, series=series)) for series in (STATIC, DP))
    return scaling.multiplier(static, practice, max(static.y)) if static.x and practice.x else None


def summary(contents: Contents) -> str:
    """Say in one line, by panel, static's best accuracy and the samples both methods need for it."""
    sentences = []
    for panel in PANELS:
        saved = saving(contents.rows, panel)
        if saved:
            dp, static = ticks.count(saved.method_x), ticks.count(saved.baseline_x)
            words = saved.words("fewer", "more")
            reached = f"by DP with {dp} samples ({words})" if words else f"not by DP with {dp} samples"
            sentences.append(f"{panel}: {saved.level:.3f} by static with {static} samples, {reached}")
    return "; ".join(sentences) or "no panel has both methods"


def draw(contents: Contents) -> Plot:
    """Draw one panel per world that has rows; an arrow shows the samples saved at static's best accuracy."""
    rows, present = contents.rows, contents.panels(PANELS, "fig4.draw")
    columns = min(len(present), 2)
    lines = -(-len(present) // columns)
    with style.context():
        figure = Plot(figsize=(4.8 * columns, 3.6 * lines + 0.6), layout="constrained")
        named = []
        for index, panel in enumerate(present):
            ax = figure.add_subplot(lines, columns, index + 1)
            shown = select(rows, panel=panel)
            named.append(panels.curves(ax, shown))
            ticks.log_ticks(ax, min(row.x for row in shown), max(row.x for row in shown))
            title, ylabel = PANELS[panel]
            seeds = max(row.n_seeds or 0 for row in shown)
            title += f", {seeds} seeds" if seeds else ""
            ax.set(title=title, xlabel="synthetic samples in total", ylabel=ylabel)
            saved = saving(rows, panel)
            if saved:
                panels.saving(ax, saved, saved.words("fewer", "more"), style.SERIES[DP].colour)
        panels.legend(figure, named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="fig4",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    panels=RUN_PANELS,
    settings=Config,
)
