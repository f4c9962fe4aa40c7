"""Best schedules of pruned practice: keep fractions, ridges, weights and rows of all rounds, for a budget of samples.

`best_schedule` descends the gradient of the last fit's error through the whole learning curve; `greedy_schedule` takes
every round as the last one, which is what can be done without looking ahead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from rmt._check import Array, number, require, shown, whole
from rmt.sweep.practice import learning_curve
from rmt.sweep.theorem import Traced, double_precision

__all__ = ["Schedule", "best_schedule", "greedy_schedule"]

_MOST_ROUNDS = 32
_LEAST_P, _LARGEST_P, _LEAST_RIDGE, _LARGEST_RIDGE = 1e-3, 0.999, 1e-8, 10.0
_RIDGE, _STARTS = 1e-2, tuple(product((0.5, 0.1), (1.0, 0.05)))  # ridge; keep fraction, weight of older rounds
_ITERATIONS = 400  # of L-BFGS-B, a start
_GRID_P, _GRID_RIDGE = np.geomspace(0.01, 0.9, 14), np.geomspace(1e-6, 1.0, 7)  # of the greedy search


@dataclass(frozen=True)
class Schedule:
    """A practice of K rounds, the first of them plain, the others keep-hard along the latest classifier.

    Args:
        rows: rows per dimension that each round adds, (K,); pruned rounds count kept rows.
        p: keep fractions of rounds 1 to K - 1, (K - 1,).
        ridge: penalty per row of each fit, (K,).
        weights: v[k-1, r] of round r's rows in fit k, (K, K); the newest round of each fit has weight 1.
        error_rate: of each fit, (K,).
        ends: error rates of the last fit at which searches from several starts ended, ascending.
        converged: whether the search that ended lowest found no further descent, within its limit of iterations.
    """

    rows: Array
    p: Array
    ridge: Array
    weights: Array
    error_rate: Array
    ends: Array
    converged: bool

    @property
    def candidates(self) -> float:
        """Rows per dimension that are generated: sum of n_r / p_r."""
        return float(self.rows[0] + np.sum(self.rows[1:] / self.p))


def best_schedule(budget: float, rounds: int, *, count: str = "rows") -> Schedule:
    """Minimise the error rate of the last fit over keep fractions, ridges, weights and rows of all rounds at once.

    L-BFGS-B on log p, log ridge, older rounds' weights and log shares of the budget, with the gradient through the
    learning curve, from five starts: the greedy schedule, and keep fraction .5 or .1 with older rounds' weights 1 or
    .05. So it is never worse than `greedy_schedule`.

    Args:
        budget: rows per dimension of all rounds, > 0.
        rounds: K, the plain first round included, 2 to 32.
        count: what the budget counts: "rows" that are trained on, or "candidates" that are generated, sum n_r / p_r.

    Returns:
        `Schedule` of the best end. It is a local minimum: `ends` tells how many starts agree.

    Range: keep fractions .001 to .999, ridge 1e-8 to 10, older rounds weigh 0 to 2 times the newest.

    Raises:
        ValueError: a budget that is not positive, rounds or count outside of what is allowed.
        ArithmeticError: no schedule of the greedy search has a finite error rate.

    Its gradient compiles in ten seconds; best_schedule(24, 6, count="candidates").error_rate[-1] is .0329, the greedy
    schedule's .0375.
    """
    budget = _checked("rmt.sweep.best_schedule", budget, rounds, count)
    starts = [_variables(rounds, p, _RIDGE, weight) for p, weight in _STARTS]
    greedy = greedy_schedule(budget, rounds, count=count)
    starts.append(_variables(rounds, greedy.p, greedy.ridge, greedy.weights[np.tril_indices(rounds, -1)]))
    compiled = _compiled(rounds, count)

    def objective(x: Array) -> tuple[float, Array]:
        (value, _), slope = compiled(x, budget)
        return float(value), np.asarray(slope)

    options = {"maxiter": _ITERATIONS, "ftol": 1e-12, "gtol": 1e-8}
    with double_precision():
        ends = [
            minimize(objective, start, method="L-BFGS-B", jac=True, bounds=_bounds(rounds), options=options)
            for start in starts
        ]
        values = np.array([end.fun for end in ends])
        best = ends[int(np.nanargmin(values))]
        (_, parts), _ = compiled(best.x, budget)
        rows, p, ridge, weights, errors = (np.asarray(part) for part in parts)
    return Schedule(rows, p, ridge, weights, errors, np.exp(np.sort(values)), bool(best.success))


def greedy_schedule(budget: float, rounds: int, *, count: str = "rows") -> Schedule:
    """Choose keep fraction, ridge and memory of one round after the other, each minimising the error of the next fit.

    Every round has an equal share of the budget; a fit sees the latest m rounds with equal weights. All combinations of
    14 keep fractions (.01 to .9), 7 ridges (1e-6 to 1) and every m are tried.

    Args and raises: as for `best_schedule`; `ends` is the last error alone.

    >>> greedy_schedule(8, 2).error_rate.round(3).tolist()
    [0.128, 0.054]
    """
    budget = _checked("rmt.sweep.greedy_schedule", budget, rounds, count)
    p, ridge, memory = (v.ravel() for v in np.meshgrid(_GRID_P, _GRID_RIDGE, np.arange(1, rounds + 1), indexing="ij"))
    size = len(p)
    tried_p, tried_ridge = np.full((size, rounds), 0.5), np.full((size, rounds), 1.0)
    tried_v = np.broadcast_to(np.tri(rounds), (size, rounds, rounds)).copy()
    places = np.arange(rounds)
    with double_precision():
        for k in range(rounds):
            tried_p[:, k], tried_ridge[:, k] = p, ridge  # p[:, 0] is that of the plain round, and not used
            tried_v[:, k] = (places <= k) & (places > k - memory[:, None])
            rows = budget / rounds * np.ones((size, rounds))
            if count == "candidates":
                rows[:, 1:] *= tried_p[:, 1:]
            errors = np.asarray(_curves(rows, tried_p[:, 1:], tried_ridge, tried_v))
            if not np.isfinite(errors[:, k]).any():
                raise ArithmeticError(f"rmt.sweep.greedy_schedule: no schedule gives fit {k + 1} a finite error rate")
            best = int(np.nanargmin(errors[:, k]))
            for tried in (tried_p, tried_ridge, tried_v):
                tried[:, k] = tried[best, k]
    chosen = rows[best], tried_p[best, 1:], tried_ridge[best], tried_v[best]
    return Schedule(*chosen, errors[best], errors[best, -1:], True)


_curve = partial(learning_curve, "hard")
_curves = jax.jit(jax.vmap(_curve))


def _checked(where: str, budget: Any, rounds: Any, count: Any) -> float:
    """Return the budget; ValueError for arguments outside of what is allowed."""
    total = number(where, "budget", budget)
    require(total > 0, where, "budget", budget, "numbers > 0", "pass rows per dimension")
    if whole(where, "rounds", rounds, 2, "count the plain first round, too") > _MOST_ROUNDS:
        raise ValueError(f"{where}: got rounds={rounds}; allowed 2 to {_MOST_ROUNDS}; do ask for fewer, larger rounds")
    if count not in ("rows", "candidates"):
        raise ValueError(f"{where}: got count={shown(count)}; allowed 'rows', 'candidates'; do pass one")
    return total


def _bounds(rounds: int) -> list[tuple[float | None, float | None]]:
    """Return the bounds of the variables of `_schedule`."""
    older = rounds * (rounds - 1) // 2
    return [
        *[(-12.0, 12.0)] * rounds,
        *[(float(np.log(_LEAST_P)), float(np.log(_LARGEST_P)))] * (rounds - 1),
        *[(float(np.log(_LEAST_RIDGE)), float(np.log(_LARGEST_RIDGE)))] * rounds,
        *[(0.0, 2.0)] * older,
    ]


def _variables(rounds: int, p: Any, ridge: Any, older: Any) -> Array:
    """Return the variables of a schedule with equal shares of the budget; `_schedule` is its inverse."""
    sizes = (rounds, rounds - 1, rounds, rounds * (rounds - 1) // 2)
    parts = (0.0, np.log(p), np.log(ridge), older)
    return np.concatenate([np.broadcast_to(part, size) for part, size in zip(parts, sizes, strict=True)])


def _schedule(rounds: int, count: str, x: Traced, budget: Traced) -> tuple[Traced, ...]:
    """Return rows, p, ridge and weights from the variables: log shares, log p, log ridge, weights of older rounds."""
    shares, log_p, log_ridge, older = jnp.split(x, np.cumsum([rounds, rounds - 1, rounds]))
    rows, p = budget * jax.nn.softmax(shares), jnp.exp(log_p)
    if count == "candidates":
        rows = rows * jnp.append(1.0, p)
    return rows, p, jnp.exp(log_ridge), jnp.eye(rounds).at[np.tril_indices(rounds, -1)].set(older)


@lru_cache(maxsize=16)
def _compiled(rounds: int, count: str) -> Callable[[Array, float], Any]:
    """Return the compiled function of variables and budget, and its gradient in the variables.

    The function is the log error of the last fit, beside rows, p, ridge, weights and all errors:
    ((log error, (rows, p, ridge, weights, errors)), gradient).
    """

    def last(x: Traced, budget: Traced) -> tuple[Traced, tuple[Traced, ...]]:
        schedule = _schedule(rounds, count, x, budget)
        errors = _curve(*schedule)
        return jnp.log(errors[-1]), (*schedule, errors)

    return jax.jit(jax.value_and_grad(last, has_aux=True))
