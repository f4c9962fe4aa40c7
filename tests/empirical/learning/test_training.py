"""Training of networks at scale: crops, clipping, bfloat16, several processes, and losses that are not finite."""

import math

import pytest
import torch
from support.errors import complains
from support.processes import two
from support.runs import folder_of, pool_of, tiny
from torch import nn

from empirical.data.split import Split
from empirical.diffusion.sampler import Samples
from empirical.learning import batches as loading
from empirical.learning import network_learner as learner_module
from empirical.learning.network_learner import NetworkLearner
from empirical.learning.networks import NETWORKS, network
from empirical.pool import pool as pool_module
from empirical.runs.execute import execute
from empirical.settings.sections import Training
from empirical.system.devices import fitting
from empirical.system.tensors import load_tensors

RECIPE = {"augment": "crop_flip", "clip": 0.05, "bf16": True, "mixup": 0.5, "cutmix": 1.0}


def images_of(count, channels=1):
    labels = torch.arange(count) % 3
    noise = torch.randn(count, channels, 8, 8, generator=torch.Generator().manual_seed(0))
    return Split((0.3 * noise + (labels - 1).view(-1, 1, 1, 1)).clamp(-1, 1), labels)


def cnn():
    return NETWORKS["cnn"](1, 8, 3)


def restless():
    """Build a network whose batch norm and dropout act in training only."""
    layers = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.GELU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(288, 3)
    return nn.Sequential(*layers)


def learner_of(make=cnn, **changes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make()
    return NetworkLearner(model, 3, Training(**{"iterations": 40, "batch": 8, **changes}), 5)


def fitted(data, steps=4, make=cnn, **changes):
    learner = learner_of(make, **changes)
    learner.fit(data, 0, steps)
    return learner


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def norm_of(learner):
    return nn.utils.get_total_norm([p.grad for p in learner.model.parameters()]).item()


def test_every_part_of_the_recipe_changes_the_training_and_goes_on_from_a_state():
    data = images_of(30)
    plain = fitted(data).state()
    for name, value in RECIPE.items():
        assert not same(fitted(data, **{name: value}).state(), plain), name
    straight, pieces, other = fitted(data, 7, **RECIPE), fitted(data, 3, **RECIPE), learner_of(**RECIPE)
    other.load_state(pieces.state())
    other.fit(data, 3, 7)
    assert same(straight.state(), other.state())


def test_crops_have_the_size_that_the_network_works_at():
    seen = []
    learner = learner_of(lambda: network("test_vit", 3, 32), augment="crop_flip")
    learner.model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    learner.fit(images_of(30, channels=3), 0, 1)
    learner.raw_logits(torch.zeros(2, 3, 8, 8))
    assert seen == [(8, 3, 32, 32), (2, 3, 8, 8)]  # images are cropped in training only


def test_gradients_are_clipped_to_their_largest_norm():
    data = images_of(30)
    free, limit = fitted(data, 1), 0.01
    clipped = fitted(data, 1, clip=limit)
    assert norm_of(free) > 10 * limit
    assert norm_of(clipped) == pytest.approx(limit, rel=1e-3)
    for one, other in zip(free.model.parameters(), clipped.model.parameters(), strict=True):
        assert torch.allclose(one.grad * limit / norm_of(free), other.grad, rtol=1e-3, atol=1e-9)
    assert same(fitted(data, 3, clip=1e6).state(), fitted(data, 3).state())


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_gradients_of_chunks_add_up_to_that_of_the_batch(chunk):
    """Clipped, mixed and averaged training by passes of a few images gives the weights of whole batches, to 1e-5."""
    recipe = {"clip": 0.05, "mixup": 0.5, "cutmix": 1.0}
    whole, parts = fitted(images_of(30), **recipe), fitted(images_of(30), chunk=chunk, **recipe)
    start = learner_of().state()
    for name, value in whole.state().items():
        if name.startswith("model."):
            assert torch.allclose(parts.state()[name], value, atol=1e-5), name
            assert (value - start[name]).abs().max() > 1e-4, name  # the training moves every tensor further than that
    assert parts.fit(images_of(30), 4, 6) == pytest.approx(whole.fit(images_of(30), 4, 6), rel=1e-4)
    assert chunk < 8 or same(parts.state(), whole.state())


def test_no_pass_has_more_images_than_a_chunk():
    learner, sizes = learner_of(chunk=3), []
    learner.model.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    learner.fit(images_of(30), 0, 2)
    assert sizes == [3, 3, 2] * 2


def test_bfloat16_is_for_passes_through_the_network_only():
    data, dtypes = images_of(30), []
    learner = learner_of(bf16=True)
    for model in (learner.model, learner.averaged.module):
        model[-1].register_forward_hook(lambda _, __, output: dtypes.append(output.dtype))
    learner.fit(data, 0, 1)
    images = data.images[:4].clone().requires_grad_()
    logits = learner.logits(images)
    logits.logsumexp(1).sum().backward()
    learner.raw_logits(images)
    assert set(dtypes) == {torch.bfloat16}
    assert len(dtypes) == 3
    assert {tensor.dtype for tensor in learner.state().values()} == {torch.float32}
    assert logits.dtype == images.grad.dtype == torch.float32
    exact = learner.averaged.module(images)
    assert 0 < (logits - exact).abs().max() < 0.05 * exact.abs().max()
    assert images.grad.flatten(1).norm(dim=1).min() > 0


def test_what_is_random_in_a_network_follows_from_the_seed_and_is_off_outside_training():
    data, before = images_of(30), torch.get_rng_state()
    learner, again = fitted(data, 6, restless), fitted(data, 3, restless)
    torch.rand(5)
    again.fit(data, 3, 6)
    assert same(learner.state(), again.state())
    torch.set_rng_state(before)
    learner.fit(data, 6, 8)
    assert torch.equal(torch.get_rng_state(), before)
    for logits in (learner.logits, learner.raw_logits, learner_of(restless).raw_logits):
        assert torch.allclose(logits(data.images[:1])[0], logits(data.images)[0], atol=1e-5)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_batches_made_by_other_processes_train_to_the_same_bits(tmp_path, monkeypatch):
    split, recipe = images_of(60), RECIPE | {"bf16": False}
    pool = pool_of(Samples(*split, torch.arange(60), torch.arange(60)), tmp_path)
    expected = fitted(pool, 5, **recipe).state()
    monkeypatch.setattr(pool_module, "MEMORY", 0)
    pool = pool_module.Pool(pool.directory, pool.shape, 1)
    assert same(fitted(pool, 5, **recipe).state(), expected)
    monkeypatch.setattr(loading, "workers", lambda *_: 2)
    assert same(fitted(pool, 5, **recipe).state(), expected)


def test_numbers_are_looked_at_once_however_many_iterations_there_are(monkeypatch):
    """Every read of a number makes a GPU wait."""
    looks = []
    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "cpu", "numpy"):
        real = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, *a, real=real: looks.append(1) or real(self, *a))
    counts, data = [], images_of(30)
    for steps in (2, 9):
        looks.clear()
        fitted(data, steps, mixup=0.5, clip=1.0)
        counts.append(len(looks))
    assert counts[0] == counts[1] > 0


# Where training stops


class Spoiling:
    """Add `value`, which is not finite, to the results of `function` from the `at`-th call on (0 is the first)."""

    def __init__(self, at, value, function=lambda x: x):
        self.left, self.value, self.function = at, value, function

    def __call__(self, *arguments):
        self.left -= 1
        result = self.function(*arguments)
        return result + self.value if self.left < 0 else result


@pytest.mark.parametrize("mix", [{}, {"mixup": 0.8}, {"clip": 1.0}])
def test_a_diverging_training_stops_and_says_where_and_what(mix):
    learner, data = learner_of(**mix), images_of(30)
    learner.fit(data, 0, 3)
    with torch.no_grad():
        next(learner.model.parameters()).fill_(math.nan)
    with pytest.raises(FloatingPointError, match=r"the loss of iteration 3 is not finite; lower training\.lr"):
        learner.fit(data, 3, 6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_first_iteration_that_is_not_finite_is_named(value):
    """Spoil a loss but not its gradient, then a gradient but not its loss; later iterations are spoilt by the first."""
    learner, data = learner_of(), images_of(30)
    learner.loss = Spoiling(2, value, learner.loss)
    with pytest.raises(FloatingPointError, match=r"the loss of iteration 2 is not finite"):
        learner.fit(data, 0, 6)
    learner = learner_of()
    list(learner.model.parameters())[-1].register_hook(Spoiling(1, value))
    with pytest.raises(FloatingPointError, match=r"the gradient of iteration 1 is not finite"):
        learner.fit(data, 0, 6)


def test_a_state_that_is_spoilt_is_never_saved(tmp_path, monkeypatch):
    run, real = tiny("digits"), learner_module.NetworkLearner.fit
    calls = []

    def fit(self, data, start, stop):
        calls.append(start)
        if start >= 8:
            self.loss = Spoiling(1, math.nan, self.loss)
        return real(self, data, start, stop)

    monkeypatch.setattr(learner_module.NetworkLearner, "fit", fit)
    monkeypatch.setattr("empirical.runs.execute.CHECKPOINT_EVERY", 1)
    with pytest.raises(FloatingPointError, match="iteration 9"):
        execute(run, tmp_path)
    tensors, values = load_tensors(folder_of(run, tmp_path) / "checkpoint.safetensors", "")
    assert values["step"] == 8
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert calls[-1] == 8


def test_too_little_gpu_memory_is_said_with_the_setting():
    message = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139 GiB"
    learner = learner_of()

    def no_memory(*_):
        raise torch.OutOfMemoryError(message)

    learner.model.register_forward_hook(no_memory)
    with complains("training") as refused:
        learner.fit(images_of(30), 0, 1)
    assert "set training.chunk" in str(refused.value)
    assert "Tried to allocate 2.00 GiB'" in str(refused.value)
    with pytest.raises(ZeroDivisionError), fitting("sampling", "lower sampling.batch"):
        raise ZeroDivisionError


@pytest.mark.parametrize(("name", "value"), [("augment", "mirror"), ("clip", -1.0), ("clip", math.nan)])
def test_settings_are_checked(name, value):
    with complains(f"training.{name}"):
        Training(iterations=1, **{name: value})


# Two processes


def test_two_processes_train_as_one_and_stop_together(tmp_path):
    data, recipe = images_of(30), {"augment": "crop_flip", "clip": 0.05, "batch": 16}

    def work(ranks, _):
        learner = learner_of(**recipe, chunk=3)  # passes of 3, 3 and 2 images, of which the last exchanges gradients
        learner.distribute(ranks)
        loss = learner.fit(data, 0, 5)
        full = learner_of(**RECIPE, batch=16)
        full.distribute(ranks)
        full.fit(data, 0, 3)
        if ranks.first:
            torch.save({"state": learner.state(), "full": full.state(), "loss": loss}, tmp_path / "trained.pt")
        else:
            learner.loss = Spoiling(3, math.nan, learner.loss)  # in this process only; the gradient stays finite
        with pytest.raises(FloatingPointError, match="the loss of iteration 6 is not finite"):
            learner.fit(data, 5, 9)

    two(work, tmp_path)
    saved = torch.load(tmp_path / "trained.pt", weights_only=True)
    learner = learner_of(**recipe)
    assert learner.fit(data, 0, 5) == pytest.approx(saved["loss"], rel=1e-5)
    assert saved["state"].keys() == saved["full"].keys() == learner.state().keys()
    for name, tensor in learner.state().items():
        assert torch.allclose(saved["state"][name], tensor, rtol=1e-3, atol=1e-5), name
    assert all(tensor.isfinite().all() for tensor in saved["full"].values())
