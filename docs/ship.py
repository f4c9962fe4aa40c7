"""Ship finished tables with the pages: python docs/ship.py results/fig4 fig4_glyphs=results_glyphs/fig4 ...

A name before the = is that of the shipped table, where one figure is shipped for several worlds.
A table is copied to docs/tables with seven digits a number; of its manifest, the part that says how it was made, and
the details, are kept: its runs and the digests of its files belong to the folder that it comes from.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from figures.contract.manifest import read_manifest
from figures.contract.table import KEYS, Row, load, save

FOLDER = Path(__file__).resolve().parent / "tables"
KEPT = ("command", "preset", "learner", "cost", "wall_s", "versions", "git_revision", "hardware", "started", "seeds")
KEPT += ("details", "settings")


def rounded(value: float | None) -> float | None:
    """Round a number to seven digits, beyond which nothing is measured, so that the files stay small."""
    return None if value is None else float(f"{value:.7g}")


def short(row: Row) -> Row:
    """Round the numbers of a row."""
    return row._replace(x=float(f"{row.x:.7g}"), y=float(f"{row.y:.7g}"), stderr=rounded(row.stderr))


def ship(folder: Path, shipped: str) -> None:
    """Copy the table and the manifest of a figure, results/NAME, to docs/tables; paths of this machine are left out."""
    name = folder.name
    manifest = read_manifest(folder / f"{name}.json")
    values = {key: getattr(manifest, key) for key in KEPT}
    values["command"] = re.sub(r" --(out|workers) \S+", "", manifest.command)
    FOLDER.mkdir(exist_ok=True)
    rows = {row[: len(KEYS)]: row for row in map(short, load(folder / f"{name}.csv"))}  # points 1e-8 apart become one
    save(rows.values(), FOLDER / f"{shipped}.csv")
    (FOLDER / f"{shipped}.json").write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        name, _, place = argument.rpartition("=")
        ship(Path(place).resolve(), name or Path(place).resolve().name)
