"""Lesson 3: What is a sample worth? (25 minutes)

Compare learning curves by multipliers: per sample trained on, per sample generated, and at every level of accuracy.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")

with app.setup(hide_code=True):
    from functools import cache

    import marimo as mo
    import numpy as np
    from matplotlib.figure import Figure

    import rmt
    import scaling
    from figures.drawing import style
    from lessons import desk, picture
    from lessons.exercise import Exercise

    D = 512  # dimension of the data


@app.cell(hide_code=True)
def _():
    desk.title(__file__)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Afterwards you can** say how many times fewer samples a method needs, at which level of accuracy, and counted how,
    and you notice when a paper leaves one of these out.

    **You need** lesson 2: a ridge classifier, pruning, the best ridge.

    "With our method you need seven times fewer samples." To check such a claim, draw a horizontal line through two
    learning curves, and divide the sizes at which they cross it. The ratio is the *multiplier*. It depends on the
    height of the line and on what is counted, and both are choices.

    The curves here are exact. A pool of Gaussian samples is ranked by a pruner whose direction has cosine .95 to the
    truth. The hardest fraction is kept, and a ridge classifier with the best ridge is trained on it.
    """)
    return


@app.function
@cache
def learning_curve(keep: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute the accuracy with the best ridge when the hardest fraction `keep` is kept, at 64 to 65,536 kept samples.

    >>> kept, accuracy = learning_curve(1.0)
    >>> kept[[0, -1]].tolist(), accuracy[[0, -1]].round(4).tolist()
    ([64.0, 65536.0], [0.5896, 0.9787])
    """
    kept = 2.0 ** np.union1d(np.arange(6, 16.01, 0.25), np.arange(8.5, 10, 0.0625))  # finer where accuracy rises
    rule = rmt.KeepAll() if keep == 1 else rmt.KeepHard(keep)
    problem = rmt.Problem(n=kept / keep, d=D, ridge=1.0, rule=rule, rho=0.95)
    return kept, 1 - np.asarray(rmt.limits.optimal_ridge(problem).error_rate)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 1. Samples trained on

    `learning_curve(keep)` returns the numbers of kept samples and the accuracies. `learning_curve(1.0)` keeps all: it
    is the baseline.

    **Exercise.** How many samples does the baseline need for accuracy .95? Interpolate the logarithm of the number:
    `np.interp(.95, accuracy, np.log(kept))`. Set `needed` to the number of samples.
    """)
    return


@app.cell
def _():
    needed = None
    return (needed,)


@app.cell(hide_code=True)
def _(needed):
    desk.check(exercises()["needed"], needed)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Now keep only the hardest 10 % of a pool. **Predict how many times fewer training samples that needs for
    accuracy .95.** 1 means equally many; a number below 1 means more.
    """)
    return


@app.cell
def _():
    prediction_kept = None
    return (prediction_kept,)


@app.cell(hide_code=True)
def _(prediction_kept):
    _predicted = desk.predicted("prediction_kept", prediction_kept)
    _reading = scaling.multiplier(learning_curve(1.0), learning_curve(0.1), [0.95]).best
    mo.vstack(
        [
            desk.compare(_predicted, _reading.factor, "multiplier per training sample at .95", 2),
            mo.md(
                f"The baseline needs {_reading.baseline_x:,.0f} samples, the hardest 10 % of a pool need "
                f"{_reading.method_x:,.0f}. Samples near the boundary say more about where it is."
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. A multiplier is a curve

    Is that *the* worth of a hard sample? `scaling.multiplier(baseline, method, levels)` reads the ratio at all levels
    that you pass; both curves are pairs (size, accuracy), and the result has an array `factor`.

    **Exercise.** Set `factors` to the three factors at accuracies .7, .8 and .95, again for the hardest 10 %.
    """)
    return


@app.cell
def _():
    factors = None
    return (factors,)


@app.cell(hide_code=True)
def _(factors):
    desk.check(exercises()["factors"], factors)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Exercise.** Where does selection begin to pay? Read the factors at `levels = np.linspace(.6, .9, 61)`. Set
    `break_even` to the level at which the factor is 1. (`np.interp(1, result.factor, result.levels)`)
    """)
    return


@app.cell
def _():
    break_even = None
    return (break_even,)


@app.cell(hide_code=True)
def _(break_even):
    desk.check(exercises()["break_even"], break_even)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 3. Samples generated

    To train on the hardest 10 %, ten times as many samples had to be generated. If generating is what costs, the pool
    counts, not what was kept. **Predict the multiplier per generated sample of the hardest 10 %, at accuracy .95.**
    """)
    return


@app.cell
def _():
    prediction_generated = None
    return (prediction_generated,)


@app.cell(hide_code=True)
def _(prediction_generated):
    _predicted = desk.predicted("prediction_generated", prediction_generated)
    keep = mo.ui.slider(steps=[0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9], value=0.1, label="fraction kept", show_value=True)
    level = mo.ui.slider(0.7, 0.97, step=0.01, value=0.95, label="accuracy", show_value=True)
    mo.vstack(
        [
            desk.compare(_predicted, factor_at(0.95, 0.1, per="generated"), "multiplier per generated sample", 2),
            mo.md(
                "It is the other one, divided by ten: below 1, the pool was bigger than the baseline needs. Selection "
                "saves training, and wastes generation. Is there a fraction that saves both? Move the sliders."
            ),
            mo.hstack([keep, level], justify="start", gap=2),
        ]
    )
    return keep, level


@app.cell(hide_code=True)
def _(keep, level):
    _kept, _generated = (factor_at(level.value, keep.value, per) for per in ("kept", "generated"))
    mo.vstack(
        [
            mo.md(
                f"**Accuracy {level.value:.2f} with the hardest {100 * keep.value:.0f} %: multiplier {_kept:.2f} "
                f"per sample trained on, {_generated:.2f} per sample generated.**"
            ),
            draw(keep.value, level.value),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Exercise.** Set `per_generated` to the multiplier per generated sample of the hardest **50 %** at accuracy .95,
    with two digits behind the point or more. The size of a pool is `kept / keep`.
    """)
    return


@app.cell
def _():
    per_generated = None
    return (per_generated,)


@app.cell(hide_code=True)
def _(per_generated):
    desk.check(exercises()["per_generated"], per_generated)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## What it means, and what not

    * "k times fewer samples" is a sentence with two gaps: *at which level* and *samples of which kind*. Ask for both.
    * The advantage grows with the level. At its highest measured level a method looks best; where the baseline is flat
      there, the ratio measures noise as well. `scaling.multiplier` refuses levels above the baseline's maximum minus
      two standard errors; lesson 8 shows what happens to a published number then.
    * It does **not** mean that hard samples are always better: below about $d$ of them, plain samples teach more.
    * Nobody can buy *selected* samples without generating the rest, unless the generator is steered. That is what
      deliberate practice does, and lesson 5 is about it.

    **Read on:** figure 3 in the README (these curves with Monte Carlo on them), `help(scaling.multiplier)`,
    `docs/explorer.html`. **Next:** lesson 4, when pruning helps.
    """)
    return


@app.function(hide_code=True)
def factor_at(level: float, keep: float, per: str) -> float:
    """Read the multiplier of the hardest fraction at one level, per "kept" or per "generated" sample."""
    kept, accuracy = learning_curve(keep)
    size = kept if per == "kept" else kept / keep
    return float(scaling.multiplier(learning_curve(1.0), (size, accuracy), [level], resamples=2).best.factor)


@app.function(hide_code=True)
def solve_needed() -> float:
    """Compute how many samples the baseline needs for accuracy .95."""
    kept, accuracy = learning_curve(1.0)
    return float(np.exp(np.interp(0.95, accuracy, np.log(kept))))


@app.function(hide_code=True)
def solve_factors() -> tuple[float, ...]:
    """Read the multiplier per training sample of the hardest 10 % at three levels."""
    result = scaling.multiplier(learning_curve(1.0), learning_curve(0.1), [0.7, 0.8, 0.95])
    return tuple(result.factor)


@app.function(hide_code=True)
def solve_break_even() -> float:
    """Find the accuracy at which the hardest 10 % need as many training samples as the baseline."""
    levels = np.linspace(0.6, 0.9, 61)
    result = scaling.multiplier(learning_curve(1.0), learning_curve(0.1), levels)
    return float(np.interp(1, result.factor, result.levels))


@app.function(hide_code=True)
def solve_per_generated() -> float:
    """Read the multiplier per generated sample of the hardest 50 % at accuracy .95."""
    kept, accuracy = learning_curve(0.5)
    result = scaling.multiplier(learning_curve(1.0), (kept / 0.5, accuracy), [0.95])
    return float(result.factor[0])


@app.function(hide_code=True)
def exercises() -> dict[str, Exercise]:
    """Return the exercises of this lesson by name."""
    listed = (
        Exercise(
            name="needed",
            solution=solve_needed,
            rtol=0.02,
            hint="`kept, accuracy = learning_curve(1.0)`; `np.exp` undoes the logarithm.",
            meaning="About 12 thousand samples, taken as they come.",
            mistakes={"This is the logarithm of the number; take `np.exp` of it.": lambda: np.log(solve_needed())},
        ),
        Exercise(
            name="factors",
            solution=solve_factors,
            rtol=0.01,
            hint="`scaling.multiplier(learning_curve(1.0), learning_curve(.1), [.7, .8, .95]).factor`",
            meaning="From .6 to 7.2: hard samples are worth less than plain ones at .7, and seven times more at .95.",
            mistakes={
                "You exchanged baseline and method; the baseline comes first.": lambda: tuple(
                    1 / f for f in solve_factors()
                ),
                "These are for the hardest 50 %; use `learning_curve(.1)`.": lambda: tuple(
                    factor_at(v, 0.5, "kept") for v in (0.7, 0.8, 0.95)
                ),
            },
        ),
        Exercise(
            name="break_even",
            solution=solve_break_even,
            rtol=0.005,
            hint="`result = scaling.multiplier(learning_curve(1.0), learning_curve(.1), levels)`, then interpolate.",
            meaning="At accuracy .748, which either of them reaches with about 540 samples, hardly more than d = 512. "
            "Below, hard samples are worth less than plain ones.",
        ),
        Exercise(
            name="per_generated",
            solution=solve_per_generated,
            rtol=0.01,
            hint="`kept, accuracy = learning_curve(.5)`, and the method's curve is `(kept / .5, accuracy)`.",
            meaning="Keeping half of the pool saves both: 2.2 times fewer generated and 4.4 times fewer trained on.",
            mistakes={
                "This counts kept samples; the pool has `kept / keep`.": lambda: factor_at(0.95, 0.5, "kept"),
                "You multiplied by the fraction where you should divide: a pool is larger than what is kept.": lambda: (
                    factor_at(0.95, 0.5, "kept") / 0.5
                ),
                "This is for the hardest 10 %.": lambda: factor_at(0.95, 0.1, "generated"),
            },
        ),
    )
    return {exercise.name: exercise for exercise in listed}


@app.function(hide_code=True)
def draw(keep: float, level: float) -> Figure:
    """Draw accuracy against samples, counted in both ways, and the two multipliers against the level."""
    figure, (left, right) = picture.canvas(2)
    (kept, plain), (_, accuracy) = learning_curve(1.0), learning_curve(keep)
    levels = np.linspace(0.62, 0.97, 71)
    curves = (("trained on", kept, style.BLUE, "-"), ("generated", kept / keep, style.VERMILLION, "--"))
    left.plot(np.log10(kept), -np.log10(1 - plain), color=style.GREY, lw=2, label="all samples")
    for name, size, colour, line in curves:
        left.plot(np.log10(size), -np.log10(1 - accuracy), color=colour, ls=line)
        result = scaling.multiplier((kept, plain), (size, accuracy), levels, resamples=2)
        factor = float(np.interp(level, result.levels, result.factor))
        label = f"hardest {100 * keep:.0f} %, per sample {name}"
        right.plot(-np.log10(1 - result.levels), np.log10(result.factor), color=colour, ls=line, label=label)
        right.plot(-np.log10(1 - level), np.log10(factor), "o", color=colour, ms=6)
    left.axhline(-np.log10(1 - level), color=style.BLACK, lw=0.9, ls=":")
    right.axvline(-np.log10(1 - level), color=style.BLACK, lw=0.9, ls=":")
    right.axhline(0, color=style.BLACK, lw=0.9)
    accuracies = (0.6, 0.7, 0.8, 0.9, 0.95, 0.97)
    places = [-np.log10(1 - a) for a in accuracies]
    left.set_yticks(places, [f"{a:g}" for a in accuracies])
    right.set_xticks(places, [f"{a:g}" for a in accuracies])
    left.set_ylim(0.36, 1.7)
    right.set_xlim(places[0], places[-1])
    picture.log_ticks(left, x=(64, 256, 1024, 4096, 16384, 65536, 262144))
    picture.log_ticks(right, y=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20))
    left.set(xlabel="samples", ylabel="accuracy (axis of log error)")
    right.set(xlabel="level: accuracy (axis of log error)", ylabel="multiplier: times fewer samples")
    left.legend(frameon=False, loc="upper left")
    right.legend(frameon=False, loc="upper left")
    return figure


if __name__ == "__main__":
    app.run()
