"""Fit scaling laws to curves of a loss or an accuracy, with intervals that hold when the form is wrong, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f as f_distribution

from scaling import misfit
from scaling._check import Floats, finite, generator, in_range, number, whole
from scaling.bootstrap import Interval
from scaling.forms import FORMS, Form
from scaling.noise import SMALLEST, Curve, Direction, curve, sense
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
    misfits: Floats = field(repr=False)  # (R, K + 1): drawn at the sizes, and the noise of their continuation

    @cached_property
    def identified(self) -> dict[str, bool]:
        """Tell of each parameter whether its profile excludes both ends of its range, at 95 %.

        The profile at an end is the least weighted sum of squares with the parameter held there: a coefficient (floor,
        start, scale) at 0, an exponent at 0.001 and at 10.
        """
        with np.errstate(all="ignore"):
            return _identified(FORMS[self.form], self.point)

    @property
    def chi2_per_dof(self) -> float | None:
        """chi^2 / dof: about 1 where the form describes the curve to within its noise."""
        return None if self.chi2 is None else self.chi2 / self.dof

    def predict(self, x: ArrayLike) -> Prediction:
        """Compute the law at x > 0, any shape, with a band at the confidence of the fit.

        The band has the noise of the averages and the estimated misfit, which goes on smoothly from the data; it does
        not foresee another law beyond them, so mind `decades`.
        """
        (at,) = finite("scaling.Fit.predict", x=x)
        if at.size and at.min() <= 0:
            raise ValueError(f"scaling.Fit.predict: got x = {at.min()}; allowed x > 0; do leave it out")
        flat = np.log(np.atleast_1d(at).ravel())
        errors = values(FORMS[self.form], self.draws, flat - np.log(self.x).mean())  # (1 + R, n)
        missed = misfit.continued(self.x, self.misfits[:, :-1], np.exp(flat), self.misfits[:, -1:])
        moved = errors[1:] - self.misfit * errors[0] * missed  # a draw is the law of a curve that its misfit moved
        errors[1:] = np.maximum(moved, 0.0)
        y = in_units(errors, self.direction, self.best)
        value = y[0]
        low, high = _interval(value, y[1:], self.confidence)
        outside = np.maximum(np.maximum(flat - np.log(self.x[-1]), np.log(self.x[0]) - flat), 0) / np.log(10)
        in_range("scaling.Fit.predict", value, low, high)
        return Prediction(at, *(v.reshape(at.shape) for v in (value, low, high, outside)))


class Point(NamedTuple):
    """The best parameters of one curve of errors; `misfit` is tau, `jacobian` (K, parameters) of the fitted errors."""

    curve: Curve
    minimum: Minimum
    weights: Floats
    misfit: float
    jacobian: Floats
    fitted: Floats

    @property
    def chi2(self) -> float:
        """Squared residuals in units of the noise of the averages."""
        return float(np.sum(((self.curve.y - self.fitted) / self.curve.stderr) ** 2))


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

    x (K,) > 0; y (seeds, K), or (K,) with or without the standard errors `stderr` (K,) of averages over
    `n_seeds`. form: "power",
    "power_floor", "saturating" or "broken" (`scaling.FORMS`). direction: "down" for a loss, "up" for an accuracy, whose
    error 1 - y (or 100 - y) has the form; None: as the curve runs.

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
        misfits = misfit.drawn(measured.x, resamples, rng)
        draws = _draws(law, point, misfits, rng)
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
        misfits=np.column_stack([misfits, rng.standard_normal(resamples)]),
    )


def errors(where: str, measured: Curve, direction: Direction | None) -> tuple[Curve, Direction, float]:
    """Return the curve of errors, its direction, and the y at which the error is 0: 0 for a loss, else 1 or 100 (%).

    Raises ValueError for another direction, and for averages without an error above 0.
    """
    direction = direction or sense(where, measured)
    if direction not in ("up", "down"):
        raise ValueError(f"{where}: got direction = {direction!r}; allowed 'up', 'down'; do use 'down' for a loss")
    best = 0.0 if direction == "down" else 1.0 if measured.y.max() <= 1 else 100.0
    error = in_units(measured.y, direction, best)
    if error.min() < SMALLEST:
        worst = measured.y[np.argmin(error)]
        allowed = f"losses of at least {SMALLEST:g}" if direction == "down" else "accuracies below 1, or 100 %"
        raise ValueError(
            f"{where}: got an average of {worst:.6g} with direction {direction!r}; allowed {allowed}; "
            "do leave out sizes without errors, or give the direction"
        )
    deviations = measured.deviations if direction == "down" else -measured.deviations
    return replace(measured, y=error, deviations=deviations), direction, best


def in_units(error: Any, direction: Direction, best: float) -> Any:
    """Convert errors to units of the measurement, and back."""
    return error if direction == "down" else best - error


def form_of(where: str, name: str, measured: Curve) -> Form:
    """Return the form of a name; ValueError for an unknown one, and where the curve has too few different sizes."""
    if name not in FORMS:
        raise ValueError(f"{where}: got form = {name!r}; allowed {', '.join(FORMS)}; do name one of them")
    sizes = len(np.unique(np.log(measured.x)))
    if sizes < FORMS[name].least:
        raise ValueError(
            f"{where}: got {sizes} different sizes; allowed at least {FORMS[name].least} for form {name!r}; "
            "do measure more sizes or choose a simpler form"
        )
    return FORMS[name]


def best_point(form: Form, measured: Curve) -> Point:
    """Fit one curve of errors, its weights and its misfit in turn.

    Weights are 1 / (variance of the average + (tau e)^2), so that a curve whose noise is far below its misfit is fitted
    to equal relative accuracy. A curve without any noise gets that of its residuals.
    """
    u = centred(measured)
    known = len(measured.deviations) > 0
    noise = measured.stderr**2 if known else measured.y**2
    shape = misfit.correlation(measured.x)
    tau2, fitted, grid = 0.0, measured.y, form.grid(u)
    for _ in range(4):
        weights = 1 / (noise + tau2 * fitted**2)
        minimum = minimise(lambda theta: form.basis(theta, u), measured.y[None], weights, grid, form.bounds(u))
        grid = np.concatenate([grid, minimum.theta])
        fitted = values(form, minimum, u)[0]
        jacobian = gradient(form, minimum, u, form.bounds(u))
        if not known:
            break
        before, residual = tau2, measured.y - fitted
        tau2 = misfit.amplitude(residual, fitted, jacobian, weights, measured.deviations, measured.dof, shape)
        if abs(tau2 - before) <= 0.02 * max(tau2, before):
            break
    if not known:
        dof = max(len(u) - len(form.parameters), 1)
        relative = np.sqrt(np.sum((measured.y / fitted - 1) ** 2) / dof)
        measured = replace(measured, deviations=np.diag(relative * fitted), dof=float(dof))
    return Point(measured, minimum, weights, float(np.sqrt(tau2)), jacobian, fitted)


def _draws(form: Form, point: Point, misfits: Floats, rng: np.random.Generator) -> Minimum:
    """Fit the curve and perturbed ones, with noise and `misfits` (R, K); the first row is the curve's own."""
    measured, u = point.curve, centred(point.curve)
    drawn = measured.resampled(len(misfits), rng) + misfits * (point.misfit * point.fitted)
    curves = np.concatenate([measured.y[None], drawn])
    return minimise(lambda theta: form.basis(theta, u), curves, point.weights, point.minimum.theta, form.bounds(u))


def centred(measured: Curve) -> Floats:
    """Return log x minus its mean."""
    u: Floats = np.log(measured.x) - np.log(measured.x).mean()
    return u


def values(form: Form, minimum: Minimum, u: Floats) -> Floats:
    """Return the errors (R, n) of fitted laws at centred log sizes u (n,)."""
    return np.einsum("rl,rlk->rk", minimum.coefficients, form.basis(minimum.theta, u))


def gradient(form: Form, minimum: Minimum, u: Floats, bounds: Sequence[tuple[float, float]]) -> Floats:
    """Return derivatives (n, parameters) of the law's errors at centred log sizes u (n,).

    Coefficients of 0 and nonlinear parameters at a bound have no column.
    """
    basis, coefficients = form.basis(minimum.theta, u)[0], minimum.coefficients[0]
    columns = [b for b, c in zip(basis, coefficients, strict=True) if c > 0]
    for p, (low, high) in enumerate(bounds):
        if low < minimum.theta[0, p] < high:
            step = 1e-5 * np.eye(minimum.theta.shape[1])[p]
            ahead, behind = (coefficients @ form.basis(minimum.theta + sign * step, u)[0] for sign in (1, -1))
            columns.append((ahead - behind) / 2e-5)
    return np.column_stack(columns) if columns else np.zeros((len(u), 0))


def _interval(value: Floats, samples: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Percentile interval over the first axis, which always has the value in it."""
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return np.minimum(low, value), np.maximum(high, value)


def _identified(form: Form, point: Point) -> dict[str, bool]:
    """Compare the profile of every parameter at the ends of its range with the least weighted sum of squares."""
    u, error, weights = centred(point.curve), point.curve.y, point.weights
    bounds, grid, least = form.bounds(u), form.grid(u), float(point.minimum.squares[0])
    known, dof = point.curve.n_seeds != 1, len(u) - len(form.parameters)
    scale = max(least / dof, 1.0 if known else 0.0)  # without any noise the residuals stand for it
    freedom = min(point.curve.dof, 1e6)
    threshold = least + scale * float(f_distribution.ppf(0.95, 1, freedom))
    coefficients = point.minimum.coefficients.shape[1]

    def profile(place: int, end: float) -> float:
        """Return the least sum of squares with one coefficient at 0, or one nonlinear parameter at an end."""
        if place < coefficients:
            kept = [i for i in range(coefficients) if i != place]
            if not kept:
                return float(np.sum(weights * error**2))
            fixed = minimise(lambda theta: form.basis(theta, u)[..., kept, :], error[None], weights, grid, bounds)
        else:
            p = place - coefficients
            held, pinned = grid.copy(), list(bounds)
            held[:, p], pinned[p] = end, (end, end)
            fixed = minimise(lambda theta: form.basis(theta, u), error[None], weights, held, pinned)
        return float(fixed.squares[0])

    answer = {}
    for name, place in zip(form.parameters, form.places, strict=True):
        ends = (0.0,) if place < coefficients else bounds[place - coefficients]
        answer[name] = all(profile(place, end) > threshold for end in ends)
    return answer
