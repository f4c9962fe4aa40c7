"""Lesson 4: When does pruning help? (25 minutes)

Find the best fraction of hard samples to keep, what it gains, and what changes when selection goes on.
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

    RHO = np.array([1.0, 0.95, 0.8, 0.5])  # cosines between pruner and truth
    SHARES = np.array([0.42, 0.42, 0.32, 0.24, 0.18, 0.13, 0.1, 0.075, 0.056, 0.042])  # kept of each round


@app.cell(hide_code=True)
def _():
    desk.title(__file__)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Afterwards you can** say how many of a pool's samples to keep, for a given amount of data and quality of the
    pruner, and why selecting again and again does what selecting once cannot.

    **You need** lesson 2 (best ridge) and the idea of lesson 3 (hard samples).

    A pool has $n$ samples in $d$ dimensions. A pruner keeps the fraction $p$ that lies nearest to *its* plane, whose
    direction has cosine $\rho$ to the truth: $\rho = 1$ is an oracle, $\rho = 0$ knows nothing. How much should it
    keep? Two forces pull: hard samples say more each, and there are fewer of them. A third is easily forgotten: if the
    pruner is wrong, the kept samples are hard *for the pruner* and mislead the learner.

    Every learner here has the best ridge. Only $n/d$ matters, so that $d = 1$ in the code means "per dimension".
    """)
    return


@app.function
def problem(ratio: float | np.ndarray, rho: float | np.ndarray, keep: float | np.ndarray = 1.0) -> rmt.Problem:
    """Pose a pool of `ratio` samples per dimension of which the hardest fraction is kept; arrays broadcast.

    >>> problem(16.0, rho=1.0).phi
    0.0625
    """
    return rmt.Problem(n=ratio, d=1.0, ridge=0.01, rule=rmt.KeepHard(keep), rho=rho)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 1. An oracle prunes

    16 samples per dimension, and a perfect pruner. **Predict the best fraction to keep**, between 0 and 1.
    """)
    return


@app.cell
def _():
    prediction_keep = None
    return (prediction_keep,)


@app.cell(hide_code=True)
def _(prediction_keep):
    _predicted = desk.predicted("prediction_keep", prediction_keep)
    _best = rmt.limits.optimal_keep_fraction(problem(16.0, rho=1.0), best_ridge=True)
    mo.vstack(
        [
            desk.compare(_predicted, _best.argument, "best fraction to keep", 2),
            mo.md(
                "An eighth: two samples per dimension of sixteen. Everything that is far from the boundary says little "
                "that an oracle's choice does not say better."
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. Real pruners

    `rmt.limits.optimal_keep_fraction(problem, best_ridge=True)` searches the best fraction; `argument` is the fraction
    and `error_rate` the error there. `problem(16.0, rho=RHO)` poses four problems at once: `RHO` has the cosines 1,
    .95, .8 and .5.

    **Exercise.** Set `best_keep` to the four best fractions.
    """)
    return


@app.cell
def _():
    best_keep = None
    return (best_keep,)


@app.cell(hide_code=True)
def _(best_keep):
    desk.check(exercises()["best_keep"], best_keep)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Exercise.** What does that gain? Set `gain` to the four ratios: the error rate when all samples are kept, with its
    best ridge (`rmt.limits.optimal_ridge(problem(16.0, rho=RHO)).error_rate`), divided by the error rate at the best
    fraction.
    """)
    return


@app.cell
def _():
    gain = None
    return (gain,)


@app.cell(hide_code=True)
def _(gain):
    desk.check(exercises()["gain"], gain)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 3. More data, better pruning?

    With 1,024 samples per dimension instead of 16 the oracle reduces the error by a factor of 19. **Predict the factor
    for the pruner with cosine .8**; with 16 samples per dimension it was 1.12.
    """)
    return


@app.cell
def _():
    prediction_gain = None
    return (prediction_gain,)


@app.cell(hide_code=True)
def _(prediction_gain):
    _predicted = desk.predicted("prediction_gain", prediction_gain)
    ratio = mo.ui.slider(
        steps=[2.0**k for k in range(-1, 11)], value=16, label="samples per dimension", show_value=True
    )
    rho = mo.ui.slider(0.0, 1.0, step=0.01, value=0.8, label="cosine of the pruner", show_value=True)
    mo.vstack(
        [
            desk.compare(_predicted, gain_at(1024.0, 0.8), "factor at cosine .8 with 1,024 samples per dimension"),
            mo.md(
                "No more than before. A pruner that is 37 degrees off sets a limit that data do not lift; an oracle "
                "has none. Move the circle over the map: pruning pays where there are more than a few samples per "
                "dimension *and* the pruner is good."
            ),
            mo.hstack([ratio, rho], justify="start", gap=2),
        ]
    )
    return ratio, rho


@app.cell(hide_code=True)
def _(ratio, rho):
    _best = rmt.limits.optimal_keep_fraction(problem(ratio.value, rho.value), best_ridge=True)
    _gain = gain_at(ratio.value, rho.value)
    mo.vstack(
        [
            mo.md(
                f"**{ratio.value:g} samples per dimension, cosine {rho.value:.2f}: keep {100 * _best.argument:.0f} %**"
                f"; error rate {_best.error_rate:.4f}, {_gain:.2f} times lower than with all samples."
            ),
            draw(ratio.value, rho.value),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. The pruner that learns

    So everything hangs on the pruner. Where would a better one come from? From the classifier itself: train on what
    there is, select the next samples along *its* plane, train again. The pruner's cosine then rises with every round.
    This is the core of **deliberate practice**, and it has an exact learning curve:
    `rmt.practice.learning_curve(rows, ridge, additions)`, with the rows per dimension of every round, and the rule by
    which each round after the first is selected. A pool that starts with 4 rows per dimension and doubles ten times:
    """)
    return


@app.function
def doubling_pool() -> tuple[np.ndarray, np.ndarray]:
    """Return the pool sizes 4, 8, 16, ..., 4096 rows per dimension, and the rows that every round adds.

    >>> total, rows = doubling_pool()
    >>> total[:3].tolist(), rows[:3].tolist()
    ([4.0, 8.0, 16.0], [4.0, 4.0, 8.0])
    """
    total = 4 * 2.0 ** np.arange(11)
    return total, np.diff(total, prepend=0.0)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Static data, taken as they come, have an error that falls as $N^{-.50}$, so that half the error takes four times the
    data. If each round keeps, say, always the hardest 30 %, that exponent stays; only the factor before it gets
    smaller. Now let the kept band narrow as the classifier improves: 42 %, 42 %, 32 %, 24 %, ..., 4.2 % (`SHARES`).
    **Predict the exponent**, a number above .5.
    """)
    return


@app.cell
def _():
    prediction_exponent = None
    return (prediction_exponent,)


@app.cell(hide_code=True)
def _(prediction_exponent):
    _predicted = desk.predicted("prediction_exponent", prediction_exponent)
    _total, _rows = doubling_pool()
    _static = rmt.practice.learning_curve(_rows, 1e-6, rmt.practice.Plain()).error_rate
    _practice = rmt.practice.learning_curve(_rows, 1e-6, [rmt.KeepHard(p) for p in SHARES]).error_rate
    _rows_shown = zip(_total[::2], _static[::2], _practice[::2], strict=True)
    _lines = [f"| {t:,.0f} | {s:.4f} | {q:.5f} |" for t, s, q in _rows_shown]
    mo.vstack(
        [
            desk.compare(_predicted, solve_exponent(), "exponent of selection that goes on", 2),
            mo.md(
                "\n".join(
                    ["| rows per dimension | error, static | error, selection goes on |", "|---|---|---|", *_lines]
                )
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Exercise.** Compute it. `doubling_pool()` returns `total` and `rows`. Take the `error_rate` of
    `rmt.practice.learning_curve(rows, 1e-6, [rmt.KeepHard(p) for p in SHARES])`, fit a line to the logarithms of error
    and `total` at the six largest pools (`np.polyfit(x, y, 1)[0]` is its slope), and set `exponent` to minus the slope.
    """)
    return


@app.cell
def _():
    exponent = None
    return (exponent,)


@app.cell(hide_code=True)
def _(exponent):
    desk.check(exercises()["exponent"], exponent)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## What it means, and what not

    * Whether to prune is a question about two numbers, samples per dimension and the quality of the pruner. "Pruning
      helps" and "pruning hurts" are both true, at different places of one map.
    * Compare at the best ridge. At a fixed ridge of .01 the oracle seems to want half of the pool instead of an eighth.
    * One selection changes the factor before the power law. Selection that goes on changes the exponent, per row
      *trained on*. It does **not** do so for free: per *candidate* the exponent is .60 (figure `law_of_practice`),
      since narrow bands reject most candidates. A generator that is steered makes hard samples without rejecting.
    * Lesson 1 warns: .85 is a slope between 128 and 4,096 rows per dimension, of this schedule, not a law of nature.

    **Read on:** `docs/theory_of_practice.md`, the figures `phase` and `law_of_practice`
    (`python paper_repro.py phase law_of_practice`), `help(rmt.practice.learning_curve)`. **Next:** lesson 5, practice
    step by step with images.
    """)
    return


@app.function(hide_code=True)
def gain_at(ratio: float, rho: float) -> float:
    """Compute the error of keeping all, divided by that at the best fraction, both with the best ridge."""
    pruned = rmt.limits.optimal_keep_fraction(problem(ratio, rho), best_ridge=True)
    return float(rmt.limits.optimal_ridge(problem(ratio, rho)).error_rate) / float(pruned.error_rate)


@app.function(hide_code=True)
def solve_best_keep() -> tuple[float, ...]:
    """Find the best fractions to keep for the four pruners."""
    best = rmt.limits.optimal_keep_fraction(problem(16.0, rho=RHO), best_ridge=True)
    return tuple(np.asarray(best.argument))


@app.function(hide_code=True)
def solve_gain() -> tuple[float, ...]:
    """Compute how many times more errors there are when all samples are kept."""
    best = rmt.limits.optimal_keep_fraction(problem(16.0, rho=RHO), best_ridge=True)
    everything = rmt.limits.optimal_ridge(problem(16.0, rho=RHO))
    return tuple(np.asarray(everything.error_rate) / np.asarray(best.error_rate))


@app.function(hide_code=True)
def solve_exponent() -> float:
    """Fit the exponent of selection that goes on, at the six largest pools."""
    total, rows = doubling_pool()
    error = rmt.practice.learning_curve(rows, 1e-6, [rmt.KeepHard(p) for p in SHARES]).error_rate
    return float(-np.polyfit(np.log(total[-6:]), np.log(error[-6:]), 1)[0])


@app.function(hide_code=True)
def slope_of(rule: rmt.Rule) -> float:
    """Fit the exponent where all rounds have the same rule, at the six largest pools."""
    total, rows = doubling_pool()
    error = rmt.practice.learning_curve(rows, 1e-6, rule).error_rate
    return float(-np.polyfit(np.log(total[-6:]), np.log(error[-6:]), 1)[0])


@app.function(hide_code=True)
def exercises() -> dict[str, Exercise]:
    """Return the exercises of this lesson by name."""
    listed = (
        Exercise(
            name="best_keep",
            solution=solve_best_keep,
            rtol=0.01,
            hint="`rmt.limits.optimal_keep_fraction(problem(16.0, rho=RHO), best_ridge=True).argument`",
            meaning="Keep .12, .45, .75 and .97: the worse the pruner, the less it should be trusted.",
            mistakes={
                "These are the best fractions at the fixed ridge .01; pass `best_ridge=True`.": lambda: (
                    rmt.limits.optimal_keep_fraction(problem(16.0, rho=RHO)).argument
                ),
                "These are the error rates; the fractions are in `.argument`.": lambda: (
                    rmt.limits.optimal_keep_fraction(problem(16.0, rho=RHO), best_ridge=True).error_rate
                ),
            },
        ),
        Exercise(
            name="gain",
            solution=solve_gain,
            rtol=0.01,
            hint="Divide `rmt.limits.optimal_ridge(problem(16.0, rho=RHO)).error_rate` by the `error_rate` of the best "
            "fractions.",
            meaning="3.67, 1.50, 1.12 and 1.01: an oracle gains much, and a pruner with cosine .8 hardly anything.",
            mistakes={
                "The ratio is upside down: divide the error of all samples by that of the best fraction.": lambda: (
                    tuple(1 / np.array(solve_gain()))
                ),
            },
        ),
        Exercise(
            name="exponent",
            solution=solve_exponent,
            rtol=0.01,
            hint="`np.polyfit(np.log(total[-6:]), np.log(error[-6:]), 1)[0]` is minus the exponent.",
            meaning="About .85: half the error now takes 2.3 times the data instead of four times.",
            mistakes={
                "An error that falls has a negative slope; the exponent is minus the slope.": lambda: -solve_exponent(),
                "This is the exponent of static data, or of a fraction that never changes.": lambda: slope_of(
                    rmt.KeepHard(0.3)
                ),
            },
        ),
    )
    return {exercise.name: exercise for exercise in listed}


@app.function(hide_code=True)
@cache
def phase_map() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute gains over pool size and pruner: ratios (33,), angles of the pruner in degrees (25,), gains (25, 33)."""
    ratio, angle = np.logspace(-0.5, 10.2, 33, base=2), 90 * np.linspace(0, 1, 25) ** 1.5
    rho = np.cos(np.radians(angle))[:, None]
    errors = [
        np.asarray(rmt.limits.optimal_ridge(problem(ratio, rho, keep)).error_rate) for keep in np.logspace(-2.5, 0, 21)
    ]
    return ratio, angle, errors[-1] / np.min(errors, axis=0)


@app.function(hide_code=True)
def draw(ratio: float, rho: float) -> Figure:
    """Draw the map of the gain over pool size and pruner, with the chosen point."""
    figure, (ax,) = picture.canvas()
    ratios, angles, gains = phase_map()
    levels = (1.0, 1.05, 1.1, 1.3, 2.0, 5.0, 30.0)
    shades = ("#FFFFFF", "#DCEAF5", "#B5D3E9", "#7FB2D6", "#3F87BA", "#12517F")
    ax.contourf(np.log10(ratios), angles, gains, levels=levels, colors=shades)
    lines = ax.contour(np.log10(ratios), angles, gains, levels=levels[1:-1], colors=style.BLACK, linewidths=0.7)
    ax.clabel(lines, fmt=lambda value: f"{value:g} times", fontsize=8)
    ax.plot(
        np.log10(ratio),
        np.degrees(np.arccos(rho)),
        "o",
        ms=11,
        mfc="none",
        mec=style.VERMILLION,
        mew=2.5,
        clip_on=False,
    )
    cosines = (1.0, 0.95, 0.9, 0.8, 0.65, 0.5, 0.25, 0.0)
    ax.set_yticks(np.degrees(np.arccos(cosines)), [f"{c:g}" for c in cosines])
    ax.set_ylim(90, 0)
    picture.log_ticks(ax, x=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024))
    ax.set(xlabel="samples per dimension, n/d", ylabel="cosine between pruner and truth (axis of the angle)")
    ax.set_title("error of keeping all / error with the best fraction", fontsize=10)
    return figure


if __name__ == "__main__":
    app.run()
