"""Pruned samples of the DDIM sampler: moments against sampled ones, limits, and practice at finite d."""

import numpy as np
import pytest

import rmt
from rmt.practice import Plain, Pruned, ddim, learning_curve, simulate
from rmt.practice.additions import plane_moments


def direction(cos):
    return cos, np.sqrt(1 - cos**2)


@pytest.mark.parametrize(("cos", "keep", "steps"), [(0.3, 0.5, 20), (0.9, 0.25, 40), (0.998, 0.1, 10)])
def test_moments_are_those_of_samples_of_which_the_most_uncertain_are_kept(cos, keep, steps):
    """100,000 samples: standard errors of kept moments are below .02."""
    cos, sin = direction(cos)
    noise = np.random.default_rng(0).standard_normal((100_000, 2))
    x = ddim.sample(noise, cos, sin, 0.0, "x0", ddim.schedule(steps))
    kept = x[np.argsort(np.abs(x @ [cos, sin]))[: int(keep * len(x))]]
    S, b, _, error = plane_moments(Pruned(keep, steps), cos, sin)
    assert error < 1e-9
    stderr = kept.std(axis=0) / np.sqrt(len(kept))
    assert np.all(np.abs(kept.mean(axis=0) - b) < 4 * stderr)
    products = kept[:, :, None] * kept[:, None, :]
    stderr = products.std(axis=0) / np.sqrt(len(kept))
    assert np.all(np.abs(products.mean(axis=0) - S) < 4 * stderr)
    assert stderr.max() < 0.02


def test_nothing_pruned_is_plain_and_the_threshold_is_continuous():
    cos, sin = direction(0.8)
    plain = plane_moments(Plain(50), cos, sin)
    for keep, gap in ((1.0, 1e-15), (1 - 1e-9, 1e-7)):
        pruned = plane_moments(Pruned(keep, 50), cos, sin)
        np.testing.assert_allclose(pruned.S, plain.S, atol=gap)
        np.testing.assert_allclose(pruned.b, plain.b, atol=gap)
        assert pruned.c == plain.c


def test_many_steps_prune_like_the_theorem():
    """The sampler's shrinkage is of order 1/steps: its gap to exact rows halves when the number of steps doubles."""
    gaps = []
    for steps in (125, 250, 500):
        curve = learning_curve((2, 2, 2), 1e-2, Pruned(0.25, steps))
        gaps.append(curve.error_rate - learning_curve((2, 2, 2), 1e-2, rmt.KeepHard(0.25)).error_rate)
    assert np.all(np.abs(gaps[-1]) < 3e-4)
    np.testing.assert_allclose(np.array(gaps[:-1]) / gaps[1:], 2, rtol=0.15)


def test_a_sharp_classifier_needs_no_more_than_nodes():
    """At an angle of 1e-3 the band is an edge across w_0: the moments are those of the samples nearest to it."""
    cos, sin = np.cos(1e-3), np.sin(1e-3)
    S, b, c, error = plane_moments(Pruned(0.5, 100), cos, sin)
    assert error < 1e-9
    assert S[1, 1] == pytest.approx(c**2, rel=1e-3)
    assert abs(b[1]) < 3e-3
    with pytest.raises(ArithmeticError, match=r"angle of 1e-06 to the truth; allowed at least 1e-05; do end"):
        plane_moments(Pruned(0.5, 100), np.cos(1e-6), np.sin(1e-6))


@pytest.mark.parametrize("weights", ["accumulate", "replace"])
def test_practice_at_finite_d_tends_to_the_curve(weights):
    """Gap 2 gap(2d) - gap(d), in which an error of C/d cancels; four standard errors are below .05."""
    practice = ((2, 2, 1), 0.02, Pruned(0.25, 10), weights)
    limit = learning_curve(*practice).accuracy
    small, large = (simulate(*practice, d=d, trials=60, rng=np.random.default_rng(d)) for d in (40, 80))
    stderr = np.array([np.hypot(2 * b.stderr, a.stderr) for a, b in zip(small, large, strict=True)])
    gap = np.array([2 * b.mean - a.mean for a, b in zip(small, large, strict=True)]) - limit
    assert np.all(4 * stderr < 0.05)
    assert np.all(np.abs(gap) < 4 * stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keep": 0, "steps": 10}, r"keep=0.*allowed numbers in \(0, 1\]"),
        ({"keep": 1.5, "steps": 10}, r"keep=1.5"),
        ({"keep": "half", "steps": 10}, r"keep='half'; allowed real numbers"),
        ({"keep": 0.5, "steps": 0}, r"steps=0; allowed whole numbers >= 1"),
        ({"keep": 0.5, "steps": 2000}, r"steps=2000; allowed at most 1000"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Pruned(**arguments)
