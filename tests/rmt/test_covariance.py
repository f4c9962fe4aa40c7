"""General covariance: check values, the isotropic law, full matrices, the fixed point, Monte Carlo, refusals."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import ks_2samp
from support.refusals import answer_or_refusal

import rmt
from rmt import covariance

D = 200
K = np.arange(1, D + 1)
WORLD = {"eigenvalues": covariance.power_law(D, 0.8), "w0": np.ones(D), "ws": 1 + 0.5 * (-1.0) ** K}


def random_world(seed, d=40):
    rng = np.random.default_rng(seed)
    w0, noise = rng.standard_normal((2, d))
    return {"eigenvalues": rng.uniform(0.1, 3, d), "w0": w0, "ws": w0 + rng.uniform(0, 2) * noise}


@pytest.mark.parametrize(("n", "p", "error"), [(600, 0.5, "0.218314"), (600, 1.0, "0.138581"), (4000, 0.3, "0.253311")])
def test_check_values_to_every_digit_shown(n, p, error):
    """The values are correct to the digits shown: d = 200, eigenvalues k^-0.8 of mean 1, ridge .1."""
    problem = rmt.Problem(n=n, d=D, ridge=0.1, rule=rmt.KeepHard(p))
    assert f"{covariance.error_rate(problem, **WORLD):.6f}" == error


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.4), rmt.KeepAll(), rmt.SoftKeep(0.5, power=2.0)])
@pytest.mark.parametrize(("n", "lam"), [(30, 1e-12), (400, 1e-12), (100, 0.1), (1e6, 1e-3), (0.01, 10.0)])
def test_equal_eigenvalues_are_the_isotropic_law(rule, n, lam):
    """Sigma = 3 I with ridge 3 lam has the isotropic law with ridge lam."""
    world = random_world(0) | {"eigenvalues": np.full(40, 3.0)}
    rho = world["w0"] @ world["ws"] / np.linalg.norm(world["w0"]) / np.linalg.norm(world["ws"])
    problem = rmt.Problem(n=n, d=40, ridge=3 * lam, rule=rule)
    isotropic = rmt.Problem(n=n, d=40, ridge=lam, rule=rule, rho=rho)
    solution = covariance.solve(problem, **world)
    assert solution.converged
    assert solution.rho == pytest.approx(rho, rel=1e-14)
    assert solution.value == pytest.approx(rmt.error_rate(isotropic), rel=1e-11)
    m0, nu0 = rmt.margin_moments(isotropic)
    assert (solution.m0, solution.nu0) == (pytest.approx(m0, rel=1e-9), pytest.approx(nu0, rel=1e-9))


@pytest.mark.parametrize("seed", range(6))
def test_the_law_in_full_matrices(seed):
    """Every d x d matrix written out, delta by bisection, E[F Sigma F] as in the module's docstring."""
    world, n, lam, rule = random_world(seed), 55, 0.03, rmt.KeepHard(0.6)
    s, w0, ws = world.values()
    root = np.sqrt(s)
    e_s, e_0 = (root * w / np.linalg.norm(root * w) for w in (ws, w0))
    rho = e_s @ e_0
    e_r = (e_0 - rho * e_s) / np.linalg.norm(e_0 - rho * e_s)
    p, gamma, beta, beta_t = rule.moments(rho)
    Sigma = np.diag(s)
    S = p * Sigma + (gamma - p) * np.outer(root * e_s, root * e_s)
    c = root * (beta_t * e_s + beta * e_r)
    delta = brentq(lambda x: np.sum(s / (p * s / (1 + x) + lam)) / n - x, 1e-6, 1e6, xtol=1e-14, rtol=1e-15)
    T, R = (np.linalg.inv(M / (1 + delta) + lam * np.eye(len(s))) for M in (p * Sigma, S))
    psi = np.trace(Sigma @ T @ Sigma @ T) / n
    kappa = p * psi / (1 + delta) ** 2
    second = R @ Sigma @ R + psi / ((1 + delta) ** 2 * (1 - kappa)) * R @ S @ R
    m0 = c @ R @ (root * e_0)
    nu0 = p * psi / (1 - kappa) + c @ second @ c - 2 * (c @ R @ c) / (1 + delta) * psi / (1 - kappa)
    solution = covariance.solve(rmt.Problem(n=n, d=len(s), ridge=lam, rule=rule), **world)
    got = [solution.delta, solution.m0, solution.nu0, solution.value]
    np.testing.assert_allclose(got, [delta, m0, nu0, np.arccos(m0 / np.sqrt(nu0)) / np.pi], rtol=1e-10)


@pytest.mark.parametrize("exponent", [0.0, 0.8, 2.0, 4.0])
@pytest.mark.parametrize("lam", [1e-12, 1e-4, 1e6])
@pytest.mark.parametrize("n", [5, 300, 1e5])
def test_the_fixed_point_solves_its_equation(exponent, lam, n):
    world = WORLD | {"eigenvalues": covariance.power_law(D, exponent)}
    solution = covariance.solve(rmt.Problem(n=n, d=D, ridge=lam, rule=rmt.KeepHard(0.4)), **world)
    s = world["eigenvalues"]
    again = np.sum(s / (0.4 * s / (1 + solution.delta) + lam)) / n
    assert again == pytest.approx(solution.delta, rel=1e-11)
    assert solution.converged
    assert solution.iterations < 40


def test_only_the_directions_of_the_vectors_matter():
    """The length of the vectors and the sign of ws do not matter; the sign of w0 flips training and test labels."""
    problem = rmt.Problem(n=100, d=40, ridge=0.1, rule=rmt.KeepHard(0.5))
    world = random_world(1)
    base = covariance.error_rate(problem, **world)
    for name, factor in (("w0", 1e-200), ("ws", -7.0), ("w0", -1.0)):
        assert covariance.error_rate(problem, **(world | {name: factor * world[name]})) == pytest.approx(
            base, rel=1e-11
        )


def test_a_perfect_pruner_is_the_limit_of_a_good_one():
    problem = rmt.Problem(n=100, d=40, ridge=0.1, rule=rmt.KeepHard(0.5))
    world = random_world(2)
    near = world["w0"] + 1e-7 * world["ws"]
    perfect = covariance.error_rate(problem, **(world | {"ws": 2 * world["w0"]}))
    assert perfect == pytest.approx(covariance.error_rate(problem, **(world | {"ws": near})), rel=1e-5)


def test_one_huge_spectrum_in_linear_memory():
    d = 10**5
    world = {"eigenvalues": covariance.power_law(d, 1.0), "w0": np.ones(d), "ws": np.arange(d) + 1.0}
    problem = rmt.Problem(n=2 * d, d=d, ridge=1e-3, rule=rmt.KeepHard(0.3))
    tracemalloc.start()
    assert 0 < covariance.error_rate(problem, **world) < 0.5
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * 8 * d  # d x d would be 10^5 times more


def test_fields_broadcast():
    problem = rmt.Problem(n=[300, 900], d=D, ridge=[[0.01], [0.1], [1.0]], rule=rmt.KeepHard(0.5))
    solution = covariance.solve(problem, **WORLD)
    assert solution.value.shape == solution.converged.shape == (3, 2)
    one = rmt.Problem(n=900, d=D, ridge=0.1, rule=rmt.KeepHard(0.5))
    assert solution.value[1, 1] == covariance.error_rate(one, **WORLD)


def obvious_trial(problem, world, rng):
    """Simulate the definition: draw rows of covariance Sigma, prune, solve, return the angle in its metric over pi."""
    n, d, s = int(problem.n), int(problem.d), world["eigenvalues"]
    X = rng.standard_normal((n, d)) * np.sqrt(s)
    y = np.sign(X @ world["w0"])
    D = np.diag(problem.rule.keep_probability(X @ world["ws"] / np.sqrt(world["ws"] @ (s * world["ws"]))))
    w = np.linalg.solve(X.T @ D @ X / n + problem.ridge * np.eye(d), X.T @ D @ y / n)
    return np.arccos((w * s) @ world["w0"] / np.sqrt((w * s) @ w * ((world["w0"] * s) @ world["w0"]))) / np.pi


@pytest.mark.parametrize("n", [30, 150])  # fewer and more kept samples than dimensions
def test_same_law_as_the_obvious_simulation(n):
    problem, world = rmt.Problem(n=n, d=40, ridge=0.05, rule=rmt.KeepEasy(0.5)), random_world(3)
    rng = np.random.default_rng(1)
    slow = [obvious_trial(problem, world, rng) for _ in range(300)]
    fast = covariance.simulate(problem, trials=300, rng=np.random.default_rng(2), **world).samples
    assert ks_2samp(slow, fast).pvalue > 1e-3


def test_what_does_not_converge_says_so():
    problem = rmt.Problem(n=300, d=D, ridge=[1e-9, 1.0], rule=rmt.KeepHard(0.4))
    solution = covariance.solve(problem, **WORLD, max_iterations=2)
    assert not solution.converged[0]
    with pytest.raises(
        ArithmeticError, match=r"residual \S+ after 2 iterations; allowed at most 1e-13; do raise max_it"
    ):
        covariance.error_rate(problem, **WORLD, max_iterations=2)


GOOD = {"n": 600, "d": D, "ridge": 0.1, "rule": rmt.KeepHard(0.5)}


@pytest.mark.parametrize(
    ("fields", "changes", "message"),
    [
        ({"rho": 0.9}, {}, "got rho=0.9, rho_agreement=None; allowed neither"),
        ({"label_aware": True}, {}, "got label_aware=True.*; allowed a perfect generator"),
        ({"rho_generator": 0.9}, {}, "rho_generator=0.9; allowed a perfect generator"),
        ({"d": 100}, {}, r"got eigenvalues of shape \(200,\) with d=100.0; allowed shape \(d,\)"),
        ({"d": [200, 100]}, {}, "got eigenvalues of shape"),
        ({}, {"w0": np.ones(3)}, r"got w0 of shape \(3,\)"),
        ({}, {"w0": np.zeros(D)}, "got w0=0.0; allowed vectors other than 0"),
        ({}, {"eigenvalues": np.r_[0.0, np.ones(D - 1)]}, "got eigenvalues=0.0; allowed finite values > 0"),
        ({}, {"ws": np.r_[np.nan, np.ones(D - 1)]}, "got ws=nan; allowed finite"),
        ({}, {"max_iterations": 0}, "got max_iterations=0; allowed whole numbers >= 1"),
    ],
)
def test_bad_input_is_refused_by_name(fields, changes, message):
    with pytest.raises(ValueError, match=rf"rmt\.covariance\.\w+: .*{message}.*; do "):
        covariance.error_rate(rmt.Problem(**(GOOD | fields)), **(WORLD | changes))


def test_a_spectrum_needs_a_dimension():
    with pytest.raises(ValueError, match=r"power_law: got d=2.5; allowed whole numbers"):
        covariance.power_law(2.5, 1.0)
    assert covariance.power_law(50, 0.7).mean() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("d", "exponent", "message"),
    [
        (1000, -200.0, "got d=1000, exponent=-200.0; allowed exponents whose d eigenvalues are finite and > 0"),
        (1000, 500.0, "got d=1000, exponent=500.0; allowed exponents whose d eigenvalues are finite and > 0"),
        (10, [1, 2], r"got exponent=\[1, 2\]; allowed one number"),
        (10, np.ma.masked, "got exponent=masked; allowed real numbers, unmasked"),
        (10**15, 1.0, "got d=1000000000000000, which needs .* GiB; allowed .* GiB"),
        pytest.param(
            10**5000, 1.0, "got d=a whole number of more than 4,300 digits; allowed whole numbers", id="5001 digits"
        ),
    ],
)
def test_impossible_spectra_are_refused(d, exponent, message):
    with pytest.raises(ValueError, match=rf"rmt\.covariance\.power_law: {message}.*; do "):
        covariance.power_law(d, exponent)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(1, 1000), st.floats(allow_nan=False, allow_infinity=False, min_value=-400, max_value=400))
def test_every_spectrum_is_positive_with_mean_1_or_refused(d, exponent):
    values = answer_or_refusal(lambda: covariance.power_law(d, exponent))
    if isinstance(values, str):
        assert abs(exponent) * np.log10(d) > 300
    else:
        assert np.all((values > 0) & np.isfinite(values))
        assert values.mean() == pytest.approx(1.0)


def test_empty_problems_have_empty_answers():
    solution = covariance.solve(rmt.Problem(n=[], d=D, ridge=0.1, rule=rmt.KeepHard(0.5)), **WORLD)
    assert {np.shape(getattr(solution, name)) for name in ("value", "delta", "iterations", "converged")} == {(0,)}
    assert covariance.error_rate(rmt.Problem(n=[], d=D, ridge=0.1, rule=rmt.KeepHard(0.5)), **WORLD).shape == (0,)


scale = st.one_of(st.floats(-2, 2), st.floats(-2, 2), st.floats(-323, 308)).map(lambda e: 10.0**e)
vector = st.lists(scale, min_size=3, max_size=3)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(scale, scale, st.floats(-300, 0), vector, vector, vector)
def test_any_scale_is_answered_or_refused(n, ridge, digits, eigenvalues, w0, ws):
    """Results are finite error rates in [0, 1], of the law and of trials, or refusals."""
    shape = {"eigenvalues": eigenvalues, "w0": w0, "ws": ws}
    problem = rmt.Problem(n=n, d=3, ridge=ridge, rule=rmt.KeepEasy(10.0**digits))
    value = answer_or_refusal(lambda: covariance.error_rate(problem, **shape), ArithmeticError)
    assert isinstance(value, str) or 0 <= value <= 1
    few = rmt.Problem(n=5, d=3, ridge=ridge, rule=rmt.KeepEasy(10.0**digits))
    estimate = answer_or_refusal(lambda: covariance.simulate(few, 2, rng=np.random.default_rng(0), **shape))
    assert isinstance(estimate, str) or np.all((estimate.samples >= 0) & (estimate.samples <= 1))
