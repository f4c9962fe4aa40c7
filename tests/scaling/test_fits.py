"""Fits of scaling laws: exact curves, symmetries, and intervals against a known truth, right form and wrong."""

import numpy as np
import pytest

import rmt
import scaling

N = 2.0 ** np.arange(6, 16)
POWER_FLOOR = {"floor": 0.05, "scale": 3.0, "exponent": 0.5}
CURVES = {
    "power": (lambda n: 3 * n**-0.25, {"scale": 3.0, "exponent": 0.25}),
    "power_floor": (lambda n: 0.05 + 3 * n**-0.5, POWER_FLOOR),
    "saturating": (lambda n: 0.05 + 0.85 / (1 + (n / 400) ** 0.7), {"floor": 0.05, "start": 0.9, "exponent": 0.7}),
    "broken": (
        lambda n: 2 * n**-0.2 * (1 + (n / 2000) ** 2) ** (-0.5 * 0.4),
        {"exponent_before": 0.2, "exponent": 0.6, "break": 2000.0, "width": 0.5},
    ),
}


def noisy(curve, sd, seeds, rng):
    return curve + sd * rng.standard_normal((seeds, len(curve)))


def values(fit):
    return {name: parameter.value for name, parameter in fit.parameters.items()}


@pytest.mark.parametrize("form", CURVES)
def test_an_exact_curve_gives_its_parameters(form):
    law, truth = CURVES[form]
    fit = scaling.fit(N, law(N), form=form, resamples=20)
    assert fit.converged
    assert {name: values(fit)[name] for name in truth} == pytest.approx(truth, rel=2e-3)
    np.testing.assert_allclose(fit.predict([10.0, 1e6]).value, law(np.array([10.0, 1e6])), rtol=2e-3)


@pytest.mark.parametrize(("floor", "scale", "exponent"), [(0.0, 1.5, 0.3), (1.7, 400.0, 0.34), (0.3, 0.6, 0.15)])
def test_floors_of_0_and_losses_above_1(floor, scale, exponent):
    fit = scaling.fit(N, floor + scale * N**-exponent, resamples=2)
    truth = {"floor": floor, "scale": scale, "exponent": exponent}
    assert values(fit) == pytest.approx(truth, rel=1e-4, abs=1e-5)


def test_an_accuracy_is_one_minus_a_loss_in_shares_and_in_per_cent():
    errors = noisy(0.05 + 3 * N**-0.5, 0.002, 8, np.random.default_rng(0))
    loss, share, cent = (scaling.fit(N, y) for y in (errors, 1 - errors, 100 - 100 * errors))
    assert [fit.direction for fit in (loss, share, cent)] == ["down", "up", "up"]
    for name, unit in (("floor", 100), ("scale", 100), ("exponent", 1)):
        assert share.parameters[name] == pytest.approx(loss.parameters[name], rel=1e-4)
        assert cent.parameters[name] == pytest.approx([unit * v for v in loss.parameters[name]], rel=1e-4)
    limit, floor = share.limit, loss.parameters["floor"]
    assert limit == pytest.approx((1 - floor.value, 1 - floor.high, 1 - floor.low))
    up, down = share.predict([1e5]), loss.predict([1e5])
    np.testing.assert_allclose([up.value, up.low, up.high], [1 - down.value, 1 - down.high, 1 - down.low], rtol=1e-5)


def test_units_of_x_and_the_order_of_sizes_do_not_matter():
    errors, order = (
        noisy(0.05 + 3 * N**-0.5, 0.002, 8, np.random.default_rng(1)),
        np.random.default_rng(0).permutation(10),
    )
    one, other = scaling.fit(N, errors), scaling.fit(1e3 * N[order], errors[:, order])
    for name, unit in (("floor", 1), ("exponent", 1)):
        assert other.parameters[name] == pytest.approx([unit * v for v in one.parameters[name]], rel=1e-4)
    np.testing.assert_allclose(other.predict([1e8]).high, one.predict([1e5]).high, rtol=1e-4)
    np.testing.assert_allclose(one.predict([N[0] / 10, N[0], N[3], 100 * N[-1]]).decades, [1, 0, 0, 2], atol=1e-12)


def test_standard_errors_stand_for_seeds():
    errors = noisy(0.05 + 3 * N**-0.5, 0.002, 50, np.random.default_rng(2))
    seeds = scaling.fit(N, errors)
    stderr = scaling.fit(N, errors.mean(axis=0), stderr=errors.std(axis=0, ddof=1) / 50**0.5, n_seeds=50)
    for name in POWER_FLOOR:
        one, other = seeds.parameters[name], stderr.parameters[name]
        width = one.high - one.low
        assert other.value == pytest.approx(one.value, abs=0.2 * width)
        assert other.high - other.low == pytest.approx(width, rel=0.35)
    assert 0.1 < seeds.chi2_per_dof < 3
    assert scaling.fit(N, errors[0]).chi2 is None  # one curve has no noise of its own


def test_what_the_data_leave_open_is_not_identified():
    rng = np.random.default_rng(4)
    clear = scaling.fit(N, noisy(0.05 + 3 * N**-0.5, 0.001, 8, rng))
    assert clear.identified == {"floor": True, "scale": True, "exponent": True}
    open_floor = scaling.fit(N, 2 * N**-0.3 * (1 + 0.02 * rng.standard_normal((8, 10))))
    assert not open_floor.identified["floor"]
    assert open_floor.parameters["floor"].low < 0.01 * open_floor.y.min()


def test_a_draw_does_not_depend_on_the_caller():
    errors = noisy(0.05 + 3 * N**-0.5, 0.002, 8, np.random.default_rng(0))
    assert scaling.fit(N, errors).parameters == scaling.fit(N, errors).parameters
    other = scaling.fit(N, errors, rng=np.random.default_rng(1)).parameters
    assert other["floor"].value == scaling.fit(N, errors).parameters["floor"].value
    assert other["floor"].low != scaling.fit(N, errors).parameters["floor"].low


@pytest.mark.parametrize(
    ("floor", "scale", "exponent", "relative"),
    [(0.05, 1.0, 0.25, 0.01), (1.7, 30.0, 0.34, 0.005), (0.2, 40.0, 1.0, 0.05)],
)
def test_intervals_of_the_right_form_cover(floor, scale, exponent, relative):
    """8 seeds, 10 sizes: at least .85 of 40 intervals hold the truth (.95 measured by `grade`; 2.5 deviations: .09)."""
    law = floor + scale * N**-exponent
    hits = []
    for trial in range(40):
        errors = law * (1 + relative * np.random.default_rng([trial, 1]).standard_normal((8, 10)))
        fit = scaling.fit(N, errors, resamples=200)
        far = fit.predict(2 * N[-1])
        truth = floor + scale * (2 * N[-1]) ** -exponent
        hits.append(
            [p.low <= v <= p.high for p, v in zip(fit.parameters.values(), (floor, scale, exponent), strict=True)]
        )
        hits[-1].append(far.low <= truth <= far.high)
    assert (np.mean(hits, axis=0) >= 0.85).all()


def test_intervals_hold_the_true_floor_where_the_form_is_wrong():
    """Squared loss, hardest 30 %, fixed ridge: the true floor is .0635; seeds alone exclude it."""
    d, sizes = 512, 512 * 2.0 ** np.arange(1, 8)
    problem = {"d": d, "ridge": 1e-2, "rule": rmt.KeepHard(0.3), "rho": 0.9}
    floor = float(rmt.error_rate(rmt.Problem(n=1e14, **problem)))
    trials = [
        rmt.simulate(rmt.Problem(n=int(n), **problem), 96, rng=np.random.default_rng([5, int(n)])).samples
        for n in sizes
    ]
    fits = [scaling.fit(sizes, np.array(trials)[:, 8 * i : 8 * i + 8].T, resamples=200) for i in range(12)]
    intervals = [fit.parameters["floor"] for fit in fits]
    assert np.mean([p.low <= floor <= p.high for p in intervals]) >= 0.9
    assert floor == pytest.approx(0.0635, abs=1e-4)
    assert np.mean([p.value for p in intervals]) < 0.95 * floor  # the misfit is there
    assert min(fit.chi2_per_dof for fit in fits) > 5
    assert min(fit.misfit for fit in fits) > 0.05


def test_weights_belong_to_the_misfit_even_where_plain_iteration_alternates():
    """Among 14 curves of a right form two are such that tau = 0 leads to tau > 0, and that back to 0."""
    rng, x = np.random.default_rng(5), 2.0 ** np.arange(6, 13)
    for _ in range(14):
        law = scaling.fit(x, (0.1 + 2 * x**-0.5) * (1 + 0.02 * rng.standard_normal((4, 7))), direction="down")
        expected = 1 / (law.point.curve.stderr**2 + (law.misfit * law.point.fitted) ** 2)
        np.testing.assert_allclose(law.point.weights, expected, rtol=0.02)
