"""Back-tests: what a fit without the largest sizes foresees, and the choice of a form by it."""

import numpy as np
import pytest

import scaling

N = 2.0 ** np.arange(6, 17)
LAWS = {
    "power": 3 * N**-0.3,
    "power_floor": 0.02 + 3 * N**-0.5,
    "broken": 3 * N**-0.2 * (1 + (N / 3000) ** 4) ** -0.1,
}


def noisy(law, relative, seed=3):
    return law * (1 + relative * np.random.default_rng(seed).standard_normal((8, len(law))))


def test_a_point_held_out_is_predicted_by_the_fit_of_the_others():
    errors = noisy(LAWS["power_floor"], 0.01)
    test = scaling.backtest(N, errors)
    assert [(miss.held_out, miss.x) for miss in test.misses] == [
        (1, N[-1]), (2, N[-2]), (2, N[-1]), (3, N[-3]), (3, N[-2]), (3, N[-1]),
    ]  # fmt: skip
    fit = scaling.fit(N[:-2], errors[:, :-2])
    for miss, at in zip(test.misses[1:3], (-2, -1), strict=True):
        assert miss.predicted == pytest.approx(float(fit.predict(N[at]).value), rel=1e-5)
        assert miss.measured == pytest.approx(errors[:, at].mean())
        assert miss.per_cent == pytest.approx(100 * (miss.predicted / miss.measured - 1))
    assert test.score == pytest.approx(np.sqrt(np.mean([miss.per_cent**2 for miss in test.misses])))


def test_accuracies_are_held_out_like_errors():
    errors = noisy(LAWS["power_floor"], 0.01)
    loss, accuracy = scaling.backtest(N, errors), scaling.backtest(N, 1 - errors)
    assert accuracy.score == pytest.approx(loss.score, rel=1e-5)
    assert accuracy.misses[0].predicted == pytest.approx(1 - loss.misses[0].predicted)
    assert accuracy.misses[0].z == pytest.approx(loss.misses[0].z, rel=1e-4)


def test_z_is_standard_normal_for_the_right_form_and_large_for_a_wrong_one():
    z = [
        miss.z
        for trial in range(40)
        for miss in scaling.backtest(N, noisy(LAWS["power_floor"], 0.01, trial), held_out=[1]).misses
    ]
    assert abs(np.mean(z)) < 0.5  # 3 standard errors of 40
    assert 0.7 < np.std(z) < 1.4
    assert scaling.backtest(N, noisy(LAWS["power_floor"], 0.01), form="power").worst_z > 20
    assert scaling.backtest(N, LAWS["power_floor"], form="power").worst_z is None  # no noise is known


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("relative", [0.003, 0.02])
def test_the_true_form_is_chosen(name, relative):
    choice = scaling.choose(N, noisy(LAWS[name], relative))
    assert choice.best == name
    scores = [test.score for test in choice.ranking]
    assert scores == sorted(scores)
    assert {test.form for test in choice.ranking} == set(scaling.FORMS)


def test_forms_without_enough_sizes_are_named():
    choice = scaling.choose(N[:6], noisy(LAWS["power_floor"], 0.003)[:, :6])
    assert choice.too_few_sizes == ("saturating", "broken")
    assert {len(test.misses) for test in choice.ranking} == {3}  # 1 and 2 sizes held out, the same for all forms
