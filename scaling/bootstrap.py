"""Bootstrap intervals of gains between paired runs, by resampling seeds and test images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtrit

from scaling._check import finite, generator, in_range, number, whole


class Interval(NamedTuple):
    """A number with its bootstrap confidence interval."""

    value: float
    low: float
    high: float


def levels(confidence: float, n_seeds: int) -> tuple[float, float]:
    """Return the quantiles Phi(-+ t_{S-1} sqrt(S/(S-1))) of the bootstrap, instead of (1 -+ confidence)/2.

    Hesterberg's "expanded percentile" (The American Statistician 69, 2015): resampling S seeds shows (S-1)/S of the
    variance, and no t tails. A 95 % interval then covers 94 % with 8 seeds (measured; plain quantiles: 89 %), but 73 %
    with 3, where no reweighting of three numbers reaches far enough. Raises ValueError unless `confidence` is in (0, 1)
    and `n_seeds` >= 2.
    """
    number("scaling.levels", "confidence", confidence, 0, 1)
    whole("scaling.levels", "n_seeds", n_seeds, 2)
    tail = ndtr(-stdtrit(n_seeds - 1, (1 + confidence) / 2) * np.sqrt(n_seeds / (n_seeds - 1)))
    return tail, 1 - tail


def paired_gain(
    method: ArrayLike,
    baseline: ArrayLike,
    *,
    images: bool,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 4000,
) -> Interval:
    """Compute mean(method - baseline) with a bootstrap interval over seeds, or over seeds and test images.

    `method`, `baseline`: correctness (seeds, images) of 0 and 1; row s of both comes from the same seed and column i
    from the same test image, so the pairing is kept in every resample. `images=False` resamples seeds: would other
    seeds, on this test set, agree? `images=True` resamples seeds and images independently: would another test set
    agree, too? A resample is a set of weights: sum_si u_s v_i D_si / (S I) with multinomial counts u, v. Raises
    ValueError for unpaired shapes and for NaN and infinity.
    """
    where = "scaling.paired_gain"
    a, b = finite(where, method=method, baseline=baseline)
    if a.ndim != 2 or a.shape != b.shape or len(a) < 2 or not a.size:
        raise ValueError(
            f"{where}: got shapes {a.shape} and {b.shape}; allowed one shape (seeds >= 2, images >= 1) for "
            "both; do pair the runs by seed"
        )
    generator(where, rng)
    whole(where, "resamples", resamples, 1)
    with np.errstate(over="ignore"):
        difference = a - b  # (S, I)
    in_range(where, difference * difference.size)
    n_seeds, n_images = difference.shape
    u = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=resamples)  # (R, S)
    per_image = u @ difference / n_seeds  # (R, I)
    v = rng.multinomial(n_images, np.full(n_images, 1 / n_images), size=resamples) if images else 1
    gains = (v * per_image).mean(axis=1)  # (R,)
    low, high = np.quantile(gains, levels(confidence, n_seeds))
    return Interval(float(difference.mean()), float(low), float(high))
