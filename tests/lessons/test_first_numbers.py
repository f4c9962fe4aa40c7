"""Test the numbers that the words of lessons 1 to 4 quote: each is computed anew from the library."""

import numpy as np
import pytest
from support.lessons import LESSONS, load

import rmt
import scaling

ONE, TWO, THREE, FOUR = (load(lesson) for lesson in LESSONS[:4])

QUOTED = {  # exercise: its numbers as the words have them, rounded to this many digits behind the point
    "short_exponent": (ONE, (0.56, 0.03), 2),
    "true_floor": (ONE, 0.0635, 4),
    "worst_z": (ONE, 24, 0),
    "honest_exponent": (ONE, (0.95, 1.15), 2),
    "peak": (TWO, (512, 0.481), 3),
    "cured": (TWO, 0.257, 3),
    "pruned_peak": (TWO, 1706, 0),
    "z_score": (TWO, -0.87, 2),
    "needed": (THREE, 12_000, -3),
    "factors": (THREE, (0.6, 1.6, 7.2), 1),
    "break_even": (THREE, 0.748, 3),
    "per_generated": (THREE, 2.2, 1),
    "best_keep": (FOUR, (0.12, 0.45, 0.75, 0.97), 2),
    "gain": (FOUR, (3.67, 1.50, 1.12, 1.01), 2),
    "exponent": (FOUR, 0.85, 2),
}


@pytest.mark.parametrize("name", QUOTED)
def test_a_solution_is_the_quoted_number(name):
    lesson, quoted, digits = QUOTED[name]
    assert np.round(lesson.exercises()[name].solution(), digits) == pytest.approx(np.array(quoted), abs=1e-9)


def test_every_exercise_of_the_first_lessons_is_quoted():
    assert set(QUOTED) == {name for lesson in (ONE, TWO, THREE, FOUR) for name in lesson.exercises()}


def test_the_usual_fit_is_off_by_many_standard_errors_also_with_large_sizes():
    exponent, stderr = ONE.solve_short_exponent()
    assert (1 - exponent) / stderr == pytest.approx(13, abs=0.5)
    best, stderrs = ONE.usual_fit(*ONE.measured(2, 1024))
    assert (ONE.solve_true_floor() - best[0]) / stderrs[0] == pytest.approx(4.4, abs=0.05)


def test_the_exact_exponent_is_one():
    sizes = np.array([1e4, 1e5, 1e6])
    above_floor = rmt.error_rate(ONE.problem(sizes)) - ONE.solve_true_floor()
    assert -np.diff(np.log10(above_floor)) == pytest.approx([1, 1], abs=0.001)


def test_small_sizes_leave_the_exponent_unknown():
    fit = scaling.fit(*ONE.measured(2, 128))
    assert fit.parameters["exponent"][1:] == pytest.approx((0.21, 2.19), abs=0.005)
    assert not fit.identified["exponent"]


def test_more_data_hurt_without_ridge_and_never_with_the_best():
    few = rmt.error_rate(TWO.problem(np.array([64, 128, 256]), ridge=1e-6))
    assert few == pytest.approx([0.411, 0.377, 0.340], abs=0.0006)
    for keep in (1.0, 0.5, 0.3):
        best = rmt.limits.optimal_ridge(TWO.problem(np.logspace(2, 4, 200), keep=keep)).error_rate
        assert np.all(np.diff(best) < 0), keep


def test_hard_samples_break_even_at_about_d():
    kept, accuracy = THREE.learning_curve(1.0)
    assert np.interp(0.748, accuracy, kept) == pytest.approx(540, abs=5)
    assert THREE.factor_at(0.95, 0.5, "kept") == pytest.approx(4.4, abs=0.05)
    assert THREE.factor_at(0.95, 0.1, "generated") == pytest.approx(0.72, abs=0.005)


def test_what_a_pruner_gains_with_much_data():
    assert FOUR.gain_at(1024.0, 1.0) == pytest.approx(19, abs=0.5)
    assert FOUR.gain_at(1024.0, 0.8) == pytest.approx(1.10, abs=0.005)
    assert rmt.limits.optimal_keep_fraction(FOUR.problem(16.0, 1.0)).argument == pytest.approx(0.5, abs=0.01)


def test_a_constant_fraction_leaves_the_exponent_of_static_data():
    assert FOUR.slope_of(rmt.KeepAll()) == pytest.approx(0.50, abs=0.005)
    assert FOUR.slope_of(rmt.KeepHard(0.3)) == pytest.approx(0.50, abs=0.005)
    assert 2 ** (1 / FOUR.solve_exponent()) == pytest.approx(2.3, abs=0.05)


def test_the_map_agrees_with_the_search_at_a_point():
    ratio, angle, gains = FOUR.phase_map()
    row, column = 8, 16
    exact = FOUR.gain_at(float(ratio[column]), float(np.cos(np.radians(angle[row]))))
    assert gains[row, column] == pytest.approx(exact, rel=0.01)
