"""Fit a form to one curve of errors: its best parameters, the weights of its sizes, its misfit, its profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import f as f_distribution

from scaling import misfit
from scaling._check import Floats
from scaling.forms import FORMS, Form
from scaling.noise import SMALLEST, Curve, Direction, sense
from scaling.projection import Minimum, minimise

_CLOSE = 0.02  # relative accuracy of the misfit's variance
_ROUNDS = 12  # of fits: enough to halve a bracket to that


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
    to equal relative accuracy. tau^2 is the one that its own weights lead to, to 2 %: a fixed point, bracketed where
    plain iteration would alternate. A curve without any noise gets that of its residuals.
    """
    u = centred(measured)
    known = len(measured.deviations) > 0
    noise = measured.stderr**2 if known else measured.y**2
    shape = misfit.correlation(measured.x)
    tau2, fitted, grid = 0.0, measured.y, form.grid(u)
    low, high = 0.0, np.inf  # tau^2 that lead to larger ones, and to smaller ones
    for _ in range(_ROUNDS):
        weights = 1 / (noise + tau2 * fitted**2)
        minimum = minimise(lambda theta: form.basis(theta, u), measured.y[None], weights, grid, form.bounds(u))
        grid = np.concatenate([grid, minimum.theta])
        fitted = values(form, minimum, u)[0]
        jacobian = gradient(form, minimum, u, form.bounds(u))
        if not known:
            break
        residual = measured.y - fitted
        led = misfit.amplitude(residual, fitted, jacobian, weights, measured.deviations, measured.dof, shape)
        low, high = (tau2, high) if led > tau2 else (low, tau2)
        if abs(led - tau2) <= _CLOSE * max(led, tau2):
            tau2 = led
            break
        if low >= (1 - _CLOSE) * high:
            break
        tau2 = led if low < led < high else (low + high) / 2
    if not known:
        dof = max(len(u) - len(form.parameters), 1)
        relative = np.sqrt(np.sum((measured.y / fitted - 1) ** 2) / dof)
        measured = replace(measured, deviations=np.diag(relative * fitted), dof=float(dof))
    return Point(measured, minimum, weights, float(np.sqrt(tau2)), jacobian, fitted)


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


def identified(form: Form, point: Point) -> dict[str, bool]:
    """Tell of every parameter whether its profile excludes the ends of its range, at 95 %."""
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
