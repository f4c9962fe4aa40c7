"""Examine finished runs; each answer is computed once and stored beside the run's result.

A question is the name of one of `EXAMINATIONS`, or a `portraits.Portrait`, which has options.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from empirical.config import Run, new_learner, world_of
from empirical.data.split import Split
from empirical.learning.evaluate import correct
from empirical.pool.pool import Pool
from empirical.pool.rounds import Round
from empirical.review.answers import read_answer
from empirical.review.diversity import diversity
from empirical.review.features import twins
from empirical.review.portraits import USES, Portrait, answer, portrait
from empirical.review.reference import Reference
from empirical.review.remake import open_pool
from empirical.runs.folder import result_path, run_directory
from empirical.runs.result import read_result
from empirical.system.errors import require
from empirical.system.files import write_signed

REALISTIC = 0.99  # share of the real validation images that counts as near the corpus
Question = str | Portrait


def hindsight(run: Run, root: Path, device: str) -> dict[str, Any]:
    """Measure the error of the learner on the rows of each round at each evaluation, also before the round was made.

    The learner is trained again on the finished pool, which grows at the recorded iterations; nothing is generated and
    nothing written, so a learner whose last digits differ, say on another device, has hindsight of the same rounds.
    Returns "step" (E,) and for each round "round", "added_at" (iteration), "rows", "misclassified" (number of rows that
    were misclassified when they were added), "error" (E,) on all rows, "error_misclassified" (E,) on those (empty where
    there were none).
    """
    world, directory = world_of(run), run_directory(run, root)
    pool = Pool(directory / "pool", world.shape, 0, device, run.growth.newest_weight)
    learner, final = new_learner(run, device), open_pool(run, directory)
    splits = [_rows(round_) for round_ in final.rounds]
    wrong: list[list[Tensor]] = [[] for _ in splits]
    when_added: list[Tensor] = []
    steps = read_result(result_path(run, root)).trajectory["step"]
    for start, stop in pairwise([0, *map(int, steps)]):
        while len(pool.rounds) < len(splits) and final.rounds[len(pool.rounds)].step <= start:
            when_added.append(~correct(learner, splits[len(pool.rounds)]))
            pool.append()
        learner.fit(pool, start, stop)
        for masks, split in zip(wrong, splits, strict=True):
            masks.append(~correct(learner, split))
    rounds = []
    for number, masks in enumerate(wrong):
        missed, table = when_added[number], torch.stack(masks).double()  # (rows,), (E, rows)
        rounds.append(
            {
                "round": number,
                "added_at": final.rounds[number].step,
                "rows": len(missed),
                "misclassified": int(missed.sum()),
                "error": table.mean(1).tolist(),
                "error_misclassified": table[:, missed].mean(1).tolist() if missed.any() else [],
            }
        )
    return {"step": steps, "rounds": rounds}


def fidelity(run: Run, root: Path, device: str) -> dict[str, Any]:
    """Measure how real the rows of each round are, by a classifier of the real corpus and by distances to its images.

    By round: "agreement", the share of rows to which the classifier gives their labels; "distance", their median
    distance to the nearest corpus image, in units of that among corpus images; "far", the share that is farther from
    the corpus than 99 % of the real validation images. "real" has the agreement on real validation images.
    """
    validation = world_of(run).validation_split(run.seed)
    held_out = validation.take(torch.arange(len(validation.labels)))
    reference = Reference(run, device)
    limit = reference.distances(held_out.images).quantile(REALISTIC)
    rounds = []
    for round_ in open_pool(run, run_directory(run, root)).rounds:
        split = _rows(round_)
        distances = reference.distances(split.images)
        rounds.append(
            {
                "round": round_.number,
                "omega": round_.omega,
                "rows": len(round_),
                "agreement": reference.agreement(split),
                "distance": reference.remoteness(distances),
                "far": (distances > limit).double().mean().item(),
            }
        )
    return {"rounds": rounds, "real": {"agreement": reference.agreement(held_out)}}


EXAMINATIONS: dict[str, Callable[[Run, Path, str], dict[str, Any]]] = {
    "hindsight": hindsight,
    "fidelity": fidelity,
    "features": twins,
    "diversity": diversity,
}


def question(value: str | Mapping[str, Any], where: str) -> Question:
    """Check the `examine` value of a TOML file and return it as a question; "" means none."""
    if isinstance(value, Mapping):
        return portrait(value, where)
    allowed = f"one of {', '.join(EXAMINATIONS)}, or a table whose kind is one of {', '.join(USES)}"
    require(value in ("", *EXAMINATIONS), where, value, allowed)
    return value


def examination_path(asked: Question, run: Run, root: Path) -> Path:
    """Return the path of the stored answer to a question about a run."""
    return run_directory(run, root) / file_name(asked)


def file_name(asked: Question) -> str:
    """Return the file name of an answer in the folder of its run."""
    return f"{asked if isinstance(asked, str) else asked.name}.json"


def examinations(folder: Path) -> list[Path]:
    """List the stored answers in the folder of a run."""
    patterns = [*(f"{name}.json" for name in EXAMINATIONS), *(f"{kind}-*.json" for kind in USES)]
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def examine(asked: Question, run: Run, root: Path, device: str = "cpu") -> dict[str, Any]:
    """Answer a question about a finished run and store the answer; a stored answer is only read."""
    if isinstance(asked, str):
        require(asked in EXAMINATIONS, "examine", asked, f"one of {', '.join(EXAMINATIONS)}")
    path, finished = examination_path(asked, run, root), result_path(run, root)
    require(finished.exists(), str(finished), "no result", "a finished run", "finish the run")
    if not path.exists():
        make = EXAMINATIONS[asked] if isinstance(asked, str) else partial(answer, asked)
        write_signed(path, make(run, root, device))
    return read_examination(asked, run, root)


def read_examination(asked: Question, run: Run, root: Path) -> dict[str, Any]:
    """Read the stored answer to a question; InputError names a missing or damaged file."""
    return read_answer(examination_path(asked, run, root))


def _rows(round_: Round) -> Split:
    """Load all rows of a round."""
    return Split(round_.images(torch.arange(len(round_))), round_.labels)
