"""Dense Monte Carlo against theory over random problems: rules, imperfect generators, label checks, covariances."""

import numpy as np
import pytest

import rmt
from rmt import covariance

D, TRIALS, PROBLEMS = 64, 48, 160
RESOLUTION = 0.05  # largest 4 standard errors that a problem may have


def random_case(seed):
    """Return a function (d, rng) -> (Estimate, theory) of one random problem at any dimension."""
    rng = np.random.default_rng([seed, 20251103])
    ratio, lam, p, rho = 2 ** rng.uniform(-1, 3), 10 ** rng.uniform(-2, 0.5), rng.uniform(0.25, 1), rng.uniform(0, 1)
    rule = (rmt.KeepHard(p), rmt.KeepEasy(p), rmt.KeepAll(), rmt.SoftKeep(p, power=rng.uniform(-3, 3)))[rng.integers(4)]
    kind = ("perfect", "imperfect", "label-aware", "covariance")[seed % 4]
    fields = {"ridge": lam, "rule": rule}
    if kind == "covariance":
        exponent = rng.uniform(0, 0.6)

        def ask(d, rng):
            problem = rmt.Problem(n=round(ratio * D) * d // D, d=d, **fields)
            ws = np.ones(d) + 2 * np.tan(np.arccos(rho) / 2) * (-1.0) ** np.arange(d)
            world = {"eigenvalues": covariance.power_law(d, exponent), "w0": np.ones(d), "ws": ws}
            return covariance.simulate(problem, TRIALS, rng=rng, **world), covariance.error_rate(problem, **world)

        return ask
    fields["rho"] = rho
    if kind != "perfect":
        agreement = rng.uniform(0.2, 1)
        room = np.sqrt((1 - rho**2) * (1 - agreement**2))
        generator = rho * agreement + rng.uniform(-1, 1) * room
        fields |= {"rho_generator": generator, "rho_agreement": agreement, "label_aware": kind == "label-aware"}

    def ask(d, rng):
        problem = rmt.Problem(n=round(ratio * D) * d // D, d=d, **fields)
        return rmt.simulate(problem, TRIALS, "dense", rng=rng), rmt.error_rate(problem)

    return ask


def z_score(seed):
    """Return (2 gap(2d) - gap(d)) / stderr, gap = simulation - theory, in which a gap of C/d cancels."""
    ask = random_case(seed)
    (small, law), (large, law2) = (ask(d, np.random.default_rng([seed, d])) for d in (D, 2 * D))
    stderr = np.hypot(2 * large.stderr, small.stderr)
    assert 4 * stderr < RESOLUTION, f"problem {seed}: the test cannot see"
    return (2 * (large.mean - law2) - (small.mean - law)) / stderr


@pytest.mark.parametrize("seed", range(16))
def test_random_problems_agree(seed):
    assert abs(z_score(seed)) < 4


@pytest.mark.slow
def test_z_scores_are_standard_normal():
    """The standard deviation of 160 normal numbers is known to .056."""
    z = np.array([z_score(seed) for seed in range(PROBLEMS)])
    print(
        f"\n{len(z)} problems: mean {z.mean():+.2f}, standard deviation {z.std(ddof=1):.3f}, largest {abs(z).max():.2f}"
    )
    assert np.abs(z).max() < 4
    assert 0.85 < z.std(ddof=1) < 1.15
    assert abs(z.mean()) < 4 / np.sqrt(PROBLEMS)
