"""`--slurm`: sweeps as jobs, with submitit's local executor and, for SLURM's own side, stand-ins of its commands."""

import importlib
import json
import os
import shutil
import signal
import stat
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_experiments import COMMAND, start, wait_for, write_experiments
from test_cli import files, in_this_process

import paper_repro
from empirical import slurm, sweep
from empirical.rundir import prefix_name, result_path, run_name
from empirical.slurm import Cluster, Slurm, Work, settings

FIGURE = COMMAND[:-2]  # without --workers
REHEARSAL = Slurm(cluster="local", jobs=1)
LOCAL = '[slurm]\ncluster = "local"\njobs = 2\nminutes = 30\n'

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


@pytest.fixture
def places(tmp_path):
    """Small experiments, a file for --slurm that rehearses on this machine, and the arguments that say so."""
    folder = write_experiments(tmp_path / "experiments")
    (tmp_path / "local.toml").write_text(LOCAL)
    asked = ["--slurm", str(tmp_path / "local.toml")]
    return SimpleNamespace(out=tmp_path / "out", asked=asked, experiments=["--experiments", str(folder)], folder=folder)


@pytest.fixture
def cases(tiny):
    """The cases of a small sweep: two seeds, three lengths each."""
    runs = [tiny("linear", seed=seed, **{"growth.additions": k}) for seed in (0, 1) for k in (0, 1, 3)]
    return [sweep.Case("p", "s", run.growth.additions, run) for run in runs]


@pytest.fixture
def long_case(tiny):
    """A case that takes seconds, so that there is time to interrupt it."""
    slow = {"training.iterations": 2000, "world.dimension": 64, "growth.additions": 5}
    return sweep.Case("p", "s", 5, tiny("linear", **slow))


def submitted(folder):
    return sorted(folder.glob("*_submitted.pkl"))


def test_a_figure_made_by_jobs_is_the_figure(places, tmp_path, monkeypatch, capsys):
    arguments = [*FIGURE, *places.experiments]
    assert paper_repro.main([*arguments, *places.asked, "--out", str(places.out)]) == 0
    assert "10 of 10" in capsys.readouterr().out
    assert len(submitted(places.out / "slurm")) == 2  # two seeds: runs that begin alike stay together
    monkeypatch.setattr(sweep, "sweep", in_this_process)
    assert paper_repro.main([*arguments, "--out", str(tmp_path / "alone")]) == 0
    assert files(places.out) == files(tmp_path / "alone")
    assert paper_repro.main([*arguments, *places.asked, "--out", str(places.out)]) == 0  # nothing is left to submit
    assert len(submitted(places.out / "slurm")) == 2


@pytest.mark.slow
def test_interrupted_the_jobs_go_on_and_are_picked_up(places):
    """SIGINT to the program alone; the same command waits for the jobs that are there instead of submitting more."""
    write_again = write_experiments(places.folder.parent / "longer", iterations=1500, steps=50)
    arguments = [*FIGURE, "--experiments", write_again, *places.asked, "--out", places.out]
    with start(*arguments) as process:
        wait_for(lambda: list(places.out.rglob("config.json")) or process.poll() is not None, "the first run", 120)
        before = submitted(places.out / "slurm")
        os.kill(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 130
        assert "goes on from here" in said
        with start(*arguments) as again:
            out, err = again.communicate(timeout=300)
        assert again.returncode == 0, err
    assert "10 of 10" in out
    assert submitted(places.out / "slurm") == before
    assert len(list(places.out.rglob("result.json"))) == 10


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_preempted_job_is_queued_again_and_gives_the_same(long_case, tmp_path, outcome, folder_of, monkeypatch):
    """The signal that SLURM sends before it takes a node away, to the process of a job in mid-run."""
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


def test_a_job_that_fails_is_named_with_its_words(cases, tmp_path, folder_of, complains):
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
def test_several_processes_do_the_runs_of_a_job_together(tiny, tmp_path, folder_of):
    small = {"growth.initial": 16, "growth.addition": 16, "growth.additions": 1}
    cases = [sweep.Case("p", "s", 1, tiny("digits", seed=seed, **small), "hindsight") for seed in (0, 1)]
    cluster = Cluster(tmp_path / "slurm", tmp_path / "runs", "cpu", Slurm(cluster="local", jobs=1, ranks=2))
    cluster.finish(cases, lambda *_: None)
    for case in cases:
        journal = (folder_of(case.run, tmp_path / "runs") / "journal.jsonl").read_text().splitlines()
        assert [json.loads(line)["ranks"] for line in journal] == [2]
        assert case.done(tmp_path / "runs")


# What SLURM is asked for: its commands are stand-ins that run the script they are given

SBATCH = """#!{python}
import os, re, subprocess, sys
script = sys.argv[1]
text = open(script).read()
tasks = re.search(r"--array=0-([0-9]+)", text)
print("Submitted batch job 4711")
sys.stdout.flush()
for task in range(int(tasks.group(1)) + 1 if tasks else 1):
    environment = dict(os.environ, SLURM_JOB_ID=str(4711 + task), SLURM_NTASKS="1", SLURM_PROCID="0", SLURM_NODEID="0")
    if tasks:
        environment |= dict(SLURM_ARRAY_JOB_ID="4711", SLURM_ARRAY_TASK_ID=str(task))
    subprocess.Popen(["bash", script], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, start_new_session=True)
"""
SRUN = """#!{python}
import os, sys
words = [w for w in sys.argv[1:]]
while words[0].startswith("--"):
    words = words[1:] if words[0] == "--unbuffered" else words[2:]
os.execvp(words[0], words)
"""
SACCT = """#!{python}
print("JobID|State|NodeList")
for task in range(8): print("4711_%d|RUNNING|here" % task)
"""


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """`sbatch`, `srun` and `sacct`, found first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT)):
        path = folder / name
        path.write_text(text.replace("{python}", sys.executable))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("commands")
def test_slurm_is_asked_for_what_the_file_says(cases, tmp_path):
    asked = Slurm(partition="long", minutes=90, jobs=2, cpus=3, memory_gb=5, account="lab", qos="low",
                  constraint="a100", setup=("export STAND_IN=1",))  # fmt: skip
    cluster = Cluster(tmp_path / "slurm", tmp_path / "runs", "cpu", asked)
    cluster.finish(cases, lambda *_: None)
    (script,) = (tmp_path / "slurm").glob("*_submission.sh")
    lines = script.read_text().splitlines()
    flags = {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}
    assert flags >= {
        "partition=long", "time=90", "cpus-per-task=3", "mem=5GB", "account=lab", "qos=low", "constraint=a100",
        "array=0-1%2", "requeue", "nodes=1", "ntasks-per-node=1", "open-mode=append",
    }  # fmt: skip
    assert any(flag.startswith("signal=USR2@") for flag in flags)
    assert not any(flag.startswith("gpus") for flag in flags)
    assert "export STAND_IN=1" in lines
    assert [job.id for job in cluster.jobs] == ["4711_0", "4711_1"]


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize(
    ("asked", "device", "gpus"),
    [(Slurm(), "cuda", 1), (Slurm(ranks=4, nodes=2), "cuda", 2), (Slurm(gpus=3), "cpu", 3), (Slurm(), "cpu", None)],
)
def test_gpus_are_asked_for_where_they_are_used(tmp_path, asked, device, gpus):
    parameters = Cluster(tmp_path / "slurm", tmp_path / "runs", device, asked).executor._executor.parameters
    assert parameters.get("gpus_per_node") == gpus
    assert parameters["ntasks_per_node"] == asked.ranks // asked.nodes


# How work is dealt out


class Recorder:
    """An executor that only remembers what it was given."""

    def __init__(self):
        self.works = []

    def batch(self):
        return nullcontext()

    def submit(self, work):
        self.works.append(work)
        return SimpleNamespace(job_id=str(len(self.works)))


@pytest.fixture
def recorded(tmp_path):
    """A cluster whose jobs never start."""

    def make(**asked):
        cluster = Cluster(tmp_path / "slurm", tmp_path / "runs", "cpu", Slurm(cluster="local", **asked))
        cluster.executor = Recorder()
        return cluster

    return make


@pytest.mark.parametrize("jobs", [1, 2, 3, 50])
def test_every_case_is_dealt_once_and_runs_that_begin_alike_stay_together(recorded, tiny, jobs):
    runs = [tiny("linear", seed=seed, **{"growth.additions": k}) for seed in range(5) for k in (0, 1, 3)]
    cases = [sweep.Case("p", "s", 0, run) for run in runs]
    cluster = recorded(jobs=jobs)
    cluster.submit(cases)
    works = cluster.executor.works
    assert len(works) == min(jobs, 5)
    assert sorted(run_name(case.run) for work in works for case in work.cases) == sorted(map(run_name, runs))
    owners = {}
    for number, work in enumerate(works):
        for case in work.cases:
            assert owners.setdefault(prefix_name(case.run, 0), number) == number
    assert max(len(work.cases) for work in works) - min(len(work.cases) for work in works) <= 3


def test_what_a_living_job_does_is_not_submitted_again(recorded, cases, monkeypatch):
    """Jobs of an earlier call: one lives and is waited for, one is over without results and is replaced."""
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


def test_work_is_the_same_again_after_a_checkpoint(cases, tmp_path):
    work = Work(tuple(cases[:2]), tmp_path, "cpu", 1, 1)
    again = work.checkpoint()
    assert again.function == work
    again.result()
    assert all(case.done(tmp_path) for case in cases[:2])
    before = result_path(cases[0].run, tmp_path).stat().st_mtime_ns
    work()
    assert result_path(cases[0].run, tmp_path).stat().st_mtime_ns == before


# What it refuses


def test_a_partition_or_a_file_with_the_flags_on_top(tmp_path):
    assert settings("gpu", 30) == Slurm(partition="gpu", minutes=30)
    path = tmp_path / "lab.toml"
    path.write_text('[slurm]\npartition = "gpu"\nminutes = 60\nsetup = ["module load cuda"]\n')
    assert settings(str(path)) == Slurm(partition="gpu", minutes=60, setup=("module load cuda",))
    assert settings(str(path), 5, 2) == Slurm(partition="gpu", minutes=5, workers=2, setup=("module load cuda",))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[slurm]\nminutes = 0", "slurm.minutes"),
        ("[slurm]\njobs = 0", "slurm.jobs"),
        ("[slurm]\ntime = 3", "slurm.time"),
        ("[slurm]\ncluster = 'cloud'", "slurm.cluster"),
        ("[slurm]\nsetup = 'module load cuda'", "slurm.setup"),
        ("[slurm]\nranks = 3\nnodes = 2", "slurm.ranks"),
        ("[slurm]\nranks = 2\nworkers = 2", "slurm.workers"),
        ("[slurm]\ngpus = -1", "slurm.gpus"),
        ("[other]\njobs = 1", "[slurm]"),
        ("slurm = 3", "[slurm]"),
        ("[slurm", "TOML"),
    ],
)
def test_a_bad_file_is_refused_by_name(places, capsys, tmp_path, text, named):
    (tmp_path / "lab.toml").write_text(text)
    asked = ["--slurm", str(tmp_path / "lab.toml"), "--out", str(places.out)]
    assert paper_repro.main([*FIGURE, *places.experiments, *asked]) == 2
    assert named in capsys.readouterr().err
    assert not places.out.exists()


@pytest.mark.skipif(shutil.which("srun") is not None, reason="this machine has SLURM")
def test_without_slurm_it_says_where_to_go(places, capsys):
    assert paper_repro.main([*FIGURE, *places.experiments, "--slurm", "gpu", "--out", str(places.out)]) == 2
    said = capsys.readouterr().err
    assert "srun" in said
    assert "login node" in said


def test_without_submitit_the_extra_is_named(places, capsys, monkeypatch):
    real = importlib.import_module

    def without(name):
        if name.startswith("submitit"):
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without)
    assert paper_repro.main([*FIGURE, *places.experiments, *places.asked, "--out", str(places.out)]) == 2
    assert "[slurm]" in capsys.readouterr().err
