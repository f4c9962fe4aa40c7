"""Training of the UNet: it learns, continues after a stop or a kill, and refuses losses that are not finite."""

import copy
import multiprocessing
import os
import signal

import pytest
import torch
from support.errors import complains
from support.processes import in_child

from empirical.generators import unet as generator
from empirical.generators import unet_training
from empirical.generators.unet_training import GeneratorTraining
from empirical.learning import batches
from empirical.system.tensors import load_tensors
from empirical.worlds import DigitsWorld

SHAPE = (1, 8, 8)
TINY = GeneratorTraining(base_channels=8, iterations=40, batch=16, lr=3e-3)


@pytest.fixture(scope="module")
def corpus():
    return DigitsWorld().corpus_split()


@pytest.fixture(scope="module")
def undisturbed(corpus):
    """Train by `TINY` without a stop; return losses and model."""
    losses = []
    return losses, train(corpus, report=lambda _, loss: losses.append(loss))


def train(corpus, settings=TINY, report=lambda *_: None, **more):
    return unet_training.train(corpus, SHAPE, 10, settings, report, **more)


def equal(first, second):
    """Return whether two models have the same weights, bit for bit."""
    first, second = first.state_dict(), second.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_training_lowers_the_loss_and_repeats_bit_for_bit(corpus, undisturbed):
    (losses, model), again, before = undisturbed, [], torch.random.get_rng_state()
    assert equal(train(corpus, report=lambda _, loss: again.append(loss)), model)
    assert losses == again
    assert sum(losses[30:]) < 0.7 * sum(losses[:10])
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_digits_training_is_the_one_that_made_the_shipped_weights(corpus):
    """The first losses are those of the code that made the weights, so its random draws are unchanged."""
    losses = []
    train(corpus, GeneratorTraining(iterations=5), lambda _, loss: losses.append(loss))
    assert losses == pytest.approx([1.1416568, 0.5790242, 0.4810902, 0.4538659, 0.4103348], rel=1e-4)


def test_a_stream_is_asked_for_every_iteration_once_in_order(corpus):
    asked = []

    def stream(step, size):
        asked.append((step, size))
        return corpus.batch(0, step, size)

    train(stream, GeneratorTraining(base_channels=8, iterations=7, batch=5))
    assert asked == [(step, 5) for step in range(7)]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more processes than cores
def test_a_stream_that_other_processes_make_ahead_trains_to_the_same_bits(corpus, monkeypatch):
    settings, here = GeneratorTraining(base_channels=8, iterations=7, batch=5), os.getpid()
    expected = train(lambda step, size: corpus.batch(0, step, size), settings)

    def stream(step, size):
        assert os.getpid() != here
        return corpus.batch(0, step, size)

    monkeypatch.setattr(batches, "workers", lambda *_: 2)
    assert equal(train(stream, settings), expected)
    assert not multiprocessing.active_children()


def test_averaged_weights_are_kept_on_the_way_and_change_nothing(corpus, undisturbed):
    kept, losses = {}, []
    settings = GeneratorTraining(base_channels=8, iterations=40, batch=16, lr=3e-3, kept=(20, 5))

    def keep(iterations, model):
        kept[iterations] = copy.deepcopy(model)

    model = train(corpus, settings, lambda _, loss: losses.append(loss), keep=keep)
    assert list(kept) == [5, 20]
    assert losses == undisturbed[0]
    assert equal(model, undisturbed[1])
    assert not equal(kept[5], kept[20])
    assert not equal(kept[20], model)


@pytest.mark.parametrize("kept", [(0,), (40,), (2.5,)])
def test_weights_can_be_kept_during_the_training_only(kept):
    with complains("generator.kept"):
        GeneratorTraining(iterations=40, kept=kept)


@pytest.mark.parametrize("prediction", ["noise", "velocity"])
def test_both_predictions_learn_the_same_thing(corpus, prediction, tmp_path):
    """The noise estimate of both, through file and world, has a much smaller error than the guess 0."""
    settings = GeneratorTraining(base_channels=8, iterations=120, batch=32, prediction=prediction, ema_decay=0.95)
    path = tmp_path / "w.safetensors"
    unet_training.save(path, train(corpus, settings), settings, SHAPE, 10, {"corpus": [0, 1000]})
    eps = DigitsWorld(weights=str(path)).denoiser("cpu")
    clean, labels = corpus.images[:256], corpus.labels[:256]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    for t, most in ((300, 0.55), (800, 0.15)):
        a = generator.alphas_cumprod()[t]
        with torch.no_grad():
            error = (eps(a.sqrt() * clean + (1 - a).sqrt() * noise, t, labels) - noise).square().mean()
        assert error < most


def test_a_patched_network_learns(corpus):
    losses = []
    settings = GeneratorTraining(base_channels=16, patch=2, iterations=60, batch=32)
    train(corpus, settings, lambda _, loss: losses.append(loss))
    assert sum(losses[50:]) < 0.7 * sum(losses[:10])


def test_bfloat16_learns_and_leaves_float32_weights(corpus, undisturbed):
    losses = []
    settings = GeneratorTraining(base_channels=8, iterations=40, batch=16, lr=3e-3, bf16=True)
    model = train(corpus, settings, lambda _, loss: losses.append(loss))
    assert sum(losses[30:]) < 0.7 * sum(losses[:10])
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not equal(model, undisturbed[1])


# Stopped, killed, diverging


@pytest.mark.parametrize("stop", [1, 17, 39, 40])
def test_a_stopped_training_goes_on_to_the_same_weights(corpus, undisturbed, tmp_path, stop):
    path, seen = tmp_path / "checkpoint.safetensors", []

    def report(step, loss):
        seen.append((step, loss))
        if step == stop and len(seen) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(corpus, report=report, checkpoint=path, save_every_s=0)
    losses, model = undisturbed
    assert equal(train(corpus, report=report, checkpoint=path, save_every_s=0), model)
    assert seen == list(zip(range(1, 41), losses, strict=True))  # nothing was done twice
    assert equal(train(corpus, report=report, checkpoint=path), model)  # the training is finished: nothing is repeated
    assert len(seen) == 40


def test_a_killed_training_goes_on_to_the_same_weights(corpus, undisturbed, tmp_path):
    """Kill the training by SIGKILL at any time, also while it writes a checkpoint."""
    path, codes = tmp_path / "checkpoint.safetensors", []
    for tenths in range(1, 100):
        codes.append(in_child(lambda: train(corpus, checkpoint=path, save_every_s=0), kill_after=tenths / 10))
        if codes[-1] == 0:
            break
    assert codes[0] == -signal.SIGKILL
    assert codes[-1] == 0
    assert equal(train(corpus, checkpoint=path), undisturbed[1])


def test_a_checkpoint_of_another_training_is_refused_with_what_differs(corpus, tmp_path):
    path, two = tmp_path / "checkpoint.safetensors", GeneratorTraining(base_channels=8, iterations=2, batch=4)
    train(corpus, two, checkpoint=path, origin={"rows": (0, 1000)})
    with complains(path) as caught:
        train(corpus, GeneratorTraining(base_channels=8, iterations=3, batch=4), checkpoint=path)
    assert "iterations" in str(caught.value)
    with complains(path) as caught:
        train(corpus, two, checkpoint=path, origin={"rows": (0, 900)})
    assert "rows" in str(caught.value)
    train(corpus, two, checkpoint=path, origin={"rows": (0, 1000)})


def test_a_diverging_training_stops_and_names_the_iteration(corpus, tmp_path):
    """The images of iteration 123 are not finite; reports come every 10 iterations."""
    path = tmp_path / "checkpoint.safetensors"

    def stream(step, size):
        images, labels = corpus.batch(0, step, size)
        return images * (torch.nan if step == 123 else 1), labels

    with pytest.raises(FloatingPointError, match="the loss of iteration 123 is not finite; lower the lr"):
        train(stream, GeneratorTraining(base_channels=8, iterations=1000, batch=1), checkpoint=path, save_every_s=0)
    assert load_tensors(path, "")[1]["step"] == 120  # the last good state was kept


def test_a_huge_learning_rate_stops(corpus):
    with pytest.raises(FloatingPointError, match="lower the lr"):
        train(corpus, GeneratorTraining(base_channels=8, iterations=30, batch=8, lr=1e30))


def test_weights_spoilt_by_the_last_step_are_refused(corpus):
    """The loss is finite, but the step overflows."""
    settings = GeneratorTraining(base_channels=8, iterations=1, batch=8, lr=1e39, ema_decay=0.0)
    with pytest.raises(FloatingPointError, match=r"weight is not finite after iteration 0|bias is not finite after"):
        train(corpus, settings)
