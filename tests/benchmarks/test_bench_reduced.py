"""How fast the simulation and the convex law are: pytest tests/benchmarks/test_bench_reduced.py --benchmark-only."""

import resource
import subprocess
import sys
from time import perf_counter

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import rmt

PROBLEM = {"n": 50_000, "d": 512, "ridge": 1e-2, "rho": 0.9}


def seconds(action, repeats):
    """Least of `repeats` wall times: what the machine can do when nobody else uses it."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        action()
        times.append(perf_counter() - start)
    return min(times)


def floor(n):
    """Draw the two scalars of n samples, and do nothing with them."""
    rng, block = np.random.default_rng(0), np.empty(1 << 14)
    for start in range(0, n, len(block)):
        for _ in range(2):
            rng.standard_normal(out=block[: min(len(block), n - start)])


@pytest.mark.parametrize("rule", [rmt.KeepAll(), rmt.KeepHard(0.3)], ids=["all", "hard"])
def test_reduced_trials(benchmark, rule):
    """Ten trials at n = 5 * 10^4, d = 512."""
    problem = rmt.Problem(**PROBLEM, rule=rule)
    estimate = benchmark(lambda: rmt.simulate(problem, 10, rng=np.random.default_rng(0)))
    assert abs(estimate.mean - rmt.error_rate(problem)) < 0.02


def test_reduced_is_300_times_faster_than_dense(benchmark):
    """One thread each, all samples kept; and at most 2.5 times the time to draw the scalars alone."""
    problem = rmt.Problem(**PROBLEM, rule=rmt.KeepAll())
    with threadpool_limits(limits=1, user_api="blas"):
        dense = seconds(lambda: rmt.simulate(problem, 2, "dense", rng=np.random.default_rng(0)), 2) / 2
    reduced = seconds(lambda: rmt.simulate(problem, 40, rng=np.random.default_rng(0)), 5) / 40
    least = seconds(lambda: floor(50_000), 50)
    benchmark.extra_info |= {"dense_s": dense, "ratio": dense / reduced, "over_floor": reduced / least}
    benchmark(rmt.simulate, problem, 2, rng=np.random.default_rng(0))
    print(
        f"\ndense {dense:.3f} s, reduced {1e3 * reduced:.2f} ms: {dense / reduced:.0f}x; {reduced / least:.2f} x floor"
    )
    assert dense / reduced > 300
    assert reduced / least < 2.5


def test_a_hundred_million_samples(benchmark):
    """Two trials at n = 10^8, d = 10^6 in a process of its own: at most 60 s a trial and 2 GiB."""
    code = (
        "import rmt, numpy, resource; p = rmt.Problem(n=10**8, d=10**6, ridge=1e-2, rule=rmt.KeepAll(), rho=0.9);"
        "e = rmt.simulate(p, 2, rng=numpy.random.default_rng(0)); assert abs(e.mean - rmt.error_rate(p)) < 1e-4;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def run():
        return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    kib = int(benchmark.pedantic(run, rounds=1))
    least = seconds(lambda: floor(10**8), 1)
    took = benchmark.stats.stats.min / 2
    benchmark.extra_info |= {"GiB": kib / 2**20, "over_floor": took / least}
    print(f"\n{took:.1f} s a trial, {took / least:.2f} x floor, {kib / 2**20:.2f} GiB")
    assert took < 60
    assert kib < 2 * 2**20
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2 * 2**20


@pytest.mark.parametrize("rule", [rmt.KeepAll(), rmt.KeepHard(0.3)], ids=["all", "hard"])
def test_logistic_law(benchmark, rule):
    """One error rate to 1e-6: at most 50 ms."""
    problem = rmt.Problem(n=10, d=1, ridge=1e-2, rule=rule, rho=0.9, loss="logistic")
    solution = benchmark(rmt.convex.solve, problem)
    assert solution.accuracy < 1e-6
    assert benchmark.stats.stats.median < 0.05
