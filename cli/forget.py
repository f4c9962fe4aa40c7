"""Delete runs for --no-resume, and everything that they would start from again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from empirical.config import Run, world_of
from empirical.diffusion.plain_samples import PlainSamples
from empirical.diffusion.sampler import Sampler
from empirical.loop.judge import REFERENCE
from empirical.loop.signals import HELD_OUT
from empirical.runs.folder import locked, prefix_name, run_directory


def forget(runs: Sequence[Run], root: Path, device: str) -> None:
    """Delete the runs' folders, the states that they could have shared, and the plain images of their seeds.

    Raises InputError where a run is in use by another process.
    """
    streams: dict[tuple[object, ...], PlainSamples] = {}
    for run in dict.fromkeys(runs):
        base, directory = root / run.world.name, run_directory(run, root)
        if not base.exists():
            continue
        if directory.exists():
            with locked(directory):
                shutil.rmtree(directory)
        for additions in range(run.growth.additions + 1):
            shutil.rmtree(base / prefix_name(run, additions), ignore_errors=True)
        key = (run.world, run.sampling)
        if key not in streams:
            streams[key] = PlainSamples(Sampler(world_of(run), run.sampling, device), base)
        for seed in (run.seed, HELD_OUT + run.seed, REFERENCE + run.seed):
            shutil.rmtree(streams[key].directory / f"seed_{seed:04d}", ignore_errors=True)
