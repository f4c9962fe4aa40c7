"""The command `theory-data`: the law of `rmt.data` beside refits of a user's own data."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from rich.table import Table

import rmt
from cli.options import TheoryDataOptions
from cli.own_data import OwnData, read, with_scores
from cli.terminal import console, progress_line
from empirical.runs.manifest import manifest
from empirical.system.errors import require
from empirical.system.files import require_writable, write_signed
from figures.contract import table
from figures.contract.manifest import digests
from figures.contract.table import Row
from figures.drawing import style
from figures.theory.own_data import Best, agreement, best, draw_law, law_rows, refit_rows

SIZES = 8
TRACES = (1e-4, 1e-3, 1e-2, 1e-1)  # default ridges, in units of the mean square of a row
KEEPS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
POOL, KEEP, RIDGE = "pool size", "keep fraction", "ridge"  # panels


@dataclass(frozen=True)
class Grid:
    """Pool sizes, ridges and keep fractions; pruning and ridges are compared at the largest pool."""

    n: list[int]
    ridge: list[float]
    keep: list[float]


@dataclass(frozen=True)
class Curves:
    """Law or refits on the grid: of whole pools, (n, ridge, 1), and of the pruned largest one, (1, ridge, keep)."""

    whole: Any
    pruned: Any


def main(options: TheoryDataOptions) -> int:
    """Compute the law and the refits; print a table and a sentence; write table, picture and JSON."""
    require(options.trials >= 2, "--trials", options.trials, "an integer >= 2")
    require(options.seed >= 0, "--seed", options.seed, "an integer >= 0")
    require(not (options.digits and options.files), "--digits", "files, too", "files or --digits", "leave out one")
    data = with_scores(read(options.files), np.random.default_rng(options.seed))
    grid = grid_of(options, data)
    name = options.files[0].stem if options.files else "digits"
    stem = options.out / "theory_data" / name / name
    with warnings.catch_warnings(record=True) as caught, progress_line("theory-data") as report:
        warnings.simplefilter("always")
        report(0, 2, "law")
        law = curves(data, grid, partial(rmt.data.learning_curve, rng=np.random.default_rng(options.seed)))
        notes = list(dict.fromkeys(str(one.message) for one in caught))
        require_writable(stem.with_suffix(".json"))
        report(1, 2, "refits")
        child = np.random.default_rng([options.seed, 1])
        measured = curves(data, grid, partial(rmt.data.simulate, trials=options.trials, rng=child))
        report(2, 2, "")
    for note in notes:
        console.print(f"note: {note}", markup=False)
    rows = table_rows(grid, law, measured)
    found = {RIDGE: best_ridge(grid, law), KEEP: best_keep(grid, law)}
    sentence = conclusion(data, grid, law, found)
    for line in tables(grid, law, measured):
        console.print(line)
    console.print(f"law against refits: {agreement(rows).words()}", markup=False)
    console.print(sentence, markup=False)
    path = stem.with_suffix(".csv")
    table.save(rows, path)
    caption = f"{name}: {len(data.X):,} rows, {data.X.shape[1]:,} columns, {data.classes} classes; {tests(data)}"
    titles = {POOL: "whole pools", KEEP: pool_title(grid), RIDGE: pool_title(grid)}
    named = {panel: (title, panel) for panel, title in titles.items()}
    pictures = style.save(draw_law(rows, named, caption), stem)
    values = {
        "command": " ".join(["python", "paper_repro.py", *sys.argv[1:]]),
        "data": {"rows": len(data.X), "columns": data.X.shape[1], "classes": data.classes, "tests": tests(data)},
        "grid": {"n": grid.n, "ridge": grid.ridge, "keep": grid.keep},
        "trials": options.trials,
        "seed": options.seed,
        "notes": notes,
        "converged": bool(law.whole.converged.all() and law.pruned.converged.all()),
        "residual": float(max(law.whole.residual.max(), law.pruned.residual.max())),
        "best": {of: choice._asdict() for of, choice in found.items()},
        "summary": sentence,
        **manifest("cpu"),
        "files": digests([path, table.seeds_path(path), *pictures]),
    }
    write_signed(stem.with_suffix(".json"), values)
    console.print(str(pictures[0]), markup=False)
    return 0


def grid_of(options: TheoryDataOptions, data: OwnData) -> Grid:
    """Return the grid of the options; by default eight sizes up to .8 M, and ridges from 1e-4 to .1 of |x|^2."""
    M, square = len(data.X), float(np.mean(np.sum(data.X**2, axis=1)))
    require(square > 0, "X", "equal rows", "rows that differ", "pass features")
    last = max(1, M * 4 // 5)
    first = min(max(20, 4 * data.classes), last)
    sizes = options.n or np.unique(np.geomspace(first, last, SIZES).round().astype(int)).tolist()
    ridges = options.ridge or [float(f"{share * square:.2g}") for share in TRACES]
    return Grid(sorted(set(sizes)), sorted(set(ridges)), sorted({*(options.keep or KEEPS), 1.0}))


def curves(data: OwnData, grid: Grid, compute: Callable[..., Any]) -> Curves:
    """Compute the law, or refits, of whole pools of all sizes and of the largest pool, pruned."""
    given = {"X": data.X, "y": data.y, "ridge": grid.ridge, **data.tests}
    pruned = compute(**given, n=grid.n[-1], scores=data.scores, keep=grid.keep)
    return Curves(compute(**given, n=grid.n), pruned)


def table_rows(grid: Grid, law: Curves, measured: Curves) -> list[Row]:
    """Make the rows of three panels: against pool size and keep fraction, by ridge; against ridge, by keep fraction."""
    rows: list[Row] = []
    for j, ridge in enumerate(grid.ridge):
        name = f"ridge {ridge:.3g}"
        for panel, x, part, cell in (
            (POOL, grid.n, "whole", (slice(None), j, 0)),
            (KEEP, grid.keep, "pruned", (0, j, slice(None))),
        ):
            rows += law_rows("theory_data", panel, name, x, getattr(law, part), cell)
            rows += refit_rows("theory_data", panel, name, x, getattr(measured, part), cell)
    if len(grid.ridge) > 1:
        for k in sorted({0, len(grid.keep) // 2, len(grid.keep) - 1}):
            name, by_ridge = f"keep {grid.keep[k]:g}", (0, slice(None), k)
            rows += law_rows("theory_data", RIDGE, name, grid.ridge, law.pruned, by_ridge)
            rows += refit_rows("theory_data", RIDGE, name, grid.ridge, measured.pruned, by_ridge)
    return rows


def best_ridge(grid: Grid, law: Curves) -> Best:
    """Find the best ridge of the whole largest pool."""
    return best(np.array(grid.ridge), law.pruned.error[0, :, -1], law.pruned.resampled[:, 0, :, -1])


def best_keep(grid: Grid, law: Curves) -> Best:
    """Find the best keep fraction of the largest pool, each at its own best ridge."""
    at = law.pruned.error[0].argmin(axis=0), np.arange(len(grid.keep))
    return best(np.array(grid.keep), law.pruned.error[0][at], law.pruned.resampled[:, 0][:, *at])


def conclusion(data: OwnData, grid: Grid, law: Curves, found: dict[str, Best]) -> str:
    """Name the best ridge and keep fraction of the largest pool, and the errors there, in one sentence."""

    def error(keep: int) -> str:
        j = int(law.pruned.error[0, :, keep].argmin())
        value, low, high = (getattr(law.pruned, kind)[0, j, keep] for kind in ("error", "low", "high"))
        return f"{value:.4f} [{low:.4f}, {high:.4f}]"

    keep = grid.keep.index(found[KEEP].value)
    chosen = f"the best keep fraction, each at its own best ridge, is {found[KEEP].words()}: error rate {error(keep)}"
    return (
        f"With {grid.n[-1]:,} of {len(data.X):,} rows the best ridge is {found[RIDGE].words()}, and {chosen}"
        f"{'' if keep == len(grid.keep) - 1 else f', and {error(-1)} with all kept'} (law, 95 % bootstrap intervals)."
        f"{at_an_end(grid, found[RIDGE].value)}"
        f"{_beside_the_most_frequent_class(data, float(law.whole.error.min()))}"
    )


def at_an_end(grid: Grid, ridge: float) -> str:
    """Warn where the best ridge is the smallest or the largest of several that were asked for.

    >>> at_an_end(Grid([100], [0.1, 1.0], [1.0]), 1.0)
    ' The best ridge is the largest of the grid: a larger one may be better (--ridge).'
    """
    ends = {grid.ridge[0]: ("smallest", "smaller"), grid.ridge[-1]: ("largest", "larger")}
    if len(grid.ridge) == 1 or ridge not in ends:
        return ""
    end, beyond = ends[ridge]
    return f" The best ridge is the {end} of the grid: a {beyond} one may be better (--ridge)."


def _beside_the_most_frequent_class(data: OwnData, least: float) -> str:
    """Warn where always answering the most frequent class errs less than the learner does anywhere."""
    labels = data.y if data.y_test is None else data.y_test
    share = 1 - np.unique(labels, return_counts=True)[1].max() / len(labels)
    if share > least:
        return ""
    return (
        f" Always answering the most frequent class errs on {share:.4f} only: rows are centred and the learner has no "
        "intercept, so that it cannot tell how frequent classes are; balance them before you believe its curves."
    )


def tables(grid: Grid, law: Curves, measured: Curves) -> list[Table]:
    """Make two tables of law [interval] over refits +- standard error: by pool size, and by keep fraction."""
    made = []
    for part, axis, x in (("whole", 0, grid.n), ("pruned", 2, grid.keep)):
        name = POOL if axis == 0 else f"{KEEP} ({pool_title(grid)})"
        lines = Table(name, *(f"ridge {ridge:.3g}" for ridge in grid.ridge), title="error rate: law [95 %], refits")
        theory, practice = getattr(law, part), getattr(measured, part)
        for i, at in enumerate(x):
            cells = [(i, j, 0) if axis == 0 else (0, j, i) for j in range(len(grid.ridge))]
            lines.add_row(
                f"{at:,}" if axis == 0 else f"{at:g}",
                *(
                    f"{theory.error[cell]:.4f} \\[{theory.low[cell]:.4f}, {theory.high[cell]:.4f}]\n"
                    f"{practice.mean[cell]:.4f} +- {practice.stderr[cell]:.4f}"
                    for cell in cells
                ),
            )
        made.append(lines)
    return made


def tests(data: OwnData) -> str:
    """Describe what errors are counted on."""
    if data.X_test is None:
        return "rows not trained on (law: leave-one-out)"
    return f"{len(data.X_test):,} test rows"


def pool_title(grid: Grid) -> str:
    """Name the pool that is pruned."""
    return f"pool of {grid.n[-1]:,}"
