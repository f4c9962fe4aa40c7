"""One run on disk, from its configuration to its result; resumed wherever it was stopped. Its folder: see `rundir`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from empirical.config import Run, to_dict
from empirical.diffusion.cost import Cost
from empirical.diffusion.plain_samples import PlainSamples
from empirical.diffusion.sampler import Sampler
from empirical.loop.judge import Judge
from empirical.loop.signals import Watch
from empirical.practice import Event, Surroundings, practice
from empirical.runs.checkpoint import saved
from empirical.runs.folder import locked, read_result, result_path, run_directory
from empirical.runs.manifest import note
from empirical.runs.sharing import _prepare, _share
from empirical.runs.state import State
from empirical.system.errors import require
from empirical.system.files import write_signed
from empirical.system.ranks import ALONE, Ranks

CHECKPOINT_EVERY = 20  # evaluations, or
CHECKPOINT_SECONDS = 300.0  # whichever comes first; data additions are recorded at once
TRAJECTORY = ("step", "pool", "loss", "accuracy_validation", "signal")


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
        source = PlainSamples(Sampler(run.world, run.sampling, device), root / run.world.name)
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
