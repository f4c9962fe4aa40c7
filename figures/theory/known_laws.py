"""Curves whose law is known exactly: invented ones, and ridge classifiers with the law and the Monte Carlo of `rmt`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rmt

Floats = NDArray[Any]
RIGHT, WRONG, NO_FLOOR, BREAK = "right form", "hardest 30 %", "all samples", "one break"


@dataclass(frozen=True)
class Case:
    """A true law, its limit, the sizes at which it is measured, and all seeds of all trials, (seeds, sizes)."""

    law: Callable[[Floats], Floats]
    limit: float
    sizes: Floats
    samples: Floats


def cases(*, octaves: int, noise: float, d: int, count: int, seed: int) -> dict[str, Case]:
    """Make the samples of every case: `count` seeds at sizes an octave apart.

    noise: relative standard deviation of a seed, where it is invented. d: dimension of the ridge classifiers.
    """
    steps = 2.0 ** np.arange(octaves + 1)

    def invented(name: str, law: Callable[[Floats], Floats], limit: float, number: int) -> tuple[str, Case]:
        sizes = 64 * steps
        rng = np.random.default_rng([seed, number])
        relative = 1 + noise * rng.standard_normal((count, len(sizes)))
        return name, Case(law, limit, sizes, law(sizes) * relative)

    def classifiers(name: str, rule: rmt.Rule, rho: float, number: int) -> tuple[str, Case]:
        sizes = 2 * d * steps

        def problem(n: Floats) -> rmt.Problem:
            return rmt.Problem(n=n, d=d, ridge=1e-2, rule=rule, rho=rho)

        columns = [
            rmt.simulate(problem(n), count, rng=np.random.default_rng([seed, number, int(n)])).samples for n in sizes
        ]
        limit = float(rmt.error_rate(problem(np.array(1e14))))
        return name, Case(lambda n: np.asarray(rmt.error_rate(problem(n))), limit, sizes, np.array(columns).T)

    return dict(
        [
            invented(RIGHT, lambda n: 0.05 + 3 * n**-0.5, 0.05, 1),
            classifiers(WRONG, rmt.KeepHard(0.3), 0.9, 2),
            classifiers(NO_FLOOR, rmt.KeepAll(), 1.0, 3),
            invented(BREAK, lambda n: 2 * n**-0.2 * (1 + (n / 512) ** 2) ** -0.2, 0.0, 4),
        ]
    )
