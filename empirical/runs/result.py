"""The numbers of a finished run as a dataclass, and as one point of an experiment. Reading never computes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from empirical.settings.build import build
from empirical.system.files import read_signed, write_signed

TRAJECTORY = ("step", "pool", "loss", "accuracy_validation", "signal")  # of every evaluation
COUNTS = ("totals", "hits", "raw_hits")  # of every evaluation set, by class


@dataclass(frozen=True, kw_only=True)
class Result:
    """Hold the numbers that a finished run leaves in result.json.

    accuracy, accuracy_validation: fractions of the test and of the validation images (linear world: exact accuracy).
    correct: one "0" or "1" a test image; None where there are no test images.
    alignment: cos(w, w_0) of a linear learner, else None.
    sets: by evaluation set, counts by class: "totals", "hits" (averaged weights), "raw_hits".
    trajectory: "step", "pool", "loss", "accuracy_validation", "signal", one value an evaluation each.
    pool: a line a round (`Pool.summary`); pool_size: rows in use at the end; cost: the fields of `Cost`.
    identity: digest of the generator's weights ("" in results made before it was stored).
    """

    config: dict[str, Any]
    accuracy: float
    accuracy_validation: float
    correct: str | None
    alignment: float | None
    sets: dict[str, dict[str, list[int]]]
    trajectory: dict[str, list[int | float]]
    pool: list[dict[str, int | float]]
    pool_size: int
    cost: dict[str, int | float]
    identity: str = ""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A finished run as one point of one series of an experiment, at one seed.

    value: of the setting that the series varies. examined: the answer to the series' question, {} where none is asked.
    """

    panel: str
    series: str
    value: float
    seed: int
    result: Result
    examined: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def read_result(path: Path) -> Result:
    """Read the result.json of a finished run; InputError names a missing or damaged file and what to do."""
    values = read_signed(path, f"delete {path} and rerun: it is made again from the run's last state")
    result: Result = build(Result, values, str(path))
    return result


def write_result(path: Path, result: Result) -> None:
    """Write result.json with its digest, whole or not at all."""
    write_signed(path, dataclasses.asdict(result))


def contradiction(result: Result, classes: int) -> str:
    """Describe a contradiction between a result's accuracy, marks and counts by class; "" if there is none."""
    for name, counts in result.sets.items():
        if set(counts) != set(COUNTS):
            return f"sets.{name}: {', '.join(sorted(counts))}, not {', '.join(COUNTS)}"
        lengths = [len(counts[kind]) for kind in COUNTS]
        if lengths != [classes] * len(lengths):
            return f"sets.{name}: counts of {lengths} classes, not of {classes}"
        for kind in ("hits", "raw_hits"):
            if not all(0 <= hits <= total for hits, total in zip(counts[kind], counts["totals"], strict=True)):
                return f"sets.{name}.{kind}: more than there are images"
    if not result.sets:
        return ""
    name, counts = next(iter(result.sets.items()))
    hits, images, marks = sum(counts["hits"]), sum(counts["totals"]), result.correct or ""
    if (hits, images) != (marks.count("1"), len(marks)):
        return f"sets.{name}: {hits} of {images} right, not {marks.count('1')} of {len(marks)} as marked"
    if not math.isclose(result.accuracy, hits / images, abs_tol=1e-7):  # the stored accuracy is rounded to float32
        return f"accuracy: {result.accuracy!r}, not {hits / images!r}"
    return ""
