"""One run on disk, from its configuration to its result; resumed wherever it was stopped. Its folder: see `rundir`."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from torch import Tensor

from empirical.checkpoint import (
    link_tree,
    load_tensors,
    read_json,
    read_signed,
    save_tensors,
    text_digest,
    write_bytes,
    write_json,
    write_signed,
)
from empirical.config import Run, differences, to_dict
from empirical.errors import InputError, require
from empirical.pool import Pool
from empirical.practice import Event, Progress, Surroundings, practice
from empirical.ranks import ALONE, Ranks
from empirical.rundir import (
    locked,
    manifest,
    note,
    prefix_name,
    result_path,
    run_directory,
    settings,
    without_places,
)
from empirical.sampler import Cost, Sampler
from empirical.schedule import Plateau
from empirical.stream import Stream
from empirical.watch import Judge, Watch

CHECKPOINT_EVERY = 20  # evaluations, or
CHECKPOINT_SECONDS = 300.0  # whichever comes first; data additions are recorded at once
TRAJECTORY = ("step", "pool", "loss", "accuracy_validation", "signal")
log = logging.getLogger(__name__)


class State:
    """The parts of a run in progress and their place on disk."""

    def __init__(self, run: Run, directory: Path, device: str, ranks: Ranks = ALONE) -> None:
        self.run, self.directory, self.ranks = run, directory, ranks
        self.learner = run.world.learner(run, device)
        self.progress, self.learner_cpu_s = Progress(), 0.0
        self.lines: list[str] = []
        rounds = 0
        if (directory / "checkpoint.safetensors").exists():
            tensors, values, self.lines = saved(directory)
            self.learner.load_state(tensors)
            self.progress = Progress(values["step"], values["additions"], Plateau(values["best"], values["waited"]))
            self.learner_cpu_s, rounds = values["learner_cpu_s"], values["rounds"]
        if ranks.count > 1:
            self.learner.distribute(ranks)
        self.pool = Pool(directory / "pool", run.world.shape, rounds, device, run.growth.newest_weight)

    def save(self) -> None:
        """Record everything the rest of the run depends on; the metrics first, since the checkpoint counts them."""
        if not self.ranks.first:
            return
        write_bytes(self.directory / "metrics.jsonl", "".join(line + "\n" for line in self.lines).encode())
        p = self.progress
        values = {
            "step": p.step,
            "additions": p.additions,
            "best": p.plateau.best,
            "waited": p.plateau.waited,
            "learner_cpu_s": self.learner_cpu_s,
            "rounds": len(self.pool.rounds),
            "lines": len(self.lines),
            "lines_sha256": text_digest("\n".join(self.lines)),
        }
        _keep_previous(self.directory)
        save_tensors(self.directory / "checkpoint.safetensors", self.learner.state(), values)

    def save_guide(self) -> None:
        """Keep the learner as it guides the coming round, so that its images can be made again."""
        acquire = self.run.acquire
        if self.ranks.first and acquire.omega > 0 and acquire.direction == "entropy":
            save_tensors(guide_path(self.directory, len(self.pool.rounds)), self.learner.evaluated(), {})

    def log(self, event: Event) -> None:
        """Remember an event for metrics.jsonl."""
        self.lines.append(json.dumps({"event": event.kind, **event.values}))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """All events of a kind so far."""
        return [values for line in self.lines if (values := json.loads(line))["event"] == kind]

    def cost(self) -> Cost:
        """What the loop spent so far, as if the run had been alone."""
        total = Cost(learner_steps=self.progress.step, learner_cpu_s=self.learner_cpu_s)
        for round_ in self.pool.rounds:
            total.add(round_.cost)
        return total


def guide_path(directory: Path, round_: int) -> Path:
    """Where the learner that guided a round is kept; absent for plain and random directions."""
    return directory / "guides" / f"round_{round_:04d}.safetensors"


def _keep_previous(directory: Path) -> None:
    """Let the last checkpoint survive the writing of the next: damage to one file is not the end of a run."""
    current, previous = (directory / f"checkpoint{kind}.safetensors" for kind in ("", ".previous"))
    temporary = directory / f".previous.{os.getpid()}"
    if current.exists():
        temporary.unlink(missing_ok=True)
        try:
            os.link(current, temporary)
        except OSError:  # a file system without hard links, or full: the older copy stays
            return
        temporary.replace(previous)
        temporary.unlink(missing_ok=True)  # renaming does nothing where both are the same file already


def saved(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], list[str]]:
    """The tensors and values of the latest whole checkpoint, and the lines of metrics that it counted.

    A damaged checkpoint is set aside, and said, if the one before it is whole; otherwise InputError names it.
    """
    current, previous = (folder / f"checkpoint{kind}.safetensors" for kind in ("", ".previous"))
    try:
        return _whole(folder, current)
    except InputError as damage:
        if not previous.exists():
            raise
        try:
            found = _whole(folder, previous)
        except InputError:
            raise damage from None
        log.warning("%s; the checkpoint before it is used, at step %d", damage, found[1]["step"])
        note(folder, "recovered", step=found[1]["step"], damage=str(damage))
        if current.exists():
            write_bytes(folder / "checkpoint.damaged.safetensors", current.read_bytes())
        write_bytes(current, previous.read_bytes())
        return found


def _whole(folder: Path, checkpoint: Path) -> tuple[dict[str, Tensor], dict[str, Any], list[str]]:
    do, metrics = f"delete {folder} and rerun", folder / "metrics.jsonl"
    tensors, values = load_tensors(checkpoint, do)
    lines = metrics.read_text(errors="replace").splitlines()[: values["lines"]] if metrics.exists() else []
    intact = text_digest("\n".join(lines)) == values["lines_sha256"]
    require(intact, str(metrics), "lines that do not match their digest", "the file as written", do)
    return tensors, values, lines


def execute(
    run: Run,
    root: Path,
    device: str = "cpu",
    share_before: frozenset[int] = frozenset(),
    ranks: Ranks = ALONE,
    observe: Callable[[Event], None] | None = None,
) -> dict[str, Any]:
    """Do a run, or what is left of it, under `root`, and return its result; a finished run is only read.

    share_before: additions (1 = the first) before which the state is kept for other runs to start from.
    ranks: this process's place among those that do the run together; they share the folder.
    observe: called with every new event of the loop.
    """
    directory, finished = run_directory(run, root), result_path(run, root)
    found = finished.exists()
    ranks.barrier()
    if found:
        return read_result(finished)
    least = min(run.growth.initial, run.growth.addition or run.growth.initial)
    require(ranks.count <= least, "processes", ranks.count, f"at most the {least} images of a round", "start fewer")
    with ExitStack() as held:
        if ranks.first:
            run.world.inspect()
            held.enter_context(locked(directory))
            _prepare(run, root / run.world.name, directory, device)
            if (directory / "checkpoint.safetensors").exists():
                saved(directory)  # where it is damaged, the others find it mended
        ranks.barrier()
        state = State(run, directory, device, ranks)
        if ranks.first:
            note(
                directory, "resumed" if state.progress.step else "started", step=state.progress.step, ranks=ranks.count
            )
        source = Stream(Sampler(run.world, run.sampling, device), root / run.world.name)
        watch = Watch(run, source, ranks)
        judge = Judge(run, source, device) if run.acquire.reject else None
        around = Surroundings(source, watch, judge, ranks)
        evaluations, mark, recorded = 0, time.process_time(), time.monotonic()
        for event in practice(run, state.learner, state.pool, around, state.progress):
            if event.kind == "evaluated":
                state.learner_cpu_s += time.process_time() - mark
                evaluations += 1
            if event.kind == "due":
                state.save()
                if event.values["addition"] in share_before:
                    _share(run, state, root / run.world.name)
                state.save_guide()
            else:
                state.log(event)
            late = time.monotonic() - recorded > CHECKPOINT_SECONDS
            if event.kind in ("started", "added") or evaluations % CHECKPOINT_EVERY == 0 or late:
                state.save()
                recorded = time.monotonic()
            if observe:
                observe(event)
            mark = time.process_time()
        state.save()
        result = _result(state, [watch.cost, *([judge.cost] if judge else [])])
        if ranks.first:
            write_signed(finished, result)
        ranks.barrier()
        return read_result(finished)


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


def read_result(path: Path) -> dict[str, Any]:
    """The result of a finished run."""
    return read_signed(path, f"delete {path} and rerun: it is made again from the run's last state")


def _result(state: State, extra: list[Cost]) -> dict[str, Any]:
    """The numbers of a finished run: what figures are made of."""
    run = state.run
    score, evaluated, cost = run.world.test(state.learner, state.ranks), state.events("evaluated"), state.cost()
    for spent in extra:
        cost.add(spent)
    return {
        "config": to_dict(run),
        "accuracy": score.accuracy,
        "accuracy_validation": evaluated[-1]["accuracy_validation"],
        "correct": None if score.correct is None else "".join("01"[int(hit)] for hit in score.correct),
        "alignment": score.alignment,
        "sets": {name: counts._asdict() for name, counts in score.sets.items()},
        "trajectory": {name: [values[name] for values in evaluated] for name in TRAJECTORY},
        "pool": state.pool.summary(),
        "pool_size": len(state.pool),
        "cost": vars(cost),
    }
