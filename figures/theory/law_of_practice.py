"""Figure law_of_practice: does practice change the exponent of the error law?

a, b, c: error rate against rows trained on, samples generated and arithmetic of sampling, for static data, one pruning,
selection that keeps all rounds or forgets, and guidance that forgets. d: what guidance needs. e: the exponent of
selection that keeps everything, by the speed at which its band narrows. f: the factor of the angle in one round of
selection, by rows and wrong labels. g: the floor that ridge and sampler set. h: guided practice with wrong labels and
with a generator that labels by a wrong direction.

Margin-based active learning (Balcan, Broder & Zhang, COLT 2007) promises that a round of O(d) labels within a band of
the boundary halves the error: exponential in labels, while the unlabelled samples needed grow as 1/error. Here the
factor of a round is exact for ridge regression, and generation makes samples of the band without rejection.

Theory is `rmt.practice.learning_curve` and `rmt.practice.rates`; Monte Carlo is `rmt.practice.simulate`; practice is
the linear world with its own sampler, ridge and guidance (d = 128).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot

from figures.contract.figure import Contents, Figure, Settings
from figures.contract.table import Row, select
from figures.drawing import panels, style
from figures.drawing.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, VERMILLION, Style
from figures.theory.law_of_practice_rows import compute
from figures.theory.law_of_practice_schedules import (
    ALONE,
    GUIDED,
    GUIDED_ALL,
    KEPT,
    NARROW,
    ONCE,
    RIDGED,
    STATIC,
    TWO,
    UNTAILED,
    WIDE,
    Config,
)
from rmt.practice.rates import accumulation_exponent

PANELS = {  # panel: (title, x label, y label)
    "rows": ("a   rows trained on", "rows trained on / d", "error rate"),
    "generated": ("b   samples generated", "samples generated / d", "error rate"),
    "arithmetic": ("c   arithmetic of sampling", "GFLOP of sampling, d = 128", "error rate"),
    "needs": ("d   what guidance needs", "rows trained on / d", "error rate"),
    "exponent": ("e   everything kept, band ~ $N^{-\\alpha}$", "$\\alpha$", "exponent of the error"),
    "factor": ("f   selection, last round only", "rows of a round / d", "factor of the angle in a round"),
    "floor": ("g   the floor", "ridge", "error rate at the end"),
    "harm": ("h   wrong labels, wrong generator", "rows trained on / d", "error rate"),
}
LOOKS = {
    STATIC: Style(PINK, "x"),
    ONCE: Style(ORANGE, "v"),
    KEPT: Style(GREEN, "s", size=4.0),
    ALONE: Style(SKY, "p"),
    TWO: Style(VERMILLION, "^"),
    GUIDED: Style(BLUE, "o"),
    GUIDED_ALL: Style(GREEN, "D", "--", 3.8),
    UNTAILED: Style(ORANGE, "h", ":"),
    RIDGED: Style(GREY, "P", "-."),
}
SHADES = (BLUE, GREEN, ORANGE, VERMILLION)  # of shares of wrong labels, in order


def slope(line: Sequence[Row]) -> tuple[float, float, float]:
    """Fit log error = slope log x + constant to the last half of a line's points; return slope and range of x."""
    points = line[-max(2, len(line) // 2) :]
    x, y = np.log([row.x for row in points]), np.log([row.y for row in points])
    return float(np.polyfit(x, y, 1)[0]), points[0].x, points[-1].x


def gaps(rows: Sequence[Row], source: str, panels: Sequence[str], quantity: str | None = None) -> list[float]:
    """Return (measured - theory)/standard error at every point after the first fit that has a theory line."""
    z = []
    for panel in panels:
        for series in dict.fromkeys(row.series for row in select(rows, panel=panel)):
            theory = {round(row.x, 6): row.y for row in select(rows, panel=panel, series=series, source="theory")}
            points = select(rows, panel=panel, series=series, source=source, quantity=quantity)
            first = min(theory, default=0.0)
            z += [
                (p.y - theory[round(p.x, 6)]) / (p.stderr or math.inf)
                for p in points
                if first < round(p.x, 6) in theory
            ]
    return z


def summary(contents: Contents) -> str:
    """Say in one line the slopes, the factors of a round, the last errors, and how far measurements are from theory."""
    rows, sentences = contents.rows, []
    if not rows:
        return "no panel has rows"
    for panel, cost, names in (("rows", "rows", (STATIC, ONCE, KEPT)), ("generated", "samples", (STATIC, KEPT, TWO))):
        for name in names:
            value, low, high = slope(select(rows, panel=panel, series=name, source="theory"))
            sentences.append(f"{name}: error ~ ({cost})^{value:.2f} from {low:,.0f} d to {high:,.0f} d")
    for name in (ALONE, TWO):
        line = select(rows, panel="rows", series=name, source="theory")
        errors = [row.y for row in line]
        middle = len(errors) // 2  # later rounds are near the floor
        factor = (errors[middle] / errors[1]) ** (1 / (middle - 1))
        sentences.append(f"{name}: error {errors[-1]:.2g} after {line[-1].x:g} d rows, times {factor:.2f} a round")
    last = select(rows, panel="rows", series=GUIDED, source="theory")[-1]
    static = select(rows, panel="rows", series=STATIC, source="theory")
    same = math.exp(np.interp(math.log(last.x), np.log([r.x for r in static]), np.log([r.y for r in static])))
    sentence = f"{GUIDED}: error {last.y:.3g} after {last.x:g} d rows, {same / last.y:.0f} times below static"
    runs = select(rows, panel="rows", series=GUIDED, source="practice")
    if runs:
        end = runs[-1]
        sentence += f" (runs: {end.y:.3g} +- {end.stderr:.1g} at {end.x:g} d, {end.n_seeds} seeds)"
    sentences.append(sentence)
    quantities = sorted({row.quantity for row in rows if row.source == "simulation" and row.panel == "rows"})
    measured = [(f"Monte Carlo, {q[12:]}", gaps(rows, "simulation", ["rows"], q)) for q in quantities]
    measured.append(("Monte Carlo, wrong labels", gaps(rows, "simulation", ["harm"])))
    measured.append(("runs", gaps(rows, "practice", ["needs"])))
    for name, z in measured:
        if z:
            rms, furthest = math.sqrt(float(np.mean(np.square(z)))), max(map(abs, z))
            sentences.append(f"{name}: {len(z)} z-scores, rms {rms:.2f}, largest {furthest:.1f}")
    recursion = select(rows, panel="exponent", series="recursion")
    pairs = [f"{r.x:g}: {r.y:.3f} ({accumulation_exponent(r.x, 2.0):.3f})" for r in recursion]
    sentences.append("exponent by alpha, recursion (equation): " + ", ".join(pairs))
    factors = select(rows, panel="factor", source="simulation")
    pairs = [f"{r.series} {r.x:g} d: {r.y:.3f} +- {r.stderr:.3f}" for r in factors]
    sentences.append("factor of a round, Monte Carlo: " + ", ".join(pairs))
    floors = select(rows, panel="floor", series="recursion")
    sentences.append("floor of guidance by ridge: " + ", ".join(f"{r.x:g}: {r.y:.2g}" for r in floors))
    ends = {row.series: row.y for row in select(rows, panel="harm", source="theory")}
    sentences.append("guided, last error: " + ", ".join(f"{name} {error:.2g}" for name, error in ends.items()))
    return "; ".join(sentences)


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    d = ", ".join(f"{d}" for d in settings["d"])
    return (
        f"Rounds of {settings['rows']:g} d rows, ridge {settings['ridge']:g}; lines: theory (d = infinity); "
        f"small points: Monte Carlo, d = {d}; large points: runs of the linear world with its own sampler, d = 128"
    )


def _look(series: str) -> Style:
    return LOOKS.get(series) or style.series_style(series)


def _errors(ax: Axes, rows: Sequence[Row]) -> panels.Drawn:
    """Draw error rates against a cost, both logarithmic."""
    ax.set(xscale="linear" if rows[0].panel == "needs" else "log", yscale="log")
    return panels.curves(ax, rows, style=_look)


def _marked(ax: Axes, rows: Sequence[Row], looks: dict[str, Style], marks: str) -> None:
    """Draw lines and simulated points, and the series "recursion" as hollow points, with a legend in the panel."""
    named = panels.curves(ax, [row for row in rows if row.series != "recursion"], style=looks.__getitem__)
    points = [row for row in rows if row.series == "recursion"]
    if points:
        x, y = [row.x for row in points], [row.y for row in points]
        named[marks] = ax.plot(x, y, "o", color=BLACK, markersize=4, markerfacecolor="white", zorder=5)[0]
    ax.legend(list(named.values()), list(named), fontsize=7, loc="upper left" if rows[0].panel == "floor" else "best")


def draw(contents: Contents) -> Plot:
    """Draw the panels that have rows, four in a line."""
    present = contents.panels(PANELS, "law_of_practice.draw")
    shares = [row.series for row in contents.rows if row.series.endswith("labels wrong")]
    turned = [row.series for row in contents.rows if row.series.startswith("generator")]
    shades = dict(zip(dict.fromkeys(shares), SHADES[1:], strict=False))
    looks = {
        **{name: Style(colour, ".") for name, colour in shades.items()},
        **dict.fromkeys(turned, Style(GREY, ".", "--")),
        "equation": Style(BLUE, "."),
        "exact": Style(BLUE, "."),
        WIDE: Style(BLUE, "."),
        NARROW: Style(BLUE, ".", ":"),
        **LOOKS,
    }
    with style.context():
        lines = -(-len(present) // 4)
        figure = Plot(figsize=(13.2, 3.3 * lines + 0.9), layout="constrained")
        named: list[panels.Drawn] = []
        for index, panel in enumerate(present):
            ax = figure.add_subplot(lines, min(len(present), 4), index + 1)
            rows = select(contents.rows, panel=panel)
            if panel in ("rows", "generated", "arithmetic", "needs"):
                named.append(_errors(ax, rows))
            else:
                _marked(
                    ax,
                    rows,
                    looks,
                    "recursion, pools of $2^k$ 4d" if panel == "exponent" else "guided: recursion, last fit",
                )
            if panel == "floor":
                ax.set(xscale="log", yscale="log")
            if panel == "harm":
                ax.set(yscale="log", ylim=(min(row.y for row in rows if row.source == "theory") / 1.5, 0.5))
            if panel == "factor":
                ax.set(xlim=(0.5, 26), ylim=(0, 1.6))
                for level, text in ((1.0, "no progress"), (0.5, "active learning's\npromise")):
                    ax.axhline(level, color=GREY, linewidth=0.8, zorder=1)
                    ax.annotate(text, (26, level), xytext=(0, 2), textcoords="offset points", ha="right", fontsize=7)
            title, xlabel, ylabel = PANELS[panel]
            ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
        panels.legend(figure, named, columns=5)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


FIGURE = Figure(
    name="law_of_practice",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    panels=("rows", "needs"),
    settings=Config,
)
