"""Open a finished or interrupted run: its configuration, pool and learners; make its images again from their seeds."""

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
from empirical.runs.feasible import require_batch_fits
from empirical.runs.folder import guide_path
from empirical.system.errors import InputError, require
from empirical.system.files import read_json
from empirical.system.tensors import load_tensors


@dataclass(frozen=True)
class Remade:
    """Compare a pool row with the sample made again from its seed."""

    row: int
    round: int
    label: int
    seed: int
    same: bool  # whether sample and seed are equal bit for bit
    distance: float  # largest absolute difference of a value
    gflop: float  # arithmetic of sampling it, in 10^9 operations


def find_run(name: str, root: Path) -> Path:
    """Find a run's folder by its path, or by an unambiguous beginning of its name under `root`/<world>/."""
    if (Path(name) / "config.json").exists():
        return Path(name)
    plain = bool(name) and "/" not in name and name.strip(".") != "" and not set(name) & set("*?[")
    folders = sorted(path.parent for path in root.glob(f"*/{name}*/config.json")) if plain else []
    if len(folders) == 1:
        return folders[0]
    if folders:
        shown = ", ".join(path.name for path in folders[:5])
        raise InputError("run", name, f"the beginning of one name, not of {len(folders)}: {shown}", "give more of it")
    allowed = f"a folder with a config.json, or the beginning of a run's name under {root}"
    raise InputError("run", name, allowed, "check the name, or name another --out")


def open_run(folder: Path) -> Run:
    """Read the configuration of the run in a folder."""
    values = read_json(folder / "config.json")
    require(isinstance(values, dict), str(folder / "config.json"), values, "a configuration", "restore the file")
    return from_dict(values)


def open_pool(run: Run, folder: Path) -> Pool:
    """Open the complete rounds of a run's pool; each file is checked against the digest in its name."""
    return Pool(folder / "pool", world_of(run).shape, complete_rounds(folder))


def complete_rounds(folder: Path) -> int:
    """Count the complete rounds in the pool of the run in a folder."""
    return len(list((folder / "pool").glob("round_*.json")))


def guide_of(run: Run, folder: Path, number: int, device: str) -> Guide:
    """Make the guide of a round's samples: none, random directions, or the learner at the time of the round."""
    if number == 0 or run.acquire.omega == 0:
        return Unguided()
    learner = learner_of(run, folder, number, device) if run.acquire.steered else new_learner(run, device)
    acquire = run.acquire.of(number)
    return make_guide(learner.logits, acquire, world_of(run).preview(acquire.decode, device), run.network)


def learner_of(run: Run, folder: Path, number: int, device: str) -> Learner:
    """Load the learner that guided a round; it is stored for rounds guided by entropy only."""
    learner = new_learner(run, device)
    learner.load_evaluated(_guide(guide_path(folder, number)))
    return learner


def finished_learner(run: Run, folder: Path, device: str) -> Learner:
    """Load the learner of a finished run, from its last checkpoint."""
    learner = new_learner(run, device)
    learner.load_state(load_tensors(folder / "checkpoint.safetensors", f"delete {folder} and rerun")[0])
    return learner


@lru_cache(maxsize=8)
def _guide(path: Path) -> dict[str, Tensor]:
    """Read the state of a learner that guided a round."""
    require(
        path.exists(),
        str(path),
        "no such file",
        "the learner that guided the round",
        "restore the file, or delete the run and rerun",
    )
    return load_tensors(path, f"delete {path.parent.parent} and rerun")[0]


def remake(run: Run, folder: Path, pool: Pool, rows: Sequence[int], device: str = "cpu") -> list[Remade]:
    """Make rows of a pool again from their seeds, under the guide of their round; compare them with the stored rows.

    They are equal bit for bit on the kind of device that made them; CPUs and GPUs round differently. The whole batch of
    a row is drawn again, which takes no longer: on a GPU the last digits may depend on an image's place in its batch.
    """
    require_batch_fits(run)
    total = sum(len(round_) for round_ in pool.rounds)
    for row in rows:
        require(0 <= row < total, "row", row, f"0 to {total - 1}, the rows of this pool", "name another row")
    sampler, starts = Sampler(world_of(run), run.sampling, device), [0]
    for round_ in pool.rounds:
        starts.append(starts[-1] + len(round_))
    remade = []
    for row in rows:
        number = next(i for i, start in enumerate(starts[1:]) if row < start)
        round_, inside = pool.rounds[number], row - starts[number]
        guide, index = guide_of(run, folder, number, device), int(round_.indices[inside])
        batch = drawn_with(index, pool, number, run.sampling.batch, guide)
        samples, cost = sampler.draw(run.seed, batch.start, len(batch), guide)
        image, made = samples.images[batch.index(index)], int(samples.seeds[batch.index(index)])
        (stored,) = round_.images(torch.tensor([inside]))
        label, seed = int(round_.labels[inside]), int(round_.seeds[inside])
        same, distance = torch.equal(image, stored) and made == seed, float((image - stored).abs().max())
        remade.append(Remade(row, number, label, seed, same, distance, cost.sampling_gflop / len(batch)))
    return remade


def drawn_with(index: int, pool: Pool, number: int, size: int, guide: Guide) -> range:
    """Return the indices of the images that were drawn in one batch with image `index` of round `number`.

    Batches of `size` are counted from the first image of a guided round, as `practice` draws it, and from the run's
    first image in a plain one, whose blocks `PlainSamples` keeps.
    """
    first = sum(round_.cost.images for round_ in pool.rounds[:number])
    end = first + pool.rounds[number].cost.images
    if isinstance(guide, Unguided):
        first, end = 0, index + size
    low = index - (index - first) % size
    return range(low, min(low + size, end))


def some_rows(pool: Pool, count: int) -> list[int]:
    """Pick up to `count` rows from evenly spaced rounds, the last included; equal pools give equal rows."""
    sizes = [len(round_) for round_ in pool.rounds]
    picked = {round(i * (len(sizes) - 1) / max(count - 1, 1)) for i in range(count)} if sizes else set()
    source = torch.Generator().manual_seed(sum(sizes))
    return [
        sum(sizes[:number]) + int(torch.randint(sizes[number], (1,), generator=source)) for number in sorted(picked)
    ]
