"""Share the beginnings of runs: the state before an addition is kept, and runs that agree up to there start from it."""

from __future__ import annotations

import shutil
from pathlib import Path

from empirical.config import Run, to_dict, world_of
from empirical.pool.pool import Pool
from empirical.runs.checkpoint import NAME, read_checkpoint
from empirical.runs.folder import deciding, deciding_settings, prefix_name
from empirical.runs.manifest import manifest
from empirical.runs.state import State
from empirical.settings.values import differences
from empirical.system.errors import InputError, require
from empirical.system.files import link_tree, read_json, write_bytes, write_json, write_signed


def begin(run: Run, base: Path, directory: Path, device: str) -> None:
    """Make the folder of a new run, from the furthest state shared under `base`; check an old folder."""
    config, world = to_dict(run), world_of(run)
    if (directory / "config.json").exists():
        stored, where = read_json(directory / "config.json"), str(directory / "config.json")
        try:
            other = differences(deciding(stored, world.places), deciding_settings(run))
        except InputError as error:
            place, *rest = error.arguments
            raise InputError(f"{where}: {place}", *rest) from None
        do = f"delete {directory} and rerun"
        require(not other, where, other, "the configuration this folder is named after", do)
        if differences(stored, config):  # files have moved, or settings without effect have changed
            write_json(directory / "config.json", config)
        return
    for additions in range(run.growth.additions, -1, -1):
        shared = base / prefix_name(run, additions)
        if shared.exists():
            rounds = read_checkpoint(shared).values["rounds"]
            Pool(shared / "pool", world.shape, rounds)  # damage is refused here, where deleting it helps
            for path in shared.iterdir():
                if path.is_dir():
                    shutil.rmtree(directory / path.name, ignore_errors=True)
                    link_tree(path, directory / path.name)
                else:
                    write_bytes(directory / path.name, path.read_bytes())
            break
    write_signed(directory / "manifest.json", manifest(device) | {"identity": world.identity()})
    write_json(directory / "config.json", config)  # last: from now on the folder is a run


def share(state: State, base: Path) -> None:
    """Keep the state just before the next addition under `base`, for the runs that agree with this one up to here."""
    target = base / prefix_name(state.run, state.progress.additions)
    if target.exists():
        return
    staging = state.directory / "prefix"
    shutil.rmtree(staging, ignore_errors=True)
    for name in (NAME, "metrics.jsonl"):
        write_bytes(staging / name, (state.directory / name).read_bytes())
    for name in ("pool", "guides"):
        if (state.directory / name).exists():
            link_tree(state.directory / name, staging / name)
            for path in (staging / name).glob(f"round_{len(state.pool.rounds):04d}*"):
                path.unlink()  # of the addition itself, from an interrupted attempt
    link_tree(staging, target)
    shutil.rmtree(staging)
