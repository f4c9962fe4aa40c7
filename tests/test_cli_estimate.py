"""What runs are said to take against what they took."""

import pytest

from cli import estimate as estimates
from cli.estimate import Footprint, estimate, resolved
from cli.listing import _from_nothing, _wall, footprint, needed_for, throughput
from cli.options import Options
from cli.plans import FIGURES, plan
from empirical.config import load_toml, to_dict
from empirical.examine import examine
from empirical.run import execute

KINDS = [
    ("digits", {}),
    ("digits", {"acquire.omega": 0.0}),
    ("digits", {"acquire.direction": "random"}),
    ("digits", {"acquire.through": "denoiser"}),
    ("digits", {"growth.additions": 0}),
    ("digits", {"acquire.retire": 0.5}),
    ("linear", {"acquire.ratio": 3, "acquire.omega": 0.0}),
    ("linear", {"acquire.reject": 0.3}),
    ("linear", {"growth.signal": "synthetic"}),
]


@pytest.mark.parametrize(("world", "changes"), KINDS, ids=str)
def test_counts_are_those_that_runs_report(tiny, tmp_path, world, changes):
    """A run whose patience is short makes all its additions, so that the estimate is exact."""
    run = tiny(world, **{"training.cooldown": 0.0, "growth.patience": 1, **changes})
    needed, cost = needed_for([run], {}), execute(run, tmp_path)["cost"]
    assert len(execute(run, tmp_path)["pool"]) == run.growth.additions + 1
    assert (needed.images, needed.denoiser_calls) == (cost["images"], cost["denoiser_calls"])
    assert needed.iterations == cost["learner_steps"]


def test_shared_work_is_counted_once(tiny, tmp_path):
    """Runs of one seed share plain images and their first state; of another seed, nothing."""
    runs = [tiny("linear", **{"growth.additions": k, "acquire.omega": omega}) for k in (1, 3) for omega in (0.0, 0.01)]
    one = needed_for(runs, {})
    assert one.images == 24 + 3 * 16 + 16 + 3 * 16  # the longest plain sequence, and the guided additions
    plain = [path for run in runs for path in [execute(run, tmp_path)]]
    assert len(plain) == 4
    blocks = list(tmp_path.rglob("block_*.safetensors"))
    assert len(blocks) == -(-(24 + 3 * 16) // 16)
    other = [tiny("linear", seed=1, **{"growth.additions": k}) for k in (1, 3)]
    assert needed_for(runs + other, {}).images == one.images + 24 + 16 + 3 * 16
    assert needed_for(runs + runs, {}) == one


def test_time_follows_from_the_measured_speeds(tiny):
    speeds = {"linear": {"images": {"plain": 10.0, "x0": 2.0, "random": 4.0}, "iterations": {"ridge": 8.0}}}
    run = tiny("linear")  # 24 plain, 3 x 16 guided, 16 iterations
    assert needed_for([run], speeds).cpu_s == pytest.approx(2.4 + 24 + 2)
    longer = tiny("linear", **{"growth.additions": 1})  # starts from what the first has shared
    both = needed_for([run, longer], speeds).cpu_s
    assert both == pytest.approx(2.4 + 24 + 2 + 8 + estimates.LATER * 2)
    replayed = needed_for([run], speeds, [to_dict(run)])
    assert (replayed.cpu_s, replayed.iterations) == (pytest.approx(2.4 + 24 + 2 + 2), 32)
    assert needed_for([tiny("linear", **{"acquire.direction": "random"})], speeds).cpu_s == pytest.approx(2.4 + 12 + 2)


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_the_disk_that_is_said_is_the_disk_that_is_used(run_of, tmp_path, world):
    """A run that makes all its additions, at a size where samples and learner matter; within a third."""
    changes = {"training.iterations": 60, "growth.initial": 512, "growth.addition": 256, "growth.additions": 2}
    run = run_of(
        world,
        **changes,
        **{"sampling.steps": 4, "training.cooldown": 0.0, "growth.evaluate_every": 5, "growth.patience": 1},
    )
    execute(run, tmp_path)
    used = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert needed_for([run], {}).disk_bytes == pytest.approx(used, rel=1 / 3)


def test_a_vector_needs_four_bytes_a_value_and_an_optimiser_counts(tiny):
    assert footprint(tiny("linear", **{"world.dimension": 50})) == Footprint(200.0, 400.0)  # w in float64
    parameters = sum(t.numel() for name, t in tiny("digits").world.learner(tiny("digits"), "cpu").state().items()
                     if name.startswith("model."))  # fmt: skip
    assert footprint(tiny("digits")).state == 4 * 4 * parameters  # weights, their average, two moments


@pytest.mark.parametrize("name", FIGURES)
def test_the_list_agrees_with_the_dry_run(name, experiments):
    """Though it builds no runs: the same seconds for every figure and preset."""
    worlds = {path.stem: load_toml(path) for path in (experiments / "worlds").glob("*.toml")}
    for preset in ("default", "quick"):
        options = Options(targets=[name], preset=preset)
        item = plan(name, options)
        replayed = [to_dict(case.run) for case in item.cases if case.examine]
        configs = [to_dict(case.run) for case in item.cases]
        needed = estimate(configs, throughput(options), replayed=replayed)
        assert _from_nothing(name, options, preset, worlds) == pytest.approx(_wall(needed, item.compute_s, options))


def test_defaults_are_those_of_runs(experiments, run_of):
    for world in ("linear", "digits"):
        recipe = load_toml(experiments / "worlds" / f"{world}.toml")
        found, wanted = resolved(recipe), to_dict(run_of(world))
        assert {key: found[key] for key in found if key != "world"} == {
            key: wanted[key] for key in wanted if key != "world"
        }


def test_examinations_are_counted_as_they_are_made(tiny, tmp_path):
    """A replay takes the iterations of the run; what it costs is not in the run's own record."""
    run = tiny("linear")
    cost = execute(run, tmp_path)["cost"]
    examine("hindsight", run, tmp_path)
    assert execute(run, tmp_path)["cost"] == cost
    assert needed_for([run], {}, [to_dict(run)]).iterations == 2 * cost["learner_steps"]
