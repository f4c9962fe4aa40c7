"""The exact learning curve of practice: published values, reductions to Theorem 1, invariances and bad input."""

import numpy as np
import pytest

import rmt
from rmt.adaptive import recursion
from rmt.practice import Guided, Plain, Retire, learning_curve

NEWEST_TWICE = [(1,), (1, 2), (1, 1, 2), (1, 1, 1, 2)]
# rows, ridge, additions, weights, accuracies of an independent solver (pruning: exact; guidance: lattice of 3 10^5)
PRUNED = {
    "A": ((2, 2), 0.01, 0.5, "accumulate", (0.796854, 0.889390)),
    "B": ((1, 3), 0.001, 0.25, "accumulate", (0.600711, 0.810857)),
    "C": ((4, 4), 0.1, 0.1, "accumulate", (0.871775, 0.917707)),
    "D": ((0.5, 0.5), 0.01, 0.3, "accumulate", (0.661421, 0.679562)),
    "J": ((1, 0.5, 2, 1, 3), 0.003, 0.2, "accumulate", (0.627993, 0.704982, 0.851825, 0.904164, 0.941053)),
    "K": (
        (2,) * 9,
        0.01,
        0.5,
        "accumulate",
        (0.796854, 0.889390, 0.924081, 0.940094, 0.949339, 0.955492, 0.959946, 0.963352, 0.966058),
    ),
    "N": ((2,) * 4, 0.01, 0.3, NEWEST_TWICE, (0.796854, 0.890605, 0.921833, 0.940192)),
}
GUIDED = {
    "E": ((2, 2), 0.01, Guided(0.3, 20), "accumulate", (0.802776, 0.900210)),
    "F": ((2, 2), 0.01, Guided(0.05, 20), "accumulate", (0.802776, 0.884546)),
    "G": ((1, 3), 0.01, Guided(0.8, 10), "accumulate", (0.679550, 0.87951)),
    "H": ((1, 0.5, 2, 1, 3), 0.003, Guided(0.5, 20), "accumulate", (0.635469, 0.72897, 0.88367, 0.92142, 0.93396)),
    "I": ((4, 4), 0.1, Guided(0.2, 20), "accumulate", (0.875842, 0.914450)),
    "L": (
        (2,) * 8,
        0.01,
        Guided(0.3, 20),
        "accumulate",
        (0.802776, 0.900210, 0.933287, 0.949452, 0.957371, 0.962405, 0.965728, 0.968112),
    ),
    "O": ((2, 1, 1), 0.01, Guided(0.3, 20), [(1,), (0.5, 2), (2, 0.3, 1)], (0.802776, 0.855723, 0.869107)),
    "P": (
        (2, 2, 4, 8, 16, 32),
        0.01,
        Guided(0.3, 20),
        "accumulate",
        (0.802776, 0.900210, 0.926949, 0.948767, 0.958743, 0.961750),
    ),
}
FIG4 = (0.797961, 0.897453, 0.933390, 0.951320, 0.961614, 0.968166, 0.972524, 0.975591)


@pytest.mark.parametrize("name", PRUNED)
def test_values_with_pruning(name):
    rows, ridge, p, weights, expected = PRUNED[name]
    np.testing.assert_allclose(learning_curve(rows, ridge, rmt.KeepHard(p), weights).accuracy, expected, atol=6e-7)


@pytest.mark.parametrize("name", GUIDED)
def test_values_with_guidance(name):
    """The lattice of the reference is good to 4e-6, in G and H to 3e-5; ours is within 3e-6 of its own limit."""
    rows, ridge, addition, weights, expected = GUIDED[name]
    curve = learning_curve(rows, ridge, addition, weights)
    np.testing.assert_allclose(curve.accuracy, expected, atol=3e-5 if name in "GH" else 7e-6)
    assert 0 < curve.quadrature_error < 1e-4


@pytest.mark.slow
def test_values_of_figure_4():
    """Row M: a hundred steps at omega = .01 and d = 128."""
    curve = learning_curve((2,) * 8, 0.01, Guided(0.113137, 100))
    np.testing.assert_allclose(curve.accuracy, FIG4, atol=5e-6)


@pytest.mark.parametrize("rule", [rmt.KeepHard(0.3), rmt.KeepEasy(0.6), rmt.SoftKeep(0.4, power=1.0)])
def test_replacement_is_the_recursion_of_adaptive(rule):
    rows, ridge, p = 1.5, 0.02, rule.p
    curve = learning_curve((rows,) * 6, ridge, rule, "replace")
    problem = rmt.Problem(n=rows / p, d=1, ridge=ridge * p, rule=rule, rho=curve.alignment[0])
    np.testing.assert_allclose(curve.alignment, recursion(problem, 5), rtol=1e-12)


@pytest.mark.parametrize("addition", [rmt.KeepAll(), Plain(), rmt.KeepHard(1.0)])
def test_plain_additions_are_theorem_1_of_the_whole_pool(addition):
    rows = np.array([2, 0.5, 3, 1])
    curve = learning_curve(rows, 0.003, addition)
    whole = rmt.error_rate(rmt.Problem(n=rows.cumsum(), d=1, ridge=0.003, rule=rmt.KeepAll()))
    np.testing.assert_allclose(curve.error_rate, whole, rtol=1e-12)


def test_guidance_of_strength_zero_is_plain_sampling():
    rows = (2, 1, 1)
    unguided = learning_curve(rows, 0.01, Guided(0.0, 20))
    plain = learning_curve(rows, 0.01, Plain(steps=20))
    tail = learning_curve(rows, 0.01, Guided(0.3, 20, interval=(0.99, 1.0)), first=Plain(steps=20))
    np.testing.assert_array_equal(unguided.overlaps, plain.overlaps)
    np.testing.assert_array_equal(tail.overlaps, plain.overlaps)


def test_weights_matter_up_to_a_factor_per_fit():
    rows, rule = (2, 1, 3), rmt.KeepHard(0.4)
    v = np.array([[1.0, 0, 0], [0.5, 2, 0], [3, 0.25, 1]])
    once, scaled = (learning_curve(rows, 0.01, rule, w) for w in (v, v * [[2.0], [7], [0.1]]))
    np.testing.assert_allclose(once.overlaps, scaled.overlaps, rtol=1e-11)
    split = learning_curve((2, 1, 1.5, 1.5), 0.01, [rule, Plain(), Plain()])  # one plain round in two pieces
    joined = learning_curve((2, 1, 3), 0.01, [rule, Plain()])
    np.testing.assert_allclose(split.accuracy[-1], joined.accuracy[-1], rtol=1e-11)


def test_a_ridge_of_its_own_for_every_fit():
    """Fits differ by their ridge only; the last one of a plain pool is Theorem 1 at its own."""
    curve = learning_curve((2, 1, 3), (0.3, 0.1, 0.02), Plain())
    whole = rmt.Problem(n=np.cumsum((2, 1, 3)), d=1, ridge=np.array((0.3, 0.1, 0.02)), rule=rmt.KeepAll())
    np.testing.assert_allclose(curve.error_rate, rmt.error_rate(whole), rtol=1e-12)
    rule = rmt.KeepHard(0.3)
    one, each = (learning_curve((2, 1, 3), ridge, rule) for ridge in (0.02, (0.02, 0.02, 0.02)))
    np.testing.assert_array_equal(one.overlaps, each.overlaps)


def test_a_forgotten_round_is_no_round():
    """A fit that does not see a round is independent of it, but for the direction that made the rounds it sees."""
    kept = learning_curve((2, 2, 2), 0.01, rmt.KeepHard(0.5), [(1,), (1, 1), (1, 0, 1)])
    seen = learning_curve((2, 2, 2), 0.01, rmt.KeepHard(0.5), [(1,), (1, 1), (1, 1, 1)])
    assert abs(kept.accuracy[2] - seen.accuracy[2]) > 0.005
    np.testing.assert_array_equal(kept.accuracy[:2], seen.accuracy[:2])


def test_overlaps_are_those_of_classifiers():
    """Gram matrix of the truth and the fits: symmetric, positive, and consistent with the accuracies."""
    curve = learning_curve((2, 1, 3, 0.5), 0.01, [rmt.KeepHard(0.2), Guided(0.2, 20), rmt.KeepEasy(0.5)])
    R = curve.overlaps
    np.testing.assert_allclose(R, R.T, rtol=0, atol=0)
    assert np.linalg.eigvalsh(R).min() > 0
    assert R[0, 0] == 1
    np.testing.assert_allclose(R[0, 1:] / np.sqrt(np.diag(R)[1:]), curve.alignment, rtol=1e-12)
    np.testing.assert_array_equal(np.triu(curve.memory, 1), 0)


def test_retiring_nothing_is_accumulation():
    rows, rule = (2, 1, 1), rmt.KeepHard(0.5)
    exact, sampled = (learning_curve(rows, 0.01, rule, w) for w in ("accumulate", Retire(0.0, sample=20_000)))
    assert np.all(4 * sampled.stderr < 0.004), "the test cannot see"
    assert np.all(np.abs(exact.accuracy - sampled.accuracy) < 5.4 * sampled.stderr + 1e-4)  # t with 7 degrees: .001


def test_retirement_against_published_values():
    """Two practices simulated at d = 100, 200, 400 and extrapolated; standard errors .0004 to .0008 and .0002."""
    hard = learning_curve((2, 1, 1, 1, 1), 0.01, rmt.KeepHard(0.5), Retire(0.5, sample=20_000)).accuracy
    np.testing.assert_allclose(hard[1:], (0.86548, 0.90225, 0.91958, 0.92603), atol=0.0016)
    guided = learning_curve((4, 1, 1, 1, 1), 0.01, Guided(0.3, 20), Retire(0.25, sample=20_000)).accuracy
    np.testing.assert_allclose(guided[1:], (0.92246, 0.94666, 0.95351, 0.95166), atol=0.0012)


def test_a_collapsed_direction_is_refused():
    with pytest.raises(
        ValueError, match=r"practice: got an angle of .*; allowed at least 3e-08.*; do end the practice"
    ):
        learning_curve((1e17, 1.0), 1e-6, rmt.KeepHard(0.5))


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ({"rows": (2, 0)}, "rows=0"),
        ({"rows": (2, -1)}, "rows=-1"),
        ({"rows": 2}, "rows=2"),
        ({"rows": ()}, "rows="),
        ({"rows": (2, np.nan)}, "rows=nan"),
        ({"rows": (2, "3")}, "rows='3'"),
        ({"ridge": 0.0}, "ridge=0"),
        ({"ridge": -1.0}, "ridge=-1"),
        ({"additions": [rmt.KeepHard(0.5)] * 2}, "2 additions for 2 rounds"),
        ({"additions": rmt.KeepHard([0.5, 0.3])}, "an addition KeepHard"),
        ({"additions": [rmt.KeepHard]}, "an addition"),
        ({"additions": ["hard"]}, "an addition 'hard'"),
        ({"additions": 7}, "an addition 7"),
        ({"first": rmt.KeepHard(0.5)}, "first=KeepHard"),
        ({"first": Guided(0.1)}, "first=Guided"),
        ({"ridge": (0.1, 0.1, 0.1)}, "3 ridges for 2 fits"),
        ({"weights": np.array("replace_")}, "weights='replace_'"),
        ({"weights": "newest"}, "weights='newest'"),
        ({"weights": 3}, "weights=3"),
        ({"weights": [(1,)]}, "weights of 1 fits"),
        ({"weights": [(1,), (1,)]}, r"weights\[1\] of 1 numbers"),
        ({"weights": [(1,), (1, 1, 1)]}, r"weights\[1\] of 3 numbers"),
        ({"weights": [(1,), (-1, 1)]}, "weights=-1"),
        ({"weights": [(1, 1), (1, 1)]}, r"weights\[0\]\[1\]=1"),
        ({"weights": [(1,), (0, 0)]}, "the sum of the weights of a fit=0"),
        ({"weights": [(1,), (1, np.inf)]}, r"weights\[1\]=inf"),
    ],
)
def test_bad_arguments_are_refused(arguments, got):
    given = {"rows": (2, 2), "ridge": 0.01, "additions": rmt.KeepHard(0.5)} | arguments
    with pytest.raises(ValueError, match=rf"^rmt\.practice\.learning_curve: got {got}.*; allowed .+; do .+"):
        learning_curve(**given)


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (lambda: Guided(-0.1), "kappa=-0.1"),
        (lambda: Guided(np.inf), "kappa=inf"),
        (lambda: Guided(0.1, 0), "steps=0"),
        (lambda: Guided(0.1, 1001), "steps=1001"),
        (lambda: Guided(0.1, 20, "x1"), "through='x1'"),
        (lambda: Guided(0.1, interval=(0.5, 0.5)), r"interval=\(0.5, 0.5\)"),
        (lambda: Guided(0.1, interval=0.5), "interval=0.5"),
        (lambda: Guided(0.1, interval=(0.2, 0.9, 1)), r"interval=\(0.2, 0.9, 1\)"),
        (lambda: Guided(0.1, every=0), "every=0"),
        (lambda: Guided(0.1, tolerance=0.1), "tolerance=0.1"),
        (lambda: Plain(steps=0), "steps=0"),
        (lambda: Retire(1.0), "share=1"),
        (lambda: Retire(0.5, sample=10), "sample=10"),
        (lambda: Retire(0.5, repeats=1), "repeats=1"),
        (lambda: Retire(0.5, seed=-1), "seed=-1"),
    ],
)
def test_bad_mechanisms_are_refused(make, got):
    with pytest.raises(ValueError, match=rf"^rmt\.practice\.\w+: got {got}.*; allowed .+; do .+"):
        make()
