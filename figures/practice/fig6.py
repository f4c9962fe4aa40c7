"""Figure 6 (left): hindsight, the error of each added round over training, before and after it was added.

Above, the error of those of its samples that were misclassified when they were added; below, of the whole round.

A round is added at another iteration in every seed, so all curves run against the iterations since the round's own
addition, and stand only where every seed has a value. At zero, when the samples were made, the error of those
misclassified is 1: they were chosen so. The curve before zero says what that choice alone does: samples that are
sometimes right and sometimes wrong look best just before and after they were picked for being wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Plot

from empirical.runs.result import Record
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.records import mean_rows
from figures.contract.table import Row, select
from figures.drawing import bands, panels, style
from figures.drawing.style import Style
from figures.drawing.worlds import WORLDS
from scaling.averages import aggregate

PANELS = ("digits", "linear")
DP = "deliberate practice"
WRONG, WHOLE, SHARE = "error rate of the misclassified", "error rate", "share misclassified"  # quantities
KEYS = {WRONG: "error_misclassified", WHOLE: "error"}  # of the examination
LABELS = {WRONG: "error, misclassified when added", WHOLE: "error, the whole round"}
CAPTION = (
    "Hindsight: error of the samples that each round added, before (thin) and after (bold) they were added; "
    "those misclassified have error 1 at 0 by choice"
)
UNITS = {"digits": "iterations", "linear": "evaluations"}
MOST = 6  # rounds that a picture has room for


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/fig6.toml`."""

    rounds: list[int]  # to draw
    window: dict[str, tuple[int, int]]  # from and to, in iterations since the round's addition, by world

    def __post_init__(self) -> None:
        worlds = sorted(self.window)
        require(worlds == sorted(PANELS), "fig6.window", worlds, f"a pair for each of {', '.join(PANELS)}")


def compute(inputs: Inputs) -> list[Row]:
    """Average the errors of the rounds settings["rounds"] over seeds, against the iterations since the round was added.

    Only those within settings["window"][world], the first and the last of these iterations, are kept; their series are
    "round r". `SHARE` (x: round) is there for every series of runs whose rounds were examined.
    """
    rows: list[Row] = []
    for world in PANELS:
        for series in dict.fromkeys(r.series for r in inputs.records if r.panel == world):
            members = [r for r in inputs.records if (r.panel, r.series) == (world, series)]
            members = sorted(members, key=lambda record: record.seed)
            for number in inputs.settings["rounds"] if series == DP else ():
                first, last = inputs.settings["window"][world]
                for quantity in KEYS:
                    rows += [row for row in _curve(world, members, number, quantity) if first <= row.x <= last]
            rounds = range(1, min(len(r.examined["rounds"]) for r in members))
            shares = {
                r.seed: [entry["misclassified"] / entry["rows"] for entry in r.examined["rounds"]][1 : len(rounds) + 1]
                for r in members
            }
            rows += mean_rows("fig6", world, series, SHARE, rounds, shares)
    return rows


def _round(record: Record, number: int) -> dict[str, Any] | None:
    """Return the examination of a round; None where the run has no such round."""
    return next((entry for entry in record.examined["rounds"] if entry["round"] == number), None)


def _path(record: Record, number: int, key: str) -> dict[int, float]:
    """Return the error of a round by iterations since it was added; empty without such a round or without errors."""
    entry = _round(record, number)
    if entry is None:
        return {}
    offsets = [step - entry["added_at"] for step in record.examined["step"]]
    return dict(zip(offsets, entry[key], strict=True)) if entry[key] else {}


def _curve(world: str, members: Sequence[Record], number: int, quantity: str) -> list[Row]:
    """Average a curve of a round over the seeds in which the round has one."""
    paths = {r.seed: path for r in members if (path := _path(r, number, KEYS[quantity]))}
    offsets = sorted({at for path in paths.values() for at in path})
    curves = {seed: [path.get(at) for at in offsets] for seed, path in paths.items()}
    return mean_rows("fig6", world, f"round {number}", quantity, offsets, curves)


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Measure by world and round how many samples were misclassified when added, and their error before and after.

    "best before" is the lowest error at any evaluation before the addition, "next" the error one evaluation after it,
    "end" that at the end of training; means over seeds with standard errors.
    """
    rounds = []
    for world in PANELS:
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
                rounds.append(entry)
    return {"rounds": rounds}


def summary(contents: Contents) -> str:
    """Say in one line, by world, the error of the first and the last round shown, before and after."""
    sentences = []
    for world in PANELS:
        errors = [row for row in contents.rows if (row.panel, row.quantity) == (world, WRONG)]
        names = list(dict.fromkeys(row.series for row in errors))
        phrases = []
        for name in dict.fromkeys([*names[:1], *names[-1:]]):
            line = select(errors, series=name)
            before, after = [row for row in line if row.x < 0], [row for row in line if row.x > 0]
            if before and after:
                lowest, first, last = min(row.y for row in before), after[0], after[-1]
                later = f"{first.y:.2f} and {last.y:.2f} {first.x:g} and {last.x:g} {UNITS[world]} after"
                phrases.append(f"{name} down to {lowest:.2f} before, {later}")
        if phrases:
            sentences.append(f"{world}, error of samples misclassified when added: " + "; ".join(phrases))
    return "; ".join(sentences) or "no panel has rows"


def _looks(rows: Sequence[Row]) -> dict[str, Style]:
    """Colour rounds from light to dark in order of their numbers, so that colour-blind readers can follow."""
    names = sorted({row.series for row in rows}, key=lambda name: int(name.split()[-1]))
    colours = matplotlib.colormaps["viridis_r"](np.linspace(0.12, 0.95, len(names)))
    return {name: Style(to_hex(colour), "o") for name, colour in zip(names, colours, strict=True)}


def draw(contents: Contents) -> Plot:
    """Draw a column per world; above the samples misclassified when added, below the whole rounds; at most six."""
    worlds = contents.panels(PANELS, "fig6.draw")
    errors = [row for row in contents.rows if row.quantity in LABELS]
    looks = dict(list(_looks(errors).items())[:MOST])
    with style.context():
        figure = Plot(figsize=(5.4 * len(worlds), 6.0), layout="constrained")
        axes = figure.subplots(len(LABELS), len(worlds), sharex="col", squeeze=False)
        named = []
        for line, (quantity, ylabel) in zip(axes, LABELS.items(), strict=True):
            for ax, world in zip(line, worlds, strict=True):
                shown = [row for row in select(errors, panel=world, quantity=quantity) if row.series in looks]
                before, after = [row for row in shown if row.x <= 0], [row for row in shown if row.x >= 0]
                bands.bands(ax, before, style=looks.__getitem__, linewidth=0.7, shade=False)
                drawn = bands.bands(ax, after, style=looks.__getitem__, linewidth=1.6)
                named.append(dict(sorted(drawn.items(), key=lambda item: list(looks).index(item[0]))))
                ax.axvline(0, color=style.GREY, linestyle="--", linewidth=0.9)
                ax.set(ylabel=ylabel)
                ax.set_ylim(0, min(ax.get_ylim()[1], 1.05))
        for ax, world in zip(axes[0], worlds, strict=True):
            seeds = max(row.n_seeds or 0 for row in select(errors, panel=world, quantity=WHOLE))
            ax.set_title(f"{WORLDS[world].title}, {seeds} seeds")
        for ax, world in zip(axes[-1], worlds, strict=True):
            ax.set_xlabel(f"{UNITS[world]} since the round was added")
        panels.legend(figure, named, bands.BANDS, columns=6)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="fig6",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    panels=PANELS,
    settings=Config,
)
