"""Figure schedule: what theory is asked, runs beside their own limits, advice, the drawing, bad settings."""

import numpy as np
import pytest
from support.records import invented, linear_config

from cli.options import Options
from cli.plans import plan
from empirical.config import to_dict
from figures.contract import limits, table
from figures.contract.figure import Contents, Inputs
from figures.theory import schedule
from figures.theory.ways import CUTS, KEPT, TWO, VARIANTS, WAYS
from rmt.practice import Guided, learning_curve

SMALL = {
    "budget": 6.0, "rounds": 3, "steps": 6, "kappas": [0.1, 0.3, 0.9], "factors": [0.8, 1.0, 1.25], "numbers": [2, 3],
    "shares": [0.25, 0.5], "memories": [1, 2, 3],
}  # fmt: skip
EQUAL = {"initial": 256, "addition": 256, "additions": 2}
RUNS = {  # (panel, series): configuration, and its place on the x axis
    (schedule.OMEGA, f"{KEPT}, growing"): (
        linear_config(EQUAL, steps=6, omega=0.02, schedule=[0.5, 2.0]),
        0.02 * 128**0.5,
    ),
    (schedule.ROUNDS, KEPT): (linear_config(EQUAL, steps=6, omega=0.02), 3),
    (schedule.FIRST, KEPT): (linear_config({**EQUAL, "addition": 128}, steps=6, omega=0.02), 0.5),
    (schedule.MEMORY, TWO): (linear_config({**EQUAL, "memory": 2}, steps=6, omega=0.02), 2),
}


@pytest.fixture(scope="module")
def rows():
    records = [
        invented(panel, series, seed, config=config, pool=[{}] * 3, accuracy=0.8 + 0.01 * seed)
        for (panel, series), (config, _) in RUNS.items()
        for seed in (0, 1)
    ]
    return table.check(schedule.compute(Inputs(SMALL, records)))


def values(rows, panel, series, quantity=schedule.ERROR):
    return [row.y for row in table.select(rows, panel=panel, series=series, quantity=quantity, source="theory")]


def test_theory_is_asked_as_the_figure_says(rows):
    kappas = [0.3 / 1.25**0.5, 0.3 * 1.25**0.5]
    guided = [Guided(kappa, 6, interval=(0.2, 1.0), tolerance=1e-3) for kappa in kappas]
    curve = learning_curve((2, 2, 2), 1e-6, guided, [[1], [1, 1], [0, 1, 1]])
    assert values(rows, f"map, {TWO}", "factor 1.25")[1] == pytest.approx(curve.error_rate[-1], rel=1e-12)
    first = [Guided(0.9, 6, tolerance=1e-3)] * 2
    errors = [
        learning_curve((3, 1.5, 1.5), 1e-2, [Guided(k, 6, tolerance=1e-3)] * 2).error_rate[-1] for k in (0.1, 0.3)
    ]
    errors.append(learning_curve((3, 1.5, 1.5), 1e-2, first).error_rate[-1])
    assert values(rows, schedule.FIRST, KEPT)[1] == pytest.approx(min(errors), rel=1e-12)
    best = values(rows, schedule.FIRST, KEPT, schedule.BEST)[1]
    assert best == SMALL["kappas"][int(np.argmin(errors))]


def test_panels_that_ask_the_same_have_the_same_answer(rows):
    """Three rounds of equal size stand in the map, its cut, the panel of rounds, and the panel of memories."""
    for name in WAYS:
        fixed = values(rows, f"map, {name}", "factor 1")
        assert values(rows, schedule.OMEGA, name) == fixed
        assert values(rows, schedule.ROUNDS, name)[1] == min(fixed)
    assert values(rows, schedule.MEMORY, KEPT)[2] == values(rows, schedule.ROUNDS, KEPT)[1]
    assert values(rows, schedule.MEMORY, TWO)[1] == values(rows, schedule.ROUNDS, TWO)[1]


def test_runs_stand_at_their_place_beside_their_limits(rows):
    pairs = limits.comparisons(rows)
    places = {(pair.panel, pair.series): pair.x for pair in pairs}
    assert places == {key: pytest.approx(place) for key, (_, place) in RUNS.items()}
    assert len(pairs) == len(RUNS)


def test_the_advice_has_a_number_for_each_question(rows):
    text = schedule.summary(Contents(rows))
    for words in ("fixed", "growing 1.25 times an addition", "shrinking 0.8 times", "in the first round", "3 rounds "):
        assert text.count(words) >= 2, words
    assert text.count("remember") == len(VARIANTS)
    assert "z-scores of 4 points" in text
    least = min(values(rows, f"map, {KEPT}", "factor 1"))
    assert f"fixed {least:.4f}" in text


def test_the_drawing_has_maps_and_panels(rows):
    figure = schedule.draw(Contents(rows, caption=schedule.describe(SMALL)))
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert [title[0] for title in titles] == list("abcdef")
    lines = figure.axes[2].get_lines()
    assert {line.get_color() for line in lines} >= {
        look.colour for name, look in schedule.LOOKS.items() if name in CUTS
    }


def test_runs_of_the_recipe_are_those_that_theory_describes():
    """Every run has a limit, every series a look, and all runs of the default preset train on 2,048 rows."""
    cases = plan("schedule", Options(targets=["schedule"], seeds=2)).cases
    assert {case.panel for case in cases} == set(schedule.PANELS)
    for case in cases:
        run = case.run
        assert limits.question(to_dict(run)) is not None
        assert run.growth.initial + run.growth.additions * run.growth.addition == 2048
        assert case.series in schedule.LOOKS
        way = {**WAYS, **CUTS, **VARIANTS}[case.series]
        options = dict(run.world.options)
        assert (options["ridge"], run.acquire.interval[0]) == (way.ridge, way.tail)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0.0}, "schedule.budget"),
        ({"rounds": 2}, "schedule.rounds"),
        ({"kappas": [0.3, 0.1, 0.9]}, "schedule.kappas"),
        ({"factors": [1.0, 1.25]}, "schedule.factors"),
        ({"numbers": [1, 2]}, "schedule.numbers"),
        ({"shares": [1.0]}, "schedule.shares"),
        ({"memories": [4]}, "schedule.memories"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        schedule.compute(Inputs({**SMALL, **changes}))
