"""Lesson 1: Can I trust this exponent? (25 minutes)

Fit a power law with a floor to learning curves whose law is known exactly, and see what its error bars are worth.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")

with app.setup(hide_code=True):
    from functools import cache

    import marimo as mo
    import numpy as np
    from matplotlib.figure import Figure
    from scipy.optimize import curve_fit

    import rmt
    import scaling
    from figures.drawing import style
    from lessons import desk, picture
    from lessons.exercise import Exercise

    D = 512  # dimension of the data
    SEEDS = 8


@app.cell(hide_code=True)
def _():
    desk.title(__file__)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Afterwards you can** fit a scaling law with a floor, tell from the data alone whether its error bars may be
    believed, and repair the fit.

    **You need** a little Python and NumPy, and what a standard error is. No earlier lesson.

    Scaling laws are curves like $\text{error}(n) = \text{floor} + \text{scale} \cdot n^{-\text{exponent}}$, fitted to a
    few sizes $n$ and read far beyond them. How good is such a fit? With real networks nobody knows, because nobody
    knows the true curve. Here we do: a ridge classifier learns from Gaussian data in 512 dimensions, of which it is
    given the 30 % that look hardest. Its error rate follows an exact law. You will measure it as one measures
    networks, at several sizes and with several seeds, and then look at the answer.

    Where a cell says `= None`, put a number, or a few lines of code whose last line sets that name. Names that begin
    with `_` stay within a cell: `_size, _error = measured(2, 32)`.
    """)
    return


@app.function
def problem(size: float | np.ndarray) -> rmt.Problem:
    """Pose the learning problem of this lesson: a pool of `size` rows per dimension, of which 30 % are kept."""
    return rmt.Problem(n=D * size, d=D, ridge=0.01, rule=rmt.KeepHard(0.3), rho=0.9)


@app.function
@cache
def measured(smallest: int, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Measure error rates at sizes smallest, 2 smallest, ..., largest (K,), with 8 seeds each (8, K).

    >>> size, error = measured(2, 32)
    >>> size.tolist(), error.shape, float(error[:, -1].mean().round(4))
    ([2.0, 4.0, 8.0, 16.0, 32.0], (8, 5), 0.0892)
    """
    size = 2.0 ** np.arange(np.log2(smallest), np.log2(largest) + 1)
    columns = [rmt.simulate(problem(s), trials=SEEDS, rng=np.random.default_rng(int(s))).samples for s in size]
    return size, np.array(columns).T


@app.function
def power_floor(size: np.ndarray, floor: float, scale: float, exponent: float) -> np.ndarray:
    """Compute the usual scaling law, floor + scale * size^-exponent."""
    return floor + scale * size**-exponent


@app.function
def usual_fit(size: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the usual law as it is usually done: (floor, scale, exponent), and their standard errors."""
    average, stderr = error.mean(axis=0), error.std(axis=0, ddof=1) / np.sqrt(len(error))
    start = (0.05, 0.5, 0.5)
    best, covariance = curve_fit(power_floor, size, average, p0=start, sigma=stderr, absolute_sigma=True)
    return best, np.sqrt(np.diag(covariance))


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 1. The usual fit

    `measured(smallest, largest)` returns the sizes ($n/d$, rows per dimension: 2, 4, 8, ...) and the error rates of
    eight seeds. `usual_fit(size, error)` does what most papers do: least squares, weighted by the standard errors of
    the averages. It returns `(floor, scale, exponent)` and their standard errors.

    **Exercise.** Fit sizes 2 to 32. Set `short_exponent` to a pair: the exponent and its standard error.
    """)
    return


@app.cell
def _():
    short_exponent = None
    return (short_exponent,)


@app.cell(hide_code=True)
def _(short_exponent):
    desk.check(exercises()["short_exponent"], short_exponent)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. A prediction

    The exact exponent can be derived: far out, at a fixed ridge, the error approaches its floor as $n^{-1}$. **How many
    of its own standard errors is the fitted exponent away from 1?** If the error bar means what it says, about 1, and
    hardly ever more than 2.
    """)
    return


@app.cell
def _():
    prediction_distance = None
    return (prediction_distance,)


@app.cell(hide_code=True)
def _(prediction_distance):
    _predicted = desk.predicted("prediction_distance", prediction_distance)
    _exponent, _stderr = solve_short_exponent()
    mo.vstack(
        [
            desk.compare(_predicted, (1 - _exponent) / _stderr, "standard errors from fitted to exact exponent", 2),
            mo.md(r"""
    The error bar is not a little too small; it answers another question. It says how much the exponent would move if
    you repeated the measurement with other seeds, *provided that the law has this form*. It has not: at small sizes the
    true curve bends otherwise. Seeds cannot tell you that.
    """),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    And the floor?

    **Exercise.** Set `true_floor` to the error rate that is left with endless data. `problem(1.0)` poses the problem
    (at any size), and `rmt.limits.infinite_data` solves it exactly.
    """)
    return


@app.cell
def _():
    true_floor = None
    return (true_floor,)


@app.cell(hide_code=True)
def _(true_floor):
    desk.check(exercises()["true_floor"], true_floor)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 3. More data?

    A colleague proposes larger runs. **Predict the number of standard errors between the fitted floor and the true
    one, .0635, when the fit has sizes up to 1,024** instead of 32.
    """)
    return


@app.cell
def _():
    prediction_floor = None
    return (prediction_floor,)


@app.cell(hide_code=True)
def _(prediction_floor):
    _predicted = desk.predicted("prediction_floor", prediction_floor)
    _best, _stderr = usual_fit(*measured(2, 1024))
    smallest = mo.ui.dropdown({str(s): s for s in (2, 4, 8, 16)}, value="2", label="smallest size fitted")
    largest = mo.ui.slider(steps=[32, 64, 128, 256, 512, 1024], value=128, label="largest size fitted", show_value=True)
    mo.vstack(
        [
            desk.compare(
                _predicted, (solve_true_floor() - _best[0]) / _stderr[0], "standard errors from fitted to true floor", 2
            ),
            mo.md(
                "The fit came nearer, but its error bar shrank almost as fast. Move the slider, then choose another "
                "smallest size. The shaded strips at the bottom show which sizes are fitted."
            ),
            mo.hstack([smallest, largest], justify="start", gap=2),
        ]
    )
    return largest, smallest


@app.cell(hide_code=True)
def _(largest, smallest):
    _best, _stderr = usual_fit(*measured(smallest.value, largest.value))
    _text = f"floor {_best[0]:.4f} +- {_stderr[0]:.4f}; exponent {_best[2]:.3f} +- {_stderr[2]:.3f}"
    mo.vstack([mo.md(f"**Usual fit: {_text}.** Exact: floor .0635, exponent 1."), draw(smallest.value, largest.value)])
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. How you would have noticed

    With a network you have no exact law. But you can play the same game with what you measured: hide the largest sizes,
    fit the rest, and see whether the fit foresees what was hidden. That is a *back-test*. `scaling.backtest(size,
    error, form="power_floor")` hides the largest one, two and three sizes; `worst_z` is its worst miss in standard
    errors of the prediction and the measurement together.

    **Exercise.** Set `worst_z` to that of sizes 2 to 128.
    """)
    return


@app.cell
def _():
    worst_z = None
    return (worst_z,)


@app.cell(hide_code=True)
def _(worst_z):
    desk.check(exercises()["worst_z"], worst_z)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 5. The cure

    Two things help, and only together. `scaling.fit` widens its interval by the misfit that it sees: for sizes 2 to
    128 it returns an exponent between .21 and 2.19 and calls it *not identified*, which is honest and useless. What
    makes it useful is to leave out the small sizes until the back-test passes. Try it above, then:

    **Exercise.** Fit sizes 8 to 1,024 with `scaling.fit(size, error)`. Set `honest_exponent` to the ends of the 95 %
    interval of the exponent.
    """)
    return


@app.cell
def _():
    honest_exponent = None
    return (honest_exponent,)


@app.cell(hide_code=True)
def _(honest_exponent):
    desk.check(exercises()["honest_exponent"], honest_exponent)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## What it means, and what not

    * A standard error of a fit measures noise, not whether the form is right. Where noise is small and the form wrong,
      it misleads most.
    * More and larger runs alone do not repair a wrong form. A back-test shows it, without any theory.
    * It does **not** mean that power laws are wrong: from size 8 on, this one holds to within noise. And no back-test
      foresees a law that changes beyond your largest size.

    **Read on:** `docs/law.md` (the same analysis for your own CSV file), `docs/grade.md` (this fit and the usual ones,
    graded against exact laws), `help(scaling.fit)`, and *(Mis)Fitting: A Survey of Scaling Laws* (arXiv 2502.18969).
    **Next:** lesson 2, where the exact law comes from.
    """)
    return


@app.function(hide_code=True)
def solve_short_exponent() -> tuple[float, float]:
    """Fit the usual law to sizes 2 to 32; return the exponent and its standard error."""
    best, stderr = usual_fit(*measured(2, 32))
    return best[2], stderr[2]


@app.function(hide_code=True)
def solve_true_floor() -> float:
    """Compute the error rate that is left with endless data."""
    return float(rmt.limits.infinite_data(problem(1.0)))


@app.function(hide_code=True)
def solve_worst_z() -> float | None:
    """Hold out the largest sizes, fit the rest, and return the worst miss in standard errors."""
    size, error = measured(2, 128)
    return scaling.backtest(size, error, form="power_floor").worst_z


@app.function(hide_code=True)
def solve_honest_exponent() -> tuple[float, float]:
    """Fit sizes 8 to 1024; return the ends of the exponent's 95 % interval."""
    size, error = measured(8, 1024)
    exponent = scaling.fit(size, error).parameters["exponent"]
    return exponent.low, exponent.high


@app.function(hide_code=True)
def exercises() -> dict[str, Exercise]:
    """Return the exercises of this lesson by name."""
    listed = (
        Exercise(
            name="short_exponent",
            solution=solve_short_exponent,
            rtol=0.02,
            atol=0.005,
            hint="Call `usual_fit(size, error)`; it returns all parameters and then all their standard errors. The "
            "exponent is the last of the three.",
            meaning="An exponent of .56 +- .03: a small error bar. Remember it.",
            mistakes={
                "This is the floor; the exponent is the last of the three parameters.": lambda: tuple(
                    float(v[0]) for v in usual_fit(*measured(2, 32))
                ),
                "This is the fit to sizes up to 128; use `measured(2, 32)`.": lambda: tuple(
                    float(v[2]) for v in usual_fit(*measured(2, 128))
                ),
            },
        ),
        Exercise(
            name="true_floor",
            solution=solve_true_floor,
            rtol=0.005,
            hint="`rmt.limits.infinite_data(...)` takes a problem, whose size it ignores, and returns the limit.",
            meaning="With endless data an error rate of .0635 remains: ridge and pruning bias the classifier.",
            mistakes={
                "This is the error rate at size 128, not yet the limit.": lambda: rmt.error_rate(problem(128.0)),
            },
        ),
        Exercise(
            name="worst_z",
            solution=solve_worst_z,
            rtol=0.02,
            hint="`scaling.backtest(size, error, form='power_floor')` has an attribute `worst_z`.",
            meaning="The law misses what it should foresee by 24 standard errors, and nobody had to know the truth.",
            mistakes={
                "This is the back-test of sizes up to 64; use `measured(2, 128)`.": lambda: (
                    scaling.backtest(*measured(2, 64)).worst_z
                ),
            },
        ),
        Exercise(
            name="honest_exponent",
            solution=solve_honest_exponent,
            rtol=0.02,
            hint="Fit `measured(8, 1024)` with `scaling.fit(size, error)` and take `.parameters['exponent']`: it has "
            "`low` and `high`.",
            meaning="From .95 to 1.15, and the exact exponent is 1. Leaving out the small sizes cured the fit.",
            mistakes={
                "This interval is for sizes from 2 on, where the law does not hold; use `measured(8, 1024)`.": lambda: (
                    scaling.fit(*measured(2, 1024)).parameters["exponent"][1:]
                ),
            },
        ),
    )
    return {exercise.name: exercise for exercise in listed}


@app.function(hide_code=True)
def draw(smallest: int, largest: int) -> Figure:
    """Draw the measured error rates, the exact law, and usual fits: to sizes 2 ... 32, and to the chosen ones."""
    figure, (ax,) = picture.canvas()
    sizes = np.logspace(np.log10(2), np.log10(1024), 120)
    fits = ((2, 32, style.VERMILLION, "--"), (smallest, largest, style.BLUE, "-"))
    ax.plot(np.log10(sizes), np.log10(rmt.error_rate(problem(sizes))), color=style.BLACK, label="exact law")
    for row, (low, high, colour, line) in enumerate(fits):
        best, _ = usual_fit(*measured(low, high))
        label = f"fit to sizes {low} to {high}: exponent {best[2]:.2f}"
        values = np.maximum(power_floor(sizes, *best), 1e-6)
        ax.plot(np.log10(sizes), np.log10(values), line, color=colour, label=label)
        ax.axvspan(
            np.log10(low),
            np.log10(high),
            ymin=0.02 * row,
            ymax=0.02 * row + 0.02,
            color=colour,
            alpha=0.35,
            linewidth=0,
        )
    size, error = measured(2, 1024)
    average, half = error.mean(axis=0), 2 * error.std(axis=0, ddof=1) / np.sqrt(SEEDS)
    bars = [np.log10(average / (average - half)), np.log10((average + half) / average)]
    ax.errorbar(
        np.log10(size), np.log10(average), yerr=bars, fmt="o", ms=4, color=style.GREY, label="measured, +-2 stderr"
    )
    picture.log_ticks(ax, x=(2, 4, 8, 16, 32, 64, 128, 256, 512, 1024), y=(0.02, 0.04, 0.0635, 0.1, 0.2, 0.5))
    ax.set(xlabel="pool size per dimension, n/d", ylabel="error rate")
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 0.04))
    return figure


if __name__ == "__main__":
    app.run()
