"""Time and peak memory of one cell of `rmt.data.learning_curve`: M = 5,000, d = 512, ten classes; target 15 s."""

import tracemalloc

import numpy as np
import pytest

import rmt


@pytest.mark.parametrize("tests", [597, 0], ids=["test rows", "leave-one-out"])
def test_a_cell_of_ten_classes(benchmark, tests):
    rng = np.random.default_rng(0)
    centres = 0.12 * rng.standard_normal((10, 512))

    def draw(rows):
        y = rng.integers(0, 10, rows)
        return rng.standard_normal((rows, 512)) * np.arange(1, 513) ** -0.4 + centres[y], y

    X, y = draw(5000)
    given = dict(zip(("X_test", "y_test"), draw(tests), strict=True)) if tests else {}
    law = benchmark.pedantic(
        rmt.data.learning_curve, args=(X, y), kwargs={"n": 512, "ridge": 0.01, **given}, rounds=1, iterations=1
    )
    assert law.converged.all()
    tracemalloc.start()
    rmt.data.learning_curve(X, y, n=512, ridge=0.01, **given)
    benchmark.extra_info["peak_mb_beside_x"] = round(tracemalloc.get_traced_memory()[1] / 2**20)
    tracemalloc.stop()
