"""Figure validation: how many real validation images the patience rule needs.

Deliberate practice that sees 1, 5, 10 or 100 % of the real validation split. A coarse signal reaches its best value
early, by luck, and then seems to stand still: additions come sooner, from a less mature learner, and where their
number is not fixed there are more of them. So it is measured with a fixed number of additions, where only their time
can matter, and with as many as the patience rule asks for, where the pool differs, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, gain, pool_size
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks

RUN_PANELS = ("digits", "linear")  # where series of runs can go
TITLES = {"linear": "linear world", "digits": "digits"}
UNITS = {"linear": "evaluations", "digits": "iterations"}
MEASURES = {  # kind of panel: y label
    "accuracy": "test accuracy",
    "gap": "gap to 100 %, paired by seed",
    "waiting": "{} per addition",
    "pool": "samples at the end",
}


def percent(record: Record) -> float:
    """How much of the validation split the patience rule saw, in %."""
    return round(100 * record.result.config["growth"]["validation_share"], 6)


def waiting(record: Record) -> float:
    """The run's iterations per addition: that of the last one over their number."""
    rounds = record.result.pool
    return rounds[-1]["step"] / max(len(rounds) - 1, 1)


def compute(inputs: Inputs) -> list[Row]:
    """Averages of the runs against the share of the validation split, in %: panels "<measure>: <world>", and "gap:
    <world>" for the accuracy minus that of the runs that see all of it, paired by seed."""
    rows: list[Row] = []
    for kind, y in {"accuracy": lambda r: r.result.accuracy, "waiting": waiting, "pool": pool_size}.items():
        rows += [
            row._replace(panel=f"{kind}: {row.panel}") for row in average("validation", inputs.records, percent, y)
        ]
    for found in _gaps(inputs.records):
        at = (f"gap: {found['panel']}", found["series"], "practice", found["percent"])
        rows.append(Row("validation", *at, found["value"], found["stderr"], found["n_seeds"]))
    return rows


def _gaps(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Accuracy at each share minus that at the largest one of the series, paired by seed."""
    rng = np.random.default_rng(0)
    found = []
    for panel, series in dict.fromkeys((record.panel, record.series) for record in records):
        runs = [record for record in records if (record.panel, record.series) == (panel, series)]
        shares = sorted({percent(record) for record in runs})
        at = {share: [record for record in runs if percent(record) == share] for share in shares}
        for share in shares[:-1]:
            difference = gain(at[share], at[shares[-1]], rng)
            if difference:
                found.append({"panel": panel, "series": series, "percent": share, "over": shares[-1], **difference})
    return found


def details(records: Sequence[Record]) -> dict[str, Any]:
    """The gaps with 95 % bootstrap intervals over seeds and, where there are test images, over seeds and images; and
    the mean iteration of every addition, by share of the validation split, over the runs that made it."""
    times = []
    for panel, series in dict.fromkeys((record.panel, record.series) for record in records):
        runs = [record for record in records if (record.panel, record.series) == (panel, series)]
        for share in sorted({percent(record) for record in runs}):
            steps = [[entry["step"] for entry in r.result.pool[1:]] for r in runs if percent(r) == share]
            per_addition = [
                [run[k] for run in steps if len(run) > k] for k in range(max((len(run) for run in steps), default=0))
            ]
            entry = {"panel": panel, "series": series, "percent": share, "runs": len(steps)}
            entry["additions"] = [
                {"runs": len(values), "iteration": float(np.mean(values)), "deviation": float(np.std(values))}
                for values in per_addition
            ]
            times.append(entry)
    return {"gaps": _gaps(records), "times": times}


def describe(_: Settings) -> str:
    """The caption."""
    return "Deliberate practice by the share of the real validation split that its patience watches"


def summary(contents: Contents) -> str:
    """One line for the terminal: per world and series, the smallest share against the whole split."""
    rows = contents.rows
    parts = []
    for world in RUN_PANELS:
        for series in dict.fromkeys(row.series for row in rows if row.panel == f"accuracy: {world}"):
            gaps = select(rows, panel=f"gap: {world}", series=series)
            wait, pool = (select(rows, panel=f"{kind}: {world}", series=series) for kind in ("waiting", "pool"))
            if gaps and wait and pool:
                said = f"{gaps[0].y:+.4f} +- {gaps[0].stderr:.4f} with {gaps[0].x:g} % of the validation images"
                times = f"{wait[0].y:.3g} instead of {wait[-1].y:.3g} {UNITS[world]} per addition"
                sizes = f"{ticks.count(pool[0].y)} instead of {ticks.count(pool[-1].y)} samples"
                parts.append(f"{world}, {series}: {said}, {times}, {sizes}")
    return "; ".join(parts) or "no panel has two shares"


def draw(contents: Contents) -> Plot:
    """A row per world: accuracy, its gap to watching the whole split, iterations per addition, samples at the end.

    Raises ValueError if no row is of a known panel.
    """
    rows = contents.rows
    worlds = [world for world in RUN_PANELS if select(rows, panel=f"accuracy: {world}")]
    if not worlds:
        raise ValueError(f"validation.draw: got no rows of any panel; allowed {list(RUN_PANELS)}; do run a world first")
    with style.context():
        figure = Plot(figsize=(14.0, 3.0 * len(worlds) + 0.7), layout="constrained")
        axes = figure.subplots(len(worlds), len(MEASURES), squeeze=False)
        named = []
        for line, world in zip(axes, worlds, strict=True):
            for ax, (kind, ylabel) in zip(line, MEASURES.items(), strict=True):
                here = select(rows, panel=f"{kind}: {world}")
                named.append(panels.curves(ax, here))
                ax.set_xscale("log")
                shares = sorted({row.x for row in select(rows, panel=f"accuracy: {world}")})
                ticks.fixed_ticks(ax, shares, [f"{share:g}" for share in shares])
                ax.set_ylabel(ylabel.format(UNITS[world]))
                if kind == "gap":
                    ax.axhline(0, color=style.GREY, linewidth=0.9)
                    ax.set_xlim(line[0].get_xlim())
            seeds = max(row.n_seeds or 0 for row in select(rows, panel=f"accuracy: {world}"))
            line[0].set_title(f"{TITLES[world]}, {seeds} seeds")
        for ax in axes[-1]:
            ax.set_xlabel("validation images watched, %")
        panels.legend(figure, named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="validation",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    panels=RUN_PANELS,
)
