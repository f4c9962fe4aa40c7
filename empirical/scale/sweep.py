"""Many runs: the series of an experiment, spread over processes of one thread each, shared beginnings made once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from empirical.config import Run, from_dict
from empirical.review.examine import Question, examination_path, examine, question
from empirical.review.portraits import Portrait
from empirical.runs.execute import execute
from empirical.runs.folder import prefix_name, result_path, run_name
from empirical.settings.recipes import load_toml
from empirical.settings.values import merged
from empirical.system.errors import require
from empirical.system.ranks import ALONE, Ranks
from empirical.worlds import WORLDS

REQUIRED = {"panel", "name", "world", "vary", "values"}
SERIES_KEYS = REQUIRED | {"set", "examine"}


@dataclass(frozen=True)
class Case:
    """One point of one series at one seed: `value` is that of the setting the series varies."""

    panel: str
    series: str
    value: float
    run: Run
    examine: Question = ""  # to the finished run (`empirical.examine`)

    def done(self, root: Path) -> bool:
        """Whether everything is there under `root`."""
        asked = not self.examine or examination_path(self.examine, self.run, root).exists()
        return asked and result_path(self.run, root).exists()


def recipe(experiments: Path, world: str) -> dict[str, Any]:
    """The default configuration of a world, without the tables that are no part of a run."""
    require(world in WORLDS, "world", world, f"one of {', '.join(WORLDS)}")
    values = load_toml(experiments / "worlds" / f"{world}.toml")
    return {name: value for name, value in values.items() if name not in ("generator", "throughput")}


def expand(
    series: Sequence[Mapping[str, Any]],
    experiments: Path,
    preset: str,
    seeds: Mapping[str, int],
    overrides: Mapping[str, Mapping[str, Any]],
) -> list[Case]:
    """The cases of `[[series]]` tables: every value of `vary`, at `seeds[world]` seeds.

    A series has `panel`, `name`, `world`, `vary` (a dotted setting), `values` (a list, or a list per preset) and
    perhaps `set` (dotted settings) and `examine` (a question to the finished runs, see `examine.question`).
    `overrides`, by world, are settings from the command line, applied last.
    """
    cases = []
    for entry in series:
        where = f"series {entry.get('name', '?')!r}"
        require(
            set(entry) <= SERIES_KEYS and set(entry) >= REQUIRED,
            where,
            sorted(entry),
            f"the keys {sorted(SERIES_KEYS)}, all but `set` and `examine` required",
        )
        asked, world, values = question(entry.get("examine", ""), f"{where}.examine"), entry["world"], entry["values"]
        require(world in seeds, f"{where}.world", world, f"a world with a number of seeds: {sorted(seeds)}", "add it")
        if isinstance(values, Mapping):
            require(
                preset in values, f"{where}.values", preset, f"one of {sorted(values)}", "add values for the preset"
            )
            values = values[preset]
        base = recipe(experiments, world)
        for value in values:
            for seed in range(seeds[world]):
                settings = {**entry.get("set", {}), entry["vary"]: value, "seed": seed, **overrides.get(world, {})}
                run = from_dict(merged(base, settings))
                if isinstance(asked, Portrait):
                    asked.check(run)
                cases.append(Case(entry["panel"], entry["name"], value, run, asked))
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


@dataclass(frozen=True)
class Job:
    """What one process does in one go: runs that begin alike, and questions to them."""

    runs: list[tuple[Run, frozenset[int]]]  # with the additions before which the state is kept
    questions: list[tuple[Question, Run]]


def work(cases: Sequence[Case], root: Path) -> list[Job]:
    """All that is left to do for `cases`, the longest first."""
    todo = [case for case in cases if not case.done(root)]
    asked: dict[str, list[tuple[Question, Run]]] = defaultdict(list)
    for case in todo:
        if case.examine and (case.examine, case.run) not in asked[prefix_name(case.run, 0)]:
            asked[prefix_name(case.run, 0)].append((case.examine, case.run))
    return [Job(group, asked[prefix_name(group[0][0], 0)]) for group in groups([case.run for case in todo])]


def do(job: Job, root: Path, device: str, ranks: Ranks = ALONE) -> None:
    """Do the runs of a job, then answer its questions, the first process alone; what is there already is left alone."""
    for run, share_before in job.runs:
        execute(run, root, device, share_before, ranks)
    for asked, run in job.questions if ranks.first else []:
        examine(asked, run, root, device)
    ranks.barrier()


def results(cases: Sequence[Case], root: Path) -> list[dict[str, Any]]:
    """The records of finished cases: panel, series, value, seed, the run's result, and what it was "examined" for."""
    return [
        {
            "panel": case.panel,
            "series": case.series,
            "value": case.value,
            "seed": case.run.seed,
            "result": execute(case.run, root),
            **({"examined": examine(case.examine, case.run, root)} if case.examine else {}),
        }
        for case in cases
    ]
