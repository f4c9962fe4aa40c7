"""Figure law_of_practice: theory asked as stated, Monte Carlo and runs beside it, drawing, recipe, bad settings."""

import math
import tomllib
from itertools import combinations

import numpy as np
import pytest
from matplotlib.legend import Legend
from support.places import EXPERIMENTS
from support.records import invented
from support.theory_figures import preset

import rmt
from cli.options import Options
from cli.plans import plan
from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.theory import law_of_practice as figure
from figures.theory import law_of_practice_schedules as schedules
from rmt.practice import Guided, greedy, latest, learning_curve

SMALL = {
    "rows": 4.0, "ridge": 1e-6, "narrowing": [0.4, 0.3], "two": [0.4, 0.2, 0.1], "kappas": [0.1, 0.2, 0.3],
    "steps": 20, "tail": 0.2, "exponents": [0.0, 0.3], "doublings": 9, "flips": [0.0, 0.1], "generator": 0.99,
    "sizes": [2.5, 8.0], "ridges": [1e-6, 1e-3], "d": [30], "trials": [4], "most_rows": 8.0, "seed": 0,
}  # fmt: skip


def records():
    """Invented runs of the panels a and d at two seeds, whose costs are 1 GFLOP a plain and 3 a guided sample."""
    made = []
    for seed in (0, 1):
        for series, additions in ((figure.STATIC, 0), (figure.GUIDED, 2), (figure.GUIDED, 3), (figure.RIDGED, 3)):
            panel = "needs" if series == figure.RIDGED else "rows"
            growth = {"initial": 512, "addition": 512, "additions": additions}
            cost = {"sampling_gflop": 512.0 + 3 * 512 * additions, "images": 512 * (1 + additions)}
            numbers = {"accuracy": 0.9 + 0.01 * seed + 0.01 * additions, "cost": cost}
            config = {"growth": growth, "world": {"dimension": 128}}
            made.append(invented(panel, series, seed, value=additions, config=config, **numbers))
    return made


@pytest.fixture(scope="module")
def rows():
    return table.check(figure.compute(Inputs(SMALL, records())))


def line(rows, panel, series, source="theory", **which):
    points = table.select(rows, panel=panel, series=series, source=source, **which)
    return [row.x for row in points], [row.y for row in points]


def test_the_theory_is_asked_as_stated(rows):
    x, y = line(rows, "rows", figure.TWO)
    assert x == [4, 8, 12, 16]
    rules = [rmt.KeepHard(p) for p in SMALL["two"]]
    np.testing.assert_array_equal(y, learning_curve([4] * 4, 1e-6, rules, latest(2, 4)).error_rate)
    assert line(rows, "generated", figure.TWO) == (pytest.approx([4, 14, 34, 74]), y)
    x, y = line(rows, "rows", figure.KEPT)
    assert x == [4, 8, 16]
    kept = learning_curve([4, 4, 8], 1e-6, [rmt.KeepHard(0.4), rmt.KeepHard(0.3)])
    np.testing.assert_array_equal(y, kept.error_rate)
    _, y = line(rows, "needs", figure.UNTAILED)
    np.testing.assert_array_equal(
        y, learning_curve([4] * 4, 1e-6, [Guided(k, 20) for k in SMALL["kappas"]], latest(2, 4)).error_rate
    )
    _, y = line(rows, "needs", figure.RIDGED)
    guided = [Guided(k, 20, interval=(0.2, 1.0)) for k in SMALL["kappas"]]
    np.testing.assert_array_equal(y, learning_curve([4] * 4, 1e-2, guided, latest(2, 4)).error_rate)


def test_pruning_once_takes_the_best_fraction_and_pays_for_it(rows):
    (x, *_), (error, *_) = line(rows, "rows", figure.ONCE)
    assert x == 8
    best = min(learning_curve((4, 4), 1e-6, rmt.KeepHard(p)).error_rate[-1] for p in np.geomspace(0.01, 1, 200))
    assert error == pytest.approx(best, rel=1e-4)
    fraction = 4 / (line(rows, "generated", figure.ONCE)[0][0] - 4)
    assert error == pytest.approx(learning_curve((4, 4), 1e-6, rmt.KeepHard(fraction)).error_rate[-1], rel=1e-12)


def test_the_band_follows_the_sine():
    fractions = schedules.following(8.0, 4.0, 3, 1e-9)
    errors = learning_curve([8.0, 4.0, 4.0], 1e-9, [rmt.KeepHard(p) for p in fractions[:2]], "replace").error_rate
    np.testing.assert_allclose(fractions, math.sqrt(2 / math.pi) * np.sin(np.pi * errors), rtol=1e-12)


def test_runs_stand_at_their_costs(rows):
    assert line(rows, "rows", figure.GUIDED, "practice") == ([12, 16], pytest.approx([0.075, 0.065]))
    assert line(rows, "generated", figure.GUIDED, "practice")[0] == [12, 16]
    assert line(rows, "arithmetic", figure.GUIDED, "practice")[0] == [512 + 2 * 1536, 512 + 3 * 1536]
    assert line(rows, "arithmetic", figure.GUIDED)[0] == [512, 2048, 3584, 5120]
    assert line(rows, "arithmetic", figure.TWO)[0] == pytest.approx([128 * x for x in (4, 14, 34, 74)])
    assert line(rows, "needs", figure.RIDGED, "practice")[0] == [16]


def test_without_runs_arithmetic_is_left_out(rows):
    theory = figure.compute(Inputs({**SMALL, "flips": [0.0], "sizes": [8.0]}))
    assert {row.panel for row in rows} - {row.panel for row in theory} == {"arithmetic"}
    assert "runs" not in figure.summary(Contents(theory))
    assert len(figure.draw(Contents(theory)).axes) == len(figure.PANELS) - 1


def test_simulation_lies_on_the_law(rows):
    """Within 4 standard errors + 2/d, C chosen before looking: the resolution is .2 with these few trials at d = 30."""
    checked = 0
    for series in (figure.KEPT, figure.TWO, figure.GUIDED):
        law = dict(zip(*line(rows, "rows", series), strict=True))
        for row in table.select(rows, panel="rows", series=series, source="simulation"):
            assert abs(row.y - law[row.x]) < 4 * row.stderr + 2 / 30 < 0.2, row
            checked += 1
    assert checked == 2 + 4 + 4
    assert [row.x for row in table.select(rows, panel="factor", source="simulation")] == [2.5, 8, 8]


def test_what_is_said(rows):
    said = figure.summary(Contents(rows))
    for part in ("static: error ~ (rows)^-0.5", "times below static (runs: 0.065 +- 0.005 at 16 d, 2 seeds)",
                 "Monte Carlo, d = 30: 10 z-scores", "exponent by alpha, recursion (equation): 0: 0.50",
                 "generator at cosine 0.99 "):  # fmt: skip
        assert part in said, part
    assert figure.summary(Contents([])) == "no panel has rows"


def test_the_drawing_is_complete_and_legible(rows):
    drawn = figure.draw(Contents(rows, note="quick preset: few seeds and points", caption=figure.describe(SMALL)))
    drawn.draw_without_rendering()
    assert [ax.get_title() for ax in drawn.axes] == [title for title, _, _ in figure.PANELS.values()]
    for ax in drawn.axes:
        for axis in (ax.xaxis, ax.yaxis):
            labels = [t.get_window_extent() for t in axis.get_ticklabels() if t.get_visible() and t.get_text()]
            assert not any(a.overlaps(b) for a, b in combinations(labels, 2)), ax.get_title()
    (outside,) = drawn.legends
    assert {text.get_text() for text in outside.get_texts()} == set(figure.LOOKS)
    assert len(drawn.findobj(Legend)) == 5
    blocks = [ax.get_tightbbox().padded(-1) for ax in drawn.axes] + [outside.get_window_extent()]
    assert not any(a.overlaps(b) for a, b in combinations(blocks, 2))
    with pytest.raises(ValueError, match=r"law_of_practice\.draw: got no rows of any panel"):
        figure.draw(Contents([]))


@pytest.mark.parametrize("part", ["default", "quick"])
def test_the_recipe_is_valid_and_runs_what_the_theory_computes(part):
    text = (EXPERIMENTS / "law_of_practice.toml").read_text()
    assert all(f"# {word}" in text for word in ("Shows:", "Expect:", "Hardware and duration:", "Command:"))
    recipe = tomllib.loads(text)
    series = preset("law_of_practice", part)
    settings = figure.Config(**{key: value for key, value in series.items() if key in figure.Config.__annotations__})
    common = recipe["common"]["linear"]
    factors = common["acquire.schedule"] + [common["acquire.schedule"][-1]] * 2
    assert factors == settings.kappas
    assert common["acquire.omega"] * math.sqrt(128) == pytest.approx(1)
    assert common["acquire.interval"] == [settings.tail, 1.0]
    for case in plan("law_of_practice", Options(targets=["law_of_practice"], preset=part, seeds=2)).cases:
        run = case.run
        assert run.sampling.steps == settings.steps
        assert run.growth.initial == run.growth.addition * 1 == 128 * settings.rows or case.series == figure.STATIC


def test_schedules_of_the_recipe_are_greedy():
    settings = preset("law_of_practice", "default")
    rules = [rmt.KeepHard(10 ** (-k / 8)) for k in range(12)]
    chosen, _ = greedy([4.0] * 5, 1e-6, rules, latest(2, 5))
    assert [round(rule.p, 2 if rule.p > 0.1 else 3) for rule in chosen] == settings["two"][:4]
    chosen, _ = greedy(4 * np.array([1.0, 1, 2, 4, 8]), 1e-9, rules)
    assert [round(rule.p, 2) for rule in chosen] == settings["narrowing"][:4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"narrowing": [1.2]}, r"law_of_practice.narrowing, two: got \[1.2"),
        ({"kappas": [0.1]}, "law_of_practice.kappas"),
        ({"tail": 1.0}, "law_of_practice.tail"),
        ({"exponents": [0.5]}, "law_of_practice.exponents"),
        ({"flips": [0.5]}, "law_of_practice.flips"),
        ({"generator": 1.5}, "law_of_practice.generator"),
        ({"trials": [2, 3]}, "law_of_practice.d: got"),
        ({"ridge": 0.0}, "law_of_practice.rows, ridge"),
        ({"typo": 1}, "law_of_practice.typo: got 1"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        figure.compute(Inputs({**SMALL, **changes}))
