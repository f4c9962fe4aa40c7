"""Rows of figure law_of_practice: theory, Monte Carlo and averages of the runs, panel by panel."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

import rmt
from empirical.runs.result import Record
from empirical.settings.build import build
from figures.contract.figure import Inputs
from figures.contract.records import average, simulated_row, theory_rows
from figures.contract.table import Row
from figures.theory.law_of_practice_schedules import (
    ALONE,
    GUIDED,
    GUIDED_ALL,
    KEPT,
    NARROW,
    ONCE,
    RIDGED,
    STATIC,
    UNTAILED,
    Config,
    Schedule,
    following,
    schedules,
    wrong,
)
from rmt.practice import contraction, learning_curve, noise_floor, selection_floor, simulate
from rmt.practice.additions import plane_moments
from rmt.practice.rates import accumulation_exponent

_ALIGNED = 1e-4  # sine at which the moments of guided rows are those of a perfect direction
_SHARES = 10.0 ** np.linspace(-2, 0, 17)  # keep fractions of a pool that is pruned once


def compute(inputs: Inputs) -> list[Row]:
    """Compute theory, Monte Carlo and averages of the runs, panel by panel."""
    settings: Config = build(Config, inputs.settings, "law_of_practice")
    practices = schedules(settings)
    steps = [
        ("growing pools", lambda: _learning(settings, practices, inputs.records)),
        *((f"Monte Carlo, d = {d}", lambda d=d, n=n: _simulated(settings, practices, d, n))
          for d, n in zip(settings.d, settings.trials, strict=True)),
        ("what guidance needs", lambda: _needs(settings, practices[GUIDED], inputs.records)),
        ("exponents", lambda: _exponents(settings)),
        ("factor of a round", lambda: _factors(settings)),
        ("floors", lambda: _floors(settings, practices[GUIDED])),
        ("wrong labels", lambda: _harm(settings, practices[GUIDED])),
    ]  # fmt: skip
    rows: list[Row] = []
    for done, (what, step) in enumerate(steps):
        inputs.progress(done, len(steps), what)
        rows += step()
    return rows


def _law(panel: str, series: str, x: Any, y: Any, quantity: str = "error rate") -> list[Row]:
    return theory_rows("law_of_practice", panel, series, quantity, x, y)


def _learning(settings: Config, practices: dict[str, Schedule], records: Sequence[Record]) -> list[Row]:
    """Compute the laws of all schedules against the three measures of cost, and average the runs against them."""
    last = max(float(practice.trained[-1]) for practice in practices.values())
    sizes = settings.rows * 2.0 ** np.arange(int(math.log2(last / settings.rows)) + 1)
    static = rmt.error_rate(rmt.Problem(n=sizes, d=1, ridge=settings.ridge, rule=rmt.KeepAll(), rho=1.0))
    lines = {STATIC: (sizes, sizes, np.asarray(static))}
    once = [_pruned_once(settings, size) for size in sizes[1:]]
    lines[ONCE] = (sizes[1:], np.array([cost for _, cost in once]), np.array([error for error, _ in once]))
    for name, practice in practices.items():
        curve = learning_curve(practice.rows, settings.ridge, practice.additions, practice.weights)
        lines[name] = (practice.trained, practice.generated, curve.error_rate)
    runs = [record for record in records if record.panel == "rows" and record.series in (STATIC, GUIDED)]
    price = _prices(runs)
    rows = []
    for name, (trained, generated, errors) in lines.items():
        rows += _law("rows", name, trained, errors) + _law("generated", name, generated, errors)
        if price:
            plain, guided, d = price
            first = settings.rows if name == GUIDED else math.inf
            gflop = d * (plain * np.minimum(generated, first) + guided * np.maximum(generated - first, 0))
            rows += _law("arithmetic", name, gflop, errors)
    for panel, x in (("rows", _trained), ("generated", _trained), ("arithmetic", _gflop)):
        rows += average("law_of_practice", [dataclasses.replace(r, panel=panel) for r in runs], x, _error, "error rate")
    return rows


def _pruned_once(settings: Config, size: float) -> tuple[float, float]:
    """Return the error rate with the best keep fraction along the first fit, and the samples generated, for a size."""
    pool = (settings.rows, size - settings.rows)

    def error(log_share: float) -> float:
        return float(learning_curve(pool, settings.ridge, rmt.KeepHard(math.exp(log_share))).error_rate[-1])

    best = min(np.log(_SHARES), key=error)
    spacing = math.log(_SHARES[1] / _SHARES[0])
    search = minimize_scalar(error, bounds=(best - spacing, min(best + spacing, 0.0)), method="bounded")
    return float(search.fun), float(pool[0] + pool[1] / math.exp(search.x))


def _error(record: Record) -> float:
    return 1 - record.result.accuracy


def _gflop(record: Record) -> float:
    return float(record.result.cost["sampling_gflop"])


def _trained(record: Record) -> float:
    """Return the rows per dimension that a run has trained on, forgotten ones included."""
    growth = record.result.config["growth"]
    return float((growth["initial"] + growth["additions"] * growth["addition"]) / _dimension(record))


def _dimension(record: Record) -> int:
    return int(record.result.config["world"]["dimension"])


def _prices(runs: Sequence[Record]) -> tuple[float, float, int] | None:
    """Return the GFLOP of a plain and of a guided sample and the dimension; None without runs of both kinds."""
    static, guided = ([r for r in runs if r.series == name] for name in (STATIC, GUIDED))
    if not (static and guided):
        return None
    plain = _gflop(static[0]) / static[0].result.cost["images"]
    first, images = guided[0].result.config["growth"]["initial"], guided[0].result.cost["images"]
    return plain, (_gflop(guided[0]) - plain * first) / (images - first), _dimension(static[0])


def _simulated(settings: Config, practices: dict[str, Schedule], d: int, trials: int) -> list[Row]:
    """Simulate the schedules at one dimension, as points of panels a and b."""
    rows = []
    for number, (name, whole) in enumerate(practices.items()):
        practice = whole.within(settings.most_rows) if name == KEPT else whole
        rng = np.random.default_rng([settings.seed, number, d])
        fits = simulate(
            practice.rows, settings.ridge, practice.additions, practice.weights, d=d, trials=trials, rng=rng
        )
        for index, fit in enumerate(fits):
            numbers = (1 - fit.mean, fit.stderr, 1 - fit.samples)
            for panel, x in (("rows", practice.trained), ("generated", practice.generated)):
                rows.append(simulated_row("law_of_practice", panel, name, f"error rate, d = {d}", x[index], *numbers))
    return rows


def _needs(settings: Config, guided: Schedule, records: Sequence[Record]) -> list[Row]:
    """Compute guided practice with one thing changed, beside the runs of the same settings."""
    to_the_last = [dataclasses.replace(addition, interval=(0.0, 1.0)) for addition in guided.additions]
    rows = []
    for name, ridge, additions, weights in (
        (GUIDED, settings.ridge, guided.additions, guided.weights),
        (GUIDED_ALL, settings.ridge, guided.additions, np.tri(len(guided.rows))),
        (UNTAILED, settings.ridge, to_the_last, guided.weights),
        (RIDGED, 1e-2, guided.additions, guided.weights),
    ):
        curve = learning_curve(guided.rows, ridge, additions, weights)
        rows += _law("needs", name, guided.trained, curve.error_rate)
        runs = [dataclasses.replace(r, panel="needs") for r in records if r.series == name]
        rows += average("law_of_practice", runs, _trained, _error, "error rate")
    return rows


def _exponents(settings: Config) -> list[Row]:
    """Compute the exponent against alpha by its equation, and the last local slopes of the recursion."""
    alphas = np.linspace(0, 0.499, 120)
    rows = _law("exponent", "equation", alphas, [accumulation_exponent(a, 2.0) for a in alphas], "exponent")
    pools = settings.rows * 2.0 ** np.arange(settings.doublings + 1)
    for alpha in settings.exponents:
        rules = [rmt.KeepHard(min(1.0, 0.5 * (size / 8) ** -alpha)) for size in pools[:-1]]
        errors = learning_curve(np.diff(pools, prepend=0), 1e-12, rules).error_rate
        rows += _law("exponent", "recursion", [alpha], [math.log2(errors[-2] / errors[-1])], "exponent")
    return rows


def _factors(settings: Config) -> list[Row]:
    """Compute the contraction of one round against its rows, and simulate practices whose band follows the sine."""
    sizes = np.geomspace(1.5, 16, 60)
    rows = _law("factor", NARROW, sizes, contraction(1e-3, sizes), "factor")
    d, trials = settings.d[-1], settings.trials[-1]
    for flips in settings.flips:
        name = wrong(flips)
        rows += _law("factor", name, sizes, contraction(1.0, sizes, flips=flips), "factor")
        for size in (size for size in settings.sizes if contraction(1.0, size, flips=flips) < 0.95):
            rows += _simulated_factor(settings, size, flips, d, trials)
    return rows


def _simulated_factor(settings: Config, size: float, flips: float, d: int, trials: int) -> list[Row]:
    """Simulate six rounds whose band is the sine of the limit; the factor is a mean over the last four."""
    start = 16.0  # rows per dimension of the first round: a good classifier
    rules = [rmt.KeepHard(p) for p in following(start, size, 6, 1e-12, flips)]
    rng = np.random.default_rng([settings.seed, round(100 * size), round(1000 * flips)])
    fits = simulate([start] + [size] * 6, 1e-12, rules, "replace", flips=flips, d=d, trials=trials, rng=rng)
    sines = np.sin(np.pi * (1 - np.stack([fit.samples for fit in fits])))  # (fits, trials)
    factors = (sines[-1] / sines[-5]) ** 0.25
    numbers = (float(factors.mean()), float(factors.std(ddof=1) / math.sqrt(trials)), factors)
    return [simulated_row("law_of_practice", "factor", wrong(flips), "factor", size, *numbers)]


def _floors(settings: Config, guided: Schedule) -> list[Row]:
    """Compute the error at which practice ends, against the ridge: closed forms, and the recursion's last fits."""
    ridges = np.geomspace(min(settings.ridges), max(settings.ridges), 60)
    last = plane_moments(guided.additions[-1], math.sqrt(1 - _ALIGNED**2), _ALIGNED)
    moments = (last.S[0, 0], last.b[0], 2 * settings.rows)
    floor = [noise_floor(*moments, ridge, bulk=last.c**2) for ridge in ridges]
    rows = _law("floor", GUIDED, ridges, floor, "error rate")
    rows += _law("floor", ALONE, ridges, [selection_floor(settings.rows, ridge) for ridge in ridges])
    for ridge in settings.ridges:
        curve = learning_curve(guided.rows, ridge, guided.additions, guided.weights)
        rows += _law("floor", "recursion", [ridge], [curve.error_rate[-1]])
    limit = math.acos(settings.generator) / math.pi
    return rows + _law("floor", f"generator at cosine {settings.generator:g}", ridges[[0, -1]], (limit, limit))


def _harm(settings: Config, guided: Schedule) -> list[Row]:
    """Compute guided practice with wrong labels, simulate one of them, and turn the generator's direction.

    A generator that labels by w_g is practice with the truth w_g: classifiers differ from w_g in directions that know
    nothing of w_0, so that cos(w, w_0) = cos(w_g, w_0) cos(w, w_g).
    """
    rows = []
    for flips in settings.flips:
        curve = learning_curve(guided.rows, settings.ridge, guided.additions, guided.weights, flips=flips)
        rows += _law("harm", wrong(flips) if flips else "exact", guided.trained, curve.error_rate)
        if flips == 0:
            turned = np.arccos(settings.generator * curve.alignment) / np.pi
            rows += _law("harm", f"generator at cosine {settings.generator:g}", guided.trained, turned)
        else:
            rng = np.random.default_rng([settings.seed, round(1000 * flips)])
            fits = simulate(
                guided.rows, settings.ridge, guided.additions, guided.weights,
                flips=flips, d=settings.d[-1], trials=settings.trials[-1], rng=rng,
            )  # fmt: skip
            for x, fit in zip(guided.trained, fits, strict=True):
                numbers = (1 - fit.mean, fit.stderr, 1 - fit.samples)
                rows.append(simulated_row("law_of_practice", "harm", wrong(flips), "error rate", x, *numbers))
    return rows
