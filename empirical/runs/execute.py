"""Do one run in its folder, from its configuration to its result; resumed wherever it was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from empirical.config import Run, to_dict, world_of
from empirical.diffusion.cost import Cost
from empirical.diffusion.plain_samples import PlainSamples
from empirical.diffusion.sampler import Sampler
from empirical.loop.judge import Judge
from empirical.loop.signals import Watch
from empirical.practice import Event, Setup, practice
from empirical.runs.checkpoint import NAME, read_checkpoint
from empirical.runs.feasible import require_feasible
from empirical.runs.folder import locked, result_path, run_directory, used
from empirical.runs.manifest import note
from empirical.runs.result import TRAJECTORY, Result, read_result, write_result
from empirical.runs.sharing import begin, share
from empirical.runs.state import State
from empirical.system.devices import device_name
from empirical.system.errors import require
from empirical.system.files import sweep_temporaries
from empirical.system.ranks import ALONE, Ranks

CHECKPOINT_EVERY = 20  # evaluations, or
CHECKPOINT_SECONDS = 300.0  # whichever comes first; data additions are recorded at once


def execute(
    run: Run,
    root: Path,
    device: str = "cpu",
    share_before: frozenset[int] = frozenset(),
    ranks: Ranks = ALONE,
    observe: Callable[[Event], None] | None = None,
) -> Result:
    """Do a run, or the rest of it, under `root`, and return its result; the result of a finished run is only read.

    share_before: additions (1 = the first) before which the state is kept for other runs to start from.
    ranks: this process's place among those that do the run together; they share the folder.
    observe: called with every new event of the loop.
    """
    world = world_of(run)
    base, directory, path = root / world.name, run_directory(run, root), result_path(run, root)
    finished = path.exists()
    ranks.barrier()
    if finished:
        return read_result(path)
    require_feasible(run, root)
    least = min(run.growth.initial, run.growth.addition or run.growth.initial)
    require(ranks.count <= least, "processes", ranks.count, f"at most the {least} images of a round", "start fewer")
    with ExitStack() as held:
        if ranks.first:
            world.inspect()
            held.enter_context(used(base))
            held.enter_context(locked(directory))
            sweep_temporaries(directory)
            begin(run, base, directory, device)
            if (directory / NAME).exists():
                read_checkpoint(directory)  # where it is damaged, the other processes find it mended
        ranks.barrier()
        state = State(run, directory, device, ranks)
        if ranks.first:
            step = state.progress.step
            place = {"device": device, "device_name": device_name(device)}
            note(directory, "resumed" if step else "started", step=step, ranks=ranks.count, **place)
        source = PlainSamples(Sampler(world, run.sampling, device), base)
        watch = Watch(run, source, ranks)
        judge = Judge(run, source, device) if run.acquire.reject else None
        setup = Setup(
            run=run,
            learner=state.learner,
            pool=state.pool,
            source=source,
            watch=watch,
            judge=judge,
            ranks=ranks,
        )
        _train(state, setup, share_before, base, observe)
        result = _result(state, [watch.cost, *([judge.cost] if judge else [])])
        if ranks.first:
            write_result(path, result)
        ranks.barrier()
        return read_result(path)


def _train(
    state: State, setup: Setup, share_before: frozenset[int], base: Path, observe: Callable[[Event], None] | None
) -> None:
    """Go through the loop to its end: log its events, save the state, share beginnings."""
    evaluations, mark, recorded = 0, time.process_time(), time.monotonic()
    for event in practice(setup, state.progress):
        if event.kind == "evaluated":
            state.learner_cpu_s += time.process_time() - mark
            evaluations += 1
        if event.kind == "due":
            state.save()
            if event.values["addition"] in share_before:
                share(state, base)
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


def _result(state: State, extra: list[Cost]) -> Result:
    """Score the trained learner on real test data and collect the numbers of the run."""
    world, evaluated, cost = world_of(state.run), state.events("evaluated"), state.cost()
    score = world.test(state.learner, state.ranks)
    for spent in extra:
        cost.add(spent)
    return Result(
        config=to_dict(state.run),
        accuracy=score.accuracy,
        accuracy_validation=evaluated[-1]["accuracy_validation"],
        correct=None if score.correct is None else "".join("01"[int(hit)] for hit in score.correct),
        alignment=score.alignment,
        sets={name: counts._asdict() for name, counts in score.sets.items()},
        trajectory={name: [values[name] for values in evaluated] for name in TRAJECTORY},
        pool=state.pool.summary(),
        pool_size=len(state.pool),
        cost=vars(cost),
        identity=world.identity(),
    )
