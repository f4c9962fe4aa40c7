"""From the records of training runs to rows: averages over seeds, and the numbers that are paired by seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from figures.scaling import aggregate
from figures.table import Row

# One finished run: {"panel", "series", "value" (of the varied setting), "seed", "result" (see empirical.run)}.
Record = dict[str, Any]


def average(
    figure: str,
    records: Sequence[Record],
    x: Callable[[Record], float],
    y: Callable[[Record], float] = lambda record: record["result"]["accuracy"],
) -> list[Row]:
    """One practice row per (panel, series, varied value): means of x and y over seeds, standard error of y's."""
    points: dict[tuple[str, str, float], list[Record]] = defaultdict(list)
    for record in records:
        points[record["panel"], record["series"], record["value"]].append(record)
    rows = []
    for (panel, series, _), members in points.items():
        mean, stderr, n_seeds = aggregate([y(record) for record in members])
        rows.append(
            Row(
                figure,
                panel,
                series,
                "practice",
                float(np.mean([x(r) for r in members])),
                float(mean),
                float(stderr),
                n_seeds,
            )
        )
    return rows


def pool_size(record: Record) -> float:
    """Samples in the pool at the end of the run."""
    return float(record["result"]["pool_size"])


def hits(records: Sequence[Record]) -> np.ndarray:
    """Correctness (seeds, images) of runs in order of seed; without test images, the exact accuracy (seeds, 1)."""
    ordered = sorted(records, key=lambda record: record["seed"])
    return np.array(
        [
            [float(c) for c in result["correct"]] if (result := r["result"])["correct"] else [result["accuracy"]]
            for r in ordered
        ]
    )
