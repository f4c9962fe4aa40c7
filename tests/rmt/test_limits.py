"""Limits and optima: Corollary 1 as printed, tiny ridges, endless data, brute-force minima."""

from dataclasses import replace

import numpy as np
import pytest
from support.oracles import corollary1

import rmt
from rmt.limits import infinite_data, optimal_keep_fraction, optimal_ridge, ridgeless

RULES = [rmt.KeepHard(0.3), rmt.KeepEasy(0.3), rmt.KeepAll()]
COSINES = [
    {"rho": -0.9},
    {"rho": 1.0},
    {"rho": 0.9, "rho_generator": 0.7},
    {"rho": 0.9, "rho_generator": 0.7, "label_aware": True},
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("phi", [1e-3, 0.2, 0.29, 5.0, 1e4])
@pytest.mark.parametrize("rho", [-0.9, 0.3, 1.0])
def test_no_ridge_is_corollary_1(rule, phi, rho):
    problem = rmt.Problem(n=1, d=phi, ridge=7.0, rule=rule, rho=rho)
    assert ridgeless(problem) == pytest.approx(corollary1(problem), rel=1e-9)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("cosines", COSINES)
@pytest.mark.parametrize("phi", [0.01, 0.2, 5.0])
def test_the_law_tends_to_its_limits(rule, cosines, phi):
    tiny = rmt.Problem(n=1, d=phi, ridge=1e-13, rule=rule, **cosines)
    assert rmt.error_rate(tiny) == pytest.approx(ridgeless(tiny), rel=1e-8)
    many = rmt.Problem(n=1e14, d=phi, ridge=0.05, rule=rule, **cosines)
    assert rmt.error_rate(many) == pytest.approx(infinite_data(many), rel=1e-6, abs=2e-6)


def test_at_the_interpolation_threshold_nothing_is_left():
    problem = rmt.Problem(
        n=[1, 1, 1], d=[0.3 * (1 - 1e-9), 0.3, 0.3 * (1 + 1e-9)], ridge=1.0, rule=rmt.KeepHard(0.3), rho=0.9
    )
    below, at, above = ridgeless(problem)
    assert at == 0.5
    assert 0.499 < min(below, above) <= max(below, above) < 0.5


def test_strong_generators_want_hard_samples_and_weak_ones_easy_samples():
    """Theorem 2 of arXiv 2511.03492: good pruner, no ridge, endless data."""
    for generator, better, worse in ((1.0, rmt.KeepHard, rmt.KeepEasy), (0.7, rmt.KeepEasy, rmt.KeepHard)):
        best, other = (
            infinite_data(rmt.Problem(n=1, d=1, ridge=1e-12, rule=rule(0.3), rho=0.98, rho_generator=generator))
            for rule in (better, worse)
        )
        assert best < 0.8 * other


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("cosines", COSINES)
def test_the_best_ridge_is_best(rule, cosines):
    problem = rmt.Problem(n=[1.0, 4.0, 30.0], d=1, ridge=1.0, rule=rule, **cosines)
    best = optimal_ridge(problem)
    every = rmt.error_rate(replace(problem, ridge=np.geomspace(1e-8, 1e4, 4001)[:, None]))
    assert np.all(best.error_rate <= every.min(axis=0) * (1 + 1e-9))
    np.testing.assert_allclose(rmt.error_rate(replace(problem, ridge=best.argument)), best.error_rate, rtol=1e-13)


@pytest.mark.parametrize("keep", [rmt.KeepHard, rmt.KeepEasy])
@pytest.mark.parametrize("best_ridge", [False, True])
def test_the_best_keep_fraction_is_best(keep, best_ridge):
    problem = rmt.Problem(n=[0.5, 4.0, 100.0], d=1, ridge=1e-2, rule=rmt.KeepAll(), rho=0.95)
    best = optimal_keep_fraction(problem, keep, best_ridge=best_ridge)
    every = replace(problem, rule=keep(np.geomspace(1e-3, 1, 1001)[:, None]))
    errors = optimal_ridge(every).error_rate if best_ridge else rmt.error_rate(every)
    assert np.all(best.error_rate <= errors.min(axis=0) * (1 + 1e-6))
    assert np.all(best.bound == ((best.argument == 1) | (best.argument <= 1e-3)))


def test_pruning_pays_for_good_pruners_with_much_data_only():
    problem = rmt.Problem(n=[1.0, 256.0], d=1, ridge=1e-2, rule=rmt.KeepAll(), rho=[[0.3], [1.0]])
    best = optimal_keep_fraction(problem, best_ridge=True)
    assert best.argument[1, 1] < 0.05
    gain = 1 - best.error_rate / optimal_ridge(problem).error_rate
    assert gain[1, 1] > 0.8
    assert np.all(gain.flat[:3] < 0.02)


def test_limits_and_optima_of_keep_all_need_no_pruning_direction():
    free = rmt.Problem(n=4.0, d=1, ridge=0.1, rule=rmt.KeepAll())
    pruned = replace(free, rho=0.8)
    for limit in (ridgeless, infinite_data, lambda problem: optimal_ridge(problem).error_rate):
        assert limit(free) == pytest.approx(limit(pruned), rel=1e-12, abs=1e-8)


def test_limits_have_the_shape_of_the_problem():
    """Also where an array field, like the ridge of the ridgeless limit, has no influence."""
    problem = rmt.Problem(n=4, d=1, ridge=[0.1, 0.2], rule=rmt.KeepAll(), rho=[[0.5], [0.6], [0.7]])
    assert ridgeless(problem).shape == infinite_data(problem).shape == (3, 2)
    weak = {"rho": [0.5, 0.6], "rho_generator": 0.7, "rho_agreement": 0.5}
    moments = rmt.margin_moments(rmt.Problem(n=4, d=1, ridge=0.1, rule=rmt.KeepAll(), **weak))
    assert [moment.shape for moment in moments] == [(2,), (2,)]


def test_a_bad_range_is_refused():
    problem = rmt.Problem(n=1, d=1, ridge=1.0, rule=rmt.KeepAll(), rho=0.5)
    with pytest.raises(ValueError, match=r"rmt\.limits: got between=\(1, 1\); allowed 0 < low < high"):
        optimal_ridge(problem, between=(1, 1))
    for between in (5, None, "ab", (1, 2, 3), (1, np.nan), (1, np.inf), (0, 1), [1e-3, "x"], [0.1, 1j]):
        with pytest.raises(ValueError, match=r"rmt\.limits: got between=.*; allowed .*; do "):
            optimal_ridge(problem, between=between)
    narrow = optimal_ridge(problem, between=(10.0, 20.0))
    assert narrow.bound
    assert narrow.argument == pytest.approx(10.0)
