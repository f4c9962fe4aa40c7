"""Read shipped results of `paper_repro.py fig3 fig4 fig5`, seed by seed: no lesson has to wait for them.

fig3_seeds.csv, fig4_seeds.csv, fig5_seeds.csv: as the command writes them (of fig3 panel "pool").
fig4_correct.csv: which of the 597 test digits each of fig4's classifiers got right, as 0 and 1.
digits_curves.csv: the example of lesson 9, made by its function `measure_example`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@cache
def _lines(name: str) -> tuple[dict[str, str], ...]:
    with Path(__file__).with_name(f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def measured(figure: str, panel: str, series: str, quantity: str = "accuracy") -> tuple[Floats, Floats]:
    """Return x (K,) of a series of fig3, fig4 or fig5 and y (seeds, K), in order of x and of seed.

    Where sizes have different numbers of seeds (fig3), missing values are NaN. Raises KeyError for an unknown series.

    >>> x, y = measured("fig4", "digits", "static")
    >>> x[:3].tolist(), y.shape, y.mean(axis=0)[2].round(3)
    ([128.0, 256.0, 512.0], (8, 7), np.float64(0.93))
    """
    wanted = (panel, series, quantity)
    values: dict[float, dict[int, float]] = defaultdict(dict)
    for line in _lines(f"{figure}_seeds"):
        if (line["panel"], line["series"], line["quantity"]) == wanted:
            values[float(line["x"])][int(line["seed"])] = float(line["y"])
    if not values:
        raise KeyError(f"lessons.tables: got {wanted} of {figure}; allowed the series of {figure}_seeds.csv")
    x, seeds = sorted(values), sorted(set().union(*values.values()))
    return np.array(x), np.array([[values[at].get(seed, np.nan) for at in x] for seed in seeds])


def correct(series: str, size: int) -> Floats:
    """Return 1 where fig4's classifier of a seed got a test digit right, else 0: (seeds, images).

    >>> correct("deliberate practice", 512).shape
    (8, 597)
    """
    wanted = (series, str(size))
    lines = [line for line in _lines("fig4_correct") if (line["series"], line["size"]) == wanted]
    if not lines:
        raise KeyError(f"lessons.tables: got {wanted}; allowed the series and sizes of fig4_correct.csv")
    return np.array([[float(mark) for mark in line["correct"]] for line in lines])
