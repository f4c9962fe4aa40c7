"""The theorem: check values, an independent 60-digit oracle, limits, invariances, refusals."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.oracles import corollary1, theorem1
from support.refusals import answer_or_refusal

import rmt
from rmt import adaptive
from rmt.generalization import Selection, margin, selection
from rmt.marchenko_pastur import spectral

# rule, p, phi, lam, rho; then gamma, beta, beta_t, m0, nu0, error by the exact and by the Gaussian-margin law: computed
# by adaptive quadrature of the definitions, correct to the digits shown
CHECK_VALUES = """\
keep-hard 0.3 0.1 0.01  0.9  0.014555 0.216776 0.022570 1.45943   2.66824     0.148279 0.154696
keep-hard 0.3 0.5 1e-06 0.5  0.014555 0.237444 0.006672 85363.5   3.74069e+10 0.354495 0.353362
keep-hard 0.3 2   0.1   1    0.014555 0.000000 0.057087 0.566328  50.7491     0.474668 0.474661
keep-hard 0.1 0.1 0.01  0.9  0.000525 0.078904 0.000860 1.00544   11.1488     0.402639 0.402257
keep-hard 0.1 0.5 1e-06 0.5  0.000525 0.079719 0.000242 55351.5   3.49159e+10 0.404273 0.403909
keep-hard 0.1 2   0.1   1    0.000525 0.000000 0.006275 0.0627316 18.9991     0.495419 0.495419
keep-easy 0.6 0.1 0.01  0.9  0.964660 0.079628 0.665840 0.801259  0.747375    0.122516 0.135974
keep-easy 0.6 0.5 1e-06 0.5  0.964660 0.376471 0.382808 4.45057   83.3874     0.337954 0.336479
keep-easy 0.6 2   0.1   1    0.964660 0.000000 0.695385 4.27452   58.7091     0.311618 0.309568
all       1.0 0.1 0.01  0.9  1.000000 0.347790 0.718096 0.87574   0.815453    0.078446 0.110946
all       1.0 0.5 1e-06 0.5  1.000000 0.690988 0.398942 1.59576   3.99996     0.205952 0.204539
all       1.0 2   0.1   1    1.000000 0.000000 0.797885 4.32625   74.4464     0.332816 0.331230
""".splitlines()


def rule_named(name, p):
    return rmt.KeepAll() if name == "all" else {"keep-hard": rmt.KeepHard, "keep-easy": rmt.KeepEasy}[name](p)


@pytest.mark.parametrize("row", CHECK_VALUES)
def test_check_values_to_every_digit_shown(row):
    name, *inputs = row.split()[:5]
    p, phi, lam, rho = map(float, inputs)
    problem = rmt.Problem(n=1, d=phi, ridge=lam, rule=rule_named(name, p), rho=rho)
    _, gamma, beta, beta_t = problem.rule.moments(rho)
    m0, nu0 = rmt.margin_moments(problem)
    fixed = gamma, beta, beta_t, rmt.error_rate(problem), rmt.error_rate(problem, law="gaussian_margin")
    shown = row.split()[5:]
    assert [f"{v:.6f}" for v in fixed] == [shown[i] for i in (0, 1, 2, 5, 6)]
    assert [f"{v:.6g}" for v in (m0, nu0)] == shown[3:5]


def assert_matches_oracle(name, n, d, lam, p, rho):
    """Compare every public result with `theorem1` in 80 digits."""
    problem = rmt.Problem(n=n, d=d, ridge=lam, rule=rule_named(name, p), rho=rho)
    got = *rmt.margin_moments(problem), rmt.error_rate(problem), rmt.error_rate(problem, law="gaussian_margin")
    with mp.workdps(80):
        exact = [float(v) for v in theorem1(name, n, d, lam, p, rho)]
    # m0 and nu0 feel the rounding of d/n within sqrt(phi lam) of p = phi; the error rate does not
    np.testing.assert_allclose(got[:2], exact[:2], rtol=1e-10 if n == 1 else 2e-10)
    np.testing.assert_allclose(got[2:], exact[2:], rtol=1e-11)


def power_of_ten(low, high):
    return st.floats(low, high).map(lambda e: 10.0**e)


fractions = st.one_of(power_of_ten(-6, 0), power_of_ten(-15, -1).map(lambda gap: 1 - gap), st.just(1e-6), st.just(1.0))
cosines = st.one_of(
    st.floats(-1, 1),
    st.tuples(st.sampled_from([-1, 1]), power_of_ten(-16, -1)).map(lambda s: s[0] * (1 - s[1])),
    power_of_ten(-16, 0),
    st.sampled_from([-1.0, 0.0, 1.0]),
)
ridges = st.one_of(power_of_ten(-12, 6), st.sampled_from([1e-12, 1e6]))
names = st.sampled_from(["keep-hard", "keep-easy", "all"])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(names, fractions, st.one_of(power_of_ten(-6, 6), st.sampled_from([1e-6, 1e6])), ridges, cosines)
def test_ten_digits_over_the_whole_domain(name, p, phi, lam, rho):
    assert_matches_oracle(name, 1.0, phi, lam, 1.0 if name == "all" else p, rho)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(names, fractions, st.floats(1, 1e6), st.sampled_from([-1, 1]), power_of_ten(-16, -1), ridges, cosines)
def test_ten_digits_at_the_interpolation_threshold(name, p, n, side, gap, lam, rho):
    p = 1.0 if name == "all" else p
    assert_matches_oracle(name, n, n * p * (1 + side * gap), lam, p, rho)


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.3), rmt.KeepAll()])
@pytest.mark.parametrize("phi", [0.01, 0.2, 5.0])
@pytest.mark.parametrize("rho", [-0.9, 0.3, 1.0])
def test_vanishing_ridge_is_corollary_1(rule, phi, rho):
    problem = rmt.Problem(n=1, d=phi, ridge=1e-12, rule=rule, rho=rho)
    assert rmt.error_rate(problem) == pytest.approx(corollary1(problem), rel=1e-8)


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.3), rmt.KeepAll()])
@pytest.mark.parametrize("rho", [-0.9, 0.3, 1.0])
def test_limits_of_ridge_and_dimension(rule, rho):
    """lam -> inf: w is the sum of signed kept samples. phi -> 0: w = (S + lam I)^{-1} c, the population's ridge."""
    p, gamma, beta, beta_t = rule.moments(rho)
    a = np.sqrt(1 - rho**2)
    strong = rmt.Problem(n=1, d=0.7, ridge=1e9, rule=rule, rho=rho)
    cosine = (rho * beta_t + a * beta) / np.sqrt(beta_t**2 + beta**2 + 0.7 * p)
    assert rmt.error_rate(strong) == pytest.approx(np.arccos(cosine) / np.pi, rel=1e-8)
    many = rmt.Problem(n=1e14, d=1, ridge=0.2, rule=rule, rho=rho)
    w = np.array([beta_t / (gamma + 0.2), beta / (p + 0.2)])
    cosine = (rho * w[0] + a * w[1]) / np.hypot(*w)
    assert rmt.error_rate(many) == pytest.approx(np.arccos(min(cosine, 1)) / np.pi, abs=1e-6)


def test_extremes_are_ordered_as_they_must_be():
    few = rmt.Problem(n=1, d=1e6, ridge=0.1, rule=rmt.KeepAll(), rho=1)
    much = rmt.Problem(n=1e6, d=1, ridge=1e-6, rule=rmt.KeepAll(), rho=1)
    assert 0.499 < rmt.error_rate(few) < 0.5
    assert 0 < rmt.error_rate(much) < 1e-3
    assert rmt.error_rate(much, law="gaussian_margin") == pytest.approx(0.0924, abs=1e-3)  # the first version's floor


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.2), rmt.KeepEasy(0.4), rmt.KeepAll()])
def test_only_d_over_n_and_the_pruner_line_matter(rule):
    base = rmt.Problem(n=300, d=100, ridge=0.1, rule=rule, rho=0.7)
    bigger = rmt.Problem(n=6000, d=2000, ridge=0.1, rule=rule, rho=0.7)
    flipped = rmt.Problem(n=300, d=100, ridge=0.1, rule=rule, rho=-0.7)
    assert rmt.error_rate(bigger) == pytest.approx(rmt.error_rate(base), rel=1e-14)
    assert rmt.error_rate(flipped) == pytest.approx(rmt.error_rate(base), rel=1e-14)


def random_selection(rng):
    """Return p, S, c, t of a random weighted sample, which satisfy every inequality that moments obey."""
    x = rng.standard_normal((50, 3))
    q, y = rng.random(50), np.where(x @ (1, 2, 0) > 0, 1.0, -1.0)
    S, c, t = (q[:, None] * x).T @ x / 50, (q * y) @ x / 50, rng.standard_normal(3)
    return q.mean(), S, c, t / np.linalg.norm(t)


@pytest.mark.parametrize("seed", range(5))
def test_engine_in_three_dimensions_is_the_matrix_formula(seed):
    """nu0 = p phi m' + c'R2c - 2 phi m' c'Rc/(1+delta) in full 3 x 3 matrices, R2 = R (I + S phi m'/(1+delta)^2) R."""
    p, S, c, t = random_selection(np.random.default_rng(seed))
    phi, lam = 0.4, 0.05
    values, axes = np.linalg.eigh(S)
    got = margin(Selection(np.asarray(p), values, c @ axes, t @ axes), phi, lam)
    _, m_prime, delta = spectral(p, phi, lam)
    R = np.linalg.inv(S / (1 + delta) + lam * np.eye(3))
    R2 = R @ (np.eye(3) + S * phi * m_prime / (1 + delta) ** 2) @ R
    nu0 = p * phi * m_prime + c @ R2 @ c - 2 * phi * m_prime / (1 + delta) * c @ R @ c
    np.testing.assert_allclose(got, [t @ R @ c, nu0, nu0 - (t @ R @ c) ** 2], rtol=1e-10)


def test_engine_does_not_care_how_the_pool_is_counted():
    """A pool counted ten times larger, with its fractions, d/n and ridge ten times smaller, has the same law."""
    problem = rmt.Problem(n=1, d=0.3, ridge=0.02, rule=rmt.KeepHard(0.4), rho=0.8)
    sel = selection(problem)
    thinned = Selection(sel.p * 0.1, sel.S * 0.1, sel.c * 0.1, sel.t)
    (m0, nu0, excess), other = margin(sel, 0.3, 0.02), margin(thinned, 0.03, 0.002)
    np.testing.assert_allclose(np.divide(other, other.nu0)[2], excess / nu0, rtol=1e-12)
    np.testing.assert_allclose(other.m0**2 / other.nu0, m0**2 / nu0, rtol=1e-12)


def test_fields_broadcast_like_arrays():
    n, p, rho = np.array([200, 800]), np.array([[0.1], [0.5], [1.0]]), np.array([-1, 0.5])[:, None, None]
    problem = rmt.Problem(n=n, d=100, ridge=1e-3, rule=rmt.KeepEasy(p), rho=rho)
    assert problem.shape == rmt.error_rate(problem).shape == (2, 3, 2)
    m0, nu0 = rmt.margin_moments(problem)
    assert m0.shape == nu0.shape == (2, 3, 2)
    one = rmt.Problem(n=800, d=100, ridge=1e-3, rule=rmt.KeepEasy(0.5), rho=0.5)
    assert isinstance(rmt.error_rate(one), float)
    assert rmt.error_rate(problem)[1, 1, 1] == pytest.approx(rmt.error_rate(one), rel=1e-15)
    assert m0[1, 1, 1] == pytest.approx(rmt.margin_moments(one)[0], rel=1e-15)


GOOD = {"n": 100, "d": 10, "ridge": 0.1, "rule": rmt.KeepAll(), "rho": 0.5}


@pytest.mark.parametrize(
    "bad",
    [{name: value} for name in ("n", "d", "ridge") for value in (0, -1, np.nan, np.inf, "many", None, True, [5, 0])]
    + [{"rho": value} for value in (1.0000001, -2, np.nan, "0.5", [0.5, 1.5])]
    + [{"rule": value} for value in (0.3, None, rmt.KeepHard, rmt.KeepAll)]
    + [{"n": [1, 2], "d": [1, 2, 3]}, {"n": [1, 2], "rule": rmt.KeepHard([0.1, 0.2, 0.3])}],
)
def test_bad_problems_are_refused_by_name(bad):
    with pytest.raises(ValueError, match=r"rmt\.Problem: got .*; allowed .*; do .*") as error:
        rmt.Problem(**(GOOD | bad))
    assert next(iter(bad)) in str(error.value)


def test_typos_positions_and_unknown_laws_are_refused():
    with pytest.raises(TypeError):
        rmt.Problem(**GOOD, lam=0.1)
    with pytest.raises(TypeError):
        rmt.Problem(100, 10, 0.1, rmt.KeepAll(), 0.5)
    with pytest.raises(ValueError, match=r"rmt\.error_rate: got law='v1'; allowed .*; do .*"):
        rmt.error_rate(rmt.Problem(**GOOD), law="v1")


def test_beyond_double_precision_is_refused_not_nan():
    problem = rmt.Problem(**(GOOD | {"ridge": 1e-300, "d": 1e200}))
    with np.errstate(over="ignore"), pytest.raises(ValueError, match=r"rmt\.error_rate: got .*; allowed .*; do .*"):
        rmt.error_rate(problem)


# Any value may stand in any field: usual numbers, the ends of double precision, and what is no number at all.
usual = st.one_of(power_of_ten(-6, 6), st.integers(1, 1000))
extreme = st.one_of(
    power_of_ten(-323, 308),
    st.floats(),
    st.sampled_from([0.0, -0.0, 5e-324, 2.2e-308, 1e-154, 1e154, 1e308, -1.0, 1 - 1e-16, 1e-300]),
)
odd = st.sampled_from(
    (
        *(True, np.True_, None, "1", b"1", 1j, object(), {}, [], [0.5, 1.0], [[1.0], [1.0, 2.0]], np.ones((2, 1))),
        *(2**64, 10**400, 10**5000, np.int8(1), np.uint64(2**63), np.float16(0.5), np.float32(0.5)),
        *(np.longdouble("1e4000"), np.array(0.5), np.array("1"), np.datetime64(1, "s"), np.ma.masked),
        np.ma.array([0.5, 0.7], mask=[0, 1]),
    )
)
positive = st.one_of(usual, usual, usual, extreme, odd)
any_cosine = st.one_of(cosines, cosines, extreme, odd)
any_fraction = st.one_of(fractions, fractions, extreme, odd)
any_rule = st.one_of(
    st.just(rmt.KeepAll),
    *(any_fraction.map(lambda p, rule=rule: lambda: rule(p)) for rule in (rmt.KeepHard, rmt.KeepEasy)),
    st.tuples(any_fraction, st.one_of(st.floats(-5, 5), st.sampled_from([-1000.0, 1000.0]), extreme, odd)).map(
        lambda values: lambda: rmt.SoftKeep(values[0], power=values[1])
    ),
    power_of_ten(-150, 3).map(lambda width: lambda: rmt.KeepFunction(lambda u: np.exp(-((u / width) ** 2) / 2))),
    odd.map(lambda rule: lambda: rule),
)
any_fields = st.fixed_dictionaries(
    {"n": positive, "d": positive, "ridge": positive, "rule": any_rule, "rho": any_cosine},
    optional={"rho_generator": any_cosine, "rho_agreement": any_cosine, "label_aware": st.sampled_from([True, 1])},
)


def make(fields):
    """Return the problem of drawn fields, or the message that refuses it or its rule."""
    return answer_or_refusal(lambda: rmt.Problem(**(fields | {"rule": fields["rule"]()})))


def assert_answered(problem, call, *errors):
    """Assert that a call gives a finite error rate in [0, 1] for each entry of the problem, or refuses in the form."""
    value = answer_or_refusal(call, *errors)
    if not isinstance(value, str):
        assert np.shape(value) == problem.shape
        assert np.all((np.asarray(value) >= 0) & (np.asarray(value) <= 1))  # NaN fails


def assert_every_law_answers(fields):
    """Ask every function of a problem; within the stated range, the closed forms' error rate is exact to 1e-11."""
    problem = make(fields)
    if isinstance(problem, str):
        return
    assert_answered(problem, lambda: rmt.error_rate(problem, law="gaussian_margin"))
    for law in (rmt.error_rate, rmt.limits.ridgeless, rmt.limits.infinite_data, adaptive.advance):
        assert_answered(problem, lambda law=law: law(problem))
    moments = answer_or_refusal(lambda: rmt.margin_moments(problem))
    assert isinstance(moments, str) or np.isfinite(moments).all()
    name = {rmt.KeepHard: "keep-hard", rmt.KeepEasy: "keep-easy", rmt.KeepAll: "all"}.get(type(problem.rule))
    if not name or len(fields) > 5 or problem.shape != () or problem.rho is None:
        return
    n, d, lam, p, rho = map(float, (problem.n, problem.d, problem.ridge, problem.rule.p, problem.rho))
    if 1e-6 <= d / n <= 1e6 and 1e-12 <= lam <= 1e6 and p >= 1e-6:
        with mp.workdps(80):
            exact = float(theorem1(name, n, d, lam, p, rho)[2])
        assert rmt.error_rate(problem) == pytest.approx(exact, rel=1e-11)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(any_fields)
def test_any_setting_is_answered_or_refused(fields):
    assert_every_law_answers(fields)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, derandomize=True)
@given(any_fields)
def test_many_settings_are_answered_or_refused(fields):
    assert_every_law_answers(fields)
