"""Numbers on a GPU: near those of a CPU, and the same bits whenever they are asked for again."""

import json
from dataclasses import replace

import pytest
import torch
from support.runs import folder_of, tiny, without_seconds
from torch import nn

from empirical.config import new_learner, world_of
from empirical.data.split import Split
from empirical.diffusion.guidance import EntropyGuide, Unguided, make_guide
from empirical.diffusion.sampler import Sampler, ddim
from empirical.generators.unet_training import GeneratorTraining, train
from empirical.learning.entropy import entropy
from empirical.learning.network_learner import NetworkLearner
from empirical.learning.networks import NETWORKS
from empirical.review.verify import check_run
from empirical.runs.execute import execute
from empirical.settings.sections import Acquire, Sampling, Training
from empirical.system.tensors import tensors_digest

SAMPLING = Sampling(steps=10, guidance_scale=3.0, batch=8)
GUIDES = [("digits", through, "full") for through in ("x0", "denoiser", "conditional")]
GUIDES += [
    ("latent_digits", through, decode) for through in ("x0", "denoiser") for decode in ("full", "tiny", "linear")
]


def trained(device, steps=200, kind="cnn", **changes):
    """Train a learner on the real digits of the corpus; its numbers are a function of device and settings."""
    world = world_of(tiny("digits"))
    learner = world.learner(kind, Training(**{"iterations": 400, "batch": 32, **changes}), 0, device)
    learner.fit(Split(*(column.to(device) for column in world.corpus_split())), 0, steps)
    return learner


def carried(learner, device, **changes):
    """Make a learner with the same tensors on a device."""
    state = {name: value.to(device) for name, value in learner.state().items()}
    other = NetworkLearner(NETWORKS["cnn"](1, 8, 10).to(device), 10, replace(learner.training, **changes), 0)
    other.load_state(state)
    return other


def test_plain_samples_are_those_of_a_cpu(device):
    """Test 1: to 1e-3 of their norm before they are rounded; 99 % of the stored levels are equal."""
    world, found = world_of(tiny("digits")), []
    for place in ("cpu", device):
        sampler = Sampler(world, SAMPLING, place)
        start = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)).to(place)
        predict = Unguided()(sampler.denoiser, sampler.scheduler, range(8))
        with torch.no_grad():
            found.append(ddim(predict, sampler.scheduler, start, torch.arange(8, device=place)).cpu())
    assert (found[0] - found[1]).norm() < 1e-3 * found[0].norm()
    stored = [Sampler(world, SAMPLING, place).draw(0, 0, 64)[0].images for place in ("cpu", device)]
    assert (stored[0] == stored[1]).double().mean() >= 0.99


@pytest.mark.parametrize(("name", "through", "decode"), GUIDES)
@pytest.mark.parametrize(("bf16", "least"), [(False, 0.999), (True, 0.98)])
def test_a_guided_step_has_the_direction_of_a_cpu_s(device, name, through, decode, bf16, least):
    """Test 2: cosines of the steps of 8 images, at a noise level where x0_hat is half formed."""
    world, on_cpu = world_of(tiny(name)), trained("cpu", steps=60)
    steps = []
    for place, half in (("cpu", False), (device, bf16)):
        guide = make_guide(
            carried(on_cpu, place, bf16=half).logits,
            Acquire(omega=0.05, through=through, decode=decode),
            world.preview(decode, place),
        )
        sampler = Sampler(world, SAMPLING, place)
        predict = guide(sampler.denoiser, sampler.scheduler, range(8))
        x = torch.randn(8, *world.latent_shape, generator=torch.Generator().manual_seed(0)).to(place)
        with torch.no_grad():
            moved, _ = predict(x, 501, torch.arange(8, device=place))
        steps.append((moved - x).flatten(1).cpu())
    assert torch.cosine_similarity(*steps).min() > least


def test_a_training_step_is_that_of_a_cpu(device):
    """Test 3: loss, norm of the gradient, weights and their average to 1e-4; after 60 steps, so none is near 0."""
    on_cpu = trained("cpu", steps=60, clip=1.0)
    learners = [carried(on_cpu, place) for place in ("cpu", device)]
    data = world_of(tiny("digits")).corpus_split()
    records, states = [], []
    for learner in learners:
        images, labels = (column.to(learner.device) for column in data.batch(0, 60, 32))
        learner.model.train()
        records.append(learner._iterate(60, images, labels).cpu())
        states.append({name: value.cpu() for name, value in learner.state().items()})
    assert torch.allclose(records[0], records[1], rtol=1e-4)
    for name, value in states[0].items():
        if not name.startswith("optimizer."):
            assert torch.allclose(states[1][name], value, atol=1e-4), name


RUNS = {"cnn": {}, "vit": {"learner.kind": "vit"}, "bf16": {"training.bf16": True},
        "denoiser": {"acquire.through": "denoiser", "acquire.chunk": 3, "training.chunk": 3}}  # fmt: skip


def outcome_on(device, run, root):
    """Do a run on a device; return its result, metrics and pool files, bit for bit, without CPU seconds."""
    execute(run, root, device)
    folder = folder_of(run, root)
    result = json.loads((folder / "result.json").read_text())
    result = {**result, "sha256": "", "cost": without_seconds(result["cost"])}
    pool = {path.name: path.read_bytes() for path in sorted((folder / "pool").glob("*.parquet"))}
    return result, (folder / "metrics.jsonl").read_text(), pool


@pytest.mark.parametrize("name", RUNS)
def test_a_run_repeats_and_goes_on_bit_for_bit(device, tmp_path, name):
    """Tests 4 and 5: made twice, and stopped at every third event, a run gives the same bits."""
    run = tiny("digits", **RUNS[name])
    whole = outcome_on(device, run, tmp_path / "whole")
    assert outcome_on(device, run, tmp_path / "again") == whole
    seen = []

    def stop(event):
        seen.append(event)
        if len(seen) % 3 == 0:
            raise KeyboardInterrupt

    for _ in range(20):
        try:
            execute(run, tmp_path / "broken", device, observe=stop)
            break
        except KeyboardInterrupt:
            continue
    assert len(seen) > 6  # it was stopped more than once
    assert outcome_on(device, run, tmp_path / "broken") == whole


def test_the_training_of_a_generator_goes_on_bit_for_bit(device, tmp_path):
    """Test 5, of generators: stopped after 12 of 24 iterations."""
    settings = GeneratorTraining(base_channels=8, iterations=24, batch=16)
    corpus, path = world_of(tiny("digits")).corpus_split(), tmp_path / "checkpoint.safetensors"

    def stop(step, _):
        if step == 12:
            raise KeyboardInterrupt

    def finished(report=lambda *_: None, checkpoint=None):
        return train(corpus, (1, 8, 8), 10, settings, report, device=device, checkpoint=checkpoint, save_every_s=0.0)

    with pytest.raises(KeyboardInterrupt):
        finished(stop, path)
    assert path.exists()
    assert tensors_digest(finished(checkpoint=path).state_dict()) == tensors_digest(finished().state_dict())


@pytest.mark.parametrize("through", ["", "x0", "denoiser"])
def test_an_image_has_the_same_bits_at_any_place_in_its_batch(device, through):
    """Test 6: image 7 at places 0, 5 and 7 of 8, plain and guided. If this fails, a row is remade at its own place."""
    world, learner = world_of(tiny("digits")), trained(device, steps=60)
    guide = EntropyGuide(learner.logits, 0.05, through) if through else None
    sampler = Sampler(world, SAMPLING, device)
    images = [sampler.draw(0, 7 - place, 8, guide)[0].images[place] for place in (0, 5, 7)]
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[0], images[2])


def test_a_guided_run_passes_its_checks_where_it_was_made(device, tmp_path):
    """Test 7: accuracy and images are checked, bit for bit."""
    run = tiny("digits")
    execute(run, tmp_path, device)
    made = {check.name: check for check in check_run(folder_of(run, tmp_path), device=device)}
    assert [check for check in made.values() if not check.ok or check.needs] == []
    assert "bit for bit" in made["images"].message


def test_bfloat16_changes_entropies_by_less_than_two_hundredths(device):
    """Test 9: logits and gradient are float32; mean entropy of real digits within .02 nats of float32's."""
    learner = trained(device)
    images = world_of(tiny("digits")).validation_split(0).images.to(device).requires_grad_()
    rough = carried(learner, device, bf16=True)
    logits = [one.logits(images) for one in (learner, rough)]
    (gradient,) = torch.autograd.grad(entropy(logits[1]).sum(), images)
    assert logits[1].dtype == gradient.dtype == torch.float32
    assert not torch.equal(*logits)
    means = [entropy(z).mean().item() for z in logits]
    assert means[0] > 0.1  # the learner is uncertain of some, so there is an entropy to be changed
    assert abs(means[0] - means[1]) < 0.02


def test_learners_are_networks_on_the_device(device):
    """The rest would prove nothing if a learner or a sampler stayed on the CPU."""
    assert new_learner(tiny("digits"), device).device.type == device
    weights = [p for p in trained(device, steps=1).model.parameters() if isinstance(p, nn.Parameter)]
    assert {p.device.type for p in weights} == {device}
