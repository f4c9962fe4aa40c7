"""Simulation against theory through one helper, and against the slow obvious simulation."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from support.refusals import answer_or_refusal

import rmt
from rmt import dense, reduced, resources

FINITE_SIZE = 1.0  # C in C/d, fixed before looking: the gap of correct formulas is .76/d at phi = .5, lam = .1


def assert_agrees(problem, *, trials, resolution, seed=0, law="arccos", method=None):
    """Assert |mean - theory| <= 4 stderr + C/d, and that this bound is below `resolution`."""
    estimate = rmt.simulate(problem, trials, method, rng=np.random.default_rng(seed))
    gap, bound = abs(estimate.mean - rmt.error_rate(problem, law=law)), 4 * estimate.stderr + FINITE_SIZE / problem.d
    assert bound <= resolution, f"the test cannot see: bound {bound:.4f} above resolution {resolution}"
    assert gap <= bound, f"gap {gap:.4f} above 4 stderr + C/d = {bound:.4f} at {problem}"


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.4), rmt.KeepAll()])
@pytest.mark.parametrize("rho", [1.0, 0.9, -0.5, 0.0])
@pytest.mark.parametrize(
    ("n", "ridge", "method"), [(150, 0.1, "dense"), (1500, 1e-2, "dense"), (3000, 1e-6, "reduced")]
)
def test_theory_and_simulation_agree(rule, rho, n, ridge, method):
    """Fewer and more kept samples than dimensions, and ridges down to 1e-6."""
    problem = rmt.Problem(n=n, d=300, ridge=ridge, rule=rule, rho=rho)
    assert_agrees(problem, trials=40, resolution=0.016, method=method)


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.4), rmt.KeepAll(), rmt.SoftKeep(0.5, power=1.0)])
@pytest.mark.parametrize(("n", "rho"), [(500, 0.9), (5000, 0.9), (500_000, 1.0)])
def test_reduced_simulation_reaches_sizes_that_no_matrix_could(rule, n, rho):
    """d = 4000 leaves C/d = 2.5e-4; a data matrix of 5 * 10^5 x 4000 numbers would take 15 GiB."""
    problem = rmt.Problem(n=n, d=4000, ridge=1e-3, rule=rule, rho=rho)
    assert_agrees(problem, trials=6, resolution={500: 0.03, 5000: 0.014, 500_000: 0.001}[n], method="reduced")


def test_sharp_agreement_and_its_power():
    """Resolution .005 where the first version's Gaussian-margin law is off by .06: it fails the same test."""
    problem = rmt.Problem(n=3000, d=350, ridge=1e-6, rule=rmt.KeepHard(0.3), rho=1)
    assert_agrees(problem, trials=16, resolution=0.006)
    with pytest.raises(AssertionError, match="above 4 stderr"):
        assert_agrees(problem, trials=16, resolution=0.006, law="gaussian_margin")


def test_the_gap_is_of_order_one_over_d():
    """Doubling n and d halves mean - theory."""
    gaps, errors = [], []
    for d in (8, 16):
        problem = rmt.Problem(n=2 * d, d=d, ridge=0.1, rule=rmt.KeepHard(0.5), rho=0.8)
        estimate = rmt.simulate(problem, trials=1000, rng=np.random.default_rng(d))
        gaps.append(estimate.mean - rmt.error_rate(problem))
        errors.append(estimate.stderr)
    tolerance = 4 * np.hypot(errors[0], 2 * errors[1])
    assert tolerance < abs(gaps[0])  # otherwise the next line could not fail
    assert abs(gaps[0] - 2 * gaps[1]) < tolerance


def obvious_trial(problem, rng):
    """Simulate the definition: draw all rows, prune, solve, return the angle over pi."""
    n, d, lam, rho = problem.n, problem.d, problem.ridge, problem.rho
    n, d = int(n), int(d)
    w_s, other = np.linalg.qr(rng.standard_normal((d, 2)))[0].T
    w_0 = rho * w_s + np.sqrt(1 - rho**2) * other
    X = rng.standard_normal((n, d))
    y = np.sign(X @ w_0)
    D = np.diag(problem.rule.keep_probability(X @ w_s))  # these rules keep with probability 0 or 1
    w = np.linalg.solve(X.T @ D @ X / n + lam * np.eye(d), X.T @ D @ y / n)
    return np.arccos(w @ w_0 / np.linalg.norm(w)) / np.pi


@pytest.mark.parametrize("n", [30, 150])  # fewer and more kept samples than dimensions
@pytest.mark.parametrize("rule", [rmt.KeepHard(0.4), rmt.KeepEasy(0.5)])
def test_same_law_as_the_obvious_simulation(rule, n):
    problem = rmt.Problem(n=n, d=25, ridge=0.05, rule=rule, rho=0.8)
    rng = np.random.default_rng(1)
    slow = [obvious_trial(problem, rng) for _ in range(400)]
    for method in ("dense", "reduced"):
        fast = rmt.simulate(problem, 400, method, rng=np.random.default_rng(2)).samples
        assert ks_2samp(slow, fast).pvalue > 1e-3


class KeepRandom:
    """A rule defined outside the package: keep the fraction p by coin."""

    kinks = ()

    def __init__(self, p):
        self.p = p

    def keep_probability(self, u):
        return np.full_like(u, self.p)

    def moments(self, rho):
        return rmt.RuleMoments(*(self.p * np.asarray(moment) for moment in rmt.KeepAll().moments(rho)))


def test_any_rule_takes_part():
    """Keeping by coin is the same as drawing p n samples, at ridge lam / p."""
    fewer = rmt.Problem(n=900, d=300, ridge=0.04, rule=rmt.KeepAll(), rho=0.7)
    blind = rmt.Problem(n=3600, d=300, ridge=0.01, rule=KeepRandom(0.25), rho=0.7)
    assert rmt.error_rate(blind) == pytest.approx(rmt.error_rate(fewer), rel=1e-13)
    assert_agrees(blind, trials=40, resolution=0.01)


def test_primal_and_dual_solve_the_same_equations():
    rng = np.random.default_rng(0)
    plane, y = rng.standard_normal((60, 2)), rng.choice([-1.0, 1.0], 60)
    X = np.hstack([plane, rng.standard_normal((60, 58))])
    ways = dense._solve_primal(X.__getitem__, y, 60, 0.3), dense._solve_dual(X.__getitem__, y, 0.3)
    np.testing.assert_allclose(*ways, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["dense", "reduced"])
def test_vanishing_ridge_stays_well_conditioned(method):
    """With fewer kept rows than dimensions lam = 1e-12 and 1e-9 are the same minimum-norm interpolation."""
    samples = [
        rmt.simulate(
            rmt.Problem(n=150, d=100, ridge=ridge, rule=rmt.KeepHard(0.4), rho=0.9),
            4,
            method,
            rng=np.random.default_rng(0),
        ).samples
        for ridge in (1e-12, 1e-9)
    ]
    np.testing.assert_allclose(*samples, atol=1e-7)


@pytest.mark.parametrize("method", ["dense", "reduced"])
def test_huge_ridge_does_not_underflow(method):
    """lam -> inf makes w proportional to X'DY, also where |w| is tiny."""
    samples = [
        rmt.simulate(
            rmt.Problem(n=150, d=100, ridge=ridge, rule=rmt.KeepAll(), rho=0.9),
            4,
            method,
            rng=np.random.default_rng(0),
        ).samples
        for ridge in (1e9, 1e250)
    ]
    np.testing.assert_allclose(*samples, rtol=1e-6)


@pytest.mark.parametrize(("method", "module"), [("dense", dense), ("reduced", reduced)])
@pytest.mark.parametrize("rule", [rmt.KeepHard(0.5), rmt.SoftKeep(0.5, power=1.0)])
def test_a_trial_depends_neither_on_their_number_nor_on_blocks(monkeypatch, method, module, rule):
    problem = rmt.Problem(n=500, d=40, ridge=0.1, rule=rule, rho=0.9, label_aware=True)
    many = rmt.simulate(problem, 6, method, rng=np.random.default_rng(3))
    few = rmt.simulate(problem, 2, method, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(few.samples, many.samples[:2])
    monkeypatch.setattr(module, "_BLOCK", 17)
    np.testing.assert_allclose(
        rmt.simulate(problem, 6, method, rng=np.random.default_rng(3)).samples, many.samples, rtol=1e-9
    )
    rng = np.random.default_rng(3)
    first, second = (rmt.simulate(problem, 2, method, rng=rng).samples for _ in range(2))
    assert (first != second).all()
    assert many.mean == pytest.approx(np.mean(many.samples))
    assert many.stderr == pytest.approx(np.std(many.samples, ddof=1) / np.sqrt(6))


def test_workers_change_nothing():
    problem = rmt.Problem(n=200, d=20, ridge=0.1, rule=rmt.KeepHard(0.5), rho=0.9)
    alone, shared = (rmt.simulate(problem, 5, "dense", workers=k, rng=np.random.default_rng(0)).samples for k in (1, 2))
    np.testing.assert_array_equal(alone, shared)
    unnamed = rmt.Problem(n=200, d=20, ridge=0.1, rule=rmt.KeepFunction(lambda u: np.exp(-(u**2))), rho=0.9)
    with pytest.raises(ValueError, match=r"got workers=2 with a rule .* cannot be pickled .*; do define it there"):
        rmt.simulate(unnamed, 5, workers=2, rng=np.random.default_rng(0))


@pytest.mark.parametrize("method", ["dense", "reduced"])
def test_a_trial_that_keeps_nothing_is_a_coin_toss(method):
    problem = rmt.Problem(n=1, d=5, ridge=0.1, rule=rmt.KeepHard(1e-6), rho=0.9)
    assert rmt.simulate(problem, 3, method, rng=np.random.default_rng(0)).samples.tolist() == [0.5] * 3


def test_memory_that_is_not_there_is_not_taken():
    """The dense method's error recommends the reduced method, which needs less than 2 GiB for the same problem."""
    problem = rmt.Problem(n=10**8, d=10**6, ridge=0.1, rule=rmt.KeepAll(), rho=0.9)
    with pytest.raises(ValueError, match=r"which needs .* GiB; allowed .*; do pass method='reduced'"):
        rmt.simulate(problem, method="dense", rng=np.random.default_rng(0))
    assert reduced.bytes_needed(10**6) < 2**31


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({"n": 10**18, "d": 100}, {}),
        ({"n": 10**12, "d": 2, "rule": rmt.KeepHard(1e-12)}, {"method": "dense", "trials": 500}),
        ({"n": 10**12, "d": 2, "rule": rmt.KeepHard(1e-12), "loss": "logistic"}, {"trials": 500}),
        ({"n": 10**6, "d": 512, "loss": "logistic", "rule": rmt.KeepHard(0.01)}, {"trials": 10**5}),
        ({"n": 2, "d": 2}, {"trials": 10**12, "workers": 2}),
    ],
)
def test_work_that_never_ends_is_refused(fields, arguments):
    """The message names the hours, and the bound."""
    with pytest.raises(
        ValueError, match=r"rmt\.simulate: got .*about \S+ hours; allowed 100 hours at 2e\+07 .*; do lower n"
    ):
        rmt.simulate(rmt.Problem(**(GOOD | fields)), **({"rng": np.random.default_rng(0)} | arguments))


def test_large_problems_are_still_allowed():
    """Fifty trials of n = 10^8, d = 10^6 (reduced) and of n = 50,000, d = 512 (dense), and n = 10^11 on eight cores."""
    resources.require_time(reduced.seconds_needed(1e8, 1e6, 1.0), 50, 1, "these", "here")
    resources.require_time(dense.seconds_needed(5e4, 512, 1.0, newton=True), 50, 1, "these", "here")
    resources.require_time(reduced.seconds_needed(1e11, 1e3, 1.0), 50, 8, "these", "here")


def test_the_estimated_time_is_the_right_order():
    """Within a factor of 30 of the measured time, on a busy machine too."""
    problem, start = rmt.Problem(n=10**6, d=100, ridge=0.1, rule=rmt.KeepAll(), rho=0.5), time.process_time()
    rmt.simulate(problem, 2, rng=np.random.default_rng(0))
    assert 1 / 30 < (time.process_time() - start) / (2 * reduced.seconds_needed(10**6, 100, 1.0)) < 30


SIZES = st.one_of(st.integers(2, 30), st.sampled_from([1e15, 1e18, 1e19, 1e300, 1e308, 2.5, 2**63]))
SCALES = st.one_of(st.floats(-323, 308).map(lambda e: 10.0**e), st.floats(-9, 3).map(lambda e: 10.0**e))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SIZES, SIZES, SCALES, st.floats(-1, 1), st.floats(-300, 0), st.sampled_from(["reduced", "dense", "logistic"]))
def test_any_scale_is_simulated_or_refused(n, d, ridge, rho, digits, kind):
    """Trials have errors in [0, 1]; Newton's method may say that it did not converge."""
    loss, method = ("logistic", "dense") if kind == "logistic" else ("squared", kind)
    problem = rmt.Problem(n=n, d=d, ridge=ridge, rule=rmt.KeepHard(10.0**digits), rho=rho, loss=loss)
    estimate = answer_or_refusal(
        lambda: rmt.simulate(problem, 2, method, rng=np.random.default_rng(0)), ArithmeticError
    )
    if not isinstance(estimate, str):
        assert np.all((estimate.samples >= 0) & (estimate.samples <= 1))


GOOD = {"n": 100, "d": 10, "ridge": 0.1, "rule": rmt.KeepAll(), "rho": 0.5}


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({"n": 10.5}, {}),
        ({"d": 3.2}, {}),
        ({"d": 1}, {}),
        ({"rho": [0.1, 0.2]}, {}),
        ({"rule": rmt.KeepHard([0.5])}, {}),
        ({"d": 10**12}, {}),
        ({"d": 10**7}, {"method": "dense"}),
        ({"d": 10**7, "loss": "logistic"}, {}),
        ({"loss": "logistic"}, {"method": "reduced"}),
        ({}, {"workers": 0}),
        ({}, {"trials": 1}),
        ({}, {"trials": 2.5}),
        ({}, {"trials": True}),
        ({}, {"method": "fast"}),
        ({}, {"rng": 0}),
    ],
)
def test_what_cannot_be_simulated_is_refused(fields, arguments):
    with pytest.raises(ValueError, match=r"rmt\.simulate: got .*; allowed .*; do .*"):
        rmt.simulate(rmt.Problem(**(GOOD | fields)), **({"rng": np.random.default_rng(0)} | arguments))
