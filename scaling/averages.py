"""Average measurements over seeds, with standard errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

Floats = NDArray[np.float64]


class Aggregate(NamedTuple):
    """Mean over seeds, its standard error, and the number of seeds."""

    mean: Floats
    stderr: Floats
    n_seeds: int


def aggregate(samples: ArrayLike) -> Aggregate:
    """Compute mean = sum_s y_s / S and stderr = std_s(y) / sqrt(S) over the first axis.

    `samples` is (S, ...) with one entry per seed, S >= 2. Raises ValueError for fewer seeds: one seed has no error.

    >>> mean, stderr, n_seeds = aggregate([0.5, 0.75])
    >>> float(mean), float(stderr), n_seeds
    (0.625, 0.125, 2)
    """
    values = np.asarray(samples, dtype=float)  # (S, ...)
    if values.ndim == 0 or len(values) < 2:
        raise ValueError(f"aggregate: got shape {values.shape}; allowed (seeds >= 2, ...); do run more seeds")
    n_seeds = len(values)
    return Aggregate(values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n_seeds), n_seeds)


def wilson(hits: int, images: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share: (low, high) for `hits` of `images`.

    >>> [round(bound, 3) for bound in wilson(90, 100)]
    [0.826, 0.945]
    """
    low, high = binomtest(hits, images).proportion_ci(confidence, method="wilson")
    return float(low), float(high)
