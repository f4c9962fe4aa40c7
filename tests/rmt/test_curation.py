"""Imperfect generators and label-aware curation: check values, a 50-digit oracle, geometry, Monte Carlo, refusals."""

from functools import cache

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

import rmt
from rmt.curation import coordinates, label_aware
from rmt.generalization import selection

RULES = {"keep-hard": rmt.KeepHard, "keep-easy": rmt.KeepEasy}

# rule, threshold, rho, rho_generator, rho_agreement, label-aware; then p and error: computed by adaptive quadrature of
# the definitions, correct to the digits shown, at d/n = .075, ridge .01
CHECK_VALUES = """\
keep-hard 0.6 0.95 0.85 0.9 True  0.322365 0.127492
keep-hard 0.6 0.95 0.85 0.9 False 0.451494 0.195945
keep-easy 0.6 0.9  0.7  0.6 True  0.440391 0.146636
keep-easy 0.6 0.9  0.7  0.6 False 0.548506 0.246160
""".splitlines()


@pytest.mark.parametrize("row", CHECK_VALUES)
def test_check_values_to_every_digit_shown(row):
    name, threshold, rho, generator, agreement, aware, p, error = row.split()
    inside = 2 * ndtr(float(threshold)) - 1
    rule = RULES[name](inside if name == "keep-hard" else 1 - inside)
    problem = rmt.Problem(
        n=1000, d=75, ridge=0.01, rule=rule,
        rho=float(rho), rho_generator=float(generator), rho_agreement=float(agreement), label_aware=aware == "True",
    )  # fmt: skip
    assert f"{selection(problem).p:.6f}" == p
    assert f"{rmt.error_rate(problem):.6f}" == error


def oracle(name, p, phi, lam, rho, generator, agreement, aware):
    """Evaluate the law in full 3 x 3 matrices, with label-aware moments by quadrature of their definitions."""
    p, phi, lam, rho, generator, agreement = map(mp.mpf, (p, phi, lam, rho, generator, agreement))
    a = mp.sqrt(1 - agreement**2)
    alpha = mp.sqrt(2) * mp.erfinv(p if name == "keep-hard" else 1 - p) if p < 1 else mp.mpf(0)
    ends = (0, alpha) if name == "keep-hard" and p < 1 else (alpha, 14)
    tau = agreement / a
    points = sorted({*ends, *(e for e in (3 / abs(tau), 9 / abs(tau), mp.mpf(1), mp.mpf(3)) if ends[0] < e < ends[1])})

    densities = cache(lambda g: (mp.ncdf(tau * g), mp.npdf(tau * g), mp.npdf(g)))  # six integrals share their nodes

    def one_side(f):
        """int over kept g > 0 of f(g, Phi(tau g), varphi(tau g)) varphi(g) dg."""

        def integrand(g):
            cdf, pdf, weight = densities(g)
            return f(g, cdf, pdf) * weight

        return mp.quad(integrand, points)

    if aware:
        q11, q12, q22, c1, c2, mass = (
            2 * one_side(f)
            for f in (
                lambda g, cdf, _: g**2 * cdf,
                lambda g, _, pdf: g * pdf,
                lambda g, cdf, pdf: cdf - tau * g * pdf,
                lambda g, cdf, _: g * cdf,
                lambda _g, _cdf, pdf: pdf,
                lambda _g, cdf, _pdf: cdf,
            )
        )
    else:
        hard, pdf0 = name == "keep-hard" and p < 1, mp.npdf(0)  # Lemmas 1 and 2 of arXiv 2502.15588
        e1 = (mp.erf if hard else mp.erfc)(alpha / a / mp.sqrt(2))
        edge = mp.npdf(alpha) * mp.erf(tau * alpha / mp.sqrt(2)) * (-1 if hard else 1)
        mass, q12, q11 = p, mp.mpf(0), p + (-2 if hard else 2) * alpha * mp.npdf(alpha)
        q22, c1, c2 = mass, 2 * (agreement * pdf0 * e1 + edge), 2 * pdf0 * a * e1
    t2 = (generator - rho * agreement) / a
    t = mp.matrix([rho, t2, mp.sqrt(max(0, 1 - rho**2 - t2**2))])
    S, c = mp.matrix([[q11, q12, 0], [q12, q22, 0], [0, 0, mass]]), mp.matrix([c1, c2, 0])
    m = (mass - phi + lam - mp.sqrt((mass - phi + lam) ** 2 + 4 * phi * lam)) / (-2 * phi * lam)
    m_prime = m / (mass / (1 + phi * m) + lam - m * mass * phi / (1 + phi * m) ** 2)
    one, shrink = mp.eye(3), 1 + phi * m
    R = (S / shrink + lam * one) ** -1
    R2 = R * (one + S * phi * m_prime / shrink**2) * R
    m0 = (t.T * R * c)[0]
    nu0 = mass * phi * m_prime + (c.T * R2 * c)[0] - 2 * phi * m_prime / shrink * (c.T * R * c)[0]
    return mp.atan2(mp.sqrt(max(nu0 - m0**2, 0)), m0) / mp.pi


def power_of_ten(low, high):
    return st.floats(low, high).map(lambda e: 10.0**e)


cosines = st.one_of(st.floats(-0.95, 0.999), power_of_ten(-8, -1).map(lambda gap: 1 - gap), power_of_ten(-8, 0))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(RULES)), power_of_ten(-6, 0), power_of_ten(-6, 6), power_of_ten(-12, 6), cosines,
       cosines.filter(lambda v: 0 < abs(v) < 1), st.floats(-1, 1), st.booleans())  # fmt: skip
def test_ten_digits_over_the_whole_domain(name, p, phi, lam, rho, agreement, across, aware):
    room = np.sqrt((1 - rho) * (1 + rho) * (1 - agreement) * (1 + agreement))
    generator = float(np.clip(rho * agreement + across * room, -1, 1))
    problem = rmt.Problem(
        n=1, d=phi, ridge=lam, rule=RULES[name](p),
        rho=rho, rho_generator=generator, rho_agreement=agreement, label_aware=aware,
    )  # fmt: skip
    with mp.workdps(50 if not aware else 34):
        exact = float(oracle(name, p, phi, lam, rho, generator, agreement, aware))
    assert rmt.error_rate(problem) == pytest.approx(exact, rel=1e-10, abs=1e-300)


def test_label_aware_moments_are_those_of_a_sample():
    """p, S and c of the kept among 10^6 drawn points agree with the theory, rotated back to the original axes."""
    rng, agreement, rule = np.random.default_rng(0), 0.7, rmt.KeepHard(0.6)
    x = rng.standard_normal((10**6, 2))
    y = np.sign(x @ (agreement, np.sqrt(1 - agreement**2)))
    kept = (rule.keep_probability(x[:, 0]) > 0) & (y * x[:, 0] > 0)
    p, S, c, cos, sin = label_aware(rule, agreement)
    axes = np.array([[cos, sin], [-sin, cos]])
    got = [p, *(axes.T @ np.diag(S) @ axes).flat, *(axes.T @ c)]
    samples = np.array(
        [np.ones(10**6), *(x[:, i] * x[:, j] for i in (0, 1) for j in (0, 1)), *(y * x[:, i] for i in (0, 1))]
    )
    samples = samples * kept
    assert np.all(np.abs(samples.mean(axis=1) - got) < 4.5 * samples.std(axis=1) / 1000)
    assert 4.5 * samples.std(axis=1).max() / 1000 < 0.005


@pytest.mark.parametrize("seed", range(5))
def test_coordinates_are_those_of_real_vectors(seed):
    w_s, w_g, w = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0] @ np.diag([1.0, 0.5, 2.0])
    w_s, w_g, w = (v / np.linalg.norm(v) for v in (w_s, w_g, w))
    e2 = w_g - (w_g @ w_s) * w_s
    e2 /= np.linalg.norm(e2)
    got = coordinates(w_s @ w, w_g @ w, w_s @ w_g)
    along = np.array([w @ w_s, w @ e2])
    np.testing.assert_allclose(got, [*along, np.sqrt(1 - along @ along)], rtol=1e-12)


@pytest.mark.parametrize("label_aware", [False, True])
@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.4), rmt.SoftKeep(0.4, power=1.0)])
def test_limits_of_the_geometry(rule, label_aware):
    def error(**cosines):
        return rmt.error_rate(rmt.Problem(n=3, d=1, ridge=0.1, rule=rule, label_aware=label_aware, **cosines))

    perfect = error(rho=0.8)
    assert error(rho=0.8, rho_generator=1.0, rho_agreement=0.8) == perfect
    assert error(rho=0.8, rho_generator=1 - 1e-13) == pytest.approx(perfect, rel=1e-6)
    assert error(rho=0.8, rho_generator=-1.0, rho_agreement=-0.8) == pytest.approx(1 - error(rho=-0.8), rel=1e-12)
    same = error(rho=0.6, rho_generator=0.6, rho_agreement=1.0)  # the pruner is the generator
    assert error(rho=0.6, rho_generator=0.6, rho_agreement=1 - 1e-12) == pytest.approx(same, rel=1e-5)
    if not label_aware:  # w_s and -w_s select alike
        flipped = error(rho=-0.6, rho_generator=0.7, rho_agreement=-0.5)
        assert error(rho=0.6, rho_generator=0.7, rho_agreement=0.5) == pytest.approx(flipped, rel=1e-13)


def test_a_label_check_by_a_perfect_pruner_removes_nothing_of_a_perfect_generator():
    plain, checked = (
        rmt.error_rate(rmt.Problem(n=3, d=1, ridge=0.1, rule=rmt.KeepHard(0.5), rho=1.0, label_aware=aware))
        for aware in (False, True)
    )
    assert checked == pytest.approx(plain, rel=1e-12)


def test_fields_broadcast():
    problem = rmt.Problem(
        n=[100, 400],
        d=50,
        ridge=1e-2,
        rule=rmt.KeepHard([[0.3], [1.0]]),
        rho=0.9,
        rho_generator=[0.7, 1.0],
        label_aware=True,
    )
    errors = rmt.error_rate(problem)
    assert errors.shape == problem.shape == (2, 2)
    one = rmt.Problem(n=400, d=50, ridge=1e-2, rule=rmt.KeepHard(0.3), rho=0.9, label_aware=True)
    assert errors[0, 1] == pytest.approx(rmt.error_rate(one), rel=1e-12)


GOOD = {"n": 100, "d": 10, "ridge": 0.1, "rule": rmt.KeepAll(), "rho": 0.5}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"rho": 0.9, "rho_generator": -0.9, "rho_agreement": 0.9}, r"\[ 0.9 -0.9  0.9\]; allowed cosines of three"),
        ({"rho": 0.9, "rho_agreement": 0.8}, r"rho_agreement\)=\[0.9 1.  0.8\]; allowed cosines of three"),
        ({"rho": [0.5, 0.1], "rho_generator": 1.0, "rho_agreement": 0.5}, r"=\[0.1 1.  0.5\]"),
        ({"rho_generator": 1.5}, "rho_generator=1.5; allowed cosines in"),
        ({"rho_agreement": np.nan}, "rho_agreement=nan; allowed finite"),
        ({"rho": -1.0, "label_aware": True}, "rho_agreement=-1.0; allowed more than -1 with label_aware"),
        ({"label_aware": 1}, "label_aware=1; allowed True, False"),
        ({"rho_generator": [0.1, 0.2], "n": [1, 2, 3]}, "got shapes n "),
    ],
)
def test_impossible_directions_are_refused_by_name(bad, message):
    with pytest.raises(ValueError, match=r"rmt\.Problem: got .*; allowed .*; do .*") as error:
        rmt.Problem(**(GOOD | bad))
    assert error.match(message)


def test_a_problem_without_rho_is_refused_where_it_is_needed():
    pruned = rmt.Problem(**({k: v for k, v in GOOD.items() if k != "rho"} | {"rule": rmt.KeepHard(0.5)}))
    checked = rmt.Problem(n=100, d=10, ridge=0.1, rule=rmt.KeepAll(), label_aware=True)
    for problem in (pruned, checked):
        for ask in (rmt.error_rate, lambda p: rmt.simulate(p, trials=2, rng=np.random.default_rng(0))):
            with pytest.raises(ValueError, match=r"rmt\.Problem: got no rho; allowed .*; do pass rho"):
                ask(problem)


@pytest.mark.parametrize("generator", [1.0, 0.7])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_keeping_everything_needs_no_pruning_direction(generator, loss):
    """Theory is the same along any direction; simulation is the same in law."""
    fields = {"n": 400, "d": 100, "ridge": 0.1, "rule": rmt.KeepAll(), "rho_generator": generator, "loss": loss}
    free = rmt.Problem(**fields)
    for rho in (-0.5, 0.0, 0.9):
        assert rmt.error_rate(free) == pytest.approx(rmt.error_rate(rmt.Problem(**fields, rho=rho)), rel=1e-9)
    estimate = rmt.simulate(free, trials=24, rng=np.random.default_rng(0))
    assert abs(estimate.mean - rmt.error_rate(free)) < 4 * estimate.stderr + 1 / 100 < 0.03
