"""Test `--slurm`: a figure made by jobs of submitit's local executor, and settings that are refused."""

import importlib
import os
import shutil
import signal
from types import SimpleNamespace

import pytest
from support.small_experiments import COMMAND, files, in_this_process, start, wait_for, write_experiments

import paper_repro

FIGURE = COMMAND[:-2]  # without --workers
LOCAL = '[slurm]\ncluster = "local"\njobs = 2\nminutes = 30\n'

pytestmark = [
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.usefixtures("_garbage_collected"),
]


@pytest.fixture
def places(tmp_path):
    """Write small experiments and a --slurm file for the local executor; return folders and arguments."""
    folder = write_experiments(tmp_path / "experiments")
    (tmp_path / "local.toml").write_text(LOCAL)
    asked = ["--slurm", str(tmp_path / "local.toml")]
    return SimpleNamespace(out=tmp_path / "out", asked=asked, experiments=["--experiments", str(folder)], folder=folder)


def submitted(folder):
    return sorted(folder.glob("*_submitted.pkl"))


def test_a_figure_made_by_jobs_is_the_figure(places, tmp_path, monkeypatch, capsys):
    arguments = [*FIGURE, *places.experiments]
    assert paper_repro.main([*arguments, *places.asked, "--out", str(places.out)]) == 0
    assert "10 of 10" in capsys.readouterr().out
    assert len(submitted(places.out / "slurm")) == 2  # two seeds: runs that begin alike stay together
    monkeypatch.setattr("empirical.scale.workers.sweep", in_this_process)
    assert paper_repro.main([*arguments, "--out", str(tmp_path / "alone")]) == 0
    assert files(places.out) == files(tmp_path / "alone")
    assert paper_repro.main([*arguments, *places.asked, "--out", str(places.out)]) == 0  # nothing is left to submit
    assert len(submitted(places.out / "slurm")) == 2


@pytest.mark.slow
def test_interrupted_the_jobs_go_on_and_are_picked_up(places):
    """After SIGINT to the program alone, the same command waits for the jobs that run instead of submitting more."""
    write_again = write_experiments(places.folder.parent / "longer", iterations=1500, steps=50)
    arguments = [*FIGURE, "--experiments", write_again, *places.asked, "--out", places.out]
    with start(*arguments) as process:
        wait_for(lambda: list(places.out.rglob("config.json")) or process.poll() is not None, "the first run", 120)
        before = submitted(places.out / "slurm")
        os.kill(process.pid, signal.SIGINT)
        output = process.communicate(timeout=60)[1]
        assert process.returncode == 130
        assert "goes on from here" in output
        with start(*arguments) as again:
            out, err = again.communicate(timeout=300)
        assert again.returncode == 0, err
    assert "10 of 10" in out
    assert submitted(places.out / "slurm") == before
    assert len(list(places.out.rglob("result.json"))) == 10


# What it refuses


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
    output = capsys.readouterr().err
    assert "srun" in output
    assert "login node" in output


def test_without_submitit_the_extra_is_named(places, capsys, monkeypatch):
    real = importlib.import_module

    def without(name):
        if name.startswith("submitit"):
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without)
    assert paper_repro.main([*FIGURE, *places.experiments, *places.asked, "--out", str(places.out)]) == 2
    assert "[slurm]" in capsys.readouterr().err
