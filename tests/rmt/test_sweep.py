"""Sweeps in JAX: agreement with NumPy over the whole domain, gradients in 60-digit arithmetic, bad input."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.refusals import answer_or_refusal

import rmt
from rmt.limits import optimal_keep_fraction

pytest.importorskip("jax")
import jax

from rmt import sweep
from rmt.sweep import theorem

RULES = {"hard": rmt.KeepHard, "easy": rmt.KeepEasy, "all": lambda p: rmt.KeepAll()}  # noqa: ARG005


@pytest.fixture(autouse=True)
def _one_size(monkeypatch):
    """Use one size of blocks, which compiles once for the whole module."""
    monkeypatch.setattr(theorem, "_LEAST", 2**13)


def domain(kind, count, rng):
    """Draw problems over the stated range, dense near the edges: fractions near 0 and 1, cosines near 0 and +-1."""
    near = lambda low: 10.0 ** rng.uniform(low, 0, count)  # noqa: E731
    p = np.where(rng.random(count) < 0.7, near(-6), np.maximum(1 - near(-15), 1e-6))
    rho = np.choose(rng.integers(4, size=count), [1 - near(-17), near(-12), rng.uniform(0, 1, count), np.ones(count)])
    rho *= rng.choice([-1, 1], count)
    d, ridge = 10.0 ** rng.uniform(-6, 6, count), 10.0 ** rng.uniform(-12, 6, count)
    return rmt.Problem(n=1, d=d, ridge=ridge, rule=RULES[kind](p), rho=rho)


def literal(kind, p, phi, lam, rho):
    """Evaluate Theorem 1 as printed, misprints corrected, in the digits of mpmath."""
    p, phi, lam, rho = (mp.mpf(v) for v in (p, phi, lam, rho))
    a, tau, pdf = mp.sqrt(1 - rho**2), rho / mp.sqrt(1 - rho**2), mp.npdf
    p = mp.mpf(1) if kind == "all" else p
    alpha = {"hard": mp.sqrt(2) * mp.erfinv(p), "easy": mp.sqrt(2) * mp.erfinv(1 - p), "all": mp.mpf(0)}[kind]
    e1, e2 = 2 * mp.ncdf(alpha / a) - 1, 2 * mp.ncdf(tau * alpha) - 1
    hard = (
        2 * mp.ncdf(alpha) - 1 - 2 * alpha * pdf(alpha),
        2 * pdf(0) * a * e1,
        2 * (rho * pdf(0) * e1 - pdf(alpha) * e2),
    )
    gamma, beta, beta_t = (
        hard if kind == "hard" else (1 - hard[0], 2 * pdf(0) * a - hard[1], 2 * rho * pdf(0) - hard[2])
    )
    m = (p - phi + lam - mp.sqrt((p - phi + lam) ** 2 + 4 * phi * lam)) / (-2 * phi * lam)
    slope = m / (p / (1 + phi * m) + lam - m * p * phi / (1 + phi * m) ** 2)
    mt = 1 / (gamma / (1 + phi * m) + lam)
    r, r_slope = beta**2 * m + beta_t**2 * mt, beta**2 * slope
    r_slope += beta_t**2 * mt**2 * (1 + gamma * phi * slope / (1 + phi * m) ** 2)
    nu0 = p * phi * slope + r_slope - 2 * phi * slope * r / (1 + phi * m)
    return mp.acos((a * beta * m + rho * beta_t * mt) / mp.sqrt(nu0)) / mp.pi


def literal_slopes(kind, *x):
    """Return E, dE/dp, dE/dphi, dE/dlam, dE/drho by central differences of 1e-20 in 60 digits."""
    values = [literal(kind, *x)]
    for i, value in enumerate(x):
        step = mp.mpf(10) ** -20 * (1 - abs(value) if i == 3 else value)
        high, low = ([mp.mpf(v) + sign * step * (j == i) for j, v in enumerate(x)] for sign in (1, -1))
        values.append((literal(kind, *high) - literal(kind, *low)) / (2 * step))
    return values


@pytest.mark.parametrize("kind", RULES)
def test_numpy_and_jax_agree_over_the_domain(kind):
    problem = domain(kind, 2**13, np.random.default_rng(0))
    np.testing.assert_allclose(sweep.error_rate(problem), rmt.error_rate(problem), rtol=1e-10, atol=0)
    slopes = sweep.gradients(problem)
    np.testing.assert_allclose(slopes.error_rate, sweep.error_rate(problem), rtol=1e-13, atol=0)
    assert all(np.isfinite(values).all() for values in slopes)


@pytest.mark.parametrize("kind", RULES)
def test_gradients_are_those_of_theorem_1(kind):
    """Gradients agree to 1e-11, or to the rounding of the largest dE/dlog x."""
    rng = np.random.default_rng(1)
    with mp.workdps(60):
        for _ in range(25):
            p, phi, lam = (float(10.0 ** rng.uniform(*ends)) for ends in ((-6, -0.001), (-6, 6), (-12, 6)))
            rho = float(rng.choice([rng.uniform(-1, 1), 1 - 10 ** rng.uniform(-10, -1), 10 ** rng.uniform(-8, -1)]))
            got = sweep.gradients(rmt.Problem(n=1, d=phi, ridge=lam, rule=RULES[kind](p), rho=rho))
            want = [float(v) for v in literal_slopes(kind, p, phi, lam, rho)]
            assert got.error_rate == pytest.approx(want[0], rel=1e-11)
            scale = max(abs(w * x) for w, x in zip(want[1:], (p, phi, lam, rho), strict=True))
            for name, value, x in zip(("p", "phi", "ridge", "rho"), want[1:], (p, phi, lam, rho), strict=True):
                assert getattr(got, name) == pytest.approx(value, rel=1e-11, abs=1e-12 * scale / abs(x)), name


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("rho", [1.0, -1.0])
def test_gradients_at_the_ends_are_one_sided(kind, rho):
    at = lambda r: rmt.Problem(n=3, d=1, ridge=0.02, rule=RULES[kind](0.4), rho=r)  # noqa: E731
    h = 1e-6
    e0, e1, e2 = (rmt.error_rate(at(rho * (1 - k * h))) for k in range(3))
    assert sweep.gradients(at(rho)).rho == pytest.approx(rho * (3 * e0 - 4 * e1 + e2) / (2 * h), rel=1e-5, abs=1e-8)


def test_known_gradients():
    every = sweep.gradients(rmt.Problem(n=3, d=1, ridge=0.02, rule=rmt.KeepAll(), rho=0.7))
    assert every.rho == pytest.approx(0.0, abs=1e-15)  # what is not pruned knows no pruner
    assert every.p == 0.0
    assert sweep.error_rate(rmt.Problem(n=3, d=1, ridge=0.02, rule=rmt.KeepAll())) == pytest.approx(every.error_rate)
    full = sweep.gradients(rmt.Problem(n=3, d=1, ridge=0.02, rule=rmt.KeepHard(1.0), rho=0.7))
    assert np.isinf(full.p)
    assert full.ridge == pytest.approx(every.ridge, rel=1e-12)
    best = optimal_keep_fraction(rmt.Problem(n=64, d=1, ridge=1e-3, rule=rmt.KeepAll(), rho=0.98))
    there = sweep.gradients(rmt.Problem(n=64, d=1, ridge=1e-3, rule=rmt.KeepHard(best.argument), rho=0.98))
    assert abs(there.p) * best.argument < 1e-4 * there.error_rate  # the search's resolution


def test_second_derivatives_under_vmap():
    rho, h = 0.8, 1e-5
    slope = jax.grad(lambda r: sweep.law("hard", 0.4, 0.3, 0.02, r))
    with sweep.double_precision():
        pairs = jax.jit(jax.vmap(jax.value_and_grad(slope)))(np.array([rho - h, rho, rho + h]))
        slopes, bends = (np.asarray(v) for v in pairs)
    assert bends[1] == pytest.approx((slopes[2] - slopes[0]) / (2 * h), rel=1e-8)


def test_shapes_blocks_and_global_state(monkeypatch):
    before = jax.config.jax_enable_x64
    problem = rmt.Problem(n=np.geomspace(1, 100, 9)[:, None, None], d=1, ridge=[[0.1], [1.0]],
                          rule=rmt.KeepEasy(np.linspace(0.1, 1, 70)), rho=0.5)  # fmt: skip
    whole = sweep.error_rate(problem)
    assert whole.shape == problem.shape == (9, 2, 70)
    monkeypatch.setattr(theorem, "_BLOCK", 2**9)
    np.testing.assert_array_equal(sweep.error_rate(problem), whole)
    alone = sweep.error_rate(rmt.Problem(n=1, d=1, ridge=0.1, rule=rmt.KeepEasy(0.1), rho=0.5))
    assert isinstance(alone, float)
    assert alone == pytest.approx(whole[0, 0, 0], rel=1e-13)
    empty = rmt.Problem(n=np.empty(0), d=1, ridge=0.1, rule=rmt.KeepAll(), rho=0.5)
    assert sweep.error_rate(empty).shape == sweep.gradients(empty).phi.shape == (0,)
    assert jax.config.jax_enable_x64 == before


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": rmt.SoftKeep(0.3, power=1.0)},
        {"rho_generator": 0.9},
        {"label_aware": True},
        {"rho_agreement": 0.9},
        {"loss": "logistic"},
    ],
)
@pytest.mark.parametrize("function", [sweep.error_rate, sweep.gradients])
def test_other_problems_are_referred_to_numpy(changes, function):
    base = {"n": 4, "d": 1, "ridge": 0.1, "rule": rmt.KeepHard(0.3), "rho": 0.9}
    if "rho_agreement" in changes:
        changes = {**changes, "rho_generator": 0.95}
    with pytest.raises(ValueError, match=r"rmt\.sweep\.\w+: got .*; allowed KeepHard, .*; do use rmt\.error_rate"):
        function(rmt.Problem(**{**base, **changes}))


def test_other_bad_input():
    with pytest.raises(ValueError, match=r"rmt\.sweep\.error_rate: got n, d, ridge or keep fraction so extreme"):
        sweep.error_rate(rmt.Problem(n=1e300, d=1e-300, ridge=1e-300, rule=rmt.KeepHard(1e-300), rho=1.0))
    with pytest.raises(ValueError, match=r"rmt\.sweep\.law: got kind='soft'; allowed hard, easy, all"):
        sweep.law("soft", 0.3, 0.1, 0.1, 0.9)
    with pytest.raises(ValueError, match=r"rmt\.sweep\.law: got float32; allowed float64; do call it within"):
        sweep.law("hard", 0.3, 0.1, 0.1, 0.9)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    *[st.one_of(st.floats(-4, 4), st.floats(-323, 308)).map(lambda e: 10.0**e)] * 3,
    st.floats(-1, 1),
    st.floats(-300, 0).map(lambda e: 10.0**e),
    st.sampled_from([rmt.KeepHard, rmt.KeepEasy, lambda _: rmt.KeepAll()]),
)
def test_any_scale_is_answered_or_refused(n, d, ridge, rho, p, rule):
    """An error rate is in [0, 1]; a derivative may be infinite (keep-hard at p = 1), never NaN."""
    problem = rmt.Problem(n=n, d=d, ridge=ridge, rule=rule(p), rho=rho)
    value = answer_or_refusal(lambda: sweep.error_rate(problem))
    assert isinstance(value, str) or 0 <= value <= 1
    slopes = answer_or_refusal(lambda: sweep.gradients(problem))
    assert isinstance(slopes, str) or not np.isnan(slopes).any()


def test_jax_keeps_its_precision_outside_of_the_module():
    assert jax.numpy.arange(2.0).dtype == "float32"
