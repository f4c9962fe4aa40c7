"""Time the analysis of curves: pytest tests/benchmarks/test_bench_scaling.py --benchmark-only -n 0 (one thread)."""

import numpy as np
import pytest

import paper_repro
import scaling

N = 2.0 ** np.arange(6, 16)
ERRORS = (0.02 + 3 * N**-0.5) * (1 + 0.01 * np.random.default_rng(0).standard_normal((8, 10)))


@pytest.mark.parametrize(("form", "seconds"), [("power", 0.5), ("power_floor", 0.5), ("saturating", 2), ("broken", 2)])
def test_fit(benchmark, form, seconds):
    """A fit of 8 seeds x 10 sizes with 200 resamples."""
    fit = benchmark(scaling.fit, N, ERRORS, form=form, resamples=200)
    assert fit.converged
    assert benchmark.stats.stats.median < seconds


def test_multiplier(benchmark):
    """A curve of 25 levels with 400 resamples."""
    read = benchmark(scaling.multiplier, (N, 1 - ERRORS), (N / 4, 1 - ERRORS))
    assert len(read.levels) == 25
    assert benchmark.stats.stats.median < 0.5


def test_law_on_four_series(benchmark, tmp_path):
    """The whole command, matplotlib included; at most 6 seconds."""
    rows = [
        f"{factor * n},{y},{factor},{seed}"
        for factor in (1, 2, 3, 4)
        for seed, curve in enumerate(ERRORS)
        for n, y in zip(N, curve, strict=True)
    ]
    (tmp_path / "curves.csv").write_text("\n".join(["x,y,series,seed", *rows]))
    arguments = ["law", str(tmp_path / "curves.csv"), "--baseline", "4", "--out", str(tmp_path)]
    assert benchmark.pedantic(paper_repro.main, args=(arguments,), rounds=1, warmup_rounds=0) == 0
    assert benchmark.stats.stats.median < 6
