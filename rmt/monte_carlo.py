"""Monte Carlo of the finite problem: draw a data set, fit the classifier, measure its angle to the truth."""

import math
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from rmt import dense, reduced
from rmt._check import Array, finite, shown, whole
from rmt.curation import coordinates
from rmt.problem import Problem
from rmt.pruning import sine
from rmt.resources import require_memory, require_time

__all__ = ["Estimate", "draws", "estimate", "finite_sizes", "simulate"]

_CHILD = 2048  # bytes a trial, for its generator
Trial = Callable[[Any, np.random.Generator], tuple[float, float]]


@dataclass(frozen=True)
class Estimate:
    """Mean test error over independent trials, its standard error, and the error of each trial, shape (trials,)."""

    mean: float
    stderr: float
    samples: Array


def simulate(
    problem: Problem,
    trials: int = 50,
    method: Literal["reduced", "dense"] | None = None,
    *,
    workers: int = 1,
    rng: np.random.Generator,
) -> Estimate:
    """Mean of angle(w, w_*) / pi, the test error, over `trials` draws of the data set of `problem`.

    The model is `Problem`'s (the setting of Theorem 1 of arXiv 2502.15588, and of arXiv 2511.03492, at finite n and d).
    A trial has exactly the law of one with the full n x d data matrix, but never holds that matrix: whether x is kept,
    and its label, depend only on its coordinates in the span of w_s, w_g and w_*.

    * "reduced" (squared loss): all other coordinates enter through a banded random matrix of order min(N, d), N the
      number of kept rows; see `rmt.reduced`. n = 10^8, d = 10^6 takes seconds.
    * "dense" (any loss): draws the N kept rows and solves with X'DX, or with the N x N kernel matrix, which stays well
      conditioned as the ridge vanishes; for other losses by Newton's method, to a relative gradient of 1e-9.

    The error of w is exact: no test set. Linear algebra runs on one thread: results do not depend on the number of
    cores, and busy ones do not stall it.

    Args:
        problem: scalar `Problem` with whole n and d, d >= 2 (3 where w_s, w_g and w_* do not lie in a plane).
        trials: number of independent data sets, >= 2.
        method: "reduced", time O(n + d) and memory O(d); "dense", O(N d^2) and O(N + d^2) (O(N d) for other losses
            than the squared one). The default is "reduced" where it applies.
        workers: processes to run the trials; more than one needs a rule and a loss that can be pickled, and in a script
            the guard `if __name__ == "__main__"`. The result does not depend on their number.
        rng: parent of one child generator per trial; trial t is the same whatever the number of trials. Each call
            spawns new children, so a second call with the same `rng` gives new trials.

    Returns:
        `Estimate`; trials that keep no sample have w = 0 and count as chance, 1/2.

    Accuracy: `stderr` is the statistical error of `mean`; `mean` itself differs from `error_rate` by O(1/d).

    Raises:
        ValueError: an array problem, n or d not whole, d < 2, trials < 2, a method that is unknown or does not apply,
            not enough memory, more than 100 hours of work (estimated at 20 million random numbers and 10^10 products a
            second on each of the `workers`), or results that leave the range of double precision.
        ArithmeticError: Newton's method did not converge.

    >>> import rmt
    >>> problem = rmt.Problem(n=400, d=100, ridge=0.1, rule=rmt.KeepHard(0.5), rho=0.9)
    >>> estimate = rmt.simulate(problem, trials=8, rng=np.random.default_rng(0))
    >>> abs(estimate.mean - rmt.error_rate(problem)) < 4 * estimate.stderr + 1 / 100
    True
    """
    where = "rmt.simulate"
    squared = problem.loss_function.squared
    if method not in (None, "reduced", "dense"):
        raise ValueError(
            f"{where}: got method={shown(method)}; allowed 'reduced', 'dense'; do pass one, or leave it out"
        )
    if method == "reduced" and not squared:
        raise ValueError(
            f"{where}: got method='reduced' with loss={problem.loss!r}; allowed loss='squared' (w must be linear in "
            "the labels); do pass method='dense'"
        )
    method = method or ("reduced" if squared else "dense")
    n, d, lam = finite_sizes(problem, where)
    p = float(problem.rule.p)
    agreement = float(problem.cosines[2])
    t1, t2, t3 = (float(v) for v in coordinates(*problem.cosines))
    k = 3 if t3 else 2  # special directions
    if d < k:
        raise ValueError(f"{where}: got d={d}; allowed whole numbers >= {k} for these cosines; do raise d")
    label = (agreement, float(sine(agreement)))
    shared: dict[str, Any] = {"n": n, "d": d, "lam": lam, "rule": problem.rule, "label_aware": problem.label_aware}
    if method == "reduced":
        require_memory(reduced.bytes_needed(d), f"n={n}, d={d}", where, "lower d, or free memory")
        data = reduced.ReducedData(**shared, label=label, truth=(t1, t2, t3))
        pairs = draws(reduced.trial, data, trials, rng, where, reduced.seconds_needed(n, d, p), workers)
    else:
        need = dense.bytes_needed(n, d, p, all_rows=not squared)
        require_memory(
            need, f"n={n}, d={d}", where, "pass method='reduced'" if squared else "lower n or d, or free memory"
        )
        dense_data = dense.DenseData(
            **shared,
            label=np.array([*label, 0.0])[:k],
            truth=np.concatenate([(t1, t2, t3)[:k], np.zeros(d - k)]),
            loss=problem.loss_function,
        )
        seconds = dense.seconds_needed(n, d, p, newton=not squared)
        pairs = draws(dense.trial, dense_data, trials, rng, where, seconds, workers)
    along, across = pairs.T
    return estimate(np.arctan2(across, along) / np.pi)


def estimate(samples: Array) -> Estimate:
    """Return the mean, its standard error and the samples of independent trials."""
    return Estimate(float(samples.mean()), float(samples.std(ddof=1) / math.sqrt(len(samples))), samples)


def draws(
    trial: Trial, data: Any, trials: int, rng: np.random.Generator, where: str, seconds: float, workers: int = 1
) -> Array:
    """Run trials; return <w, w_*> and the length of w's part orthogonal to w_*, shape (trials, 2).

    Both are in the metric of the samples' covariance. A row is (0, 1) where no sample was kept. `seconds` estimates the
    time of a trial. Raises ValueError for bad `trials`, `workers` or `rng`, trials that take too long, `data` that
    cannot be sent to other processes, and results that leave the range of double precision.
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"{where}: got rng={shown(rng)}; allowed numpy.random.Generator; do pass rng=numpy.random.default_rng(seed)"
        )
    whole(where, "trials", trials, 2, "ask for more (an error bar needs two)")
    whole(where, "workers", workers, 1, "pass the number of processes")
    require_time(seconds, trials, workers, f"n={data.n}, d={data.d}", where)
    require_memory(_CHILD * trials, f"trials={trials}", where, "lower trials")
    children = rng.spawn(trials)
    if workers == 1:
        return _run(trial, data, children, where)
    try:
        pickle.dumps(data)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{where}: got workers={workers} with a rule or loss that cannot be pickled ({error}); allowed functions "
            "defined at the top of a module; do define it there, or pass workers=1"
        ) from None
    shares = [children[k::workers] for k in range(min(workers, trials))]
    pairs = np.empty((trials, 2))
    with ProcessPoolExecutor(len(shares), mp_context=get_context("spawn")) as pool:
        for k, share in enumerate(pool.map(_run, repeat(trial), repeat(data), shares, repeat(where))):
            pairs[k::workers] = share
    return pairs


def _run(trial: Trial, data: Any, children: list[np.random.Generator], where: str) -> Array:
    """Run one trial per generator, with linear algebra on one thread."""
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):  # overflows show in the results
        try:
            pairs = np.array([trial(data, child) for child in children])
        except np.linalg.LinAlgError:  # a matrix that is not positive definite to rounding
            pairs = np.full((1, 2), np.nan)
    finite(where, pairs)
    return pairs


def finite_sizes(problem: Problem, where: str) -> tuple[int, int, float]:
    """Return n, d and lam as plain numbers; ValueError unless the problem is scalar and n, d are whole."""
    if problem.shape != ():
        raise ValueError(
            f"{where}: got a problem of shape {problem.shape}; allowed scalar problems; do simulate one at a time"
        )
    n, d, lam = (float(v) for v in (problem.n, problem.d, problem.ridge))
    n, d = (int(v) if v.is_integer() else v for v in (n, d))
    return whole(where, "n", n, 1, "round it"), whole(where, "d", d, 2, "round it"), lam
