"""Make noisy curves increasing, and find where they reach a level, as far as their points tell."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from scaling._check import Floats
from scaling.noise import Curve

_FINE = 32  # points of a joined curve between two sizes


def monotone(measured: Curve, drawn: Floats) -> Floats:
    """Make the averages and the drawn curves increasing by isotonic regression, weighted with the standard errors."""
    weights = 1 / measured.stderr**2 if len(measured.deviations) else np.ones_like(measured.x)
    weights = np.minimum(weights / weights.max(), 1.0) + 1e-12
    return np.array([isotonic_regression(y, weights=weights).x for y in (measured.y, *drawn)])


def _joined(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Join increasing points (R, K) on a fine grid of log x (F,) by chords (R, F), and bend them as far as they may be.

    Between two sizes a curve without a change of its bend lies between its chord and the lines through the neighbouring
    chords; at both ends the bend goes on.
    """
    if len(x) == 1:
        return np.log(x), y, y
    steps, rows, u = np.linspace(0, 1, _FINE, endpoint=False), len(y), np.log(x)
    run = np.diff(u)  # (K - 1,)
    slope = np.diff(y, axis=1) / run  # (R, K - 1)
    second = min(1, len(x) - 2)  # the neighbour of an end, or the only chord
    ends = [(2 * slope[:, [k]] - slope[:, [near]]).clip(min=0) for k, near in ((0, second), (-1, -1 - second))]
    slope = np.concatenate([ends[0], slope, ends[1]], axis=1)  # (R, K + 1)
    chord, ahead, back = (
        y[:, :-1, None] + (slope[:, 1:-1] * run)[..., None] * steps,
        y[:, :-1, None] + (slope[:, :-2] * run)[..., None] * steps,
        y[:, 1:, None] - (slope[:, 2:] * run)[..., None] * (1 - steps),
    )
    above, below = np.minimum(ahead, back), np.maximum(ahead, back)
    below = np.where(below < chord, np.maximum(below, y[:, :-1, None]), chord)
    bent = np.where(above > chord, np.minimum(above, y[:, 1:, None]), below)
    places = np.concatenate([(u[:-1, None] + run[:, None] * steps).ravel(), u[-1:]])
    chord, bent = (np.concatenate([v.reshape(rows, -1), y[:, -1:]], axis=1) for v in (chord, bent))
    return places, np.maximum.accumulate(chord, axis=1), np.maximum.accumulate(bent, axis=1)  # rounding


def inverse(x: Floats, curves: Floats, levels: Floats, rng: np.random.Generator) -> Floats:
    """Find the smallest x at which each curve (R, K) reaches its levels (R, L); 0 below the first point, else inf.

    Between its chord and its bent form a curve is known no better: each resample takes a random place between the two,
    the averages (the first row) their middle.
    """
    share = rng.random((len(curves), 1))
    share[0] = 0.5
    log_x, *joined = _joined(x, curves)
    chord, bent = (_reached(log_x, values, levels) for values in joined)
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(chord) | np.isinf(bent), np.exp(chord), np.exp(chord + share * (bent - chord)))


def _reached(log_x: Floats, curves: Floats, levels: Floats) -> Floats:
    """Return log x at which each increasing curve (R, F) reaches its levels; -inf below the first point, else inf."""
    places = np.empty(levels.shape)
    for row, (values, wanted) in enumerate(zip(curves, levels, strict=True)):
        touches = np.abs(wanted - values[-1]) <= 1e-12 * np.abs(values[-1])  # but for rounding
        wanted = np.where(touches, values[-1], wanted)
        right = np.searchsorted(values, wanted)  # first point with values >= wanted
        inside = np.clip(right, 1, len(values) - 1) if len(values) > 1 else np.zeros_like(right)
        low, high = values[inside - 1], values[inside]
        share = np.clip((wanted - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        between = log_x[inside - 1] + share * (log_x[inside] - log_x[inside - 1])
        places[row] = np.where(right == len(values), np.inf, np.where(wanted < values[0], -np.inf, between))
        places[row] = np.where(wanted == values[0], log_x[0], places[row])
    return places
