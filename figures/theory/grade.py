"""Figure grade: intervals of fits against a known truth, for every form, and beside the fits that most people use.

A column a case, x the number of seeds. Rows: coverage of the limit of the error for n -> infinity; coverage of the
error at a size beyond the data; relative error there. The last column is the multiplier over a flat baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Plot
from numpy.typing import NDArray

import scaling
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.table import Row, select
from figures.drawing import panels, style
from figures.theory.known_laws import RIGHT, WRONG, Case, cases
from scaling.calibration import by_curve_fit, by_lmfit, grade

Floats = NDArray[Any]
Method = Callable[[Floats, Floats, float], tuple[scaling.Interval, scaling.Interval] | None]

LIMIT, VALUE, ERROR, WIDTH = "coverage of the limit", "coverage", "error, %", "half-width, %"
SHOWN = {
    LIMIT: "coverage:\nlimit of the error",
    VALUE: "coverage:\nbeyond the data",
    ERROR: "error beyond\nthe data, %",
}
FLAT, TRUE_FACTOR = "flat baseline", 4.0
RIVALS = {"curve_fit": by_curve_fit, "lmfit": by_lmfit}
LOOKS = {
    "power": style.Style(style.GREY, "v"),
    "power_floor": style.Style(style.BLUE, "o"),
    "saturating": style.Style(style.GREEN, "s", size=4.0),
    "broken": style.Style(style.ORANGE, "D", size=4.0),
    "curve_fit": style.Style(style.VERMILLION, "x", "--"),
    "lmfit": style.Style(style.PINK, "P", "--"),
    "multiplier": style.Style(style.BLUE, "o"),
    "running maximum": style.Style(style.VERMILLION, "x", "--"),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/grade.toml`, one of its presets included."""

    forms: list[str]
    resamples: int
    octaves: int  # of sizes, one size an octave
    far: float  # times the largest size: where predictions are graded
    noise: float  # relative, of a seed of an invented curve
    d: int  # dimension of the ridge classifiers
    flat_noise: float  # of a seed of the flat baseline
    seed: int
    seed_counts: list[int]
    trials: int

    def __post_init__(self) -> None:
        known = bool(self.forms) and set(self.forms) <= set(scaling.FORMS)
        require(known, "grade.forms", self.forms, f"names of {', '.join(scaling.FORMS)}")
        require(self.octaves >= 7, "grade.octaves", self.octaves, "whole numbers >= 7")
        require(self.far > 1, "grade.far", self.far, "numbers > 1")
        require(min(self.noise, self.flat_noise) > 0, "grade.noise", (self.noise, self.flat_noise), "numbers > 0")
        enough = bool(self.seed_counts) and min(self.seed_counts) >= 2
        require(enough, "grade.seed_counts", self.seed_counts, "whole numbers >= 2")
        least = min(self.trials, self.resamples, self.d)
        require(least >= 2, "grade.trials, resamples, d", least, "whole numbers >= 2")
        require(self.seed >= 0, "grade.seed", self.seed, "whole numbers >= 0")


def compute(inputs: Inputs) -> list[Row]:
    """Grade every method in every case for every number of seeds, then the multiplier."""
    settings = build(Config, inputs.settings, "grade")
    methods: dict[str, Method] = {form: _fitted(form, settings) for form in settings.forms} | RIVALS
    truths = known_cases(settings)
    steps = [(name, method, seeds) for name in truths for method in methods for seeds in settings.seed_counts]
    rows: list[Row] = []
    for done, (name, method, seeds) in enumerate(steps):
        inputs.progress(done, len(steps) + 1, f"{name}: {method}, {seeds} seeds")
        rows += _graded(name, truths[name], method, methods[method], seeds, settings)
    inputs.progress(len(steps), len(steps) + 1, FLAT)
    return rows + [row for seeds in settings.seed_counts for row in flat_baseline(settings, seeds)]


def known_cases(settings: Config) -> dict[str, Case]:
    """Make the cases; every trial has seeds of its own."""
    count = settings.trials * max(settings.seed_counts)
    shared = {"octaves": settings.octaves, "d": settings.d, "count": count, "seed": settings.seed}
    return cases(noise=settings.noise, **shared)


def _fitted(form: str, settings: Config) -> Method:
    """Return a method that fits a form by `scaling.fit`."""

    def method(sizes: Floats, samples: Floats, at: float) -> tuple[scaling.Interval, scaling.Interval]:
        law = scaling.fit(sizes, samples, form=form, direction="down", resamples=settings.resamples)
        ahead = law.predict(at)
        return law.limit, scaling.Interval(float(ahead.value), float(ahead.low), float(ahead.high))

    return method


def _graded(name: str, case: Case, series: str, method: Method, seeds: int, settings: Config) -> list[Row]:
    """Fit every trial; coverage counts a fit that fails as a miss. No rows where a method is not installed."""
    at = settings.far * float(case.sizes[-1])
    answers = [
        method(case.sizes, case.samples[trial * seeds : (trial + 1) * seeds], at) for trial in range(settings.trials)
    ]
    pairs = [answer for answer in answers if answer is not None]
    if not pairs:
        return []
    true = float(case.law(np.array(at)))
    limit, value = grade([pair[0] for pair in pairs], case.limit, true), grade([pair[1] for pair in pairs], true, true)
    failed = (False,) * (len(answers) - len(pairs))
    errors = [100 * abs(pair[1].value / true - 1) for pair in pairs]
    widths = [50 * (pair[1].high - pair[1].low) / true for pair in pairs]
    rows = [
        _share(name, series, LIMIT, seeds, limit.hits + failed),
        _share(name, series, VALUE, seeds, value.hits + failed),
    ]
    if len(pairs) > 1:  # else there is no standard error
        rows += [_median(name, series, ERROR, seeds, errors), _median(name, series, WIDTH, seeds, widths)]
    return rows


def _share(panel: str, series: str, quantity: str, x: float, hits: Sequence[bool]) -> Row:
    """Make the row of a share of trials, with its binomial standard error."""
    share = float(np.mean(hits))
    stderr = float(np.sqrt(share * (1 - share) / len(hits)))
    return Row("grade", panel, series, quantity, "simulation", float(x), share, stderr, len(hits))


def _median(panel: str, series: str, quantity: str, x: float, values: Sequence[float]) -> Row:
    """Make the row of a median over trials, with the robust standard error 1.2533 * 1.4826 MAD / sqrt(trials)."""
    median = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(np.array(values) - median)))
    stderr = 1.2533 * spread / float(np.sqrt(len(values)))
    return Row("grade", panel, series, quantity, "simulation", float(x), median, stderr, len(values))


def flat_baseline(settings: Config, seeds: int) -> list[Row]:
    """Grade the multiplier at the best level it reads, and the reading at the baseline's running maximum.

    The baseline's accuracy rises to .940 and stays there; the method needs a quarter of its samples, and goes on.
    """
    sizes = 128 * 2.0 ** np.arange(settings.octaves + 1)
    readings, maxima = [], []
    for trial in range(settings.trials):
        rng = np.random.default_rng([settings.seed, 5, seeds, trial])
        laws = np.minimum(rising(sizes), 0.94), rising(TRUE_FACTOR * sizes)
        curves = [law + settings.flat_noise * rng.standard_normal((seeds, len(sizes))) for law in laws]
        read = scaling.multiplier((sizes, curves[0]), (sizes, curves[1]), direction="up", resamples=settings.resamples)
        readings.append(read.best)
        maxima.append(at_running_maximum(sizes, *(curve.mean(axis=0) for curve in curves)))
    hits = [reading.low <= TRUE_FACTOR <= reading.high for reading in readings]
    errors = {"multiplier": [reading.factor for reading in readings], "running maximum": maxima}
    rows = [_share(FLAT, "multiplier", VALUE, seeds, hits)]
    for series, factors in errors.items():
        rows.append(_median(FLAT, series, "factor", seeds, factors))
        rows.append(_median(FLAT, series, ERROR, seeds, [100 * abs(f / TRUE_FACTOR - 1) for f in factors]))
    return rows


def rising(n: Floats) -> Floats:
    """Return an accuracy that passes .940 at 1,422 samples."""
    return 1 - 0.2 * (n / 128) ** -0.5


def at_running_maximum(sizes: Floats, baseline: Floats, method: Floats) -> float:
    """Read x_baseline / x_method at the baseline's best average, between points linear in log x: the usual practice."""
    best = int(np.argmax(baseline))
    risen, level = np.maximum.accumulate(method), baseline[best]
    if level > risen[-1]:
        return float(sizes[best] / sizes[-1])
    right = int(np.searchsorted(risen, level))
    if right == 0:
        return float(sizes[best] / sizes[0])
    share = (level - risen[right - 1]) / (risen[right] - risen[right - 1])
    return float(sizes[best] / np.exp(np.interp(right - 1 + share, range(len(sizes)), np.log(sizes))))


def summary(contents: Contents) -> str:
    """Say in one line the coverage of the form with a floor and of its rivals, right and wrong, and the multiplier."""
    sentences = []
    for panel in (RIGHT, WRONG):
        for series in ("power_floor", *RIVALS):
            limits = select(contents.rows, panel=panel, series=series, quantity=LIMIT)
            ahead = select(contents.rows, panel=panel, series=series, quantity=VALUE)
            pairs = ", ".join(f"{a.y:.2f} and {b.y:.2f} with {a.x:g} seeds" for a, b in zip(limits, ahead, strict=True))
            if pairs:
                sentences.append(f"{panel}, {series} covers limit and prediction in {pairs}")
    for series in ("multiplier", "running maximum"):
        factors = select(contents.rows, panel=FLAT, series=series, quantity="factor")
        shown = ", ".join(f"{row.y:.1f}" for row in factors)
        if shown:
            sentences.append(f"{FLAT}, {series}: {shown} (true: {TRUE_FACTOR:g})")
    return "; ".join(sentences) or "no rows"


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    return (
        f"95 % intervals of {settings['octaves'] + 1} sizes against the truth; beyond the data: {settings['far']:g} "
        f"times the largest size; {settings['trials']} trials a point"
    )


def markdown(contents: Contents) -> str:
    """Write a table of each case: a line for each method and number of seeds."""
    parts = []
    for panel in dict.fromkeys(row.panel for row in contents.rows):
        rows = select(contents.rows, panel=panel)
        quantities = list(dict.fromkeys(row.quantity for row in rows if row.quantity in (*SHOWN, WIDTH, "factor")))
        ordered = [q for q in (LIMIT, VALUE, ERROR, WIDTH, "factor") if q in quantities]
        lines = [
            f"**{panel}**",
            "",
            "| method | seeds | " + " | ".join(ordered) + " |",
            "|---|---|" + "---|" * len(ordered),
        ]
        for series in dict.fromkeys(row.series for row in contents.rows if row.panel == panel):
            for seeds in sorted({row.x for row in rows if row.series == series}):
                at = {row.quantity: row for row in select(rows, series=series) if row.x == seeds}
                lines.append(f"| {series} | {seeds:g} | " + " | ".join(_cell(at.get(q)) for q in ordered) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(row: Row | None) -> str:
    """Write a number with its standard error."""
    return "-" if row is None else f"{row.y:.3g} +- {row.stderr or 0:.1g}"


def draw(contents: Contents) -> Plot:
    """Draw the quantities over the number of seeds, a column a case."""
    rows = contents.computed("grade")
    names = list(dict.fromkeys(row.panel for row in rows))
    with style.context():
        figure = Plot(figsize=(2.5 * len(names) + 0.6, 6.6), layout="constrained")
        axes = figure.subplots(len(SHOWN), len(names), squeeze=False, sharex=True, sharey="row")
        named = []
        for column, panel in enumerate(names):
            for line, (quantity, label) in enumerate(SHOWN.items()):
                ax, points = axes[line, column], select(rows, panel=panel, quantity=quantity)
                if not points:
                    ax.axis("off")
                    continue
                named.append(_panel(ax, points))
                if quantity != ERROR:
                    ax.axhline(0.95, color=style.BLACK, linewidth=0.8, linestyle=":", zorder=1)
                if column == 0:
                    ax.set_ylabel(label)
                ax.set_xscale("log")
                counts = sorted({row.x for row in rows})
                ax.set_xticks(counts, [f"{count:g}" for count in counts])
                ax.minorticks_off()
            axes[0, column].set_title(panel)
            axes[-1, column].set_xlabel("seeds")
        axes[-1, 0].set_yscale("log")
        for line in (0, 1):
            axes[line, 0].set_ylim(-0.05, 1.05)
        panels.legend(figure, named, columns=8)
        style.inscribe(figure, contents.caption, contents.note)
    return figure


def _panel(ax: Any, points: Sequence[Row]) -> panels.Drawn:
    """Draw points with bars of two standard errors, joined; methods stand a little apart."""
    drawn: panels.Drawn = {}
    series = list(dict.fromkeys(row.series for row in points))
    for index, name in enumerate(series):
        look, own = LOOKS[name], select(points, series=name)
        drawn[name] = ax.errorbar(
            [row.x * 1.04 ** (index - (len(series) - 1) / 2) for row in own],
            [row.y for row in own],
            yerr=[panels.ERROR_BARS * (row.stderr or 0.0) for row in own],
            color=look.colour,
            marker=look.marker,
            linestyle=look.linestyle,
            linewidth=0.9,
            elinewidth=0.9,
            markersize=look.size,
        )
    return drawn


FIGURE = Figure(
    name="grade",
    compute=compute,
    summary=summary,
    draw=draw,
    describe=describe,
    markdown=markdown,
    settings=Config,
)
