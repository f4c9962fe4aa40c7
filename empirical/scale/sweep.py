"""Plan many runs: which are left to do, in which groups and order, and the records of those that are finished."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from empirical.config import Run, world_of
from empirical.review.examine import Question, examination_path, examine, question, read_examination
from empirical.review.portraits import Portrait
from empirical.runs.execute import execute
from empirical.runs.feasible import require_feasible
from empirical.runs.folder import prefix_name, result_path, run_name
from empirical.runs.result import Record, read_result
from empirical.scale.series import Point
from empirical.system.devices import settle
from empirical.system.ranks import ALONE, Ranks


@dataclass(frozen=True)
class Case:
    """One point of one series of a figure at one seed, checked; `value` is that of the setting the series varies."""

    figure: str
    panel: str
    series: str
    value: float
    run: Run
    examine: Question = ""  # question to the finished run (`empirical.review.examine`)

    def done(self, root: Path) -> bool:
        """Tell whether the result and the examination, if any, are there under `root`."""
        examined = not self.examine or examination_path(self.examine, self.run, root).exists()
        return examined and result_path(self.run, root).exists()


def plan(points: Sequence[Point]) -> list[Case]:
    """Check points against their worlds and their questions. InputError names the setting that does not fit."""
    cases = []
    for point in points:
        asked = question(point.examine, f"{point.figure}.toml: series {point.series!r}.examine")
        world_of(point.run)
        if isinstance(asked, Portrait):
            asked.check(point.run)
        cases.append(Case(point.figure, point.panel, point.series, point.value, point.run, asked))
    return cases


@dataclass(frozen=True)
class Job:
    """The work of one process in one go: runs that begin alike, and questions to them."""

    runs: list[tuple[Run, frozenset[int]]]  # with the additions before which the state is kept
    questions: list[tuple[Question, Run]]


def work(cases: Sequence[Case], root: Path) -> list[Job]:
    """List the jobs that are left: those of the first figure first, and of each figure the longest first.

    InputError refuses a run that needs more memory, disk or images than there can be.
    """
    todo = [case for case in cases if not case.done(root)]
    for run in dict.fromkeys(dataclasses.replace(case.run, seed=0) for case in todo):
        require_feasible(run, root)
    questions: dict[str, list[tuple[Question, Run]]] = defaultdict(list)
    stage: dict[str, int] = {}  # of each beginning: the first figure that needs it
    figures = list(dict.fromkeys(case.figure for case in cases))
    for case in todo:
        beginning = prefix_name(case.run, 0)
        stage[beginning] = min(figures.index(case.figure), stage.get(beginning, len(figures)))
        if case.examine and (case.examine, case.run) not in questions[beginning]:
            questions[beginning].append((case.examine, case.run))
    jobs = {prefix_name(group[0][0], 0): group for group in groups([case.run for case in todo])}
    return [Job(jobs[name], questions[name]) for name in sorted(jobs, key=stage.__getitem__)]


def groups(runs: Sequence[Run]) -> list[list[tuple[Run, frozenset[int]]]]:
    """Group runs that begin alike, in an order in which each can start from the state that an earlier one has shared.

    Each run comes with the additions before which its state is to be kept (see `runs.execute`); longest groups first.
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
            needed = {}  # additions done so far -> the shared state's name, for every later run that can use it
            for later in members[i + 1 :]:
                for done in range(min(later.growth.additions, run.growth.additions - 1), -1, -1):
                    if prefix_name(later, done) == prefix_name(run, done):
                        needed[done] = prefix_name(run, done)
                        break
            group.append((run, frozenset(done + 1 for done, name in needed.items() if name not in served)))
            served |= set(needed.values())
        planned.append(group)
    return sorted(planned, key=lambda group: -sum(_size(run) for run, _ in group))


def _size(run: Run) -> float:
    """Estimate the work of a run, in iterations and images alike: good enough to start long ones first."""
    return run.training.iterations + run.growth.initial + run.growth.additions * run.growth.addition * run.acquire.ratio


def do(job: Job, root: Path, device: str, ranks: Ranks = ALONE) -> None:
    """Do the runs of a job, then answer its questions in the first process; finished parts are left alone."""
    settle(device)
    for run, share_before in job.runs:
        execute(run, root, device, share_before, ranks)
    for asked, run in job.questions if ranks.first else []:
        examine(asked, run, root, device)
    ranks.barrier()


def results(cases: Sequence[Case], root: Path) -> list[Record]:
    """Read the records of finished cases; InputError names a missing result or examination. Nothing is computed."""
    return [
        Record(
            panel=case.panel,
            series=case.series,
            value=case.value,
            seed=case.run.seed,
            result=read_result(result_path(case.run, root)),
            examined=read_examination(case.examine, case.run, root) if case.examine else {},
        )
        for case in cases
    ]
