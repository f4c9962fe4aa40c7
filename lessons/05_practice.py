"""Lesson 5: Does deliberate practice help, and how sure is it? (30 minutes)

Run the loop on real digits, look at what it makes, and put honest intervals on its gain.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")

with app.setup(hide_code=True):
    import base64
    import io
    from collections.abc import Mapping
    from functools import cache
    from pathlib import Path
    from typing import Any, NamedTuple

    import marimo as mo
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.image import imread
    from scipy.special import stdtrit

    import scaling
    from figures.drawing import style
    from lessons import desk, picture, tables
    from lessons.exercise import Exercise

    OMEGA = 0.05
    GUIDED, PLAIN = "deliberate practice", "dynamic, omega = 0"


@app.cell(hide_code=True)
def _():
    desk.title(__file__)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Afterwards you can** describe the loop of deliberate practice, run it, and say how sure you are of its gain: over
    seeds, over few seeds, and over other test images.

    **You need** lesson 4, and the mean and standard error of a few numbers. The run takes about 20 seconds on one core.

    **The loop.** (1) Generate N images and train a classifier on them. (2) When its accuracy on a few real images has
    not improved for a while, generate P more, *guided*: each denoising step is pushed toward images about which the
    classifier, as it is now, is uncertain. (3) Add them to the pool, go on training, and return to (2). Real images
    serve to notice the plateau; none is trained on.
    """)
    return


@app.function
def paired(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the accuracies of deliberate practice and of static data, (8,) each, in order of seed.

    >>> practice, static = paired(512)
    >>> practice.mean().round(4), static.mean().round(4)
    (np.float64(0.9629), np.float64(0.9301))
    """
    accuracies = []
    for series in ("deliberate practice", "static"):
        sizes, seeds = tables.measured("fig4", "digits", series)
        accuracies.append(seeds[:, sizes == size][:, 0])
    return accuracies[0], accuracies[1]


@app.function
def t_interval(values: np.ndarray) -> tuple[float, float]:
    """Compute the 95 % interval of the mean of a few normal numbers, by Student's t."""
    half = stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 1. Uncertainty

    The uncertainty of an answer p (probabilities of the classes) is its entropy, $H = -\sum_y p_y \log p_y$, in nats.
    Guidance follows its gradient with respect to the noisy image.

    **Exercise.** Set `entropy` to the entropy of p = (1/2, 1/4, 1/4, 0).
    """)
    return


@app.cell
def _():
    entropy = None
    return (entropy,)


@app.cell(hide_code=True)
def _(entropy):
    desk.check(exercises()["entropy"], entropy)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. A run

    Scikit-learn's digits, 8 x 8 pixels. A small diffusion model has learned the digits of some writers; a small CNN
    learns from its images only, and is tested on 597 real digits of other writers. With 512 plain images it gets 42 of
    them wrong, averaged over eight seeds. **Predict how many it gets wrong if 384 of the 512 images are guided** (128
    plain ones at first, and three additions of 128).
    """)
    return


@app.cell
def _():
    prediction_wrong = None
    return (prediction_wrong,)


@app.cell(hide_code=True)
def _(prediction_wrong):
    _predicted = desk.predicted("prediction_wrong", prediction_wrong)
    desk.compare(_predicted, 597 * (1 - float(paired(512)[0].mean())), "wrong digits with guided images", 3)
    return


@app.cell(hide_code=True)
def _(prediction_wrong):
    desk.predicted("prediction_wrong", prediction_wrong)
    mo.md(r"""
    From 42 wrong digits to 22, an accuracy of .963 instead of .930. See for yourself: the button starts one seed of
    these runs, with and without guidance, on your machine, through the same code as figure 4. Finished runs stay in
    `results/runs` and are only read the next time.
    """)
    return


@app.cell
def _():
    settings = {"growth.additions": 3, "seed": 0}  # change the seed, if you like
    folder = Path("results/runs")
    return folder, settings


@app.cell(hide_code=True)
def _(prediction_wrong):
    desk.predicted("prediction_wrong", prediction_wrong)
    start = mo.ui.run_button(label="Run it (about 20 seconds)")
    mo.hstack([start], justify="start")
    return (start,)


@app.cell(hide_code=True)
def _(folder, settings, start):
    mo.stop(not start.value)
    live = practise(settings, folder)
    addition = mo.ui.slider(1, len(live.runs[GUIDED].pool) - 1, label="addition", show_value=True)
    mo.hstack([addition], justify="start")
    return addition, live


@app.cell(hide_code=True)
def _(addition, live):
    _of = [one for one in live.pictures if one["round"] == addition.value]
    _plain, _guided = (
        np.mean([one["entropy"] for one in _of if (one["omega"] > 0) == guided]) for guided in (False, True)
    )
    mo.vstack(
        [
            mo.md(
                f"**Addition {addition.value}:** entropy {_plain:.2f} nats of plain images, {_guided:.2f} of guided "
                "ones from the same noise, under the classifier that guided. Move the slider: as it learns, plain "
                "images hold less and less that is new to it."
            ),
            draw(live, addition.value),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Left in the picture: still digits of their class, but such as one has to think about. Right: at each dashed line the
    pool grows. The validation digits are nearly exhausted early; the test digits are not.

    ## 3. One seed is an anecdote

    `practice, static = paired(512)` are the accuracies of eight seeds with 512 images. Seed s of both methods began
    with the same generator noise and the same initial weights: they are *paired*.

    **Exercise.** Set `gain` to a pair: the mean of practice minus static, and its standard error.
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
    A *bootstrap* makes an interval without a formula: pretend that the eight seeds are all there are, draw eight of
    them with replacement, and look how the mean scatters.

    **Exercise.** Set `resampled` to a pair: the 2.5 and 97.5 % quantiles of the mean gain in 4,000 such draws (size
    512).
    """)
    return


@app.cell
def _():
    resampled = None
    return (resampled,)


@app.cell(hide_code=True)
def _(resampled):
    desk.check(exercises()["resampled"], resampled)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. Three seeds

    Many papers have three. The gain is .033, and the interval of eight seeds is .023 wide (by Student's t). **Predict
    the width of the 95 % interval from the first three seeds alone.**
    """)
    return


@app.cell
def _():
    prediction_width = None
    return (prediction_width,)


@app.cell(hide_code=True)
def _(prediction_width):
    _predicted = desk.predicted("prediction_width", prediction_width)
    _practice, _static = paired(512)
    _low, _high = t_interval((_practice - _static)[:3])
    desk.compare(_predicted, _high - _low, f"the width (from {_low:+.3f} to {_high:+.3f})")
    return


@app.cell(hide_code=True)
def _(prediction_width):
    desk.predicted("prediction_width", prediction_width)
    mo.md(r"""
    Four times as wide, and 0 is inside: with three seeds nobody could have claimed this gain. Two things come together.
    The error falls only with the root of the number of seeds; and three numbers do not know their own spread, for which
    Student's t takes a factor of 4.3 instead of 2. (A bootstrap of three seeds cannot reach so far: it covers 73 %.)

    ## 5. Other images

    All of this asks: would other *seeds* agree, on these 597 test digits? Would other *digits*? Then images have to be
    drawn anew, too. `tables.correct("deliberate practice", 256)` has a 1 where a classifier was right, (8 seeds, 597
    images); `tables.correct("static", 256)` likewise. `scaling.paired_gain(practice, static, images=True, rng=...)`
    draws seeds and images.

    **Exercise.** For 256 images (one addition), set `other_images` to the pair `low` and `high`, with
    `rng=np.random.default_rng(0)`.
    """)
    return


@app.cell
def _():
    other_images = None
    return (other_images,)


@app.cell(hide_code=True)
def _(other_images):
    desk.check(exercises()["other_images"], other_images)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    With 512 images it is .014 to .054, and stays clear of 0.

    ## What it means, and what not

    * Deliberate practice trains on images that are hard for the learner of the moment. On these digits 512 such images
      beat 8,192 plain ones (.963 against .945).
    * An interval answers one question: which things were drawn anew? Seeds alone is a claim about this test set.
    * It does **not** mean that guidance helps everywhere or at any strength: twice the strength spoils labels (lesson
      7, and figure `outliers`). And the recipe was chosen while looking at test digits of other seeds.

    **Read on:** figure 4 in the README, `help(scaling.paired_gain)`, `python paper_repro.py run worlds/digits.toml
    --set growth.additions=7 acquire.omega=0.1` (your own run), `python paper_repro.py pool RUN` (its pool as a sheet of
    pictures). **Next:** lesson 6, a world in which all this can be calculated.
    """)
    return


@app.class_definition(hide_code=True)
class Live(NamedTuple):
    """Two finished runs by name, and the pictures of the guided one: the same noise, plain and guided.

    runs: `empirical.runs.result.Result` by series. pictures: dicts with png, label, round, omega and entropy.
    """

    runs: Mapping[str, Any]
    pictures: list[dict[str, Any]]


@app.function(hide_code=True)
def practise(settings: Mapping[str, Any], folder: Path) -> Live:
    """Do a guided run of the digits world and one without guidance, and ask for pictures; finished runs are only read.

    settings: changes of the recipe `experiments/worlds/digits.toml`. folder: of all runs, as the commands use it.
    """
    from cli.options import EXPERIMENTS
    from empirical.config import from_dict
    from empirical.review.examine import examine
    from empirical.review.portraits import portrait
    from empirical.runs.execute import execute
    from empirical.settings.recipes import read
    from empirical.settings.values import merged

    recipe = read(EXPERIMENTS / "worlds" / "digits.toml").run
    planned = {
        name: from_dict(merged(recipe, {**settings, "acquire.omega": omega}))
        for name, omega in ((GUIDED, OMEGA), (PLAIN, 0.0))
    }
    total = sum(run.training.iterations // run.growth.evaluate_every for run in planned.values())
    with mo.status.progress_bar(total=total, title="training and sampling", remove_on_exit=True) as bar:
        runs = {
            name: execute(run, folder, observe=lambda event: bar.update(int(event.kind == "evaluated")))
            for name, run in planned.items()
        }
    asked = portrait({"kind": "omegas", "omegas": [0.0, OMEGA], "classes": 10, "rounds": 3}, "lesson 5")
    return Live(runs, examine(asked, planned[GUIDED], folder)["images"])


@app.function(hide_code=True)
def solve_entropy() -> float:
    """Compute the entropy of the answer (1/2, 1/4, 1/4, 0), in nats."""
    p = np.array([0.5, 0.25, 0.25])  # 0 log 0 is 0
    return float(-np.sum(p * np.log(p)))


@app.function(hide_code=True)
def solve_gain() -> tuple[float, float]:
    """Compute the gain with 512 images, paired by seed, and its standard error."""
    practice, static = paired(512)
    difference = practice - static
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))


@app.function(hide_code=True)
def solve_resampled(size: int = 512) -> tuple[float, float]:
    """Resample seeds 4,000 times: the 2.5 and 97.5 % quantiles of the mean gain."""
    practice, static = paired(size)
    difference = practice - static
    drawn = np.random.default_rng(0).integers(len(difference), size=(4000, len(difference)))
    low, high = np.quantile(difference[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


@app.function(hide_code=True)
@cache
def solve_other_images() -> tuple[float, float]:
    """Compute the 95 % interval of the gain with 256 images over other seeds and other test images."""
    practice, static = (tables.correct(series, 256) for series in ("deliberate practice", "static"))
    gain = scaling.paired_gain(practice, static, images=True, rng=np.random.default_rng(0))
    return gain.low, gain.high


@app.function(hide_code=True)
def exercises() -> dict[str, Exercise]:
    """Return the exercises of this lesson by name."""
    listed = (
        Exercise(
            name="entropy",
            solution=solve_entropy,
            rtol=0.005,
            hint="-sum p log p with the natural logarithm; a probability of 0 contributes 0.",
            meaning="1.04 nats. With ten classes the most is log 10 = 2.30: a classifier that knows nothing.",
            mistakes={
                "1.5 is in bits; take the natural logarithm.": lambda: 1.5,
                "Entropy is positive: mind the sign.": lambda: -solve_entropy(),
            },
        ),
        Exercise(
            name="gain",
            solution=solve_gain,
            rtol=0.02,
            hint="Subtract seed by seed, then mean and std(ddof=1)/sqrt(8) of the differences.",
            meaning=".0329 +- .0049, or 20 of 597 digits. Here pairing made the error bar larger (unpaired: .0038): "
            "seeds that do well without guidance gain less. It is the right error bar all the same.",
            mistakes={
                "You added the errors of both methods as if their seeds were unrelated.": lambda: (
                    solve_gain()[0],
                    float(np.sqrt(sum(one.var(ddof=1) for one in paired(512)) / 8)),
                ),
                "This is the spread of the differences, not yet the error of their mean.": lambda: (
                    solve_gain()[0],
                    solve_gain()[1] * float(np.sqrt(8)),
                ),
            },
        ),
        Exercise(
            name="resampled",
            solution=solve_resampled,
            rtol=0.05,
            hint="Draw 8 of the 8 differences with replacement, take their mean, do that 4,000 times, and take the 2.5 "
            "and 97.5 % quantiles of the means.",
            meaning="About .023 to .041. With eight seeds such an interval is a little too narrow (it covers 89 % "
            "instead of 95); `scaling.paired_gain` widens it to .020 to .043.",
            mistakes={
                "This is `scaling.paired_gain`, which widens the quantiles for few seeds; now do it by hand.": lambda: (
                    scaling.paired_gain(
                        *(one[:, None] for one in paired(512)), images=False, rng=np.random.default_rng(0)
                    )[1:]
                ),
                "This is for 256 images.": lambda: solve_resampled(256),
            },
        ),
        Exercise(
            name="other_images",
            solution=solve_other_images,
            rtol=0.02,
            atol=0.0005,
            hint="`scaling.paired_gain(practice, static, images=True, rng=np.random.default_rng(0))` with the marks of "
            "`tables.correct(...)` for 256 images; take `low` and `high`.",
            meaning="-.005 to .033: with one addition, a gain of .013, another set of 597 test digits might see none.",
            mistakes={
                "This resamples seeds alone: it asks about these 597 images. Set images=True.": lambda: (
                    scaling.paired_gain(
                        tables.correct(GUIDED, 256),
                        tables.correct("static", 256),
                        images=False,
                        rng=np.random.default_rng(0),
                    )[1:]
                ),
                "This is with 512 images; take 256.": lambda: scaling.paired_gain(
                    tables.correct(GUIDED, 512),
                    tables.correct("static", 512),
                    images=True,
                    rng=np.random.default_rng(0),
                )[1:],
            },
        ),
    )
    return {exercise.name: exercise for exercise in listed}


@app.function(hide_code=True)
def montage(pictures: list[dict[str, Any]], size: int = 8) -> np.ndarray:
    """Lay ten plain and ten guided images of the same noise in four rows: plain, guided, plain, guided."""
    sheet = np.ones((4 * (size + 4), 5 * (size + 2)))
    for one in pictures:
        pixels = imread(io.BytesIO(base64.b64decode(one["png"])))
        row, column = 2 * (one["label"] // 5) + (one["omega"] > 0), one["label"] % 5
        top, left = row * (size + 4), column * (size + 2) + 1
        sheet[top : top + size, left : left + size] = pixels if pixels.ndim == 2 else pixels[..., 0]
    return sheet


@app.function(hide_code=True)
def draw(live: Live, addition: int) -> Figure:
    """Draw the images that an addition makes from the same noise, plain and guided, and both learning curves."""
    figure, (left, right) = picture.canvas(2)
    shown = [one for one in live.pictures if one["round"] == addition]
    left.imshow(montage(shown), cmap="gray", vmin=0, vmax=1, aspect="auto")
    for one in shown:
        row, column = 2 * (one["label"] // 5) + (one["omega"] > 0), one["label"] % 5
        left.text(column * 10 + 4.5, row * 12 + 9.6, f"{one['entropy']:.2f}", ha="center", va="center", fontsize=8)
    left.set_yticks([3.5, 15.5, 27.5, 39.5], ["plain", "guided", "plain", "guided"])
    left.set_xticks([])
    left.grid(visible=False)
    left.spines[:].set_visible(False)
    left.tick_params(length=0)
    left.set_title(f"addition {addition}: same noise, entropy in nats below")
    for name, run in live.runs.items():
        look = style.SERIES[name]
        label = f"{name}: test {run.accuracy:.3f}"
        right.plot(
            run.trajectory["step"],
            run.trajectory["accuracy_validation"],
            look.linestyle,
            color=look.colour,
            label=label,
        )
    rounds = live.runs[GUIDED].pool
    size = rounds[0]["added"]
    for number, one in enumerate(rounds[1:], start=1):
        size += one["added"]
        right.axvline(one["step"], color=style.BLACK, linewidth=2 if number == addition else 0.8, linestyle="--")
        right.text(
            one["step"], 0.02 + 0.04 * (number % 2), f" {size}", transform=right.get_xaxis_transform(), fontsize=8
        )
    right.set(xlabel="training iteration; dashed: images are added, pool size", ylabel="accuracy on validation digits")
    best = max(max(run.trajectory["accuracy_validation"]) for run in live.runs.values())
    right.set_ylim(max(best - 0.25, 0), best + 0.02)
    right.legend(frameon=False, loc="center right")
    return figure


if __name__ == "__main__":
    app.run()
