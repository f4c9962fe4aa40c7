"""Compare the estimated cost of runs with the cost that they report."""

from pathlib import Path

import pytest
from support.errors import complains
from support.places import EXPERIMENTS
from support.runs import run_of, tiny

from cli import estimate as estimates
from cli.estimate import Footprint, estimate
from cli.listing import _from_nothing, _wall, footprint, needed_for, speeds, spell
from cli.options import ListOptions, Options
from cli.plans import plan, world_recipes
from cli.speeds import CORE, Speeds, known, speed_settings, text
from empirical.config import new_learner, world_of
from empirical.diffusion.guidance import When
from empirical.loop.budget import expected, guided_share
from empirical.review.examine import examine
from empirical.runs.execute import execute

KINDS = [
    ("digits", {}),
    ("digits", {"acquire.omega": 0.0}),
    ("digits", {"acquire.direction": "random"}),
    ("digits", {"acquire.through": "denoiser"}),
    ("digits", {"growth.additions": 0}),
    ("digits", {"acquire.retire": 0.5}),
    ("linear", {"growth.memory": 1, "acquire.schedule": (1.0, 2.0)}),
    ("linear", {"acquire.ratio": 3, "acquire.omega": 0.0}),
    ("linear", {"acquire.reject": 0.3}),
    ("linear", {"growth.signal": "synthetic"}),
]


@pytest.mark.parametrize(("world", "changes"), KINDS, ids=str)
def test_counts_are_those_that_runs_report(tmp_path, world, changes):
    """The estimate is exact for a run of short patience, which makes all its additions."""
    run = tiny(world, **{"training.cooldown": 0.0, "growth.patience": 1, **changes})
    needed, cost = needed_for([run], Speeds()), execute(run, tmp_path).cost
    assert len(execute(run, tmp_path).pool) == run.growth.additions + 1
    assert (needed.images, needed.denoiser_calls) == (cost["images"], cost["denoiser_calls"])
    assert needed.iterations == cost["learner_steps"]


def test_shared_work_is_counted_once(tmp_path):
    """Runs of one seed share plain images and their first state; runs of different seeds share nothing."""
    runs = [tiny("linear", **{"growth.additions": k, "acquire.omega": omega}) for k in (1, 3) for omega in (0.0, 0.01)]
    one = needed_for(runs, Speeds())
    assert one.images == 24 + 3 * 16 + 16 + 3 * 16  # the longest plain sequence, and the guided additions
    plain = [path for run in runs for path in [execute(run, tmp_path)]]
    assert len(plain) == 4
    blocks = list(tmp_path.rglob("block_*.safetensors"))
    assert len(blocks) == -(-(24 + 3 * 16) // 16)
    other = [tiny("linear", seed=1, **{"growth.additions": k}) for k in (1, 3)]
    assert needed_for(runs + other, Speeds()).images == one.images + 24 + 16 + 3 * 16
    assert needed_for(runs + runs, Speeds()) == one


LINEAR = {"images": {"plain": 10.0, "x0": 2.0, "random": 4.0}, "iterations": {"ridge": 8.0}}


def test_time_follows_from_the_measured_speeds():
    fast = Speeds({"linear": LINEAR})

    def seconds(*runs, replayed=(), fast=fast):
        return needed_for(list(runs), fast, replayed).seconds

    run = tiny("linear")  # 24 plain, 3 x 16 guided, 16 iterations
    assert seconds(run) == {CORE: pytest.approx(2.4 + 24 + 2)}
    longer = tiny("linear", **{"growth.additions": 1})  # starts from what the first has shared
    assert seconds(run, longer)[CORE] == pytest.approx(2.4 + 24 + 2 + 8 + estimates.LATER * 2)
    replayed = needed_for([run], fast, [run])
    assert (replayed.seconds[CORE], replayed.iterations) == (pytest.approx(2.4 + 24 + 2 + 2), 32)
    assert seconds(tiny("linear", **{"acquire.direction": "random"}))[CORE] == pytest.approx(2.4 + 12 + 2)
    watched = Speeds({"linear": {**LINEAR, "evaluations": {"ridge": 32.0}}})
    assert seconds(run, fast=watched)[CORE] == pytest.approx(2.4 + 24 + 2 + 0.5)
    sparse = tiny("linear", **{"acquire.every": 4})  # of 8 steps 2 are guided: a quarter of the time is that of x0
    assert seconds(sparse)[CORE] == pytest.approx(2.4 + 48 / 4 / 2 + 48 * 3 / 4 / 10 + 2)


def test_gpu_hours_are_told_apart_and_what_is_not_known_is_said():
    run = tiny("linear", **{"acquire.through": "denoiser"})
    needed = needed_for([run], Speeds({"linear": {**LINEAR, "device": "NVIDIA X"}}))
    assert needed.seconds == {"NVIDIA X": pytest.approx(2.4 + 2)}
    assert needed.unmeasured == {"images (linear, denoiser)"}
    assert "0.0 GPU-hours (NVIDIA X); not measured: images (linear, denoiser)" in spell(needed)
    nothing = needed_for([run], Speeds())
    assert (nothing.seconds, len(nothing.unmeasured)) == ({}, 3)
    assert _wall(needed, 0.0, 2) == pytest.approx(8 + 4.4)  # one GPU, whoever waits
    needed.seconds[CORE] = 100.0
    assert _wall(needed, 0.0, 2) == pytest.approx(8 + 4.4 + 50)


@pytest.mark.parametrize("interval", [(0.0, 1.0), (0.3, 0.8), (0.5, 1.0)])
@pytest.mark.parametrize("every", [1, 3, 5])
def test_guided_steps_are_those_of_guidance(every, interval):
    """The numbers agree; where a level lies at the edge of the interval, they may differ by one."""
    scheduler = world_of(tiny("digits")).scheduler()
    for steps in (4, 15, 50):
        scheduler.set_timesteps(steps)
        guided = len(When(every, interval).steps(scheduler))
        edge = any(abs(i / steps - bound) < 0.011 for i in range(1, steps) for bound in interval)
        assert abs(guided_share(steps, every, interval) * steps - guided) < (1.01 if edge else 1e-9)
    assert guided_share(50, 1, (0.0, 1.0)) == 1


def measured(folder, run, name, date="2026-01-01", **changes):
    """Write a file of measured speeds for a run."""
    tables = {"throughput": {"device": CORE, "date": date, **LINEAR, **changes}, "settings": speed_settings(run)}
    (folder / "throughput").mkdir(exist_ok=True)
    (folder / "throughput" / f"{name}.toml").write_text(text(["a test"], tables))


def test_measurements_are_preferred_to_the_recipe_where_they_are_of_its_settings(tmp_path):
    run, recipes = tiny("linear"), {"linear": {"images": {"plain": 1.0}, "iterations": {}}}
    assert known(recipes, tmp_path, "cpu").of(run)["images"] == {"plain": 1.0}
    measured(tmp_path, run, "a")
    assert known(recipes, tmp_path, "cpu").of(run)["images"] == LINEAR["images"]
    measured(tmp_path, run, "b", date="2026-02-01", images={"x0/linear": 3.5})
    measured(tmp_path, run, "c", device="NVIDIA X", images={"plain": 900.0})
    assert known(recipes, tmp_path, "cpu").of(run)["images"] == {"x0/linear": 3.5}  # the latest
    assert known(recipes, tmp_path, "cuda:1").of(run)["device"] == "NVIDIA X"  # of the device that is asked for
    other = tiny("linear", **{"sampling.steps": 10})
    assert known(recipes, tmp_path, "cpu").of(other)["images"] == {"plain": 1.0}
    assert known({}, tmp_path, "cpu").of(other) == {}


def test_a_file_that_is_no_measurement_is_refused(tmp_path):
    (tmp_path / "throughput").mkdir()
    (tmp_path / "throughput" / "a.toml").write_text("[throughput]\n")
    with complains("a.toml"):
        known({}, tmp_path, "cpu")


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_the_disk_that_is_said_is_the_disk_that_is_used(tmp_path, world):
    """The estimate is within a third for a run that makes all additions and whose samples and learner matter."""
    changes = {"training.iterations": 60, "growth.initial": 512, "growth.addition": 256, "growth.additions": 2}
    run = run_of(
        world,
        **changes,
        **{"sampling.steps": 4, "training.cooldown": 0.0, "growth.evaluate_every": 5, "growth.patience": 1},
    )
    execute(run, tmp_path)
    used = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert needed_for([run], Speeds()).disk_bytes == pytest.approx(used, rel=1 / 3)


def test_a_vector_needs_four_bytes_a_value_and_an_optimiser_counts():
    assert footprint(tiny("linear", **{"world.dimension": 50})) == Footprint(200.0, 400.0)  # w in float64
    parameters = sum(t.numel() for name, t in new_learner(tiny("digits"), "cpu").state().items()
                     if name.startswith("model."))  # fmt: skip
    assert footprint(tiny("digits")).state == 4 * 4 * parameters  # weights, their average, two moments


@pytest.mark.parametrize("name", ["fig4", "fig6", "table3", "modes", "phase"])
def test_the_list_agrees_with_the_dry_run(name):
    """Both estimate the same seconds, though a list opens no worlds."""
    recipes, fast = world_recipes(EXPERIMENTS), speeds(EXPERIMENTS, Path("nowhere"), "cpu")
    for preset in ("default", "quick"):
        item = plan(name, Options(targets=[name], preset=preset))
        replayed = [case.run for case in item.cases if case.examine]
        needed = estimate([case.run for case in item.cases], fast, replayed=replayed)
        listed = _from_nothing(name, ListOptions(), preset, recipes, fast)
        assert listed == pytest.approx(_wall(needed, item.experiment.compute_s, 0))


@pytest.mark.parametrize("additions", [0, 1, 3])
def test_the_budget_of_so_many_additions_is_that_of_a_run_which_allows_no_more(additions):
    run = run_of("linear", **{"acquire.reject": 0.3, "growth.signal": "synthetic", "growth.additions": 3})
    fewer = run_of("linear", **{"acquire.reject": 0.3, "growth.signal": "synthetic", "growth.additions": additions})
    assert expected(run, additions=additions) == expected(fewer)
    assert expected(fewer).guided == additions * run.acquire.candidates(run.growth.addition)


def test_examinations_are_counted_as_they_are_made(tmp_path):
    """A replay takes as many iterations as the run; its cost is not in the run's own record."""
    run = tiny("linear")
    cost = execute(run, tmp_path).cost
    examine("hindsight", run, tmp_path)
    assert execute(run, tmp_path).cost == cost
    assert needed_for([run], Speeds(), [run]).iterations == 2 * cost["learner_steps"]
