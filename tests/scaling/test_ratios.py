"""Multipliers: exact curves, bounds, units, and the trap of a flat baseline."""

import numpy as np
import pytest

import scaling

N = 2.0 ** np.arange(7, 17)


def saturated(n):
    return 0.94 - 0.3 * (n / 64) ** -0.7


def noisy(curve, rng, seeds=8, noise=0.003):
    return curve + noise * rng.standard_normal((seeds, len(curve)))


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0, 7.3])
def test_shifted_curves_have_their_shift(factor):
    read = scaling.multiplier((N, 1 - 3 * N**-0.5), (N, 1 - 3 * (factor * N) ** -0.5))
    np.testing.assert_allclose(read.factor, factor, rtol=0.02)  # between octaves a curve is known to 2 %
    assert (read.low <= factor * (1 + 1e-9)).all()
    assert (read.high >= factor * (1 - 1e-9)).all()
    fine = np.geomspace(N[0], N[-1], 200)
    exact = scaling.multiplier((fine, 1 - 3 * fine**-0.5), (fine, 1 - 3 * (factor * fine) ** -0.5))
    np.testing.assert_allclose([exact.low, exact.high], factor, rtol=1e-3)
    np.testing.assert_allclose(read.factor, [r.baseline_x / r.method_x for r in read.readings])
    loss = scaling.multiplier((N, 3 * N**-0.5), (N, 3 * (factor * N) ** -0.5))
    assert loss.direction == "down"
    np.testing.assert_allclose(np.sort(loss.factor), np.sort(read.factor), rtol=1e-9)
    assert np.all(np.diff(loss.levels) < 0)  # from the worst level to the best


def test_a_reading_solves_both_curves():
    x, y = np.array([100.0, 200, 400, 800]), np.array([0.5, 0.62, 0.7, 0.74])
    read = scaling.multiplier((x, y), (x / 3, y), [0.5, 0.62, 0.65, 0.7])
    np.testing.assert_allclose([r.baseline_x for r in read.readings][:2], [100, 200])
    assert 200 < read.readings[2].baseline_x < 400
    np.testing.assert_allclose(read.factor, 3)


def test_bounds_where_a_curve_does_not_reach():
    low, high = ([100, 200], [0.5, 0.6]), ([50, 100], [0.7, 0.8])
    above = scaling.multiplier(low, high, [0.55, 0.6])
    assert [r.bound for r in above.readings] == [">", ">"]
    assert above.best.words("fewer", "more") == "at least 4.0x fewer"
    assert above.best.high == np.inf
    below = scaling.multiplier(high, low, [0.75])
    assert (below.best.bound, below.best.low) == ("<", 0)
    assert below.best.words("fewer", "more") == "at least 2.8x more"  # 50 sqrt 2 against 200
    mixed = scaling.multiplier(low, high, [0.55, 0.75, 0.9])
    assert mixed.refused == (0.75, 0.9)  # above the baseline's best
    assert mixed.highest == 0.6


def test_a_method_of_one_size_is_read_at_its_own_level():
    rng = np.random.default_rng(0)
    baseline = noisy(saturated(N), rng)
    read = scaling.multiplier((N, baseline), ([1000], noisy(saturated(np.array([4000.0])), rng)))
    (reading,) = read.readings
    assert reading.low < 4 < reading.high < 8
    above = scaling.multiplier((N, baseline), ([1000], 0.97 + np.zeros((8, 1))))
    assert (above.best.bound, above.best.level) == (">", above.highest)


@pytest.mark.parametrize(
    ("reading", "words", "interval"),
    [
        ((7.55, 5.1, 12.4, ""), "7.5x less", "5.1 to 12"),
        ((31.4, 20.2, np.inf, ">"), "at least 20x less", ""),
        ((31.4, 0.9, np.inf, ">"), "", ""),  # may be fewer, may be more
        ((0.25, 0.1, 0.5, ""), "4.0x more", "0.1 to 0.5"),
        ((0.25, 0.0, 0.5, "<"), "at least 2.0x more", ""),
        ((2.0, 0.0, 2.0, "<"), "", ""),
        ((0.5, 0.0, np.inf, ">"), "", ""),
        ((3.0, 3.0, 3.0, ""), "3.0x less", ""),
    ],
)
def test_words_claim_no_more_than_is_known(reading, words, interval):
    shown = scaling.Reading(0.9, *reading, 1.0, 1.0)
    assert (shown.words("less", "more"), shown.interval()) == (words, interval)


def rising(n):
    return 1 - 0.2 * (n / 128) ** -0.5


@pytest.mark.parametrize(
    ("baseline", "method"),
    [(saturated, saturated), (lambda n: np.minimum(0.94, rising(n)), rising)],
    ids=["both saturate", "only the baseline does"],
)
def test_a_flat_baseline_is_no_trap(baseline, method):
    """True factor 4, baseline flat at .940, noise .003: the running maximum's reading has a median of 10.5.

    50 curves: medians are known to 3 %, coverage to .04; both are .92 to .98 with more (`grade`).
    """
    every, best, covered, covered_best = [], [], [], []
    for trial in range(50):
        rng = np.random.default_rng([trial, 2])
        read = scaling.multiplier((N, noisy(baseline(N), rng)), (N, noisy(method(4 * N), rng)), resamples=200)
        assert read.levels.max() <= read.highest
        every.extend(read.factor)
        best.append(read.best.factor)
        covered.append(np.mean((read.low <= 4) & (read.high >= 4)))
        covered_best.append(read.best.low <= 4 <= read.best.high)
    assert np.median(every) == pytest.approx(4, rel=0.06)
    assert np.median(best) == pytest.approx(4, rel=0.1)
    assert np.mean(covered) >= 0.88
    assert np.mean(covered_best) >= 0.86
