"""The numbers of a finished run as a dataclass, and as one point of an experiment. Reading never computes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from empirical.system.files import read_signed, write_signed


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a finished run leaves in result.json.

    accuracy, accuracy_validation: fractions of the test and of the validation images (linear world: exact accuracy).
    correct: one "0" or "1" a test image; None where there are no test images.
    alignment: cos(w, w_0) of a linear learner, else None.
    sets: by evaluation set, counts by class: "totals", "hits" (averaged weights), "raw_hits".
    trajectory: "step", "pool", "loss", "accuracy_validation", "signal", one value an evaluation each.
    pool: a line a round (`Pool.summary`); pool_size: rows in use at the end; cost: the fields of `Cost`.
    identity: digest of the generator's weights ("" in results made before it was stored).
    """

    config: Mapping[str, Any]
    accuracy: float
    accuracy_validation: float
    correct: str | None
    alignment: float | None
    sets: Mapping[str, Mapping[str, list[int]]]
    trajectory: Mapping[str, list[float]]
    pool: list[dict[str, Any]]
    pool_size: int
    cost: Mapping[str, float]
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
    return Result(**values)


def write_result(path: Path, result: Result) -> None:
    """Write result.json with its digest, whole or not at all."""
    write_signed(path, dataclasses.asdict(result))
