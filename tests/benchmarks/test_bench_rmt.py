"""How fast the theory answers: pytest tests/benchmarks/test_bench_rmt.py --benchmark-only (one thread)."""

import numpy as np
import pytest

import rmt
from rmt import covariance
from rmt.limits import optimal_keep_fraction


def test_covariance_evaluations(benchmark):
    """One error rate for a spectrum of 10^4 eigenvalues; at least 200 a second on one core."""
    d = 10**4
    world = {"eigenvalues": covariance.power_law(d, 1.0), "w0": np.ones(d), "ws": 1 + 0.5 * (-1.0) ** np.arange(d)}
    problem = rmt.Problem(n=2 * d, d=d, ridge=1e-3, rule=rmt.KeepHard(0.3))
    assert 0 < benchmark(covariance.error_rate, problem, **world) < 0.5
    assert benchmark.stats.stats.median < 1 / 200


@pytest.mark.parametrize("rule", [rmt.KeepHard, rmt.KeepEasy])
def test_closed_form_sweep(benchmark, rule):
    """10^5 error rates in one call."""
    rho, n = np.linspace(0, 1, 1000), np.geomspace(1, 1e6, 100)[:, None]
    problem = rmt.Problem(n=n, d=1, ridge=1e-2, rule=rule(0.3), rho=rho)
    assert benchmark(rmt.error_rate, problem).shape == (100, 1000)


def test_label_aware_evaluation(benchmark):
    """One error rate by quadrature."""
    problem = rmt.Problem(n=10, d=1, ridge=1e-2, rule=rmt.KeepHard(0.3), rho=0.9, rho_generator=0.8, label_aware=True)
    assert 0 < benchmark(rmt.error_rate, problem) < 0.5


def test_soft_rule(benchmark):
    """Make a soft rule and ask one error rate of it."""
    ask = lambda: rmt.error_rate(rmt.Problem(n=10, d=1, ridge=1e-2, rule=rmt.SoftKeep(0.3, power=1.0), rho=0.9))  # noqa: E731
    assert 0 < benchmark(ask) < 0.5


def test_optimal_keep_fraction(benchmark):
    """Best keep fraction and ridge together, at 49 pool sizes: one line of the phase diagram."""
    problem = rmt.Problem(n=np.geomspace(0.25, 1024, 49), d=1, ridge=1.0, rule=rmt.KeepAll(), rho=0.95)
    assert benchmark(optimal_keep_fraction, problem, best_ridge=True).argument.shape == (49,)
