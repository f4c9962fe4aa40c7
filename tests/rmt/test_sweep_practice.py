"""Learning curves in JAX against NumPy, their gradients against finite differences, and schedules found by both."""

from functools import partial

import numpy as np
import pytest

import rmt

pytest.importorskip("jax")
import jax

from rmt import sweep
from rmt.sweep import schedules

RULES = {"hard": rmt.KeepHard, "easy": rmt.KeepEasy}
FITS = 4


def schedule(rng):
    """Draw rows, keep fractions, ridge and weights; some fits forget some rounds, all see their newest."""
    weights = np.tril(rng.uniform(0.05, 2, (FITS, FITS)) * (rng.random((FITS, FITS)) < 0.7), -1) + np.eye(FITS)
    return 10 ** rng.uniform(-1, 1, FITS), 10 ** rng.uniform(-2, -0.01, FITS - 1), 10 ** rng.uniform(-6, 0), weights


@pytest.mark.parametrize("kind", ["hard", pytest.param("easy", marks=pytest.mark.slow)])
def test_numpy_and_jax_agree_over_random_schedules(kind):
    rng = np.random.default_rng(0)
    drawn = [schedule(rng) for _ in range(64)]
    with sweep.double_precision():
        curves = jax.jit(jax.vmap(partial(sweep.learning_curve, kind)))
        errors = np.asarray(curves(*map(np.stack, zip(*drawn, strict=True))))
    for error, (rows, p, ridge, weights) in zip(errors, drawn, strict=True):
        exact = rmt.practice.learning_curve(rows, ridge, [RULES[kind](share) for share in p], weights)
        np.testing.assert_allclose(error, exact.error_rate, rtol=1e-10, atol=0)


@pytest.mark.slow  # compiles the third rule
def test_plain_rounds_of_equal_weight_are_theorem_1():
    plain = rmt.error_rate(rmt.Problem(n=3, d=1, ridge=0.02, rule=rmt.KeepAll(), rho=1.0))
    with sweep.double_precision():
        parts = sweep.learning_curve("all", np.full(3, 1.0), 1.0, 0.02, np.tri(3))
    assert parts[-1] == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("seed", [1, 2])
def test_gradients_are_those_of_finite_differences(seed):
    """Central differences of 1e-6 in log shares, log p, log ridge and weights resolve the gradient to 1e-7."""
    rng = np.random.default_rng(seed)
    rows, p, ridge, weights = schedule(rng)
    older = np.maximum(weights[np.tril_indices(FITS, -1)], 0.01)
    point = np.concatenate([np.log(rows), np.log(p), np.log(np.full(FITS, ridge)), older])
    compiled, step = schedules._compiled(FITS, "candidates"), 1e-6
    with sweep.double_precision():
        _, slope = compiled(point, 10.0)
        values = [[compiled(point + sign * e, 10.0)[0][0] for sign in (1, -1)] for e in step * np.eye(len(point))]
    differences = np.squeeze(np.diff(np.array(values)[:, ::-1], axis=1))
    np.testing.assert_allclose(slope, differences / (2 * step), rtol=1e-5, atol=1e-7)
    assert np.abs(slope).max() > 1e-2


def test_a_search_by_gradients_ends_below_the_greedy_one():
    greedy = sweep.greedy_schedule(12, FITS, count="candidates")
    best = sweep.best_schedule(12, FITS, count="candidates")
    assert best.converged
    assert best.error_rate[-1] < 0.99 * greedy.error_rate[-1]
    in_rows = sweep.greedy_schedule(12, FITS)
    assert in_rows.rows.sum() == pytest.approx(12)
    assert in_rows.candidates == pytest.approx(3 + np.sum(3 / in_rows.p))
    assert best.ends[0] == pytest.approx(best.error_rate[-1], rel=1e-9)
    for found in (greedy, best):
        assert found.candidates == pytest.approx(12)
        exact = rmt.practice.learning_curve(found.rows, found.ridge[-1], [rmt.KeepHard(p) for p in found.p],
                                            found.weights).error_rate[-1]  # fmt: skip
        assert exact > 0.99 * best.error_rate[-1]  # the earlier fits have the ridge of the last one there


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 2), r"got budget=0; allowed numbers > 0"),
        ((float("nan"), 2), r"got budget=nan; allowed finite"),
        ((8, 1), r"got rounds=1; allowed whole numbers >= 2"),
        ((8, 33), r"got rounds=33; allowed 2 to 32"),
        ((8, 2, "images"), r"got count='images'; allowed 'rows', 'candidates'"),
    ],
)
@pytest.mark.parametrize("name", ["best_schedule", "greedy_schedule"])
def test_bad_input(name, arguments, message):
    budget, rounds, *count = arguments
    with pytest.raises(ValueError, match=rf"rmt\.sweep\.{name}: {message}.*; do "):
        getattr(sweep, name)(budget, rounds, **({"count": count[0]} if count else {}))


def test_curves_want_double_precision_and_a_known_rule():
    with pytest.raises(ValueError, match=r"learning_curve: got float32; allowed float64; do call it within"):
        sweep.learning_curve("hard", np.ones(2), 0.5, 0.1, np.tri(2))
    with pytest.raises(ValueError, match=r"learning_curve: got kind='soft'; allowed hard, easy, all"):
        sweep.learning_curve("soft", np.ones(2), 0.5, 0.1, np.tri(2))
