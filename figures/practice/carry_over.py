"""Figure carry_over: what the theory of a growing pool advises, in its own linear world and on images.

The advice: fits forget all but the latest rounds, the last fifth of the denoising steps is unguided, omega grows with
the round, and the ridge is small. a: the linear world against the exact limits of `rmt.practice`. b: the settings tried
on validation digits, at seeds of their own. c: each part of the advice, all of it, and the settings that were chosen
in b, on test images, with controls and cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D

from empirical.runs.result import Record
from figures.contract import words
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.limits import comparisons, limits, verdict
from figures.contract.records import average, mean_rows, points
from figures.contract.table import Row, select
from figures.drawing import dots, panels, style, ticks
from figures.drawing.dots import Line
from figures.drawing.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, VERMILLION, Style
from figures.drawing.worlds import WORLDS
from scaling.averages import aggregate

LINEAR, TUNING, IMAGES = "linear", "tuning", ("digits", "latent_digits")
STATIC, DP, ALL, CHOSEN = "static", "deliberate practice", "all three", "chosen on validation digits"
FORGETS = "latest 2 rounds"
PLAIN_FORGETS = "omega = 0, latest 2 rounds"
RANDOM, CHOSEN_RANDOM = "all three, random directions", "chosen, random directions"
LINES = {  # every line of c, with the lines that it is compared with
    STATIC: Line(STATIC, (DP,)),
    DP: Line(DP),
    "latest 4 rounds": Line("latest 4 rounds", (DP,)),
    FORGETS: Line(FORGETS, (DP,)),
    "last fifth unguided": Line("last fifth unguided", (DP,)),
    "omega grows": Line("omega grows", (DP,)),
    ALL: Line(ALL, (DP, STATIC)),
    "all three, usual omega last": Line("all three, usual omega last", (DP, STATIC)),
    CHOSEN: Line(CHOSEN, (DP, STATIC)),
    "omega = 0": Line("omega = 0", (DP, STATIC)),
    PLAIN_FORGETS: Line(PLAIN_FORGETS, (DP, FORGETS)),
    RANDOM: Line(RANDOM, (DP, ALL)),
    CHOSEN_RANDOM: Line(CHOSEN_RANDOM, (DP, CHOSEN)),
}
LOOKS = {
    STATIC: Style(PINK, "x"),
    DP: Style(BLUE, "o"),
    "latest 4 rounds": Style(GREEN, "p"),
    FORGETS: Style(GREEN, "s", size=4.0),
    "last fifth unguided": Style(SKY, "v"),
    "omega grows": Style(ORANGE, "h"),
    ALL: Style(VERMILLION, "^"),
    "all three, usual omega last": Style(VERMILLION, "v"),
    CHOSEN: Style(BLACK, "*", size=7.0),
    "omega = 0": Style(GREY, "v", "--"),
    PLAIN_FORGETS: Style(GREY, "s", "--", 4.0),
    RANDOM: Style(GREY, "D", "--", 4.0),
    CHOSEN_RANDOM: Style(GREY, "*", "--", 6.0),
    "all three, small ridge": Style(VERMILLION, "D", size=4.5),
    "the same, nothing forgotten": Style(BLACK, "P"),
    "the same, guided to the end": Style(BLACK, "X", "--"),
}
CHANGE, VALIDATION = "change", "accuracy on validation digits"  # quantities
AGREEMENT = "label agreement"  # of a classifier of real images with the samples of a round
WORK, SECONDS = "sampling GFLOP", "CPU seconds"
OMEGAS, TAILS = (BLUE, GREEN, VERMILLION), ("o", "s", "^")  # colours and markers of the tuning
CAPTION = "Forgetting, unguided last steps and a growing omega: the theory's advice in its own world, and on images"


class Choice(NamedTuple):
    """The combination of largest mean accuracy on validation digits, and whether the runs of CHOSEN have it."""

    combination: str
    accuracy: float
    stderr: float
    used: bool


def compute(inputs: Inputs) -> list[Row]:
    """Average accuracies of the linear world beside theory, of the tuning on validation digits, and of the lines of c.

    x: samples made for a run; in the tuning the rounds that a fit sees (0: all). Changes are paired by seed.
    """
    linear, tuning, images = _panels(inputs.records)
    rows = average("carry_over", linear, made) + limits("carry_over", linear, made)
    rows += average("carry_over", tuning, lambda record: record.value, validation, VALIDATION)
    rows += dots.measured(
        "carry_over", images, LINES, made, (WORK, lambda record: record.result.cost["sampling_gflop"])
    )
    return rows + average("carry_over", images, made, seconds, SECONDS) + faithfulness(images)


def _panels(records: Sequence[Record]) -> tuple[list[Record], list[Record], list[Record]]:
    """Split records into those of the linear world, of the tuning, and of the image worlds."""
    places = ((LINEAR,), (TUNING,), IMAGES)
    linear, tuning, images = ([record for record in records if record.panel in place] for place in places)
    return linear, tuning, images


def made(record: Record) -> float:
    """Return the number of samples generated for a run."""
    return float(record.result.cost["images"])


def validation(record: Record) -> float:
    """Return the accuracy on the real validation digits at the end of a run."""
    return record.result.accuracy_validation


def seconds(record: Record) -> float:
    """Return the CPU seconds of sampling and training."""
    return float(record.result.cost["sampling_cpu_s"] + record.result.cost["learner_cpu_s"])


def faithfulness(images: Sequence[Record]) -> list[Row]:
    """Average, by round, the share of samples to which a classifier of real images gives their labels.

    Only lines whose finished runs were examined for it have rows.
    """
    rows = []
    for (panel, series), runs in dots.by_line(images).items():
        curves = {run.seed: [part["agreement"] for part in run.examined["rounds"]] for run in runs if run.examined}
        if curves:
            length = min(map(len, curves.values()))
            shares = {seed: curve[:length] for seed, curve in curves.items()}
            rows += mean_rows("carry_over", panel, series, AGREEMENT, range(length), shares)
    return rows


def choice(records: Sequence[Record]) -> Choice | None:
    """Choose the combination of largest mean validation accuracy, the first of equals; None without a tuning."""
    _, tuning, images = _panels(records)
    groups = points(tuning, lambda record: record.value)
    if not groups:
        return None
    scores = {key: aggregate([validation(record) for record in runs]) for key, runs in groups.items()}
    best = max(scores, key=lambda key: scores[key][0])
    settings = _tried(groups[best][0])
    used = [_tried(record) == settings for record in images if record.series == CHOSEN]
    accuracy, stderr, _ = scores[best]
    return Choice(f"{best[1]}, {remembers(best[2])}", float(accuracy), float(stderr), all(used) and bool(used))


def _tried(record: Record) -> list[Any]:
    """Return the settings that the tuning tries out."""
    config = record.result.config
    return [config["growth"]["memory"], list(config["acquire"]["interval"]), list(config["acquire"]["schedule"])]


def remembers(memory: float) -> str:
    """Say how many rounds a fit sees.

    >>> remembers(0), remembers(4)
    ('all rounds', 'latest 4 rounds')
    """
    return f"latest {memory:g} rounds" if memory else "all rounds"


def details(records: Sequence[Record]) -> dict[str, Any]:
    """List paired changes with bootstrap intervals over seeds, and over seeds and test images; and the choice."""
    chosen = choice(records)
    return {"changes": dots.changes(_panels(records)[2], LINES), "choice": chosen._asdict() if chosen else {}}


def summary(contents: Contents) -> str:
    """Say in one line what the advice does in the linear world, what was chosen, and what it does to images."""
    rows, sentences = contents.rows, []
    last = {name: select(rows, panel=LINEAR, series=name, source="practice")[-1:] for name in LOOKS}
    ends = [f"{name} {1 - row.y:.2g} +- {row.stderr:.1g}" for name, found in last.items() for row in found]
    if ends:
        sentences.append(f"linear, error rate: {', '.join(ends)}; {verdict(comparisons(rows), '{:g} samples')}")
    if chosen := contents.details.get("choice"):
        match = "as in" if chosen["used"] else "NOT as in"
        sentences.append(f"chosen on validation digits: {chosen['combination']}, {match} the runs of {CHOSEN!r}")
    for world in IMAGES:
        changes = select(rows, panel=world, quantity=CHANGE)
        if changes:
            named = ", ".join(f"{row.series} {words.change(row)}" for row in changes)
            sentences.append(f"{world}, change from {DP}: {named}")
        held = {row.series: row for row in select(rows, panel=world, quantity=AGREEMENT)}  # of the last round
        if held:
            named = ", ".join(f"{series} {words.accuracy(row)}" for series, row in held.items())
            sentences.append(f"{world}, labels that hold in the last round: {named}")
    return "; ".join(sentences) or "no runs"


def draw(contents: Contents) -> Plot:
    """Draw a (the linear world) and b (the tuning) above, below a row of dots for every line of the image worlds."""
    present = contents.panels((LINEAR, TUNING, *IMAGES), "carry_over.draw")
    above, below = ([name for name in present if (name in IMAGES) == images] for images in (False, True))
    faithful = any(row.quantity == AGREEMENT for row in contents.rows)
    heights = [4.4] * bool(above) + [3.8] * bool(below)
    with style.context():
        figure = Plot(figsize=(12.5, sum(heights)), layout="constrained")
        parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        axes = list(parts[0].subplots(1, len(above), squeeze=False)[0]) if above else []
        for name, ax in zip(above, axes, strict=True):
            (_draw_linear if name == LINEAR else _draw_tuning)(ax, select(contents.rows, panel=name))
        axes = list(parts[-1].subplots(1, len(below) + faithful, squeeze=False)[0]) if below else []
        names = dots.order([row for row in contents.rows if row.panel in below], LINES)
        for letter, world, ax in zip("cd", below, axes, strict=False):
            _draw_lines(ax, select(contents.rows, panel=world), names, letter, WORLDS[world].title)
        if faithful:
            _draw_faithfulness(axes[-1], select(contents.rows, quantity=AGREEMENT))
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _draw_linear(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw error rates against samples made: practice as points, theory as lines."""
    named = panels.curves(ax, [row._replace(y=1 - row.y) for row in rows], style=LOOKS.__getitem__)
    ax.set(xscale="log", yscale="log", xlabel="samples made", ylabel="error rate")
    ax.set_title(f"a   linear world, {_seeds(rows)}; lines: theory without a fitted parameter")
    ticks.log_ticks(ax, min(row.x for row in rows), max(row.x for row in rows))
    ax.legend(named.values(), named, loc="lower left", title=panels.BARS)


def _draw_tuning(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw the validation accuracy of every combination, by memory; colour: omega, marker: unguided steps."""
    combinations = dict.fromkeys(row.series for row in rows)
    tails, omegas = (list(dict.fromkeys(name.split(", ")[part] for name in combinations)) for part in (0, 1))
    memories = sorted({row.x for row in rows}, key=lambda memory: -memory or -np.inf)
    best = max(row.y for row in rows)
    for row in rows:
        tail, omega = row.series.split(", ")
        place = memories.index(row.x) + (list(combinations).index(row.series) - (len(combinations) - 1) / 2) * 0.09
        ax.errorbar(
            place,
            row.y,
            yerr=panels.ERROR_BARS * (row.stderr or 0.0),
            color=OMEGAS[omegas.index(omega)],
            marker=TAILS[tails.index(tail)],
            markersize=9.0 if row.y == best else 5.0,
            elinewidth=0.9,
            capsize=1.8,
        )
    ax.set_xticks(range(len(memories)), [remembers(memory) for memory in memories])
    ax.set(xlabel="rounds that a fit sees", ylabel=VALIDATION)
    ax.set_title(f"b   settings tried on digits, {_seeds(rows)} of their own; largest: chosen")
    marks = [
        Line2D([], [], color=BLACK, marker=mark, linestyle="none", label=tail)
        for tail, mark in zip(tails, TAILS, strict=False)
    ]
    colours = [Line2D([], [], color=colour, label=omega) for omega, colour in zip(omegas, OMEGAS, strict=False)]
    ax.legend(handles=[*marks, *colours], loc="lower left", title=panels.BARS)


def _draw_lines(ax: Axes, rows: Sequence[Row], names: Sequence[str], letter: str, title: str) -> None:
    """Draw the test accuracy of every line as a dot, and write beside it the GFLOP of sampling and the CPU seconds."""
    scores, work, time = (
        {row.series: row for row in select(rows, quantity=name)} for name in ("accuracy", WORK, SECONDS)
    )
    for name, row in scores.items():
        shape = LOOKS[name]
        place, bar = names.index(name), panels.ERROR_BARS * (row.stderr or 0.0)
        ax.errorbar(row.y, place, xerr=bar, color=shape.colour, marker=shape.marker, markersize=shape.size, capsize=1.8)
        text = f"{work[name].y:.0f}   {time[name].y:.1f}"
        ax.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=7.5, color=GREY)
    ax.annotate("GFLOP, s", (1.01, 1.01), xycoords="axes fraction", fontsize=7.5, color=GREY)
    if DP in scores:
        ax.axvline(scores[DP].y, color=GREY, linestyle="--", linewidth=0.8, zorder=1)
    ax.set_yticks(range(len(names)), names if letter == "c" else [])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set(
        title=f"{letter}   {title}, {_seeds(list(scores.values()))}",
        xlabel=WORLDS["digits"].accuracy,
    )


def _draw_faithfulness(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw the share of faithful samples by round."""
    named = panels.curves(ax, rows, style=LOOKS.__getitem__)
    ax.set(
        xlabel="round (0: the initial, plain one)",
        ylabel="share of samples with a true label",
        title="e   digits: labels by a classifier of real ones",
    )
    ax.legend(named.values(), named, loc="lower left")


def _seeds(rows: Sequence[Row]) -> str:
    """Write the number of seeds of some rows."""
    return f"{max(row.n_seeds or 0 for row in rows)} seeds"


FIGURE = Figure(
    name="carry_over",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    panels=(LINEAR, TUNING, *IMAGES),
)
