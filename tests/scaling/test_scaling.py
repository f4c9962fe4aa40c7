"""Scaling curves against slow or closed-form oracles."""

import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

import scaling
from scaling import bootstrap
from scaling.averages import wilson
from scaling.multipliers import Curve

SIZES = [128, 256, 512, 1024, 2048, 4096]


def test_aggregate_is_the_textbook_mean_and_standard_error():
    samples = [[0.9, 0.5], [0.94, 0.7], [0.95, 0.3]]
    mean, stderr, n_seeds = scaling.aggregate(samples)
    columns = list(zip(*samples, strict=True))
    np.testing.assert_allclose(mean, [statistics.mean(c) for c in columns])
    np.testing.assert_allclose(stderr, [statistics.stdev(c) / 3**0.5 for c in columns])
    assert n_seeds == 3


@pytest.mark.parametrize("samples", [0.9, [0.9], [[0.9, 0.8]]])
def test_one_seed_has_no_standard_error(samples):
    with pytest.raises(ValueError, match=r"allowed \(seeds >= 2"):
        scaling.aggregate(samples)


@given(st.lists(st.floats(0.1, 0.99), min_size=6, max_size=6), st.floats(0.05, 1.0), st.floats(1e-3, 1e3))
def test_reach_solves_the_interpolated_curve(y, level, unit):
    found = scaling.reach(Curve(SIZES, y), level)
    best = [max(y[: k + 1]) for k in range(6)]
    assert found.bound == (">" if level > max(y) else "<" if level < y[0] else "")
    if not found.bound:  # put the answer back into the curve, a hair to its left and right (it may have steps)
        around = np.interp(np.log(found.x) + np.array([-1e-9, 1e-9]), np.log(SIZES), best)
        assert around[0] - 1e-7 <= level <= around[1] + 1e-7
    in_other_units = scaling.reach(Curve([unit * x for x in SIZES], y), level)
    assert in_other_units == (pytest.approx(unit * found.x), found.bound)


def test_reach_ignores_a_later_dip():
    assert scaling.reach(Curve([1, 2, 4, 8], [0.5, 0.7, 0.6, 0.8]), 0.65).x == pytest.approx(2**0.75)


@pytest.mark.parametrize(
    "curve", [Curve([], []), Curve([0, 1], [0.5, 0.6]), Curve([2, 1], [0.5, 0.6]), Curve([1, 2], [0.5])]
)
def test_reach_refuses_what_is_no_curve(curve):
    with pytest.raises(ValueError, match=r"allowed x > 0 strictly increasing"):
        scaling.reach(curve, 0.5)


def test_multiplier_of_shifted_power_laws():
    """error = 3 n^-1/2 against the same law with 4 times the samples per sample: 4, up to interpolation."""
    n = 2.0 ** np.arange(6, 16, 0.25)
    baseline, method = Curve(n, 1 - 3 * n**-0.5), Curve(n, 1 - 3 * (4 * n) ** -0.5)
    found = scaling.multiplier(baseline, method, 0.95)
    assert found.bound == ""
    assert found.factor == pytest.approx(4, rel=2e-3)
    assert found.baseline_x == pytest.approx(3600, rel=2e-3)  # 3 n^-1/2 = .05
    assert found.baseline_x / found.method_x == found.factor


def test_multiplier_says_when_it_is_a_bound():
    low, high = Curve([100, 200], [0.5, 0.6]), Curve([50, 100], [0.7, 0.8])

    def said(baseline, method, level):
        return scaling.multiplier(baseline, method, level).words("fewer", "more")

    assert said(low, high, 0.75) == "> 2.8x fewer"  # 200 / (50 sqrt 2), and the baseline is not there yet
    assert said(low, high, 0.6) == "> 4.0x fewer"  # the method is better from its first point on
    assert said(high, low, 0.75) == "> 2.8x more"
    assert said(high, low, 0.6) == "> 4.0x more"
    with pytest.raises(ValueError, match="off both curves on one side"):
        scaling.multiplier(low, high, 0.9)


@pytest.mark.parametrize(
    ("factor", "bound", "said"),
    [
        (7.55, "", "7.5x less"),
        (31.4, "", "31x less"),
        (31.4, ">", "> 31x less"),
        (0.25, "", "4.0x more"),
        (0.25, "<", "> 4.0x more"),
        (2.0, "<", ""),  # at most twice as many: may be fewer, may be more
        (0.5, ">", ""),
    ],
)
def test_words_claim_no_more_than_is_known(factor, bound, said):
    assert scaling.Multiplier(factor, bound, 0.9, factor, 1.0).words("less", "more") == said


def correctness(rng, seeds, images, accuracy):
    """Images of different difficulty: both the seeds and the images vary."""
    return rng.random((seeds, images)) < np.clip(accuracy + 0.2 * rng.standard_normal(images), 0, 1)


def t_level(seeds):
    """P(Z < -t_{.975, S-1} sqrt(S/(S-1))): where a 95 % interval of S seeds cuts the bootstrap."""
    return norm.cdf(-t.ppf(0.975, seeds - 1) * np.sqrt(seeds / (seeds - 1)))


def test_seed_bootstrap_is_the_enumeration_of_all_resamples():
    rng = np.random.default_rng(0)
    a, b = correctness(rng, 5, 50, 0.8), correctness(rng, 5, 50, 0.7)
    per_seed = a.mean(axis=1) - b.mean(axis=1)
    every = [np.mean(draw) for draw in itertools.product(per_seed, repeat=5)]  # 5^5 resamples
    value, low, high = bootstrap.paired_gain(a, b, images=False, rng=rng, resamples=40000)
    assert value == pytest.approx(per_seed.mean())
    np.testing.assert_allclose([low, high], np.quantile(every, [t_level(5), 1 - t_level(5)]), atol=0.004)
    assert high - low > 0.06  # the tolerance above resolves the interval


def test_seed_and_image_bootstrap_has_the_closed_form_variance():
    """Var = sum_stij D_si D_tj [(1 + d_st - 1/S)(1 + d_ij - 1/I) - 1] / (S I)^2 for multinomial counts."""
    rng = np.random.default_rng(1)
    a, b = correctness(rng, 8, 300, 0.8), correctness(rng, 8, 300, 0.75)
    D, S, images = a.astype(float) - b, 8, 300
    U, V = np.full((S, S), 1 - 1 / S) + np.eye(S), np.full((images, images), 1 - 1 / images) + np.eye(images)
    std = np.sqrt(np.sum(U * (D @ V @ D.T)) / D.size**2 - D.mean() ** 2)
    both = bootstrap.paired_gain(a, b, images=True, rng=rng, resamples=40000)
    assert (both.high - both.low) / (-2 * norm.ppf(t_level(8))) == pytest.approx(std, rel=0.04)
    seeds = bootstrap.paired_gain(a, b, images=False, rng=rng)
    assert both.high - both.low > 1.2 * (seeds.high - seeds.low)


def test_interval_of_eight_seeds_covers():
    covered = 0
    for trial in range(400):
        rng = np.random.default_rng(trial)
        gain = rng.standard_normal((8, 1))
        _, low, high = bootstrap.paired_gain(gain, np.zeros_like(gain), images=False, rng=rng, resamples=1000)
        covered += low < 0 < high
    assert 0.90 < covered / 400 < 0.98  # .935 in 1,000 trials, +- .012 here; plain quantiles .89


def test_pairing_cancels_what_both_share():
    a = correctness(np.random.default_rng(2), 8, 100, 0.8)
    assert bootstrap.paired_gain(a, a, images=True, rng=np.random.default_rng(0)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("shapes", [((8, 9), (8, 10)), ((9,), (9,)), ((1, 9), (1, 9)), ((8, 0), (8, 0))])
def test_unpaired_runs_are_refused(shapes):
    with pytest.raises(ValueError, match=r"allowed one shape \(seeds >= 2, images >= 1\) for both; do pair"):
        bootstrap.paired_gain(*map(np.ones, shapes), images=True, rng=np.random.default_rng(0))


@pytest.mark.parametrize(("floor", "scale", "exponent"), [(0.03, 4.0, 0.6), (0.0, 1.5, 0.3), (0.2, 40.0, 1.0)])
def test_fit_recovers_a_power_law(floor, scale, exponent):
    n = np.array(SIZES, dtype=float)
    curve = floor + scale * n**-exponent
    fit = scaling.fit_power_law(n, [curve, curve], rng=np.random.default_rng(0), resamples=2)
    assert fit.converged
    assert fit.floor.value == pytest.approx(floor, abs=1e-4)
    assert fit.scale.value == pytest.approx(scale, rel=5e-3)
    assert fit.exponent.value == pytest.approx(exponent, rel=2e-3)


def test_fit_is_not_led_astray_by_one_size():
    n = 2.0 ** np.arange(6, 16)
    curve = 0.02 + 3 * n**-0.5
    curve[4] *= 1.5  # one diverged size
    fit = scaling.fit_power_law(n, [curve, curve], rng=np.random.default_rng(0), resamples=2)
    assert fit.exponent.value == pytest.approx(0.5, abs=0.04)


def test_fit_interval_holds_the_truth_and_narrows_with_seeds():
    n, rng = 2.0 ** np.arange(6, 16), np.random.default_rng(3)
    noisy = (0.02 + 3 * n**-0.5) * np.exp(0.03 * rng.standard_normal((24, 10)))
    few, many = (scaling.fit_power_law(n, e, rng=np.random.default_rng(0), confidence=0.99) for e in (noisy[:6], noisy))
    for interval, truth in zip(many[:3], (0.02, 3, 0.5), strict=True):
        assert interval.low < truth < interval.high
        assert interval.low < interval.value < interval.high
    assert many.exponent.high - many.exponent.low < few.exponent.high - few.exponent.low < 0.2


@pytest.mark.parametrize(
    ("sizes", "errors"), [(SIZES[:3], np.ones((2, 3))), (SIZES, np.ones(6)), (SIZES, np.ones((1, 6)))]
)
def test_fit_refuses_too_little(sizes, errors):
    with pytest.raises(ValueError, match=r"allowed \(K >= 4,\) and \(seeds >= 2, K\)"):
        scaling.fit_power_law(sizes, errors, rng=np.random.default_rng(0))


@pytest.mark.parametrize("error", [0.0, 1.0, float("nan")])
def test_fit_refuses_errors_without_a_logarithm(error):
    errors = np.full((2, 6), 0.1)
    errors[1, 2] = error
    with pytest.raises(ValueError, match=r"allowed errors in \(0, 1\)"):
        scaling.fit_power_law(SIZES, errors, rng=np.random.default_rng(0))


def test_the_interval_solves_wilsons_equation():
    """(p - hits / n)^2 = z^2 p (1 - p) / n at both ends."""
    for hits, images in ((1, 10), (37, 50), (720_000, 1_281_167)):
        for p in wilson(hits, images):
            assert (p - hits / images) ** 2 == pytest.approx(1.959964**2 * p * (1 - p) / images, rel=1e-5)
    assert wilson(0, 7)[0] == 0
    assert wilson(7, 7)[1] == 1
