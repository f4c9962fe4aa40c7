"""From the records of training runs to rows: averages over seeds, and the numbers that are paired by seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from empirical.runs.result import Record
from figures.contract.table import Row
from scaling.averages import aggregate
from scaling.bootstrap import paired_gain


def average(
    figure: str,
    records: Sequence[Record],
    x: Callable[[Record], float],
    y: Callable[[Record], float] = lambda record: record.result.accuracy,
) -> list[Row]:
    """One practice row per (panel, series, varied value): means of x and y over seeds, standard error of y's."""
    points: dict[tuple[str, str, float], list[Record]] = defaultdict(list)
    for record in records:
        points[record.panel, record.series, record.value].append(record)
    rows = []
    for (panel, series, _), members in points.items():
        mean, stderr, n_seeds = aggregate([y(record) for record in members])
        at = _mean([x(record) for record in members])
        rows.append(Row(figure, panel, series, "practice", at, float(mean), float(stderr), n_seeds))
    return rows


def _mean(values: Sequence[float]) -> float:
    """The mean; of equal values the value itself, which their sum would round.

    >>> _mean([0.05] * 3), _mean([1, 2])
    (0.05, 1.5)
    """
    return float(values[0] if len(set(values)) == 1 else np.mean(values))


def pool_size(record: Record) -> float:
    """Samples in the pool at the end of the run."""
    return float(record.result.pool_size)


def hits(records: Sequence[Record]) -> np.ndarray:
    """Correctness (seeds, images) of runs in order of seed; without test images, the exact accuracy (seeds, 1)."""
    ordered = sorted(records, key=lambda record: record.seed)
    return np.array(
        [[float(hit) for hit in r.result.correct] if r.result.correct else [r.result.accuracy] for r in ordered]
    )


def points(
    records: Sequence[Record], x: Callable[[Record], float] = pool_size
) -> dict[tuple[str, str, float], list[Record]]:
    """The runs behind every point, by (panel, series, x), each list in order of seed."""
    found: dict[tuple[str, str, float], list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.seed):
        found[record.panel, record.series, x(record)].append(record)
    return dict(found)


def gain(mine: Sequence[Record], theirs: Sequence[Record], rng: np.random.Generator) -> dict[str, Any] | None:
    """mean(accuracy of `mine` - that of `theirs`), paired by seed: value, stderr, n_seeds, 95 % bootstrap intervals.

    The intervals are over "seeds" and, where there are test images, over "seeds and images". None unless both have the
    same seeds, at least two of them.
    """
    seeds = sorted(record.seed for record in mine)
    if len(seeds) < 2 or seeds != sorted(record.seed for record in theirs):
        return None
    ours, others = hits(mine), hits(theirs)
    value, stderr, n_seeds = aggregate((ours - others).mean(axis=1))
    found: dict[str, Any] = {"value": float(value), "stderr": float(stderr), "n_seeds": n_seeds}
    found["seeds"] = paired_gain(ours, others, images=False, rng=rng)._asdict()
    if ours.shape[1] > 1:
        found["seeds and images"] = paired_gain(ours, others, images=True, rng=rng)._asdict()
    return found


def gains(records: Sequence[Record], baseline: str, rng: np.random.Generator) -> list[dict[str, Any]]:
    """`gain` of every series over the series `baseline` at the same pool size, where both have the same seeds."""
    by_point = points(records)
    found = []
    for (panel, series, size), members in by_point.items():
        difference = gain(members, by_point.get((panel, baseline, size), []), rng) if series != baseline else None
        if difference:
            found.append({"panel": panel, "series": series, "over": baseline, "size": size, **difference})
    return found


def gap_rows(figure: str, found: Sequence[Mapping[str, Any]]) -> list[Row]:
    """What `gains` found, as rows of the panels "<panel> gap": paired differences and their standard errors."""
    return [
        Row(figure, f"{g['panel']} gap", g["series"], "practice", g["size"], g["value"], g["stderr"], g["n_seeds"])
        for g in found
    ]
