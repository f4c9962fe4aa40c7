"""Schedules of practice: fits that forget, and the best mechanism of every round by greedy search."""

from collections.abc import Sequence

import numpy as np

from rmt._check import Array, whole
from rmt.practice.additions import Addition, Guided, Plain, Pruned
from rmt.practice.curve import Curve, learning_curve
from rmt.practice.plan import Weights, plan
from rmt.practice.retirement import Retire
from rmt.pruning import Rule

__all__ = ["greedy", "latest"]


def latest(memory: int, fits: int) -> Array:
    """Return weights v (fits, fits) of fits that see the latest `memory` rounds: v_kr = 1{k - memory < r <= k}, from 0.

    Args:
        memory: number of rounds, >= 1; 1 is "replace", and `fits` or more is "accumulate".
        fits: number of fits, >= 1.

    Raises:
        ValueError: a number that is not whole or below 1.

    >>> latest(2, 3).tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    """
    where = "rmt.practice.latest"
    rounds = whole(where, "memory", memory, 1, "count the rounds that a fit sees")
    count = whole(where, "fits", fits, 1, "count the fits")
    return np.tri(count) - np.tri(count, k=-rounds)


def greedy(
    rows: Sequence[float] | Array,
    ridge: float | Sequence[float] | Array,
    choices: Addition | Sequence[Addition],
    weights: Weights = "accumulate",
    *,
    first: Addition | None = None,
    flips: float = 0.0,
) -> tuple[list[Addition], Curve]:
    """Choose every addition of a practice among `choices`, round by round, so that the next fit has the least error.

    Args:
        rows, ridge, weights, first, flips: as for `learning_curve`; weights without `Retire`.
        choices: mechanisms of a round; the earlier one is taken of two equally good ones.

    Returns:
        The K - 1 additions, and the `Curve` of the practice with them.

    Limits: a greedy schedule need not be the best one. Costs one `learning_curve` of k rounds per round k and choice.

    Raises:
        ValueError: as for `learning_curve`, or no choices.

    >>> import rmt
    >>> rules = [rmt.KeepHard(p) for p in (1.0, 0.5, 0.25, 0.125)]
    >>> additions, curve = greedy((4, 4, 4), 1e-6, rules, latest(1, 3))
    >>> [addition.p for addition in additions], curve.error_rate.round(4).tolist()
    ([0.125, 0.125], [0.1309, 0.0557, 0.0261])
    """
    where = "rmt.practice.greedy"
    choices = [choices] if isinstance(choices, Plain | Pruned | Guided | Rule) else list(choices)
    if not choices:
        raise ValueError(f"{where}: got no choices; allowed at least one mechanism; do pass e.g. [rmt.KeepHard(0.5)]")
    practice = plan(where, rows, ridge, choices[:1] * (np.size(rows) - 1), weights, first, flips)
    if isinstance(practice.weights, Retire):
        do = "pass 'accumulate', 'replace' or numbers"
        raise ValueError(f"{where}: got weights={practice.weights}; allowed weights without sampling; do {do}")
    v = practice.weights
    chosen: list[Addition] = []

    def curve(additions: list[Addition]) -> Curve:
        seen = slice(len(additions) + 1)
        return learning_curve(
            practice.rows[seen], practice.ridge[seen], additions, v[seen, seen], first=first, flips=flips
        )

    for _ in range(len(practice.rows) - 1):
        chosen.append(min(choices, key=lambda choice: curve([*chosen, choice]).error_rate[-1]))
    return chosen, curve(chosen)
