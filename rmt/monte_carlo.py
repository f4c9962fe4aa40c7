"""Monte Carlo of the finite problem: draw the data, fit the classifier, measure its angle to the truth."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from rmt.curation import coordinates
from rmt.problem import Problem
from rmt.pruning import Rule, sine

__all__ = ["Estimate", "Setting", "draws", "estimate", "simulate", "whole_setting"]

Array = NDArray[np.float64]
_BLOCK = 2048  # rows held at a time; no draw depends on it


@dataclass(frozen=True)
class Estimate:
    """Mean test error over independent trials, its standard error, and the trials themselves, shape (trials,)."""

    mean: float
    stderr: float
    samples: Array


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One finite data set to draw: rows (special coordinates, rest) ~ N(0, I_d), turned into samples by `shape`.

    Args:
        n, d, lam, rule, label_aware: as in `Problem`.
        label: w_g on the special coordinates, of which w_s is the first, shape (k,), k <= d.
        truth: w_* in the coordinates of the samples, made white, a unit vector, shape (d,).
        shape: takes white rows to samples, (N, d) -> (N, d); they have the covariance diag(`scale`^2).
        scale: shape (d,).
    """

    n: int
    d: int
    lam: float
    rule: Rule
    label_aware: bool
    label: Array
    truth: Array
    shape: Callable[[Array], Array] = lambda rows: rows
    scale: Array = field(default_factory=lambda: np.ones(()))


def simulate(
    problem: Problem, trials: int = 50, method: Literal["dense"] = "dense", *, rng: np.random.Generator
) -> Estimate:
    """Mean of arccos(cos angle(w, w_*)) / pi over `trials` draws of the data set of `problem`.

    Model of `Problem` (the setting of Theorem 1 of arXiv 2502.15588, and of arXiv 2511.03492, at finite n and d). A
    trial has exactly the law of one with the full n x d data matrix, but never holds it: whether x is kept, and its
    label, depend only on its coordinates in the span of w_s, w_g and w_*, so those two or three are drawn for all n
    rows and the others, which are independent of them, only for the N rows kept. X'DX is summed over blocks of rows;
    with N < d the same w comes from the N x N kernel matrix, which stays well conditioned as the ridge vanishes. The
    error of w is exact: no test set.

    Linear algebra runs on one thread: results do not depend on the number of cores, and busy ones do not stall it.

    Args:
        problem: scalar `Problem` with whole n and d, d >= 2 (3 where w_s, w_g and w_* do not lie in a plane).
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
    where = "rmt.simulate"
    if method != "dense":
        raise ValueError(f"{where}: got method={method!r}; allowed 'dense'; do pass method='dense'")
    agreement = problem.cosines[2]
    n, d, lam = whole_setting(problem, where)
    t1, t2, t3 = (float(v) for v in coordinates(*problem.cosines))
    special = [t1, t2, t3] if t3 else [t1, t2]
    if d < len(special):
        raise ValueError(f"{where}: got d={d}; allowed whole numbers >= {len(special)} for these cosines; do raise d")
    setting = Setting(
        n=n,
        d=d,
        lam=lam,
        rule=problem.rule,
        label_aware=problem.label_aware,
        label=np.array([float(agreement), float(sine(agreement)), 0.0])[: len(special)],
        truth=np.concatenate([special, np.zeros(d - len(special))]),
    )
    along, across = draws(setting, trials, rng, where).T
    return estimate(np.arctan2(across, along) / np.pi)


def estimate(samples: Array) -> Estimate:
    """Mean, standard error and samples of independent trials."""
    return Estimate(float(samples.mean()), float(samples.std(ddof=1) / math.sqrt(len(samples))), samples)


def draws(setting: Setting, trials: int, rng: np.random.Generator, where: str) -> Array:
    """(<w, w_*>, |w beside w_*|) of each trial, in the metric of the samples' covariance, shape (trials, 2).

    The rows are (0, 1) where no sample was kept. Raises ValueError for a bad `trials` or `rng`.
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"{where}: got rng={rng!r}; allowed numpy.random.Generator; do pass rng=numpy.random.default_rng(seed)"
        )
    if isinstance(trials, bool) or not isinstance(trials, int | np.integer) or trials < 2:
        raise ValueError(
            f"{where}: got trials={trials!r}; allowed whole numbers >= 2; do ask for more (an error bar needs two)"
        )
    with threadpool_limits(limits=1, user_api="blas"):
        return np.array([_trial(setting, child) for child in rng.spawn(trials)])


def whole_setting(problem: Problem, where: str) -> tuple[int, int, float]:
    """n, d and lam as plain numbers; ValueError unless the problem is scalar, whole and fits into memory."""
    if problem.shape != ():
        raise ValueError(
            f"{where}: got a problem of shape {problem.shape}; allowed scalar problems; do simulate one at a time"
        )
    n, d, lam = (float(v) for v in (problem.n, problem.d, problem.ridge))
    for name, value, least in (("n", n, 1), ("d", d, 2)):
        if value < least or not value.is_integer():
            raise ValueError(f"{where}: got {name}={value}; allowed whole numbers >= {least}; do round it")
    need, have = _bytes_needed(n, d, float(problem.rule.p)), _bytes_available()
    if need > have:
        raise ValueError(
            f"{where}: got n={n:.0f}, d={d:.0f}, which needs {need / 2**30:.2f} GiB; "
            f"allowed {have / 2**30:.2f} GiB, the memory now available; do lower n or d, or free memory"
        )
    return int(n), int(d), lam


def _trial(setting: Setting, rng: np.random.Generator) -> tuple[float, float]:
    """(<w, w_*>, |w beside w_*|) of one data set."""
    special_rng, bulk_rng = rng.spawn(2)  # separate streams: the block size changes no draw
    special, y = _kept(setting, special_rng)  # (N, k), (N,)
    if len(y) == 0:
        return 0.0, 1.0

    def rows(block: slice) -> Array:
        part = special[block]
        return setting.shape(np.hstack([part, bulk_rng.standard_normal((len(part), setting.d - part.shape[1]))]))

    penalty = setting.n * setting.lam
    w = _solve_primal(rows, y, setting.d, penalty) if len(y) >= setting.d else _solve_dual(rows, y, penalty)  # (d,)
    w = setting.scale * w
    largest = np.abs(w).max()
    w /= largest  # a large ridge would underflow the squares below
    along = w @ setting.truth
    return float(largest * along), float(largest * np.linalg.norm(w - along * setting.truth))


def _kept(setting: Setting, rng: np.random.Generator) -> tuple[Array, Array]:
    """Special coordinates and labels of the kept rows out of n."""
    kept, labels = [], []
    normal_rng, coin_rng = rng.spawn(2)
    for start in range(0, setting.n, _BLOCK):
        x = normal_rng.standard_normal((min(_BLOCK, setting.n - start), len(setting.label)))
        y = np.where(x @ setting.label >= 0, 1.0, -1.0)
        chosen = coin_rng.random(len(x)) < setting.rule.keep_probability(x[:, 0])
        if setting.label_aware:
            chosen &= y * x[:, 0] > 0
        kept.append(x[chosen])
        labels.append(y[chosen])
    return np.concatenate(kept), np.concatenate(labels)


def _solve_primal(rows: Callable[[slice], Array], y: Array, d: int, penalty: float) -> Array:
    """w = (X'X + penalty I)^{-1} X'y, summed over blocks of rows."""
    gram, moment = np.zeros((d, d)), np.zeros(d)
    for start in range(0, len(y), _BLOCK):
        block = slice(start, start + _BLOCK)
        X = rows(block)
        gram += X.T @ X
        moment += X.T @ y[block]
    gram[np.diag_indices(d)] += penalty
    return cho_solve(cho_factor(gram, lower=True, overwrite_a=True), moment)


def _solve_dual(rows: Callable[[slice], Array], y: Array, penalty: float) -> Array:
    """The same w as X'(XX' + penalty I)^{-1} y."""
    X = rows(slice(None))
    kernel = X @ X.T
    kernel[np.diag_indices(len(y))] += penalty
    return X.T @ cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), y)


def _bytes_needed(n: float, d: float, p: float) -> float:
    """Bound on one trial's memory: coordinates and labels of kept rows (twice, while joining), blocks, matrices."""
    kept = min(n, p * n + 10 * math.sqrt(n))
    return 8 * (8 * kept + 5 * min(_BLOCK, n) * d + 5 * d * min(d, max(kept, 1)))


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
