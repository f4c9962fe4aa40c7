"""Latent diffusion against diffusers' own pipelines: prompts, samples, precision, guidance."""

import shutil
import subprocess
import sys

import pytest
import torch
from support import tiny_stable_diffusion as small

from empirical.diffusion.denoiser import ClassifierFree, predict_x0
from empirical.diffusion.guidance import make_guide
from empirical.diffusion.sampler import ddim, noise
from empirical.generators import prompts, stable_diffusion
from empirical.generators.stable_diffusion import Parts, load
from empirical.generators.unet import noise_of_velocity
from empirical.learning.entropy import entropy
from empirical.settings.sections import Acquire

PROMPTS = ["the cat", "a dog that is at the end of a very, very long leash"]  # the second is cut to 16 tokens
MODELS = [("1.4", "epsilon"), ("1.5", "v_prediction"), ("2.1", "epsilon"), ("2.1", "v_prediction"), ("xl", "epsilon")]
SCALE = 3.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small.save(tmp_path_factory.mktemp("models") / "1.5")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return small.save_tiny(tmp_path_factory.mktemp("models") / "tiny")


def latents(rows=2, seed=0):
    return noise([seed + i for i in range(rows)], (4, small.SAMPLE, small.SAMPLE))


@torch.no_grad()
def sample(parts, x, labels, steps=10, scale=SCALE):
    scheduler = parts.scheduler()
    scheduler.set_timesteps(steps)
    denoiser = ClassifierFree(parts.denoiser(PROMPTS), scale, len(PROMPTS))
    return ddim(lambda x, t, y: (x, denoiser(x, t, y)), scheduler, x, torch.tensor(labels))


def pipeline_sample(folder, x, steps=10):
    """Sample the same latents by diffusers' pipeline with DDIM; its guidance_scale is 1 + lambda."""
    import diffusers

    name = stable_diffusion.Model("", str(folder), folder).json("model_index.json")["_class_name"]
    pipeline = getattr(diffusers, name).from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    settings = {"num_inference_steps": steps, "guidance_scale": 1 + SCALE, "output_type": "latent"}
    return pipeline(PROMPTS, latents=x, **settings).images


@pytest.mark.parametrize(("kind", "prediction"), MODELS)
def test_samples_equal_those_of_diffusers_own_pipeline(tmp_path, kind, prediction):
    folder = small.save(tmp_path, kind, prediction)
    parts = load(str(folder), "", "cpu")
    x = latents()
    ours = sample(parts, x, [0, 1])
    assert parts.latent_shape == tuple(ours.shape[1:]) == (4, 8, 8)
    assert (ours - sample(parts, x, [1, 0])).abs().max() > 1e-3  # the prompt matters
    assert torch.allclose(ours, pipeline_sample(folder, x), atol=1e-4 * ours.abs().max().item())


def test_unconditional_sd_xl_follows_the_models_index(tmp_path):
    """Without force_zeros_for_empty_prompt the unconditional row is the encoded empty prompt."""
    folder = small.save(tmp_path, "xl")
    small.change(folder / "model_index.json", force_zeros_for_empty_prompt=False)
    x = latents()
    ours = sample(load(str(folder), "", "cpu"), x, [0, 1])
    assert torch.allclose(ours, pipeline_sample(folder, x), atol=1e-4 * ours.abs().max().item())


def test_velocity_is_turned_into_noise():
    """x_t = sqrt(a) x_0 + sqrt(1 - a) eps and v = sqrt(a) eps - sqrt(1 - a) x_0 give eps back."""
    x0, eps = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a = torch.tensor(0.3, dtype=torch.float64)
    x, v = a.sqrt() * x0 + (1 - a).sqrt() * eps, a.sqrt() * eps - (1 - a).sqrt() * x0
    assert torch.allclose(noise_of_velocity(v, x, a), eps, rtol=1e-12)


def test_prompts_are_encoded_once_and_looked_up_by_label(folder, monkeypatch):
    passes = []
    real = prompts._run
    monkeypatch.setattr(prompts, "_run", lambda *args, **more: passes.append(args[2]) or real(*args, **more))
    parts = load(str(folder), "", "cpu")
    names = ["a cat", "a hat"]
    denoiser = parts.denoiser(names)
    x = latents(3)
    with torch.no_grad():
        once = denoiser(x, 500, torch.tensor([1, 2, 1]))
        assert torch.equal(parts.denoiser(names)(x, 500, torch.tensor([1, 2, 1])), once)
        others = denoiser(torch.cat([x[:1], -x[1:]]), 500, torch.tensor([1, 1, 0]))
        assert torch.equal(others[0], once[0])  # rows do not depend on each other
        # label 2 is the empty prompt, the same as if it were a class
        alone = parts.denoiser(["", "a hat"])(x, 500, torch.tensor([1, 0, 1]))
    assert passes == [("a cat", "a hat", ""), ("", "a hat", "")]
    assert torch.allclose(once, alone, atol=1e-6)


def test_many_prompts_take_several_passes_of_the_encoder(folder, monkeypatch):
    parts = load(str(folder), "", "cpu")
    whole = prompts.encoded(parts.model, tuple("abcde"), False, parts.device, parts.dtype).states
    monkeypatch.setattr(prompts, "BATCH", 2)
    prompts.encoded.cache_clear()
    split = prompts.encoded(parts.model, tuple("abcde"), False, parts.device, parts.dtype).states
    assert whole.shape == (6, 16, small.WIDTHS["1.5"][0])
    assert torch.allclose(whole, split, atol=1e-6)


@pytest.mark.parametrize("kind", ["1.5", "xl"])
def test_networks_in_bfloat16_stay_close_and_all_else_stays_float32(tmp_path, monkeypatch, kind):
    """GPUs compute so: bfloat16 rounds by 2^-8, and the error of an estimate is a few times that."""
    folder = str(small.save(tmp_path, kind))
    x, labels = latents().requires_grad_(), torch.tensor([0, 1])
    exact = load(folder, "", "cpu").denoiser(PROMPTS)(x, 400, labels)
    (slope,) = torch.autograd.grad(exact.square().sum(), x)
    monkeypatch.setattr(Parts, "dtype", property(lambda _: torch.bfloat16))
    stable_diffusion._load.cache_clear()
    parts = load(folder, "", "cpu")
    estimate = parts.denoiser(PROMPTS)(x, 400, labels)
    (gradient,) = torch.autograd.grad(estimate.square().sum(), x)
    assert estimate.dtype == gradient.dtype == torch.float32
    assert {p.dtype for p in parts.unet.parameters()} == {torch.bfloat16}
    assert parts.space.vae.dtype == (torch.float32 if kind == "xl" else torch.bfloat16)
    assert parts.space.decode(x).dtype == torch.float32
    assert 0 < (estimate - exact).norm() / exact.norm() < 0.03
    assert 0 < (gradient - slope).norm() / slope.norm() < 0.06
    stable_diffusion._load.cache_clear()


def test_gradients_flow_to_the_latents_alone(folder):
    parts = load(str(folder), "", "cpu")
    x = latents().requires_grad_()
    parts.denoiser(PROMPTS)(x, 700, torch.tensor([0, 2])).square().sum().backward()
    assert x.grad.flatten(1).norm(dim=1).min() > 0
    assert not any(p.requires_grad or p.grad is not None for p in parts.unet.parameters())


def test_the_first_of_a_few_or_many_steps_is_near_the_top(folder):
    scheduler = load(str(folder), "", "cpu").scheduler()
    assert scheduler.config.prediction_type == "epsilon"
    for steps, first in ((50, 981), (10, 901)):
        scheduler.set_timesteps(steps)
        assert int(scheduler.timesteps[0]) == first
        assert int(scheduler.timesteps[-1]) == 1


def test_decoding_and_guidance_by_every_decoder_and_path(folder, tiny):
    """One guided step raises the entropy of the preview, whatever the decoder and the path of the gradient."""
    parts = load(str(folder), str(tiny), "cpu")
    denoiser, scheduler = parts.denoiser(PROMPTS), parts.scheduler()
    scheduler.set_timesteps(10)
    x, labels, t = latents(4), torch.tensor([0, 1, 0, 1]), int(scheduler.timesteps[6])
    weights = torch.randn(3 * 32 * 32, 5, generator=torch.Generator().manual_seed(0)) / 8

    def logits(images):
        assert images.shape[1:] == (3, 32, 32)
        return images.flatten(1) @ weights

    guided = ClassifierFree(denoiser, SCALE, len(PROMPTS))
    for decode in ("full", "tiny", "linear"):
        preview = parts.space.preview(decode, lambda: latents(16, seed=100))

        def seen(x, preview=preview):
            eps = guided(x, t, labels)
            return entropy(logits(preview(predict_x0(x, eps, scheduler.alphas_cumprod[t]))))

        with torch.no_grad():
            before = seen(x)
            for through in ("denoiser", "conditional", "x0"):
                guide = make_guide(logits, Acquire(omega=0.02, through=through, decode=decode), preview)
                moved, eps = guide(guided, scheduler, range(4))(x, t, labels)
                assert eps.dtype == moved.dtype == torch.float32
                assert (seen(moved) > before).all(), (decode, through)


def test_identity_is_that_of_the_weights_and_the_schedule(folder, tiny, tmp_path):
    own = load(str(folder), "", "cpu").identity()
    assert load(str(folder), str(tiny), "cpu").identity().startswith(own + "+")
    assert load(str(shutil.copytree(folder, tmp_path / "copy")), "", "cpu").identity() == own
    others = {load(str(small.save(tmp_path / "seed", seed=1)), "", "cpu").identity()}
    others.add(load(str(small.save(tmp_path / "velocity", prediction="v_prediction")), "", "cpu").identity())
    assert len(others | {own}) == 3


def test_loading_is_silent_and_leaves_the_libraries_as_they_were(folder, tiny, capfd):
    from diffusers.utils import logging as diffusers
    from transformers.utils import logging as transformers

    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in (diffusers, transformers)]
    stable_diffusion._load.cache_clear()
    prompts.encoded.cache_clear()
    parts = load(str(folder), str(tiny), "cpu")
    parts.denoiser(PROMPTS)
    assert parts.space.tiny
    assert capfd.readouterr() == ("", "")
    after = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in (diffusers, transformers)]
    assert after == before


def test_importing_the_module_is_light():
    code = "import sys, empirical.generators.stable_diffusion; print({'diffusers', 'transformers'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
