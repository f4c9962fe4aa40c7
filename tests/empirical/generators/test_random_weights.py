"""Operations counted on architectures without weights agree with the modules' own counts and with published ones."""

from functools import partial

import pytest
import torch
from support.errors import complains
from support.places import DOCS
from support.runs import tiny
from support.small_architecture import Small
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cli import flops
from empirical.config import world_of
from empirical.diffusion.guidance import Unguided, make_guide
from empirical.diffusion.sampler import Sampler
from empirical.settings.sections import Acquire, Sampling
from empirical.worlds.random_imagenet import RandomImageNet100, _kept, without_weights

DOCUMENT = DOCS / "guidance_cost.md"
CHECKED = {  # a guided step over a plain one, of Stable Diffusion 1.5 and a ViT-B/16
    ("plain", ""): 1.0, ("third", "full"): 5.27, ("conditional", "full"): 4.77, ("conditional", "tiny"): 1.79,
    ("x0", "full"): 4.20, ("x0", "tiny"): 1.22, ("x0", "linear"): 1.04,
}  # fmt: skip
UNET, UNET_GRADIENT, VAE, VAE_GRADIENT, TINY_GRADIENT, VIT_GRADIENT = 0.803, 1.726, 2.515, 5.063, 0.283, 0.072


@pytest.fixture(scope="module")
def small():
    """Return the small architecture on "meta", a linear learner, and the counted modes of guidance."""
    world = Small(size=32)
    with torch.device("meta"):
        learner = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 100)).requires_grad_(False)
    counted = flops.count(world, learner, lambda *_: None)
    return world, learner, {(mode.through, mode.decode): mode for mode in counted}


def tflop(function, shape, gradient):
    x = torch.empty(shape, device="meta", requires_grad=gradient)
    with torch.set_grad_enabled(gradient), FlopCounterMode(display=False) as counter:
        y = function(x.view_as(x))
        if gradient:
            torch.autograd.grad(y.sum(), x)
    return counter.get_total_flops() / 1e12


def test_a_step_is_made_of_its_passes(small):
    """Sum the passes of UNet, decoder and learner, with or without gradients, for every mode of guidance."""
    world, learner, modes = small
    latents = (1, *world.latent_shape)
    denoiser, labels = world.denoiser("meta"), torch.zeros(1, dtype=torch.long, device="meta")
    plain, differentiated = (tflop(lambda x: denoiser(x, 1, labels), latents, grad) for grad in (False, True))
    seen = tflop(learner, (1, 3, 32, 32), True)
    assert modes["plain", ""].step == pytest.approx(2 * plain)
    for decode in ("full", "tiny", "linear"):
        shown = tflop(world.preview(decode, "meta"), latents, True) + seen
        assert modes["x0", decode].step == pytest.approx(2 * plain + shown)
        assert modes["conditional", decode].step == pytest.approx(differentiated + plain + shown)
        assert modes["denoiser", decode].step == pytest.approx(2 * differentiated + shown)
    assert modes["third", "full"].step == pytest.approx(2 * plain + modes["conditional", "full"].step - plain)
    assert modes["x0", "linear"].step < modes["x0", "tiny"].step < modes["x0", "full"].step


def test_an_image_is_fifty_steps_and_a_decoding(small):
    world, _, modes = small
    decoded = tflop(lambda x: world._parts("meta").space.decode(x), (1, *world.latent_shape), False)
    plain, guided = modes["plain", ""], modes["x0", "tiny"]
    assert plain.image == plain.sparse == pytest.approx(50 * plain.step + decoded)
    assert guided.image == pytest.approx(50 * guided.step + decoded)
    assert guided.sparse == pytest.approx(10 * guided.step + 40 * plain.step + decoded)


def test_random_weights_sample_through_the_real_code():
    """Images are finite and of the stored size, guided through every decoder."""
    world = Small(size=24)
    learner = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 100)).requires_grad_(False)
    sampler = Sampler(world, Sampling(steps=2, guidance_scale=2.0, batch=2))
    plain, _ = sampler.draw(0, 0, 2)
    assert plain.images.shape == (2, *world.shape)
    assert plain.images.isfinite().all()
    assert world.identity() == "random"
    for decode in world.decodes:
        guide = make_guide(learner, Acquire(omega=0.5, decode=decode), world.preview(decode, "cpu"))
        guided, cost = sampler.draw(0, 0, 2, guide)
        assert cost.skipped_steps == 0
        assert not guided.images.equal(plain.images)


def test_other_worlds_have_no_random_weights():
    with complains("--random-weights"):
        without_weights(world_of(tiny("digits")))


def test_the_page_shows_every_mode_and_the_checked_numbers():
    table = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")][1:]
    lines = [line.strip("|").split("|") for line in table]
    assert len(lines) == len(flops.PATHS) * len(flops.DECODERS) + 2
    printed = {(line[0].strip(), line[1].strip()): float(line[3]) for line in lines}
    rows = flops.rows([flops.Mode(*pair, ratio, ratio, ratio) for pair, ratio in CHECKED.items()])
    for (through, decoder, *_), ratio in zip(rows, CHECKED.values(), strict=True):
        assert printed[through, decoder] == pytest.approx(ratio, abs=0.006)


@pytest.mark.slow
def test_stable_diffusion_costs_what_was_published():
    world = RandomImageNet100()
    with torch.device("meta"):
        learner = flops.learner(world.classes)
    modes = {(mode.through, mode.decode): mode for mode in flops.count(world, learner, lambda *_: None)}
    plain = modes["plain", ""].step
    assert plain == pytest.approx(2 * UNET, rel=0.01)
    for pair, ratio in CHECKED.items():
        assert modes[pair].step / plain == pytest.approx(ratio, rel=0.01)
    assert modes["x0", "full"].step - plain == pytest.approx(VAE_GRADIENT + VIT_GRADIENT, rel=0.01)
    assert modes["x0", "tiny"].step - plain == pytest.approx(TINY_GRADIENT + VIT_GRADIENT, rel=0.01)
    assert modes["denoiser", "full"].step - modes["x0", "full"].step == pytest.approx(
        2 * (UNET_GRADIENT - UNET), rel=0.01
    )
    assert modes["plain", ""].image - 50 * plain == pytest.approx(VAE, rel=0.01)
    assert modes["third", "full"].sparse / modes["plain", ""].image == pytest.approx(1.82, rel=0.01)  # the paper's


@pytest.mark.parametrize("option", ["channels_last", pytest.param("compiled", marks=pytest.mark.slow)])
def test_layouts_change_neither_images_nor_counts(option, monkeypatch):
    """Images agree to one of 256 levels, 99 % of them exactly; a compiled network costs what it costs uncompiled."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # the graph, without its kernels
    _kept.cache_clear()
    plain, placed = Small(size=24), Small(size=24, **{option: True})
    samplers, images = [], []
    for world in (plain, placed):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # weights are drawn when they are first used
            samplers.append(Sampler(world, Sampling(steps=2, guidance_scale=2.0, batch=2)))
            images.append(samplers[-1].draw(0, 0, 2)[0].images)
    levels = ((images[0] - images[1]) * 127.5).abs()
    assert levels.max() < 1.5
    assert (levels < 0.5).float().mean() > 0.99
    assert len({sampler.gflop_per_image(Unguided()) for sampler in samplers}) == 1
    parts = placed._parts("cpu")
    for network in (parts.unet, parts.space.vae.decoder, parts.space.tiny.decoder):
        kernels = [weight for weight in network.parameters() if weight.dim() == 4 and weight.shape[2] > 1]
        last = all(weight.is_contiguous(memory_format=torch.channels_last) for weight in kernels)
        assert (last, network._compiled_call_impl is not None) == (option == "channels_last", option == "compiled")
    assert without_weights(placed).layout == placed.layout
