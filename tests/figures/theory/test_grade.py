"""Figure grade: its truths, its rivals, its table."""

import numpy as np
import pytest
from support.theory_figures import SMALL, rows

import rmt
from empirical.settings.build import build
from figures.contract.figure import Contents
from figures.contract.table import select
from figures.theory import grade, known_laws
from scaling.bootstrap import Interval
from scaling.calibration import by_curve_fit, by_lmfit
from scaling.calibration import grade as graded

SETTINGS = build(grade.Config, SMALL["grade"], "grade")


def test_the_samples_of_every_case_lie_on_its_law():
    """Averages of 24 seeds; the resolution is the largest bound, a tenth of the error."""
    for name, case in grade.known_cases(SETTINGS).items():
        law, stderr = case.law(case.sizes), case.samples.std(axis=0, ddof=1) / 24**0.5
        bound = 4 * stderr + (
            0.02 * law if name in (grade.WRONG, known_laws.NO_FLOOR) else 0
        )  # d = 64: bias of order 1/d
        assert (np.abs(case.samples.mean(axis=0) - law) < bound).all(), name
        assert (bound < 0.25 * law).all(), name
        assert case.limit <= law[-1]
    floor = rmt.error_rate(rmt.Problem(n=1e14, d=64, ridge=1e-2, rule=rmt.KeepHard(0.3), rho=0.9))
    assert grade.known_cases(SETTINGS)[grade.WRONG].limit == pytest.approx(float(floor))


def test_every_case_has_its_numbers_and_wrong_forms_are_worse_for_curve_fit():
    for panel in (grade.RIGHT, grade.WRONG, known_laws.NO_FLOOR, known_laws.BREAK):
        for quantity in (grade.LIMIT, grade.VALUE, grade.ERROR, grade.WIDTH):
            names = {row.series for row in select(rows("grade"), panel=panel, quantity=quantity)}
            assert {"power_floor", "curve_fit"} <= names
    held = {
        series: select(rows("grade"), panel=grade.WRONG, series=series, quantity=grade.LIMIT)[0].y
        for series in ("power_floor", "curve_fit")
    }
    assert held["power_floor"] > held["curve_fit"]
    assert "flat baseline, multiplier: " in grade.summary(Contents(rows("grade")))
    assert "| power_floor | 4 | " in grade.markdown(Contents(rows("grade")))


def test_grades_count_hits_and_measure_in_per_cent():
    intervals = [Interval(1.1, 0.9, 1.3), Interval(1.3, 1.2, 1.4), Interval(0.5, 0.0, np.inf)]
    found = graded(intervals, 1.0, 2.0)
    assert found.hits == (True, False, True)
    assert found.coverage == pytest.approx(2 / 3)
    assert found.error == pytest.approx(15)  # median of .1, .3, .5 in units of 2
    assert found.width == pytest.approx(10)
    with pytest.raises(ValueError, match="got no intervals; allowed at least one; do run"):
        graded([], 1.0, 1.0)


@pytest.mark.parametrize("rival", [by_curve_fit, by_lmfit])
def test_rivals_find_an_exact_law(rival):
    if rival is by_lmfit:
        pytest.importorskip("lmfit")
    n = 64 * 2.0 ** np.arange(8)
    samples = (0.05 + 3 * n**-0.5) * (1 + 1e-3 * np.random.default_rng(0).standard_normal((8, 8)))
    floor, ahead = rival(n, samples, 4 * n[-1])
    assert floor.low < 0.05 < floor.high < 0.055
    assert ahead.low < 0.05 + 3 * (4 * n[-1]) ** -0.5 < ahead.high


def test_the_running_maximum_is_the_usual_reading():
    sizes = np.array([100.0, 200, 400])
    assert grade.at_running_maximum(sizes, np.array([0.5, 0.7, 0.6]), np.array([0.6, 0.8, 0.7])) == pytest.approx(
        200 / (100 * 2**0.5)
    )
    assert grade.at_running_maximum(sizes, np.array([0.5, 0.9, 0.6]), np.array([0.6, 0.8, 0.7])) == 0.5
    assert grade.at_running_maximum(sizes, np.array([0.5, 0.55, 0.5]), np.array([0.6, 0.8, 0.7])) == 2
