"""Test the command `run`: one run from a recipe, its progress and live scalars, also when stopped and continued."""

import builtins
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.processes import in_child
from support.runs import outcome
from support.small_experiments import WORLD

import paper_repro
from empirical.config import from_dict
from empirical.runs.folder import run_directory
from empirical.runs.tensorboard import Scalars
from empirical.settings.recipes import load_toml
from empirical.settings.values import merged

RECIPE = WORLD.format(iterations=12, steps=8) + "\n[generator]\niterations = 3\n"


@pytest.fixture
def recipe(tmp_path):
    """Write a recipe with the tables that are no part of a run."""
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def run_of(recipe, **settings):
    """Make the run of a recipe with settings on top."""
    values = load_toml(recipe)
    del values["throughput"], values["generator"]
    return from_dict(merged(values, {key.replace("__", "."): value for key, value in settings.items()}))


def call(*arguments):
    return paper_repro.main(["run", *(str(argument) for argument in arguments)])


def test_a_run_is_what_its_configuration_says_wherever_it_is_made(recipe, tmp_path, capsys):
    settings = ["--set", "growth.additions=2", "acquire.through=denoiser", "--set", "seed=3"]
    assert call(recipe, *settings, "--out", tmp_path / "out") == 0
    output = capsys.readouterr().out
    run = run_of(recipe, growth__additions=2, acquire__through="denoiser", seed=3)
    folder = run_directory(run, tmp_path / "out" / "runs")
    assert outcome(run, tmp_path / "out" / "runs") == outcome(run, tmp_path / "elsewhere")
    result = json.loads((folder / "result.json").read_text())
    assert str(folder) in output.replace("\n", "")
    assert f"{result['accuracy']:.4f}" in output
    assert "12 of 12" in output
    assert output.count("16 added") == 2
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert call(recipe, *settings, "--out", tmp_path / "out") == 0  # again: it is only read
    assert "finished before" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_dry_run_shows_the_resolved_configuration_and_does_nothing(recipe, tmp_path, capsys):
    assert call(recipe, "--set", "growth.additions=2", "--dry-run", "--out", tmp_path / "out") == 0
    output = capsys.readouterr().out
    for expected in (
        "growth.additions = 2",
        "training.schedule = wsd",
        "48 images, 384 denoiser calls, 12 iterations",
        run_directory(run_of(recipe, growth__additions=2), Path()).name,
    ):
        assert expected in output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", "growth.number=3"], "growth.number"),
        (["--set", "growth.additions"], "--set"),
        (["--set", "=3"], "--set"),
        (["--set", "growth.additions=two words"], "--set"),
        (["--set", "growth.additions=3", "--set", "growth.additions=4"], "--set"),
        (["--set", "growth.additions=x"], "growth.additions"),
        (["--set", "acquire.omega=-1"], "acquire.omega"),
        (["--device", "abacus"], "--device"),
    ],
)
def test_what_cannot_be_is_refused_by_name(recipe, tmp_path, capsys, arguments, named):
    assert call(recipe, *arguments, "--out", tmp_path / "out") == 2
    output = capsys.readouterr().err
    assert output.startswith(f"error: {named}")
    assert output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_is_not_there_is_named(tmp_path, capsys):
    assert call(tmp_path / "nowhere.toml", "--out", tmp_path) == 2
    assert "nowhere.toml" in capsys.readouterr().err


def scalars(folder):
    """Count the values written for each (tag, step), and return the last of each."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    counts = Counter()
    values = {}
    for path in (folder / "tensorboard").glob("events*"):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                counts[value.tag, event.step] += 1
                values[value.tag, event.step] = value.tensor.float_val[0]
    return counts, values


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_of_a_run_killed_and_gone_on_with_are_written_once(recipe, tmp_path, monkeypatch):
    """Kill a run whose scalars on disk are ahead of its checkpoint, then one whose last scalars are not on disk yet."""
    arguments = [recipe, "--set", "training.iterations=200", "growth.additions=5", "--tensorboard", "--out", tmp_path]
    run = run_of(recipe, training__iterations=200, growth__additions=5)
    folder = run_directory(run, tmp_path / "runs")
    write = Scalars.write

    def killed(flushed, countdown):
        def write_or_die(self, event):
            write(self, event)
            if next(countdown) == 0:
                if flushed:
                    self.writer.flush()
                os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(Scalars, "write", write_or_die)
        call(*arguments)

    for flushed in (True, False):
        assert in_child(lambda flushed=flushed: killed(flushed, iter(range(70, -1, -1)))) == -signal.SIGKILL
        assert not (folder / "result.json").exists()
    assert call(*arguments) == 0
    result = json.loads((folder / "result.json").read_text())
    counts, values = scalars(folder)
    assert set(counts.values()) == {1}
    for tag, column in (("loss", "loss"), ("accuracy/validation", "accuracy_validation"), ("pool/size", "pool")):
        for step, value in zip(result["trajectory"]["step"], result["trajectory"][column], strict=True):
            assert values[tag, step] == pytest.approx(value, rel=1e-6)
    rounds = result["pool"][1:]
    entropies = {step: value for (tag, step), value in values.items() if tag == "pool/entropy when added"}
    assert entropies == pytest.approx({round_["step"]: round_["entropy"] for round_ in rounds}, rel=1e-6)
    images = {step: value for (tag, step), value in values.items() if tag == "pool/images generated"}
    assert images == {0: 16} | {round_["step"]: 16 * (round_["round"] + 1) for round_ in rounds}
    assert call(*arguments) == 0  # finished: nothing is added
    assert scalars(folder)[0] == counts


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_asked_for_late_start_at_the_beginning(recipe, tmp_path):
    assert call(recipe, "--out", tmp_path) == 0
    assert call(recipe, "--tensorboard", "--out", tmp_path) == 0
    counts, _ = scalars(run_directory(run_of(recipe), tmp_path / "runs"))
    assert {step for tag, step in counts if tag == "loss"} == set(range(1, 13))


def test_without_tensorboard_the_extra_is_named(recipe, tmp_path, capsys, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if "tensorboard" in name and not name.startswith("empirical"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert call(recipe, "--tensorboard", "--out", tmp_path / "out") == 2
    assert "[tensorboard]" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_do_one_run_and_one_of_them_talks(tmp_path):
    """Two processes under torch's launcher, which accelerate uses for GPUs, train the network of digits together."""
    digits = Path(paper_repro.__file__).parent / "experiments" / "worlds" / "digits.toml"
    tiny = ["training.iterations=24", "training.batch=8", "sampling.steps=4", "sampling.batch=8", "growth.initial=16",
            "growth.addition=16", "growth.additions=1", "growth.evaluate_every=2", "growth.patience=1"]  # fmt: skip
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*launch, paper_repro.__file__, "run", str(digits), "--set", *tiny, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("images generated") == 1
    (result,) = tmp_path.rglob("result.json")
    assert json.loads(result.read_text())["pool_size"] == 32
    journal = [json.loads(line) for line in (result.parent / "journal.jsonl").read_text().splitlines()]
    assert [line["ranks"] for line in journal] == [2]
