"""Monte Carlo of the finite problem: draw the data, fit the classifier, measure its angle to the truth."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from rmt.problem import Problem
from rmt.pruning import sine

__all__ = ["Estimate", "simulate"]

Array = NDArray[np.float64]
_BLOCK = 2048  # rows held at a time; no draw depends on it


@dataclass(frozen=True)
class Estimate:
    """Mean test error over independent trials, its standard error, and the trials themselves, shape (trials,)."""

    mean: float
    stderr: float
    samples: Array


def simulate(
    problem: Problem, trials: int = 50, method: Literal["dense"] = "dense", *, rng: np.random.Generator
) -> Estimate:
    """Mean of arccos(cos angle(w, w_0)) / pi over `trials` draws of the data set of `problem`.

    Model of `Problem` (the setting of Theorem 1 of arXiv 2502.15588 at finite n and d). A trial has exactly the law of
    one with the full n x d data matrix, but never holds it: whether x is kept, and its label, depend only on its
    coordinates in the plane of w_s and w_0, so those two are drawn for all n rows and the other d - 2, which are
    independent of them, only for the N rows kept. X'DX is summed over blocks of rows; with N < d the same w comes from
    the N x N kernel matrix, which stays well conditioned as the ridge vanishes. The error of w is exact: no test set.

    Linear algebra runs on one thread: results do not depend on the number of cores, and busy ones do not stall it.

    Args:
        problem: scalar `Problem` with whole n and d, d >= 2.
        trials: number of independent data sets, >= 2.
        method: "dense", time O(N d^2) and memory O(N + d^2) for N kept rows.
        rng: parent of one child generator per trial; trial t is the same whatever the number of trials. Each call
            spawns new children, so a second call with the same `rng` gives new trials.

    Returns:
        `Estimate`; trials that keep no sample at all have w = 0 and count as chance, 1/2.

    Accuracy: `stderr` is the statistical error of `mean`; `mean` itself differs from `error_rate` by O(1/d).

    Raises:
        ValueError: an array problem, n or d not whole, d < 2, trials < 2, an unknown method, or not enough memory.

    >>> import rmt
    >>> problem = rmt.Problem(n=400, d=100, ridge=0.1, rule=rmt.KeepHard(0.5), rho=0.9)
    >>> estimate = rmt.simulate(problem, trials=8, rng=np.random.default_rng(0))
    >>> abs(estimate.mean - rmt.error_rate(problem)) < 4 * estimate.stderr + 1 / 100
    True
    """
    n, d, lam, rho = _validate(problem, trials, method, rng)
    with threadpool_limits(limits=1, user_api="blas"):
        samples = np.array([_trial(problem, n, d, lam, rho, child) for child in rng.spawn(trials)])
    return Estimate(float(samples.mean()), float(samples.std(ddof=1) / math.sqrt(trials)), samples)


def _validate(problem: Problem, trials: int, method: str, rng: object) -> tuple[int, int, float, float]:
    """n, d, lam, rho as plain numbers, once everything about the request is known to be possible."""
    if method != "dense":
        raise ValueError(f"rmt.simulate: got method={method!r}; allowed 'dense'; do pass method='dense'")
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"rmt.simulate: got rng={rng!r}; allowed numpy.random.Generator; do pass rng=numpy.random.default_rng(seed)"
        )
    if isinstance(trials, bool) or not isinstance(trials, int | np.integer) or trials < 2:
        raise ValueError(
            f"rmt.simulate: got trials={trials!r}; allowed whole numbers >= 2; do ask for more (an error bar needs two)"
        )
    if problem.shape != ():
        raise ValueError(
            f"rmt.simulate: got a problem of shape {problem.shape}; allowed scalar problems; do simulate one at a time"
        )
    n, d, lam, rho = (float(v) for v in (problem.n, problem.d, problem.ridge, problem.rho))
    for name, value, least in (("n", n, 1), ("d", d, 2)):
        if value < least or not value.is_integer():
            raise ValueError(f"rmt.simulate: got {name}={value}; allowed whole numbers >= {least}; do round it")
    need, have = _bytes_needed(n, d, float(problem.rule.p)), _bytes_available()
    if need > have:
        raise ValueError(
            f"rmt.simulate: got n={n:.0f}, d={d:.0f}, which needs {need / 2**30:.2f} GiB; "
            f"allowed {have / 2**30:.2f} GiB, the memory now available; do lower n or d, or free memory"
        )
    return int(n), int(d), lam, rho


def _trial(problem: Problem, n: int, d: int, lam: float, rho: float, rng: np.random.Generator) -> float:
    """Test error of one data set."""
    plane_rng, bulk_rng = rng.spawn(2)  # separate streams: the block size changes no draw
    plane, y = _kept_plane(problem, n, rho, plane_rng)  # (N, 2), (N,)
    if len(y) == 0:
        return 0.5
    w = (_solve_primal if len(y) >= d else _solve_dual)(plane, y, d, n * lam, bulk_rng)  # (d,)
    w /= np.abs(w).max()  # a large ridge would underflow the squares below
    a = float(sine(rho))
    along, across = rho * w[0] + a * w[1], a * w[0] - rho * w[1]
    return float(np.arctan2(np.hypot(across, np.linalg.norm(w[2:])), along) / np.pi)


def _kept_plane(problem: Problem, n: int, rho: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Coordinates (along w_s, along the rest of w_0) and labels of the kept rows out of n."""
    kept, labels = [], []
    normal_rng, coin_rng = rng.spawn(2)
    for start in range(0, n, _BLOCK):
        x = normal_rng.standard_normal((min(_BLOCK, n - start), 2))
        x = x[coin_rng.random(len(x)) < problem.rule.keep_probability(x[:, 0])]
        kept.append(x)
        labels.append(np.where(x @ (rho, float(sine(rho))) >= 0, 1.0, -1.0))
    return np.concatenate(kept), np.concatenate(labels)


def _solve_primal(plane: Array, y: Array, d: int, penalty: float, rng: np.random.Generator) -> Array:
    """w = (X'X + penalty I)^{-1} X'y over kept rows X = [plane, Z], summed over blocks of rows."""
    gram, moment = np.zeros((d, d)), np.zeros(d)
    for start in range(0, len(y), _BLOCK):
        block = slice(start, start + _BLOCK)
        X = np.hstack([plane[block], rng.standard_normal((len(y[block]), d - 2))])
        gram += X.T @ X
        moment += X.T @ y[block]
    gram[np.diag_indices(d)] += penalty
    return cho_solve(cho_factor(gram, lower=True, overwrite_a=True), moment)


def _solve_dual(plane: Array, y: Array, d: int, penalty: float, rng: np.random.Generator) -> Array:
    """The same w as X'(XX' + penalty I)^{-1} y."""
    X = np.hstack([plane, rng.standard_normal((len(y), d - 2))])
    kernel = X @ X.T
    kernel[np.diag_indices(len(y))] += penalty
    return X.T @ cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), y)


def _bytes_needed(n: float, d: float, p: float) -> float:
    """Bound on one trial's memory: plane and labels of kept rows (twice, while joining), a block, four matrices."""
    kept = min(n, p * n + 10 * math.sqrt(n))
    return 8 * (6 * kept + 3 * min(_BLOCK, n) * d + 4 * d * min(d, max(kept, 1)))


def _bytes_available() -> float:
    """Memory free to take: of the machine, and on Linux what is unused now and what the container may have at all."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if hasattr(os, "sysconf") else []
    meminfo, container = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")
    if meminfo.exists():
        rows = (row.split() for row in meminfo.read_text().splitlines())
        limits += [int(row[1]) * 1024 for row in rows if row[0] == "MemAvailable:"]
    if container.exists() and (limit := container.read_text().strip()).isdigit():
        limits.append(int(limit))
    return min(limits, default=math.inf)
