"""Test runs on disk: the files they leave, the states they share, and the events they report."""

import json

import pytest
import torch
from support.runs import folder_of, outcome, practise, tiny

from empirical import practice as practice_module
from empirical.config import to_dict, world_of
from empirical.pool.pool import Pool
from empirical.runs import execute as run_module
from empirical.runs.checkpoint import read_checkpoint
from empirical.runs.execute import execute
from empirical.runs.folder import prefix_name


def test_a_run_leaves_all_that_is_promised(tmp_path):
    run = tiny("digits")
    result, metrics, pool = outcome(run, tmp_path)
    folder = folder_of(run, tmp_path)
    assert json.loads((folder / "config.json").read_text()) == json.loads(json.dumps(to_dict(run)))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest) == {
        "versions", "git_revision", "hardware", "arithmetic", "started", "identity", "sha256"}  # fmt: skip
    (line,) = (folder / "journal.jsonl").read_text().splitlines()
    journal = json.loads(line)
    assert (journal["event"], journal["step"], journal["ranks"]) == ("started", 0, 1)
    assert {"time", "host", "pid", "device_name"} <= set(journal)
    assert journal["device"] == "cpu"
    assert {"torch", "diffusers", "timm", "python"} <= set(manifest["versions"])
    events = [json.loads(line) for line in metrics.splitlines()]
    assert [e["event"] for e in events].count("evaluated") == 12
    assert sorted(name.partition(".")[2] for name in pool) == ["json"] * 3 + ["parquet"] * 3
    assert sorted(path.name for path in (folder / "guides").iterdir()) == [
        "round_0001.safetensors", "round_0002.safetensors"]  # fmt: skip
    assert (result["pool_size"], result["cost"]["images"], result["cost"]["learner_steps"]) == (36, 36, 24)
    assert result["cost"]["denoiser_calls"] == 36 * 4 * 2
    assert result["cost"]["guided_steps"] == 24 * 4
    assert len(result["correct"]) == 597
    assert result["accuracy"] == pytest.approx(result["correct"].count("1") / 597)
    assert result["accuracy_validation"] == events[-1]["accuracy_validation"]
    assert result["alignment"] is None
    assert result["config"] == json.loads(json.dumps(to_dict(run)))
    evaluated = [e for e in events if e["event"] == "evaluated"]
    assert result["trajectory"] == {
        name: [e[name] for e in evaluated] for name in ("step", "pool", "loss", "accuracy_validation", "signal")
    }
    assert result["trajectory"]["step"] == list(range(2, 25, 2))
    assert result["trajectory"]["signal"] == result["trajectory"]["accuracy_validation"]
    assert result["trajectory"]["pool"][-1] == 36
    assert -1 <= outcome(tiny("linear"), tmp_path)[0]["alignment"] <= 1


def test_a_finished_run_is_only_read(tmp_path):
    run = tiny("linear")
    first = execute(run, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder_of(run, tmp_path).rglob("*")}
    assert execute(run, tmp_path) == first
    assert before == {path: path.stat().st_mtime_ns for path in folder_of(run, tmp_path).rglob("*")}


def test_a_run_goes_on_with_other_settings_that_have_no_effect(tmp_path):
    """The folder then has the latest configuration; a setting with an effect names another folder."""
    plain = {"acquire.omega": 0.0, "growth.additions": 1}
    first, later = tiny("linear", **plain), tiny("linear", **plain, **{"acquire.through": "denoiser"})
    result = execute(first, tmp_path)
    folder = folder_of(later, tmp_path)
    assert folder == folder_of(first, tmp_path)
    (folder / "result.json").unlink()
    again = execute(later, tmp_path)
    assert (again.accuracy, again.trajectory) == (result.accuracy, result.trajectory)
    assert json.loads((folder / "config.json").read_text())["acquire"]["through"] == "denoiser"
    assert folder_of(tiny("linear", **plain, **{"acquire.ratio": 2}), tmp_path) != folder


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_equal_runs_are_equal_and_other_seeds_are_not(undisturbed, tmp_path, world):
    assert outcome(tiny(world), tmp_path) == undisturbed(world)
    assert outcome(tiny(world, seed=1), tmp_path)[2] != undisturbed(world)[2]


@pytest.mark.parametrize("world", ["linear", "digits"])
@pytest.mark.parametrize("control", [{}, {"acquire.direction": "random"}, {"acquire.omega": 0.0, "acquire.ratio": 3}])
def test_a_branch_of_a_shared_beginning_equals_the_run_from_scratch(undisturbed, tmp_path, world, control):
    """Shorter and different runs start from the states that a longer run keeps before both additions."""
    longer = tiny(world, **control)
    execute(longer, tmp_path, share_before=frozenset({1, 2}))
    shared = [tmp_path / world / prefix_name(longer, additions) for additions in (0, 1)]
    assert all(path.is_dir() for path in shared)
    for additions in (1, 0):
        branch = {**control, "growth.additions": additions}
        assert outcome(tiny(world, **branch), tmp_path) == undisturbed(world, **branch)
    other = {**control, "acquire.retire": 1.0}  # differs in the additions: only the first state is common
    assert outcome(tiny(world, **other), tmp_path) == undisturbed(world, **other)
    assert outcome(longer, tmp_path) == undisturbed(world, **control)


def test_a_branch_really_starts_late(tmp_path, monkeypatch):
    """A branch starts from the state before the first addition, and trains only the iterations that follow."""
    run = tiny("digits")
    execute(run, tmp_path, share_before=frozenset({1}))
    before = json.loads((tmp_path / "digits" / prefix_name(run, 0) / "metrics.jsonl").read_text().splitlines()[-1])[
        "step"
    ]
    steps = []
    make = run_module.State.__init__

    def spying(self, *arguments):
        make(self, *arguments)
        steps.append(self.progress.step)

    monkeypatch.setattr(run_module.State, "__init__", spying)
    execute(tiny("digits", **{"acquire.omega": 0.1}), tmp_path)
    assert steps == [before]
    assert before > 0


def test_an_observer_sees_every_event_of_the_loop(tmp_path):
    run, seen = tiny("digits"), []
    execute(run, tmp_path, observe=seen.append)
    expected = practise(run, tmp_path / "plain")[0]
    assert [event.kind for event in seen] == [event.kind for event in expected]
    assert [e.values for e in seen if e.kind == "evaluated"] == [e.values for e in expected if e.kind == "evaluated"]


def test_a_run_is_saved_every_so_many_evaluations_and_seconds(tmp_path, monkeypatch):
    """Compare the step of the checkpoint after each evaluation, without additions."""

    def steps(name, every, seconds):
        monkeypatch.setattr(run_module, "CHECKPOINT_EVERY", every)
        monkeypatch.setattr(run_module, "CHECKPOINT_SECONDS", seconds)
        run, saved = tiny("linear", **{"growth.additions": 0, "training.iterations": 7}), []

        def observe(event):
            if event.kind == "evaluated":
                saved.append(read_checkpoint(folder_of(run, tmp_path / name)).values["step"])

        execute(run, tmp_path / name, observe=observe)
        return saved, read_checkpoint(folder_of(run, tmp_path / name)).values["step"]

    assert steps("seldom", 100, 1e9) == ([0] * 7, 7)
    assert steps("third", 3, 1e9) == ([0, 0, 3, 3, 3, 6, 6], 7)
    assert steps("late", 100, 0.0) == ([1, 2, 3, 4, 5, 6, 7], 7)


def test_skipped_guidance_steps_end_in_the_cost(tmp_path, monkeypatch):
    """Give every fifth image no gradient: it is made plainly, the others as ever, and its steps are counted."""
    run, make = tiny("linear", **{"growth.additions": 1}), practice_module.make_guide
    plain, bad = tiny("linear", **{"growth.additions": 1, "acquire.omega": 0.0}), torch.arange(16) % 5 == 0

    def added(run, name):
        cost = outcome(run, tmp_path / name)[0]["cost"]
        pool = Pool(folder_of(run, tmp_path / name) / "pool", world_of(run).shape, 2)
        return pool.rounds[1].images(torch.arange(16)), cost

    (without, _), (guided, cost) = added(plain, "plain"), added(run, "guided")
    assert (cost["guided_steps"], cost["skipped_steps"]) == (16 * 8, 0)
    spoil = torch.where(bad, 0.0, 1.0).unsqueeze(1)
    monkeypatch.setattr(practice_module, "make_guide", lambda logits, how, *_: make(lambda x: logits(x) * spoil, how))
    spoiled, cost = added(run, "spoiled")
    assert (cost["guided_steps"], cost["skipped_steps"]) == (16 * 8, 4 * 8)
    assert torch.equal(spoiled[bad], without[bad])
    assert torch.equal(spoiled[~bad], guided[~bad])
    assert not torch.equal(guided[bad], without[bad])
