"""Soft selection and user rules: against closed forms, an independent quadrature, limits; refusals by name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit, ndtr
from support.refusals import answer_or_refusal

import rmt
from rmt.quadrature import half_normal, panel_edges

BELL = rmt.KeepFunction(lambda u: np.exp(-(u**2)))
COSINES = np.array([-1.0, -0.6, 0.0, 0.9, 1 - 1e-9, 1.0])


@pytest.mark.parametrize("name", ["KeepHard", "KeepEasy"])
@pytest.mark.parametrize(
    ("p", "declared"),
    [(1e-6, True), *((p, declared) for p in (0.02, 0.5, 0.99) for declared in (True, False))],
)  # an undeclared jump in the far tail, or of width 1e-6, is not found
def test_a_function_gets_the_moments_of_its_closed_form(name, p, declared):
    rule = getattr(rmt, name)(p)
    own = rmt.KeepFunction(rule.keep_probability, kinks=[float(rule.threshold)] if declared else ())
    assert own.p == pytest.approx(p, rel=1e-11)
    assert abs(own.p - p) <= own.error + 1e-15
    for got, exact in zip(own.moments(COSINES), rule.moments(COSINES), strict=True):
        np.testing.assert_allclose(got, np.broadcast_to(exact, got.shape), rtol=1e-10, atol=1e-13 * p)


def test_a_function_takes_part_in_theory_and_simulation():
    """A rule with a hole in the middle, its jumps declared; the finite-size gap is C/d with C = 1."""
    rule = rmt.KeepFunction(lambda u: np.where((np.abs(u) > 0.3) & (np.abs(u) < 1.5), 0.8, 0.1), kinks=[0.3, 1.5])
    problem = rmt.Problem(n=900, d=300, ridge=0.02, rule=rule, rho=0.8)
    estimate = rmt.simulate(problem, trials=40, rng=np.random.default_rng(0))
    bound = 4 * estimate.stderr + 1 / 300
    assert bound < 0.012
    assert abs(estimate.mean - rmt.error_rate(problem)) < bound


@pytest.mark.parametrize("power", [-3.0, -0.5, 0.0, 1.0, 4.0])
@pytest.mark.parametrize("p", [0.01, 0.3, 0.9])
def test_soft_rules_keep_their_fraction_and_their_shape(power, p):
    """q / (s (1 - s))^w is constant where q < 1 and smaller where q = 1; E[q] = p by another quadrature."""
    rule = rmt.SoftKeep(p, power=power)
    u = np.linspace(0, 4, 400)
    q, shape = rule.keep_probability(u), (expit(u) * expit(-u)) ** power
    scale = (q / shape)[q < 1]
    np.testing.assert_allclose(scale, scale[0], rtol=1e-12)
    assert np.all((q / shape)[q == 1] <= scale[0] * (1 + 1e-12))
    kinks = [float(k) for k in rule.kinks if 0 < k < 9]
    mass, _ = quad(
        lambda g: 2 * rule.keep_probability(g) * np.exp(-g * g / 2) / np.sqrt(2 * np.pi), 0, 12, points=kinks, limit=200
    )
    assert mass == pytest.approx(p, rel=1e-9)


def test_soft_rules_between_hard_random_and_easy():
    """Power 0 keeps by coin; p = 1 is keep-all; a strong power is the hard threshold where q reaches 1."""
    coin, whole = rmt.SoftKeep(0.3, power=0.0).moments(COSINES), rmt.KeepAll().moments(COSINES)
    for got, exact in zip(coin, whole, strict=True):
        np.testing.assert_allclose(got, 0.3 * np.asarray(exact), rtol=1e-12, atol=1e-15)
    for power in (-2.0, 2.0):
        for got, exact in zip(rmt.SoftKeep(1, power=power).moments(COSINES), whole, strict=True):
            np.testing.assert_allclose(got, exact, rtol=1e-12, atol=1e-15)
    for power, rule in ((1000.0, rmt.KeepHard(0.5)), (-1000.0, rmt.KeepEasy(0.5))):
        np.testing.assert_allclose(rmt.SoftKeep(0.5, power=power).moments(0.8), rule.moments(0.8), rtol=0.01)
    order = [float(rmt.SoftKeep(0.3, power=power).moments(0.8).gamma) for power in (4.0, 1.0, 0.0, -1.0, -4.0)]
    assert order == sorted(order)


def test_soft_rules_broadcast():
    rule = rmt.SoftKeep([[0.1], [1.0]], power=1.5)
    assert rule.moments(COSINES).beta.shape == (2, 6)
    one = rmt.SoftKeep(0.1, power=1.5).moments(0.9)
    np.testing.assert_allclose([moment[0, 3] for moment in rule.moments(COSINES)[1:]], one[1:], rtol=1e-12)


def test_label_aware_selection_works_for_soft_rules():
    """Power 0 with a label check is keep-all with one, on fewer samples: p n of them, at ridge lam / p."""
    soft = rmt.Problem(n=4000, d=100, ridge=0.01, rule=rmt.SoftKeep(0.25, power=0.0), rho=0.7, label_aware=True)
    fewer = rmt.Problem(n=1000, d=100, ridge=0.04, rule=rmt.KeepAll(), rho=0.7, label_aware=True)
    assert rmt.error_rate(soft) == pytest.approx(rmt.error_rate(fewer), rel=1e-12)


def test_the_error_estimate_is_an_error_estimate():
    """The true error of a jump is below the estimate; the refinement of noise ends, with a large estimate."""
    edges = panel_edges(np.empty(0), np.array(0.0))
    jump = half_normal(lambda g: (g < np.pi / 3)[None] * 1.0, edges)
    exact = quad(lambda g: np.exp(-g * g / 2) / np.sqrt(2 * np.pi), 0, np.pi / 3)[0]
    assert abs(jump.value[0] - exact) <= jump.error[0] + 1e-15 < 1e-11
    rng = np.random.default_rng(0)
    assert half_normal(lambda g: rng.random(g.shape)[None], edges).error[0] > 1e-4


@pytest.mark.parametrize(
    ("q", "message"),
    [
        (lambda u: (u > 0) * 1.0, r"got q\(-u\) different from q\(u\) at u=.*; allowed even rules; do make"),
        (lambda u: 2 + 0 * u, r"got q\(u\)=2.0; allowed probabilities in \[0, 1\]"),
        (lambda u: u * 0 - 0.1, r"got q\(u\)=-0.1; allowed probabilities"),
        (lambda u: u * np.nan, r"got q\(u\)=nan; allowed probabilities"),
        (lambda u: 0 * u, r"got keep fraction E\[q\]=0.0; allowed rules that keep something"),
        (lambda u: (np.abs(u) > 39) * 1.0, r"got keep fraction E\[q\]=0.0"),
        (lambda _: 0.5, r"got q\(u\) of shape \(\) for u of shape \(\d+,\); allowed equal shapes"),
        (lambda u: np.random.default_rng(abs(hash(u.tobytes()))).random(u.shape), r"got q\(-u\) different from"),
        (lambda u: 0.5 + 0j * u, r"got q\(u\)=array\(.*; allowed real numbers, unmasked.*; do pass floats"),
        (lambda u: np.ma.masked_less(np.exp(-(u**2)), 0.1), r"got q\(u\)=.*; allowed real numbers, unmasked"),
        (lambda u: np.full(u.shape, "half"), r"got q\(u\)=array\(.*; allowed real numbers"),
        (lambda _: "half", r"got q\(u\)='half'; allowed real numbers"),
        (lambda _: None, r"got q\(u\)=None; allowed real numbers"),
        (lambda u: np.array([None] * len(u)), r"got q\(u\)=array\(.*; allowed real numbers"),
        (0.5, r"got q=0.5; allowed functions"),
    ],
)
def test_bad_functions_are_refused_by_name(q, message):
    with pytest.raises(ValueError, match=rf"rmt\.KeepFunction: {message}"):
        rmt.KeepFunction(q)


def test_what_is_too_rough_is_refused_with_its_error():
    with pytest.raises(ValueError, match=r"estimated relative error .*; allowed at most 1e-10; do list the points"):
        rmt.KeepFunction(lambda u: np.floor(1e9 * np.abs(u)) % 2)


@pytest.mark.parametrize(
    ("kinks", "message"),
    [
        ([1.0, -1.0], "kinks=-1.0; allowed points u > 0"),
        ([np.inf], "kinks=inf; allowed points u > 0"),
        ([np.nan], "kinks=nan; allowed points u > 0"),
        (5, "kinks=5; allowed lists of numbers"),
        ([[1.0, 2.0]], r"kinks=\[\[1.0, 2.0\]\]; allowed lists of numbers"),
        (None, "kinks=None; allowed real numbers"),
        ("1.0", "kinks='1.0'; allowed real numbers"),
        ([1j], r"kinks=\[1j\]; allowed real numbers"),
    ],
)
def test_bad_kinks_are_refused(kinks, message):
    with pytest.raises(ValueError, match=rf"rmt\.KeepFunction: got {message}.*; do "):
        rmt.KeepFunction(lambda u: 0.5 + 0 * u, kinks=kinks)


def band(low, high, height, rest):
    """Return q = rest + height on low < |u| < high and `rest` elsewhere, and E[q]."""
    return (
        lambda u: rest + height * ((np.abs(u) > low) & (np.abs(u) < high)),
        rest + 2 * height * float(ndtr(-low) - ndtr(-high)),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(2e-3, 5), st.floats(-3.99, -1).map(lambda e: 10.0**e), st.sampled_from([0.5, 1e-3]), st.floats(0, 0.5))
def test_an_unlisted_band_is_integrated_or_refused(low, width, height, rest):
    """Wider than 1e-4, it never passes unseen; p within 1e-10 of the largest moment, E[q u^2] <= 25 p here."""
    q, exact = band(low, low + width, height, rest)
    rule = answer_or_refusal(lambda: rmt.KeepFunction(q))
    if isinstance(rule, str):
        assert "allowed at most 1e-10; do list the points" in rule
    else:
        assert abs(rule.p - exact) <= 30e-10 * exact
    listed = rmt.KeepFunction(q, kinks=[low, low + width])
    assert listed.p == pytest.approx(exact, rel=1e-12)


def test_a_hidden_band_is_named_with_its_place():
    """The nodes step over a band 2e-4 wide, 1.6e-4 of E[q]; a narrower one needs its kinks."""
    q, exact = band(1.2, 1.2002, 0.5, 0.25)
    with pytest.raises(
        ValueError, match=r"unlisted features of q \(near u=1.20\d\d\?\).*=0.0002.*; do list the points"
    ):
        rmt.KeepFunction(q)
    rule = rmt.KeepFunction(q, kinks=[1.2, 1.2002])
    assert abs(rule.p - exact) <= rule.error + 1e-15 < 1e-12
    q, exact = band(1.2, 1.2 + 1e-7, 1.0, 0.0)
    assert rmt.KeepFunction(q, kinks=[1.2, 1.2 + 1e-7]).p == pytest.approx(exact, rel=1e-8)


def test_moments_and_label_checks_see_the_same_rule():
    """Every later integral is compared with p: a rule that changes between calls is refused."""
    scale = [1.0]
    rule = rmt.KeepFunction(lambda u: scale[0] * np.exp(-(u**2)))
    scale[0] = 0.5
    with pytest.raises(ValueError, match=r"got p=0.577\d* and E\[q\]=0.288\d*; allowed equal ones"):
        rule.moments(0.9)
    with pytest.raises(ValueError, match=r"got p=0.577\d* and E\[q\]=0.288\d*; allowed equal ones"):
        rmt.error_rate(rmt.Problem(n=10, d=1, ridge=0.1, rule=rule, rho=0.5, label_aware=True))


def test_no_projections_have_no_probabilities():
    """Empty arrays in, empty arrays out, for every rule."""
    for rule in (rmt.KeepHard(0.3), rmt.KeepEasy(0.3), rmt.KeepAll(), rmt.SoftKeep(0.3, power=1.0), BELL):
        assert rule.keep_probability(np.empty(0)).shape == (0,)
        assert rule.moments(np.empty(0)).beta.shape == rule.moments(np.empty((0, 2)))[3].ravel().shape == (0,)
    for rule in (rmt.KeepHard([]), rmt.KeepEasy([]), rmt.SoftKeep([], power=1.0)):
        assert rule.keep_probability(np.ones((4, 1))).shape == (4, 0)
        assert rule.moments(0.9).beta_t.shape == (0,)


@pytest.mark.parametrize("bad", [{"power": 2000.0}, {"power": np.nan}, {"power": [1.0, 2.0]}, {"p": 0}, {"p": 1.5}])
def test_bad_soft_rules_are_refused(bad):
    with pytest.raises(ValueError, match=r"rmt\.SoftKeep: got (p|power)=.*; allowed .*; do .*"):
        rmt.SoftKeep(**({"p": 0.5, "power": 1.0} | bad))
