"""Figure real_data: the law of `rmt.data` on real digits and on a CNN's features of generated images, with refits.

(a) Learning curves through the peak at n = d; (b) keep fractions, hardest and easiest first, clean and flipped labels;
(c) plain, guided and mixed images on features of a frozen CNN, tested on real digits. Points are ridge classifiers
fitted to random subsets; nothing is fitted to them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

import rmt
from empirical.runs.result import Record
from empirical.settings.build import build
from empirical.system.errors import require
from figures.contract.figure import Contents, Figure, Inputs, Settings
from figures.contract.records import mean_row
from figures.contract.table import Row, select
from figures.theory.own_data import ERROR, HIGH, LOW, agreement, draw_law, law_rows, refit_rows

Array = NDArray[Any]
NAME, PEAK, KEEP, CNN = "real_data", "pool size", "keep fraction", "digits"
ROWS, PROBE, WIDTH = 1200, 128, 300  # rows of real digits to draw from, those that score the others, and erf features
FLIPPED = 0.2  # share of labels exchanged
GAIN = "gain over plain"
KINDS = {"plain images": 0.0, "guided images": 1.0, "half guided": 0.5}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/real_data.toml`, one of its presets included."""

    seed: int
    trials: int  # random subsets fitted at a point
    peak_ridges: list[float]
    peak_sizes: list[int]
    pool: int  # rows in the pool that is pruned
    keep: list[float]
    keep_ridge: float
    cnn_sizes: list[int]
    cnn_ridge: float

    def __post_init__(self) -> None:
        require(self.trials >= 2, "real_data.trials", self.trials, "an integer >= 2")
        require(0 < self.pool <= ROWS - PROBE, "real_data.pool", self.pool, f"1 to {ROWS - PROBE} rows")
        require(self.seed >= 0, "real_data.seed", self.seed, "an integer >= 0")


def compute(inputs: Inputs) -> list[Row]:
    """Compute law and refits of all panels; "gain" rows are paired differences of error rates over runs."""
    settings = build(Config, inputs.settings, NAME)
    steps = 2 + len(inputs.records)
    inputs.progress(0, steps, "the peak of real digits")
    rows = _peak(settings)
    inputs.progress(1, steps, "pruning of real digits")
    rows += _pruning(settings)
    return rows + _images(settings, inputs)


def _digits(seed: int) -> tuple[Array, Array, Array, Array]:
    """Return standardised real digits and their labels, split at random: X, labels, X_test, labels_test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    train, test = order[:ROWS], order[ROWS:]
    mean, scale = digits.data[train].mean(axis=0), digits.data[train].std(axis=0)
    X = (digits.data - mean) / np.where(scale > 0, scale, 1.0)
    return X[train], digits.target[train], X[test], digits.target[test]


def _peak(settings: Config) -> list[Row]:
    """Compute panel (a): random erf features of real digits, two tasks, several ridges."""
    X, digits, X_test, digits_test = _digits(settings.seed)
    weights = np.random.default_rng([settings.seed, 1]).standard_normal((X.shape[1], WIDTH)) / np.sqrt(X.shape[1])
    X, X_test = erf(X @ weights), erf(X_test @ weights)
    mean = X.mean(axis=0)
    given = {"X": X - mean, "X_test": X_test - mean, "n": settings.peak_sizes, "ridge": settings.peak_ridges}
    rows: list[Row] = []
    for task, labels, tests in (
        ("0-4 or 5-9", digits > 4, digits_test > 4),
        ("ten classes", digits, digits_test),
    ):
        law, measured = _both(settings, **given, y=labels, y_test=tests)
        for j, ridge in enumerate(settings.peak_ridges):
            place = (NAME, PEAK, f"{task}, ridge {ridge:g}", settings.peak_sizes)
            cell = (slice(None), j, 0)
            rows += law_rows(*place, law, cell) + refit_rows(*place, measured, cell)
    return rows


def _pruning(settings: Config) -> list[Row]:
    """Compute panel (b): real digits, scored by a probe on other rows."""
    X, digits, X_test, digits_test = _digits(settings.seed)
    y, y_test = np.where(digits > 4, 1, -1), np.where(digits_test > 4, 1, -1)
    A = X[:PROBE]
    w = np.linalg.solve(A.T @ A / PROBE + 0.1 * np.eye(X.shape[1]), A.T @ y[:PROBE] / PROBE)
    X, y = X[PROBE:], y[PROBE:]
    margin = np.abs(X @ w)
    flips = np.random.default_rng([settings.seed, 2]).random(len(y)) < FLIPPED
    rows: list[Row] = []
    for labels, noise in ((y, ""), (np.where(flips, -y, y), f", {100 * FLIPPED:g} % flipped")):
        for score, first in ((-margin, "hardest"), (margin, "easiest")):
            given = {"X": X, "y": labels, "X_test": X_test, "y_test": y_test, "scores": score, "keep": settings.keep}
            law, measured = _both(settings, **given, n=settings.pool, ridge=settings.keep_ridge)
            place = (NAME, KEEP, f"{first}{noise}", settings.keep)
            rows += law_rows(*place, law, (0, 0)) + refit_rows(*place, measured, (0, 0))
    return rows


def _images(settings: Config, inputs: Inputs) -> list[Row]:
    """Compute panel (c): averages over runs; a trial of a point is the mean over runs of their trials."""
    errors: dict[str, list[dict[str, Array]]] = {kind: [] for kind in KINDS}
    trials: dict[str, list[Array]] = {kind: [] for kind in KINDS}
    for done, record in enumerate(inputs.records):
        inputs.progress(2 + done, 2 + len(inputs.records), f"images of seed {record.seed}")
        for kind, (X, y, X_test, y_test) in _kinds(record).items():
            sizes = [n for n in settings.cnn_sizes if n < len(X)]
            given = {"X": X, "y": y, "X_test": X_test, "y_test": y_test}
            law, measured = _both(settings, **given, n=sizes, ridge=settings.cnn_ridge)
            values = {ERROR: law.error, LOW: law.low, HIGH: law.high}
            errors[kind].append({name: array[:, 0, 0] for name, array in values.items()})
            trials[kind].append(measured.samples[:, :, 0, 0])
    if not inputs.records:
        return []
    seeds = [record.seed for record in inputs.records]
    fewest = min(len(one[ERROR]) for lines in errors.values() for one in lines)
    x, rows = settings.cnn_sizes[:fewest], []
    predicted, measured_by = {}, {}
    for kind in KINDS:
        means = {name: np.mean([one[name][:fewest] for one in errors[kind]], axis=0) for name in (ERROR, LOW, HIGH)}
        for name, line in means.items():
            rows += [Row(NAME, CNN, kind, name, "theory", float(n), float(y)) for n, y in zip(x, line, strict=True)]
        samples = np.mean([one[:, :fewest] for one in trials[kind]], axis=0)  # (trials, sizes)
        mean, stderr = samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
        for i, n in enumerate(x):
            place = (NAME, CNN, kind, ERROR, "simulation", float(n))
            pairs = tuple(enumerate(samples[:, i].tolist()))
            rows.append(Row(*place, float(mean[i]), float(stderr[i]), len(samples), pairs))
        predicted[kind], measured_by[kind] = means[ERROR], [one[:, :fewest].mean(axis=0) for one in trials[kind]]
    for kind in list(KINDS)[1:]:
        for i, n in enumerate(x):
            gain = float(predicted["plain images"][i] - predicted[kind][i])
            rows.append(Row(NAME, CNN, kind, GAIN, "theory", float(n), gain))
            both = zip(seeds, measured_by["plain images"], measured_by[kind], strict=True)
            rows.append(mean_row(NAME, CNN, kind, GAIN, n, [(seed, float(a[i] - b[i])) for seed, a, b in both]))
    return rows


def _both(settings: Config, **given: Any) -> tuple[rmt.data.Solution, rmt.data.Measured]:
    """Compute the law and the refits of one grid."""
    law = rmt.data.learning_curve(rng=np.random.default_rng([settings.seed, 3]), **given)
    rng = np.random.default_rng([settings.seed, 4])
    return law, rmt.data.simulate(trials=settings.trials, rng=rng, **given)


def _kinds(record: Record) -> dict[str, tuple[Array, Array, Array, Array]]:
    """Return features, labels, test features and test labels of each kind of image, centred by its own mean.

    Plain and guided images come in pairs of one noise; of half guided ones, every second ten (one a class) are guided.
    """
    answer = record.examined
    sets = {name: _unpacked(answer[name]["features"], answer["dimension"]) for name in ("plain", "guided", "test")}
    labels, tests = (np.array(answer[name]["labels"]) for name in ("plain", "test"))
    turn = np.arange(len(labels)) // 10 % 2
    kinds = {}
    for kind, share in KINDS.items():
        X = np.where((turn < 2 * share)[:, None], sets["guided"], sets["plain"])
        mean = X.mean(axis=0)
        kinds[kind] = (X - mean, labels, sets["test"] - mean, tests)
    return kinds


def _unpacked(text: str, dimension: int) -> Array:
    return np.frombuffer(base64.b64decode(text), dtype="<f4").reshape(-1, dimension).astype(np.float64)


def crossing(rows: Sequence[Row], source: str) -> float | None:
    """Find the number of images, on a log scale, from which guided ones beat plain ones; None where they do not."""
    plain, guided = (
        select(rows, panel=CNN, series=kind, quantity=ERROR, source=source)
        for kind in ("plain images", "guided images")
    )
    gaps = [a.y - b.y for a, b in zip(plain, guided, strict=True)]
    for i in range(1, len(gaps)):
        if gaps[i - 1] <= 0 < gaps[i]:
            share = -gaps[i - 1] / (gaps[i] - gaps[i - 1])
            return float(plain[i - 1].x * (plain[i].x / plain[i - 1].x) ** share)
    return None


def summary(contents: Contents) -> str:
    """Say how far refits are from the law in each panel, and the gains and the crossing that it predicts."""
    sentences = []
    for panel, (title, _) in PANELS.items():
        if shown := select(contents.rows, panel=panel):
            sentences.append(f"{title}: {agreement(shown).words()}")
    for kind in list(KINDS)[1:]:
        gains = {s: select(contents.rows, series=kind, quantity=GAIN, source=s) for s in ("theory", "practice")}
        if gains["practice"]:
            law, seen = gains["theory"][-1], gains["practice"][-1]
            measured = f"{seen.y:+.4f} +- {seen.stderr or 0:.4f} over {seen.n_seeds} runs"
            sentences.append(f"{kind} against plain with {law.x:,.0f}: {law.y:+.4f} by law, {measured}")
    points = {name: crossing(contents.rows, source) for name, source in (("law", "theory"), ("refits", "simulation"))}
    known = ", ".join(f"{name} {at:,.0f}" for name, at in points.items() if at)
    return "; ".join([*sentences, *([f"guided images win from {known} on"] if known else [])])


def describe(settings: Settings) -> str:
    """Write the settings in one line: the caption."""
    return (
        "Ridge classifiers on real digits (scikit-learn) and on a frozen CNN's features of generated ones, tested on "
        f"real digits; {settings['trials']} refits a point"
    )


PANELS = {
    PEAK: (f"(a) {WIDTH} random features of real digits", "training rows"),
    KEEP: ("(b) real digits, pruned by a probe", "keep fraction"),
    CNN: ("(c) features of a CNN, ten classes", "generated training images"),
}


FIGURE = Figure(
    name=NAME,
    compute=compute,
    summary=summary,
    draw=lambda contents: draw_law(contents.computed(NAME), PANELS, contents.caption, contents.note),
    describe=describe,
    panels=(CNN,),
    settings=Config,
)
