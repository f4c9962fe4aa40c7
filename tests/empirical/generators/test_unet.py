"""The diffusion model: its network, its noise estimate, its file and its settings."""

import pytest
import torch
from support.errors import complains

from empirical.diffusion.denoiser import predict_x0
from empirical.generators import unet as generator
from empirical.generators import unet_training
from empirical.generators.unet_training import GeneratorTraining
from empirical.worlds import DigitsWorld

SHAPE = (1, 8, 8)
TINY = GeneratorTraining(base_channels=8, iterations=40)


def test_weights_come_back_equal_with_what_made_them(tmp_path):
    model = generator.unet(**TINY.network(SHAPE, 10))
    path = tmp_path / "weights.safetensors"
    unet_training.save(path, model, TINY, SHAPE, 10, {"corpus": [0, 1000]})
    loaded, values = generator.load(path)
    x, t, labels = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)), 500, torch.tensor([1, 2, 10])
    with torch.no_grad():
        assert torch.equal(loaded(x, t, labels).sample, model.eval()(x, t, labels).sample)
    assert values["training"]["iterations"] == 40
    assert values["corpus"] == [0, 1000]
    assert not any(p.requires_grad for p in loaded.parameters())


@pytest.mark.parametrize(
    ("change", "inputs", "channels"),
    [
        ({}, 1, [8, 16]),
        ({"multipliers": [1, 1, 3]}, 1, [8, 8, 24]),
        ({"patch": 2}, 4, [8, 16]),
        ({"patch": 4, "multipliers": [2], "layers": 2}, 16, [16]),
        ({"attention": 1}, 1, [8, 16]),
    ],
)
def test_the_shape_of_the_network_is_a_setting_and_comes_back_from_its_file(change, inputs, channels, tmp_path):
    settings = GeneratorTraining(base_channels=8, **change)
    model = generator.unet(**settings.network(SHAPE, 10))
    assert model.config.in_channels == inputs
    assert list(model.config.block_out_channels) == channels
    assert any("attention" in name for name, _ in model.named_parameters()) == ("attention" in change)
    unet_training.save(tmp_path / "w.safetensors", model, settings, SHAPE, 10, {})
    loaded, _ = generator.load(tmp_path / "w.safetensors")
    x, labels = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 10])
    with torch.no_grad():
        first, second = (generator.estimate(m.eval(), x, 300, labels) for m in (model, loaded))
    assert first.shape == x.shape
    assert torch.equal(first, second)


def test_patches_keep_every_pixel_in_its_place():
    """A network that returns its input must give an estimate equal to the image."""

    class Identity(torch.nn.Module):
        config = type("Config", (), {"in_channels": 12})

        def forward(self, x, t, labels):  # noqa: ARG002
            assert x.shape == (2, 12, 4, 4)
            return type("Output", (), {"sample": x})

    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(generator.estimate(Identity(), x, 0, torch.zeros(2)), x)


@pytest.mark.parametrize("t", [0, 400, 999])
def test_the_noise_is_found_from_a_right_velocity(t):
    """An error of the velocity reaches x_0 times sqrt(1 - a), while one of the noise would grow by 1/sqrt(a)."""
    source, a = torch.Generator().manual_seed(0), generator.alphas_cumprod()[t]
    clean, noise, error = torch.randn(3, 2, 1, 8, 8, generator=source)
    noisy = a.sqrt() * clean + (1 - a).sqrt() * noise

    def network(wrong):
        velocity = a.sqrt() * noise - (1 - a).sqrt() * clean + wrong
        model = lambda x, t, labels: type("Output", (), {"sample": velocity})  # noqa: E731, ARG005
        model.config = type("Config", (), {"in_channels": 1})
        return model

    labels = torch.zeros(2, dtype=torch.long)
    assert torch.allclose(generator.estimate(network(0), noisy, t, labels, "velocity"), noise, atol=1e-5)
    eps = generator.estimate(network(error), noisy, t, labels, "velocity").double()
    x0 = predict_x0(noisy.double(), eps, a.double())
    assert torch.allclose((x0 - clean).double(), -(1 - a).sqrt() * error.double(), atol=1e-4)


def test_the_noise_levels_end_in_noise_and_start_near_the_data():
    alphas = generator.scheduler().alphas_cumprod
    assert len(alphas) == 1000
    assert alphas[0] > 0.999
    assert alphas[-1] < 1e-4
    assert (alphas.diff() < 0).all()


def test_the_estimate_of_the_shipped_generator_beats_none_at_every_level():
    """The mean squared error of eps is below .5 (the guess 0 has 1), and right labels lower it."""
    world, corpus = DigitsWorld(), DigitsWorld().corpus_split()
    eps, alphas = world.denoiser("cpu"), world.scheduler().alphas_cumprod
    clean, labels = corpus.images[:256], corpus.labels[:256]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    for t in (100, 400, 800):
        noisy = alphas[t].sqrt() * clean + (1 - alphas[t]).sqrt() * noise
        with torch.no_grad():
            right, wrong = (((eps(noisy, t, y) - noise) ** 2).mean() for y in (labels, (labels + 1) % 10))
        assert right < 0.5
        assert right < wrong


@pytest.mark.parametrize(
    "change",
    [
        {"iterations": 0},
        {"lr": float("nan")},
        {"base_channels": -8},
        {"base_channels": 12},  # no multiple of 8
        {"class_dropout": -0.1},
        {"ema_decay": 1.0},
        {"multipliers": []},
        {"multipliers": [1, 0]},
        {"multipliers": 2},
        {"multipliers": [1.5]},
        {"attention": 3},
        {"layers": 0},
        {"patch": 0},
        {"prediction": "x0"},
        {"checked": 0},
    ],
)
def test_wrong_settings_are_refused(change):
    with complains(next(iter(change))):
        GeneratorTraining(**change)


def test_images_that_the_network_cannot_halve_are_refused():
    with complains("multipliers"):
        GeneratorTraining(patch=2, multipliers=(1, 1, 1, 1)).network(SHAPE, 10)


def test_the_table_of_a_recipe_becomes_settings():
    quick = {"batch": 8, "multipliers": [1, 2, 4], "set": {"training.iterations": 3}}
    table = {"lr": 1e-3, "batch": 32, "presets": {"default": {}, "quick": quick}}
    assert unet_training.from_table(table, "default") == (GeneratorTraining(lr=1e-3, batch=32), {})
    expected = GeneratorTraining(lr=1e-3, batch=8, multipliers=(1, 2, 4))
    assert unet_training.from_table(table, "quick") == (expected, {"training.iterations": 3})
    assert unet_training.from_table({}, "default") == (GeneratorTraining(), {})
    with complains("generator.presets"):
        unet_training.from_table(table, "huge")
    with complains("generator.epochs"):
        unet_training.from_table({"epochs": 3}, "default")
