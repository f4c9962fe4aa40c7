"""Harmful outliers of strong guidance: how many there are, how strong is safe, and whether a filter helps.

a: what guided samples look like to a classifier of real images, and beside the real images themselves. b: accuracy
against omega, with a share of the candidates dropped whose labels an independent classifier doubts most. c: the same
filter in the full loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from scipy.special import stdtrit

from empirical.runs.result import Record
from figures.contract import words
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.records import Pair, average, differences, gain, mean_row, points
from figures.contract.table import Row, select
from figures.drawing import panels, style, ticks
from figures.drawing.worlds import WORLDS as TITLES

WORLDS = ("linear", "digits")
ALL, INSTEAD = "nothing dropped", "reference's images added instead"
AGREE, FAR, DISTANCE = "label agreement", "far from all real", "distance to the nearest real"
KEYS = {AGREE: "agreement", FAR: "far", DISTANCE: "distance"}  # series of panel a: key of the examination
RANDOM = ", random directions"
PANELS = tuple(f"{letter} {world}" for world in WORLDS for letter in "abc")
OVER_PLAIN, OVER_NONE, COST = "gain", "gain over no filter", "images per added image"  # quantities
FAITHFUL = 0.95  # of the plain samples' agreement
CAPTION = "Outliers of strong guidance; a filter drops the candidates whose label an independent classifier doubts most"


class Limit(NamedTuple):
    """A largest safe omega among those tested; it is `open` where even the largest tested one is safe."""

    omega: float
    open: bool

    def words(self) -> str:
        """Write the limit as text.

        >>> Limit(0.2, open=True).words(), Limit(0.05, open=False).words()
        ('at least 0.2', '0.05')
        """
        return f"{'at least ' if self.open else ''}{self.omega:g}"


def compute(inputs: Inputs) -> list[Row]:
    """Average the runs for panels a, b, c of each world, and their differences, paired by seed.

    In b, INSTEAD is the rival of the filter: plain samples, as many more as its reference was trained on. OVER_PLAIN
    and OVER_NONE: see `compared`. COST counts the images made per image added, without those of the reference.
    """
    rows: list[Row] = []
    for world in WORLDS:
        looked, dropped, loop = ([r for r in inputs.records if r.panel == f"{letter} {world}"] for letter in "abc")
        for name, key in KEYS.items():
            quantity = "distance" if name == DISTANCE else "share"
            for row in average("outliers", looked, _value, partial(_examined, key), quantity):
                rows.append(row._replace(series=f"{name}{RANDOM if row.series == 'random direction' else ''}"))
        rows += average("outliers", dropped, _value) + average("outliers", loop, _value)
        rows += average("outliers", dropped, _value, _made, COST)
        gaps = [
            mean_row("outliers", pair.panel, pair.series, quantity, pair.x, samples)
            for quantity, pair in compared(inputs.records, world)
            if (samples := differences(pair.runs, pair.rivals))
        ]
        rows += sorted(gaps, key=lambda row: _order(row.quantity, row.panel, row.series, row.x))
    return rows


def _order(quantity: str, panel: str, series: str, x: float) -> tuple[object, ...]:
    """Sort comparisons by quantity, the full loop before single additions."""
    return quantity, panel.startswith("b"), series, x


def _value(record: Record) -> float:
    """Return the setting that the series varies: omega, in panel c the share dropped."""
    return record.value


def _examined(key: str, record: Record) -> float:
    """Return a number of the examination of the last added round."""
    return record.examined["rounds"][-1][key]


def _made(record: Record) -> float:
    """Return the images made for the last round, per image that was added."""
    last = record.result.pool[-1]
    return last["images"] / last["added"]


def compared(records: Sequence[Record], world: str) -> list[tuple[str, Pair]]:
    """List all comparisons of a world with their quantities.

    OVER_PLAIN in panel b: no filter against plain samples. OVER_NONE in b: a filter against none at the same omega;
    in c: the same in the full loop.
    """
    groups, entries = points(records, _value), []
    for (panel, series, x), runs in groups.items():
        if panel == f"b {world}":
            plain = series in (ALL, INSTEAD)
            quantity, rival = OVER_PLAIN if plain else OVER_NONE, (panel, ALL, 0.0 if plain else x)
        elif panel == f"c {world}":
            quantity, rival = OVER_NONE, (panel, series, 0.0)
        else:
            continue
        if (panel, series, x) != rival:
            entries.append((quantity, Pair(panel, series, x, runs, groups.get(rival, []))))
    return entries


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Measure all comparisons with bootstrap intervals, and the reference's accuracy on real images."""
    real = {
        world: float(np.mean(shares))
        for world in WORLDS
        if (shares := [r.examined["real"]["agreement"] for r in records if r.panel == f"a {world}"])
    }
    comparisons = []
    for world in WORLDS:
        rng, entries = np.random.default_rng(0), []
        for quantity, pair in compared(records, world):
            if numbers := gain(pair.runs, pair.rivals, rng):
                place = {"panel": pair.panel, "quantity": quantity, "series": pair.series, "x": pair.x}
                entries.append({**place, **numbers})
        comparisons += sorted(entries, key=lambda e: _order(e["quantity"], e["panel"], e["series"], e["x"]))
    return {"comparisons": comparisons, "agreement of the reference with real labels": real}


def faithful(rows: Iterable[Row], world: str) -> Limit | None:
    """Return the largest tested omega up to which labels can be trusted; None without panel a of the world.

    Trusted: the lower end of the 95 % t interval of the agreement, over seeds, is at least .95 times the mean agreement
    of plain samples, at this omega and at all smaller ones.
    """
    agreement = select(rows, panel=f"a {world}", series=AGREE)
    if not agreement or agreement[0].x != 0:
        return None
    return _limit([(row.x, _lower_bound(row) >= FAITHFUL * agreement[0].y) for row in agreement[1:]])


def harmless(rows: Iterable[Row], world: str) -> Limit | None:
    """Return the largest tested omega up to which the mean accuracy is not below plain samples'; None without panel b.

    By the paired means alone: it says where guidance stops paying, not that the difference is significant.
    """
    gains = select(rows, panel=f"b {world}", series=ALL, quantity=OVER_PLAIN)
    return _limit([(row.x, row.y >= 0) for row in gains]) if gains else None


def _limit(tested: Sequence[tuple[float, bool]]) -> Limit:
    """Return the last omega before the first that failed."""
    passed = [omega for omega, good in takewhile(lambda test: test[1], tested)]
    return Limit(max(passed, default=0.0), len(passed) == len(tested))


def _lower_bound(row: Row) -> float:
    """Return the lower end of the 95 % t interval of a measured mean."""
    return row.y - stdtrit((row.n_seeds or 2) - 1, 0.975) * (row.stderr or 0.0)


def summary(contents: Contents) -> str:
    """Say in one line, by world, the safe omegas and the best gain of a filter."""
    rows, sentences = contents.rows, []
    for world in WORLDS:
        trusted, paying = faithful(rows, world), harmless(rows, world)
        phrases = [f"labels faithful up to omega {trusted.words()}"] if trusted else []
        phrases += [f"accuracy not below plain up to {paying.words()}"] if paying else []
        filtered = [row for row in rows if (row.panel, row.quantity) == (f"b {world}", OVER_NONE)]
        best = max(filtered, key=lambda row: row.y, default=None)
        phrases += [f"best filter {best.series} at {best.x:g}: {words.change(best)}"] if best else []
        sentences += [f"{world}: " + ", ".join(phrases)] if phrases else []
    return "; ".join(sentences) or "no panel has runs"


def markdown(contents: Contents) -> str:
    """Write by world fidelity and accuracy against omega, without and with the filter (changes from none)."""
    tables = [table for world in WORLDS if (table := _table(contents.rows, world))]
    tables.append(
        "Mean +- one standard error; changes are paired by seed, a filter's from no filter at the same omega.\n"
    )
    return "\n".join(tables)


def _table(rows: Sequence[Row], world: str) -> str:
    """Write the table of one world, a line per omega, and sentences below it; empty without rows."""
    a, b, c = (select(rows, panel=f"{letter} {world}") for letter in "abc")
    filters = sorted({row.series for row in select(b, quantity=OVER_NONE)})
    columns = [
        (AGREE, select(a, series=AGREE), words.accuracy),
        (FAR, select(a, series=FAR), words.accuracy),
        ("accuracy", select(b, series=ALL, quantity="accuracy"), words.accuracy),
        ("change from plain", select(b, series=ALL, quantity=OVER_PLAIN), words.change),
        *((name, select(b, series=name, quantity=OVER_NONE), words.change) for name in filters),
    ]
    shown = [column for column in columns if column[1]]
    lines = []
    for omega in sorted({row.x for row in (*a, *b)}):
        cells = [[say(row) for row in points if row.x == omega] for _, points, say in shown]
        lines.append([f"{omega:g}", *(cell[0] if cell else "-" for cell in cells)])
    if not lines:
        return ""
    trusted, paying = faithful(rows, world), harmless(rows, world)
    sentences = [f"Labels are faithful up to omega {trusted.words()}."] if trusted else []
    sentences += [f"Accuracy is not below that of plain samples up to {paying.words()}."] if paying else []
    instead, loop = select(b, series=INSTEAD, quantity="accuracy"), select(c, quantity=OVER_NONE)
    sentences += [f"With the reference's images added instead: {words.accuracy(row)}." for row in instead]
    sentences += [f"Full loop, {row.series}, {row.x:.0%} dropped: {words.change(row)}." for row in loop]
    heads = [f"{TITLES[world].title}: omega", *(name for name, _, _ in shown)]
    return words.sheet(heads, lines) + (f"\n{' '.join(sentences)}\n" if sentences else "")


def draw(contents: Contents) -> Plot:
    """Draw worlds from top to bottom, panels a, b, c from left to right."""
    present = contents.panels(PANELS, "outliers.draw")
    worlds = list(dict.fromkeys(panel.split()[1] for panel in present))
    letters = sorted({panel[0] for panel in present})
    with style.context():
        width = max(9.8, 0.6 + 3.3 * len(letters))  # room for the note beside the legend
        figure = Plot(figsize=(width, 1.1 + 2.5 * len(worlds)), layout="constrained")
        named = []
        for panel in present:
            letter, world = panel.split()
            place = worlds.index(world) * len(letters) + letters.index(letter) + 1
            ax = figure.add_subplot(len(worlds), len(letters), place)
            points = select(contents.rows, panel=panel, quantity="share" if letter == "a" else "accuracy")
            named.append(panels.curves(ax, points))
            for row in select(points, series=INSTEAD):  # it has no omega
                look = style.series_style(INSTEAD)
                ax.axhline(row.y, color=look.colour, linestyle=look.linestyle, linewidth=0.9, zorder=1)
            _finish(ax, contents.rows, points, letter, world)
        panels.legend(figure, named)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _finish(ax: Axes, rows: Sequence[Row], drawn: Sequence[Row], letter: str, world: str) -> None:
    """Set title and scales of one panel, and shade the safe omegas."""
    values = sorted({row.x for row in drawn})
    title = {"a": "what guided samples are", "b": "accuracy, one addition", "c": "accuracy, full loop"}[letter]
    seeds = max(row.n_seeds or 0 for row in drawn)
    ax.set_title(f"{letter}   {TITLES[world].title}: {title}" + (f", {seeds} seeds" if letter == "c" else ""))
    if letter == "c":
        ticks.fixed_ticks(ax, values, [f"{value:g}" for value in values])
        ax.set(xlabel="share of the candidates dropped", ylabel="test accuracy")
        ax.margins(x=0.1)
        return
    ticks.strength_ticks(ax, values)
    limit = faithful(rows, world) if letter == "a" else harmless(rows, world)
    label = r"guidance strength $\omega$"
    if limit:
        ax.axvspan(0, limit.omega, color=style.GREEN, alpha=0.08, linewidth=0, zorder=0)
        promise = "labels faithful" if letter == "a" else "not below plain"
        label += f"\n(shaded: {promise} up to {limit.words()})"
    ax.set(xlabel=label, ylabel="share of the samples" if letter == "a" else "test accuracy")


FIGURE = Figure(
    name="outliers",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    markdown=markdown,
    panels=PANELS,
)
