"""Delete runs for --no-resume, and everything that they would start from again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from empirical.config import Run, world_of
from empirical.diffusion.plain_samples import PlainSamples
from empirical.diffusion.sampler import Sampler
from empirical.loop.judge import REFERENCE
from empirical.loop.signals import HELD_OUT
from empirical.runs.folder import prefix_name, run_directory, unused
from empirical.system.files import sweep_temporaries


def forget(runs: Sequence[Run], root: Path, device: str) -> None:
    """Delete the runs' folders, the states that they could have shared, and the plain images of their seeds.

    Nothing is deleted before all of it is locked. Raises InputError where another process uses a folder of the world.
    """
    distinct = [run for run in dict.fromkeys(runs) if (root / run.world.name).exists()]
    folders = {path for run in distinct for path in _own(run, root)} | _plain(distinct, root, device)
    with ExitStack() as held:
        for base in dict.fromkeys(root / run.world.name for run in distinct):
            held.enter_context(unused(base))
            sweep_temporaries(base)
        for folder in sorted(folders):
            shutil.rmtree(folder, ignore_errors=True)


def _own(run: Run, root: Path) -> list[Path]:
    """Return the folder of a run and those of the states that it could have shared."""
    base = root / run.world.name
    return [run_directory(run, root), *(base / prefix_name(run, k) for k in range(run.growth.additions + 1))]


def _plain(runs: Sequence[Run], root: Path, device: str) -> set[Path]:
    """Return the folders of the plain images that runs have drawn."""
    streams = {
        (run.world, run.sampling): PlainSamples(Sampler(world_of(run), run.sampling, device), root / run.world.name)
        for run in runs
    }
    return {
        streams[run.world, run.sampling].directory / f"seed_{seed:04d}"
        for run in runs
        for seed in (run.seed, HELD_OUT + run.seed, REFERENCE + run.seed)
    }
