"""Averages over seeds, gains of paired runs and shares against slow or closed-form oracles."""

import itertools
import statistics

import numpy as np
import pytest
from scipy.stats import norm, t

import scaling
from scaling import bootstrap
from scaling.averages import wilson


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


def test_pooling_one_experiment_is_its_own_gain():
    rng = np.random.default_rng(6)
    a, b = correctness(rng, 4, 60, 0.8), correctness(rng, 4, 60, 0.7)
    alone = bootstrap.paired_gain(a, b, images=True, rng=np.random.default_rng(0))
    assert bootstrap.pooled_gain([(a, b)], images=True, rng=np.random.default_rng(0)) == alone


def test_a_pooled_gain_is_the_average_with_the_variance_of_independent_experiments():
    """A seed bootstrap has variance sum_s (D_s - D)^2 / S^2; an average of two experiments, a quarter of their sum."""
    rng = np.random.default_rng(7)
    pairs = [(correctness(rng, 8, images, 0.8), correctness(rng, 8, images, 0.7)) for images in (40, 90)]
    per_seed = [(a.astype(float) - b).mean(axis=1) for a, b in pairs]
    pooled = bootstrap.pooled_gain(pairs, images=False, rng=rng, resamples=40000)
    assert pooled.value == pytest.approx(np.mean([d.mean() for d in per_seed]))
    std = np.sqrt(sum(d.var() / 8 for d in per_seed)) / 2
    level = norm.cdf(-t.ppf(0.975, 14) * np.sqrt(8 / 7))
    assert (pooled.high - pooled.low) / (-2 * norm.ppf(level)) == pytest.approx(std, rel=0.03)
    either = [bootstrap.paired_gain(*pair, images=False, rng=rng) for pair in pairs]
    assert pooled.high - pooled.low < 0.9 * max(one.high - one.low for one in either)


def test_experiments_of_unequal_numbers_of_seeds_are_not_pooled():
    pairs = [(np.ones((seeds, 5)), np.zeros((seeds, 5))) for seeds in (4, 5)]
    with pytest.raises(ValueError, match=r"got \[4, 5\] seeds; allowed one number"):
        bootstrap.pooled_gain(pairs, images=True, rng=np.random.default_rng(0))


def test_pairing_cancels_what_both_share():
    a = correctness(np.random.default_rng(2), 8, 100, 0.8)
    assert bootstrap.paired_gain(a, a, images=True, rng=np.random.default_rng(0)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("shapes", [((8, 9), (8, 10)), ((9,), (9,)), ((1, 9), (1, 9)), ((8, 0), (8, 0))])
def test_unpaired_runs_are_refused(shapes):
    with pytest.raises(ValueError, match=r"allowed one shape \(seeds >= 2, images >= 1\) for both; do pair"):
        bootstrap.paired_gain(*map(np.ones, shapes), images=True, rng=np.random.default_rng(0))


def test_the_interval_solves_wilsons_equation():
    """(p - hits / n)^2 = z^2 p (1 - p) / n at both ends."""
    for hits, images in ((1, 10), (37, 50), (720_000, 1_281_167)):
        for p in wilson(hits, images):
            assert (p - hits / images) ** 2 == pytest.approx(1.959964**2 * p * (1 - p) / images, rel=1e-5)
    assert wilson(0, 7)[0] == 0
    assert wilson(7, 7)[1] == 1
