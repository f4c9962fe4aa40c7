"""Lesson 9: What may I claim about my own data? (30 minutes)

The capstone: your own learning curves and your own features, from the file to a list of claims that hold.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")

with app.setup(hide_code=True):
    from functools import cache
    from pathlib import Path
    from typing import Any, Literal, NamedTuple

    import marimo as mo
    import numpy as np

    import rmt
    import scaling
    from cli.own_data import OwnData, read
    from figures.drawing import law
    from lessons import desk, tables
    from lessons.exercise import Exercise
    from scaling import curves, report

    EXAMPLE = Path(tables.__file__).with_name("digits_curves.csv")
    SIZES, SEEDS = (25, 50, 75, 100, 150, 200, 300, 400, 600), 8  # of the example
    DIRECTIONS: dict[str, Literal["up", "down"] | None] = {"higher is better": "up", "lower is better": "down"}
    SHARE = 0.01  # ridge, in units of the mean square of a row
    TRIALS = 50


@app.cell(hide_code=True)
def _():
    desk.title(__file__)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Afterwards you can** turn a file of your own measurements into claims that hold, and know which ones do not.

    **You need** lessons 1, 3 and 5; for section 4 lesson 2. Bring, if you have them, a CSV file of learning curves and
    a file of features. Without files every step works on an example: real digits, 8 x 8 pixels, and two classifiers of
    scikit-learn.
    """)
    return


@app.function
def series(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return sizes (K,) and accuracies (seeds, K) of a series of the example.

    >>> series("linear")[1].shape
    (8, 9)
    """
    one = next(one for one in curves.read(EXAMPLE) if one.name == name)
    return one.x, one.y


@app.function
@cache
def digits() -> OwnData:
    """Load scikit-learn's digits: 1,200 rows to train on, 597 by other writers to test; centred pixels from 0 to 1."""
    return read([])


@app.function
def ridge_of(data: OwnData) -> float:
    """Return the ridge: a hundredth of the mean square of a row."""
    return SHARE * float(np.mean(np.sum(data.X**2, axis=1)))


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 1. The file

    One row a measurement: `series,x,seed,y` (or `series,x,y,stderr`). The example has the accuracy of a linear
    classifier and of nearest neighbours, trained on 25 to 600 digits, eight random subsets each; `measure_example` in
    this file made it. `series("linear")` returns its sizes and its accuracies (seeds, sizes).

    Hide what you know, before you believe a fit.

    **Exercise.** Fit the form `power_floor` to the nearest neighbours of **up to 300** digits, and set `foreseen` to
    the accuracy that it foresees with 600.
    """)
    return


@app.cell
def _():
    foreseen = None
    return (foreseen,)


@app.cell(hide_code=True)
def _(foreseen):
    desk.check(exercises()["foreseen"], foreseen)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Exercise.** How many times fewer digits do nearest neighbours need than the linear classifier? Set `ratio` to
    factor, low and high of the reading `best` of `scaling.multiplier` without levels.
    """)
    return


@app.cell
def _():
    ratio = None
    return (ratio,)


@app.cell(hide_code=True)
def _(ratio):
    desk.check(exercises()["ratio"], ratio)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. Your turn

    Type the path of your CSV file; empty is the example. Choose what the others are compared with.
    """)
    return


@app.cell(hide_code=True)
def _():
    curves_file = mo.ui.text(label="CSV file", placeholder=EXAMPLE.name, full_width=True)
    direction = mo.ui.dropdown(list(DIRECTIONS), value="higher is better", label="y")
    mo.vstack([curves_file, direction])
    return curves_file, direction


@app.cell(hide_code=True)
def _(curves_file):
    path = Path(curves_file.value.strip()).expanduser() if curves_file.value.strip() else EXAMPLE
    try:
        _names = [one.name for one in curves.read(path)]
    except (OSError, ValueError) as _error:
        mo.stop(True, mo.callout(mo.md(str(_error)), kind="danger"))
    baseline = mo.ui.dropdown(_names, value=_names[0], label="baseline")
    mo.hstack([baseline], justify="start")
    return baseline, path


@app.cell(hide_code=True)
def _(baseline, direction, path):
    try:
        analyses = analysed(path, baseline.value, direction.value)
    except ValueError as _error:
        mo.stop(True, mo.callout(mo.md(str(_error)), kind="danger"))
    _lines = ["| | claim | | why |", "|:---|:---|:---|:---|"]
    for _one in analyses:
        for _index, _claim in enumerate(claims(_one)):
            _name = f"**{_one.series.name}**" if _index == 0 else ""
            _lines.append(f"| {_name} | {_claim.words} | {'yes' if _claim.allowed else '**no**'} | {_claim.because} |")
    mo.vstack([mo.md("\n".join(_lines)), law.draw(analyses, path.name)])
    return (analyses,)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 3. What a "yes" is worth

    On the example the table allows a prediction: with 1,200 digits the linear classifier has .897, between .879 and
    .914. There are exactly 1,200 digits to train on. **Predict the share of errors, in per cent, that is
    measured with all of them** (the prediction is 10.4, from 8.6 to 12.1).
    """)
    return


@app.cell
def _():
    prediction_whole = None
    return (prediction_whole,)


@app.cell(hide_code=True)
def _(prediction_whole):
    _predicted = desk.predicted("prediction_whole", prediction_whole)
    desk.compare(_predicted, 100 * (1 - whole_example()), "errors with all 1,200 digits, in per cent")
    return


@app.cell(hide_code=True)
def _(prediction_whole):
    desk.predicted("prediction_whole", prediction_whole)
    mo.md(r"""
    An accuracy of .878 is just below the interval, although the back-test had passed. The curve stops rising: the test
    digits are by other writers, and a linear classifier fits the peculiarities of the first ones. (It is one training
    set, whose own noise is not in the interval; but at 600 digits the spread over subsets is .005.) A "yes" says that
    the data do not speak against the claim. What changes beyond the largest size, no fit can know: quote a prediction
    with its distance, and measure the next size when you can.

    ## 4. Your features

    A law for your own rows needs no curve: `rmt.data` predicts the error rate of a ridge classifier of n rows from the
    rows and their labels at once (`docs/real_data.md`).

    **Exercise.** `data = digits()`, `ridge_of(data)`. Set `law_error` to the error rate that the law predicts for 400
    of the 1,200 digits, on the test digits.
    """)
    return


@app.cell
def _():
    law_error = None
    return (law_error,)


@app.cell(hide_code=True)
def _(law_error):
    desk.check(exercises()["law_error"], law_error)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Fifty refits take the rows again and again and count errors. **Predict by how many per cent law and refits differ at
    most, over four sizes** from 40 to 800 digits.
    """)
    return


@app.cell
def _():
    prediction_gap = None
    return (prediction_gap,)


@app.cell(hide_code=True)
def _(prediction_gap):
    _predicted = desk.predicted("prediction_gap", prediction_gap)
    _gaps = [abs(exact / refits - 1) for _, exact, _, _, refits, _ in law_and_refits(digits())]
    desk.compare(_predicted, 100 * max(_gaps), "the largest gap in per cent", 2)
    return


@app.cell(hide_code=True)
def _(prediction_gap):
    desk.predicted("prediction_gap", prediction_gap)
    features_file = mo.ui.text(label="features (.npz with X, y; optional X_test, y_test)", full_width=True)
    mo.vstack(
        [
            mo.md("Few rows a class are the weak spot of this law; see how it does on yours. Empty is the digits."),
            features_file,
        ]
    )
    return (features_file,)


@app.cell(hide_code=True)
def _(features_file):
    try:
        _data = read([Path(features_file.value.strip()).expanduser()]) if features_file.value.strip() else digits()
    except ValueError as _error:
        mo.stop(True, mo.callout(mo.md(str(_error)), kind="danger"))
    _lines = ["| rows | law | 95 % | 50 refits |", "|---|---|---|---|"]
    _lines += [
        f"| {n:,} | {exact:.4f} | {low:.4f} to {high:.4f} | {mean:.4f} +- {stderr:.4f} |"
        for n, exact, low, high, mean, stderr in law_and_refits(_data)
    ]
    mo.md("\n".join(_lines))
    return


@app.cell(hide_code=True)
def _(analyses):
    _open = [
        f"{part}: {name}"
        for part, entries in report.checklist(analyses[-1]).items()
        if isinstance(entries, dict)
        for name, value in entries.items()
        if value is None
    ]
    mo.md(f"""
    ## 5. The checklist

    The table above is what your data allow. A fit cannot know the rest; write it beside your claim, after
    *(Mis)Fitting: A Survey of Scaling Laws* (arXiv 2502.18969). Open for you: {"; ".join(_open)}.

    * Which things were drawn anew for the error bars: seeds, subsets, test images?
    * Was the baseline tuned as long as the method?
    * Which sizes, seeds or runs were left out, and had you decided that before you saw them?
    * How far is each prediction beyond the data?

    ## What it means, and what not

    * A claim has a level, an interval, and a range. One that lacks them is an impression.
    * "No" is a result: *not identified* tells the next reader what to measure.
    * It does **not** replace a second laboratory.

    **Read on:** `docs/law.md` (`python paper_repro.py law CURVES.csv --baseline NAME` writes this analysis with all its
    numbers and the filled checklist), `docs/real_data.md` (`python paper_repro.py theory-data features.npz`).
    """)
    return


@app.function(hide_code=True)
def measure_example() -> list[tuple[str, int, int, float]]:
    """Train two classifiers on random subsets of 1,200 real digits, and test them on 597 by other writers.

    Returns the rows of `digits_curves.csv`: series, x, seed, y. This is how you would make a file of your own.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier

    data = read([])
    makers = {"linear": lambda: RidgeClassifier(alpha=1.0), "nearest neighbour": lambda: KNeighborsClassifier(1)}
    rows = []
    for series, make in makers.items():
        for seed in range(SEEDS):
            order = np.random.default_rng(seed).permutation(len(data.X))
            for size in SIZES:
                chosen = order[:size]
                model = make().fit(data.X[chosen], data.y[chosen])
                rows.append((series, size, seed, float(model.score(data.X_test, data.y_test))))
    return rows


@app.function(hide_code=True)
@cache
def whole_example() -> float:
    """Train the linear classifier on all 1,200 digits, and return its accuracy."""
    from sklearn.linear_model import RidgeClassifier

    data = read([])
    return float(RidgeClassifier(alpha=1.0).fit(data.X, data.y).score(data.X_test, data.y_test))


@app.function(hide_code=True)
def analysed(path: Path, baseline: str, direction: str) -> list[report.Analysis]:
    """Analyse the series of a CSV file as the command `law` does; ValueError says what is wrong with the file."""
    return report.analyse(
        curves.read(path),
        baseline=baseline,
        direction=DIRECTIONS[direction],
        rng=np.random.default_rng(0),
    )


@app.function(hide_code=True)
def law_and_refits(data: OwnData) -> list[tuple[int, float, float, float, float, float]]:
    """Predict error rates at four sizes, and measure them by 50 refits: n, law, low, high, refits, standard error."""
    last = len(data.X) * 2 // 3
    sizes = sorted({round(size) for size in np.geomspace(max(20, 4 * data.classes), last, 4)})
    asked: dict[str, Any] = {"X": data.X, "y": data.y, "n": sizes, "ridge": [ridge_of(data)], **data.tests}
    curve = rmt.data.learning_curve(**asked, rng=np.random.default_rng(0))
    refits = rmt.data.simulate(**asked, trials=TRIALS, rng=np.random.default_rng(1))
    columns = (curve.error, curve.low, curve.high, refits.mean, refits.stderr)
    return [(n, *(float(column[i, 0, 0]) for column in columns)) for i, n in enumerate(sizes)]


@app.function(hide_code=True)
def solve_foreseen() -> float:
    """Fit nearest neighbours up to 300 digits, and predict the accuracy with 600."""
    x, y = series("nearest neighbour")
    known = x <= 300
    fit = scaling.fit(x[known], y[:, known], form="power_floor", direction="up")
    return float(fit.predict([600]).value[0])


@app.function(hide_code=True)
def solve_ratio() -> tuple[float, float, float]:
    """Read how many times fewer digits nearest neighbours need than the linear classifier: factor, low, high."""
    best = scaling.multiplier(series("linear"), series("nearest neighbour"), direction="up").best
    return best.factor, best.low, best.high


@app.function(hide_code=True)
@cache
def solve_law_error() -> float:
    """Predict the error rate of a ridge classifier of 400 digits from the digits themselves."""
    data = digits()
    curve = rmt.data.learning_curve(
        data.X, data.y, n=[400], ridge=[ridge_of(data)], X_test=data.X_test, y_test=data.y_test
    )
    return float(curve.error[0, 0, 0])


@app.function(hide_code=True)
def exercises() -> dict[str, Exercise]:
    """Return the exercises of this lesson by name."""
    listed = (
        Exercise(
            name="foreseen",
            solution=solve_foreseen,
            rtol=0.002,
            hint="Fit x <= 300 alone, `scaling.fit(x, y, form='power_floor', direction='up')`, and take "
            "`.predict([600]).value[0]`.",
            meaning=".964 is foreseen, with an interval of .947 to .971 (`.low`, `.high`); measured is .955 "
            "+- .002. It holds.",
            mistakes={
                "You fitted all sizes; hide those above 300.": lambda: float(
                    scaling.fit(*series("nearest neighbour"), form="power_floor", direction="up")
                    .predict([600])
                    .value[0]
                ),
                "This is the error; y is an accuracy (direction='up').": lambda: 1 - solve_foreseen(),
            },
        ),
        Exercise(
            name="ratio",
            solution=solve_ratio,
            rtol=0.02,
            hint="`scaling.multiplier(series('linear'), series('nearest neighbour'), direction='up').best` has "
            "`factor`, `low` and `high`.",
            meaning="3.6 times fewer, between 2.8 and 5.1, for an accuracy of .869. That is a claim with a level and "
            "an interval.",
            mistakes={
                "The baseline comes first: how many times more does the linear classifier need?": lambda: (
                    scaling.multiplier(series("nearest neighbour"), series("linear"), direction="up").best[1:4]
                ),
                "This is at `highest`, as in lesson 8; take `best` of a multiplier without levels.": lambda: (
                    scaling.multiplier(series("linear"), series("nearest neighbour"), [0.876111], direction="up").best[
                        1:4
                    ]
                ),
            },
        ),
        Exercise(
            name="law_error",
            solution=solve_law_error,
            rtol=0.01,
            hint="`rmt.data.learning_curve(data.X, data.y, n=[400], ridge=[ridge_of(data)], X_test=data.X_test, "
            "y_test=data.y_test).error[0, 0, 0]`, with `data = digits()`.",
            meaning=".1183. Fifty refits give .1182 +- .0014: the law needed no refit.",
            mistakes={
                "Without X_test and y_test the law tests on the other training rows, by the same writers.": lambda: (
                    float(
                        rmt.data.learning_curve(digits().X, digits().y, n=[400], ridge=[ridge_of(digits())]).error[
                            0, 0, 0
                        ]
                    )
                ),
            },
        ),
    )
    return {exercise.name: exercise for exercise in listed}


@app.class_definition(hide_code=True)
class Claim(NamedTuple):
    """A sentence about a curve, whether the data allow it, and why."""

    words: str
    allowed: bool
    because: str


@app.function(hide_code=True)
def claims(one: report.Analysis) -> list[Claim]:
    """Write the claims that one would like to make about a series, and judge each of them."""
    fit, test = one.fit, one.test
    worst = np.inf if test.worst_z is None else test.worst_z
    foresees = bool(worst <= 2)
    missed = f"its largest sizes, held out, are missed by {test.score:.2g} % (noise {test.noise:.2g} %)"
    if np.isfinite(worst):
        missed += f", {worst:.1f} standard errors at worst"
    seeds = one.series.y.shape[0] if one.series.y.ndim == 2 else one.series.n_seeds or 0
    made = [Claim(f"`{fit.form}` foresees larger sizes", foresees, missed)]
    for name, words in (("exponent", "the exponent"), ("floor", "the error that is left with endless data")):
        if name in fit.parameters:
            value, low, high = fit.parameters[name]
            known = fit.identified[name]
            reason = "its 95 % interval is closed" if known else "an end of its range fits as well: not identified"
            made.append(Claim(f"{words} is {value:.3g} ({low:.3g} to {high:.3g})", known and foresees, reason))
    ahead = one.predictions
    sentence = f"with {ahead.x[0]:,.0f}, y is {ahead.value[0]:.4g} ({ahead.low[0]:.4g} to {ahead.high[0]:.4g})"
    made.append(
        Claim(sentence, foresees, f"{ahead.decades[0]:.1f} decades beyond the data; no interval foresees a new law")
    )
    if one.multiplier:
        best = one.multiplier.best
        words = best.words("fewer", "more") or "some other number"
        interval = f" ({best.interval()})" if best.interval() else ""
        closed = bool(best.interval())
        reason = "below the baseline's noise, interval closed" if closed else "one end of the interval is open"
        made.append(Claim(f"y = {best.level:.4g} takes {words} than {one.baseline}{interval}", bool(words), reason))
    elif one.unread:
        made.append(Claim(f"it needs fewer than {one.baseline}", False, "no level of the baseline can be read"))
    reason = f"{seeds} seeds; with fewer than 5 intervals are too narrow" if seeds else "the file does not say how many"
    made.append(Claim("other seeds would agree", seeds >= 5, reason))
    return made


if __name__ == "__main__":
    app.run()
