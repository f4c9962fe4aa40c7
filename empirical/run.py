"""One run on disk: resolved config, manifest, metrics, checkpoint, pool, result; resumed wherever it was stopped.

<root>/<world>/<name>/config.json         the resolved configuration; <name> is its digest
                      manifest.json       versions, revision, hardware, start
                      metrics.jsonl       one line per event of the loop
                      checkpoint.safetensors
                      pool/round_*.safetensors
                      result.json         written last: the run is finished
<root>/<world>/prefix-<digest>/           the state of a run just before an addition, for runs that share it
<root>/<world>/plain-<digest>/            unguided images, shared by the runs of one seed
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from empirical import evaluate
from empirical.checkpoint import (
    link_tree,
    load_tensors,
    read_json,
    save_tensors,
    text_digest,
    write_bytes,
    write_json,
)
from empirical.config import Run, digest, to_dict
from empirical.errors import InputError, require
from empirical.pool import Pool
from empirical.practice import Event, Progress, practice
from empirical.sampler import Cost, Sampler
from empirical.schedule import Plateau
from empirical.stream import Stream

VERSION = version("deliberate-practice")
CHECKPOINT_EVERY = 20  # evaluations; data additions are recorded at once


@lru_cache(maxsize=4096)
def run_name(run: Run) -> str:
    """The folder name of a run: a digest of all that decides its numbers."""
    return digest([to_dict(run), run.world.identity(), VERSION])


@lru_cache(maxsize=4096)
def result_path(run: Run, root: Path) -> Path:
    """Where the result of a run is kept; the file is there once the run is finished."""
    return root / run.world.name / run_name(run) / "result.json"


def prefix_name(run: Run, additions: int) -> str:
    """Name of the state just before addition `additions + 1`, shared by all runs that agree up to there."""
    values = to_dict(run)
    del values["growth"]["additions"]
    if additions == 0:  # what the first addition will be is not known yet
        del values["acquire"], values["growth"]["addition"]
    return "prefix-" + digest([values, run.world.identity(), VERSION, additions])


def manifest(device: str) -> dict[str, Any]:
    """Versions, git revision and hardware: what numbers may depend on besides the configuration."""
    here = Path(__file__).parent
    git = subprocess.run(
        ["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    packages = ("deliberate-practice", "numpy", "scipy", "torch", "diffusers", "timm", "scikit-learn")
    return {
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
        "git_revision": git.stdout.strip() or "unknown",
        "hardware": {
            "machine": platform.machine(),
            "system": platform.system(),
            "device": device,
            "device_name": torch.cuda.get_device_name() if device.startswith("cuda") else platform.processor(),
            "cores": os.cpu_count(),
        },
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the run directory for this process; the lock goes with the process, however it ends."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / ".lock").open("w")
    except OSError as error:
        raise InputError(str(directory), error.strerror, "a writable folder", "choose another --out") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                str(directory),
                "a run directory in use by another process",
                "one process per run",
                "wait for it, or stop it",
            ) from None
        yield


class _State:
    """The parts of a run in progress and their place on disk."""

    def __init__(self, run: Run, directory: Path, device: str) -> None:
        self.run, self.directory = run, directory
        self.learner = run.world.learner(run, device)
        self.progress, self.learner_cpu_s = Progress(), 0.0
        self.lines: list[str] = []
        rounds = 0
        if (directory / "checkpoint.safetensors").exists():
            tensors, values, self.lines = _saved(directory)
            self.learner.load_state(tensors)
            self.progress = Progress(values["step"], values["additions"], Plateau(values["best"], values["waited"]))
            self.learner_cpu_s, rounds = values["learner_cpu_s"], values["rounds"]
        self.pool = Pool(directory / "pool", rounds, device)

    def save(self) -> None:
        """Record everything the rest of the run depends on; the metrics first, since the checkpoint counts them."""
        write_bytes(self.directory / "metrics.jsonl", "".join(line + "\n" for line in self.lines).encode())
        p = self.progress
        values = {
            "step": p.step,
            "additions": p.additions,
            "best": p.plateau.best,
            "waited": p.plateau.waited,
            "learner_cpu_s": self.learner_cpu_s,
            "rounds": len(self.pool.shards),
            "lines": len(self.lines),
            "lines_sha256": text_digest("\n".join(self.lines)),
        }
        save_tensors(self.directory / "checkpoint.safetensors", self.learner.state(), values)

    def log(self, event: Event) -> None:
        """Remember an event for metrics.jsonl."""
        self.lines.append(json.dumps({"event": event.kind, **event.values}))

    def last(self, kind: str) -> dict[str, Any]:
        """The latest event of a kind."""
        return next(values for line in reversed(self.lines) if (values := json.loads(line))["event"] == kind)

    def cost(self) -> Cost:
        """What the run spent so far, as if it had run alone."""
        total = Cost(learner_steps=self.progress.step, learner_cpu_s=self.learner_cpu_s)
        for shard in self.pool.shards:
            total.add(shard.cost)
        return total


def _saved(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], list[str]]:
    """The tensors and values of a checkpoint, and the lines of metrics that it counted."""
    do, metrics = f"delete {folder} and rerun", folder / "metrics.jsonl"
    tensors, values = load_tensors(folder / "checkpoint.safetensors", do)
    lines = metrics.read_text(errors="replace").splitlines()[: values["lines"]] if metrics.exists() else []
    intact = text_digest("\n".join(lines)) == values["lines_sha256"]
    require(intact, str(metrics), "lines that do not match their digest", "the file as written", do)
    return tensors, values, lines


def execute(run: Run, root: Path, device: str = "cpu", share_before: frozenset[int] = frozenset()) -> dict[str, Any]:
    """Do a run, or what is left of it, under `root`, and return its result; a finished run is only read.

    share_before: additions (1 = the first) before which the state is kept for other runs to start from.
    """
    base = root / run.world.name
    directory = base / run_name(run)
    finished = result_path(run, root)
    if finished.exists():
        return _read_result(finished)
    with _locked(directory):
        _prepare(run, base, directory, device)
        state = _State(run, directory, device)
        source = Stream(Sampler(run.world, run.sampling, device), base)
        split = run.world.validation_split(run.seed)
        evaluations, mark = 0, time.process_time()
        for event in practice(
            run, state.learner, state.pool, source, lambda model: evaluate.accuracy(model, split), state.progress
        ):
            now = time.process_time()
            if event.kind == "evaluated":
                state.learner_cpu_s += now - mark
                evaluations += 1
            if event.kind == "due":
                state.save()
                if event.values["addition"] in share_before:
                    _share(run, state, base)
            else:
                state.log(event)
            if event.kind in ("started", "added") or evaluations % CHECKPOINT_EVERY == 0:
                state.save()
            mark = time.process_time()
        state.save()
        result = _result(run, state)
        write_json(finished, {**result, "sha256": digest(result)})
        return result


def _prepare(run: Run, base: Path, directory: Path, device: str) -> None:
    """Write config and manifest of a new run, from the furthest shared state if there is one; check those of an old."""
    config = to_dict(run)
    if (directory / "config.json").exists():
        found = read_json(directory / "config.json")
        require(
            digest(found) == digest(config),
            str(directory / "config.json"),
            "another configuration",
            "the one this folder is named after",
            f"delete {directory} and rerun",
        )
        return
    for additions in range(run.growth.additions, -1, -1):
        shared = base / prefix_name(run, additions)
        if shared.exists():
            Pool(shared / "pool", _saved(shared)[1]["rounds"])  # damage is refused here, where deleting `shared` helps
            for path in shared.iterdir():
                if path.is_dir():
                    shutil.rmtree(directory / path.name, ignore_errors=True)
                    link_tree(path, directory / path.name)
                else:
                    write_bytes(directory / path.name, path.read_bytes())
            break
    write_json(directory / "manifest.json", manifest(device))
    write_json(directory / "config.json", config)  # last: from here on the folder is a run


def _share(run: Run, state: _State, base: Path) -> None:
    """Keep the state just before the next addition for the runs that agree with this one up to here."""
    target = base / prefix_name(run, state.progress.additions)
    if target.exists():
        return
    staging = state.directory / "prefix"
    shutil.rmtree(staging, ignore_errors=True)
    for name in ("checkpoint.safetensors", "metrics.jsonl"):
        write_bytes(staging / name, (state.directory / name).read_bytes())
    link_tree(state.directory / "pool", staging / "pool")
    link_tree(staging, target)
    shutil.rmtree(staging)


def _read_result(path: Path) -> dict[str, Any]:
    values = read_json(path)
    found = values.pop("sha256", None) if isinstance(values, dict) else None
    do = f"delete {path.parent} and rerun"
    require(found == digest(values), str(path), "contents that do not match their digest", "the file as written", do)
    return values


def _result(run: Run, state: _State) -> dict[str, Any]:
    """The numbers of a finished run: what figures are made of."""
    score = run.world.test(state.learner)
    return {
        "config": to_dict(run),
        "accuracy": score.accuracy,
        "accuracy_validation": state.last("evaluated")["accuracy_validation"],
        "correct": None if score.correct is None else "".join("01"[int(hit)] for hit in score.correct),
        "alignment": score.alignment,
        "pool": state.pool.summary(),
        "pool_size": len(state.pool),
        "cost": vars(state.cost()),
    }
