"""Lesson 2: What does theory expect? (25 minutes)

Use the exact law of a ridge classifier: find the peak of double descent, remove it, move it, and test the law.
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
    **Afterwards you can** compute the error rate of a linear classifier for any amount of data, ridge and pruning, say
    where more data hurt and how to prevent it, and test a theory against a simulation.

    **You need** NumPy and what a linear classifier is. Lesson 1 is not needed.

    The world of these lessons is small. A sample $x$ has $d = 512$ independent Gaussian coordinates, and its label is
    the side of a plane on which it lies: $y = \operatorname{sign}\langle x, w_*\rangle$. A *ridge classifier* finds
    $w$ by least squares, with a penalty on its length:

    $$\frac1n \sum_{i \text{ kept}} (y_i - \langle x_i, w\rangle)^2 + \lambda |w|^2 .$$

    Its error rate on new data is the angle between $w$ and $w_*$ divided by $\pi$: 0 if it points the right way, 1/2 if
    it knows nothing. As $n$ and $d$ grow, this angle stops being random, and random matrix theory gives its value:
    `rmt.error_rate`, a closed formula that a computer evaluates in microseconds.
    """)
    return


@app.function
def problem(n: float | np.ndarray, ridge: float = 0.01, keep: float = 1.0) -> rmt.Problem:
    """Pose a problem: n samples in 512 dimensions, a ridge, and the fraction of hardest samples that are kept.

    >>> round(rmt.error_rate(problem(n=1024)), 4)
    0.2031
    """
    rule = rmt.KeepAll() if keep == 1 else rmt.KeepHard(keep)
    return rmt.Problem(n=n, d=D, ridge=ridge, rule=rule, rho=0.9)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 1. More data

    With almost no ridge, $\lambda = 10^{-6}$, the error rate is .411 with 64 samples, .377 with 128 and .340 with 256.
    **Predict the error rate with 512 samples**: as many equations as unknowns, so that every training label is met
    exactly.
    """)
    return


@app.cell
def _():
    prediction_512 = None
    return (prediction_512,)


@app.cell(hide_code=True)
def _(prediction_512):
    _predicted = desk.predicted("prediction_512", prediction_512)
    mo.vstack(
        [
            desk.compare(_predicted, rmt.error_rate(problem(512, ridge=1e-6)), "error rate with 512 samples"),
            mo.md(r"""
    Twice the data, and the classifier is hardly better than a coin. With just as many equations as unknowns there is
    one solution, it has to go through all labels, and where two samples are nearly alike its weights become huge. With
    fewer samples there are many solutions, of which least squares takes the shortest; with more samples the errors
    average out. This is *double descent*.
    """),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Exercise.** Is 512 really the worst number? `problem(n=..., ridge=...)` takes an array of $n$, and
    `rmt.error_rate(...)` returns an array. Try $n$ = 64, 65, ..., 8192 at ridge $10^{-6}$, and set `peak` to a pair:
    the $n$ with the largest error rate, and that error rate.
    """)
    return


@app.cell
def _():
    peak = None
    return (peak,)


@app.cell(hide_code=True)
def _(peak):
    desk.check(exercises()["peak"], peak)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. The cure

    The penalty keeps weights from becoming huge; too large a penalty keeps them from learning.
    `rmt.limits.optimal_ridge(problem)` finds the best one. Its result has an `argument`, the ridge, and an
    `error_rate`.

    **Exercise.** Set `cured` to the error rate with 512 samples and the best ridge.
    """)
    return


@app.cell
def _():
    cured = None
    return (cured,)


@app.cell(hide_code=True)
def _(cured):
    desk.check(exercises()["cured"], cured)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 3. Pruning moves the peak

    Now only the 30 % of the samples are kept that look hardest to a pruner (that lie nearest to *its* plane). **Predict
    the number of samples in the pool, before pruning, at which the error peaks.**
    """)
    return


@app.cell
def _():
    prediction_pool = None
    return (prediction_pool,)


@app.cell(hide_code=True)
def _(prediction_pool):
    _predicted = desk.predicted("prediction_pool", prediction_pool)
    ridge = mo.ui.slider(-6, 1, step=0.25, value=-6, label="log10 of the ridge", show_value=True)
    keep = mo.ui.dropdown({"all": 1.0, "hardest 50 %": 0.5, "hardest 30 %": 0.3}, value="hardest 30 %", label="keep")
    mo.vstack(
        [
            desk.compare(_predicted, solve_pruned_peak(), "pool size at the peak", digits=4),
            mo.md(
                "The peak is where the *kept* samples are as many as the dimensions: $p\\,n = d$. Move the ridge until "
                "the peak is gone. The grey curve has the best ridge at each pool size: it never rises."
            ),
            mo.hstack([ridge, keep], justify="start", gap=2),
        ]
    )
    return keep, ridge


@app.cell(hide_code=True)
def _(keep, ridge):
    _n = D / keep.value
    _error = rmt.error_rate(problem(_n, 10**ridge.value, keep.value))
    _best = rmt.limits.optimal_ridge(problem(_n, keep=keep.value))
    mo.vstack(
        [
            mo.md(
                f"**With 512 samples kept: error rate {_error:.3f}**; {_best.error_rate:.3f} with the best ridge, "
                f"{_best.argument:.2g}."
            ),
            draw(10**ridge.value, keep.value),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Exercise.** Set `pruned_peak` to that pool size: the $n$ from 512 to 8192 at which the error rate is largest when
    30 % are kept, at ridge $10^{-6}$.
    """)
    return


@app.cell
def _():
    pruned_peak = None
    return (pruned_peak,)


@app.cell(hide_code=True)
def _(pruned_peak):
    desk.check(exercises()["pruned_peak"], pruned_peak)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. Do not believe it: test it

    The law holds for $n, d \to \infty$; you have 512 dimensions. `rmt.simulate(problem, trials=50, rng=...)` draws 50
    data sets, fits a classifier to each and returns the `mean` of their error rates and its `stderr`. A good test is a
    *z-score*: the distance from theory to simulation in standard errors. If the theory holds, it is rarely beyond 2.

    **Exercise.** Simulate `problem(n=1024)` with 50 trials and `rng=np.random.default_rng(0)`. Set `z_score` to
    (simulated mean - exact law) / stderr.
    """)
    return


@app.cell
def _():
    z_score = None
    return (z_score,)


@app.cell(hide_code=True)
def _(z_score):
    desk.check(exercises()["z_score"], z_score)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## What it means, and what not

    * More data can hurt a learner that is tuned badly. With the best ridge they do not.
    * So compare data only with learners that are tuned for each amount of data. Otherwise one measures how well a ridge
      happens to suit a data set. Lessons 3 and 4 always use the best ridge.
    * One z-score below 2 is **not** a proof. This project's tests compute hundreds, and look at their distribution.
    * The law is for Gaussian data, labels of a plane and squared loss. It says nothing about networks by itself;
      lesson 6 asks how far the two agree.

    **Read on:** Theorem 1 of *Improving the Scaling Laws of Synthetic Data with Deliberate Practice* (arXiv
    2502.15588), `help(rmt.error_rate)`, `docs/explorer.html` (this picture with more sliders). **Next:** lesson 3, what
    a sample is worth.
    """)
    return


@app.function(hide_code=True)
def solve_peak() -> tuple[int, float]:
    """Find the number of samples with the largest error rate, and that error rate."""
    n = np.arange(64, 8193)
    error = np.asarray(rmt.error_rate(problem(n, ridge=1e-6)))
    worst = np.argmax(error)
    return n[worst], error[worst]


@app.function(hide_code=True)
def solve_cured() -> float:
    """Compute the error rate with 512 samples and the best ridge."""
    return float(rmt.limits.optimal_ridge(problem(512)).error_rate)


@app.function(hide_code=True)
def solve_pruned_peak() -> int:
    """Find the pool size at which the error peaks when the hardest 30 % are kept."""
    n = np.arange(512, 8193)
    return n[np.argmax(rmt.error_rate(problem(n, ridge=1e-6, keep=0.3)))]


@app.function(hide_code=True)
def solve_z_score() -> float:
    """Compute the distance from the law to a simulation, in standard errors."""
    simulated = rmt.simulate(problem(1024), trials=50, rng=np.random.default_rng(0))
    law = float(rmt.error_rate(problem(1024)))
    return (simulated.mean - law) / simulated.stderr


@app.function(hide_code=True)
def exercises() -> dict[str, Exercise]:
    """Return the exercises of this lesson by name."""
    listed = (
        Exercise(
            name="peak",
            solution=solve_peak,
            rtol=0.002,
            hint="Let `n = np.arange(64, 8193)` and `error = rmt.error_rate(problem(n, ridge=1e-6))`; "
            "`np.argmax(error)` is the place of the largest one, in both arrays.",
            meaning="The peak is at n = d = 512: as many samples as dimensions, and an error rate of .481.",
            mistakes={
                "The first number is a place in the array; take `n` at that place.": lambda: (
                    solve_peak()[0] - 64,
                    solve_peak()[1],
                ),
            },
        ),
        Exercise(
            name="cured",
            solution=solve_cured,
            rtol=0.002,
            hint="`rmt.limits.optimal_ridge(problem(512))` has an attribute `error_rate`.",
            meaning="From .481 to .257, with the same 512 samples.",
            mistakes={
                "This is the best ridge; the error rate there is `.error_rate`.": lambda: (
                    rmt.limits.optimal_ridge(problem(512)).argument
                ),
                "This is the error rate at ridge .01, not at the best one.": lambda: rmt.error_rate(problem(512)),
            },
        ),
        Exercise(
            name="pruned_peak",
            solution=solve_pruned_peak,
            rtol=0.002,
            hint="As for `peak`, with `n = np.arange(512, 8193)` and `problem(n, ridge=1e-6, keep=0.3)`.",
            meaning="At 1,706, and 512 / .3 is 1,707: what counts is the number of samples that are kept.",
            mistakes={
                "This is the number of kept samples, or the peak without pruning; count the pool before pruning.": (
                    lambda: 0.3 * solve_pruned_peak()
                ),
            },
        ),
        Exercise(
            name="z_score",
            solution=solve_z_score,
            rtol=0.01,
            hint="`simulated = rmt.simulate(problem(1024), trials=50, rng=np.random.default_rng(0))` has `mean` and "
            "`stderr`; the law is `rmt.error_rate(problem(1024))`.",
            meaning="Less than one standard error: at d = 512 this simulation cannot tell the law from the truth.",
            mistakes={
                "The sign is the other way round: simulation minus law.": lambda: -solve_z_score(),
                "You divided by the scatter of single trials; the mean of 50 has a standard error sqrt(50) times "
                "smaller, `.stderr`.": lambda: solve_z_score() / np.sqrt(50),
            },
        ),
    )
    return {exercise.name: exercise for exercise in listed}


@app.function(hide_code=True)
@cache
def simulated_points(ridge: float, keep: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate eight pool sizes with 8 trials each: sizes, error rates and standard errors."""
    n = np.rint(64 * 2.0 ** np.arange(8)).astype(int)
    estimates = [rmt.simulate(problem(int(s), ridge, keep), trials=8, rng=np.random.default_rng(int(s))) for s in n]
    return n, np.array([e.mean for e in estimates]), np.array([e.stderr for e in estimates])


@app.function(hide_code=True)
def draw(ridge: float, keep: float) -> Figure:
    """Draw error rate against pool size: the law at one ridge with Monte Carlo on it, and with the best ridge."""
    figure, (ax,) = picture.canvas()
    n = np.unique(np.append(np.logspace(np.log10(64), np.log10(8192), 150), D / keep))
    best = rmt.limits.optimal_ridge(problem(n, keep=keep)).error_rate
    ax.plot(np.log10(n), best, color=style.GREY, lw=2, label="exact law, best ridge at each size")
    law = rmt.error_rate(problem(n, ridge, keep))
    ax.plot(np.log10(n), law, color=style.BLUE, label=f"exact law, ridge {ridge:.2g}")
    sizes, mean, stderr = simulated_points(ridge, keep)
    ax.errorbar(
        np.log10(sizes), mean, yerr=2 * stderr, fmt="o", ms=4, color=style.BLUE, label="Monte Carlo, +-2 stderr"
    )
    ax.axvline(np.log10(D / keep), color=style.VERMILLION, ls=":", label="as many samples kept as dimensions")
    picture.log_ticks(ax, x=(64, 128, 256, 512, 1024, 2048, 4096, 8192))
    ax.set(xlabel="samples in the pool, n", ylabel="error rate", ylim=(0, 0.52))
    ax.legend(frameon=False, loc="lower left")
    return figure


if __name__ == "__main__":
    app.run()
