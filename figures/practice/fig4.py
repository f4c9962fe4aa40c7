"""Figure 4: accuracy against the total number of synthetic samples, static against deliberate practice.

Own runs on the worlds (practice, with its controls, and theory where given), and the paper's own points for
ImageNet-100 and ImageNet-1k (Tables 4 and 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot

import scaling
from empirical.runs.result import Record
from figures.contract import words
from figures.contract.figure import Contents, Figure, Inputs
from figures.contract.limits import comparisons, limits, path, sweep, verdict
from figures.contract.records import average, averages, gain, hits, planned_size, points, pool_size, pooled_gain
from figures.contract.table import Row, select
from figures.drawing import factors, panels, style, ticks
from figures.drawing.worlds import WORLDS, World
from figures.paper.numbers import DP, IMAGES, STATIC, fig4_rows
from scaling.ratios import whole_curve

REVERSED = "digits reversed"
SPLITS = ("digits", REVERSED)  # panels whose gains are pooled
RUN_PANELS = ("linear", *SPLITS, "glyphs")
PANELS = {  # panel: title and y label, in this order
    "linear": WORLDS["linear"],
    "digits": WORLDS["digits"],
    REVERSED: World("digits, the other split", WORLDS["digits"].accuracy),
    "glyphs": WORLDS["glyphs"],
    "IN-100 (paper)": World("ImageNet-100: the paper's numbers (Table 4)", WORLDS["imagenet100"].accuracy),
    "IN-1k (paper)": World("ImageNet-1k: the paper's numbers (Table 5)", WORLDS["imagenet1k"].accuracy),
}
LEGEND = f"{panels.BARS}; below: 95 % intervals, triangles are lower bounds"
CAPTION = "Accuracy against the number of synthetic training samples"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/fig4.toml`."""

    paper: bool  # the paper's own points in panels of their own


def compute(inputs: Inputs) -> list[Row]:
    """Average the runs against pool size, and compute the theory of practice for every series of the linear world.

    With settings["paper"], the paper's own points are added in panels of their own.
    """
    rows = average("fig4", inputs.records, pool_size) + theory(inputs.records)
    return rows + (fig4_rows() if inputs.settings["paper"] else [])


def theory(records: Sequence[Record]) -> list[Row]:
    """Compute the limits of the linear world's runs, and of pools of the sizes between theirs."""
    rows = limits("fig4", records, pool_size)
    for series in dict.fromkeys(row.series for row in rows):
        runs = [record for record in records if (record.panel, record.series) == ("linear", series)]
        first, addition = (runs[0].result.config["growth"][key] for key in ("initial", "addition"))
        if series == STATIC:
            sizes = np.geomspace(min(map(pool_size, runs)), max(map(pool_size, runs)), 60).tolist()
            rows += sweep("fig4", runs, "growth.initial", dict(zip(sizes, sizes, strict=True)), rows)
        else:
            rows += path("fig4", runs, first, addition, rows)
    return rows


def details(records: Sequence[Record]) -> dict[str, Any]:
    """Measure the gains of deliberate practice over static data and its controls at equal planned size, paired by seed.

    Each with 95 % bootstrap intervals over seeds and, where there are test images, over seeds and images; and how many
    times more static samples it takes to match. "mean size" is below the planned "size" where runs waited for a plateau
    until they ended; they count with their fewer samples. "pooled gains" are averages over both splits of digits.
    """
    rng = np.random.default_rng(0)
    gains = []
    for panel in dict.fromkeys(record.panel for record in records):
        runs = [record for record in records if record.panel == panel]
        static = select(average("fig4", runs, pool_size), series=STATIC)
        by_point = points(runs, planned_size)
        for (_, series, size), members in by_point.items():
            if series != DP or not static:
                continue
            (own,) = average("fig4", members, pool_size)
            matched = against(static, [own])
            entry: dict[str, Any] = {
                "panel": panel,
                "size": size,
                "mean size": own.x,
                "accuracy": float(hits(members).mean()),
                "against static": matched.best.words("fewer samples", "more samples") if matched else "",
                "interval": matched.best.interval() if matched else "",
                "n_seeds": len(members),
            }
            for (_, other, at), baseline in by_point.items():
                difference = gain(members, baseline, rng) if at == size and other != DP else None
                if difference:
                    entry[f"gain over {other}"] = difference
            gains.append(entry)
    return {"gains": gains, "pooled gains": pooled_gains(records)}


def pooled_gains(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Measure the gains of deliberate practice averaged over both splits of digits, at planned sizes that both have."""
    rng, by_point = np.random.default_rng(0), points(records, planned_size)
    entries = []
    for size in sorted({at for _, series, at in by_point if series == DP}):
        entry = {}
        for other in dict.fromkeys(series for _, series, _ in by_point if series != DP):
            experiments = [(by_point.get((p, DP, size), []), by_point.get((p, other, size), [])) for p in SPLITS]
            if difference := pooled_gain(experiments, rng):
                entry[f"gain over {other}"] = difference
        if entry:
            entries.append({"panels": list(SPLITS), "size": size, **entry})
    return entries


def saving(rows: Sequence[Row], panel: str) -> scaling.Multiplier | None:
    """Compute how many times fewer samples deliberate practice needs than static data, over levels of accuracy.

    None unless the panel has both series, and a level that static data reach beyond their noise.
    """
    measured = [row for row in select(rows, panel=panel) if row.source in ("practice", "paper")]
    measured = _with_binomial_errors(measured)
    return against(select(measured, series=STATIC), select(measured, series=DP))


def against(static: Sequence[Row], practice: Sequence[Row]) -> scaling.Multiplier | None:
    """Compute the multiplier of static data's averages over those of deliberate practice; None as in `saving`."""
    if len(static) < 2 or not practice:
        return None
    try:
        return whole_curve(averages(static), averages(practice), direction="up")
    except ValueError:  # no accuracy of static data rises above their noise
        return None


def _with_binomial_errors(rows: Sequence[Row]) -> list[Row]:
    """Give the paper's accuracies the standard errors of its validation images."""
    images = {row: IMAGES[row.panel.removesuffix(" (paper)")] for row in rows if row.source == "paper"}
    return [row._replace(stderr=(row.y * (1 - row.y) / images[row]) ** 0.5) if row in images else row for row in rows]


def reading(multiplier: scaling.Multiplier) -> str:
    """Write the multiplier at the best accuracy that can be read: "0.940: 3.2x fewer samples (2.5 to 4.1)"."""
    best = multiplier.best
    interval = f" ({best.interval()})" if best.interval() else ""
    return f"{best.level:.3f}: {best.words('fewer', 'more') or 'an open number of'} samples{interval}"


def summary(contents: Contents) -> str:
    """Say in one line, by panel, how many times fewer samples it takes at the best accuracy that can be read."""
    savings = {panel: saving(contents.rows, panel) for panel in PANELS}
    sentences = [f"{panel}, accuracy {reading(saved)}" for panel, saved in savings.items() if saved]
    for entry in contents.details.get("pooled gains", []):
        if pooled := entry.get(f"gain over {STATIC}"):
            low, high = (pooled["seeds and images"][end] for end in ("low", "high"))
            where = f"both splits of digits, {entry['size']:,.0f} images"
            sentences.append(f"{where}: {pooled['value']:+.3f} ({low:+.3f} to {high:+.3f}) over static data")
    sentences.append(verdict(comparisons(contents.rows), "{:,.0f} samples"))
    return "; ".join(filter(None, sentences)) or "no panel has both methods"


def story(contents: Contents) -> str:
    """Tell, by world, where deliberate practice passes static data, what its controls do, and what it saves."""
    sentences = [
        "Does a classifier learn more from images that are made to be hard for it than from more images? "
        "Both are trained on generated samples alone and tested on real ones."
    ]
    for panel in RUN_PANELS:
        runs = select(contents.rows, panel=panel, source="practice")
        static, practice = select(runs, series=STATIC), select(runs, series=DP)
        if not static or not practice:
            continue
        best = max(static, key=lambda row: row.y)
        shown = next((row for row in practice if _difference(row, best) > 2), practice[-1])
        sentences.append(
            f"{PANELS[panel].title.capitalize()}: accuracy {words.accuracy(shown)} with {shown.x:,.0f} samples under "
            f"deliberate practice; static data have at best {words.accuracy(best)}, with {best.x:,.0f}."
        )
        controls = [row for row in runs if row.x == shown.x and row.series not in (STATIC, DP)]
        if controls:
            named = " and ".join(f"{words.accuracy(row)} ({row.series})" for row in controls)
            beaten = all(_difference(shown, row) > 2 for row in controls)
            meaning = "so the gain is due to the entropy's gradient" if beaten else "not all clearly below"
            sentences.append(f"Its controls have {named} with as many: {meaning}.")
        saved = saving(contents.rows, panel)
        factor = saved.best.words("fewer", "more") if saved else ""
        if saved and factor:
            interval = f" (95 % interval {saved.best.interval()})" if saved.best.interval() else ""
            sentences.append(f"For accuracy {words.share(saved.best.level)} it needs {factor} samples{interval}.")
    return " ".join(sentences)


def _difference(row: Row, other: Row) -> float:
    """Return row - other in standard errors of unpaired averages."""
    error = np.hypot(row.stderr or 0.0, other.stderr or 0.0)
    return float((row.y - other.y) / error) if error else float(np.sign(row.y - other.y) * np.inf)


def draw(contents: Contents) -> Plot:
    """Draw one panel per world that has rows, and below it the samples saved over levels of accuracy."""
    rows, present = contents.rows, contents.panels(PANELS, "fig4.draw")
    columns = min(len(present), 2)
    lines = -(-len(present) // columns)
    with style.context():
        figure = Plot(figsize=(max(4.8 * columns, 5.6), 5.0 * lines + 0.6), layout="constrained")
        axes = figure.subplots(2 * lines, columns, squeeze=False, height_ratios=[2.3, 1] * lines)
        named = []
        for index, panel in enumerate(present):
            above, below = (axes[2 * (index // columns) + k, index % columns] for k in (0, 1))
            shown = select(rows, panel=panel)
            named.append(panels.curves(above, shown))
            ticks.log_ticks(above, min(row.x for row in shown), max(row.x for row in shown))
            title, ylabel = PANELS[panel]
            seeds = max(row.n_seeds or 0 for row in shown)
            title += f", {seeds} seeds" if seeds else ""
            above.set(title=title, xlabel="synthetic samples in total", ylabel=ylabel)
            draw_saving(above, below, saving(rows, panel))
        for index in range(len(present), columns * lines):
            for k in (0, 1):
                axes[2 * (index // columns) + k, index % columns].axis("off")
        panels.legend(figure, named, title=LEGEND, columns=2 * columns)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def draw_saving(above: Axes, below: Axes, saved: scaling.Multiplier | None) -> None:
    """Draw an arrow at the best accuracy that can be read, and the factor over accuracies on the axes below."""
    if not saved:
        below.axis("off")
        return
    colour = style.SERIES[DP].colour
    panels.saving(above, saved.best, saved.best.words("fewer", "more"), colour)
    factors.factors(below, saved, colour)
    below.set(xlabel="accuracy", ylabel="static samples\nper sample of DP")


FIGURE = Figure(
    name="fig4",
    compute=compute,
    summary=summary,
    story=story,
    draw=draw,
    describe=lambda _: CAPTION,
    details=details,
    panels=RUN_PANELS,
    settings=Config,
)
