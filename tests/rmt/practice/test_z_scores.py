"""The idealised practice at finite d against its limit, over random practices; the gap is extrapolated in 1/d."""

import numpy as np
import pytest

import rmt
from rmt.practice import Guided, learning_curve, simulate

D, TRIALS, PRACTICES = 64, 60, 112
RESOLUTION = 0.08  # largest 4 standard errors that a fit may have


def random_practice(seed):
    """Return the arguments of `learning_curve` for a practice of 2 to 4 fits."""
    rng = np.random.default_rng([seed, 20261121])
    fits = int(rng.integers(2, 5))
    rows = rng.integers(2, 17, size=fits) / 4
    p, kappa, steps = rng.uniform(0.1, 0.8), 10 ** rng.uniform(-1.5, -0.2), int(rng.choice([5, 10, 20]))
    addition = (
        rmt.KeepHard(p),
        rmt.KeepEasy(p),
        rmt.SoftKeep(p, power=rng.uniform(-2, 2)),
        Guided(kappa, steps),
        Guided(kappa / 3, steps, "denoiser"),
        Guided(kappa, steps, interval=(0.2, 1.0)),
        Guided(2 * kappa, steps, every=2),
    )[seed % 7]
    weights = ("accumulate", "replace", np.tril(rng.uniform(0.2, 2, (fits, fits))), "accumulate")[(seed // 7) % 4]
    return rows, 10 ** rng.uniform(-2, 0), addition, weights


def z_scores(seed, trials):
    """Return (2 gap(2d) - gap(d)) / stderr of every fit, gap = simulation - limit, in which a gap of C/d cancels."""
    practice = random_practice(seed)
    limit = learning_curve(*practice).accuracy
    small, large = (simulate(*practice, d=d, trials=trials, rng=np.random.default_rng([seed, d])) for d in (D, 2 * D))
    stderr = np.array([np.hypot(2 * b.stderr, a.stderr) for a, b in zip(small, large, strict=True)])
    assert np.all(4 * stderr < RESOLUTION), f"practice {seed}: the test cannot see"
    gap = np.array([2 * b.mean - a.mean for a, b in zip(small, large, strict=True)]) - limit
    return gap / stderr


@pytest.mark.parametrize("seed", [0, 1, 3, 4, 5, 9, 17, 24])
def test_random_practices_agree(seed):
    assert np.all(np.abs(z_scores(seed, 32)) < 4)


@pytest.mark.slow
def test_z_scores_are_standard_normal():
    """Over 300 fits; were they independent, their root mean square would be known to .04."""
    scores = np.concatenate([z_scores(seed, TRIALS) for seed in range(PRACTICES)])
    assert len(scores) >= 300
    assert 0.8 < np.sqrt(np.mean(scores**2)) < 1.2
    assert np.abs(scores).max() < 4.5  # one of 324 normal numbers is larger than 4 in 2 % of all seeds
