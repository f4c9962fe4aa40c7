"""Collect what a step of check.sh has left in its folder into one table, table.csv: python tables.py FOLDER.

Columns: name (of a test, or of the folder of a measurement), quantity, value, unit.
"""

import csv
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

Row = tuple[str, str, str | float, str]


def tests(path: Path) -> Iterator[Row]:
    """Yield the outcome and the duration of each test of a JUnit file."""
    for case in ElementTree.parse(path).iter("testcase"):
        bad = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        name = case.get("name", "")
        yield name, "outcome", bad[0] if bad else "passed", ""
        yield name, "duration", float(case.get("time", 0)), "s"


def speeds(path: Path) -> Iterator[Row]:
    """Yield the speeds of a file of the command `throughput`."""
    values = tomllib.loads(path.read_text())["throughput"]
    name = path.parent.parent.name
    for work in ("images", "iterations", "evaluations"):
        for mode, rate in values.get(work, {}).items():
            yield name, f"{work}: {mode}", rate, "per second"


def main(folder: Path) -> None:
    """Write the table of a step."""
    rows = [row for path in sorted(folder.glob("tests.xml")) for row in tests(path)]
    rows += [row for path in sorted(folder.glob("*/throughput/*.toml")) for row in speeds(path)]
    if rows:
        with (folder / "table.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("name", "quantity", "value", "unit"), *rows])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
