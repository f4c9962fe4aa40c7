"""Lesson 7: What did it cost? (25 minutes)

Compare ways to improve a training set by accuracy for what they spend: images, sampling work, seconds.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")

with app.setup(hide_code=True):
    from collections.abc import Sequence
    from typing import NamedTuple

    import marimo as mo
    import numpy as np
    from matplotlib.figure import Figure

    import scaling
    from figures.drawing import style
    from lessons import desk, picture, tables
    from lessons.exercise import Exercise

    INITIAL = 256  # samples of the first pool, and of an addition
    PRUNE, ADD, GUIDE = "oversample-then-prune", "random baseline", "DP through x0"
    LABELS = {
        PRUNE: "generate r times as many, keep the hardest",
        ADD: "generate r times as many, keep all",
        GUIDE: "generate hard ones (guided)",
    }
    SHORT = {PRUNE: "keep the hardest", ADD: "keep all", GUIDE: "guided"}
    AXES = {"trained": "samples trained on", "generated": "samples generated", "work": "sampling work"}


@app.cell(hide_code=True)
def _():
    desk.title(__file__)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Afterwards you can** say on which axis one method is cheaper than another, draw a Pareto front with its noise, and
    compute at which price the ranking changes.

    **You need** lessons 3 and 5.

    A learner has 256 samples. You may make its data better in three ways: generate r times as many and **keep the
    hardest 256**, generate r times as many and **keep all**, or **guide** the generator to 256 hard ones. Which is
    cheapest? `methods(world)` has figure 5 of the project, in the "linear" world (16 seeds) and on "digits" (8 seeds):
    a list of methods with `series`, `ratio` (r), `accuracy` (one number a seed), and three costs: `trained` (samples
    in the pool), `generated` (samples made), `work` (operations of the sampler; 1 is 256 plain samples).
    """)
    return


@app.class_definition
class Method(NamedTuple):
    """A way to add data once: its accuracy by seed, and what it spends.

    trained: samples in the pool. generated: samples made for the addition. work: operations of the sampler for the
    addition, per `INITIAL` plain samples.
    """

    series: str
    ratio: int
    accuracy: np.ndarray
    trained: int
    generated: int
    work: float


@app.function
def methods(world: str, guided_work: float | None = None) -> list[Method]:
    """List the methods of figure 5 in the "linear" or the "digits" world.

    guided_work: another price of a guided sample, in plain ones, than the measured one.

    >>> [(one.ratio, one.generated, round(one.accuracy.mean(), 3)) for one in methods("digits")][-2:]
    [(16, 4096, np.float64(0.939)), (1, 256, np.float64(0.954))]
    """
    listed = []
    for series in (PRUNE, ADD, GUIDE):
        work, seeds = tables.measured("fig5", f"d {world}", series)
        for price, accuracy in zip(work, seeds.T, strict=True):
            guided = series == GUIDE
            ratio = 1 if guided else round(price)
            added = INITIAL * (ratio if series == ADD else 1)
            paid = guided_work if guided and guided_work else float(price)
            listed.append(Method(series, ratio, accuracy, INITIAL + added, INITIAL * ratio, paid))
    return listed


@app.function
def find(world: str, series: str, ratio: int = 1) -> Method:
    """Find a method by its series and its oversampling ratio."""
    return next(one for one in methods(world) if (one.series, one.ratio) == (series, ratio))


@app.function
def curve(points: Sequence[Method]) -> tuple[list[float], list[float], list[float], int]:
    """Return sampling work, mean accuracies, standard errors and the number of seeds, for `scaling.multiplier`."""
    seeds = len(points[0].accuracy)
    errors = [float(one.accuracy.std(ddof=1) / np.sqrt(seeds)) for one in points]
    return [one.work for one in points], [float(one.accuracy.mean()) for one in points], errors, seeds


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 1. The price of a guided sample

    A plain sample of the digits takes 15 denoising steps, each with two passes of the network (with and without the
    class). Guidance through the denoiser also takes the gradient of the classifier's entropy with respect to the noisy
    image, back through both passes. **Predict what a guided sample costs, in operations of a plain one.**
    """)
    return


@app.cell
def _():
    prediction_price = None
    return (prediction_price,)


@app.cell(hide_code=True)
def _(prediction_price):
    _predicted = desk.predicted("prediction_price", prediction_price)
    _price = tables.measured("fig5", "d digits", "DP through denoiser")[0][0]
    desk.compare(_predicted, float(_price), "a sample guided through the denoiser, in plain ones", 3)
    return


@app.cell(hide_code=True)
def _(prediction_price):
    desk.predicted("prediction_price", prediction_price)
    mo.md(r"""
    A gradient with respect to the *input* costs as much as the forward pass (training would need the weights' gradient,
    too, and cost twice that). If one holds the noise estimate constant and differentiates the estimate of the clean
    image alone (*through x0*), no network but the small classifier is involved: 1.06. In figure 5 the cheap gradient is
    no worse than the dear one (.954 +- .005 and .944 +- .003), and it is the default.

    Operations are not seconds. The digits recipe states what one core makes in a second: **250** plain images, **220**
    guided through x0, **120** guided through the denoiser.

    **Exercise.** Set `seconds` to a pair: what a guided image takes in seconds of a plain one, through x0, then through
    the denoiser.
    """)
    return


@app.cell
def _():
    seconds = None
    return (seconds,)


@app.cell(hide_code=True)
def _(seconds):
    desk.check(exercises()["seconds"], seconds)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. The linear world

    There the score is a formula, as cheap as the classifier, and a guided sample costs 2 plain ones. Guided samples
    take the error rate from 12.7 % to 10.4 %. **Predict the error rate, in per cent, if the same work goes into twice
    as many plain samples, all of them kept.**
    """)
    return


@app.cell
def _():
    prediction_plain = None
    return (prediction_plain,)


@app.cell(hide_code=True)
def _(prediction_plain):
    _predicted = desk.predicted("prediction_plain", prediction_plain)
    desk.compare(_predicted, error_rate("linear", 2), "errors with twice as many, in per cent", 3)
    return


@app.cell(hide_code=True)
def _(prediction_plain):
    desk.predicted("prediction_plain", prediction_plain)
    mo.md(r"""
    A method is on the **Pareto front** if no other is both cheaper (or as cheap) and more accurate.

    **Exercise.** Write the front of `methods("linear")`: cost `work`, accuracy `accuracy.mean()`. Set `front` to the
    indices on it, in order of cost, as a tuple. (Ten lines will do.)
    """)
    return


@app.cell
def _():
    front = None
    return (front,)


@app.cell(hide_code=True)
def _(front):
    desk.check(exercises()["front"], front)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    A front of points forgets that the points have noise.

    **Exercise.** `find("linear", "DP through x0")` and `find("linear", "random baseline", 2)` are guided samples and
    twice as many plain ones; seed s of both started from the same pool. Set `difference` to a pair: guided minus plain,
    and its standard error.
    """)
    return


@app.cell
def _():
    difference = None
    return (difference,)


@app.cell(hide_code=True)
def _(difference):
    desk.check(exercises()["difference"], difference)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 3. Digits

    Now images, made by a diffusion model that costs more than the classifier. Guided: 4.6 % errors, with 512 images in
    all. **Predict the errors, in per cent, with 4,096 plain images added instead of 256.**
    """)
    return


@app.cell
def _():
    prediction_digits = None
    return (prediction_digits,)


@app.cell(hide_code=True)
def _(prediction_digits):
    _predicted = desk.predicted("prediction_digits", prediction_digits)
    desk.compare(_predicted, error_rate("digits", 16), "errors with 4,096 plain ones, in per cent", 3)
    return


@app.cell(hide_code=True)
def _(prediction_digits):
    desk.predicted("prediction_digits", prediction_digits)
    mo.md(r"""
    On digits guidance wins on every axis, and by more than noise. How dear might a guided sample become before
    oversampling is the cheaper way?

    **Exercise.** `pruned = [one for one in methods("digits") if one.series == "oversample-then-prune"]`, and
    `curve(pruned)` is (work, accuracy, standard error, seeds), as `scaling.multiplier` wants it. Set `saved` to a pair:
    how many times the work of guided samples oversampling needs for the best level that can be read, and the lower end
    of the 95 % interval.
    """)
    return


@app.cell
def _():
    saved = None
    return (saved,)


@app.cell(hide_code=True)
def _(saved):
    desk.check(exercises()["saved"], saved)
    return


@app.cell(hide_code=True)
def _(prediction_digits):
    desk.predicted("prediction_digits", prediction_digits)
    world = mo.ui.dropdown(["digits", "linear"], value="digits", label="world")
    price = mo.ui.slider(
        steps=[1.06, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0],
        value=1.06,
        label="work of a guided sample (measured: 1.06 on digits, 2 in the linear world)",
        show_value=True,
    )
    mo.vstack(
        [
            mo.md(
                "So below 2.8 plain samples (2.6 x 1.06) guidance is surely the cheaper way to .937, and above 4.9 it "
                "is not known to be. Move the price. The grey line is the Pareto front."
            ),
            mo.hstack([world, price], justify="start", gap=2),
        ]
    )
    return price, world


@app.cell(hide_code=True)
def _(price, world):
    _listed, _words = methods(world.value), []
    for _cost, _label in AXES.items():
        _kept = [_listed[i] for i in solve_front(world.value, _cost, price.value)]
        _words.append(f"{_label}: " + ", ".join(f"{SHORT[one.series]} (r = {one.ratio})" for one in _kept))
    mo.vstack([mo.md("**On the front.** " + ". ".join(_words) + "."), draw(world.value, price.value)])
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. At the paper's scale

    With Stable Diffusion 1.5 the classifier has to see decoded images. Counted in operations, a guided sample costs
    1.04 plain ones (through x0, a linear map as decoder), 1.2 (a tiny decoder), 4.1 (the full one), up to 5.2 (through
    both passes and the full decoder); the paper measures 1.82 and guides, it seems, in every fifth step. The range
    goes from "free" to "as dear as oversampling": details of the implementation decide whether the method pays, and a
    paper has to state them.

    ## What it means, and what not

    * "Cheaper" needs an axis. Samples trained on matter if training is dear, samples generated if they are stored or
      labelled, operations and seconds if the sampler is the bill. Rankings differ, as in the linear world.
    * Methods that save *training* samples save nothing on the generator's bill. Selection never does.
    * It does **not** mean that guidance is always worth it: it was on digits, at this size, in this price range. And
      costs of training are left out: all runs here train for equally many steps, which large pools would not allow.

    **Read on:** `docs/guidance_cost.md` (every way of guiding, counted), `python paper_repro.py fig5`, and
    `python paper_repro.py throughput RECIPE.toml`, which measures seconds on your machine. **Next:** lesson 8, the
    paper's own tables.
    """)
    return


@app.function(hide_code=True)
def error_rate(world: str, ratio: int) -> float:
    """Return the mean error rate, in per cent, if r times as many plain samples are added."""
    return 100 * (1 - float(find(world, ADD, ratio).accuracy.mean()))


@app.function(hide_code=True)
def solve_seconds() -> tuple[float, float]:
    """Compute the price of a guided sample in seconds of plain ones: through x0, and through the denoiser."""
    plain, through_x0, through_denoiser = 250, 220, 120
    return plain / through_x0, plain / through_denoiser


@app.function(hide_code=True)
def solve_front(world: str = "linear", cost: str = "work", guided_work: float | None = None) -> tuple[int, ...]:
    """Return the indices of the methods on the Pareto front, cheapest first."""
    listed = methods(world, guided_work)
    costs = [getattr(one, cost) for one in listed]
    accuracy = [one.accuracy.mean() for one in listed]
    front: list[int] = []
    for i in sorted(range(len(listed)), key=lambda i: (costs[i], -accuracy[i])):
        if not front or accuracy[i] > accuracy[front[-1]]:
            front.append(i)
    return tuple(front)


@app.function(hide_code=True)
def solve_difference() -> tuple[float, float]:
    """Compute guided minus twice as many plain samples in the linear world, paired by seed, and its standard error."""
    guided, added = find("linear", "DP through x0"), find("linear", "random baseline", 2)
    difference = guided.accuracy - added.accuracy
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))


@app.function(hide_code=True)
def solve_saved() -> tuple[float, float]:
    """Compute how many times the work oversampling needs to match guidance on digits: factor, and lower end."""
    pruned = [one for one in methods("digits") if one.series == "oversample-then-prune"]
    baseline = curve(pruned)
    best = scaling.multiplier(baseline, curve([find("digits", "DP through x0")]), direction="up").best
    return best.factor, best.low


@app.function(hide_code=True)
def exercises() -> dict[str, Exercise]:
    """Return the exercises of this lesson by name."""
    listed = (
        Exercise(
            name="seconds",
            solution=solve_seconds,
            rtol=0.01,
            hint="Seconds per image are 1 / (images per second); divide by those of a plain image.",
            meaning="1.14 and 2.08 in seconds, 1.06 and 2.06 in operations: near, but not the same axis.",
            mistakes={
                "That is how much faster a guided image is; it is slower.": lambda: (220 / 250, 120 / 250),
                "The order is: through x0, through the denoiser.": lambda: solve_seconds()[::-1],
            },
        ),
        Exercise(
            name="front",
            solution=solve_front,
            rtol=1e-9,
            hint="Sort the indices by cost, at equal cost the more accurate first; walk along and keep an index if "
            "it is more accurate than the last one you kept.",
            meaning="The cheapest method (index 0), and then nothing but plain samples, all of them kept (6 to 9). On "
            "this axis neither selection nor guidance is worth its price.",
            mistakes={
                "This is the front of generated samples; `work` is what they cost.": lambda: solve_front(
                    cost="generated"
                ),
                "This is the front of samples trained on; take `work`.": lambda: solve_front(cost="trained"),
            },
        ),
        Exercise(
            name="difference",
            solution=solve_difference,
            rtol=0.02,
            hint="Subtract the arrays seed by seed, then take mean and std(ddof=1)/sqrt(16) of the differences.",
            meaning="-.0026 +- .0016: at the same work the two cannot be told apart; guidance trains on 512 samples "
            "instead of 768.",
            mistakes={
                "You took the seeds for unpaired, but both methods of a seed share their first pool.": (
                    lambda: (
                        solve_difference()[0],
                        float(np.hypot(curve([find("linear", GUIDE)])[2][0], curve([find("linear", ADD, 2)])[2][0])),
                    )
                ),
                "The sign: guided minus plain.": lambda: (-solve_difference()[0], solve_difference()[1]),
            },
        ),
        Exercise(
            name="saved",
            solution=solve_saved,
            rtol=0.02,
            hint="`scaling.multiplier(curve(pruned), curve([guided]), direction='up').best` has `factor` and `low`. "
            "The baseline is oversample-then-prune at its five ratios.",
            meaning="Oversampling does not reach the accuracy of guided samples, .954, at all. For .937, the best that "
            "it surely reaches, it needs 4.6 times their work, and at least 2.6 times by the 95 % interval.",
            mistakes={
                "This is the linear world.": lambda: tuple(
                    scaling.multiplier(
                        curve([one for one in methods("linear") if one.series == PRUNE]),
                        curve([find("linear", GUIDE)]),
                        direction="up",
                    ).best[1:3]
                ),
            },
        ),
    )
    return {exercise.name: exercise for exercise in listed}


@app.function(hide_code=True)
def draw(world: str, guided_work: float) -> Figure:
    """Draw accuracy against three costs, and the Pareto front of each."""
    figure, axes = picture.canvas(3)
    listed = methods(world, guided_work)
    accuracy = [float(one.accuracy.mean()) for one in listed]
    for ax, (field, label) in zip(axes, AXES.items(), strict=True):
        cost = [float(getattr(one, field)) for one in listed]
        for series in (PRUNE, ADD, GUIDE):
            chosen = [i for i, one in enumerate(listed) if one.series == series]
            x, y = np.log10([cost[i] for i in chosen]), [accuracy[i] for i in chosen]
            bars = 2 * np.array(curve([listed[i] for i in chosen])[2])
            look = style.SERIES[series]
            size = 8 if series == GUIDE else 5
            ax.errorbar(x, y, yerr=bars, fmt=look.marker, ms=size, color=look.colour, label=LABELS[series])
        front = solve_front(world, field, guided_work)
        steps = np.log10([cost[i] for i in front])
        ax.step(steps, [accuracy[i] for i in front], where="post", color=style.GREY, linewidth=0.9, zorder=1)
        ticks = (1, 2, 4, 8, 16) if field == "work" else (256, 512, 1024, 2048, 4096)
        picture.log_ticks(ax, x=(ticks[0] * 0.8, *ticks, ticks[-1] * 1.25))
        places = np.log10(ticks)
        ax.set_xticks(places, [f"{tick:,}" for tick in ticks])
        ax.set(
            xlabel=label + (", plain sample = 1" if field == "work" else ""),
            ylim=(min(accuracy) - 0.01, max(accuracy) + 0.015),
        )
    axes[0].set_ylabel("accuracy, +-2 stderr")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="upper center", ncols=3)
    return figure


if __name__ == "__main__":
    app.run()
