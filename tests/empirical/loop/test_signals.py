"""Test what a run watches: which images, signals without real images, and the cost of watching."""

import dataclasses
import json
import math
from fractions import Fraction

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from support.errors import complains
from support.processes import in_child
from support.runs import folder_of, outcome, practise, run_of, tiny

from empirical.config import new_learner, world_of
from empirical.data.split import Split
from empirical.diffusion.cost import Cost
from empirical.diffusion.sampler import Sampler
from empirical.learning.evaluate import accuracy, agreement
from empirical.loop.judge import Judge
from empirical.loop.signals import HELD_OUT, Watch
from empirical.runs.execute import execute
from empirical.worlds import DigitsWorld, LinearWorld


@pytest.fixture(autouse=True)
def _few_images(monkeypatch):
    monkeypatch.setattr("empirical.loop.signals.HELD_OUT_IMAGES", 48)
    monkeypatch.setattr("empirical.loop.judge.REFERENCE_IMAGES", 48)


class Nothing:
    """Refuse to draw: a source for a watch that needs no images."""

    def draw(self, *_):
        raise AssertionError("images were drawn")


def watch_of(run, source=None):
    return Watch(run, source or Sampler(world_of(run), run.sampling))


def trained(run, step=6):
    """Train a network for some iterations on real digits."""
    learner = new_learner(run, "cpu")
    learner.fit(world_of(run).corpus_split(), 0, step)
    return learner


def test_a_share_of_the_real_images_is_the_same_at_every_evaluation():
    run = tiny("digits", **{"growth.validation_share": 0.3})
    first, again, other = (watch_of(r, Nothing()) for r in (run, run, dataclasses.replace(run, seed=1)))
    real = world_of(run).validation_split(0)
    assert len(first.watched.labels) == 60
    images, same, others = (watch.watched.take(torch.arange(60)).images for watch in (first, again, other))
    assert torch.equal(images, same)
    assert not torch.equal(images, others)
    places = [int((real.images == image).flatten(1).all(1).nonzero()[0]) for image in images]
    assert len(set(places)) == 60
    assert torch.equal(first.watched.labels, real.labels[places])
    learner = trained(run)
    scores = first(learner)
    assert scores == {"accuracy_validation": accuracy(learner, real), "signal": accuracy(learner, first.watched)}
    assert scores["signal"] != scores["accuracy_validation"]
    assert first(learner) == scores
    assert first.cost == Cost()


@given(st.integers(1, 1000), st.integers(1, 400))
@example(70, 100)  # .07 * 100 = 7.000000000000001
def test_the_share_is_rounded_up_and_never_empty(thousandths, total):
    """The count is ceil(share total) for the share as written, also where floats exceed a whole number a little."""
    run = run_of("linear", growth__validation_share=thousandths / 1000, world__validation=total)
    assert len(watch_of(run, Nothing()).watched.labels) == math.ceil(Fraction(thousandths, 1000) * total)


def test_the_whole_split_is_watched_unless_told_otherwise():
    run = tiny("digits")
    watch, learner = watch_of(run, Nothing()), trained(run)
    real = accuracy(learner, world_of(run).validation_split(0))
    assert watch(learner) == {"accuracy_validation": real, "signal": real}


def test_an_empty_validation_split_is_refused(monkeypatch):
    run = tiny("digits")
    monkeypatch.setattr(DigitsWorld, "validation_split", lambda *_: Split(torch.empty(0, 1, 8, 8), torch.empty(0)))
    with complains("validation split"):
        watch_of(run)


def test_the_synthetic_signal_is_the_accuracy_on_held_out_plain_images():
    run = tiny("digits", seed=3, **{"growth.signal": "synthetic"})
    watch, learner = watch_of(run), trained(run)
    samples, cost = Sampler(world_of(run), run.sampling).draw(HELD_OUT + 3, 0, 48)
    assert torch.equal(watch.watched.images, samples.images)
    assert watch(learner)["signal"] == accuracy(learner, Split(samples.images, samples.labels))
    assert watch(learner)["accuracy_validation"] == accuracy(learner, world_of(run).validation_split(3))
    own = Sampler(world_of(run), run.sampling).draw(3, 0, 100)[0]
    assert not set(samples.seeds.tolist()) & set(own.seeds.tolist())
    assert (watch.cost.images, watch.cost.sampling_gflop) == (48, pytest.approx(cost.sampling_gflop))


def test_the_agreement_signal_is_how_often_both_weights_say_the_same():
    run = tiny("digits", **{"growth.signal": "agreement"})
    watch, learner = watch_of(run), trained(run)
    images = watch.watched.images
    raw, averaged = learner.model(images).argmax(-1), learner.averaged.module(images).argmax(-1)
    expected = (raw == averaged).double().mean().item()
    assert watch(learner)["signal"] == expected == agreement(learner, watch.watched)
    assert 0 < expected < 1


@pytest.mark.parametrize("world", ["linear", "digits"])
@pytest.mark.parametrize("signal", ["synthetic", "agreement"])
def test_the_signals_without_real_images_do_not_look_at_them(tmp_path, monkeypatch, world, signal):
    """With random real labels the same additions come at the same steps, bit for bit."""
    if (world, signal) == ("linear", "agreement"):
        pytest.skip("linear learners keep no average")
    run, results = tiny(world, **{"growth.signal": signal}), []
    for name in ("right", "random"):
        if name == "random":
            cls = {"linear": LinearWorld, "digits": DigitsWorld}[world]
            real = cls.validation_split

            def shuffled(self, seed, real=real):
                split = real(self, seed)
                labels = torch.randint(self.classes, split.labels.shape, generator=torch.Generator().manual_seed(9))
                return Split(split.images, labels)

            monkeypatch.setattr(cls, "validation_split", shuffled)
        results.append(execute(run, tmp_path / name))
    right, wrong = results
    assert len(right.pool) > 1
    for name in ("step", "pool", "loss", "signal"):
        assert right.trajectory[name] == wrong.trajectory[name]
    assert right.trajectory["accuracy_validation"] != wrong.trajectory["accuracy_validation"]
    assert [entry["step"] for entry in right.pool] == [entry["step"] for entry in wrong.pool]
    assert right.accuracy == wrong.accuracy


def test_patience_obeys_the_signal_and_not_the_validation_accuracy(tmp_path):
    """Nothing is added while the signal rises, though the accuracy has plateaus."""
    run, seen = tiny("linear"), iter(range(1000))
    rising = practise(run, tmp_path / "a", watch=lambda _: {"accuracy_validation": 0.5, "signal": float(next(seen))})
    assert len(rising[1].rounds) == 1
    seen = iter(range(1000))
    flat = practise(run, tmp_path / "b", watch=lambda _: {"accuracy_validation": float(next(seen)), "signal": 0.5})
    assert len(flat[1].rounds) == 4


COSTS = {
    "validation": ({}, 0, 0),
    "synthetic": ({"growth.signal": "synthetic"}, 48, 0),
    "reject": ({"acquire.reject": 0.5}, 48, 16),
    "both": ({"growth.signal": "synthetic", "acquire.reject": 0.5}, 96, 16),
}


@pytest.mark.parametrize("name", list(COSTS))
def test_watching_and_judging_are_paid_once_however_often_a_run_is_resumed(tmp_path, name):
    """The result's cost is the sum over the rounds, the held-out images, the reference and its training."""
    changes, drawn, steps = COSTS[name]
    run = tiny("linear", **changes)
    expected = outcome(run, tmp_path / "once")
    rounds = 24 + 3 * 16 * (2 if run.acquire.reject else 1)
    assert expected[0]["cost"]["images"] == rounds + drawn
    assert expected[0]["cost"]["learner_steps"] == run.training.iterations + steps
    assert expected[0]["cost"]["denoiser_calls"] == 8 * (rounds + drawn)
    assert expected[0]["cost"]["guided_steps"] == 8 * (rounds - 24)

    def stops_after(evaluations):
        def observe(event):
            nonlocal evaluations
            evaluations -= event.kind == "evaluated"
            if evaluations < 0:
                raise KeyboardInterrupt

        return lambda: execute(run, tmp_path / "often", observe=observe)

    assert [in_child(stops_after(n)) for n in (1, 3, 4)] == [1, 1, 1]
    assert outcome(run, tmp_path / "often") == expected
    journal = (folder_of(run, tmp_path / "often") / "journal.jsonl").read_text().splitlines()
    assert len(journal) == 4
    assert {json.loads(line)["event"] for line in journal} >= {"started", "resumed"}


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_the_training_of_the_reference_is_counted_in_seconds_too(world):
    """The cost has CPU seconds as well as iterations: a filter that costs a second training must not look free."""
    run = tiny(world, **{"acquire.reject": 0.5, "training.iterations": 40})
    judge = Judge(run, Sampler(world_of(run), run.sampling), "cpu")
    assert judge.cost.learner_steps == 40
    assert judge.cost.sampling_cpu_s > 0
    assert judge.cost.learner_cpu_s > 0
