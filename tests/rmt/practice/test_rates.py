"""Rates of practice in closed form, against the recursion whose limits they are; wrong labels against simulation."""

import math

import numpy as np
import pytest

import rmt
from rmt.practice import (
    Guided,
    accumulation_exponent,
    contraction,
    latest,
    learning_curve,
    noise_floor,
    selection_floor,
    simulate,
)
from rmt.practice.additions import plane_moments

TO_BAND = math.sqrt(math.pi / 2)  # half-width of a narrow band of keep-hard, per keep fraction


@pytest.mark.parametrize(
    ("rows", "band", "ridge", "flips"),
    [
        (4.0, 0.1, 1e-14, 0.0),
        (4.0, 3.0, 1e-14, 0.0),
        (8.0, 1.0, 1e-6, 0.0),
        (8.0, 1.0, 1e-14, 0.1),
        (3.0, 1.0, 1e-6, 0.0),
    ],
)
def test_contraction_is_the_limit_of_the_recursion(rows, band, ridge, flips):
    """Seven rounds whose band follows the sine; the closed form leaves out terms of relative order s, below .05."""
    rules: list[rmt.KeepHard] = []
    for _ in range(7):
        errors = learning_curve([16.0] + [rows] * len(rules), ridge, rules, "replace", flips=flips).error_rate
        before = math.sin(math.pi * errors[-1])
        rules.append(rmt.KeepHard(band * before / TO_BAND))
    errors = learning_curve([16.0] + [rows] * 7, ridge, rules, "replace", flips=flips).error_rate
    factor = contraction(band, rows, penalty=ridge / before**2, flips=flips)
    assert before < 0.05
    assert math.sin(math.pi * errors[-1]) / before == pytest.approx(factor, rel=2e-3)


@pytest.mark.parametrize("flips", [0.0, 0.2])
def test_a_narrow_band_has_the_factor_of_equation_5(flips):
    rows = np.array([1.5, 3.0, 10.0])
    expected = np.sqrt((math.pi / (2 * (1 - 2 * flips) ** 2) - 1) / (rows - 1))
    np.testing.assert_allclose(contraction(1e-4, rows, flips=flips), expected, rtol=1e-7)


def test_selection_stops_at_its_floor():
    """Rounds with the band that is best at the floor end there; the floor follows the square root of the ridge."""
    floor = selection_floor(4.0, 1e-6)
    sine = math.sin(math.pi * floor)
    bands = np.geomspace(0.1, 30, 2000)
    factors = contraction(bands, 4.0, penalty=1e-6 / sine**2)
    assert factors.min() == pytest.approx(1, abs=1e-4)
    best = float(bands[np.argmin(factors)]) * sine / TO_BAND
    rules = [rmt.KeepHard(p) for p in (0.05, 0.02, 0.01, *[best] * 14)]
    assert learning_curve([4.0] * 18, 1e-6, rules, "replace").error_rate[-1] == pytest.approx(floor, rel=0.01)
    assert selection_floor(4.0, 1e-8) == pytest.approx(floor / 10, rel=1e-4)


@pytest.mark.parametrize(("ridge", "flips"), [(1e-6, 0.0), (1e-9, 0.05)])
def test_guided_practice_stops_at_the_noise_floor(ridge, flips):
    kappas = (0.014, 0.02, 0.03, 0.044, 0.044, 0.05, 0.05, 0.064, 0.064, 0.064)
    guided = [Guided(kappa, 100, interval=(0.2, 1.0)) for kappa in kappas]
    errors = learning_curve([4.0] * 11, ridge, guided, latest(2, 11), flips=flips).error_rate
    sine = math.sin(math.pi * errors[-1])
    rows = plane_moments(guided[-1], math.cos(math.pi * errors[-1]), sine)
    floor = noise_floor(rows.S[0, 0], rows.b[0], 8.0, ridge, bulk=rows.c**2, flips=flips)
    assert errors[-1] == pytest.approx(floor, rel=0.01)
    assert floor < errors[5] / 10


def test_the_noise_floor_of_rows_at_one_distance_is_the_ridges_alone():
    assert noise_floor(1e-6, 1e-3, 8.0, 0.0) == 0
    small = noise_floor(1e-6, 1e-3, 8.0, 1e-10)
    assert noise_floor(1e-6, 1e-3, 8.0, 2e-10) == pytest.approx(2 * small, rel=1e-3)
    # residual variance 4 f (1 - f) of a share f of wrong labels, slope (1 - 2 f)/1e-3
    expected = math.atan(1e-3 * math.sqrt(4 * 0.1 * 0.9 / 7) / 0.8) / math.pi
    assert noise_floor(1e-6, 1e-3, 8.0, 0.0, flips=0.1) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.3])
def test_the_exponent_of_accumulation_is_that_of_the_recursion(alpha):
    """Pools of 4 d to 260,000 d rows; the recursion is still .005 from its limit, which the alphas differ by .04."""
    sizes = 4 * 2.0 ** np.arange(17)
    rules = [rmt.KeepHard(0.5 * (size / 8) ** -alpha) for size in sizes[:-1]]
    errors = learning_curve(np.diff(sizes, prepend=0), 1e-12, rules).error_rate
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(accumulation_exponent(alpha, 2.0), abs=0.008)


def test_the_exponent_of_accumulation_rises_from_one_half_to_one():
    for growth in (1.05, 1.5, 2.0):
        assert accumulation_exponent(0.0, growth) == 0.5
        assert accumulation_exponent(0.03, growth) == pytest.approx(0.53)
        assert accumulation_exponent(0.4999, growth) == pytest.approx(1, abs=1e-3)


def test_wrong_labels_agree_with_simulation():
    """Within 4 standard errors + .2/d (C chosen before looking); without flips, accuracies are .019 higher or more."""
    rules = [rmt.KeepHard(0.4), rmt.KeepHard(0.2)]
    problem = ((4, 4, 4), 1e-2, rules)
    exact = learning_curve(*problem, flips=0.1).accuracy
    fits = simulate(*problem, flips=0.1, d=100, trials=100, rng=np.random.default_rng(1))
    clean = learning_curve(*problem).accuracy
    for fit, accuracy, unflipped in zip(fits, exact, clean, strict=True):
        bound = 4 * fit.stderr + 0.2 / 100
        assert abs(fit.mean - accuracy) < bound < 0.012
        assert unflipped - accuracy > 0.019


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: contraction(0.0, 4.0), r"rmt.practice.contraction: got band=0.0; allowed numbers > 0"),
        (lambda: contraction(1.0, 1.0), r"rmt.practice.contraction: got rows=1.0; allowed numbers > 1"),
        (lambda: contraction(1.0, 4.0, flips=0.5), r"contraction: got flips=0.5; allowed shares in \[0, 1/2\)"),
        (lambda: contraction(1.0, 4.0, penalty=-1.0), r"contraction: got penalty=-1.0; allowed numbers >= 0"),
        (lambda: selection_floor(4.0, 0.0), "selection_floor: got ridge=0.0; allowed numbers > 0"),
        (lambda: selection_floor(1.5, 1e-6), r"selection_floor: got 1.5 rows per dimension .* allowed more than 1.57"),
        (lambda: noise_floor(1e-6, 1e-2, 8.0, 0.0), r"noise_floor: got mean=0.01; allowed numbers in \(0, sqrt"),
        (lambda: noise_floor(1e-6, 1e-3, 1.0, 0.0), "noise_floor: got rows=1.0; allowed numbers > 1"),
        (lambda: accumulation_exponent(0.5, 2.0), r"accumulation_exponent: got narrowing=0.5; allowed numbers in \[0"),
        (lambda: accumulation_exponent(0.1, 1.0), "accumulation_exponent: got growth=1.0; allowed numbers > 1"),
        (lambda: learning_curve((4,), 1e-2, [], flips=0.5), "learning_curve: got flips=0.5; allowed shares from 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
