"""Questions asked of a finished run: kept beside its result, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from empirical.checkpoint import read_signed, write_signed
from empirical.config import Run
from empirical.data import Split
from empirical.errors import require
from empirical.evaluate import correct
from empirical.pool import Pool, Round
from empirical.practice import Progress, Surroundings, practice
from empirical.rundir import result_path, run_directory
from empirical.sampler import Sampler
from empirical.stream import Stream
from empirical.watch import Watch

REALISTIC = 0.99  # share of held-out real images that count as near to the others


def hindsight(run: Run, root: Path, device: str) -> dict[str, Any]:
    """How the rows of every round fared at every evaluation of the run, also before the round was made.

    The run is replayed on its finished pool: training alone, nothing is generated. Returns "step" (E,) and for each
    round "round", "added_at" (iteration), "rows", "misclassified" (rows that were wrong when they were added), "error"
    (E,) of all rows and "error_misclassified" (E,) of those (empty where there were none).
    """
    world, directory = run.world, run_directory(run, root) / "pool"
    pool = Pool(directory, world.shape, 0, device, run.growth.newest_weight)
    source = Stream(Sampler(world, run.sampling, device), root / world.name)
    learner, progress = world.learner(run, device), Progress()
    final = _whole(directory, run)
    splits = [_rows(round_) for round_ in final.rounds]
    wrong: list[list[Tensor]] = [[] for _ in splits]
    steps, when_added = [], {}
    for event in practice(run, learner, pool, Surroundings(source, Watch(run, source)), progress):
        if event.kind == "evaluated":
            steps.append(event.values["step"])
            for mask, split in zip(wrong, splits, strict=True):
                mask.append(~correct(learner, split))
        elif event.kind in ("started", "added"):
            number = len(pool.rounds) - 1
            when_added[number] = ~correct(learner, splits[number])
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
    """How real the rows of every round look, to a reference classifier and to the nearest real image.

    The reference is a learner of the run's kind, trained on the real corpus. By round: "agreement", the share of rows
    whose label it gives them; "distance", their median distance to the nearest corpus image in units of the median
    nearest distance among corpus images; "far", the share that is farther from the corpus than 99 % of the real
    validation images are. "real" has the reference's accuracy on real validation images.
    """
    corpus, held_out = run.world.corpus_split(), run.world.validation_split(run.seed)
    reference = run.world.learner(run, device)
    reference.fit(corpus, 0, run.training.iterations)
    unit = _nearest(corpus.images, corpus.images, among_themselves=True).median()
    limit = _nearest(held_out.images, corpus.images).quantile(REALISTIC)
    rounds = []
    for round_ in _whole(run_directory(run, root) / "pool", run).rounds:
        split = _rows(round_)
        nearest = _nearest(split.images, corpus.images)
        rounds.append(
            {
                "round": round_.number,
                "omega": round_.omega,
                "rows": len(round_),
                "agreement": correct(reference, split).double().mean().item(),
                "distance": (nearest.median() / unit).item(),
                "far": (nearest > limit).double().mean().item(),
            }
        )
    return {"rounds": rounds, "real": {"agreement": correct(reference, held_out).double().mean().item()}}


EXAMINATIONS: dict[str, Callable[[Run, Path, str], dict[str, Any]]] = {"hindsight": hindsight, "fidelity": fidelity}


def examination_path(kind: str, run: Run, root: Path) -> Path:
    """Where an examination of a run is kept."""
    return run_directory(run, root) / f"{kind}.json"


def examine(kind: str, run: Run, root: Path, device: str = "cpu") -> dict[str, Any]:
    """The examination of a finished run, made unless it is there."""
    require(kind in EXAMINATIONS, "examine", kind, f"one of {', '.join(EXAMINATIONS)}")
    path = examination_path(kind, run, root)
    finished = result_path(run, root)
    require(finished.exists(), str(finished), "no result", "a finished run", "finish the run")
    if not path.exists():
        write_signed(path, EXAMINATIONS[kind](run, root, device))
    return read_signed(path, f"delete {path} and rerun")


def _whole(directory: Path, run: Run) -> Pool:
    """The finished pool, with all its rounds."""
    return Pool(directory, run.world.shape, len(list(directory.glob("round_*.json"))))


def _rows(round_: Round) -> Split:
    return Split(round_.images(torch.arange(len(round_))), round_.labels)


def _nearest(images: Tensor, real: Tensor, *, among_themselves: bool = False) -> Tensor:
    """Euclidean distance (n,) of each image to the nearest of the real ones (itself left out)."""
    parts = []
    for number, block in enumerate(images.flatten(1).split(1024)):
        distance = torch.cdist(block, real.flatten(1))  # (B, m)
        if among_themselves:
            rows = torch.arange(len(block))
            distance[rows, number * 1024 + rows] = torch.inf
        parts.append(distance.min(1).values)
    return torch.cat(parts)
