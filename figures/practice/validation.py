"""Figure validation: how many real validation images the patience rule needs.

Deliberate practice that sees 1, 5, 10 or 100 % of the real validation split. A coarse signal reaches its best value
early, by luck, and then seems to stand still: additions come sooner, from a less mature learner, and where their
number is not fixed there are more of them. So it is measured with a fixed number of additions, where only their time
can matter, and with as many as the patience rule asks for, where the pool differs, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.records import Pair, accuracy, average, differences, gain, mean_row, points, pool_size
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.drawing.worlds import WORLDS

PANELS = ("digits", "linear")
UNITS = {"linear": "evaluations", "digits": "iterations"}
WAITING, POOL = "iterations per addition", "samples"
LABELS = {  # quantity: y label
    "accuracy": "test accuracy",
    "gap": "gap to 100 %, paired by seed",
    WAITING: "{} per addition",
    POOL: "samples at the end",
}
CAPTION = "Deliberate practice by the share of the real validation split that its patience watches"


def percent(record: Record) -> float:
    """Return how much of the validation split the patience rule watched, in %."""
    return round(100 * record.result.config["growth"]["validation_share"], 6)


def waiting(record: Record) -> float:
    """Return a run's iterations per addition: the iteration of the last addition over their number."""
    rounds = record.result.pool
    return rounds[-1]["step"] / max(len(rounds) - 1, 1)


def compute(inputs: Inputs) -> list[Row]:
    """Average the runs against the share of the validation split, in %: the quantities of `LABELS`."""
    rows: list[Row] = []
    for quantity, y in {"accuracy": accuracy, WAITING: waiting, POOL: pool_size}.items():
        rows += average("validation", inputs.records, percent, y, quantity)
    for pair, _ in against_whole(inputs.records):
        if samples := differences(pair.runs, pair.rivals):
            rows.append(mean_row("validation", pair.panel, pair.series, "gap", pair.x, samples))
    return rows


def against_whole(records: Sequence[Record]) -> Iterator[tuple[Pair, float]]:
    """Pair the runs of every share with those of the largest share of their series, and yield that share, too."""
    groups = points(records, percent)
    for panel, series in dict.fromkeys((record.panel, record.series) for record in records):
        *shares, whole = sorted(share for *place, share in groups if place == [panel, series])
        for share in shares:
            runs, rivals = (groups[panel, series, each] for each in (share, whole))
            yield Pair(panel, series, share, runs, rivals), whole


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Measure the gaps with 95 % bootstrap intervals, and the mean iteration of every addition.

    Intervals are over seeds and, where there are test images, over seeds and images. An addition's iteration is that of
    the runs that made it, by share of the validation split.
    """
    rng, gaps = np.random.default_rng(0), []
    for pair, largest in against_whole(records):
        if numbers := gain(pair.runs, pair.rivals, rng):
            place = {"panel": pair.panel, "series": pair.series, "percent": pair.x, "over": largest}
            gaps.append({**place, **numbers})
    groups, times = points(records, percent), []
    for panel, series in dict.fromkeys((record.panel, record.series) for record in records):
        for share in sorted(share for *place, share in groups if place == [panel, series]):
            steps = [[entry["step"] for entry in r.result.pool[1:]] for r in groups[panel, series, share]]
            most = max((len(run) for run in steps), default=0)
            additions = [[run[k] for run in steps if len(run) > k] for k in range(most)]
            entry: dict[str, Any] = {"panel": panel, "series": series, "percent": share, "runs": len(steps)}
            entry["additions"] = [
                {"runs": len(values), "iteration": float(np.mean(values)), "deviation": float(np.std(values))}
                for values in additions
            ]
            times.append(entry)
    return {"gaps": gaps, "times": times}


def summary(contents: Contents) -> str:
    """Compare in one line the smallest share with the whole split, by world and series."""
    rows, sentences = contents.rows, []
    for world in PANELS:
        for series in dict.fromkeys(row.series for row in rows if row.panel == world):
            gaps, wait, pool = (
                select(rows, panel=world, series=series, quantity=name) for name in ("gap", WAITING, POOL)
            )
            if gaps and wait and pool:
                gap = f"{gaps[0].y:+.4f} +- {gaps[0].stderr:.4f} with {gaps[0].x:g} % of the validation images"
                times = f"{wait[0].y:.3g} instead of {wait[-1].y:.3g} {UNITS[world]} per addition"
                sizes = f"{ticks.count(pool[0].y)} instead of {ticks.count(pool[-1].y)} samples"
                sentences.append(f"{world}, {series}: {gap}, {times}, {sizes}")
    return "; ".join(sentences) or "no panel has two shares"


def draw(contents: Contents) -> Plot:
    """Draw a line of axes per world, one for each quantity of `LABELS`."""
    worlds = contents.panels(PANELS, "validation.draw")
    with style.context():
        figure = Plot(figsize=(14.0, 3.0 * len(worlds) + 0.7), layout="constrained")
        axes = figure.subplots(len(worlds), len(LABELS), squeeze=False)
        named = []
        for line, world in zip(axes, worlds, strict=True):
            scores = select(contents.rows, panel=world, quantity="accuracy")
            shares = sorted({row.x for row in scores})
            for ax, (quantity, ylabel) in zip(line, LABELS.items(), strict=True):
                named.append(panels.curves(ax, select(contents.rows, panel=world, quantity=quantity)))
                ax.set_xscale("log")
                ticks.fixed_ticks(ax, shares, [f"{share:g}" for share in shares])
                ax.set_ylabel(ylabel.format(UNITS[world]))
                if quantity == "gap":
                    ax.axhline(0, color=style.GREY, linewidth=0.9)
                    ax.set_xlim(line[0].get_xlim())
            line[0].set_title(f"{WORLDS[world].title}, {max(row.n_seeds or 0 for row in scores)} seeds")
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
    describe=lambda _: CAPTION,
    details=details,
    panels=PANELS,
)
