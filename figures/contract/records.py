"""Average over seeds: from records of finished runs, curves and Monte-Carlo trials to rows that keep their samples."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

import scaling
from empirical.runs.result import Record
from figures.contract.table import Row
from scaling.averages import aggregate


def mean_row(
    figure: str, panel: str, series: str, quantity: str, x: float, samples: Iterable[tuple[int, float]]
) -> Row:
    """Average the (seed, y) samples of one point of practice, of at least two seeds.

    >>> mean_row("f", "digits", "static", "accuracy", 128, [(0, 0.5), (1, 0.75)])[6:]
    (0.625, 0.125, 2, ((0, 0.5), (1, 0.75)))
    """
    kept = tuple((seed, float(y)) for seed, y in samples)
    mean, stderr, n_seeds = aggregate([y for _, y in kept])
    return Row(figure, panel, series, quantity, "practice", float(x), float(mean), float(stderr), n_seeds, kept)


def mean_rows(
    figure: str,
    panel: str,
    series: str,
    quantity: str,
    x: Sequence[float],
    curves: Mapping[int, Sequence[float | None]],
) -> list[Row]:
    """Average `curves`, by seed, at every x where each of them has a value.

    An average over other seeds at every x would move when a seed comes or goes, so it is left out. Fewer than two
    curves give no rows.

    >>> [row[5:9] for row in mean_rows("f", "p", "s", "loss", [0, 10], {0: [1.0, 0.5], 1: [None, 0.25]})]
    [(10.0, 0.375, 0.125, 2)]
    """
    rows: list[Row] = []
    for at, *values in zip(x, *curves.values(), strict=True) if len(curves) > 1 else ():
        if None not in values:
            rows.append(mean_row(figure, panel, series, quantity, at, zip(curves, values, strict=True)))
    return rows


def theory_rows(
    figure: str, panel: str, series: str, quantity: str, x: Iterable[float], y: Iterable[float]
) -> list[Row]:
    """Make the rows of a line of exact numbers.

    >>> theory_rows("f", "p", "keep all", "error rate", np.array([2.0]), np.array([0.25]))[0][4:]
    ('theory', 2.0, 0.25, None, None, ())
    """
    pairs = zip(x, y, strict=True)
    return [Row(figure, panel, series, quantity, "theory", float(at), float(value)) for at, value in pairs]


def simulated_row(
    figure: str, panel: str, series: str, quantity: str, x: float, y: float, stderr: float, samples: ArrayLike
) -> Row:
    """Make the row of a Monte-Carlo point with mean `y`; the trials are its `samples`, numbered from 0."""
    trials = tuple(enumerate(np.asarray(samples, dtype=float).tolist()))
    return Row(figure, panel, series, quantity, "simulation", float(x), y, stderr, len(trials), trials)


def accuracy(record: Record) -> float:
    """Return the accuracy on the test images (linear world: the exact one)."""
    return record.result.accuracy


def pool_size(record: Record) -> float:
    """Return the number of samples in the pool at the end of the run."""
    return float(record.result.pool_size)


def planned_size(record: Record) -> float:
    """Return the number of samples after all additions; a run that waits for a plateau until its end has fewer."""
    growth = record.result.config["growth"]
    return float(growth["initial"] + growth["additions"] * growth["addition"])


def average(
    figure: str,
    records: Iterable[Record],
    x: Callable[[Record], float],
    y: Callable[[Record], float] = accuracy,
    quantity: str = "accuracy",
) -> list[Row]:
    """Make one practice row per (panel, series, varied value): means of x and y over seeds, standard error of y."""
    points: dict[tuple[str, str, float], list[Record]] = defaultdict(list)
    for record in records:
        points[record.panel, record.series, record.value].append(record)
    return [
        mean_row(figure, panel, series, quantity, mean([x(r) for r in runs]), [(r.seed, y(r)) for r in runs])
        for (panel, series, _), runs in points.items()
    ]


def averages(rows: Sequence[Row]) -> tuple[list[float], list[float], list[float], int | None]:
    """Return x, y, the standard errors of y and the least number of seeds of a series, as `scaling.multiplier` asks."""
    seeds = [row.n_seeds for row in rows if row.n_seeds]
    errors = [row.stderr or 0.0 for row in rows]
    return [row.x for row in rows], [row.y for row in rows], errors, min(seeds) if seeds else None


def mean(values: Sequence[float]) -> float:
    """Return the mean; of equal values the value itself, which their sum would round.

    >>> mean([0.05] * 3), mean([1, 2])
    (0.05, 1.5)
    """
    return float(values[0] if len(set(values)) == 1 else np.mean(values))


def points(
    records: Sequence[Record], x: Callable[[Record], float] = pool_size
) -> dict[tuple[str, str, float], list[Record]]:
    """Group the runs by (panel, series, x), each group in order of seed."""
    groups: dict[tuple[str, str, float], list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.seed):
        groups[record.panel, record.series, x(record)].append(record)
    return dict(groups)


def hits(records: Sequence[Record]) -> np.ndarray:
    """Return correctness (seeds, images) of runs in order of seed; without test images, exact accuracy (seeds, 1)."""
    results = [record.result for record in sorted(records, key=lambda record: record.seed)]
    return np.array([[float(hit) for hit in r.correct] if r.correct else [r.accuracy] for r in results])


def differences(runs: Sequence[Record], rivals: Sequence[Record]) -> list[tuple[int, float]]:
    """Return (seed, accuracy of the run minus that of its rival), by seed.

    The list is empty unless both have the same seeds, at least two of them.
    """
    seeds = sorted(record.seed for record in runs)
    if len(seeds) < 2 or seeds != sorted(record.seed for record in rivals):
        return []
    return list(zip(seeds, (hits(runs) - hits(rivals)).mean(axis=1).tolist(), strict=True))


def gain(runs: Sequence[Record], rivals: Sequence[Record], rng: np.random.Generator) -> dict[str, Any] | None:
    """Measure mean(accuracy of `runs` - that of `rivals`), paired by seed: value, stderr, n_seeds, 95 % intervals.

    The bootstrap intervals are over "seeds" and, where there are test images, over "seeds and images". None where
    `differences` finds no pairs.
    """
    return pooled_gain([(runs, rivals)], rng)


def pooled_gain(
    experiments: Sequence[tuple[Sequence[Record], Sequence[Record]]], rng: np.random.Generator
) -> dict[str, Any] | None:
    """Measure the average `gain` over experiments (runs, rivals), each with seeds and test images of its own.

    None where `differences` finds no pairs in one of them, or where their numbers of seeds differ.
    """
    samples = [[y for _, y in differences(runs, rivals)] for runs, rivals in experiments]
    if not all(samples) or len({len(own) for own in samples}) > 1:
        return None
    averages = [aggregate(own) for own in samples]
    numbers: dict[str, Any] = {
        "value": mean([float(average.mean) for average in averages]),
        "stderr": math.hypot(*(float(average.stderr) for average in averages)) / len(averages),
        "n_seeds": averages[0].n_seeds,
    }
    correct = [(hits(runs), hits(rivals)) for runs, rivals in experiments]
    numbers["seeds"] = scaling.pooled_gain(correct, images=False, rng=rng)._asdict()
    if all(ours.shape[1] > 1 for ours, _ in correct):
        numbers["seeds and images"] = scaling.pooled_gain(correct, images=True, rng=rng)._asdict()
    return numbers


class Pair(NamedTuple):
    """Runs of a point of one series, and the runs of its baseline at the same place."""

    panel: str
    series: str
    x: float
    runs: list[Record]
    rivals: list[Record]


def pairs(records: Sequence[Record], baseline: str) -> Iterator[Pair]:
    """Pair every point of every other series with the series `baseline` at the same pool size."""
    groups = points(records)
    for (panel, series, size), runs in groups.items():
        if series != baseline:
            yield Pair(panel, series, size, runs, groups.get((panel, baseline, size), []))


def gains(records: Sequence[Record], baseline: str) -> list[dict[str, Any]]:
    """List the `gain` of every series over the series `baseline` at the same pool size."""
    rng, entries = np.random.default_rng(0), []
    for panel, series, size, runs, rivals in pairs(records, baseline):
        if numbers := gain(runs, rivals, rng):
            entries.append({"panel": panel, "series": series, "over": baseline, "size": size, **numbers})
    return entries


def gap_rows(figure: str, records: Sequence[Record], baseline: str) -> list[Row]:
    """Make a row of quantity "gap" for every series minus the series `baseline` at the same pool size."""
    return [
        mean_row(figure, pair.panel, pair.series, "gap", pair.x, samples)
        for pair in pairs(records, baseline)
        if (samples := differences(pair.runs, pair.rivals))
    ]
