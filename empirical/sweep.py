"""Many runs: the series of an experiment, spread over processes of one thread each, shared beginnings made once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from empirical.config import Run, from_dict, load_toml, merged
from empirical.errors import InputError, require
from empirical.run import execute, prefix_name, result_path, run_name
from empirical.worlds import WORLDS

# glibc hands large blocks back to the kernel after every use; keeping them makes sampling on a CPU 1.4 times faster.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**28), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
SERIES_KEYS = {"panel", "name", "world", "vary", "values", "set"}


@dataclass(frozen=True)
class Case:
    """One point of one series at one seed: `value` is that of the setting the series varies."""

    panel: str
    series: str
    value: float
    run: Run


@dataclass(frozen=True)
class Throughput:
    """What one core does per second in a world, measured; see `[throughput]` of its recipe."""

    images: Mapping[str, float]  # by kind of guidance: plain, random, x0, denoiser
    iterations: Mapping[str, float]  # by learner


def recipe(experiments: Path, world: str) -> tuple[dict[str, Any], Throughput]:
    """The default configuration of a world, and its measured throughput."""
    require(world in WORLDS, "world", world, f"one of {', '.join(WORLDS)}")
    values = load_toml(experiments / "worlds" / f"{world}.toml")
    return values, Throughput(**values.pop("throughput"))


def expand(
    series: Sequence[Mapping[str, Any]],
    experiments: Path,
    preset: str,
    seeds: Mapping[str, int],
    overrides: Mapping[str, Mapping[str, Any]],
) -> list[Case]:
    """The cases of `[[series]]` tables: every value of `vary`, at `seeds[world]` seeds.

    A series has `panel`, `name`, `world`, `vary` (a dotted setting), `values` (a list, or a list per preset) and `set`
    (dotted settings). `overrides`, by world, are settings from the command line, applied last.
    """
    cases = []
    for entry in series:
        where = f"series {entry.get('name', '?')!r}"
        require(
            set(entry) <= SERIES_KEYS and set(entry) >= SERIES_KEYS - {"set"},
            where,
            sorted(entry),
            f"the keys {sorted(SERIES_KEYS)}, all but `set` required",
        )
        world, values = entry["world"], entry["values"]
        require(world in seeds, f"{where}.world", world, f"a world with a number of seeds: {sorted(seeds)}", "add it")
        if isinstance(values, Mapping):
            require(
                preset in values, f"{where}.values", preset, f"one of {sorted(values)}", "add values for the preset"
            )
            values = values[preset]
        base, _ = recipe(experiments, world)
        for value in values:
            for seed in range(seeds[world]):
                settings = {**entry.get("set", {}), entry["vary"]: value, "seed": seed, **overrides.get(world, {})}
                cases.append(Case(entry["panel"], entry["name"], value, from_dict(merged(base, settings))))
    return cases


def groups(runs: Sequence[Run]) -> list[list[tuple[Run, frozenset[int]]]]:
    """Runs that begin alike, in an order in which each can start from what an earlier one has shared.

    Each comes with the additions before which its state is to be kept (see `run.execute`).
    """
    unique = {run_name(run): run for run in runs}.values()
    together: dict[str, list[Run]] = defaultdict(list)
    for run in unique:
        together[prefix_name(run, 0)].append(run)
    planned = []
    for members in together.values():
        members.sort(key=lambda run: -run.growth.additions)
        served: set[str] = set()
        group = []
        for i, run in enumerate(members):
            wanted = {}  # additions done so far -> the shared state's name, for every later run that can use it
            for later in members[i + 1 :]:
                for done in range(min(later.growth.additions, run.growth.additions - 1), -1, -1):
                    if prefix_name(later, done) == prefix_name(run, done):
                        wanted[done] = prefix_name(run, done)
                        break
            group.append((run, frozenset(done + 1 for done, name in wanted.items() if name not in served)))
            served |= set(wanted.values())
        planned.append(group)
    return sorted(planned, key=lambda group: -sum(_size(run) for run, _ in group))  # the longest first


def _size(run: Run) -> float:
    return run.training.iterations + run.growth.initial + run.growth.additions * run.growth.addition * run.acquire.ratio


def is_done(run: Run, root: Path) -> bool:
    """Whether the run is finished under `root`."""
    return result_path(run, root).exists()


def estimate_seconds(runs: Sequence[Run], experiments: Path) -> float:
    """CPU seconds that runs will take, from the measured throughput of their worlds; plain images are counted once."""
    seconds, plain = 0.0, defaultdict[tuple[str, int], int](int)
    speeds = {run.world.name: recipe(experiments, run.world.name)[1] for run in runs}
    for group in groups(runs):
        for i, (run, _) in enumerate(group):
            speed, growth = speeds[run.world.name], run.growth
            share = 1.0 if i == 0 else 0.6  # of the iterations: later members start from a shared state
            seconds += share * run.training.iterations / speed.iterations[run.learner.kind]
            added = growth.additions * growth.addition
            kind = (
                "plain"
                if run.acquire.omega == 0
                else "random"
                if run.acquire.direction == "random"
                else run.acquire.through
            )
            stream = (run.world.name, run.seed)
            plain[stream] = max(plain[stream], growth.initial + (added * run.acquire.ratio if kind == "plain" else 0))
            if kind != "plain":
                seconds += added * run.acquire.ratio / speed.images[kind]
    return seconds + sum(count / speeds[world].images["plain"] for (world, _), count in plain.items())


def sweep(runs: Sequence[Run], root: Path, device: str, workers: int, progress: Callable[[int, int], None]) -> None:
    """Finish all `runs` under `root`; `progress(done, total)` is called about twice a second.

    Runs already finished are left alone, interrupted ones go on. The first failure stops the sweep and is raised.
    """
    require(workers >= 1, "--workers", workers, "an integer >= 1")
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        said = str(error).partition("\n")[0]
        raise InputError("--device", device, f"a torch device of this machine ({said})", "name another: cpu") from None
    waiting = {path for run in runs if not (path := result_path(run, root)).exists()}
    total = len({run_name(run) for run in runs})
    todo = groups([run for run in runs if not is_done(run, root)])
    progress(total - len(waiting), total)
    if not todo:
        return
    for name, value in KEEP_MEMORY.items():
        os.environ.setdefault(name, value)  # read by the workers when they start
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(todo)), context, _start_worker, (os.getpid(),)) as pool:
        futures = [pool.submit(_execute_group, group, root, device) for group in todo]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=1.0, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                waiting = {path for path in waiting if not path.exists()}
                progress(total - len(waiting), total)
        except BrokenProcessPool:
            allowed, do = "enough memory for all --workers", "rerun, perhaps with fewer: finished work is kept"
            raise InputError("worker", "a process that was killed", allowed, do) from None
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.terminate()  # a run can be cut off anywhere
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def results(cases: Sequence[Case], root: Path) -> list[dict[str, Any]]:
    """The records of finished cases: panel, series, value, seed and the run's result."""
    return [
        {
            "panel": case.panel,
            "series": case.series,
            "value": case.value,
            "seed": case.run.seed,
            "result": execute(case.run, root),
        }
        for case in cases
    ]


def _execute_group(group: list[tuple[Run, frozenset[int]]], root: Path, device: str) -> None:
    for run, share_before in group:
        execute(run, root, device, share_before)


def _start_worker(parent: int) -> None:
    """One thread per process, and no process outlives a killed parent."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then stops the sweep

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
