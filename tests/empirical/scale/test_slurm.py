"""Test cluster jobs with submitit's local executor: pre-emption, failure, how work is dealt out and waited for."""

import json
import os
import signal
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.errors import complains
from support.runs import cases_of, folder_of, outcome, tiny

from empirical.runs.folder import prefix_name, result_path, run_name
from empirical.scale import slurm
from empirical.scale.slurm import Cluster, Slurm, Work

REHEARSAL = Slurm(cluster="local", jobs=1)

pytestmark = [
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.usefixtures("_garbage_collected"),
]


@pytest.fixture
def cases():
    """Make the cases of a small sweep: two seeds, three lengths each."""
    runs = [tiny("linear", seed=seed, **{"growth.additions": k}) for seed in (0, 1) for k in (0, 1, 3)]
    return cases_of(runs)


@pytest.fixture
def long_case():
    """Make a case that takes seconds, so that there is time to interrupt it."""
    slow = {"training.iterations": 800, "world.dimension": 64, "growth.additions": 5}
    return cases_of([tiny("linear", **slow)])[0]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_preempted_job_is_queued_again_and_gives_the_same(long_case, tmp_path, monkeypatch):
    """Send a job in mid-run the signal that SLURM sends before it takes a node away."""
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.1)
    root = tmp_path / "runs"
    folder, cluster, hit = folder_of(long_case.run, root), Cluster(tmp_path / "slurm", root, "cpu", REHEARSAL), []

    def preempt(*_):
        if (folder / "metrics.jsonl").exists() and not hit and not long_case.done(root):
            (job,) = cluster.jobs
            hit.append(job.id)
            for task in Path(f"/proc/{job.id}/task/{job.id}/children").read_text().split():
                os.kill(int(task), signal.SIGUSR2)  # the controller itself takes no such signal

    cluster.finish([long_case], preempt)
    assert hit, "the job was not running when it was to be interrupted"
    logs = "".join((tmp_path / "slurm" / f"{hit[0]}_0_log.{kind}").read_text() for kind in ("err", "out"))
    assert "Requeued job" in logs
    assert outcome(long_case.run, root) == outcome(long_case.run, tmp_path / "undisturbed")
    assert "resumed" in (folder / "journal.jsonl").read_text()


def test_a_job_that_fails_is_named_with_its_words(cases, tmp_path):
    root = tmp_path / "runs"
    folder = folder_of(cases[0].run, root)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    cluster = Cluster(tmp_path / "slurm", root, "cpu", REHEARSAL)
    with complains("job") as raised:
        cluster.finish(cases, lambda *_: None)
    assert str(folder / "config.json") in str(raised.value)
    assert "_log.err" in str(raised.value)


@pytest.mark.slow
def test_several_processes_do_the_runs_of_a_job_together(tmp_path):
    small = {"growth.initial": 16, "growth.addition": 16, "growth.additions": 1}
    cases = cases_of([tiny("digits", seed=seed, **small) for seed in (0, 1)], "hindsight")
    cluster = Cluster(tmp_path / "slurm", tmp_path / "runs", "cpu", Slurm(cluster="local", jobs=1, ranks=2))
    cluster.finish(cases, lambda *_: None)
    for case in cases:
        journal = (folder_of(case.run, tmp_path / "runs") / "journal.jsonl").read_text().splitlines()
        assert [json.loads(line)["ranks"] for line in journal] == [2]
        assert case.done(tmp_path / "runs")


def test_work_is_the_same_again_after_a_checkpoint(cases, tmp_path):
    work = Work(tuple(cases[:2]), tmp_path, "cpu", 1, 1)
    again = work.checkpoint()
    assert again.function == work
    again.result()
    assert all(case.done(tmp_path) for case in cases[:2])
    before = result_path(cases[0].run, tmp_path).stat().st_mtime_ns
    work()
    assert result_path(cases[0].run, tmp_path).stat().st_mtime_ns == before


# How work is dealt out


class Recorder:
    """Remember the submitted works without starting them."""

    def __init__(self):
        self.works = []

    def batch(self):
        return nullcontext()

    def submit(self, work):
        self.works.append(work)
        return SimpleNamespace(job_id=str(len(self.works)))


@pytest.fixture
def recorded(tmp_path):
    """Make clusters whose jobs never start."""

    def make(**asked):
        cluster = Cluster(tmp_path / "slurm", tmp_path / "runs", "cpu", Slurm(cluster="local", **asked))
        cluster.executor = Recorder()
        return cluster

    return make


@pytest.mark.parametrize("jobs", [1, 2, 3, 50])
def test_every_case_is_dealt_once_and_runs_that_begin_alike_stay_together(recorded, jobs):
    runs = [tiny("linear", seed=seed, **{"growth.additions": k}) for seed in range(5) for k in (0, 1, 3)]
    cluster = recorded(jobs=jobs)
    cluster.submit(cases_of(runs))
    works = cluster.executor.works
    assert len(works) == min(jobs, 5)
    assert sorted(run_name(case.run) for work in works for case in work.cases) == sorted(map(run_name, runs))
    owners = {}
    for number, work in enumerate(works):
        for case in work.cases:
            assert owners.setdefault(prefix_name(case.run, 0), number) == number
    assert max(len(work.cases) for work in works) - min(len(work.cases) for work in works) <= 3


def test_what_a_living_job_does_is_not_submitted_again(recorded, cases, monkeypatch):
    """Wait for the job of an earlier call that still runs; replace the one that ended without results."""
    first = recorded(jobs=2)
    first.submit(cases)
    living = {"1"}
    monkeypatch.setattr(slurm.Queued, "over", lambda job, _: job.id not in living)
    second = recorded(jobs=2)
    second.executor.works.append(None)  # ids go on
    second.executor.works.append(None)
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.01)

    def stop(done, total, note):  # noqa: ARG001
        if len(second.executor.works) > 2:
            raise KeyboardInterrupt

    living.add("3")
    with pytest.raises(KeyboardInterrupt):
        second.finish(cases, stop)
    (work,) = second.executor.works[2:]
    assert {case.run.seed for case in work.cases} == {cases[-1].run.seed}
    assert sorted(path.name for path in second.folder.glob("*.json")) == ["1.json", "3.json"]
