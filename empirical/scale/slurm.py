"""Do a sweep as jobs of a SLURM cluster, through submitit; pre-empted jobs are queued again.

Results on disk alone tell which runs are finished, so the waiting program may be stopped and started again at any time;
it waits for jobs that are still queued or running.
<folder>/<job>.json                    the runs of a job, while it is queued or running
<folder>/<job>_submitted.pkl, _log.*   submitit's own files
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from empirical.runs.folder import prefix_name, run_name
from empirical.scale import sweep, workers
from empirical.scale.sweep import Case
from empirical.scale.workers import KEEP_MEMORY
from empirical.settings.build import build
from empirical.settings.recipes import load_toml
from empirical.system.errors import InputError, require, require_positive
from empirical.system.files import read_json, write_json
from empirical.system.ranks import launched

POLL_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Slurm:
    """The resources of each job: the `[slurm]` table of a TOML file."""

    partition: str = ""  # default: that of the cluster
    minutes: int = 240  # time limit of a job; a job that reaches it is queued again and goes on
    restarts: int = 20  # times that a job is queued again after its time limit, at most; pre-emption does not count
    jobs: int = 32  # jobs that the work is split into, at most
    workers: int = 1  # runs that a job does at a time
    ranks: int = 1  # processes that do one run together, with one GPU each on GPU nodes
    nodes: int = 1
    gpus: int = 0  # per node; with --device cuda at least one
    cpus: int = 0  # per process; default: one per worker
    memory_gb: int = 8  # per node
    account: str = ""
    qos: str = ""
    constraint: str = ""
    setup: tuple[str, ...] = ()  # shell lines before the work, e.g. "module load cuda"
    cluster: str = "slurm"  # or "local": a rehearsal with processes of this machine

    def __post_init__(self) -> None:
        require_positive("slurm", minutes=self.minutes, jobs=self.jobs, workers=self.workers, ranks=self.ranks)
        require_positive("slurm", nodes=self.nodes, memory_gb=self.memory_gb)
        require(self.restarts >= 0, "slurm.restarts", self.restarts, "an integer >= 0")
        require(self.gpus >= 0, "slurm.gpus", self.gpus, "an integer >= 0")
        require(self.cpus >= 0, "slurm.cpus", self.cpus, "an integer >= 0")
        require(self.ranks % self.nodes == 0, "slurm.ranks", self.ranks, f"a multiple of slurm.nodes = {self.nodes}")
        require(self.workers == 1 or self.ranks == 1, "slurm.workers", self.workers, "1 with slurm.ranks > 1")
        require(self.cluster in ("slurm", "local"), "slurm.cluster", self.cluster, "'slurm' or 'local'")
        lines = self.setup
        good = isinstance(lines, list | tuple) and all(isinstance(line, str) for line in lines)
        require(good, "slurm.setup", lines, "a list of texts")
        object.__setattr__(self, "setup", tuple(lines))  # TOML has lists only


def cluster_settings(text: str, minutes: int = 0, workers: int = 0) -> Slurm:
    """Make the settings of `--slurm`, a TOML file with a [slurm] table or a partition; other arguments > 0 win."""
    values: dict[str, Any] = {"partition": text}
    if text.endswith(".toml"):
        tables = load_toml(Path(text))
        require(set(tables) == {"slurm"}, text, sorted(tables), "one table, [slurm]", "move or rename it")
        values = tables["slurm"]
        require(isinstance(values, dict), text, values, "one table, [slurm]")
    values |= ({"minutes": minutes} if minutes else {}) | ({"workers": workers} if workers else {})
    return build(Slurm, values, "slurm")


@dataclass(frozen=True)
class Work:
    """The work of one job; submitit calls it, and calls `checkpoint` before a job is queued again."""

    cases: tuple[Case, ...]
    root: Path
    device: str
    workers: int
    ranks: int

    def __call__(self) -> None:
        if self.ranks > 1:
            self._together()
        elif self.workers > 1:
            workers.sweep(self.cases, self.root, self.device, self.workers, lambda *_: None)
        else:  # in this process, so that a signal for the job reaches no other
            torch.set_num_threads(1)
            for job in sweep.work(self.cases, self.root):
                sweep.do(job, self.root, self.device)

    def _together(self) -> None:
        """Do each run with all processes of the job together."""
        _submitit("helpers").TorchDistributedEnvironment().export(set_cuda_visible_devices=self.device != "cpu")
        todo = sweep.work(self.cases, self.root)  # equal in all processes: no run finishes before all take part
        with launched(self.device) as (ranks, device):
            for job in todo:
                sweep.do(job, self.root, device, ranks)

    def checkpoint(self) -> Any:
        """Return the same work for the next job: finished runs are only read, interrupted ones go on."""
        return _submitit("helpers").DelayedSubmission(self)


@dataclass
class Queued:
    """A job on the cluster, submitted by this call or by an earlier one."""

    id: str
    runs: list[str]
    job: Any  # submitit's job

    def over(self, cluster: str) -> bool:
        """Tell whether the job has ended."""
        if cluster == "local" and self.job._process is None:  # started by another program
            return self.job.paths.result_pickle.exists() or not _lives(int(self.id))
        return bool(self.job.done())

    def complaint(self) -> InputError:
        """Make the error that reports how the job ended; its results may take a while to arrive over the network."""
        failure = self.job.exception()
        text = str(failure) if failure else "an end without results"
        errors = [line for line in text.splitlines() if "Error: " in line or "Exception: " in line]
        cause = (errors or [text.splitlines()[0]])[-1]
        do = f"see {self.job.paths.stderr}; rerun: finished work is kept"
        return InputError(f"job {self.id}", cause, "jobs that finish their runs", do)


class Cluster:
    """Submit the jobs of one sweep and wait for them."""

    def __init__(self, folder: Path, root: Path, device: str, settings: Slurm) -> None:
        self.folder, self.root, self.device, self.settings = folder.resolve(), root.resolve(), device, settings
        self.executor = self._executor()
        self.jobs = [self._known(path) for path in sorted(self.folder.glob("*.json"))]
        self.submitted: set[str] = set()

    def _executor(self) -> Any:
        """Make submitit's executor with the settings; InputError where there is no SLURM."""
        auto, settings = _submitit("auto.auto"), self.settings
        try:
            executor = auto.AutoExecutor(self.folder, cluster=settings.cluster, slurm_max_num_timeout=settings.restarts)
        except RuntimeError as error:
            allowed = "a machine with sbatch and srun, such as the cluster's login node"
            raise InputError("--slurm", str(error), allowed, "run it there, or rehearse: cluster = 'local'") from None
        gpus = settings.gpus or (self.device != "cpu") * max(1, settings.ranks // settings.nodes)
        optional = {name: getattr(settings, name) for name in ("partition", "account", "qos", "constraint")}
        executor.update_parameters(
            name="deliberate-practice",
            timeout_min=settings.minutes,
            nodes=settings.nodes,
            tasks_per_node=settings.ranks // settings.nodes,
            cpus_per_task=settings.cpus or settings.workers,
            mem_gb=settings.memory_gb,
            gpus_per_node=gpus or None,
            slurm_setup=list(settings.setup) or None,
            slurm_array_parallelism=settings.jobs,
            slurm_additional_parameters={"requeue": True},
            **{f"slurm_{name}": value for name, value in optional.items() if value},
        )
        return executor

    def _known(self, path: Path) -> Queued:
        """Read a job's file."""
        values = read_json(path)
        return Queued(values["job"], values["runs"], self._job(values["job"]))

    def _job(self, job_id: str) -> Any:
        """Make submitit's job of an id."""
        local = self.settings.cluster == "local"
        kind = _submitit("local.local").LocalJob if local else _submitit("slurm.slurm").SlurmJob
        return kind(self.folder, job_id, list(range(self.settings.ranks)))

    def alive(self) -> list[Queued]:
        """Return the jobs that are queued or running; delete the files of the others."""
        over = [job for job in self.jobs if job.over(self.settings.cluster)]
        for job in over:
            (self.folder / f"{job.id}.json").unlink(missing_ok=True)
        return [job for job in self.jobs if job not in over]

    def submit(self, cases: Sequence[Case]) -> None:
        """Distribute unfinished cases over jobs, the longest first; runs that begin alike go to the same job."""
        for name, value in KEEP_MEMORY.items():
            os.environ.setdefault(name, value)  # a job gets the environment of its submission
        beginnings = [prefix_name(work.runs[0][0], 0) for work in sweep.work(cases, self.root)]
        dealt: list[list[Case]] = [[] for _ in range(min(self.settings.jobs, len(beginnings)))]
        place = {name: number % len(dealt) for number, name in enumerate(beginnings)}
        for case in cases:
            dealt[place[prefix_name(case.run, 0)]].append(case)
        workers, ranks = self.settings.workers, self.settings.ranks
        works = [Work(tuple(share), self.root, self.device, workers, ranks) for share in dealt]
        with self.executor.batch():
            jobs = [self.executor.submit(work) for work in works]
        for job, work in zip(jobs, works, strict=True):
            runs = sorted({run_name(case.run) for case in work.cases})
            write_json(self.folder / f"{job.job_id}.json", {"job": job.job_id, "runs": runs})
            self.jobs.append(Queued(job.job_id, runs, job))
            self.submitted |= set(runs)

    def finish(self, cases: Sequence[Case], progress: Callable[[int, int, str], None]) -> None:
        """Wait until all cases are done, submitting those that no job has; call `progress(done, total, note)`.

        Raises InputError with the error of a job that ended without its results; the others keep running.
        """
        total = len({run_name(case.run) for case in cases})
        while True:
            waiting = [case for case in cases if not case.done(self.root)]
            alive = self.alive()
            left = len({run_name(case.run) for case in waiting})
            progress(total - left, total, f"{len(alive)} jobs" if alive else "")
            if not waiting:
                return
            covered = {name for job in alive for name in job.runs}
            orphans = [case for case in waiting if run_name(case.run) not in covered]
            for case in orphans:
                self._complain(case)
            if fresh := [case for case in orphans if not case.done(self.root)]:
                self.submit(fresh)
            time.sleep(POLL_SECONDS)

    def _complain(self, case: Case) -> None:
        """Raise the error of the job of a case, if this call submitted it and its results are missing."""
        name = run_name(case.run)
        if name in self.submitted:
            complaint = next(job for job in reversed(self.jobs) if name in job.runs).complaint()
            if not case.done(self.root):
                raise complaint


def _submitit(module: str) -> Any:
    """Import a module of submitit; InputError where it is not installed."""
    try:
        return importlib.import_module(f"submitit.{module}")
    except ImportError:
        raise InputError("--slurm", "no package submitit", "an installed one", 'pip install -e ".[slurm]"') from None


def _lives(pid: int) -> bool:
    """Tell whether a job of the local executor still runs; another process may have got its id."""
    with suppress(OSError):
        return b"submitit" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
