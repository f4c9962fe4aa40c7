"""The practices that figure law_of_practice compares: its settings, and their rounds.

A schedule lists what `rmt.practice.learning_curve` and `simulate` are asked, and what its rows cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rmt
from empirical.system.errors import require
from rmt.practice import Guided, latest, learning_curve

STATIC, ONCE, KEPT, ALONE, TWO = (
    "static",
    "pruned once",
    "selected, all rounds",
    "selected, last round",
    "selected, last 2 rounds",
)
GUIDED, GUIDED_ALL = "guided, last 2 rounds", "guided, all rounds"
UNTAILED, RIDGED = "guided to the last step", "guided, ridge 0.01"
WIDE, NARROW = "band = sine", "narrow band"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the figure: the keys of `experiments/law_of_practice.toml`, one of its presets included."""

    rows: float  # of a round, per dimension
    ridge: float
    narrowing: list[float]  # keep fractions where all rounds are kept and the pool doubles
    two: list[float]  # keep fractions where a fit sees the last two rounds
    kappas: list[float]  # of guidance
    steps: int
    tail: float  # share of the steps, the last ones, that are unguided
    exponents: list[float]  # alpha: keep fractions .5 (N/8d)^-alpha on pools that double ...
    doublings: int  # ... this often
    flips: list[float]  # shares of wrong labels
    generator: float  # cosine of a wrong generator to the truth
    sizes: list[float]  # rows per dimension of rounds that see wrong labels
    ridges: list[float]  # of the floor
    d: list[int]  # dimensions of the Monte Carlo ...
    trials: list[int]  # ... and its trials
    most_rows: float  # per dimension, of the Monte Carlo where all rounds are kept
    seed: int

    def __post_init__(self) -> None:
        shares = [p for name in ("narrowing", "two") for p in getattr(self, name)]
        require(all(0 < p <= 1 for p in shares), "law_of_practice.narrowing, two", shares, "fractions in (0, 1]")
        require(len(self.kappas) >= 2, "law_of_practice.kappas", self.kappas, "at least two")
        require(0 < self.tail < 1, "law_of_practice.tail", self.tail, "a share in (0, 1)")
        require(all(0 <= a < 0.5 for a in self.exponents), "law_of_practice.exponents", self.exponents, "[0, 1/2)")
        require(all(0 <= f < 0.5 for f in self.flips), "law_of_practice.flips", self.flips, "shares in [0, 1/2)")
        require(0 < self.generator < 1, "law_of_practice.generator", self.generator, "a cosine in (0, 1)")
        require(len(self.d) == len(self.trials) > 0, "law_of_practice.d", self.d, "one number for each of trials")
        require(self.rows > 1 and self.ridge > 0, "law_of_practice.rows, ridge", (self.rows, self.ridge), "> 1, > 0")


@dataclass(frozen=True)
class Schedule:
    """A practice of the theory, by rounds: rows per dimension, additions, weights, samples generated per row."""

    rows: NDArray[Any]
    additions: list[Any]
    weights: NDArray[Any]
    candidates: NDArray[Any]

    @property
    def trained(self) -> NDArray[Any]:
        """Rows per dimension that have been trained on, after each fit."""
        return np.cumsum(self.rows)

    @property
    def generated(self) -> NDArray[Any]:
        """Samples per dimension that have been generated, before each fit."""
        return np.cumsum(self.rows * self.candidates)

    def within(self, most: float) -> Schedule:
        """Return the rounds up to `most` rows per dimension trained on."""
        fits = int(np.searchsorted(self.trained, most, side="right"))
        return Schedule(
            self.rows[:fits], self.additions[: fits - 1], self.weights[:fits, :fits], self.candidates[:fits]
        )


def schedules(settings: Config) -> dict[str, Schedule]:
    """Return the schedules that panels a, b and c compare."""
    kept = settings.rows * np.diff(2.0 ** np.arange(len(settings.narrowing) + 1), prepend=0)
    guided = [Guided(kappa, settings.steps, interval=(settings.tail, 1.0)) for kappa in settings.kappas]
    fits = len(settings.two) + 1
    follow = following(settings.rows, settings.rows, fits - 1, settings.ridge)
    equal = np.full(fits, settings.rows)
    result = {
        KEPT: _selected(kept, settings.narrowing, np.tri(len(kept))),
        ALONE: _selected(equal, follow, latest(1, fits)),
        TWO: _selected(equal, settings.two, latest(2, fits)),
    }
    fits = len(guided) + 1
    result[GUIDED] = Schedule(np.full(fits, settings.rows), guided, latest(2, fits), np.ones(fits))
    return result


def _selected(rows: NDArray[Any], fractions: Sequence[float], weights: NDArray[Any]) -> Schedule:
    return Schedule(rows, [rmt.KeepHard(p) for p in fractions], weights, 1 / np.array([1.0, *fractions]))


def following(start: float, size: float, rounds: int, ridge: float, flips: float = 0.0) -> list[float]:
    """Return the keep fractions of rounds whose band is the sine of the latest fit, each fit on the last round alone.

    start, size: rows per dimension of the first round and of the others.
    """
    fractions: list[float] = []
    for _ in range(rounds):
        rows, rules = [start] + [size] * len(fractions), [rmt.KeepHard(p) for p in fractions]
        error = learning_curve(rows, ridge, rules, "replace", flips=flips).error_rate[-1]
        fractions.append(math.sqrt(2 / math.pi) * math.sin(math.pi * error))
    return fractions


def wrong(flips: float) -> str:
    """Name the series of a share of wrong labels.

    >>> wrong(0.05)
    '5 % of labels wrong'
    """
    return f"{100 * flips:g} % of labels wrong" if flips else WIDE
