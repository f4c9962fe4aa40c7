"""One run on disk, from its configuration to its result; resumed wherever it was stopped. Its folder: see `rundir`."""

from __future__ import annotations

import shutil
from pathlib import Path

from empirical.config import Run, to_dict
from empirical.pool.pool import Pool
from empirical.runs.checkpoint import saved
from empirical.runs.folder import prefix_name, settings, without_places
from empirical.runs.manifest import manifest
from empirical.runs.state import State
from empirical.settings.values import differences
from empirical.system.errors import require
from empirical.system.files import link_tree, read_json, write_bytes, write_json


def _prepare(run: Run, base: Path, directory: Path, device: str) -> None:
    """Write config and manifest of a new run, from the furthest shared state if there is one; check those of an old."""
    config = to_dict(run)
    if (directory / "config.json").exists():
        found = read_json(directory / "config.json")
        other = differences(without_places(found, run), settings(run))
        do = f"delete {directory} and rerun"
        require(not other, str(directory / "config.json"), other, "the configuration this folder is named after", do)
        if differences(found, config):  # files have moved
            write_json(directory / "config.json", config)
        return
    for additions in range(run.growth.additions, -1, -1):
        shared = base / prefix_name(run, additions)
        if shared.exists():
            values = saved(shared)[1]
            Pool(shared / "pool", run.world.shape, values["rounds"])  # damage is refused here, where deleting it helps
            for path in shared.iterdir():
                if path.is_dir():
                    shutil.rmtree(directory / path.name, ignore_errors=True)
                    link_tree(path, directory / path.name)
                else:
                    write_bytes(directory / path.name, path.read_bytes())
            break
    write_json(directory / "manifest.json", manifest(device))
    write_json(directory / "config.json", config)  # last: from here on the folder is a run


def _share(run: Run, state: State, base: Path) -> None:
    """Keep the state just before the next addition for the runs that agree with this one up to here."""
    target = base / prefix_name(run, state.progress.additions)
    if target.exists():
        return
    staging = state.directory / "prefix"
    shutil.rmtree(staging, ignore_errors=True)
    for name in ("checkpoint.safetensors", "metrics.jsonl"):
        write_bytes(staging / name, (state.directory / name).read_bytes())
    for name in ("pool", "guides"):
        if (state.directory / name).exists():
            link_tree(state.directory / name, staging / name)
            for path in (staging / name).glob(f"round_{len(state.pool.rounds):04d}*"):
                path.unlink()  # of the addition itself, from an interrupted attempt
    link_tree(staging, target)
    shutil.rmtree(staging)
