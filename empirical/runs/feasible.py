"""Compare the work of a run with memory, disk and time before anything is made."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

from empirical.config import Run, world_of
from empirical.loop.budget import expected
from empirical.system.errors import require

MOST_IMAGES = 10**9  # of one run: at 1,000 images a second eleven days; the paper's largest run makes 13 million
ROW_BYTES = 60  # of a pool row beside its image, at least
SMALLEST_IMAGE = 70  # bytes of the smallest PNG file
FLOAT = 4  # bytes


def require_feasible(run: Run, root: Path) -> None:
    """Refuse a run that needs more images, memory or disk than there can be, with the estimate in the message.

    The estimates are lower bounds: whatever passes may still be too much, whatever is refused cannot work.
    """
    counts, world = expected(run), world_of(run)
    do = "lower growth.initial, growth.addition, growth.additions or acquire.ratio"
    least = f"a run of at most {MOST_IMAGES:.0e} images"
    require(counts.images <= MOST_IMAGES, "run", f"{counts.images:.3g} images to generate", least, do)
    steps = counts.learner_steps
    require(
        steps <= MOST_IMAGES,
        "run",
        f"{steps:.3g} iterations",
        f"at most {MOST_IMAGES:.0e}",
        "lower training.iterations",
    )

    values = math.prod(world.shape)
    _require_memory(
        world.memory(counts.rows) + _batch_bytes(run), f"{do}, or sampling.batch, or the size of the world's samples"
    )

    stored = FLOAT * values if len(world.shape) == 1 else SMALLEST_IMAGE
    disk, free = counts.rows * (stored + ROW_BYTES), _free(root)
    got, allowed = f"at least {disk / 1e9:.3g} GB of disk", f"the {free / 1e9:.3g} GB that are free under {root}"
    require(disk <= free, "run", got, allowed, f"{do}, or choose another --out")


def require_batch_fits(run: Run) -> None:
    """Refuse a run whose sampling batch needs more memory than there can be, before its images are made again."""
    _require_memory(_batch_bytes(run), "restore config.json, or take a machine with more memory")


def _batch_bytes(run: Run) -> int:
    """Return the bytes of a sampling batch and of two arrays of its latents, at least."""
    world = world_of(run)
    return FLOAT * run.sampling.batch * (2 * math.prod(world.latent_shape) + math.prod(world.shape))


def _require_memory(memory: float, do: str) -> None:
    """Refuse to use more bytes of memory than this machine has."""
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    got, allowed = f"at least {memory / 1e9:.3g} GB of memory", f"the {there / 1e9:.3g} GB of this machine"
    require(memory <= there, "run", got, allowed, do)


def _free(root: Path) -> float:
    """Return the free bytes of the file system that will hold a folder, which need not be there yet."""
    folder = root.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
