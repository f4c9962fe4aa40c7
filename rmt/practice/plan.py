"""Check the arguments of a practice: rows, ridge, mechanisms of the rounds, weights of the rounds in every fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rmt._check import Array, number, require, shown
from rmt.practice.additions import Addition, Guided, Plain, Pruned, plain_rows
from rmt.practice.retirement import Retire
from rmt.pruning import Rule

__all__ = ["Plan", "Weights", "plan"]

_MOST_FITS = 200  # memory and time grow with their cube

Weights = str | Sequence[Sequence[float]] | Array | Retire


@dataclass(frozen=True)
class Plan:
    """A checked practice: rows per dimension and ridges (K,), mechanisms of K rounds, weights v (fits, rounds).

    flips: share of wrong labels.
    """

    rows: Array
    ridge: Array
    additions: tuple[Addition, ...]
    weights: Array | Retire
    flips: float


def plan(
    where: str,
    rows: Sequence[float] | Array,
    ridge: float | Sequence[float] | Array,
    additions: Addition | Sequence[Addition],
    weights: Weights,
    first: Addition | None,
    flips: float,
) -> Plan:
    """Check the arguments of `learning_curve` and fill in their defaults."""
    n = np.atleast_1d(np.array([number(where, "rows", value) for value in np.ravel(np.asarray(rows, dtype=object))]))
    if np.ndim(rows) != 1 or not 1 <= len(n) <= _MOST_FITS:
        raise ValueError(
            f"{where}: got rows={shown(rows)}; allowed 1 to {_MOST_FITS} numbers; do pass one per round, P_r / d"
        )
    require(n > 0, where, "rows", n, "numbers > 0", "pass rows per dimension, P_r / d, of each round")
    ridges = np.array([number(where, "ridge", value) for value in np.ravel(np.asarray(ridge, dtype=object))])
    if np.ndim(ridge) > 1 or len(ridges) not in (1, len(n)):
        raise ValueError(
            f"{where}: got {len(ridges)} ridges for {len(n)} fits; allowed one, or one per fit; do pass one"
        )
    require(ridges > 0, where, "ridge", ridges, "numbers > 0", "pass a small ridge, e.g. 1e-6, for none")
    lam = np.broadcast_to(ridges, len(n))
    wrong = number(where, "flips", flips)
    require(0 <= wrong < 0.5, where, "flips", wrong, "shares from 0 to below 0.5", "pass the share of wrong labels")
    given: list[Any] = (
        list(additions) if isinstance(additions, list | tuple | np.ndarray) else [additions] * (len(n) - 1)
    )
    if len(given) != len(n) - 1:
        raise ValueError(
            f"{where}: got {len(given)} additions for {len(n)} rounds; allowed {len(n) - 1}, one for each round after "
            "the first; do pass one mechanism for all, or as many as rounds less one"
        )
    for part in given:
        scalar = isinstance(part, Plain | Pruned | Guided) or (isinstance(part, Rule) and np.ndim(part.p) == 0)
        if isinstance(part, type) or not scalar:
            raise ValueError(
                f"{where}: got an addition {shown(part)}; allowed keep rules with one keep fraction, Guided, Pruned, "
                "Plain; do pass e.g. rmt.KeepHard(0.5)"
            )
    if first is None:
        guided = [part for part in given if isinstance(part, Guided)]
        first = plain_rows((guided or given or [Plain()])[0])
    if not (isinstance(first, Plain) or (isinstance(first, Guided) and first.kappa == 0)):
        raise ValueError(
            f"{where}: got first={shown(first)}; allowed Plain(), Plain(steps=...), as there is no classifier yet to "
            "prune or guide along; do pass the mechanism in additions"
        )
    return Plan(n, lam, (first, *given), _weights(where, weights, len(n)), wrong)


def _weights(where: str, weights: Weights, fits: int) -> Array | Retire:
    """Return v (fits, rounds); ValueError unless it is lower triangular, >= 0 and leaves every fit some rows."""
    if isinstance(weights, Retire):
        return weights
    if isinstance(weights, np.ndarray):
        weights = weights.tolist()
    if isinstance(weights, str) and weights in ("accumulate", "replace"):
        return np.tri(fits) if weights == "accumulate" else np.eye(fits)
    if not isinstance(weights, list | tuple) or any(np.ndim(row) != 1 for row in weights):
        raise ValueError(
            f"{where}: got weights={shown(weights)}; allowed 'accumulate', 'replace', rmt.practice.Retire or numbers "
            "v[fit][round]; do pass one of them"
        )
    if len(weights) != fits:
        raise ValueError(
            f"{where}: got weights of {len(weights)} fits; allowed {fits}, one row each; do add or drop rows"
        )
    v = np.zeros((fits, fits))
    for k, row in enumerate(weights):
        values = np.array([number(where, f"weights[{k}]", value) for value in row])
        if not k < len(values) <= fits:
            raise ValueError(
                f"{where}: got weights[{k}] of {len(values)} numbers; allowed {k + 1} to {fits}, one for each round "
                f"that fit {k + 1} sees; do give the rounds 0 to {k}"
            )
        v[k, : len(values)] = values
    require(v >= 0, where, "weights", v, "numbers >= 0", "pass 0 for rounds that a fit does not see")
    future = np.triu(v, 1)
    if future.any():
        k, r = np.argwhere(future)[0]
        raise ValueError(
            f"{where}: got weights[{k}][{r}]={v[k, r]}; allowed 0, as fit {k + 1} sees rounds 0 to {k} only; do move "
            "the weight to an earlier round"
        )
    require(v.sum(axis=1) > 0, where, "the sum of the weights of a fit", v.sum(axis=1), "numbers > 0", "give it rows")
    return v
