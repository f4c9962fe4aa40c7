"""Test the command `throughput`: what it measures and writes, and that estimates use it."""

import itertools
import tomllib

import pytest
import torch
from support.errors import complains
from support.runs import tiny
from support.small_architecture import Small

import paper_repro
from cli import speeds
from empirical.config import new_learner, world_of
from empirical.diffusion.sampler import Sampler
from empirical.scale import throughput
from empirical.scale.throughput import largest_batch, modes, rates
from empirical.settings.sections import THROUGH, Acquire
from empirical.system.devices import TooLargeError
from empirical.worlds import random_imagenet

SMALL = """
[world]
name = "digits"
[learner]
kind = "cnn"
[training]
iterations = 8
batch = 8
[sampling]
steps = 4
batch = 4
[growth]
initial = 8
addition = 4
additions = 2
evaluate_every = 2
[acquire]
omega = 0.05
every = 2
"""


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "recipe.toml").write_text(SMALL)
    return tmp_path / "recipe.toml"


@pytest.fixture
def quickly(monkeypatch):
    """Measure each speed once after its warm-up, and no product of matrices."""
    monkeypatch.setattr(throughput, "REPEATS", 1)
    monkeypatch.setattr(throughput, "matmul_tflop_per_s", lambda *_: 1.0)


def measure(recipe, *more):
    return paper_repro.main(["throughput", str(recipe), "--seconds", "1e-6", "--out", str(recipe.parent), *more])


@pytest.mark.usefixtures("quickly")
def test_what_is_measured_is_what_the_dry_run_uses(recipe, capsys):
    assert paper_repro.main(["run", str(recipe), "--dry-run", "--out", str(recipe.parent)]) == 0
    assert (
        "not measured: images (digits, plain), images (digits, x0), iterations (digits, cnn)" in capsys.readouterr().out
    )
    assert measure(recipe) == 0
    output = capsys.readouterr().out
    (path,) = (recipe.parent / "throughput").iterdir()
    assert path.name == "digits-cnn-cpu.toml"
    assert path.name in output
    file = tomllib.loads(path.read_text())
    table = file["throughput"]
    assert {name: set(table[name]) for name in ("images", "evaluations", "iterations")} == {
        "images": {"plain", "x0"}, "evaluations": {"cnn"}, "iterations": {"cnn"},
    }  # fmt: skip
    known = {"device": "one core", "images": {"plain": 1.0, "x0": 0.5}, "iterations": {"cnn": 8.0}}
    path.write_text(speeds.text([], {"throughput": known, "settings": file["settings"]}))
    assert paper_repro.main(["run", str(recipe), "--dry-run", "--out", str(recipe.parent)]) == 0
    assert "; 21 s on one core; " in capsys.readouterr().out.replace("\n", " ")  # 8 plain, 8 half guided, 8 iterations
    other = ["--set", "sampling.steps=5"]
    assert paper_repro.main(["run", str(recipe), "--dry-run", "--out", str(recipe.parent), *other]) == 0
    assert "not measured" in capsys.readouterr().out


@pytest.mark.usefixtures("quickly")
def test_every_mode_and_the_share_of_one_process(recipe):
    assert measure(recipe, "--modes", "--ranks", "2", "--images", "5") == 0
    file = tomllib.loads((recipe.parent / "throughput" / "digits-cnn-cpu.toml").read_text())
    assert set(file["throughput"]["images"]) == {"plain", "random", "x0", "conditional", "denoiser"}
    assert file["settings"]["training.batch"] == 8  # the whole mini-batch, which the iterations are of


@pytest.mark.usefixtures("quickly")
def test_random_weights_stand_in_for_those_of_the_recipe(recipe, monkeypatch, capsys):
    """Without weights and data every decoder is timed, and the file keeps the recipe's own settings."""
    monkeypatch.setitem(random_imagenet.RANDOM, "imagenet100", Small)
    text = SMALL.replace('name = "digits"', 'name = "imagenet100"\nsize = 24\ngenerator = "none/here"')
    recipe.write_text(text.replace('"cnn"', '"test_vit"').replace("\nevery = 2", '\ndecode = "linear"'))
    assert measure(recipe, "--random-weights", "--modes", "--set", "sampling.steps=2", "sampling.batch=2") == 0
    (path,) = (recipe.parent / "throughput").iterdir()
    file = tomllib.loads(path.read_text())
    kinds = {f"{through}{decode}" for through in THROUGH for decode in ("", "/tiny", "/linear")}
    assert set(file["throughput"]["images"]) == {"plain", "random"} | kinds
    assert set(file["throughput"]["iterations"]) == {"test_vit"}
    assert "evaluations" not in file["throughput"]
    assert file["settings"]["generator"] == "none/here"
    assert "random weights" in path.read_text()
    assert "x0/linear" in capsys.readouterr().out


@pytest.mark.usefixtures("quickly")
def test_work_that_does_not_fit_costs_no_other_measurement(recipe, monkeypatch, capsys):
    """Guided sampling and training run out of memory: they are named with a setting, the other speeds are kept."""

    def too_large(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB. GPU 0 has no more.")

    monkeypatch.setattr("empirical.diffusion.guidance.ascent", too_large)
    monkeypatch.setattr("empirical.learning.network_learner.NetworkLearner._backward", too_large)
    assert measure(recipe) == 1
    output = capsys.readouterr().out
    assert "images: x0: not measured: sampling: got 'CUDA out of memory" in output
    assert "iterations: cnn: not measured: training: got 'CUDA out of memory" in output
    assert "acquire.chunk" in output
    assert "training.chunk" in output
    table = tomllib.loads((recipe.parent / "throughput" / "digits-cnn-cpu.toml").read_text())["throughput"]
    assert {name: list(table[name]) for name in ("evaluations", "images")} == {
        "evaluations": ["cnn"],
        "images": ["plain"],
    }
    assert "iterations" not in table


@pytest.mark.usefixtures("quickly")
def test_an_interrupted_measurement_leaves_what_it_has(recipe, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("empirical.learning.network_learner.NetworkLearner._backward", stop)
    assert measure(recipe) == 130  # as a shell reports a program that Ctrl-C has ended
    table = tomllib.loads((recipe.parent / "throughput" / "digits-cnn-cpu.toml").read_text())["throughput"]
    assert set(table["images"]) == {"plain", "x0"}


def test_a_recipe_that_does_not_fit_is_refused(recipe, refused):
    assert "--random-weights" in refused("throughput", recipe, "--random-weights")
    assert "--ranks" in refused("throughput", recipe, "--ranks", 3)
    assert "seconds" in refused("throughput", recipe, "--seconds", 0)
    assert "no such file" in refused("throughput", recipe.parent / "none.toml")


def test_a_rate_is_the_median_of_repeats_in_turns():
    """With a clock of known durations the median is that of the repeats, without the warm-ups."""
    order, durations = [], {"a": itertools.chain([1.0, 4.0, 2.0], itertools.repeat(2.0)), "b": itertools.repeat(1.0)}
    time = [0.0]

    def work(name):
        def go():
            order.append(name)
            if order.count(name) > 1:
                time[0] += next(durations[name])

        return go

    measured = rates({name: work(name) for name in "ab"}, 8, 0.0, lambda: time[0])
    assert "".join(order) == "abababab"
    assert measured["a"] == throughput.Rate(4.0, 2.0, 8.0, 3)
    assert measured["b"] == throughput.Rate(8.0, 8.0, 8.0, 3)
    order.clear()
    assert rates({"a": work("a")}, 8, 11.0, lambda: time[0])["a"].repeats == 6  # two seconds each


def test_the_share_of_the_peak_follows_from_operations():
    assert throughput.Rate(2.0, 1.0, 3.0, 3, gflop=500.0).tflop_per_s == 1.0
    assert throughput.datasheet_tflop_per_s("NVIDIA H200") == 989
    assert throughput.datasheet_tflop_per_s("NVIDIA L40S") == 362
    assert throughput.datasheet_tflop_per_s("one core") is None


def test_counted_operations_are_the_samplers_own():
    run = tiny("digits")
    learner = new_learner(run, "cpu")
    world = world_of(run)
    measured = throughput.image_rates(run, world, learner, modes(run, world, every=False), 1, 1e-6)
    assert measured["plain"].gflop == pytest.approx(
        Sampler(world_of(run), run.sampling).draw(0, 0, 1)[1].sampling_gflop
    )
    assert measured["x0"].gflop > measured["plain"].gflop


def test_modes_are_guided_at_every_step():
    run = tiny("digits", **{"acquire.every": 3, "acquire.through": "denoiser", "acquire.ratio": 2})
    assert modes(run, world_of(run), every=False) == [Acquire(), Acquire(omega=0.05, through="denoiser")]
    plain = tiny("digits", **{"acquire.omega": 0.0})
    assert modes(plain, world_of(plain), every=False) == [Acquire()]


def test_a_pool_has_the_size_of_the_runs_or_is_too_large_for_memory(tmp_path, monkeypatch):
    run = tiny("digits")  # 12 rows and two additions of 12
    learner = new_learner(run, "cpu")
    pool = throughput.pool_of(run, world_of(run), learner, tmp_path / "a")
    assert (len(pool), pool.in_memory) == (24, True)
    monkeypatch.setattr(throughput, "MEMORY", 4 * 64 * 13)
    monkeypatch.setattr("empirical.pool.pool.MEMORY", 4 * 64 * 13)
    pool = throughput.pool_of(run, world_of(run), learner, tmp_path / "b")
    assert (len(pool), pool.in_memory) == (14, False)


def test_the_largest_batch_is_found_by_doubling():
    def up_to(limit):
        def fits(batch):
            if batch > limit:
                raise TooLargeError("sampling", "too much", "less", "lower sampling.batch")

        return largest_batch(fits)

    assert [up_to(limit) for limit in (0, 1, 5, 64, 10**9)] == [0, 1, 4, 64, 4096]


def test_out_of_memory_says_which_settings_help(monkeypatch):
    """In guided sampling the message names batch, decoder and chunk; the largest batch is found by it."""
    run = tiny("digits")
    denoiser = world_of(run).denoiser("cpu")

    def limited(x, t, labels):
        if len(x) > 8:  # both passes of a batch of 4
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB. GPU 0 has no more.")
        return denoiser(x, t, labels)

    monkeypatch.setattr(type(world_of(run)), "denoiser", lambda *_: limited)
    with complains("sampling") as caught:
        Sampler(world_of(run), run.sampling).draw(0, 0, 8)
    for knob in ("sampling.batch", "acquire.decode", "acquire.chunk"):
        assert knob in str(caught.value)
    assert "Tried to allocate 1.00 GiB" in str(caught.value)
    learner = new_learner(run, "cpu")
    assert largest_batch(throughput.sampling_fits(run, world_of(run), learner, run.acquire)) == 4
