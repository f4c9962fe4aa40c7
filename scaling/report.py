"""Analyse curves side by side: back-test, fit and multiplier of each, in plain sentences, rows and a checklist."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from scaling.backtests import BackTest, Choice, choose
from scaling.bootstrap import Interval
from scaling.curves import Series
from scaling.fits import Fit, Prediction, fit
from scaling.forms import FORMS
from scaling.noise import Direction
from scaling.ratios import Multiplier, whole_curve

REACH = 2.0  # times the largest size: predictions beyond are refused unless they are asked for as far ones
_LINE = 120  # points of a drawn law


class Line(NamedTuple):
    """One number of an analysis: a row of its CSV file; None is an empty cell."""

    series: str
    quantity: str
    x: float | None
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Analysis of one series: ranked forms, the fit of the chosen one, predictions, and the multiplier.

    law: the fitted law over its range and the predictions. multiplier: None for the baseline, and where no level of
    the baseline can be read; `unread` then says why.
    """

    series: Series
    choice: Choice
    fit: Fit
    law: Prediction
    predictions: Prediction
    baseline: str
    multiplier: Multiplier | None
    unread: str

    @property
    def test(self) -> BackTest:
        """The back-test of the chosen form."""
        return next(test for test in self.choice.ranking if test.form == self.choice.best)


def analyse(
    series: Sequence[Series],
    *,
    baseline: str = "",
    direction: Direction | None = None,
    form: str = "",
    at: Sequence[float] = (),
    far: bool = False,
    rng: np.random.Generator,
) -> list[Analysis]:
    """Analyse every series; `form` overrides the choice by back-test.

    baseline: the series that others are compared with. at: sizes to predict; default: twice the largest. Without `far`
    sizes beyond twice the largest are refused. Raises ValueError that names the series.
    """
    names = [one.name for one in series]
    if baseline and baseline not in names:
        raise ValueError(f"baseline: got {baseline!r}; allowed {', '.join(names)}; do name one of the series")
    base = next((one for one in series if one.name == baseline), None)
    return [_analysis(one, base, direction, form, at, far, rng) for one in series]


def _analysis(
    series: Series,
    base: Series | None,
    direction: Direction | None,
    form: str,
    at: Sequence[float],
    far: bool,
    rng: np.random.Generator,
) -> Analysis:
    largest = float(series.x.max())
    asked = np.array(at or [REACH * largest], dtype=float)
    if not far and asked.max() > REACH * largest * (1 + 1e-9):
        raise ValueError(
            f"series {series.name!r}: got x = {asked.max():g} to predict from sizes up to {largest:g}; allowed up to "
            f"{REACH:g} times the largest; do choose a smaller x, or ask for far predictions (--far)"
        )
    try:
        choice = choose(
            series.x, series.y, forms=(form,) if form else tuple(FORMS), stderr=series.stderr, direction=direction
        )
        law = fit(
            series.x,
            series.y,
            form=choice.best,
            stderr=series.stderr,
            n_seeds=series.n_seeds,
            direction=direction,
            rng=rng,
        )
    except ValueError as error:
        raise ValueError(f"series {series.name!r}, {error}") from None
    read, unread = None, ""
    if base is not None and base.name != series.name:
        try:
            read = whole_curve(base.points, series.points, direction=direction)
        except ValueError as error:
            unread = str(error)
    return Analysis(
        series=series,
        choice=choice,
        fit=law,
        law=law.predict(np.geomspace(series.x.min(), max(largest, asked.max()), _LINE)),
        predictions=law.predict(asked),
        baseline=base.name if base else "",
        multiplier=read,
        unread=unread,
    )


def sentences(one: Analysis) -> list[str]:
    """Write three plain sentences about a series, and one about its multiplier where there is a baseline."""
    law, test = one.fit, one.test
    z = "" if test.worst_z is None else f", {test.worst_z:.1f} standard errors at worst"
    sizes = max(miss.held_out for miss in test.misses)
    without = "largest size" if sizes == 1 else f"{sizes} largest sizes"
    foreseen = f"Fitted without its {without}, {law.form} ({law.formula}) misses by {test.score:.2g} %{z}"
    if len(test.misses) == 1:
        foreseen += ", a test by a single point"
    if law.chi2_per_dof is not None:
        foreseen += f"; chi^2/dof of the whole fit is {law.chi2_per_dof:.2g}"
    named = [f"{name} {_interval(p)}" for name, p in law.parameters.items() if name != "scale"]
    open_ones = [name for name, known in law.identified.items() if not known]
    fitted = "The fit has " + ", ".join(named)
    if open_ones:
        fitted += f"; not identified: {', '.join(open_ones)}"
    if law.misfit:
        fitted += (
            f"; the intervals allow for a form that is wrong by up to {100 * law.misfit:.2g} % of the error, most of "
            "which the parameters would hide"
        )
    ahead = "; ".join(
        f"y = {value:.4g} ({low:.4g} to {high:.4g}) at x = {x:.6g}, {decades:.1f} decades beyond the data"
        for x, value, low, high, decades in zip(*one.predictions, strict=True)
    )
    lines = [foreseen + ".", fitted + ".", f"It foresees {ahead}."]
    if one.multiplier:
        best = one.multiplier.best
        words = best.words("fewer", "more") or "a number of x that the data leave open"
        interval = f" ({best.interval()})" if best.interval() else ""
        level = f"y = {best.level:.4g}, the best level of {one.baseline} beyond its noise"
        lines.append(f"It reaches {level}, with {words}{interval}.")
        closed = [reading for reading in one.multiplier.readings if reading.interval()]
        if not best.interval() and closed:
            last = closed[-1]
            factor = f"{last.words('fewer', 'more')} ({last.interval()})"
            lines.append(f"The best level whose interval is closed is y = {last.level:.4g}: {factor}.")
    elif one.unread:
        lines.append(f"No multiplier: {one.unread}.")
    return lines


def _interval(parameter: Interval) -> str:
    return f"{parameter.value:.3g} ({parameter.low:.3g} to {parameter.high:.3g})"


def lines_of(one: Analysis) -> Iterator[Line]:
    """Yield all numbers of an analysis as rows of a tidy table."""
    name, law = one.series.name, one.fit
    for x, y, stderr, fitted in zip(law.x, law.y, law.stderr, law.fitted, strict=True):
        yield Line(name, "measured", x, y, y - 2 * stderr, y + 2 * stderr)
        yield Line(name, "residual, %", x, 100 * (y / fitted - 1), None, None)
    for x, value, low, high, _ in zip(*one.law, strict=True):
        yield Line(name, f"fit, {law.form}", x, value, low, high)
    for x, value, low, high, _ in zip(*one.predictions, strict=True):
        yield Line(name, "prediction", x, value, low, high)
    for parameter, interval in law.parameters.items():
        yield Line(name, parameter, None, *interval)
    for test in one.choice.ranking:
        yield Line(name, f"back-test, {test.form}, %", None, test.score, None, None)
        for held, misses in itertools.groupby(test.misses, key=lambda miss: miss.held_out):
            for miss in misses:
                yield Line(name, f"back-test, {test.form}, {held} held out, %", miss.x, miss.per_cent, None, None)
    for reading in one.multiplier.readings if one.multiplier else ():
        high = reading.high if np.isfinite(reading.high) else None
        yield Line(name, f"multiplier over {one.baseline}", reading.level, reading.factor, reading.low, high)


def checklist(one: Analysis) -> dict[str, Any]:
    """Fill the checklist of "(Mis)Fitting" (arXiv 2502.18969) as far as a fit can; None is for the author to fill."""
    law, tests = one.fit, one.choice.ranking
    noise = (
        "seeds" if one.series.y.ndim == 2 else "given standard errors" if one.series.stderr is not None else "residuals"
    )
    return {
        "hypothesis": {
            "form": law.formula,
            "forms compared": [test.form for test in tests],
            "forms with too few sizes": list(one.choice.too_few_sizes),
            "chosen by": "back-test on the largest sizes" if len(tests) > 1 else "the user",
            "variables": {"x": None, "y": "1 - accuracy" if law.direction == "up" else "loss"},
        },
        "training setup": {"models": None, "hyperparameters": None, "tuned at each size": None, "code": None},
        "data collection": {
            "sizes": law.x.tolist(),
            "points": int(one.series.y.size),
            "seeds": law.n_seeds or None,
            "points left out": None,
            "averages": law.y.tolist(),
            "standard errors": law.stderr.tolist(),
        },
        "fitting": {
            "objective": "squared residuals over (variance of the average + (misfit x error)^2)",
            "algorithm": "variable projection; grid, then Levenberg-Marquardt",
            "converged": law.converged,
            "parameters": {name: p._asdict() for name, p in law.parameters.items()},
            "identified": dict(law.identified),
            "limit of y": law.limit._asdict(),
            "intervals": f"{100 * law.confidence:g} %: {noise} resampled as whole curves, and a smooth misfit",
        },
        "validation": {
            "back-test": [
                {"form": test.form, "rms error, %": test.score, "largest |z|": test.worst_z, "noise, %": test.noise}
                for test in tests
            ],
            "chi2 per degree of freedom": law.chi2_per_dof,
            "relative misfit": law.misfit,
            "predictions": [
                dict(zip(("x", "y", "low", "high", "decades beyond the data"), map(float, line), strict=True))
                for line in zip(*one.predictions, strict=True)
            ],
        },
        "comparison": _comparison(one),
    }


def _comparison(one: Analysis) -> dict[str, Any] | None:
    """Return the multiplier as plain values; an open end is None."""
    if one.multiplier is None:
        return {"baseline": one.baseline, "no level": one.unread} if one.unread else None
    readings = [
        {**reading._asdict(), "high": reading.high if np.isfinite(reading.high) else None}
        for reading in one.multiplier.readings
    ]
    return {"baseline": one.baseline, "highest level": one.multiplier.highest, "readings": readings}
