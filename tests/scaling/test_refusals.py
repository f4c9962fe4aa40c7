"""Every function of scaling answers with finite numbers or refuses in the agreed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.refusals import answer_or_refusal

import scaling
from scaling.averages import wilson
from scaling.multipliers import Curve

SIZES = [128, 256, 512, 1024]
LINE = Curve([100, 400], [0.5, 0.7])
NO_NUMBERS = [np.nan, np.inf, -np.inf, None, "0.5", 1j, 2**64, 10**5000]
NAMES = ["NaN", "inf", "-inf", "None", "text", "complex", "2^64", "5001 digits"]


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("bad", NO_NUMBERS, ids=NAMES)
def test_what_is_no_number_is_refused_everywhere(bad):
    """In the place of a seed's value, of a curve's x or y, of a level, an error, a size, a share or a confidence."""
    errors = [[0.4, 0.3, 0.2, 0.1]] * 2
    pair = np.array([[bad, 0.0], [1.0, 1.0]], dtype=object if bad in (None, "0.5", 2**64, 10**5000) else None)
    calls = [
        lambda: scaling.aggregate([1, bad]),
        lambda: scaling.reach(LINE, bad),
        lambda: scaling.reach(Curve([100, bad], [0.5, 0.7]), 0.6),
        lambda: scaling.reach(Curve([100, 400], [0.5, bad]), 0.6),
        lambda: scaling.multiplier(LINE, LINE, bad),
        lambda: scaling.fit_power_law([*SIZES[:3], bad], errors, rng=rng()),
        lambda: scaling.fit_power_law(SIZES, [errors[0], [0.4, 0.3, 0.2, bad]], rng=rng()),
        lambda: scaling.fit_power_law(SIZES, errors, rng=rng(), resamples=bad if bad != 2**64 else 0),
        lambda: scaling.paired_gain(pair, np.ones((2, 2)), images=True, rng=rng()),
        lambda: scaling.paired_gain(np.eye(2), np.ones((2, 2)), images=True, rng=rng(), confidence=bad),
        lambda: scaling.paired_gain(np.eye(2), np.ones((2, 2)), images=True, rng=bad),
        lambda: scaling.levels(bad, 3),
        lambda: scaling.levels(0.9, bad),
        lambda: wilson(bad, 7),
        lambda: wilson(7, bad),
        lambda: wilson(3, 7, bad),
    ]
    for number, call in enumerate(calls):
        assert isinstance(answer_or_refusal(call), str), number


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scaling.aggregate([1, np.nan]), "scaling.aggregate: got samples with nan; allowed finite numbers"),
        (lambda: scaling.aggregate(np.ma.array([1.0, 2.0], mask=[0, 1])), "got samples = masked_array.* unmasked"),
        (lambda: scaling.aggregate([1e308, 1e308]), "aggregate: got numbers so extreme"),
        (lambda: scaling.reach(LINE, np.inf), "scaling.reach: got level = inf; allowed one finite number"),
        (lambda: scaling.multiplier(LINE, LINE, [0.5, 0.6]), r"got level = \[0.5, 0.6\]; allowed one finite number"),
        (lambda: scaling.reach(Curve([5e-324, 1e308], [0.1, 0.9]), 0.5), "reach: got numbers so extreme"),
        (lambda: scaling.fit_power_law([8] * 4, np.full((2, 4), 0.1), rng=rng()), "got 1 different sizes; allowed at"),
        (lambda: scaling.fit_power_law([1, 1, 2, 3], np.full((2, 4), 0.1), rng=rng()), "got 3 different sizes"),
        (lambda: scaling.fit_power_law([1, 2, 3, np.inf], np.full((2, 4), 0.1), rng=rng()), "sizes from 1.0 to inf"),
        (lambda: wilson(8, 7), "scaling.wilson: got 8 hits of 7 images; allowed hits <= images"),
        (lambda: wilson(0, 0), "scaling.wilson: got images = 0; allowed whole numbers >= 1"),
        (lambda: scaling.levels(1.0, 3), "scaling.levels: got confidence = 1.0; allowed one finite number between 0"),
        (lambda: scaling.levels(0.95, 1), "scaling.levels: got n_seeds = 1; allowed whole numbers >= 2"),
    ],
)
def test_a_refusal_says_why(call, message):
    with pytest.raises(ValueError, match=rf"{message}.*; do "):
        call()


values = st.one_of(st.floats(0.01, 1), st.floats(0.01, 1), st.floats())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(values, values), min_size=1, max_size=4), values)
def test_any_curve_is_read_or_refused(points, level):
    """A level reached lies on the curve's x, or is a bound at one of its ends."""
    x, y = (list(column) for column in zip(*sorted(points), strict=True))
    curve = Curve(x, y)
    place = answer_or_refusal(lambda: scaling.reach(curve, level))
    assert isinstance(place, str) or x[0] * (1 - 1e-12) <= place.x <= x[-1] * (1 + 1e-12)
    found = answer_or_refusal(lambda: scaling.multiplier(curve, Curve([0.5], [level]), level))
    assert isinstance(found, str) or 0 < found.factor < np.inf
    mean = answer_or_refusal(lambda: scaling.aggregate(y))
    assert isinstance(mean, str) or np.isfinite(mean).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(-31, 31).map(lambda e: 10.0**e), min_size=4, max_size=6, unique=True),
    st.lists(st.floats(-16, -1e-9).map(lambda e: 10.0**e), min_size=12, max_size=12),
)
def test_any_errors_are_fitted_or_refused(sizes, errors):
    samples = np.reshape(errors, (2, 6))[:, : len(sizes)]
    fit = answer_or_refusal(lambda: scaling.fit_power_law(sizes, samples, rng=rng(), resamples=2))
    assert isinstance(fit, str) or np.isfinite(fit[:3]).all()
