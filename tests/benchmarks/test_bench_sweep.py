"""How fast the law sweeps in JAX: pytest tests/benchmarks/test_bench_sweep.py --benchmark-only (all cores)."""

from functools import partial

import numpy as np
import pytest

import rmt

pytest.importorskip("jax")
import jax

from rmt import sweep

RULES = {"hard": rmt.KeepHard, "easy": rmt.KeepEasy, "all": lambda p: rmt.KeepAll()}  # noqa: ARG005
COUNT = 2**20


def grid(kind):
    """A keep fraction and a cosine for every pool size and ridge."""
    p, rho = np.geomspace(1e-3, 1, 32)[:, None, None, None], np.linspace(0.1, 1, 32)[:, None, None]
    return rmt.Problem(n=np.geomspace(1, 1e6, 32)[:, None], d=1, ridge=np.geomspace(1e-8, 1, 32), rule=RULES[kind](p),
                       rho=rho)  # fmt: skip


def scatter(kind):
    """Every point has its own keep fraction, cosine, pool size and ridge."""
    rng = np.random.default_rng(0)
    p, rho = rng.uniform(1e-3, 1, COUNT), rng.uniform(0, 1, COUNT)
    n, ridge = 10 ** rng.uniform(0, 6, COUNT), 10 ** rng.uniform(-8, 0, COUNT)
    return rmt.Problem(n=n, d=1, ridge=ridge, rule=RULES[kind](p), rho=rho)


@pytest.mark.parametrize(("points", "kind"), [(grid, "hard"), (grid, "easy"), *((scatter, kind) for kind in RULES)])
def test_error_rates(benchmark, points, kind):
    """At least 10^6 a second on two cores, once compiled."""
    problem = points(kind)
    sweep.error_rate(problem)
    assert benchmark.pedantic(sweep.error_rate, (problem,), rounds=7).size == COUNT
    assert benchmark.stats.stats.median < COUNT / 1e6


@pytest.mark.parametrize("kind", RULES)
def test_gradients(benchmark, kind):
    """Error rate and four derivatives of 2^20 points."""
    problem = scatter(kind)
    sweep.gradients(problem)
    assert benchmark.pedantic(sweep.gradients, (problem,), rounds=5).rho.shape == (COUNT,)
    assert benchmark.stats.stats.median < COUNT / 3e5


@pytest.mark.parametrize("kind", ["hard", "easy"])
def test_numpy_for_comparison(benchmark, kind):
    """`rmt.error_rate` of the same scattered points, a quarter of them."""
    whole = scatter(kind)
    quarter = rmt.Problem(n=whole.n[::4], d=1, ridge=whole.ridge[::4], rule=RULES[kind](whole.rule.p[::4]),
                          rho=whole.rho[::4])  # fmt: skip
    assert benchmark.pedantic(rmt.error_rate, (quarter,), rounds=3).shape == (COUNT // 4,)


@pytest.mark.parametrize(("fits", "count"), [(4, 2**14), (8, 2**13)])
def test_learning_curves(benchmark, fits, count):
    """Learning curves of pruned practice, each with its own rows, keep fractions, ridge and weights, in one batch."""
    rng = np.random.default_rng(0)
    rows, p = 10 ** rng.uniform(-1, 1, (count, fits)), 10 ** rng.uniform(-2, -0.01, (count, fits - 1))
    ridge, weights = 10 ** rng.uniform(-6, 0, count), np.tril(rng.uniform(0.05, 2, (count, fits, fits)))
    with sweep.double_precision():
        curves = jax.jit(jax.vmap(partial(sweep.learning_curve, "hard")))
        run = lambda: curves(rows, p, ridge, weights).block_until_ready()  # noqa: E731
        run()
        errors = benchmark.pedantic(run, rounds=5)
    assert bool(np.isfinite(errors).all())
    benchmark.extra_info["curves a second"] = count / benchmark.stats.stats.min
