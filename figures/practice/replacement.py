"""Compare learners that are refitted on the pruned set alone with Theorem 1: panel c of figure 5."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import rmt
from empirical.runs.result import Record
from figures.contract.records import theory_rows
from figures.contract.table import Row, select
from figures.drawing import panels

PANEL = "c"
INITIAL, REPLACEMENT, THEORY = "initial", "replacement", "Theorem 1"


def theorem(records: Sequence[Record]) -> list[Row]:
    """Compute Theorem 1 for learners refitted on the kept samples alone: accuracy against 1/p, averaged over the seeds.

    Each seed has its own rho = cos(w_initial, w_0). P samples kept of a pool of n = P/p; the learner's penalty is per
    kept sample, the theorem's per sample of the pool: lam = p ridge.
    """
    rho = np.array([r.result.alignment for r in records if r.series == INITIAL])
    runs = [r.result.config for r in records if r.series == REPLACEMENT]
    if not len(rho) or not runs:
        return []
    world, kept = runs[0]["world"], runs[0]["growth"]["addition"]
    ratios = np.geomspace(1, max(run["acquire"]["ratio"] for run in runs), 60)
    problem = rmt.Problem(
        n=kept * ratios[:, None],
        d=world["dimension"],
        ridge=world["ridge"] / ratios[:, None],
        rule=rmt.KeepHard(1 / ratios[:, None]),
        rho=rho,
    )
    accuracy = 1 - np.asarray(rmt.error_rate(problem)).mean(axis=1)
    return theory_rows("fig5", PANEL, THEORY, "accuracy", ratios, accuracy)


def theory_gap(rows: Sequence[Row]) -> tuple[int, float] | None:
    """Count the runs of panel c in the range of the theory line, and find their largest distance in standard errors.

    The line is interpolated in log x. None without points or line; a point without spread is left out.
    """
    line = panels.curve(select(rows, panel=PANEL, source="theory"))
    if not line.x:
        return None
    inside = [r for r in select(rows, panel=PANEL, source="practice") if line.x[0] <= r.x <= line.x[-1]]
    gaps = [abs(r.y - np.interp(np.log(r.x), np.log(line.x), line.y)) / r.stderr for r in inside if r.stderr]
    return (len(gaps), float(max(gaps))) if gaps else None
