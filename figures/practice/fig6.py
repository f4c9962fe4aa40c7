"""Figure 6 (left): hindsight. The error over training of the samples of each added batch that were misclassified when
they were added, before and after that, and of the batch as a whole.

A round is added at another iteration in every seed, so all curves run against the iterations since the round's own
addition, and stand only where every seed has a value. At zero, when the samples were made, the error of those
misclassified is 1: they were chosen so. The curve before zero says what that choice alone does: samples that are
sometimes right and sometimes wrong look best just before and after they were picked for being wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.table import Row, select
from figures.drawing import bands, panels, style
from figures.drawing.style import Style
from scaling.averages import aggregate

RUN_PANELS = ("digits", "linear")  # where series of runs can go
DP = "deliberate practice"
KINDS = {  # of the curves: (key of the examination, y label)
    "misclassified": ("error_misclassified", "error, misclassified when added"),
    "all": ("error", "error, the whole round"),
}
UNITS = {"digits": "iterations", "linear": "evaluations"}
MOST = 6  # rounds that a picture has room for


def compute(inputs: Inputs) -> list[Row]:
    """For the rounds settings["rounds"], means over seeds against the iterations since the round was added.

    Only those within settings["window"][world], the first and the last of these iterations, are kept.

    Panels are "misclassified: <world>" and "all: <world>", and "share misclassified: <world>" (x: round), with
    every series of runs whose rounds were examined; series of the former are "round r".
    """
    rows: list[Row] = []
    for world in RUN_PANELS:
        for series in dict.fromkeys(r.series for r in inputs.records if r.panel == world):
            members = [r for r in inputs.records if (r.panel, r.series) == (world, series)]
            members = sorted(members, key=lambda record: record.seed)
            for number in inputs.settings["rounds"] if series == DP else ():
                for kind, (key, _) in KINDS.items():
                    curve = _curve(f"{kind}: {world}", f"round {number}", members, number, key)
                    first, last = inputs.settings["window"][world]
                    rows += [row for row in curve if first <= row.x <= last]
            rounds = min(len(r.examined["rounds"]) for r in members)
            shares = [[entry["misclassified"] / entry["rows"] for entry in r.examined["rounds"]] for r in members]
            per_round = [share[1:rounds] for share in shares]
            rows += bands.mean_rows("fig6", f"share misclassified: {world}", series, list(range(1, rounds)), per_round)
    return rows


def _round(record: Record, number: int) -> dict[str, Any] | None:
    return next((entry for entry in record.examined["rounds"] if entry["round"] == number), None)


def _path(record: Record, number: int, key: str) -> dict[int, float]:
    """Error of a round by iterations since it was added; empty where the run has no such round or none was wrong."""
    entry = _round(record, number)
    if entry is None:
        return {}
    offsets = [step - entry["added_at"] for step in record.examined["step"]]
    return dict(zip(offsets, entry[key], strict=True)) if entry[key] else {}


def _curve(panel: str, series: str, members: Sequence[Record], number: int, key: str) -> list[Row]:
    """The mean over the seeds in which the round has a curve."""
    paths = [path for record in members if (path := _path(record, number, key))]
    offsets = sorted(set().union(*paths))
    return bands.mean_rows("fig6", panel, series, offsets, [[path.get(at) for at in offsets] for path in paths])


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Per world and round: how many were misclassified when added, and their error before and after it.

    "best before" is the lowest error at any evaluation before the addition, "next" the error one evaluation after it,
    "end" that at the end of training; means over seeds with standard errors.
    """
    found = []
    for world in RUN_PANELS:
        members = [r for r in records if (r.panel, r.series) == (world, DP)]
        for number in range(1, max((len(r.examined["rounds"]) for r in members), default=1)):
            seen: dict[str, list[float]] = {}
            for record in members:
                path, entry = _path(record, number, "error_misclassified"), _round(record, number)
                before, after = [at for at in path if at < 0], [at for at in path if at > 0]
                if not entry or not before or not after:
                    continue
                for name, value in {
                    "added at": entry["added_at"],
                    "share misclassified": entry["misclassified"] / entry["rows"],
                    "one evaluation before": path[max(before)],
                    "best before": min(path[at] for at in before),
                    "one evaluation after": path[min(after)],
                    "end": path[max(after)],
                }.items():
                    seen.setdefault(name, []).append(float(value))
            if seen and len(seen["end"]) > 1:
                entry = {"panel": world, "round": number}
                for name, values in seen.items():
                    mean, stderr, n_seeds = aggregate(values)
                    entry |= {name: {"mean": float(mean), "stderr": float(stderr)}, "n_seeds": n_seeds}
                found.append(entry)
    return {"rounds": found}


def describe(_: Settings) -> str:
    """The caption."""
    return (
        "Hindsight: error of the samples that each round added, before (thin) and after (bold) they were added; "
        "those misclassified have error 1 at 0 by choice"
    )


def summary(contents: Contents) -> str:
    """One line for the terminal: per world, the error of the first and the last round shown, before and after."""
    rows = contents.rows
    parts = []
    for world in RUN_PANELS:
        here = select(rows, panel=f"misclassified: {world}")
        said = []
        names = list(dict.fromkeys(row.series for row in rows if row.panel == f"misclassified: {world}"))
        for name in dict.fromkeys([*names[:1], *names[-1:]]):
            line = select(here, series=name)
            before, after = [row for row in line if row.x < 0], [row for row in line if row.x > 0]
            if before and after:
                lowest, first, last = min(row.y for row in before), after[0], after[-1]
                later = f"{first.y:.2f} and {last.y:.2f} {first.x:g} and {last.x:g} {UNITS[world]} after"
                said.append(f"{name} down to {lowest:.2f} before, {later}")
        if said:
            parts.append(f"{world}, error of samples misclassified when added: " + "; ".join(said))
    return "; ".join(parts) or "no panel has rows"


def _looks(rows: Sequence[Row]) -> dict[str, Style]:
    """Rounds from light to dark, in order of their numbers; a spectrum that colour-blind readers can follow."""
    names = sorted({row.series for row in rows}, key=lambda name: int(name.split()[-1]))
    colours = matplotlib.colormaps["viridis_r"](np.linspace(0.12, 0.95, len(names)))
    return {name: Style(to_hex(colour), "o") for name, colour in zip(names, colours, strict=True)}


def draw(contents: Contents) -> Plot:
    """A column per world; above the samples misclassified when added, below the whole rounds; at most six rounds.

    Raises ValueError if no row is of a known panel.
    """
    rows = contents.rows
    worlds = [world for world in RUN_PANELS if select(rows, panel=f"all: {world}")]
    if not worlds:
        raise ValueError(f"fig6.draw: got no rows of any panel; allowed {list(RUN_PANELS)}; do run a world first")
    shown = [row for row in rows if row.panel.partition(":")[0] in KINDS]
    looks = dict(list(_looks(shown).items())[:MOST])
    with style.context():
        figure = Plot(figsize=(5.4 * len(worlds), 6.0), layout="constrained")
        axes = figure.subplots(len(KINDS), len(worlds), sharex="col", squeeze=False)
        named = []
        for line, (kind, (_, ylabel)) in zip(axes, KINDS.items(), strict=True):
            for ax, world in zip(line, worlds, strict=True):
                here = [row for row in select(shown, panel=f"{kind}: {world}") if row.series in looks]
                for part, width, shade in ((_before(here), 0.7, False), (_after(here), 1.6, True)):
                    drawn = bands.bands(ax, part, style=looks.__getitem__, linewidth=width, shade=shade)
                named.append(dict(sorted(drawn.items(), key=lambda item: list(looks).index(item[0]))))
                ax.axvline(0, color=style.GREY, linestyle="--", linewidth=0.9)
                ax.set(ylabel=ylabel)
                ax.set_ylim(0, min(ax.get_ylim()[1], 1.05))
        for ax, world in zip(axes[0], worlds, strict=True):
            seeds = max(row.n_seeds or 0 for row in select(rows, panel=f"all: {world}"))
            ax.set_title(f"{world if world == 'digits' else 'linear world'}, {seeds} seeds")
        for ax, world in zip(axes[-1], worlds, strict=True):
            ax.set_xlabel(f"{UNITS[world]} since the round was added")
        panels.legend(figure, named, bands.BANDS, columns=6)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _before(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.x <= 0]


def _after(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.x >= 0]


FIGURE = Figure(
    name="fig6",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    panels=RUN_PANELS,
)
