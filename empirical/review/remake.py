"""A finished or interrupted run, opened again: its pool, and its images made anew from their seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from empirical.config import Run, from_dict, new_learner, world_of
from empirical.diffusion.guidance import Guide, Unguided, make_guide
from empirical.diffusion.sampler import Sampler
from empirical.learning.learner import Learner
from empirical.pool.pool import Pool
from empirical.runs.folder import guide_path
from empirical.system.errors import InputError, require
from empirical.system.files import read_json
from empirical.system.tensors import load_tensors


@dataclass(frozen=True)
class Remade:
    """A pool row and what came out of its seed: the stored sample, or not."""

    row: int
    round: int
    label: int
    seed: int
    same: bool  # bit for bit, as stored
    distance: float  # the largest difference of a value, where it is not


def find_run(name: str, root: Path) -> Path:
    """A run's folder: the path of one, or an unambiguous beginning of its name under `root`/<world>/."""
    if (Path(name) / "config.json").exists():
        return Path(name)
    plain = bool(name) and "/" not in name and name.strip(".") != "" and not set(name) & set("*?[")
    found = sorted(path.parent for path in root.glob(f"*/{name}*/config.json")) if plain else []
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(path.name for path in found[:5])
        raise InputError("run", name, f"the beginning of one name, not of {len(found)}: {shown}", "give more of it")
    allowed = f"a folder with a config.json, or the beginning of a run's name under {root}"
    raise InputError("run", name, allowed, "look there, or name another --out")


def open_run(folder: Path) -> Run:
    """The configuration of the run in a folder."""
    values = read_json(folder / "config.json")
    require(isinstance(values, dict), str(folder / "config.json"), values, "a configuration", "restore the file")
    return from_dict(values)


def open_pool(run: Run, folder: Path) -> Pool:
    """The pool as far as it is complete; every file is checked against the digest in its name."""
    return Pool(folder / "pool", world_of(run).shape, complete_rounds(folder))


def complete_rounds(folder: Path) -> int:
    """How many rounds of its pool the run in a folder has completed."""
    return len(list((folder / "pool").glob("round_*.json")))


def guide_of(run: Run, folder: Path, number: int, device: str) -> Guide:
    """What steered the samples of a round: nothing, random directions, or the learner as it was then."""
    if number == 0 or run.acquire.omega == 0:
        return Unguided()
    learner = learner_of(run, folder, number, device) if run.acquire.steered else new_learner(run, device)
    acquire = run.acquire.effective()
    return make_guide(learner.logits, acquire, world_of(run).preview(acquire.decode, device), run.network)


def learner_of(run: Run, folder: Path, number: int, device: str) -> Learner:
    """The learner as it was when it guided a round; kept for rounds guided by entropy."""
    learner = new_learner(run, device)
    learner.load_evaluated(_guide(guide_path(folder, number)))
    return learner


def finished_learner(run: Run, folder: Path, device: str) -> Learner:
    """The learner at the end of a finished run."""
    learner = new_learner(run, device)
    learner.load_state(load_tensors(folder / "checkpoint.safetensors", f"delete {folder} and rerun")[0])
    return learner


@lru_cache(maxsize=8)
def _guide(path: Path) -> dict[str, Tensor]:
    require(
        path.exists(),
        str(path),
        "no such file",
        "the learner that guided the round",
        "restore the file, or delete the run and rerun",
    )
    return load_tensors(path, f"delete {path.parent.parent} and rerun")[0]


def remake(run: Run, folder: Path, pool: Pool, rows: Sequence[int], device: str = "cpu") -> list[Remade]:
    """Make rows of a pool again from their seeds, guided as they were, and compare them with what is stored.

    Samples are equal bit for bit on the kind of machine they were made on; CPUs and GPUs round differently.
    """
    total = sum(len(round_) for round_ in pool.rounds)
    for row in rows:
        require(0 <= row < total, "row", row, f"0 to {total - 1}, the rows of this pool", "name another row")
    sampler, starts = Sampler(world_of(run), run.sampling, device), [0]
    for round_ in pool.rounds:
        starts.append(starts[-1] + len(round_))
    found = []
    for row in rows:
        number = next(i for i, start in enumerate(starts[1:]) if row < start)
        round_, inside = pool.rounds[number], row - starts[number]
        samples, _ = sampler.draw(run.seed, int(round_.indices[inside]), 1, guide_of(run, folder, number, device))
        stored = round_.images(torch.tensor([inside]))
        same = torch.equal(samples.images, stored) and int(samples.seeds[0]) == int(round_.seeds[inside])
        distance = float((samples.images - stored).abs().max())
        found.append(Remade(row, number, int(round_.labels[inside]), int(round_.seeds[inside]), same, distance))
    return found


def some_rows(pool: Pool, count: int) -> list[int]:
    """A few rows from rounds spread over the pool, the last one included; always the same of the same pool."""
    sizes = [len(round_) for round_ in pool.rounds]
    picked = {round(i * (len(sizes) - 1) / max(count - 1, 1)) for i in range(count)} if sizes else set()
    source = torch.Generator().manual_seed(sum(sizes))
    return [
        sum(sizes[:number]) + int(torch.randint(sizes[number], (1,), generator=source)) for number in sorted(picked)
    ]
