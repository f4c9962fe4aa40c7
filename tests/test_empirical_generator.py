"""The diffusion model: what it is trained on, that it learns, its file, and the evidence that comes with it."""

import json

import pytest
import torch

from empirical import generator, quality
from empirical.generator import GeneratorTraining
from empirical.worlds import DigitsWorld
from empirical.worlds.digits import SHIPPED

TINY = GeneratorTraining(base_channels=8, iterations=40, batch=32, lr=3e-3)


@pytest.fixture(scope="module")
def corpus():
    world = DigitsWorld()
    return world.rows(world.corpus)


def test_training_lowers_the_loss_and_repeats_bit_for_bit(corpus):
    losses = []
    models = [generator.train(corpus, 10, TINY, lambda _, loss: losses.append(loss)) for _ in range(2)]
    assert sum(losses[30:40]) < 0.7 * sum(losses[:10])
    assert losses[:40] == losses[40:]
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_weights_come_back_equal_with_what_made_them(corpus, tmp_path):
    model = generator.train(corpus, 10, TINY, lambda *_: None)
    path = tmp_path / "weights.safetensors"
    shape = {"classes": 10, "channels": 1, "size": 8}
    generator.save(path, model, TINY, shape, {"corpus": [0, 1000]})
    found, values = generator.load(path)
    x, t, labels = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)), 500, torch.tensor([1, 2, 10])
    with torch.no_grad():
        assert torch.equal(found(x, t, labels).sample, model.eval()(x, t, labels).sample)
    assert values["training"]["iterations"] == 40
    assert values["corpus"] == [0, 1000]
    assert not any(p.requires_grad for p in found.parameters())


def test_the_shipped_weights_say_where_they_come_from():
    values = DigitsWorld().weights_values()
    assert values["corpus"] == [0, 1000]
    assert SHIPPED.stat().st_size <= 3_000_000
    record = json.loads(SHIPPED.with_suffix(".json").read_text())
    assert record["weights_sha256"] == DigitsWorld().identity()
    assert record["corpus"] == values["corpus"]
    assert record["training"] == values["training"]
    checks = record["checks"]
    assert checks["label_agreement_of_generated"] > 0.98
    assert checks["learner_accuracy_on_real_test"] > 0.9


def test_the_noise_levels_end_in_noise_and_start_near_the_data():
    alphas = generator.scheduler().alphas_cumprod
    assert len(alphas) == 1000
    assert alphas[0] > 0.999
    assert alphas[-1] < 1e-4
    assert (alphas.diff() < 0).all()


def test_the_estimate_of_the_shipped_generator_beats_none_at_every_level(corpus):
    """The mean squared error of eps, against 1 of the guess 0, on its corpus; and labels help."""
    world = DigitsWorld()
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
    "change", [{"iterations": 0}, {"lr": float("nan")}, {"base_channels": -8}, {"class_dropout": -0.1}]
)
def test_wrong_settings_are_refused(complains, change):
    with complains(next(iter(change))):
        GeneratorTraining(**change)


def test_a_diverging_training_stops(corpus):
    with pytest.raises(FloatingPointError, match="lower the lr"):
        generator.train(
            corpus, 10, GeneratorTraining(base_channels=8, iterations=30, batch=8, lr=1e30), lambda *_: None
        )


def test_training_by_command_leaves_weights_and_evidence_and_the_new_weights_run(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "PLENTY", 64)
    record = quality.train_generator(tiny("digits"), TINY, tmp_path, lambda *_: None)
    path = tmp_path / "digits_generator.safetensors"
    assert json.loads(path.with_suffix(".json").read_text())["weights_sha256"] == record["weights_sha256"]
    assert all(value >= 0 for value in record["checks"].values())
    run = tiny("digits", **{"world.weights": str(path)})
    assert run.world.identity() == record["weights_sha256"] != DigitsWorld().identity()
