"""The law of any convex loss: closed forms, its equations by other means, Newton's method on data and bad input."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.special import expit, ndtr
from support.refusals import answer_or_refusal

import rmt
from rmt import convex, limits, newton
from rmt.curation import coordinates
from rmt.losses import LOSSES
from rmt.plane_quadrature import Classifier, ScalarProblem, forces

FINITE_SIZE = 1.0  # C in C/d, as in test_monte_carlo.py


def squared_again(**fields):
    """Return a problem whose own loss is the squared one, so that it is solved by the four equations."""
    loss = rmt.Loss(slope=lambda zeta: zeta - 1, curvature=np.ones_like, prox=lambda xi, V: (xi + V) / (1 + V))
    return rmt.Problem(**fields, loss=loss)


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.6), rmt.KeepAll(), rmt.SoftKeep(0.4, power=1.5)])
@pytest.mark.parametrize("rho", [1.0, 0.9, 0.0, -0.5])
@pytest.mark.parametrize(("phi", "ridge"), [(0.1, 0.01), (0.5, 1e-3), (2.0, 0.1), (1e-4, 1.0)])
def test_squared_loss_is_theorem_1(rule, rho, phi, ridge):
    fields = {"n": 1 / phi, "d": 1, "ridge": ridge, "rule": rule, "rho": rho}
    assert convex.error_rate(squared_again(**fields)) == pytest.approx(rmt.error_rate(rmt.Problem(**fields)), rel=1e-9)


@pytest.mark.parametrize("label_aware", [False, True])
def test_squared_loss_with_three_directions(label_aware):
    rule = rmt.KeepEasy(np.array([0.3, 0.7]))
    fields = {"n": 10, "d": 1, "ridge": 0.01, "rule": rule, "rho": 0.9, "rho_generator": 0.7, "rho_agreement": 0.6}
    problem = rmt.Problem(**fields, label_aware=label_aware)
    solution = convex.solve(problem)
    np.testing.assert_allclose(solution.value, rmt.error_rate(problem), rtol=1e-9)
    assert solution.converged.all()
    again = squared_again(**fields, label_aware=label_aware)
    np.testing.assert_allclose(rmt.error_rate(again), rmt.error_rate(problem), rtol=1e-9)


def test_v_is_delta():
    from rmt.marchenko_pastur import spectral

    solution = convex.solve(rmt.Problem(n=4, d=1, ridge=0.05, rule=rmt.KeepHard(0.5), rho=0.8))
    assert pytest.approx(float(spectral(0.5, 0.25, 0.05).delta), rel=1e-9) == solution.V


@pytest.mark.parametrize("loss", ["logistic", "smoothed hinge"])
def test_multiplying_the_equation_by_w(loss):
    """lam sigma^2 = E[q f (zeta - y (a1 g + a2 h))], an identity that is not solved for, by Monte Carlo."""
    problem = rmt.Problem(n=4, d=1, ridge=0.02, rule=rmt.KeepHard(0.5), rho=0.8, loss=loss)
    w = convex.solve(problem)
    rng = np.random.default_rng(0)
    g, h, Z = rng.standard_normal((3, 500_000))
    y = np.sign(0.8 * g + 0.6 * h)
    plane = y * (w.a1 * g + w.a2 * h)
    xi = plane + w.sigma * Z
    zeta = LOSSES[loss].prox(xi, w.V)
    f = (zeta - xi) / w.V
    terms = problem.rule.keep_probability(g) * f * (zeta - plane)
    assert abs(terms.mean() - 0.02 * w.sigma**2) < 4 * terms.std() / np.sqrt(len(terms)) < 0.001
    for component, x in ((w.a1, g), (w.a2, h)):
        pull = problem.rule.keep_probability(g) * f * y * x
        assert abs(pull.mean() - 0.02 * component) < 4 * pull.std() / np.sqrt(len(pull)) < 0.001


def test_expectations_against_adaptive_quadrature():
    """E[q f g] and chi, written as integrals over g and W, by scipy."""
    at, rho, alpha = Classifier(1.2, 0.7, 0.8, 0.6), 0.8, 0.5244
    keep = lambda g: (np.abs(g) <= alpha).astype(float)  # noqa: E731
    problem = ScalarProblem(0.3, 0.1, keep, np.array([alpha]), rho, False, LOSSES["logistic"])
    length, tau = np.hypot(at.a2, at.sigma), rho / 0.6
    cos, sin = at.a2 / length, at.sigma / length

    def integral(weight):
        def integrand(W, g):
            zeta = LOSSES["logistic"].prox(np.array([at.a1 * g + length * W]), at.V)[0]
            normal = np.exp(-(g * g + W * W) / 2) / (2 * np.pi)
            return 2 * weight(g, zeta) * ndtr((tau * g + cos * W) / sin) * normal

        return dblquad(integrand, -alpha, alpha, -8, 8, epsabs=1e-10, epsrel=1e-10)[0]

    moments = forces(at, problem, 10)
    assert moments.fg == pytest.approx(integral(lambda g, zeta: g * expit(-zeta)), rel=1e-7)
    curvature = lambda zeta: expit(zeta) * expit(-zeta)  # noqa: E731
    chi = integral(lambda _, zeta: curvature(zeta) / (1 + at.V * curvature(zeta)))
    assert moments.chi == pytest.approx(chi, rel=1e-7)


SIMULATED = {  # Newton's method on data against the law: d, ridge, rho, rule, loss, resolution
    "logistic, hard": (4, 150, 0.01, 0.9, rmt.KeepHard(0.4), "logistic", 0.03),
    "logistic, all": (4, 150, 0.01, 0.9, rmt.KeepAll(), "logistic", 0.02),
    "logistic, N < d": (1, 150, 0.1, 0.7, rmt.KeepHard(0.5), "logistic", 0.03),
    "hinge": (4, 150, 0.01, 0.9, rmt.KeepEasy(0.5), "smoothed hinge", 0.03),
}


@pytest.mark.parametrize("name", SIMULATED)
def test_simulation_agrees(name):
    ratio, d, ridge, rho, rule, loss, resolution = SIMULATED[name]
    problem = rmt.Problem(n=ratio * d, d=d, ridge=ridge, rule=rule, rho=rho, loss=loss)
    estimate = rmt.simulate(problem, trials=16, rng=np.random.default_rng(1))
    bound = 4 * estimate.stderr + FINITE_SIZE / d
    gap = abs(estimate.mean - rmt.error_rate(problem))
    assert gap < bound < resolution
    if name == "logistic, hard":
        assert abs(estimate.mean - rmt.error_rate(replace(problem, loss="squared"))) > 2 * gap


def test_label_aware_logistic_with_a_weak_generator():
    fields = {"n": 900, "d": 150, "ridge": 0.02, "rule": rmt.KeepEasy(0.6), "rho": 0.9, "rho_generator": 0.7}
    problem = rmt.Problem(**fields, rho_agreement=0.6, label_aware=True, loss="logistic")
    estimate = rmt.simulate(problem, trials=16, rng=np.random.default_rng(1))
    assert abs(estimate.mean - rmt.error_rate(problem)) < 4 * estimate.stderr + FINITE_SIZE / 150 < 0.03


def test_limits_of_the_logistic_law():
    """lam -> inf is the sum of signed samples for every loss; rho -> -rho turns the pruner around."""
    fields = {"n": 5, "d": 1, "rule": rmt.KeepHard(0.4), "rho": 0.7}
    strong = [rmt.error_rate(rmt.Problem(**fields, ridge=1e6, loss=loss)) for loss in ("logistic", "squared")]
    assert strong[0] == pytest.approx(strong[1], rel=1e-5)
    signs = [rmt.error_rate(rmt.Problem(**fields | {"rho": r}, ridge=0.01, loss="logistic")) for r in (0.7, -0.7)]
    assert signs[0] == pytest.approx(signs[1], rel=1e-9)
    grid = rmt.Problem(n=[2, 5], d=1, ridge=0.01, rule=rmt.KeepHard([[0.4], [0.8]]), rho=0.7, loss="logistic")
    table = rmt.error_rate(grid)
    one = rmt.error_rate(rmt.Problem(n=5, d=1, ridge=0.01, rule=rmt.KeepHard(0.8), rho=0.7, loss="logistic"))
    assert table.shape == (2, 2)
    assert table[1, 1] == pytest.approx(one, rel=1e-9)


def test_an_own_prox_equals_newtons():
    logistic = LOSSES["logistic"]
    plain = rmt.Loss(slope=logistic.slope, curvature=logistic.curvature, bends=logistic.bends)
    fields = {"n": 5, "d": 1, "ridge": 0.01, "rule": rmt.KeepHard(0.4), "rho": 0.7}
    ways = [rmt.error_rate(rmt.Problem(**fields, loss=loss)) for loss in (plain, "logistic")]
    assert ways[0] == pytest.approx(ways[1], rel=1e-9)
    xi = np.linspace(-300, 300, 2001)
    for name, loss in LOSSES.items():
        for V in (1e-9, 0.3, 40.0, 1e5):
            zeta = loss.prox(xi, V)
            np.testing.assert_allclose(zeta + V * loss.slope(zeta), xi, rtol=1e-12, atol=1e-12 * (1 + V), err_msg=name)


GOOD = {"n": 5, "d": 1, "ridge": 0.1, "rule": rmt.KeepAll(), "rho": 0.5}


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: rmt.Problem(**GOOD, loss="hinge"),
            r"got loss='hinge'; allowed 'squared', 'logistic', 'smoothed hinge'",
        ),
        (lambda: rmt.Problem(**GOOD, loss=None), r"got loss=None; allowed"),
        (
            lambda: rmt.error_rate(rmt.Problem(**GOOD | {"ridge": 1e-30}, loss="logistic")),
            r"ridge=1e-30; allowed ridge >= 1e-24 .*; do raise it: w_g separates the labels, .* no minimiser exists",
        ),
        (lambda: limits.ridgeless(rmt.Problem(**GOOD, loss="logistic")), r"the kept data are separable"),
        (lambda: limits.infinite_data(rmt.Problem(**GOOD, loss="logistic")), r"got loss='logistic'; allowed 'squared'"),
        (lambda: rmt.margin_moments(rmt.Problem(**GOOD, loss="logistic")), r"allowed 'squared'"),
        (lambda: rmt.error_rate(rmt.Problem(**GOOD, loss="logistic"), law="gaussian_margin"), r"allowed 'squared'"),
        (
            lambda: rmt.Loss(slope=np.cos, curvature=np.ones_like),
            r"l' decreasing at the margin=.*; allowed convex",
        ),
        (lambda: rmt.Loss(slope=np.tanh, curvature=lambda m: -np.ones_like(m)), r"l''=-1.0; allowed numbers >= 0"),
        (lambda: rmt.Loss(slope=np.tanh, curvature=np.ones_like, prox=lambda o, _: o), r"do check `prox`"),
        (lambda: rmt.smoothed_hinge(0.0), r"got width=0.0; allowed numbers > 0"),
    ],
)
def test_bad_input_is_refused(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_what_is_not_solved_is_not_returned(monkeypatch):
    monkeypatch.setattr(newton, "STEPS", 1)
    problem = rmt.Problem(**GOOD | {"ridge": 1e-5}, loss="logistic")
    assert not convex.solve(problem).converged
    with pytest.raises(ArithmeticError, match=r"residual .* iterations; allowed at most .*; do use a larger ridge"):
        rmt.error_rate(problem)


def test_newton_on_data_says_when_it_stops(monkeypatch):
    from rmt import dense

    monkeypatch.setattr(dense, "_NEWTON", 1)
    problem = rmt.Problem(n=50, d=5, ridge=1e-3, rule=rmt.KeepAll(), rho=0.5, loss="logistic")
    with pytest.raises(ArithmeticError, match=r"rmt.simulate: got a gradient of .*; allowed at most .*; do"):
        rmt.simulate(problem, trials=2, rng=np.random.default_rng(0))


def test_directions_are_those_of_the_theorem():
    """A weak generator's w_* has a component that the classifier cannot learn: it counts in the angle."""
    problem = rmt.Problem(**GOOD | {"rho": 0.6}, rho_generator=0.5, rho_agreement=0.2, loss="logistic")
    solution = convex.solve(problem)
    t = np.array([float(v) for v in coordinates(*problem.cosines)])
    w = np.array([solution.a1, solution.a2, 0.0])
    cosine = w @ t / np.sqrt(w @ w + solution.sigma**2)
    assert solution.value == pytest.approx(np.arccos(cosine) / np.pi, rel=1e-12)


BAD_LOSSES = [
    ({"slope": 3}, "got slope=3; allowed functions"),
    ({"bends": None}, "got bends=None; allowed functions"),
    ({"slope": lambda z: z + 1j}, r"got l'=array.*; allowed real numbers"),
    ({"slope": lambda _: "steep"}, "got l'='steep'; allowed real numbers"),
    ({"slope": lambda _: 1.0}, r"got l' of shape \(\) for margins of shape \(241,\); allowed equal shapes"),
    ({"curvature": lambda z: z * np.nan}, "got l''=nan; allowed finite"),
    ({"prox": lambda xi, _: np.ma.masked_less(xi, 0)}, "got prox=.*; allowed real numbers, unmasked"),
    ({"width": "wide"}, "got width='wide'; allowed real numbers"),
    ({"width": [1.0, 2.0]}, r"got width=\[1.0, 2.0\]; allowed one number"),
    ({"width": np.inf}, "got width=inf; allowed finite"),
]


@pytest.mark.parametrize(("fields", "message"), BAD_LOSSES)
def test_a_loss_of_other_than_numbers_is_refused(fields, message):
    good = {"slope": lambda z: z - 1, "curvature": np.ones_like}
    with pytest.raises(ValueError, match=rf"rmt\.Loss: {message}.*; do "):
        rmt.Loss(**(good | fields))


@pytest.mark.parametrize("width", [0, 5e-324, 1e308, np.nan, "wide", None, [0.5, 1.0]])
def test_a_hinge_without_a_usual_width_is_refused(width):
    with pytest.raises(ValueError, match=r"smoothed_hinge: got width=.*; allowed .*; do "):
        rmt.smoothed_hinge(width)


def test_empty_problems_have_empty_answers():
    for loss in ("logistic", "smoothed hinge"):
        solution = convex.solve(rmt.Problem(n=[], d=1, ridge=0.1, rule=rmt.KeepAll(), loss=loss))
        assert {np.shape(getattr(solution, name)) for name in ("value", "V", "iterations", "converged")} == {(0,)}
        assert rmt.error_rate(rmt.Problem(n=1, d=1, ridge=0.1, rule=rmt.KeepHard([]), rho=1, loss=loss)).shape == (0,)
        assert LOSSES[loss].prox(np.empty(0), 1.0).shape == (0,)


def test_a_rule_that_keeps_the_far_tail_only_is_refused():
    """The integrals end at 7.5: they would leave out 6 % of what KeepEasy(1e-12) keeps."""
    problem = rmt.Problem(n=100, d=10, ridge=0.1, rule=rmt.KeepEasy([0.5, 1e-12]), rho=0.5, loss="logistic")
    with pytest.raises(ValueError, match=r"beyond \|u\| = 7.5 is=0.06\d+; allowed at most 1e-07; do keep a larger"):
        rmt.error_rate(problem)


positive = st.one_of(st.floats(-2, 2), st.floats(-2, 2), st.floats(-323, 308)).map(lambda e: 10.0**e)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(positive, positive, positive, st.floats(-1, 1), st.floats(-300, 0), st.sampled_from(list(LOSSES)[1:]))
@example(1.0, 1e-18, 1.0, 1.0, 0.0, "logistic")  # the classifier's spread underflows
def test_any_scale_is_solved_or_refused(n, d, ridge, rho, digits, loss):
    """The error rate is in [0, 1]; unsolved equations are an ArithmeticError of the same form."""
    rule = (rmt.KeepHard if digits > -20 else rmt.KeepEasy)(10.0**digits)
    problem = rmt.Problem(n=n, d=d, ridge=ridge, rule=rule, rho=rho, loss=loss)
    value = answer_or_refusal(lambda: rmt.error_rate(problem), ArithmeticError)
    assert isinstance(value, str) or 0 <= value <= 1
