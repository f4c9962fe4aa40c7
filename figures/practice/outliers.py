"""Harmful outliers of strong guidance: how many there are, how strong is safe, and whether a filter helps.

a: what guided samples look like to a classifier of real images, and beside the real images themselves. b: accuracy
against omega, with a share of the candidates dropped whose labels an independent classifier doubts most. c: the same
filter in the full loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from scipy.special import stdtrit

from empirical.runs.result import Record
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, gain, points
from figures.contract.table import Row, select
from figures.drawing import dots, panels, style, ticks

WORLDS = {"linear": "linear world", "digits": "digits"}
ALL, INSTEAD = "nothing dropped", "reference's images added instead"
AGREE, FAR, DISTANCE = "label agreement", "far from all real", "distance to the nearest real"
SHARES = {AGREE: "agreement", FAR: "far", DISTANCE: "distance"}  # series of panel a -> what `fidelity` calls it
RANDOM = ", random directions"
RUN_PANELS = tuple(f"{letter} {world}" for letter in "abc" for world in WORLDS)
FAITHFUL = 0.95  # of the plain samples' agreement


class Limit(NamedTuple):
    """The largest safe omega of those tested; `open` if even the largest tested is safe."""

    omega: float
    open: bool

    def words(self) -> str:
        """As text.

        >>> Limit(0.2, open=True).words(), Limit(0.05, open=False).words()
        ('at least 0.2', '0.05')
        """
        return f"{'at least ' if self.open else ''}{self.omega:g}"


def compute(inputs: Inputs) -> list[Row]:
    """Panels a, b, c by world, and what they say by comparison.

    In b, INSTEAD is what the filter has to beat: plain samples, as many more as its reference was trained on. Panels
    "gain <world>", "rescue <world>", "loop <world>": see `comparisons`. "cost <world>": images made per image added,
    without those of the reference.
    """
    rows: list[Row] = []
    for world in WORLDS:
        looked, dropped, loop = ([r for r in inputs.records if r.panel == f"{letter} {world}"] for letter in "abc")
        for name, key in SHARES.items():
            for row in _means(looked, lambda record: record.examined["rounds"][-1][key]):  # noqa: B023
                series = f"{name}{RANDOM if row.series == 'random direction' else ''}"
                rows.append(row._replace(series=series, panel=f"distance {world}" if name == DISTANCE else row.panel))
        rows += _means(dropped) + _means(loop)
        rows += [row._replace(panel=f"cost {world}") for row in _means(dropped, _made)]
        for entry in comparisons(inputs.records, world):
            numbers = (entry["x"], entry["value"], entry["stderr"], entry["n_seeds"])
            rows.append(Row("outliers", f"{entry['what']} {world}", entry["series"], "practice", *numbers))
    return rows


def _means(records: Sequence[Record], *y: Callable[[Record], float]) -> list[Row]:
    """Means over seeds against the varied setting, which the mean over seeds would change in its last digit."""
    return [row._replace(x=round(row.x, 12)) for row in average("outliers", records, _value, *y)]


def _value(record: Record) -> float:
    return record.value


def _made(record: Record) -> float:
    last = record.result.pool[-1]
    return last["images"] / last["added"]


def comparisons(records: Sequence[Record], world: str) -> list[dict[str, Any]]:
    """Differences paired by seed, with intervals; `x` is omega, or in "loop" the share dropped.

    "gain": over plain samples; "rescue": of a filter over none at the same omega; "loop": the same in the full loop.
    """
    rng, found, entries = np.random.default_rng(0), points(records, _value), []
    for (panel, series, x), members in found.items():
        if panel == f"b {world}":
            plain = series in (ALL, INSTEAD)
            what, baseline = "gain" if plain else "rescue", (panel, ALL, 0.0 if plain else x)
        elif panel == f"c {world}":
            what, baseline = "loop", (panel, series, 0.0)
        else:
            continue
        difference = gain(members, found.get(baseline, []), rng) if (panel, series, x) != baseline else None
        if difference:
            entries.append({"what": what, "world": world, "series": series, "x": x, **difference})
    return sorted(entries, key=lambda entry: (entry["what"], entry["series"], entry["x"]))


def details(records: Sequence[Record]) -> dict[str, Any]:
    """All comparisons with bootstrap intervals, and the reference's accuracy on real images."""
    real = {
        world: float(np.mean(shares))
        for world in WORLDS
        if (shares := [r.examined["real"]["agreement"] for r in records if r.panel == f"a {world}"])
    }
    found = [entry for world in WORLDS for entry in comparisons(records, world)]
    return {"comparisons": found, "agreement of the reference with real labels": real}


def faithful(rows: Iterable[Row], world: str) -> Limit | None:
    """The largest tested omega up to which labels can be trusted; None without panel a of the world.

    Trusted: the lower end of the 95 % t interval of the agreement, over seeds, is at least .95 times the mean agreement
    of plain samples, at this omega and at all smaller ones.
    """
    found = select(rows, panel=f"a {world}", series=AGREE)
    if not found or found[0].x != 0:
        return None
    return _limit([(row.x, _lower_bound(row) >= FAITHFUL * found[0].y) for row in found[1:]])


def harmless(rows: Iterable[Row], world: str) -> Limit | None:
    """The largest tested omega up to which the mean accuracy is not below that of plain samples; None without panel b.

    By the paired means alone: it says where guidance stops paying, not that the difference is significant.
    """
    found = select(rows, panel=f"gain {world}", series=ALL)
    return _limit([(row.x, row.y >= 0) for row in found]) if found else None


def _limit(tested: Sequence[tuple[float, bool]]) -> Limit:
    passed = [omega for omega, good in takewhile(lambda test: test[1], tested)]
    return Limit(max(passed, default=0.0), len(passed) == len(tested))


def _lower_bound(row: Row) -> float:
    """Of the 95 % t interval of a measured mean."""
    return row.y - stdtrit((row.n_seeds or 2) - 1, 0.975) * (row.stderr or 0.0)


def describe(_: Settings) -> str:
    """The caption."""
    return (
        "Outliers of strong guidance; a filter drops the candidates whose label an independent classifier doubts most"
    )


def summary(contents: Contents) -> str:
    """One line for the terminal: per world the safe omegas, and the filter's best rescue."""
    rows = contents.rows
    parts = []
    for world in WORLDS:
        trusted, paying = faithful(rows, world), harmless(rows, world)
        said = [f"labels faithful up to omega {trusted.words()}"] if trusted else []
        said += [f"accuracy not below plain up to {paying.words()}"] if paying else []
        rescued = max((row for row in rows if row.panel == f"rescue {world}"), key=lambda row: row.y, default=None)
        said += [f"best filter {rescued.series} at {rescued.x:g}: {dots.change(rescued)}"] if rescued else []
        parts += [f"{world}: " + ", ".join(said)] if said else []
    return "; ".join(parts) or "no panel has runs"


def markdown(contents: Contents) -> str:
    """Per world: fidelity and accuracy by omega, without and with the filter (changes from none at the same omega)."""
    rows = contents.rows
    parts = []
    for world, called in WORLDS.items():
        omegas = sorted({row.x for row in rows if row.panel in (f"a {world}", f"b {world}")})
        filters = sorted({row.series for row in select(rows, panel=f"rescue {world}")})
        columns = [
            ("label agreement", f"a {world}", AGREE, dots.accuracy),
            ("far from all real", f"a {world}", FAR, dots.accuracy),
            ("accuracy", f"b {world}", ALL, dots.accuracy),
            ("change from plain", f"gain {world}", ALL, dots.change),
            *((name, f"rescue {world}", name, dots.change) for name in filters),
        ]
        shown = [column for column in columns if select(rows, panel=column[1], series=column[2])]
        lines = []
        for omega in omegas:
            cells = [f"{omega:g}"]
            for _, panel, series, say in shown:
                here = [row for row in select(rows, panel=panel, series=series) if row.x == omega]
                cells.append(say(here[0]) if here else "-")
            lines.append(cells)
        if lines:
            trusted, paying = faithful(rows, world), harmless(rows, world)
            said = f"Labels are faithful up to omega {trusted.words()}. " if trusted else ""
            said += f"Accuracy is not below that of plain samples up to {paying.words()}. " if paying else ""
            said += "".join(
                f"With the reference's images added instead: {dots.accuracy(row)}. "
                for row in select(rows, panel=f"b {world}", series=INSTEAD)
            )
            said += "".join(
                f"Full loop, {row.series}, {row.x:.0%} dropped: {dots.change(row)}. "
                for row in select(rows, panel=f"loop {world}")
            )
            heads = [f"{called}: omega", *(column[0] for column in shown)]
            parts.append(dots.sheet(heads, lines) + (f"\n{said.strip()}\n" if said else ""))
    parts.append(
        "Mean +- one standard error; changes are paired by seed, a filter's from no filter at the same omega.\n"
    )
    return "\n".join(parts)


def draw(contents: Contents) -> Plot:
    """Worlds from top to bottom, panels a, b, c from left to right. Raises ValueError if no row is of a known panel."""
    rows = contents.rows
    worlds = [world for world in WORLDS if any(row.panel.split()[-1] == world for row in rows)]
    worlds = [world for world in worlds if any(select(rows, panel=f"{letter} {world}") for letter in "abc")]
    if not worlds:
        raise ValueError(f"outliers.draw: got no rows of any panel; allowed {list(RUN_PANELS)}; do run a world first")
    letters = [letter for letter in "abc" if any(select(rows, panel=f"{letter} {world}") for world in worlds)]
    with style.context():
        width = max(9.8, 0.6 + 3.3 * len(letters))  # room for the note beside the legend
        figure = Plot(figsize=(width, 1.1 + 2.5 * len(worlds)), layout="constrained")
        named = []
        for i, world in enumerate(worlds):
            for j, letter in enumerate(letters):
                here = select(rows, panel=f"{letter} {world}")
                if here:
                    ax = figure.add_subplot(len(worlds), len(letters), i * len(letters) + j + 1)
                    named.append(panels.curves(ax, here))
                    for row in select(here, series=INSTEAD):  # it has no omega
                        look = style.series_style(INSTEAD)
                        ax.axhline(row.y, color=look.colour, linestyle=look.linestyle, linewidth=0.9, zorder=1)
                    _finish(ax, rows, here, letter, world)
        panels.legend(figure, named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _finish(ax: Axes, rows: Sequence[Row], here: Sequence[Row], letter: str, world: str) -> None:
    """Title, scales and the safe omega of one panel."""
    values = sorted({row.x for row in here})
    title = {"a": "what guided samples are", "b": "accuracy, one addition", "c": "accuracy, full loop"}[letter]
    seeds = max(row.n_seeds or 0 for row in here)
    ax.set_title(f"{letter}   {WORLDS[world]}: {title}" + (f", {seeds} seeds" if letter == "c" else ""))
    if letter == "c":
        ticks.fixed_ticks(ax, values, [f"{value:g}" for value in values])
        ax.set(xlabel="share of the candidates dropped", ylabel="test accuracy")
        ax.margins(x=0.1)
        return
    ticks.strength_ticks(ax, values)
    what = "labels faithful" if letter == "a" else "not below plain"
    limit = faithful(rows, world) if letter == "a" else harmless(rows, world)
    label = r"guidance strength $\omega$"
    if limit:
        ax.axvspan(0, limit.omega, color=style.GREEN, alpha=0.08, linewidth=0, zorder=0)
        label += f"\n(shaded: {what} up to {limit.words()})"
    ax.set(xlabel=label, ylabel="share of the samples" if letter == "a" else "test accuracy")


FIGURE = Figure(
    name="outliers",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    details=details,
    markdown=markdown,
    panels=RUN_PANELS,
)
