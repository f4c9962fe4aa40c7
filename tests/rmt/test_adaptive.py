"""Adaptive practice: the recursion against drawn rounds, fixed points, folds, limits and bad input."""

from dataclasses import replace

import numpy as np
import pytest

import rmt
from rmt.adaptive import advance, fixed_points, recursion

ONE = rmt.Problem(n=512, d=128, ridge=5e-3, rule=rmt.KeepHard(0.5), rho=0.8)
THREE = rmt.Problem(n=120, d=1, ridge=0.01125, rule=rmt.KeepHard(0.25), rho=0.9)


def practice(problem, rounds, trials, seed):
    """Draw full replacement; return the error after each round, shape (trials, rounds + 1)."""
    n, d, p = int(problem.n), int(problem.d), problem.rule.p
    errors = np.empty((trials, rounds + 1))
    for t in range(trials):
        rng = np.random.default_rng([seed, t])
        w = np.eye(d)[0] * problem.rho + np.eye(d)[1] * np.sqrt(1 - problem.rho**2)
        errors[t, 0] = np.arccos(problem.rho) / np.pi
        for k in range(rounds):
            X = rng.standard_normal((n, d))
            X = X[np.argsort(np.abs(X @ w))[: round(p * n)]]  # the hardest, as practice takes them
            w = np.linalg.solve(X.T @ X / n + problem.ridge * np.eye(d), X.T @ np.sign(X[:, 0]) / n)
            w /= np.linalg.norm(w)
            errors[t, k + 1] = np.arccos(w[0]) / np.pi
    return errors


@pytest.mark.parametrize(
    "problem",
    [
        rmt.Problem(n=600, d=150, ridge=5e-3, rule=rmt.KeepHard(0.5), rho=0.8),
        rmt.Problem(n=1500, d=100, ridge=1e-2, rule=rmt.KeepHard(0.3), rho=0.95),
        rmt.Problem(n=800, d=100, ridge=0.1, rule=rmt.KeepHard(0.125), rho=0.6),
    ],
)
def test_drawn_rounds_follow_the_recursion(problem):
    """Within 4 stderr + C/d at every round, with C = 1.5 chosen before looking, and a bound below .035."""
    errors = practice(problem, 4, 24, seed=0)
    law = np.arccos(recursion(problem, 4)) / np.pi
    bound = 4 * errors.std(axis=0, ddof=1) / np.sqrt(len(errors)) + 1.5 / problem.d
    assert np.all(bound[1:] < 0.035)
    assert np.all(np.abs(errors.mean(axis=0) - law)[1:] < bound[1:])


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.6), rmt.SoftKeep(0.4, power=1.0)])
def test_a_round_is_theorem_1(rule):
    rho = np.array([-0.9, -0.3, 0.0, 0.3, 0.9, 1.0])
    problem = rmt.Problem(n=10, d=1, ridge=0.01, rule=rule, rho=rho)
    m0, nu0 = rmt.margin_moments(problem)
    np.testing.assert_allclose(advance(problem), m0 / np.sqrt(nu0), rtol=1e-12)
    np.testing.assert_allclose(advance(replace(problem, rho=-rho)), advance(problem), rtol=1e-12)


def test_a_stale_direction_gains_nothing_more():
    fresh = recursion(ONE, 12)
    for renew in (1, 2, 5, 12, 1000):
        stale = recursion(ONE, 12, renew=renew)
        np.testing.assert_array_equal(stale, fresh[[-(-k // renew) for k in range(13)]])
    grid = replace(ONE, rho=[[0.5], [0.9]], ridge=[1e-3, 1e-2, 1e-1])
    assert recursion(grid, 0).shape == (1, 2, 3)
    assert recursion(grid, 5, renew=2).shape == (6, 2, 3)


@pytest.mark.parametrize(
    "problem", [ONE, THREE, replace(THREE, rule=rmt.KeepAll()), replace(ONE, rule=rmt.KeepHard(1 / 64))]
)
def test_fixed_points_are_reproduced(problem):
    points = fixed_points(problem)
    assert len(points) % 2 == 1
    for point in points:
        assert advance(replace(problem, rho=point.rho)) == pytest.approx(point.rho, abs=1e-12)
        assert point.error_rate == pytest.approx(np.arccos(point.rho) / np.pi, rel=1e-9)
        assert point.stable == (abs(point.slope) < 1)
        step = 1e-5 * (1 - point.rho)
        high, low = (advance(replace(problem, rho=point.rho + sign * step)) for sign in (1, -1))
        assert point.slope == pytest.approx((high - low) / (2 * step), rel=1e-3, abs=1e-6)
    assert [p.error_rate for p in points] == sorted((p.error_rate for p in points), reverse=True)


def test_slopes_are_the_gradients_of_the_sweep():
    pytest.importorskip("jax")
    from rmt import sweep

    for point in fixed_points(THREE):
        slope = sweep.gradients(replace(THREE, rho=point.rho)).rho
        assert point.slope == pytest.approx(-np.pi * np.sin(np.pi * point.error_rate) * slope, rel=1e-6)


def test_a_poor_start_and_a_good_one_end_apart():
    poor, middle, good = fixed_points(THREE)
    assert (poor.stable, middle.stable, good.stable) == (True, False, True)
    starts = [0.5, middle.rho - 1e-3, middle.rho + 1e-3, 0.9999]
    ends = recursion(replace(THREE, rho=starts), 400)[-1]
    np.testing.assert_allclose(ends, [poor.rho, poor.rho, good.rho, good.rho], rtol=1e-9)


def test_pairs_of_fixed_points_are_found_up_to_the_fold_where_they_meet():
    """As the ridge falls two of three fixed points meet and vanish; just before, they lie within one grid step."""
    few, many = 0.005, 0.01125  # ridges with one fixed point and with three
    assert [len(fixed_points(replace(THREE, ridge=ridge))) for ridge in (few, many)] == [1, 3]
    for _ in range(26):
        middle = (few + many) / 2
        few, many = (few, middle) if len(fixed_points(replace(THREE, ridge=middle))) == 3 else (middle, many)
    poor, repelling, _ = fixed_points(replace(THREE, ridge=many))
    assert 0 < poor.error_rate - repelling.error_rate < 1e-4  # a grid step is about 5e-4
    assert poor.slope == pytest.approx(1, abs=1e-2)


def test_pruned_to_the_boundary_the_next_direction_is_orthogonal():
    """p -> 0 with endless data: kept samples carry no signal along w_k, so theta_{k+1} = pi/2 - theta_k."""
    rho = np.array([0.2, 0.6, 0.95])
    problem = rmt.Problem(n=1e12, d=1, ridge=1e-3, rule=rmt.KeepHard(1e-4), rho=rho)
    np.testing.assert_allclose(np.arccos(advance(problem)), np.pi / 2 - np.arccos(rho), rtol=1e-3)
    (point,) = fixed_points(replace(problem, rho=0.5))
    assert point.error_rate == pytest.approx(0.25, rel=1e-3)
    assert point.slope == pytest.approx(-1, abs=1e-2)


def test_without_pruning_every_start_is_forgotten():
    (point,) = fixed_points(replace(ONE, rule=rmt.KeepAll()))
    assert point.slope == pytest.approx(0, abs=1e-9)
    assert point.error_rate == pytest.approx(rmt.error_rate(replace(ONE, rule=rmt.KeepAll())), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recursion(ONE, -1), r"rmt\.adaptive\.recursion: got rounds=-1; allowed whole numbers >= 0"),
        (lambda: recursion(ONE, 10**12), r"rmt\.adaptive\.recursion: got rounds=10+, which needs .* GiB; .*; do lower"),
        (lambda: recursion(ONE, 2.5), r"rmt\.adaptive\.recursion: got rounds=2.5"),
        (lambda: recursion(ONE, 3, renew=0), r"rmt\.adaptive\.recursion: got renew=0; allowed whole numbers >= 1"),
        (lambda: fixed_points(replace(ONE, n=[1, 2])), r"rmt\.adaptive\.fixed_points: got a problem of shape \(2,\)"),
        (lambda: advance(replace(ONE, rho_generator=0.9)), r"rmt\.adaptive\.advance: got an imperfect generator"),
        (lambda: recursion(replace(ONE, label_aware=True), 3), r"rmt\.adaptive\.recursion: got an imperfect generator"),
        (lambda: fixed_points(replace(ONE, rho_generator=0.9)), r"rmt\.adaptive\.fixed_points: got an imperfect"),
        (lambda: advance(replace(ONE, rho=None)), r"got no rho; allowed cosines"),
        (lambda: recursion(replace(ONE, rho=None, rule=rmt.KeepAll()), 2), r"recursion: got no rho; .*; do pass rho"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
