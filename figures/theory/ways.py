"""Ways of guided practice that figure schedule compares, and their error rates by theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rmt.practice import Guided, learning_curve

KEPT, TWO = "all rounds kept", "last 2 rounds"
TOLERANCE = 1e-3  # of the moments of guided rows: 1e-5 of an error rate (measured)


@dataclass(frozen=True)
class Way:
    """A way of practice: rows per dimension of the first round and of each addition, strength of guidance, fits.

    factor: of kappa from one addition to the next; kappa itself is that of the middle addition. memory: latest rounds
    that a fit sees, 0 for all. tail: share of the DDIM steps, the last ones, that are unguided.
    """

    ridge: float
    memory: int
    tail: float
    first: float = 2.0
    addition: float = 2.0
    additions: int = 7
    kappa: float = 0.3
    factor: float = 1.0
    steps: int = 20

    def strengths(self) -> list[float]:
        """Return kappa of each addition.

        >>> [round(kappa, 6) for kappa in Way(1e-2, 0, 0.0, additions=3, kappa=1.0, factor=2.0).strengths()]
        [0.5, 1.0, 2.0]
        """
        middle = (self.additions - 1) / 2
        return [self.kappa * self.factor ** (number - middle) for number in range(self.additions)]

    def error_rate(self) -> float:
        """Compute the error rate of the last fit."""
        fits, memory = self.additions + 1, self.memory or self.additions + 1
        rows = [self.first, *[self.addition] * self.additions]
        guided = [
            Guided(kappa, self.steps, interval=(self.tail, 1.0), tolerance=TOLERANCE) for kappa in self.strengths()
        ]
        curve = learning_curve(rows, self.ridge, guided, np.tri(fits) - np.tri(fits, k=-memory))
        return float(curve.error_rate[-1])


WAYS = {  # by name, with their rounds of equal size
    KEPT: Way(1e-2, 0, 0.0),
    TWO: Way(1e-6, 2, 0.2),
}
CUTS = {  # of the maps, panel c
    KEPT: WAYS[KEPT],
    f"{KEPT}, growing": replace(WAYS[KEPT], factor=1.25),
    TWO: WAYS[TWO],
    f"{TWO}, growing": replace(WAYS[TWO], factor=1.1),
}
VARIANTS = {  # of panel f: each differs from a way in one respect
    KEPT: WAYS[KEPT],
    "ridge 0.01, unguided last fifth": replace(WAYS[KEPT], tail=0.2),
    "ridge 1e-6, guided to the last step": replace(WAYS[TWO], tail=0.0),
    TWO: WAYS[TWO],
}


def best(way: Way, kappas: Sequence[float]) -> tuple[float, float]:
    """Return the least error rate over the strengths of guidance, and the strength."""
    return min((replace(way, kappa=kappa).error_rate(), kappa) for kappa in kappas)
