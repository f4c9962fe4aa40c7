"""Judge scaling laws by what they foresee: hold the largest sizes out, fit the rest, and compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from scaling._check import Floats, whole
from scaling.forms import FORMS, Form
from scaling.noise import Curve, Direction, curve
from scaling.points import Point, best_point, centred, errors, form_of, gradient, in_units, values

_WITHIN = 2.0  # standard errors of the averages: forms that close are equally good


class Miss(NamedTuple):
    """One size held out: measured and predicted y, the error of the prediction in % of the measured error, and its z.

    z is in standard errors of the average and of the prediction, for noise alone; None where no noise is known.
    """

    held_out: int
    x: float
    measured: float
    predicted: float
    per_cent: float
    z: float | None


@dataclass(frozen=True, kw_only=True)
class BackTest:
    """Predictions of the largest sizes from the smaller ones, and their root mean square error in % (`score`)."""

    form: str
    misses: tuple[Miss, ...]
    score: float
    noise: float

    @property
    def worst_z(self) -> float | None:
        """Largest |z| of the predictions; None where no noise is known."""
        sizes = [abs(miss.z) for miss in self.misses if miss.z is not None]
        return max(sizes) if sizes else None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Forms ranked by back-test, the best first, and the form to use: the simplest that is as good within noise."""

    best: str
    ranking: tuple[BackTest, ...]
    too_few_sizes: tuple[str, ...]


def backtest(
    x: ArrayLike,
    y: ArrayLike,
    *,
    form: str = "power_floor",
    stderr: ArrayLike | None = None,
    direction: Direction | None = None,
    held_out: Sequence[int] = (1, 2, 3),
) -> BackTest:
    """Fit a form without the largest 1, 2, 3 sizes, and measure the errors of its predictions there.

    x, y, form, stderr, direction as in `scaling.fit`. held_out: numbers of sizes to hold out; those that leave fewer
    sizes than the form needs are skipped. Errors are in per cent of the loss, or of 1 - accuracy. `score` is their root
    mean square, `noise` that of the standard errors of the averages. Raises ValueError where nothing can be held out.

    >>> n = 2.0 ** np.arange(6, 14)
    >>> law = 0.1 + 2 * n**-0.5
    >>> round(backtest(n, law).score, 3), round(backtest(n, law, form="power").score, 1)
    (0.0, 18.3)
    """
    where = "scaling.backtest"
    measured, direction, best = errors(where, curve(where, x, y, stderr), direction)
    for number in held_out:
        whole(where, "held_out", number, 1)
    law, sizes = form_of(where, form, measured), len(measured.x)
    folds = [number for number in held_out if sizes - number >= law.least]
    if not folds:
        raise ValueError(
            f"{where}: got {sizes} sizes and held_out = {list(held_out)}; allowed at least {law.least} sizes left for "
            f"form {form!r}; do measure more sizes or choose a simpler form"
        )
    misses = [miss for number in folds for miss in _misses(law, measured, number)]
    score = float(np.sqrt(np.mean([miss.per_cent**2 for miss in misses])))
    held = slice(sizes - max(folds), None)
    noise = 100 * float(np.sqrt(np.mean((measured.stderr[held] / measured.y[held]) ** 2)))
    shown = tuple(
        miss._replace(
            measured=float(in_units(miss.measured, direction, best)),
            predicted=float(in_units(miss.predicted, direction, best)),
        )
        for miss in misses
    )
    return BackTest(form=law.name, misses=shown, score=score, noise=noise)


def choose(
    x: ArrayLike,
    y: ArrayLike,
    *,
    forms: Sequence[str] = tuple(FORMS),
    stderr: ArrayLike | None = None,
    direction: Direction | None = None,
    held_out: Sequence[int] = (1, 2, 3),
) -> Choice:
    """Rank forms by their back-tests on the same held-out sizes.

    Forms that the curve has too few sizes for are listed apart. `best` is the simplest form, by its number of
    parameters, whose mean squared error exceeds the least by no more than two standard errors, squared. Raises
    ValueError where no form can be tested.

    >>> n = 2.0 ** np.arange(6, 16)
    >>> choose(n, 0.1 + 2 * n**-0.5, forms=("power", "power_floor")).best
    'power_floor'
    """
    where = "scaling.choose"
    measured, _, _ = errors(where, curve(where, x, y, stderr), direction)
    least: Mapping[str, int] = {form: FORMS[form].least if form in FORMS else 0 for form in forms}
    able = [form for form in forms if len(measured.x) - min(held_out) >= least[form]]
    if not able:
        raise ValueError(
            f"{where}: got {len(measured.x)} sizes; allowed at least {min(least.values()) + min(held_out)}; "
            "do measure more sizes"
        )
    common = [number for number in held_out if all(len(measured.x) - number >= least[form] for form in able)]
    tests = [
        backtest(x, y, form=form, stderr=stderr, direction=direction, held_out=common or [min(held_out)])
        for form in able
    ]
    ranking = sorted(tests, key=lambda test: test.score)
    within = ranking[0].score ** 2 + (_WITHIN * ranking[0].noise) ** 2 + 1e-12
    simplest = min(
        (test for test in ranking if test.score**2 <= within), key=lambda test: len(FORMS[test.form].parameters)
    )
    return Choice(best=simplest.form, ranking=tuple(ranking), too_few_sizes=tuple(f for f in forms if f not in able))


def _misses(form: Form, measured: Curve, held_out: int) -> list[Miss]:
    """Fit all but the largest sizes; compare errors at those held out."""
    kept, rest = slice(None, -held_out), slice(-held_out, None)
    with np.errstate(all="ignore"):
        point = best_point(form, measured.part(kept))
        u = np.log(measured.x[rest]) - np.log(point.curve.x).mean()
        predicted = values(form, point.minimum, u)[0]
        spread = np.sqrt(_variance(form, point, u) + measured.stderr[rest] ** 2)
    known = len(measured.deviations) > 0
    rows = zip(measured.x[rest], measured.y[rest], predicted, spread, strict=True)
    return [
        Miss(held_out, float(x), float(y), float(p), float(100 * (p / y - 1)), float((p - y) / s) if known else None)
        for x, y, p, s in rows
    ]


def _variance(form: Form, point: Point, u: Floats) -> Floats:
    """Return the variance of predicted errors at log sizes u for the noise of the averages, to first order."""
    weighted = point.jacobian * point.weights[:, None]
    at = gradient(form, point.minimum, u, form.bounds(centred(point.curve)))  # (n, parameters)
    gain = at @ np.linalg.pinv(point.jacobian.T @ weighted, hermitian=True) @ weighted.T  # (n, K)
    return np.sum((gain @ point.curve.deviations.T) ** 2, axis=1)
