"""Draw an analysis of scaling laws: curves with fits and bands, residuals, back-tests, multipliers over levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D

from figures.drawing import factors, panels, style, ticks
from scaling.ratios import Multiplier
from scaling.report import Analysis

COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.ORANGE, style.PINK, style.SKY, style.BLACK, style.GREY)
MARKERS = "osv^DPXd"


def looks(series: Sequence[str]) -> dict[str, style.Style]:
    """Give each series a colour and a marker in the order of the file; those of the figures where they have one."""
    known = {name: style.SERIES[name] for name in series if name in style.SERIES}
    spare = (style.Style(colour, marker) for colour, marker in zip(COLOURS * 8, MARKERS * 8, strict=True))
    return {name: known.get(name) or next(spare) for name in series}


def draw(analyses: Sequence[Analysis], caption: str = "") -> Plot:
    """Draw the panels; the multiplier's is left out without a baseline."""
    look = looks([one.series.name for one in analyses])
    compared = [one for one in analyses if one.multiplier]
    with style.context():
        figure = Plot(figsize=(9.6, 7.4), layout="constrained")
        above, below = figure.subplots(2, 2)
        _curves(above[0], analyses, look)
        _residuals(above[1], analyses, look)
        _backtests(below[0], analyses, look)
        if compared:
            for one in compared:
                factors.factors(below[1], one.multiplier, look[one.series.name].colour)  # type: ignore[arg-type]
            _widen(below[1], compared)
            title = f"x of {compared[0].baseline} over x of the others, at equal y"
            below[1].set(title=title, xlabel="level of y", ylabel="ratio")
        else:
            below[1].axis("off")
        named = {
            name: Line2D([], [], color=one.colour, marker=one.marker, markersize=one.size) for name, one in look.items()
        }
        reading = "bands: 95 % (hatched: open intervals); triangles: bounds"
        panels.legend(figure, [named], title=f"{panels.BARS}; {reading}")
        style.inscribe(figure, caption, "")
    return figure


def _curves(ax: Axes, analyses: Sequence[Analysis], look: dict[str, style.Style]) -> None:
    """Draw averages with error bars, and laws with their bands; dashed beyond the data."""
    for one in analyses:
        colour, marker = look[one.series.name].colour, look[one.series.name].marker
        law, inside = one.law, one.law.decades == 0
        ax.fill_between(law.x, law.low, law.high, color=colour, alpha=0.15, linewidth=0)
        ax.plot(law.x[inside], law.value[inside], color=colour)
        ax.plot(law.x[~inside], law.value[~inside], color=colour, linestyle="--")
        bars = panels.ERROR_BARS * one.fit.stderr
        ax.errorbar(one.fit.x, one.fit.y, yerr=bars, color=colour, marker=marker, markersize=4, linestyle="none")
    shown = np.concatenate([one.law.value for one in analyses] + [one.fit.y for one in analyses])
    if all(one.fit.direction == "down" for one in analyses) and shown.min() > 0:
        ticks.log_rate_axis(ax, shown.tolist())
    else:
        margin = 0.08 * float(np.ptp(shown))
        ax.set_ylim(shown.min() - margin, shown.max() + margin)
    _sizes(ax, analyses)
    forms = ", ".join(dict.fromkeys(one.fit.form for one in analyses))
    ax.set(title=f"averages and fits ({forms})", ylabel="y")


def _residuals(ax: Axes, analyses: Sequence[Analysis], look: dict[str, style.Style]) -> None:
    """Draw residuals in per cent of the fitted error, with the error bars of the averages."""
    for one in analyses:
        law, colour = one.fit, look[one.series.name].colour
        error = np.abs(law.fitted - law.best)
        ax.errorbar(
            law.x,
            100 * (law.y - law.fitted) / error,
            yerr=100 * panels.ERROR_BARS * law.stderr / error,
            color=colour,
            marker=look[one.series.name].marker,
            markersize=4,
            linewidth=0.8,
        )
    ax.axhline(0, color=style.GREY, linewidth=0.8, zorder=1)
    _sizes(ax, analyses, law=False)
    ax.set(title="residuals", ylabel="% of the fitted error")


def _backtests(ax: Axes, analyses: Sequence[Analysis], look: dict[str, style.Style]) -> None:
    """Draw the root mean square error of every form's predictions of the sizes held out; the chosen form is ringed."""
    forms = list(dict.fromkeys(test.form for one in analyses for test in one.choice.ranking))
    least = min(max(test.score, 1e-3) for one in analyses for test in one.choice.ranking)
    for index, one in enumerate(analyses):
        shift = 0.5 * ((index + 0.5) / len(analyses) - 0.5)
        for test in one.choice.ranking:
            mark = look[one.series.name]
            at, score = forms.index(test.form) + shift, max(test.score, least)
            ax.plot([at], [score], color=mark.colour, marker=mark.marker, linestyle="none")
            if test.form == one.choice.best:
                ax.plot([at], [score], color=mark.colour, marker="o", markersize=13, fillstyle="none", linestyle="none")
    ax.set_yscale("log")
    ax.set_xlim(-0.5, len(forms) - 0.5)
    ax.set_xticks(range(len(forms)), forms)
    ax.set(title="back-test: largest sizes held out (ringed: chosen)", ylabel="rms error of predictions, %")


def _sizes(ax: Axes, analyses: Sequence[Analysis], law: bool = True) -> None:
    sizes = np.concatenate([one.law.x if law else one.fit.x for one in analyses])
    ticks.log_ticks(ax, float(sizes.min()), float(sizes.max()))
    ax.set_xlabel("x")


def _widen(ax: Axes, compared: Sequence[Analysis]) -> None:
    """Let the axes of factors show all series."""
    ends = []
    for one in compared:
        read: Multiplier = one.multiplier  # type: ignore[assignment]
        closed = read.high[np.isfinite(read.high)]
        ends += [1.0, read.factor.min(), read.factor.max(), *np.minimum(closed, 4 * read.factor.max())]
    ax.set_ylim(min(ends) / 1.5, max(ends) * 1.5)
    if compared[0].fit.direction == "down":
        ax.invert_xaxis()
