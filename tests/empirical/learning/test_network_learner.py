"""Learners of images: their state, mixing, average of weights, and that they learn the classes."""

import copy

import numpy as np
import pytest
import torch
from support.runs import pool_of

from empirical.data.images import quantise
from empirical.diffusion.sampler import Samples
from empirical.learning import evaluate
from empirical.learning.evaluate import accuracy, correct
from empirical.learning.network_learner import NetworkLearner
from empirical.learning.networks import NETWORKS
from empirical.settings.sections import Training

MIXES = {"plain": {}, "mixup": {"mixup": 0.8}, "cutmix": {"cutmix": 1.0}, "both": {"mixup": 0.8, "cutmix": 1.0}}


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Make a pool of sixty images: dark ones of class 0, grey ones of class 1, bright ones of class 2, with noise."""
    labels = torch.arange(60) % 3
    images = 0.3 * torch.randn(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)) + (labels - 1).view(-1, 1, 1, 1)
    samples = Samples(quantise(images), labels, torch.arange(60), torch.arange(60))
    return pool_of(samples, tmp_path_factory.mktemp("pool"))


def learner_of(kind, seed=5, model_seed=0, **changes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(model_seed)
        model = NETWORKS[kind](1, 8, 3)
    return NetworkLearner(model, 3, Training(**{"iterations": 40, "batch": 8, **changes}), seed)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


both_networks = pytest.mark.parametrize("kind", ["cnn", "vit"])


@both_networks
@pytest.mark.parametrize("mix", list(MIXES))
def test_a_learner_continues_bit_for_bit_from_its_state(pool, kind, mix):
    """Train at once, in pieces, and by another learner (other initial weights) from the state at iteration 7."""
    straight, pieces, other = (learner_of(kind, model_seed=s, **MIXES[mix]) for s in (0, 0, 1))
    before = np.random.get_state()  # noqa: NPY002
    straight.fit(pool, 0, 14)
    pieces.fit(pool, 0, 7)
    saved = pieces.state()
    kept = copy.deepcopy(saved)
    pieces.fit(pool, 7, 14)
    assert same(saved, kept)  # a state is a copy
    other.load_state(saved)
    other.fit(pool, 7, 14)
    assert same(straight.state(), pieces.state())
    assert same(straight.state(), other.state())
    after = np.random.get_state()  # noqa: NPY002
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@both_networks
def test_the_start_can_be_saved_too(pool, kind):
    first, second = learner_of(kind), learner_of(kind, model_seed=1)
    second.load_state(first.state())
    first.fit(pool, 0, 3)
    second.fit(pool, 0, 3)
    assert same(first.state(), second.state())


def test_mixing_changes_the_training_and_follows_the_run_seed(pool):
    states = {}
    for name, changes in {"plain": {}, "mixup": {"mixup": 0.8}, "cutmix": {"cutmix": 1.0}}.items():
        learner = learner_of("cnn", **changes)
        np.random.seed(len(states))  # noqa: NPY002 - the mixing must not look at it
        learner.fit(pool, 0, 3)
        states[name] = learner.state()
        again = learner_of("cnn", **changes)
        again.fit(pool, 0, 3)
        assert same(states[name], again.state())
    assert not same(states["plain"], states["mixup"])
    assert not same(states["mixup"], states["cutmix"])


def test_the_run_seed_decides_the_order_of_the_data(pool):
    first, second = learner_of("cnn", seed=5), learner_of("cnn", seed=6)
    first.fit(pool, 0, 3)
    second.fit(pool, 0, 3)
    assert not same(first.state(), second.state())


@both_networks
def test_the_evaluated_model_is_the_moving_average(pool, kind):
    """avg <- d avg + (1 - d) w after every step, with d = min(decay, 1 - max(1, step)^(-2/3)) (timm's warm-up)."""
    learner = learner_of(kind, ema_decay=0.9)
    average = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    for step in range(12):
        learner.fit(pool, step, step + 1)
        decay = min(0.9, 1 - max(1, step) ** (-2 / 3))
        for name, tensor in learner.model.state_dict().items():
            average[name] = decay * average[name] + (1 - decay) * tensor
    for name, tensor in learner.averaged.module.state_dict().items():
        assert torch.allclose(tensor, average[name], rtol=1e-4, atol=1e-6), name
    images = pool.everything()[0].images[:4]
    learner.model.requires_grad_(False)
    for parameter in learner.model.parameters():
        parameter.zero_()
    assert learner.logits(images).abs().sum() > 0  # the average answers, not the weights in training
    assert learner.raw_logits(images).abs().sum() == 0


@both_networks
@pytest.mark.parametrize("mix", ["plain", "both"])
def test_the_loss_falls_and_the_classes_are_learned(pool, kind, mix):
    learner = learner_of(kind, label_smoothing=0.0, iterations=120, **MIXES[mix])
    first = learner.fit(pool, 0, 10)
    for start in range(10, 110, 10):
        learner.fit(pool, start, start + 10)
    last = learner.fit(pool, 110, 120)
    assert last < (0.3 if mix == "plain" else 0.9) * first
    split = pool.everything()[0]
    assert accuracy(learner, split) > 0.95
    with pytest.MonkeyPatch.context() as patch:
        hits = correct(learner, split)
        patch.setattr(evaluate, "BATCH", 7)
        assert torch.equal(correct(learner, split), hits)
    assert hits.double().mean().item() == pytest.approx(accuracy(learner, split), abs=1e-7)


def test_label_smoothing_keeps_the_loss_above_the_entropy_of_its_targets(pool):
    """Targets (1 - s) onehot + s/3 have entropy H: no logits get below it, and the training gets near."""
    smoothing = 0.3
    learner = learner_of("cnn", label_smoothing=smoothing, iterations=150)
    last = [learner.fit(pool, start, start + 30) for start in range(0, 150, 30)][-1]
    p = torch.tensor([1 - smoothing + smoothing / 3, smoothing / 3, smoothing / 3], dtype=torch.float64)
    floor = -(p * p.log()).sum().item()
    assert floor - 1e-6 < last < floor + 0.05


@both_networks
def test_logits_are_differentiable_and_each_image_is_on_its_own(pool, kind):
    learner = learner_of(kind)
    some = pool.everything()[0].images[:6]
    images = some.clone().requires_grad_()
    learner.logits(images)[2].sum().backward()
    rows = images.grad.flatten(1).norm(dim=1)
    assert rows[2] > 0
    assert rows[[0, 1, 3, 4, 5]].max() == 0
    assert torch.allclose(learner.logits(some[2:3])[0], learner.logits(some)[2], atol=1e-5)


def test_vectors_are_not_decayed():
    decays = {
        group["weight_decay"]: {p.dim() for p in group["params"]} for group in learner_of("vit").optimizer.param_groups
    }
    assert max(decays[0.0]) == 1
    assert min(decays[0.05]) == 2


@both_networks
def test_the_evaluated_model_can_be_carried_to_another_learner(pool, kind):
    """A run keeps the learner that guided a round in this way; the kept tensors are copies."""
    learner, other = learner_of(kind), learner_of(kind, model_seed=1)
    learner.fit(pool, 0, 5)
    kept, images = learner.evaluated(), pool.everything()[0].images
    before = learner.logits(images)
    learner.fit(pool, 5, 8)
    other.load_evaluated(kept)
    assert torch.equal(other.logits(images), before)
    assert not torch.equal(learner.logits(images), before)
