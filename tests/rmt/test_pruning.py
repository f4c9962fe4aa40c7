"""Moments of the keep rules: definition by quadrature, 50-digit closed forms, limits."""

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

import rmt
from rmt.pruning import sine

RULES = {"keep-hard": rmt.KeepHard, "keep-easy": rmt.KeepEasy}


def by_quadrature(rule, rho):
    """Integrate the definitions of p, gamma, beta, beta_t over the kept set of `rule`."""
    a = np.sqrt(1 - rho**2)
    low, high = (0, float(rule.threshold)) if isinstance(rule, rmt.KeepHard) else (float(rule.threshold), 12)

    def both_sides(f):
        """E[q(G) f(|G|)] for f even in G."""
        value, _ = quad(lambda g: 2 * f(g) * np.exp(-g * g / 2) / np.sqrt(2 * np.pi), low, min(high, 12), epsabs=1e-15)
        return value

    return (
        both_sides(lambda _: 1),
        both_sides(lambda g: g * g),
        both_sides(lambda g: 2 * np.exp(-((rho / a * g) ** 2) / 2) / np.sqrt(2 * np.pi)),
        both_sides(lambda g: erf(rho / a * g / np.sqrt(2)) * g),
    )


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("p", [0.02, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.3, 0.95])
def test_moments_are_the_integrals_that_define_them(name, p, rho):
    rule = RULES[name](p)
    np.testing.assert_allclose(rule.moments(rho), by_quadrature(rule, rho), rtol=1e-9, atol=1e-13)


def exact_moments(name, p, rho):
    """Evaluate the closed forms of Lemmas 1 and 2 of arXiv 2502.15588 in 60 digits, as they cancel."""
    with mp.workdps(60):
        p, rho = mp.mpf(p), mp.mpf(rho)
        a = mp.sqrt(1 - rho**2)
        alpha = mp.sqrt(2) * mp.erfinv(p if name == "keep-hard" else 1 - p)
        sign = 1 if name == "keep-hard" else -1
        e1 = (mp.erf if name == "keep-hard" else mp.erfc)(alpha / a / mp.sqrt(2))
        e2 = mp.erf(rho * alpha / a / mp.sqrt(2))
        pdf0, pdf = mp.npdf(0), mp.npdf(alpha)
        values = p, p - sign * 2 * alpha * pdf, 2 * pdf0 * a * e1, 2 * (rho * pdf0 * e1 - sign * pdf * e2)
        return [float(v) for v in values]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("p", [1e-6, 1e-3, 0.2, 0.5, 0.6826, 0.6828, 0.999, 1 - 1e-12])
@pytest.mark.parametrize("rho", [1e-9, 0.5, -0.999, 1 - 1e-9])
def test_moments_keep_their_digits_where_the_printed_formulas_cancel(name, p, rho):
    got, exact = RULES[name](p).moments(rho), exact_moments(name, p, rho)
    # keep-easy's beta has a Gaussian tail in alpha/a: its own condition number is (alpha/a)^2
    beta_rtol = 1e-13 if name == "keep-hard" else 1e-13 + 1e-15 * float(RULES[name](p).threshold / sine(rho)) ** 2
    for value, reference, rtol in zip(got, exact, (1e-15, 1e-13, beta_rtol, 1e-13), strict=True):
        np.testing.assert_allclose(value, reference, rtol=rtol, atol=1e-300)


@pytest.mark.parametrize("p", [1e-6, 1e-3, 0.2, 0.5, 0.9, 0.999999, 1 - 1e-12])
def test_thresholds_hold_the_keep_fraction(p):
    with mp.workdps(60):
        hard, easy = (float(mp.sqrt(2) * mp.erfinv(share)) for share in (mp.mpf(p), 1 - mp.mpf(p)))
    assert float(rmt.KeepHard(p).threshold) == pytest.approx(hard, rel=1e-14)
    assert float(rmt.KeepEasy(p).threshold) == pytest.approx(easy, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepHard(0.9), rmt.KeepEasy(0.3), rmt.KeepAll()])
def test_perfect_pruner_knows_the_label(rule, sign):
    """rho = +-1: beta = 0 and beta_t = +-E[q |G|], the limit of rho -> +-1."""
    at, near = rule.moments(sign), rule.moments(sign * (1 - 1e-12))
    assert at.beta == 0
    np.testing.assert_allclose(at, near, rtol=1e-5, atol=2e-6)  # beta = O(sqrt(1e-12))
    tail = 1.0 if rule == rmt.KeepAll() else np.exp(-(rule.threshold**2) / 2)
    mean = {rmt.KeepHard: 1 - tail, rmt.KeepEasy: tail, rmt.KeepAll: 1}[type(rule)] * np.sqrt(2 / np.pi)
    np.testing.assert_allclose(at.beta_t, sign * mean, rtol=1e-14)


@pytest.mark.parametrize("rho", [-1, -0.4, 0, 0.4, 1])
@pytest.mark.parametrize("name", RULES)
def test_keeping_everything_is_keep_all(name, rho):
    np.testing.assert_allclose(RULES[name](1).moments(rho), rmt.KeepAll().moments(rho), rtol=1e-14)
    np.testing.assert_allclose(RULES[name](1 - 1e-13).moments(rho), rmt.KeepAll().moments(rho), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rho", [-1, -0.4, 0, 0.4, 1])
def test_hard_and_easy_complete_each_other(rho):
    hard, easy, every = rmt.KeepHard(0.3).moments(rho), rmt.KeepEasy(0.7).moments(rho), rmt.KeepAll().moments(rho)
    np.testing.assert_allclose(np.add(hard, easy), every, rtol=1e-14)


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.3), rmt.KeepAll()])
def test_rules_keep_what_they_say(rule):
    u = np.array([-2.0, -0.1, 0.1, 2.0])
    near = np.array([0.0, 1.0, 1.0, 0.0])
    expected = {rmt.KeepHard: near, rmt.KeepEasy: 1 - near, rmt.KeepAll: np.ones(4)}[type(rule)]
    np.testing.assert_array_equal(rule.keep_probability(u), expected)


def test_keep_fraction_broadcasts_and_is_frozen():
    p = np.array([[0.1], [1.0]])
    rule = rmt.KeepHard(p)
    moments = rule.moments(np.array([-1.0, 0.0, 0.5]))
    assert moments.beta_t.shape == (2, 3)
    assert moments.beta_t[0, 2] == pytest.approx(float(rmt.KeepHard(0.1).moments(0.5).beta_t), rel=1e-14)
    p[0] = 0.9
    assert rule.p[0, 0] == 0.1
    with pytest.raises(ValueError, match="read-only"):
        rule.p[0] = 0.2


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("p", [0, -0.1, 1.0001, np.nan, np.inf, "half", None, [0.5, 0.0], True, 1j])
def test_keep_fraction_outside_its_range_is_refused(name, p):
    with pytest.raises(ValueError, match=r"rmt\.Keep.*: got p=.*; allowed .*; do .*"):
        RULES[name](p)
