"""Lesson 8: What does a published table show? (30 minutes)

Read the paper's own tables: how many times less data deliberate practice needs, at every level and with its noise.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")

with app.setup(hide_code=True):
    from functools import cache
    from pathlib import Path
    from typing import NamedTuple

    import marimo as mo
    import numpy as np
    from matplotlib.figure import Figure

    import figures.paper
    import rmt
    import scaling
    from figures.drawing import style
    from figures.paper.numbers import TABLE4
    from lessons import desk, picture
    from lessons.exercise import Exercise
    from scaling import curves

    STATIC, PRACTICE = "static", "deliberate practice"
    TABLES = {"table4": "ImageNet-100 (Table 4)", "table5": "ImageNet-1k (Table 5)"}
    REDRAWS = 4000


@app.cell(hide_code=True)
def _():
    desk.title(__file__)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Afterwards you can** take a table of a paper, put the noise back that it does not print, and say which of its
    ratios can be read and which are noise; and check a printed formula against a simulation.

    **You need** lesson 3 (multipliers) and the standard error of a share, $\sqrt{a(1-a)/m}$.

    The paper trains a vision transformer on generated images and prints accuracies on real ones: ImageNet-100 in its
    Table 4, ImageNet-1k in Table 5. Its text says that deliberate practice needs **7.5 times** fewer images on
    ImageNet-100 and **20 times** fewer on ImageNet-1k. You will read the same tables.

    `printed("table4", "static")` and `printed("table4", "deliberate practice")` are the curves: tuples
    `(size, accuracy, stderr)`, with attributes of these names. The 5,000 validation images give the standard errors.
    """)
    return


@app.class_definition
class Curve(NamedTuple):
    """A printed curve: numbers of images, accuracies, and the standard errors that its validation images give them."""

    size: np.ndarray
    accuracy: np.ndarray
    stderr: np.ndarray


@app.function
def printed(table: str, series: str) -> Curve:
    """Read a series of the paper.

    >>> printed("table4", "static").accuracy.max()
    np.float64(0.6232)
    """
    path = Path(figures.paper.__file__).with_name(f"{table}_curves.csv")
    one = next(one for one in curves.read(path) if one.name == series)
    return Curve(one.x, one.y, np.asarray(one.stderr))


@app.function
def misprinted_problem() -> rmt.Problem:
    """Pose the first problem of the errata: 3,000 rows in 350 dimensions, the hardest 30 % kept, tiny ridge."""
    return rmt.Problem(n=3000, d=350, ridge=1e-6, rule=rmt.KeepHard(0.3), rho=1.0)


@app.function
@cache
def monte_carlo() -> rmt.Estimate:
    """Simulate the problem of the errata 200 times."""
    return rmt.simulate(misprinted_problem(), trials=200, rng=np.random.default_rng(0))


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 1. The usual way to read a ratio

    Choose an accuracy, draw a horizontal line, and divide the two sizes at which it meets the curves. Between points
    one draws straight lines against log(size); a curve that goes down is replaced by its running maximum.

    **Exercise.** How many times fewer images does deliberate practice need for .600? Set `factor`. (`np.interp(level,
    y, np.log(x))`, `np.maximum.accumulate`.)
    """)
    return


@app.cell
def _():
    factor = None
    return (factor,)


@app.cell(hide_code=True)
def _(factor):
    desk.check(exercises()["factor"], factor)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. Another level

    The best accuracy of static data in the table is .6232, with 4 million images. **Predict the factor at that level.**
    """)
    return


@app.cell
def _():
    prediction_factor = None
    return (prediction_factor,)


@app.cell(hide_code=True)
def _(prediction_factor):
    _predicted = desk.predicted("prediction_factor", prediction_factor)
    desk.compare(_predicted, usual_reading("table4", 0.6232), "the factor at .6232", 2)
    return


@app.cell(hide_code=True)
def _(prediction_factor):
    desk.predicted("prediction_factor", prediction_factor)
    mo.md(r"""
    2.9 at .600, 3.5 at .619, 33 at .623: one table, one method. The paper's 7.5 compares 400,000 images with 3 million.
    What happens between .619 and .623? Static data go from 400,000 images to 4 million, and gain next to nothing.

    **Exercise.** Set `last_rise` to a pair: that gain (.6232 - .6192) and its standard error, if each accuracy is
    counted on 5,000 images. (The images are the same for both, and training has noise of its own: take it as an
    estimate.)
    """)
    return


@app.cell
def _():
    last_rise = None
    return (last_rise,)


@app.cell(hide_code=True)
def _(last_rise):
    desk.check(exercises()["last_rise"], last_rise)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 3. A world in which we know the answer

    Suppose that static data are **exactly flat** from 400,000 images on. Draw the table anew 4,000 times: the same
    curves, noise of the validation images on every number. Read each table at static's best level, as one does.
    **Predict in what share of these tables the factor is above 10.**
    """)
    return


@app.cell
def _():
    prediction_share = None
    return (prediction_share,)


@app.cell(hide_code=True)
def _(prediction_share):
    _predicted = desk.predicted("prediction_share", prediction_share)
    desk.compare(_predicted, float((redrawn() > 10).mean()), "the share of tables with a factor above 10", 2)
    return


@app.cell(hide_code=True)
def _(prediction_share):
    desk.predicted("prediction_share", prediction_share)
    _shares = [float(np.mean(mask)) for mask in (redrawn() < 5, (redrawn() > 10) & (redrawn() < 25), redrawn() >= 25)]
    mo.md(f"""
    The reading is a lottery with three prizes: about 3 ({_shares[0]:.0%} of the tables), about 16 ({_shares[1]:.0%})
    and about 33 ({_shares[2]:.0%}), according to which of the three flat points noise makes the highest. Where a
    baseline is flat, its best level is noise, and the size at which it is reached is an accident. The bias has one
    direction: the farther a flat baseline was measured, the larger the factor.

    Choose a table and move the level. Right: the usual reading, and what stands out from the noise. The shaded range
    has the levels within two standard errors of static's best. An open interval (up to the edge) says that the data do
    not bound the factor from above.
    """)
    return


@app.cell(hide_code=True)
def _(prediction_share):
    desk.predicted("prediction_share", prediction_share)
    table = mo.ui.dropdown({title: name for name, title in TABLES.items()}, value=TABLES["table4"], label="table")
    place = mo.ui.slider(0, 100, value=60, label="level, per cent of static's range")
    mo.hstack([table, place], justify="start", gap=2)
    return place, table


@app.cell(hide_code=True)
def _(place, table):
    _static = printed(table.value, STATIC)
    _practice = printed(table.value, PRACTICE)
    _low = max(_static.accuracy[0], _practice.accuracy[0])
    _level = float(_low + (_static.accuracy.max() - _low) * place.value / 100)
    _honest = readings(table.value)
    _words = f"**Level {_level:.4f}: usual reading {usual_reading(table.value, _level):.1f}.** "
    if _level <= _honest.highest:
        _at = scaling.multiplier(_static, _practice, [_level], direction="up").best
        _high = f"{_at.high:.1f}" if np.isfinite(_at.high) else "an open end"
        _words += f"Beyond the noise: {_at.factor:.1f}, 95 % interval {_at.low:.1f} to {_high}."
    else:
        _words += f"Nothing can be said above {_honest.highest:.4f}."
    mo.vstack([mo.md(_words), draw(table.value, _level)])
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. What can be said

    `scaling.multiplier(static, practice, direction="up")` reads no level above the baseline's maximum
    minus two standard errors; its attribute `highest` is that level. With a list of levels it reads those; without
    one it stops below `highest`, at a measured size. Its intervals come from curves drawn anew, as you did.

    **Exercise.** For Table 4, set `honest` to three numbers: factor, low and high at the level `highest`.
    """)
    return


@app.cell
def _():
    honest = None
    return (honest,)


@app.cell(hide_code=True)
def _(honest):
    desk.check(exercises()["honest"], honest)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    For ImageNet-1k, with ten times as many validation images, one can say 6.9 (4.2 to 17) at .452; at static's best
    measured accuracy one would read 25. Deliberate practice needs several times fewer images in both tables: that
    stands. "20 times" does not.

    ## 5. Do the numbers add up?

    A run starts with N images and adds P images k times. `TABLE4` has the lines as printed: `line.method`, and
    `line.settings` with "samples", "initial" (N), "addition" (P), "additions" (k).

    **Exercise.** One line of deliberate practice does not add up. Set `additions` to the number of additions that its
    total has.
    """)
    return


@app.cell
def _():
    additions = None
    return (additions,)


@app.cell(hide_code=True)
def _(additions):
    desk.check(exercises()["additions"], additions)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 6. Is a formula right?

    The first version of the paper (arXiv v1) prints a law for the error rate of a pruned ridge classifier. For 3,000
    rows in 350 dimensions, of which the hardest 30 % are kept (ridge $10^{-6}$, perfect pruner), it says **.0960**.
    **Predict the error rate that a simulation measures.**
    """)
    return


@app.cell
def _():
    prediction_error = None
    return (prediction_error,)


@app.cell(hide_code=True)
def _(prediction_error):
    _predicted = desk.predicted("prediction_error", prediction_error)
    desk.compare(_predicted, monte_carlo().mean, "the measured error rate")
    return


@app.cell(hide_code=True)
def _(prediction_error):
    desk.predicted("prediction_error", prediction_error)
    mo.md(r"""
    The derivation has the right mean and variance of the margin, and then takes the margin for Gaussian. It is not: the
    chance of an error is $\arccos(\text{cosine})/\pi$, exactly.

    **Exercise.** `measured = monte_carlo()` has `mean` and `stderr` of 200 simulations. Set `distances` to a pair: by
    how many standard errors the exact law, `rmt.error_rate(misprinted_problem())`, and the printed one,
    `law="gaussian_margin"`, lie above the measurement.
    """)
    return


@app.cell
def _():
    distances = None
    return (distances,)


@app.cell(hide_code=True)
def _(distances):
    desk.check(exercises()["distances"], distances)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## What it means, and what not

    * A ratio of sizes belongs to a level, and has an interval. Where the baseline is flat there is no ratio.
    * What a table does not print can often be put back: counts of images give a binomial error, which is the *least*
      there can be. Noise between training runs comes on top, so that true intervals are wider still.
    * It does **not** mean that the paper is wrong about its method: at the best levels that can be read deliberate
      practice needs several times fewer images, and its best accuracy is 6.6 points above static data of any size.
    * Formulas are checked like numbers: one case, one simulation, an error bar.

    **Before you believe a table:** How many seeds? How many test images? Is the baseline still rising where the ratio
    is read? Was it tuned as long? Do totals add up? Do other tables agree? (In Table 5 the heads of the last two
    columns look exchanged against Table 1.)

    **Read on:** `docs/law.md` (these tables through the command `law`), `help(scaling.multiplier)`, and
    `deliberate-practice errata`, which derives every misprint and measures it. **Next:** the capstone, your own data.
    """)
    return


@app.function(hide_code=True)
def needed(size: np.ndarray, accuracy: np.ndarray, level: float) -> float:
    """Read the first size that reaches a level, by a straight line in log size; NaN where no size does.

    >>> needed(np.array([10.0, 1000.0]), np.array([0.5, 0.6]), 0.55).round(1)
    np.float64(100.0)
    """
    if level > accuracy.max():
        return np.nan
    last = int(np.argmax(accuracy >= level)) + 1
    return np.exp(np.interp(level, np.maximum.accumulate(accuracy[:last]), np.log(size[:last])))


@app.function(hide_code=True)
def usual_reading(table: str, level: float) -> float:
    """Divide the size that static data need for a level by the size that deliberate practice needs."""
    static, practice = printed(table, STATIC), printed(table, PRACTICE)
    return needed(static.size, static.accuracy, level) / needed(practice.size, practice.accuracy, level)


@app.function(hide_code=True)
@cache
def redrawn() -> np.ndarray:
    """Read static's best level from tables drawn anew: static data flat at .6192 from 400,000 images on, and noise."""
    static, practice = printed("table4", STATIC), printed("table4", PRACTICE)
    flat, rng = np.minimum(static.accuracy, 0.6192), np.random.default_rng(0)
    factors = []
    for _ in range(REDRAWS):
        base, new = flat + rng.normal(0, static.stderr), practice.accuracy + rng.normal(0, practice.stderr)
        factors.append(needed(static.size, base, base.max()) / needed(practice.size, new, base.max()))
    return np.array(factors)


@app.function(hide_code=True)
def solve_factor() -> float:
    """Compute how many times fewer images deliberate practice needs for an accuracy of .600."""
    sizes = []
    for series in ("static", "deliberate practice"):
        curve = printed("table4", series)
        running_maximum = np.maximum.accumulate(curve.accuracy)
        sizes.append(np.exp(np.interp(0.600, running_maximum, np.log(curve.size))))
    return sizes[0] / sizes[1]


@app.function(hide_code=True)
def solve_last_rise() -> tuple[float, float]:
    """Compute the gain of static data from 400,000 to 4,000,000 images, and its standard error."""
    low, high, images = 0.6192, 0.6232, 5000
    return high - low, np.sqrt((low * (1 - low) + high * (1 - high)) / images)


@app.function(hide_code=True)
def solve_honest() -> tuple[float, float, float]:
    """Read the multiplier at the best level that stands out from static's noise: factor, low, high."""
    static, practice = printed("table4", "static"), printed("table4", "deliberate practice")
    highest = scaling.multiplier(static, practice, direction="up").highest
    best = scaling.multiplier(static, practice, [highest], direction="up").best
    return best.factor, best.low, best.high


@app.function(hide_code=True)
def solve_odd_line() -> float:
    """Find the line of Table 4 whose total is not N + k P, and return the additions that its total has."""
    for line in TABLE4:
        if line.method == "deliberate practice":
            row = line.settings
            additions = (row["samples"] - row["initial"]) / row["addition"]
            if additions != row["additions"]:
                return additions
    raise ValueError("every line adds up")


@app.function(hide_code=True)
def solve_distances() -> tuple[float, float]:
    """Compute how many standard errors the exact and the printed law are from the measured error rate."""
    measured = monte_carlo()
    exact = rmt.error_rate(misprinted_problem())
    first_version = rmt.error_rate(misprinted_problem(), law="gaussian_margin")
    return float((exact - measured.mean) / measured.stderr), float((first_version - measured.mean) / measured.stderr)


@app.function(hide_code=True)
def exercises() -> dict[str, Exercise]:
    """Return the exercises of this lesson by name."""
    listed = (
        Exercise(
            name="factor",
            solution=solve_factor,
            rtol=0.02,
            hint="Interpolate log(size) against the running maximum of the accuracy at .600, for both series; divide "
            "static's size by that of deliberate practice.",
            meaning="2.9 times fewer images for an accuracy of .600: 254,000 against 87,000.",
            mistakes={
                "That is the inverse: static data need more, so divide their size by the other.": lambda: (
                    1 / solve_factor()
                ),
                "You divided sizes that the table has; the level lies between two of them.": lambda: 260_000 / 96_000,
            },
        ),
        Exercise(
            name="last_rise",
            solution=solve_last_rise,
            rtol=0.02,
            hint="An accuracy a on m images has the standard error sqrt(a (1 - a)/m). Of a difference the squares add.",
            meaning="A gain of .0040 +- .0097 for ten times the data: nobody can tell it from nothing.",
            mistakes={
                "You took the error of one accuracy; the difference has both.": lambda: (
                    0.0040,
                    float(np.sqrt(0.6232 * 0.3768 / 5000)),
                ),
                "This is in per cent; give fractions.": lambda: tuple(100 * v for v in solve_last_rise()),
            },
        ),
        Exercise(
            name="honest",
            solution=solve_honest,
            rtol=0.02,
            hint="`scaling.multiplier(static, practice, [level], direction='up').best` has `factor`, "
            "`low` and `high`. The level is the attribute `highest` of a multiplier without levels.",
            meaning="At .609: 3.2 times fewer images, and with 95 % confidence 2.0 to 9.8. That can be said.",
            mistakes={
                "This is Table 5, ImageNet-1k.": lambda: readings("table5").best[1:4],
            },
        ),
        Exercise(
            name="additions",
            solution=solve_odd_line,
            rtol=1e-9,
            hint="Solve samples = initial + additions x addition for additions, on the lines whose `method` is "
            "'deliberate practice'.",
            meaning="1,794,000 = 130,000 + 26 x 64,000, though k = 27 is printed: one of the two is "
            "wrong by one addition. With 27 it is the 1.9 million of the paper's Table 1.",
            mistakes={"27 is printed; how many has the total that is printed beside it?": lambda: 27.0},
        ),
        Exercise(
            name="distances",
            solution=solve_distances,
            rtol=0.02,
            hint="(law - measured.mean) / measured.stderr, for `rmt.error_rate(problem)` and for "
            "`rmt.error_rate(problem, law='gaussian_margin')`.",
            meaning="The exact law is within one standard error, the printed one hundreds away.",
            mistakes={
                "The sign is the other way round: law minus measurement.": lambda: tuple(
                    -value for value in solve_distances()
                ),
                "First the exact law, then the printed one.": lambda: solve_distances()[::-1],
            },
        ),
    )
    return {exercise.name: exercise for exercise in listed}


@app.function(hide_code=True)
@cache
def readings(table: str) -> scaling.Multiplier:
    """Read the multiplier at 25 levels from static's first point to the best level beyond its noise."""
    static, practice = printed(table, STATIC), printed(table, PRACTICE)
    highest = scaling.multiplier(static, practice, direction="up", resamples=2).highest
    levels = np.linspace(static.accuracy[0] + 2 * static.stderr[0], highest, 25)
    return scaling.multiplier(static, practice, levels, direction="up")


@app.function(hide_code=True)
def draw(table: str, level: float) -> Figure:
    """Draw the printed curves with a level across them, and the multiplier against the level, usual and honest."""
    figure, (left, right) = picture.canvas(2)
    static, practice = printed(table, STATIC), printed(table, PRACTICE)
    for name, curve in ((STATIC, static), (PRACTICE, practice)):
        look = style.SERIES[name]
        size, bars = np.log10(curve.size), 2 * curve.stderr
        left.errorbar(size, curve.accuracy, yerr=bars, fmt=f"-{look.marker}", ms=5, color=look.colour, label=name)
        place = np.log10(needed(curve.size, curve.accuracy, level))
        left.plot([place], [level], "s", ms=9, mfc="none", color=style.BLACK)
    left.axhline(level, color=style.BLACK, linewidth=0.8, linestyle=":")
    picture.log_ticks(left, x=(5e4, 2e5, 1e6, 5e6) if table == "table4" else (2e5, 1e6, 5e6, 2e7))
    left.set(xlabel="images", ylabel="validation accuracy, +-2 binomial stderr", title=TABLES[table])
    left.legend(frameon=False, loc="lower right")
    best = static.accuracy.max()
    grid = np.linspace(max(static.accuracy[0], practice.accuracy[0]), best, 200)
    right.plot(grid, np.log10([usual_reading(table, at) for at in grid]), color=style.GREY, label="usual reading")
    honest = readings(table)
    high = np.where(np.isfinite(honest.high), honest.high, 100)
    right.fill_between(
        honest.levels, np.log10(np.maximum(honest.low, 0.5)), np.log10(high), color=style.BLUE, alpha=0.15, linewidth=0
    )
    right.plot(honest.levels, np.log10(honest.factor), color=style.BLUE, label="beyond the noise, 95 %")
    right.axvspan(honest.highest, best, color=style.VERMILLION, alpha=0.12, linewidth=0, label="static's noise")
    right.axvline(level, color=style.BLACK, linewidth=0.8, linestyle=":")
    picture.log_ticks(right, y=(0.5, 1, 2, 5, 10, 20, 50))
    right.set(xlabel="level of accuracy", title="how many times fewer images")
    right.legend(frameon=False, loc="upper left")
    return figure


if __name__ == "__main__":
    app.run()
