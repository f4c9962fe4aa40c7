"""Average measurements over seeds, with standard errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from scaling._check import Floats, finite, in_range, number, whole


class Aggregate(NamedTuple):
    """Mean over seeds, its standard error, and the number of seeds."""

    mean: Floats
    stderr: Floats
    n_seeds: int


def aggregate(samples: ArrayLike) -> Aggregate:
    """Compute mean = sum_s y_s / S and stderr = std_s(y) / sqrt(S) over the first axis.

    `samples` is (S, ...) with one entry per seed, S >= 2. Raises ValueError for fewer seeds (one seed has no error) and
    for NaN and infinity.

    >>> mean, stderr, n_seeds = aggregate([0.5, 0.75])
    >>> float(mean), float(stderr), n_seeds
    (0.625, 0.125, 2)
    """
    where = "scaling.aggregate"
    (values,) = finite(where, samples=samples)  # (S, ...)
    if values.ndim == 0 or len(values) < 2:
        raise ValueError(f"{where}: got shape {values.shape}; allowed (seeds >= 2, ...); do run more seeds")
    n_seeds = len(values)
    with np.errstate(over="ignore", invalid="ignore"):
        result = Aggregate(values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n_seeds), n_seeds)
    in_range(where, result.mean, result.stderr)
    return result


def wilson(hits: int, images: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share: (low, high) for `hits` of `images`, at a confidence in (0, 1).

    Raises ValueError unless 0 <= hits <= images, images >= 1.

    >>> [round(bound, 3) for bound in wilson(90, 100)]
    [0.826, 0.945]
    """
    where = "scaling.wilson"
    if whole(where, "hits", hits, 0) > whole(where, "images", images, 1):
        raise ValueError(f"{where}: got {hits} hits of {images} images; allowed hits <= images; do exchange them")
    number(where, "confidence", confidence, 0, 1)
    low, high = binomtest(hits, images).proportion_ci(confidence, method="wilson")
    return float(low), float(high)
