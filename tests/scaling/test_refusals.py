"""Every function of scaling answers with finite numbers or refuses in the agreed form."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.refusals import answer_or_refusal

import scaling
from scaling.averages import wilson

SIZES = [128, 256, 512, 1024]
FLAT = 0.1 + 0.01 * np.random.default_rng(0).standard_normal((8, 4))  # of which no direction can be told
LINE = (np.array([100.0, 400.0]), np.array([0.5, 0.7]))
RUNS = np.geomspace(1, 100, 8)
NO_NUMBERS = [np.nan, np.inf, -np.inf, None, "0.5", 1j, 2**64, 10**5000]
NAMES = ["NaN", "inf", "-inf", "None", "text", "complex", "2^64", "5001 digits"]


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("bad", NO_NUMBERS, ids=NAMES)
def test_what_is_no_number_is_refused_everywhere(bad):
    """In the place of a seed's value, of a curve's x or y, of a level, a size, a share or a confidence."""
    errors = [[0.4, 0.3, 0.2, 0.1]] * 2
    pair = np.array([[bad, 0.0], [1.0, 1.0]], dtype=object if bad in (None, "0.5", 2**64, 10**5000) else None)
    fit = scaling.fit(SIZES, errors)
    calls = [
        lambda: scaling.aggregate([1, bad]),
        lambda: scaling.multiplier(LINE, LINE, [bad]),
        lambda: scaling.multiplier(LINE, ([100, bad], [0.5, 0.7])),
        lambda: scaling.multiplier(([100, 400], [0.5, bad]), LINE),
        lambda: scaling.multiplier(LINE, LINE, confidence=bad),
        lambda: scaling.fit([*SIZES[:3], bad], errors),
        lambda: scaling.fit(SIZES, [errors[0], [0.4, 0.3, 0.2, bad]]),
        lambda: scaling.fit(SIZES, errors, resamples=bad if bad != 2**64 else 0),
        lambda: scaling.fit(SIZES, errors, confidence=bad),
        lambda: scaling.fit(SIZES, errors[0], stderr=[0.1, 0.1, 0.1, bad]),
        lambda: fit.predict([100, bad]),
        lambda: scaling.backtest(SIZES, [*errors[0][:3], bad], form="power"),
        lambda: scaling.choose(SIZES, [*errors[0][:3], bad]),
        lambda: scaling.chinchilla(RUNS, RUNS, [*RUNS[:7], bad]),
        lambda: scaling.paired_gain(pair, np.ones((2, 2)), images=True, rng=rng()),
        lambda: scaling.paired_gain(np.eye(2), np.ones((2, 2)), images=True, rng=rng(), confidence=bad),
        lambda: scaling.paired_gain(np.eye(2), np.ones((2, 2)), images=True, rng=bad),
        lambda: scaling.levels(bad, 3),
        lambda: scaling.levels(0.9, bad),
        lambda: scaling.levels(0.9, 3, bad),
        lambda: scaling.pooled_gain([(pair, np.ones((2, 2)))], images=True, rng=rng()),
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
        (lambda: scaling.multiplier(LINE, LINE, np.inf), "multiplier: got levels with inf; allowed finite numbers"),
        (lambda: scaling.multiplier(LINE, LINE, [[0.6]]), r"got levels of shape \(1, 1\); allowed one level or a list"),
        (
            lambda: scaling.multiplier(LINE, LINE, 0.9),
            "got levels 0.9; allowed levels that one of the curves spans, up",
        ),
        (lambda: scaling.multiplier(LINE, LINE, 0.4), "got levels 0.4; allowed levels that one of the curves spans"),
        (lambda: scaling.multiplier(([1], [0.5]), LINE), "got a baseline of one size; allowed at least 2"),
        (lambda: scaling.multiplier(([1, 1], [0.5, 0.6]), LINE), "multiplier baseline: got equal sizes"),
        (lambda: scaling.multiplier("ab", LINE), "got a baseline of type str; allowed"),
        (lambda: scaling.multiplier(LINE, LINE, direction="left"), "got direction = 'left'; allowed 'up', 'down'"),
        (
            lambda: scaling.fit([8] * 4, [0.1] * 4, direction="down"),
            "got 1 different sizes; allowed at least 4 for form",
        ),
        (lambda: scaling.fit(SIZES, [0.1] * 4), "got curves that neither rise nor fall beyond their noise; allowed"),
        (lambda: scaling.fit(SIZES, FLAT), "got curves that neither rise nor fall beyond their noise; allowed"),
        (lambda: scaling.fit([1, 2, 3, 1e300], [4, 3, 2, 1]), r"got x from 1 to 1e\+300; allowed x > 0"),
        (lambda: scaling.fit([0, 2, 3, 4], [4, 3, 2, 1]), "got x from 0 to 4; allowed x > 0"),
        (lambda: scaling.fit(SIZES, [4, 3, 2, 0]), "got an average of 0 with direction 'down'; allowed losses of at"),
        (lambda: scaling.fit(SIZES, [0.4, 0.5, 0.6, 1]), "got an average of 1 with direction 'up'; allowed accuracies"),
        (lambda: scaling.fit(SIZES, [40, 50, 60, 101]), "got an average of 101 with direction 'up'"),
        (lambda: scaling.fit(SIZES, np.ones((2, 3))), r"got x \(4,\), y \(2, 3\); allowed \(K,\) and \(K,\) or"),
        (lambda: scaling.fit(SIZES, np.ones((2, 4)), stderr=SIZES), r"got stderr \(4,\) for y \(2, 4\); allowed"),
        (lambda: scaling.fit(SIZES, [4, 3, 2, 1], stderr=[1, 1, 1, -1]), "allowed numbers >= 0, one for each average"),
        (lambda: scaling.fit(SIZES, [4, 3, 2, 1], n_seeds=3), "got n_seeds without stderr; allowed both"),
        (
            lambda: scaling.fit(SIZES, [4, 3, 2, 1], form="spline"),
            "got form = 'spline'; allowed power, power_floor, sat",
        ),
        (lambda: scaling.fit(SIZES, [4, 3, 2, 1], form="broken"), "got 4 different sizes; allowed at least 8 for form"),
        (lambda: scaling.fit(SIZES, [4, 3, 2, 1], rng=7), "got rng = 7; allowed numpy.random.Generator"),
        (lambda: scaling.backtest(SIZES, [4, 3, 2, 1]), r"got 4 sizes and held_out = \[1, 2, 3\]; allowed at least 4"),
        (lambda: scaling.choose(SIZES[:3], [4, 3, 2]), "scaling.choose: got 3 sizes; allowed at least 4"),
        (lambda: scaling.chinchilla(RUNS, RUNS, RUNS[:7]), r"chinchilla: got n \(8,\), d \(8,\), loss \(7,\); allowed"),
        (lambda: scaling.chinchilla([1] * 8, RUNS, RUNS), "got n from 1 to 1; allowed numbers > 0, .* at least 3 diff"),
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


@settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.lists(st.tuples(values, values), min_size=1, max_size=4), values)
def test_any_curve_is_read_or_refused(points, level):
    """A factor is positive and finite, and lies in its interval."""
    x, y = (list(column) for column in zip(*sorted(points), strict=True))
    noise = np.array([[0.99], [1.0]])
    for method in (([0.5], [level]), (np.array([0.5, 0.6]), noise * [[level, level]])):
        read = answer_or_refusal(lambda method=method: scaling.multiplier((x, y), method, resamples=8, direction="up"))
        if not isinstance(read, str):
            assert (read.factor > 0).all()
            assert np.isfinite(read.factor).all()
            assert (read.low <= read.factor).all()
            assert (read.factor <= read.high).all()
    mean = answer_or_refusal(lambda: scaling.aggregate(y))
    assert isinstance(mean, str) or np.isfinite(mean).all()


@settings(max_examples=16, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    st.sampled_from(["power", "power_floor", "saturating", "broken"]),
    st.lists(st.floats(-16, 16).map(lambda e: 10.0**e), min_size=9, max_size=9, unique=True),
    st.lists(st.floats(-16, 3).map(lambda e: 10.0**e), min_size=18, max_size=18),
)
def test_any_errors_are_fitted_or_refused(form, sizes, errors):
    samples = np.reshape(errors, (2, 9))
    fit = answer_or_refusal(lambda: scaling.fit(sizes, samples, form=form, direction="down", resamples=4))
    if not isinstance(fit, str):
        assert np.isfinite(list(fit.parameters.values())).all()
        assert all(p.low <= p.value <= p.high for p in fit.parameters.values())
        assert fit.chi2 >= 0
        assert np.isfinite(fit.misfit)
