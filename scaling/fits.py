"""Fit scaling laws to curves of a loss or an accuracy, with intervals that hold when the form is wrong, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from scaling import misfit
from scaling._check import Floats, finite, generator, in_range, number, whole
from scaling.bootstrap import Interval
from scaling.forms import FORMS, Form
from scaling.noise import Direction, curve
from scaling.points import Point, best_point, centred, errors, form_of, identified, in_units, values
from scaling.projection import Minimum, minimise


class Prediction(NamedTuple):
    """A law's values at some x, with bands; `decades` beyond the fitted sizes, on either side, is 0 among them."""

    x: Floats
    value: Floats
    low: Floats
    high: Floats
    decades: Floats


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted scaling law.

    parameters: by name, each with value, low, high; `floor`, `start` and `scale` are those of the error (1 - accuracy).
    chi2: squared residuals in units of the noise of the averages, on `dof` degrees of freedom; None where no noise is
    known. misfit: estimated relative size of the form's systematic error. limit: y as x grows without end.
    """

    form: str
    formula: str
    direction: Direction
    best: float
    parameters: Mapping[str, Interval]
    limit: Interval
    chi2: float | None
    dof: int
    misfit: float
    converged: bool
    n_seeds: int
    confidence: float
    x: Floats
    y: Floats
    stderr: Floats
    fitted: Floats
    draws: Minimum = field(repr=False)
    point: Point = field(repr=False)

    @cached_property
    def identified(self) -> dict[str, bool]:
        """Tell of each parameter whether its profile excludes both ends of its range, at 95 %.

        The profile at an end is the least weighted sum of squares with the parameter held there: a coefficient (floor,
        start, scale) at 0, an exponent at 0.001 and at 10.
        """
        with np.errstate(all="ignore"):
            return identified(FORMS[self.form], self.point)

    @property
    def chi2_per_dof(self) -> float | None:
        """chi^2 / dof: about 1 where the form describes the curve to within its noise."""
        return None if self.chi2 is None else self.chi2 / self.dof

    def predict(self, x: ArrayLike) -> Prediction:
        """Compute the law at x > 0, any shape, with a band at the confidence of the fit.

        The band has the noise of the averages and the estimated misfit; it does not foresee another law beyond the
        data, so mind `decades`.
        """
        (at,) = finite("scaling.Fit.predict", x=x)
        if at.size and at.min() <= 0:
            raise ValueError(f"scaling.Fit.predict: got x = {at.min()}; allowed x > 0; do leave it out")
        flat = np.log(np.atleast_1d(at).ravel())
        errors = values(FORMS[self.form], self.draws, flat - np.log(self.x).mean())  # (1 + R, n)
        y = in_units(errors, self.direction, self.best)
        value = y[0]
        low, high = _interval(value, y[1:], self.confidence)
        outside = np.maximum(np.maximum(flat - np.log(self.x[-1]), np.log(self.x[0]) - flat), 0) / np.log(10)
        in_range("scaling.Fit.predict", value, low, high)
        return Prediction(at, *(v.reshape(at.shape) for v in (value, low, high, outside)))


def fit(
    x: ArrayLike,
    y: ArrayLike,
    *,
    form: str = "power_floor",
    stderr: ArrayLike | None = None,
    n_seeds: int | None = None,
    direction: Direction | None = None,
    confidence: float = 0.95,
    resamples: int = 400,
    rng: np.random.Generator | None = None,
) -> Fit:
    """Fit a scaling law to a loss or an accuracy by weighted least squares, with bootstrap intervals.

    x (K,) > 0; y (seeds, K), or (K,) with or without the standard errors `stderr` (K,) of averages over `n_seeds`.
    form: "power", "power_floor", "saturating" or "broken" (`scaling.FORMS`). direction: "down" for a loss, "up" for an
    accuracy, whose error 1 - y (or 100 - y) has the form; None: as the curve runs.

    Intervals: whole curves of seeds are combined with random weights (Student's, with the degrees of freedom of the
    moderated variances), a smooth misfit of the estimated size is added (`scaling.misfit`), and the form is fitted
    again. With y (K,) alone, residuals stand for the noise. Without `rng` the draws are those of seed 0.

    Raises ValueError for too few sizes (3, 4, 7, 8 by form), other shapes, numbers that are not finite, and averages
    without an error above 0.

    >>> n = 2.0 ** np.arange(6, 14)
    >>> law = fit(n, 0.1 + 2 * n**-0.5, form="power_floor")
    >>> {name: round(p.value, 3) for name, p in law.parameters.items()}
    {'floor': 0.1, 'scale': 2.0, 'exponent': 0.5}
    """
    where = "scaling.fit"
    measured, direction, best = errors(where, curve(where, x, y, stderr, n_seeds), direction)
    law = form_of(where, form, measured)
    number(where, "confidence", confidence, 0, 1)
    whole(where, "resamples", resamples, 2)
    rng = np.random.default_rng(0) if rng is None else rng
    generator(where, rng)
    with np.errstate(all="ignore"):  # overflows show in the results
        point = best_point(law, measured)
        draws = _draws(law, point, resamples, rng)
        table = law.decode(draws.theta, draws.coefficients, float(np.log(measured.x).mean()))  # (1 + R, parameters)
    in_range(where, table)
    low, high = _interval(table[0], table[1:], confidence)
    named = zip(law.parameters, table[0], low, high, strict=True)
    parameters = {name: Interval(float(value), float(a), float(b)) for name, value, a, b in named}
    floor = parameters.get("floor", Interval(0.0, 0.0, 0.0))
    return Fit(
        form=law.name,
        formula=law.formula,
        direction=direction,
        best=best,
        parameters=parameters,
        limit=floor if direction == "down" else Interval(best - floor.value, best - floor.high, best - floor.low),
        chi2=None if measured.n_seeds == 1 else point.chi2,
        dof=len(measured.x) - len(law.parameters),
        misfit=point.misfit,
        converged=bool(draws.converged[0]),
        n_seeds=measured.n_seeds,
        confidence=confidence,
        x=measured.x,
        y=in_units(measured.y, direction, best),
        stderr=point.curve.stderr,
        fitted=in_units(point.fitted, direction, best),
        draws=draws,
        point=point,
    )


def _draws(form: Form, point: Point, resamples: int, rng: np.random.Generator) -> Minimum:
    """Fit the curve and perturbed ones, with noise and misfit; the first row of the result is the curve's own."""
    measured, u = point.curve, centred(point.curve)
    drawn = measured.resampled(resamples, rng)
    drawn = drawn + misfit.drawn(measured.x, resamples, rng) * (point.misfit * point.fitted)
    curves = np.concatenate([measured.y[None], drawn])
    return minimise(lambda theta: form.basis(theta, u), curves, point.weights, point.minimum.theta, form.bounds(u))


def _interval(value: Floats, samples: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Percentile interval over the first axis, which always has the value in it."""
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return np.minimum(low, value), np.maximum(high, value)
