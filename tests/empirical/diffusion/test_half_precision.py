"""A noise estimate in bfloat16, as Stable Diffusion has it on a GPU, beside float32, at the paper's lambda = 3.

Classifier-free guidance multiplies the rounding of the estimate by up to 1 + 2 lambda = 7.
"""

import copy

import pytest
import torch
from support.errors import complains
from support.runs import tiny

from empirical.config import world_of
from empirical.data.split import Split
from empirical.diffusion.denoiser import ClassifierFree
from empirical.diffusion.guidance import EntropyGuide, Unguided
from empirical.diffusion.sampler import Sampler, ddim, image_seed, noise
from empirical.generators import unet
from empirical.learning.entropy import entropy
from empirical.settings.sections import Sampling, Training

IMAGES, STEPS, SCALE = 256, 10, 3.0


@pytest.fixture(scope="module")
def world():
    return world_of(tiny("digits"))


@pytest.fixture(scope="module")
def learner(world):
    learner = world.learner("cnn", Training(iterations=400, batch=32), 0, "cpu")
    learner.fit(Split(*world.corpus_split()), 0, 100)
    return learner


def estimates(world):
    """Return noise estimates: in float32, in bfloat16, and rounded to 3 binary digits, which is too coarse."""
    model, _ = world._loaded("cpu")
    half = copy.deepcopy(model).bfloat16()

    def exact(x, t, labels):
        return unet.estimate(model, x, t, labels)

    def rounded(x, t, labels):
        return unet.estimate(half, x.bfloat16(), t, labels).float()

    def coarse(x, t, labels):
        mantissa, exponent = torch.frexp(exact(x, t, labels))
        return torch.ldexp((mantissa * 8).round() / 8, exponent)

    return exact, rounded, coarse


@pytest.mark.parametrize("omega", [0.0, pytest.param(0.05, marks=pytest.mark.slow)])
def test_entropies_of_images_agree_to_two_hundredths_of_a_nat(world, learner, omega):
    """Mean difference over 256 images of the same noise, plain and guided, to .005 (its standard error).

    Guided through the noise estimate, whose gradient is rounded too, the difference is -.023 +- .008: not bounded.
    Coarse rounding changes single images three times as much at least, so a worse estimate would be seen.
    """
    guide = EntropyGuide(learner.logits, omega, "x0") if omega else Unguided()
    scheduler = world.scheduler()
    scheduler.set_timesteps(STEPS)
    seeds, labels = [image_seed(0, i % 10, i // 10) for i in range(IMAGES)], torch.arange(IMAGES) % 10
    entropies = []
    for estimate in estimates(world):
        predict = guide(ClassifierFree(estimate, SCALE, world.classes), scheduler, seeds)
        with torch.no_grad():
            images = world.finish(ddim(predict, scheduler, noise(seeds, world.latent_shape), labels))
            entropies.append(entropy(learner.logits(images)))
    rounding, coarse = (values - entropies[0] for values in entropies[1:])
    assert abs(rounding.mean()) < 0.02
    assert rounding.std() / IMAGES**0.5 < 0.005
    assert coarse.square().mean().sqrt() > 3 * rounding.square().mean().sqrt()


def test_the_setting_rounds_the_network_alone(world):
    """Images are within 3 % of the range of float32's on average, and other; estimates and latents are float32."""
    settings = {"steps": STEPS, "guidance_scale": SCALE, "batch": 32}
    half, full = (Sampler(world, Sampling(bf16=bf16, **settings)) for bf16 in (True, False))
    x = noise(list(range(32)), world.latent_shape)
    estimate = half.denoiser(x, 501, torch.arange(32) % 10)
    assert estimate.dtype == torch.float32
    distance = (half.draw(0, 0, 32)[0].images - full.draw(0, 0, 32)[0].images).abs().mean()
    assert 0 < distance < 0.06
    assert half.gflop_per_image(Unguided()) == full.gflop_per_image(Unguided())
    with complains("sampling.bf16"):
        tiny("linear", sampling__bf16=True)
