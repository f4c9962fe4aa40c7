"""Draw the rows of a round at finite dimension."""

import math

import numpy as np

from rmt._check import Array
from rmt.practice import ddim
from rmt.practice.additions import Addition, Guided, Pruned, sampler
from rmt.pruning import Rule

__all__ = ["draw"]


def draw(addition: Addition, w: Array, count: int, rng: np.random.Generator, flips: float = 0.0) -> tuple[Array, Array]:
    """Draw `count` rows of a round along w: X (count, d), y (count,). The truth is the first axis.

    flips: share of the labels that are turned round.
    """
    X, y = _labelled(addition, w, count, rng)
    return X, np.where(rng.random(count) < flips, -y, y) if flips else y


def _labelled(addition: Addition, w: Array, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw rows with their true labels."""
    d = len(w)
    source = sampler(addition)
    if source:
        if not isinstance(addition, Pruned):
            return _sample(source, w, count, rng)
        X, y = _sample(source, w, math.ceil(count / addition.keep), rng)
        hardest = np.argpartition(np.abs(X @ w), count - 1)[:count]
        return X[hardest], y[hardest]
    X = rng.standard_normal((count, d))
    if isinstance(addition, Rule):
        unit = w / np.linalg.norm(w)
        X += np.outer(_kept(addition, count, rng) - X @ unit, unit)
    return X, np.where(X[:, 0] >= 0, 1.0, -1.0)


def _kept(rule: Rule, count: int, rng: np.random.Generator) -> Array:
    """Draw projections u ~ N(0, 1) and keep each with the rule's probability, until `count` are kept."""
    kept = np.empty(0)
    while len(kept) < count:
        u = rng.standard_normal(int((count - len(kept)) / float(rule.p) * 1.1) + 100)
        kept = np.concatenate([kept, u[rng.random(len(u)) < rule.keep_probability(u)]])
    return kept[:count]


def _sample(addition: Guided, w: Array, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw guided rows: the planar DDIM map on the noise along w_0 and w, and c times the noise off their plane."""
    d = len(w)
    cos = w[0] / np.linalg.norm(w)
    rest = w - w[0] * np.eye(1, d)[0]
    sin = float(np.linalg.norm(rest) / np.linalg.norm(w))
    across = rest / np.linalg.norm(rest) if sin else np.eye(1, d, 1)[0]
    noise = rng.standard_normal((count, d))
    y = np.where(rng.random(count) < 0.5, 1.0, -1.0)
    steps = addition.schedule()
    *_, c = ddim.off_plane(steps)
    plane = np.stack([noise[:, 0], noise @ across], axis=1)
    x = ddim.sample(plane, float(cos), sin, addition.kappa, addition.through, steps)
    X = c * (noise - np.outer(plane[:, 1], across))
    X[:, 0] = x[:, 0]
    return y[:, None] * (X + np.outer(x[:, 1], across)), y
