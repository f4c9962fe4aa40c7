"""Run the paper's recipes from the command line to the tables of test sets, on toy models and folders."""

import json
from pathlib import Path

import pytest
import torch
from support import image_folders, tiny_stable_diffusion
from support.errors import complains
from support.places import EXPERIMENTS
from support.processes import two

import paper_repro
from empirical.config import from_dict, world_of
from empirical.pool.pool import Pool
from empirical.runs.execute import execute
from empirical.runs.folder import run_directory
from empirical.runs.result import read_result
from empirical.settings.recipes import load_toml
from empirical.settings.values import merged

SETS = {"validation": 100, "train": 100, "v2": 100, "sketch": 100, "r": 19, "a": 15}
GROWTH = {  # N, P and k of the recipe, and when data are added, at toy size
    "static": {"initial": 8},
    "practice": {"initial": 8, "addition": 4, "additions": 2, "evaluate_every": 2, "patience": 1},
    "prune": {"initial": 4, "addition": 4, "evaluate_every": 2, "add_at": 4},
}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Make a random toy Stable Diffusion and folders of one-coloured JPEGs; return the world's settings for them."""
    root = tmp_path_factory.mktemp("imagenet")
    models = {
        "generator": tiny_stable_diffusion.save(root / "model"),
        "tiny": tiny_stable_diffusion.save_tiny(root / "tiny"),
    }
    return {f"world.{name}": str(value) for name, value in {**image_folders.save(root), **models, "size": 32}.items()}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Make a folder for the runs of all tests: a run that two tests need is made once."""
    return tmp_path_factory.mktemp("out")


def settings(recipe, places, **more):
    """Return sizes that bring a recipe of 32 GPUs down to seconds; they change nothing that it does."""
    return {
        **places,
        "world.size": 32,
        "learner.kind": "test_vit",
        "training.iterations": 12,
        "training.batch": 4,
        "training.lr": 1e-3,
        "sampling.steps": 10,
        "sampling.batch": 2,
        **{f"growth.{name}": value for name, value in GROWTH[recipe].items()},
        **more,
    }


def recipe_file(recipe):
    return EXPERIMENTS / "imagenet100" / f"{recipe}.toml"


def run_of(recipe, places, **more):
    return from_dict(merged(load_toml(recipe_file(recipe)), settings(recipe, places, **more)))


@pytest.mark.parametrize("recipe", GROWTH)
def test_a_recipe_runs_from_the_command_line_to_every_test_set(places, out, capsys, recipe):
    values = settings(recipe, places)
    chosen = [f"{name}={json.dumps(value) if isinstance(value, str) else value}" for name, value in values.items()]
    assert paper_repro.main(["run", str(recipe_file(recipe)), "--set", *chosen, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    run = run_of(recipe, places)
    result = read_result(run_directory(run, out / "runs") / "result.json")
    assert {name: sum(counts["totals"]) for name, counts in result.sets.items()} == SETS
    for name in SETS:
        assert name in said
    rounds = result.pool
    kept = {"static": [8], "practice": [8, 4, 4], "prune": [4, 4]}[recipe]
    made = {"static": [8], "practice": [8, 4, 4], "prune": [4, 16]}[recipe]
    assert [round_["added"] for round_ in rounds] == kept
    assert [round_["images"] for round_ in rounds] == made
    guided = 2 * 4 * len(range(0, 10, run.acquire.every)) if recipe == "practice" else 0
    assert (result.cost["guided_steps"], result.cost["skipped_steps"]) == (guided, 0)
    assert paper_repro.main(["verify", str(run_directory(run, out / "runs"))]) == 0
    assert "OFF" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "acquire",
    [
        {"acquire.through": "denoiser", "acquire.decode": "full", "acquire.chunk": 3},  # the paper's way
        {"acquire.through": "conditional", "acquire.decode": "tiny", "acquire.every": 2},
        {"acquire.through": "x0", "acquire.decode": "linear", "acquire.interval": (0.2, 0.8)},
    ],
)
def test_any_way_of_guidance_makes_other_images_of_the_same_noise(places, out, acquire):
    few = {"growth.additions": 1, "growth.add_at": 2, "training.iterations": 4, **acquire}
    places = {**places, **dict.fromkeys(("world.v2", "world.sketch", "world.r", "world.a"), "")}
    rounds = []
    for omega in (0.0, 0.05):
        run = run_of("practice", places, **few, **{"acquire.omega": omega})
        result = execute(run, out / "runs")
        rounds.append(Pool(run_directory(run, out / "runs") / "pool", world_of(run).shape, 2).rounds[1])
    assert rounds[0].seeds.tolist() == rounds[1].seeds.tolist()
    images = [round_.images(torch.arange(len(round_))) for round_ in rounds]
    assert ((images[0] - images[1]).abs().amax((1, 2, 3)) > 0.01).all()
    assert result.cost["skipped_steps"] == 0


def test_two_processes_do_the_run_that_one_does(places, out, tmp_path):
    """The plain round is equal bit for bit; later ones follow from a learner whose sums have another order."""
    run = run_of("practice", places)
    alone = execute(run, out / "runs")
    two(lambda ranks, device: execute(run, tmp_path, device, ranks=ranks), tmp_path)
    together = read_result(run_directory(run, tmp_path) / "result.json")
    assert {name: sum(counts["totals"]) for name, counts in together.sets.items()} == SETS
    pools = [Pool(run_directory(run, root) / "pool", world_of(run).shape, 3) for root in (out / "runs", tmp_path)]
    plain = [pool.rounds[0].payloads(torch.arange(8)) for pool in pools]
    assert plain[0] == plain[1]
    assert [pool.rounds[2].seeds.tolist() for pool in pools] == [pools[0].rounds[2].seeds.tolist()] * 2
    assert together.cost["images"] == alone.cost["images"] == 16


def test_what_is_missing_is_said_before_anything_is_made(places, tmp_path):
    for name, where in (("data", "world (imagenet100).data"), ("generator", "world.generator")):
        nowhere = {f"world.{name}": str(tmp_path / "nowhere")}
        with complains(where) as caught:
            execute(run_of("static", places, **nowhere), tmp_path / "out")
        assert str(tmp_path / "nowhere") in str(caught.value)
    assert not list(Path(tmp_path).rglob("*.parquet"))
