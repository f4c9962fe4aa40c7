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

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

import rmt
from empirical.runs.result import Record
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import average, simulated_row, theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels, style
from figures.drawing.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, VERMILLION, Style
from rmt.practice import Guided, contraction, latest, learning_curve, noise_floor, selection_floor, simulate
from rmt.practice.additions import plane_moments
from rmt.practice.rates import accumulation_exponent

STATIC, ONCE, KEPT, ALONE, TWO = (
    "static",
    "pruned once",
    "selected, all rounds",
    "selected, last round",
    "selected, last 2 rounds",
)
GUIDED, GUIDED_ALL = "guided, last 2 rounds", "guided, all rounds"
UNTAILED, RIDGED = "guided to the last step", "guided, ridge 0.01"
WIDE, NARROW = "band = sine", "narrow band"
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
_ALIGNED = 1e-4  # sine at which the moments of guided rows are those of a perfect direction
_SHARES = 10.0 ** np.linspace(-2, 0, 17)  # keep fractions of a pool that is pruned once


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/law_of_practice.toml`, one of its presets included."""

    rows: float  # of a round, per dimension
    ridge: float
    narrowing: list[float]  # keep fractions where all rounds are kept and the pool doubles
    two: list[float]  # keep fractions where a fit sees the last two rounds
    kappas: list[float]  # of guidance
    steps: int
    tail: float  # share of the steps, the last ones, that are unguided
    exponents: list[float]  # alpha: keep fractions .5 (N/8d)^-alpha on pools that double ...
    doublings: int  # ... this often
    flips: list[float]  # shares of wrong labels
    generator: float  # cosine of a wrong generator to the truth
    sizes: list[float]  # rows per dimension of rounds that see wrong labels
    ridges: list[float]  # of the floor
    d: list[int]  # dimensions of the Monte Carlo ...
    trials: list[int]  # ... and its trials
    most_rows: float  # per dimension, of the Monte Carlo where all rounds are kept
    seed: int

    def __post_init__(self) -> None:
        shares = [p for name in ("narrowing", "two") for p in getattr(self, name)]
        require(all(0 < p <= 1 for p in shares), "law_of_practice.narrowing, two", shares, "fractions in (0, 1]")
        require(len(self.kappas) >= 2, "law_of_practice.kappas", self.kappas, "at least two")
        require(0 < self.tail < 1, "law_of_practice.tail", self.tail, "a share in (0, 1)")
        require(all(0 <= a < 0.5 for a in self.exponents), "law_of_practice.exponents", self.exponents, "[0, 1/2)")
        require(all(0 <= f < 0.5 for f in self.flips), "law_of_practice.flips", self.flips, "shares in [0, 1/2)")
        require(0 < self.generator < 1, "law_of_practice.generator", self.generator, "a cosine in (0, 1)")
        require(len(self.d) == len(self.trials) > 0, "law_of_practice.d", self.d, "one number for each of trials")
        require(self.rows > 1 and self.ridge > 0, "law_of_practice.rows, ridge", (self.rows, self.ridge), "> 1, > 0")


@dataclass(frozen=True)
class Schedule:
    """A practice of the theory, by rounds: rows per dimension, additions, weights, samples generated per row."""

    rows: NDArray[Any]
    additions: list[Any]
    weights: NDArray[Any] | str
    candidates: NDArray[Any]

    @property
    def trained(self) -> NDArray[Any]:
        """Rows per dimension that have been trained on, after each fit."""
        return np.cumsum(self.rows)

    @property
    def generated(self) -> NDArray[Any]:
        """Samples per dimension that have been generated, before each fit."""
        return np.cumsum(self.rows * self.candidates)


def schedules(settings: Config) -> dict[str, Schedule]:
    """Return the schedules that panels a, b and c compare."""
    kept = settings.rows * np.diff(2.0 ** np.arange(len(settings.narrowing) + 1), prepend=0)
    guided = [Guided(kappa, settings.steps, interval=(settings.tail, 1.0)) for kappa in settings.kappas]
    fits = len(settings.two) + 1
    follow = following(settings.rows, settings.rows, fits - 1, settings.ridge)
    equal = np.full(fits, settings.rows)
    result = {
        KEPT: _selected(kept, settings.narrowing, "accumulate"),
        ALONE: _selected(equal, follow, latest(1, fits)),
        TWO: _selected(equal, settings.two, latest(2, fits)),
    }
    fits = len(guided) + 1
    result[GUIDED] = Schedule(np.full(fits, settings.rows), guided, latest(2, fits), np.ones(fits))
    return result


def _selected(rows: NDArray[Any], fractions: Sequence[float], weights: Any) -> Schedule:
    return Schedule(rows, [rmt.KeepHard(p) for p in fractions], weights, 1 / np.array([1.0, *fractions]))


def following(start: float, size: float, rounds: int, ridge: float, flips: float = 0.0) -> list[float]:
    """Return the keep fractions of rounds whose band is the sine of the latest fit, each fit on the last round alone.

    start, size: rows per dimension of the first round and of the others.
    """
    fractions: list[float] = []
    for _ in range(rounds):
        rows, rules = [start] + [size] * len(fractions), [rmt.KeepHard(p) for p in fractions]
        error = learning_curve(rows, ridge, rules, "replace", flips=flips).error_rate[-1]
        fractions.append(math.sqrt(2 / math.pi) * math.sin(math.pi * error))
    return fractions


def compute(inputs: Inputs) -> list[Row]:
    """Compute theory, Monte Carlo and averages of the runs, panel by panel."""
    settings: Config = build(Config, inputs.settings, "law_of_practice")
    practices = schedules(settings)
    steps = [
        ("growing pools", lambda: _learning(settings, practices, inputs.records)),
        *((f"Monte Carlo, d = {d}", lambda d=d, n=n: _simulated(settings, practices, d, n))
          for d, n in zip(settings.d, settings.trials, strict=True)),
        ("what guidance needs", lambda: _needs(settings, practices[GUIDED], inputs.records)),
        ("exponents", lambda: _exponents(settings)),
        ("factor of a round", lambda: _factors(settings)),
        ("floors", lambda: _floors(settings, practices[GUIDED])),
        ("wrong labels", lambda: _harm(settings, practices[GUIDED])),
    ]  # fmt: skip
    rows: list[Row] = []
    for done, (what, step) in enumerate(steps):
        inputs.progress(done, len(steps), what)
        rows += step()
    return rows


def _law(panel: str, series: str, x: Any, y: Any, quantity: str = "error rate") -> list[Row]:
    return theory_rows("law_of_practice", panel, series, quantity, x, y)


def _learning(settings: Config, practices: dict[str, Schedule], records: Sequence[Record]) -> list[Row]:
    """Compute the laws of all schedules against the three measures of cost, and average the runs against them."""
    last = max(float(practice.trained[-1]) for practice in practices.values())
    sizes = settings.rows * 2.0 ** np.arange(int(math.log2(last / settings.rows)) + 1)
    static = rmt.error_rate(rmt.Problem(n=sizes, d=1, ridge=settings.ridge, rule=rmt.KeepAll(), rho=1.0))
    lines = {STATIC: (sizes, sizes, np.asarray(static))}
    once = [_pruned_once(settings, size) for size in sizes[1:]]
    lines[ONCE] = (sizes[1:], np.array([cost for _, cost in once]), np.array([error for error, _ in once]))
    for name, practice in practices.items():
        curve = learning_curve(practice.rows, settings.ridge, practice.additions, practice.weights)
        lines[name] = (practice.trained, practice.generated, curve.error_rate)
    runs = [record for record in records if record.panel == "rows" and record.series in (STATIC, GUIDED)]
    price = _prices(runs)
    rows = []
    for name, (trained, generated, errors) in lines.items():
        rows += _law("rows", name, trained, errors) + _law("generated", name, generated, errors)
        if price:
            plain, guided, d = price
            first = settings.rows if name == GUIDED else math.inf
            gflop = d * (plain * np.minimum(generated, first) + guided * np.maximum(generated - first, 0))
            rows += _law("arithmetic", name, gflop, errors)
    for panel, x in (("rows", _trained), ("generated", _trained), ("arithmetic", _gflop)):
        rows += average("law_of_practice", [dataclasses.replace(r, panel=panel) for r in runs], x, _error, "error rate")
    return rows


def _pruned_once(settings: Config, size: float) -> tuple[float, float]:
    """Return the error rate with the best keep fraction along the first fit, and the samples generated, for a size."""
    pool = (settings.rows, size - settings.rows)

    def error(log_share: float) -> float:
        return float(learning_curve(pool, settings.ridge, rmt.KeepHard(math.exp(log_share))).error_rate[-1])

    best = min(np.log(_SHARES), key=error)
    spacing = math.log(_SHARES[1] / _SHARES[0])
    search = minimize_scalar(error, bounds=(best - spacing, min(best + spacing, 0.0)), method="bounded")
    return float(search.fun), float(pool[0] + pool[1] / math.exp(search.x))


def _error(record: Record) -> float:
    return 1 - record.result.accuracy


def _gflop(record: Record) -> float:
    return float(record.result.cost["sampling_gflop"])


def _trained(record: Record) -> float:
    """Return the rows per dimension that a run has trained on, forgotten ones included."""
    growth = record.result.config["growth"]
    return float((growth["initial"] + growth["additions"] * growth["addition"]) / _dimension(record))


def _dimension(record: Record) -> int:
    return int(record.result.config["world"]["dimension"])


def _prices(runs: Sequence[Record]) -> tuple[float, float, int] | None:
    """Return the GFLOP of a plain and of a guided sample and the dimension; None without runs of both kinds."""
    static, guided = ([r for r in runs if r.series == name] for name in (STATIC, GUIDED))
    if not (static and guided):
        return None
    plain = _gflop(static[0]) / static[0].result.cost["images"]
    first, images = guided[0].result.config["growth"]["initial"], guided[0].result.cost["images"]
    return plain, (_gflop(guided[0]) - plain * first) / (images - first), _dimension(static[0])


def _simulated(settings: Config, practices: dict[str, Schedule], d: int, trials: int) -> list[Row]:
    """Simulate the schedules at one dimension, as points of panels a and b."""
    rows = []
    for number, (name, practice) in enumerate(practices.items()):
        fits = int(np.searchsorted(practice.trained, settings.most_rows, side="right")) if name == KEPT else None
        weights = practice.weights if isinstance(practice.weights, str) else practice.weights[:fits, :fits]
        additions = practice.additions[: fits - 1] if fits else practice.additions
        rng = np.random.default_rng([settings.seed, number, d])
        few = practice.rows[:fits]
        fitted = simulate(few, settings.ridge, additions, weights, d=d, trials=trials, rng=rng)
        for index, fit in enumerate(fitted):
            numbers = (1 - fit.mean, fit.stderr, 1 - fit.samples)
            quantity = f"error rate, d = {d}"
            for panel, x in (("rows", practice.trained), ("generated", practice.generated)):
                rows.append(simulated_row("law_of_practice", panel, name, quantity, x[index], *numbers))
    return rows


def _needs(settings: Config, guided: Schedule, records: Sequence[Record]) -> list[Row]:
    """Compute guided practice with one thing changed, beside the runs of the same settings."""
    to_the_last = [dataclasses.replace(addition, interval=(0.0, 1.0)) for addition in guided.additions]
    rows = []
    for name, ridge, additions, weights in (
        (GUIDED, settings.ridge, guided.additions, guided.weights),
        (GUIDED_ALL, settings.ridge, guided.additions, "accumulate"),
        (UNTAILED, settings.ridge, to_the_last, guided.weights),
        (RIDGED, 1e-2, guided.additions, guided.weights),
    ):
        curve = learning_curve(guided.rows, ridge, additions, weights)
        rows += _law("needs", name, guided.trained, curve.error_rate)
        runs = [dataclasses.replace(r, panel="needs") for r in records if r.series == name]
        rows += average("law_of_practice", runs, _trained, _error, "error rate")
    return rows


def _exponents(settings: Config) -> list[Row]:
    """Compute the exponent against alpha by its equation, and the last local slopes of the recursion."""
    alphas = np.linspace(0, 0.499, 120)
    rows = _law("exponent", "equation", alphas, [accumulation_exponent(a, 2.0) for a in alphas], "exponent")
    pools = settings.rows * 2.0 ** np.arange(settings.doublings + 1)
    for alpha in settings.exponents:
        rules = [rmt.KeepHard(min(1.0, 0.5 * (size / 8) ** -alpha)) for size in pools[:-1]]
        errors = learning_curve(np.diff(pools, prepend=0), 1e-12, rules).error_rate
        rows += _law("exponent", "recursion", [alpha], [math.log2(errors[-2] / errors[-1])], "exponent")
    return rows


def _factors(settings: Config) -> list[Row]:
    """Compute the contraction of one round against its rows, and simulate practices whose band follows the sine."""
    sizes = np.geomspace(1.5, 16, 60)
    rows = _law("factor", NARROW, sizes, contraction(1e-3, sizes), "factor")
    d, trials = settings.d[-1], settings.trials[-1]
    for flips in settings.flips:
        name = wrong(flips)
        rows += _law("factor", name, sizes, contraction(1.0, sizes, flips=flips), "factor")
        for size in (size for size in settings.sizes if contraction(1.0, size, flips=flips) < 0.95):
            rows += _simulated_factor(settings, size, flips, d, trials)
    return rows


def _simulated_factor(settings: Config, size: float, flips: float, d: int, trials: int) -> list[Row]:
    """Simulate six rounds whose band is the sine of the limit; the factor is a mean over the last four."""
    start = 16.0  # rows per dimension of the first round: a good classifier
    rules = [rmt.KeepHard(p) for p in following(start, size, 6, 1e-12, flips)]
    rng = np.random.default_rng([settings.seed, round(100 * size), round(1000 * flips)])
    fits = simulate([start] + [size] * 6, 1e-12, rules, "replace", flips=flips, d=d, trials=trials, rng=rng)
    sines = np.sin(np.pi * (1 - np.stack([fit.samples for fit in fits])))  # (fits, trials)
    factors = (sines[-1] / sines[-5]) ** 0.25
    numbers = (float(factors.mean()), float(factors.std(ddof=1) / math.sqrt(trials)), factors)
    return [simulated_row("law_of_practice", "factor", wrong(flips), "factor", size, *numbers)]


def wrong(flips: float) -> str:
    """Name the series of a share of wrong labels.

    >>> wrong(0.05)
    '5 % of labels wrong'
    """
    return f"{100 * flips:g} % of labels wrong" if flips else WIDE


def _floors(settings: Config, guided: Schedule) -> list[Row]:
    """Compute the error at which practice ends, against the ridge: closed forms, and the recursion's last fits."""
    ridges = np.geomspace(min(settings.ridges), max(settings.ridges), 60)
    last = plane_moments(guided.additions[-1], math.sqrt(1 - _ALIGNED**2), _ALIGNED)
    moments = (last.S[0, 0], last.b[0], 2 * settings.rows)
    floor = [noise_floor(*moments, ridge, bulk=last.c**2) for ridge in ridges]
    rows = _law("floor", GUIDED, ridges, floor, "error rate")
    rows += _law("floor", ALONE, ridges, [selection_floor(settings.rows, ridge) for ridge in ridges])
    for ridge in settings.ridges:
        curve = learning_curve(guided.rows, ridge, guided.additions, guided.weights)
        rows += _law("floor", "recursion", [ridge], [curve.error_rate[-1]])
    limit = math.acos(settings.generator) / math.pi
    return rows + _law("floor", f"generator at cosine {settings.generator:g}", ridges[[0, -1]], (limit, limit))


def _harm(settings: Config, guided: Schedule) -> list[Row]:
    """Compute guided practice with wrong labels, simulate one of them, and turn the generator's direction.

    A generator that labels by w_g is practice with the truth w_g: classifiers differ from w_g in directions that know
    nothing of w_0, so that cos(w, w_0) = cos(w_g, w_0) cos(w, w_g).
    """
    rows = []
    for flips in settings.flips:
        curve = learning_curve(guided.rows, settings.ridge, guided.additions, guided.weights, flips=flips)
        rows += _law("harm", wrong(flips) if flips else "exact", guided.trained, curve.error_rate)
        if flips == 0:
            turned = np.arccos(settings.generator * curve.alignment) / np.pi
            rows += _law("harm", f"generator at cosine {settings.generator:g}", guided.trained, turned)
        else:
            rng = np.random.default_rng([settings.seed, round(1000 * flips)])
            fits = simulate(
                guided.rows, settings.ridge, guided.additions, guided.weights,
                flips=flips, d=settings.d[-1], trials=settings.trials[-1], rng=rng,
            )  # fmt: skip
            for x, fit in zip(guided.trained, fits, strict=True):
                numbers = (1 - fit.mean, fit.stderr, 1 - fit.samples)
                rows.append(simulated_row("law_of_practice", "harm", wrong(flips), "error rate", x, *numbers))
    return rows


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
