"""Lesson 6: Do theory and practice agree? (30 minutes)

Set measurements beside a law that has no free parameter, count standard errors, and find where the law ends.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")

with app.setup(hide_code=True):
    import itertools
    import math
    from functools import cache

    import marimo as mo
    import numpy as np
    from matplotlib.figure import Figure

    import rmt
    from figures.drawing import style
    from lessons import desk, picture, tables
    from lessons.exercise import Exercise
    from rmt.generalization import Law

    D = 128  # dimension of the linear world
    RIDGE = 0.01
    STEPS = 100  # of the sampler
    OMEGAS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    TOLERANCE = 1e-3  # of guided rows: 2e-5 of accuracy, a tenth of the smallest standard error
    TRIALS = 100
    FRACTIONS = {1.0: "keep all"} | {p: f"keep hardest {100 * p:g} %" for p in (0.8, 0.5, 0.25, 0.1)}


@app.cell(hide_code=True)
def _():
    desk.title(__file__)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Afterwards you can** test a law that has no free parameter, say what disagreement your test could have seen, and
    tell a wrong law from a right one that is used beyond its range.

    **You need** lessons 2 and 4, and what a standard error is.

    A law that is fitted to the data agrees with them because it was fitted. Here nothing is fitted: dimension, ridge,
    keep fraction and sizes go in, an accuracy comes out. Measured minus predicted, divided by the standard error of the
    measurement, is a **z-score**. If the law is right, z-scores look like normal numbers: mean 0, spread 1.

    ## 1. Forty points

    Figure 3 of the project has 40 simulated points: d = 512, five keep fractions, 8 to 32 seeds each. They are dense
    simulations: random matrices, least squares, test error. **Predict the sum of their 40 squared z-scores, if the law
    is right.**
    """)
    return


@app.function
def average(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means over seeds (the first axis) and their standard errors; missing values (NaN) are left out."""
    count = np.sum(np.isfinite(values), axis=0)
    return np.nanmean(values, axis=0), np.nanstd(values, axis=0, ddof=1) / np.sqrt(count)


@app.function
def fig3_points(law: Law = "arccos") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return measured accuracies of fig3's 40 points, their standard errors, and the law's accuracies."""
    columns = []
    for keep, name in FRACTIONS.items():
        pool, seeds = tables.measured("fig3", "pool", name)
        columns.append((*average(seeds), fig3_law(keep, pool, law)))
    measured, stderr, exact = np.concatenate(columns, axis=1)
    return measured, stderr, exact


@app.function
@cache
def precise(d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate 48 points at dimension d, 100 times each: error rates, standard errors, and the law's error rates."""
    rng, points = np.random.default_rng(0), []
    rules: tuple[rmt.Rule, ...] = (rmt.KeepAll(), rmt.KeepHard(0.5), rmt.KeepHard(0.2))
    for ratio, rule, rho, ridge in itertools.product((2, 4, 8, 16), rules, (1.0, 0.8), (0.01, 1.0)):
        problem = rmt.Problem(n=ratio * d, d=d, ridge=ridge, rule=rule, rho=rho)
        estimate = rmt.simulate(problem, trials=TRIALS, rng=rng)
        points.append((estimate.mean, estimate.stderr, rmt.error_rate(problem)))
    measured, stderr, exact = np.array(points).T
    return measured, stderr, exact


@app.function
def plain_limit(rows: float) -> float:
    """Compute the accuracy of a classifier of plain rows, so many per dimension, in the limit of large d."""
    return float(rmt.practice.learning_curve((rows,), RIDGE, [], first=rmt.practice.Plain(STEPS)).accuracy[0])


@app.cell
def _():
    prediction_sum = None
    return (prediction_sum,)


@app.cell(hide_code=True)
def _(prediction_sum):
    _predicted = desk.predicted("prediction_sum", prediction_sum)
    desk.compare(_predicted, solve_chi2()[0], "the sum of squares", 3)
    return


@app.cell(hide_code=True)
def _(prediction_sum):
    desk.predicted("prediction_sum", prediction_sum)
    mo.md(r"""
    A squared z-score is 1 on average, so 40 points give about 40, give or take $\sqrt{2 \cdot 40} \approx 9$. (With 8
    seeds the standard errors are themselves uncertain, and the sum scatters a little more.)

    **Exercise.** `measured, stderr, exact = fig3_points()` are the 40 accuracies, their standard errors and the exact
    law; `fig3_points("gaussian_margin")` has the law of the paper's first version in their place. Set `chi2` to a pair:
    the sum of squares by the exact law, and by the printed one.
    """)
    return


@app.cell
def _():
    chi2 = None
    return (chi2,)


@app.cell(hide_code=True)
def _(chi2):
    desk.check(exercises()["chi2"], chi2)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. What could we have seen?

    That the exact law passes means that its error is below the standard errors, about .0005 to .005. What if we look
    closer? `precise(d)` returns 48 points (four sizes, three rules, two pruners, two ridges), 100 simulations each, as
    `(measured, stderr, exact)`, now error rates. **Predict the sum of 48 squared z-scores at d = 64.**
    """)
    return


@app.cell
def _():
    prediction_close = None
    return (prediction_close,)


@app.cell(hide_code=True)
def _(prediction_close):
    _predicted = desk.predicted("prediction_close", prediction_close)
    _measured, _stderr, _exact = precise(64)
    desk.compare(_predicted, float(np.sum(((_measured - _exact) / _stderr) ** 2)), "the sum of squares at d = 64", 3)
    return


@app.cell(hide_code=True)
def _(prediction_close):
    desk.predicted("prediction_close", prediction_close)
    mo.md(r"""
    That is too much, by six times its spread $\sqrt{96}$: at d = 64 the law is wrong. Is the *theory* wrong? It claims
    to be exact for d to infinity. A finite dimension should add a gap that falls as 1/d.

    **Exercise.** Set `gaps` to a pair: the mean over the points of measured minus exact, **times d**, for d = 64 and
    for d = 256.
    """)
    return


@app.cell
def _():
    gaps = None
    return (gaps,)


@app.cell(hide_code=True)
def _(gaps):
    desk.check(exercises()["gaps"], gaps)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    A wrong law would have a gap that stays. This one goes away as it should: at d = 512 it is .0002. "Theory and
    experiment agree" is never the whole sentence; it continues "within ...".

    ## 3. Deliberate practice

    Now the loop itself, in the linear world: d = 128, ridge .01, 256 samples at first, 256 guided ones in each
    addition, omega = .01, a DDIM sampler with 100 steps and the exact score. The runs are the project's own training
    loop (figure 4, 16 seeds); `rmt.practice.learning_curve` knows nothing of them. It wants rows per dimension, 2 in
    each round, and the strength as `kappa` = omega sqrt(d):

    ```python
    guided = rmt.practice.Guided(kappa, steps=100, tolerance=1e-3)
    rmt.practice.learning_curve((2,) * 8, ridge=0.01, additions=guided, first=rmt.practice.Plain(100)).accuracy
    ```

    **Exercise.** Set `foretold` to three accuracies: with 512, 1,024 and 2,048 samples (after 1, 3, 7 additions).
    """)
    return


@app.cell
def _():
    foretold = None
    return (foretold,)


@app.cell(hide_code=True)
def _(foretold):
    desk.check(exercises()["foretold"], foretold)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    The standard errors of the runs are .0018, .0008 and .0005. **Predict the root mean square of the three z-scores.**
    """)
    return


@app.cell
def _():
    prediction_rms = None
    return (prediction_rms,)


@app.cell(hide_code=True)
def _(prediction_rms):
    _predicted = desk.predicted("prediction_rms", prediction_rms)
    desk.compare(_predicted, float(np.sqrt(np.mean(practice_z() ** 2))), "the root mean square of z", 2)
    return


@app.cell(hide_code=True)
def _(prediction_rms):
    desk.predicted("prediction_rms", prediction_rms)
    _scores = ", ".join(f"{z:+.1f}" for z in practice_z())
    mo.md(f"""
    The z-scores are {_scores}: a theory of a growing pool, checked against the real loop to a few parts in ten
    thousand. But mind that these are not three independent tests. The larger pools contain the smaller ones, and a
    lucky seed stays lucky: a sum of squares of such points has no simple distribution.

    ## 4. Where it ends

    The limit keeps kappa = omega sqrt(d) fixed while d grows, so that omega itself goes to 0. With 128 dimensions that
    is only nearly so. Figure 5 has one addition at omega = .002 to .2. Up to omega = .05 all z-scores through the
    denoiser are below 1. **Predict the z-score at omega = .1.**
    """)
    return


@app.cell
def _():
    prediction_strong = None
    return (prediction_strong,)


@app.cell(hide_code=True)
def _(prediction_strong):
    _predicted = desk.predicted("prediction_strong", prediction_strong)
    desk.compare(_predicted, strength_z(0.1, "denoiser"), "z at omega = .1", 2)
    return


@app.cell(hide_code=True)
def _(prediction_strong):
    desk.predicted("prediction_strong", prediction_strong)
    dimension = mo.ui.slider(
        steps=[64, 128, 256, 512], value=64, label="left: dimension d (a new one takes 1 to 3 seconds)", show_value=True
    )
    guidance = mo.ui.dropdown(["x0", "denoiser"], value="denoiser", label="right: guidance through")
    mo.hstack([dimension, guidance], justify="start", gap=2)
    return dimension, guidance


@app.cell(hide_code=True)
def _(dimension, guidance):
    _measured, _stderr, _exact = precise(dimension.value)
    _sum = np.sum(((_measured - _exact) / _stderr) ** 2)
    _scores = ", ".join(f"{strength_z(omega, guidance.value):+.1f}" for omega in OMEGAS)
    mo.vstack(
        [
            mo.md(
                f"**Left: sum of squares {_sum:.1f} on 48 points at d = {dimension.value}.** "
                f"Right: z-scores at omega = {', '.join(map(str, OMEGAS))}: {_scores}."
            ),
            draw(dimension.value, guidance.value),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    At omega = .2 a hundred steps of length .2 |x| have changed |x| itself, which the limit neglects. Steps in *random*
    directions show it most clearly: in the limit they do nothing, so that the accuracy after the addition should be
    that of 4 d plain rows, `plain_limit(4)`.

    **Exercise.** `omega, seeds = tables.measured("fig5", "b linear", "random direction")`: strengths, and accuracies by
    seed and strength. Set `random_gap` to a pair at omega = .2: mean accuracy minus the limit, and the standard error.
    """)
    return


@app.cell
def _():
    random_gap = None
    return (random_gap,)


@app.cell(hide_code=True)
def _(random_gap):
    desk.check(exercises()["random_gap"], random_gap)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## What it means, and what not

    * A law without free parameters can fail, and that is its worth: the printed one failed by 150 standard errors a
      point.
    * Agreement has a resolution. State it: here .0005 at d = 512, and then a gap of -.1/d that theory expects.
    * A limit has a range. Inside it the theory foretells the real loop; through the denoiser at omega = .1 and beyond,
      in 128 dimensions, it does not, and by how much can only be measured.
    * It does **not** say that the theory holds for networks or for images. Gaussian data, squared loss and a linear
      classifier went in. Lesson 5 was the digits; there the theory is a guide to questions, not to numbers.

    **Read on:** `docs/theory_of_practice.md` (the derivation, and 324 such z-scores), `docs/real_data.md` (a law for
    your own features), `python paper_repro.py fig5`. **Next:** lesson 7, what it cost.
    """)
    return


@app.function(hide_code=True)
def fig3_law(keep: float, pool: np.ndarray, law: Law = "arccos") -> np.ndarray:
    """Compute fig3's accuracies: d = 512, rho = .95, the best ridge per kept row of a list, chosen at each size.

    >>> fig3_law(1.0, np.array([1024.0])).round(4)
    array([0.8139])
    """
    ridge = keep * np.logspace(-6, 1, 57)[:, None]
    rule = rmt.KeepHard(keep)
    errors = rmt.error_rate(rmt.Problem(n=pool, d=512, ridge=ridge, rule=rule, rho=0.95))
    best = ridge[np.argmin(errors, axis=0), 0]
    return 1 - np.asarray(rmt.error_rate(rmt.Problem(n=pool, d=512, ridge=best, rule=rule, rho=0.95), law=law))


@app.function(hide_code=True)
@cache
def practice_law(omega: float, additions: int, through: str = "x0") -> np.ndarray:
    """Compute the accuracy of each fit of deliberate practice with rounds of 2 d rows, in the limit of large d."""
    guided = rmt.practice.Guided(omega * math.sqrt(D), STEPS, through, tolerance=TOLERANCE)
    rows = (2,) * (additions + 1)
    return rmt.practice.learning_curve(rows, RIDGE, guided, first=rmt.practice.Plain(STEPS)).accuracy


@app.function(hide_code=True)
def solve_chi2() -> tuple[float, float]:
    """Compute the sum of squared z-scores of fig3's points, for the exact law and for the printed one."""
    measured, stderr, exact = fig3_points()
    printed = fig3_points("gaussian_margin")[2]
    return float(np.sum(((measured - exact) / stderr) ** 2)), float(np.sum(((measured - printed) / stderr) ** 2))


@app.function(hide_code=True)
def solve_gaps() -> tuple[float, float]:
    """Compute the mean of (measured - law) at d = 64 and at d = 256, times d."""
    gaps = []
    for d in (64, 256):
        measured, _, exact = precise(d)
        gaps.append(float(np.mean(measured - exact)) * d)
    return gaps[0], gaps[1]


@app.function(hide_code=True)
@cache
def solve_foretold() -> tuple[float, ...]:
    """Compute the accuracies of deliberate practice after 1, 3 and 7 additions, in the limit of large d."""
    kappa = 0.01 * np.sqrt(128)
    guided = rmt.practice.Guided(kappa, steps=100, tolerance=1e-3)
    curve = rmt.practice.learning_curve((2,) * 8, ridge=0.01, additions=guided, first=rmt.practice.Plain(100))
    return tuple(float(curve.accuracy[fit]) for fit in (1, 3, 7))


@app.function(hide_code=True)
def practice_z() -> np.ndarray:
    """Compute the z-scores of deliberate practice with 512, 1,024 and 2,048 samples."""
    samples, seeds = tables.measured("fig4", "linear", "deliberate practice")
    mean, stderr = average(seeds[:, samples <= 2048])
    return (mean - solve_foretold()) / stderr


@app.function(hide_code=True)
def strength_z(omega: float, through: str) -> float:
    """Compute the z-score of one addition at a guidance strength."""
    omegas, seeds = tables.measured("fig5", "b linear", f"through {through}")
    mean, stderr = average(seeds[:, omegas == omega])
    return float((mean[0] - practice_law(omega, 1, through)[1]) / stderr[0])


@app.function(hide_code=True)
def solve_random_gap() -> tuple[float, float]:
    """Compute accuracy minus limit of random directions at omega = .2, and its standard error."""
    omega, seeds = tables.measured("fig5", "b linear", "random direction")
    mean, stderr = average(seeds)
    return float(mean[omega == 0.2][0] - plain_limit(4)), float(stderr[omega == 0.2][0])


@app.function(hide_code=True)
def exercises() -> dict[str, Exercise]:
    """Return the exercises of this lesson by name."""
    listed = (
        Exercise(
            name="chi2",
            solution=solve_chi2,
            rtol=0.01,
            hint="`measured, stderr, exact = fig3_points()`; z = (measured - exact) / stderr; sum z^2 over the 40 "
            "points. Then the same with the law that `fig3_points('gaussian_margin')` returns.",
            meaning="34.8 on 40 points: the exact law passes. 920,000: the printed law fails, with nothing to discuss.",
            mistakes={
                "These are means over the points; add the squares up.": lambda: tuple(v / 40 for v in solve_chi2()),
                "First the exact law, then the printed one.": lambda: solve_chi2()[::-1],
            },
        ),
        Exercise(
            name="gaps",
            solution=solve_gaps,
            rtol=0.02,
            hint="`measured, stderr, exact = precise(64)`; take the mean of measured - exact over the points, times "
            "64. Then the same with 256.",
            meaning="-.099 and -.109: the gap is about -.1/d at both. It comes from the finite dimension.",
            mistakes={
                "Multiply each gap by its dimension: what is left if a gap falls as 1/d?": lambda: tuple(
                    gap / d for gap, d in zip(solve_gaps(), (64, 256), strict=True)
                ),
                "The sign: measured minus law.": lambda: tuple(-gap for gap in solve_gaps()),
            },
        ),
        Exercise(
            name="foretold",
            solution=solve_foretold,
            rtol=3e-4,
            hint="`rmt.practice.learning_curve((2,) * 8, ridge=0.01, additions=guided, first=rmt.practice.Plain(100))` "
            "has `accuracy`, one number a fit; fit 0 has seen the first round alone.",
            meaning=".8975, .9513, .9756: from dimension, ridge, sizes and omega alone.",
            mistakes={
                "kappa is omega times sqrt(128), not omega: a step of length omega |x| and |x| = sqrt(d).": lambda: (
                    tuple(float(v) for v in practice_law(0.01 / math.sqrt(D), 7)[[1, 3, 7]])
                ),
                "These are fits 0, 2 and 6; 512 samples are seen by fit 1.": lambda: tuple(
                    float(v) for v in practice_law(0.01, 7)[[0, 2, 6]]
                ),
            },
        ),
        Exercise(
            name="random_gap",
            solution=solve_random_gap,
            rtol=0.01,
            hint="`tables.measured('fig5', 'b linear', 'random direction')` returns omegas and seeds; average the "
            "seeds at omega = .2 and subtract the limit, the accuracy of 4 d plain rows.",
            meaning="-.071 +- .004, twenty standard errors: at omega = .2 and d = 128 the limit is no guide.",
            mistakes={
                "You compared with 2 d rows; after the addition the pool has 4 d.": lambda: (
                    solve_random_gap()[0] + plain_limit(4) - plain_limit(2),
                    solve_random_gap()[1],
                ),
            },
        ),
    )
    return {exercise.name: exercise for exercise in listed}


@app.function(hide_code=True)
def draw(d: int, through: str) -> Figure:
    """Draw the z-scores of the 48 points at dimension d, and accuracy against omega: 16 seeds and the limit."""
    figure, (left, right) = picture.canvas(2)
    measured, stderr, exact = precise(d)
    z = (measured - exact) / stderr
    edges = np.arange(-7.5, 8).tolist()
    left.hist(np.clip(z, -7, 7), edges, color=style.BLUE, alpha=0.6, label=f"48 points, d = {d}")
    at = np.linspace(-7, 7, 200)
    left.plot(at, len(z) * np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi), color=style.BLACK, label="if the law is exact")
    left.axvline(z.mean(), color=style.VERMILLION, linestyle="--", label=f"mean {z.mean():.2f}")
    left.set(xlabel="z = (measured - law) / standard error", ylabel="points", xlim=(-7, 7), ylim=(0, 24))
    left.legend(frameon=False, loc="upper right")
    law = [practice_law(omega, 1, through)[1] for omega in OMEGAS]
    right.plot(np.log10(OMEGAS), law, color=style.BLACK, label="limit of large d")
    right.axhline(plain_limit(4), color=style.BLACK, linewidth=0.8, linestyle=":", label="limit of random directions")
    for series in (f"through {through}", "random direction"):
        omega, seeds = tables.measured("fig5", "b linear", series)
        mean, error = average(seeds[:, omega > 0])
        look = style.SERIES[series]
        right.errorbar(
            np.log10(omega[omega > 0]), mean, yerr=2 * error, fmt=look.marker, ms=5, color=look.colour, label=series
        )
    picture.log_ticks(right, x=(0.0015, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25))
    right.set(xlabel="guidance strength omega", ylabel="accuracy, 16 seeds, +-2 stderr", ylim=(0.74, 0.92))
    right.legend(frameon=False, loc="lower left")
    return figure


if __name__ == "__main__":
    app.run()
