"""The diffusion model: what it is trained on, that it learns, its file, and the evidence that comes with it."""

import json
import signal

import pytest
import torch

from empirical import generator, generator_training, quality
from empirical.checkpoint import load_tensors
from empirical.config import load_toml
from empirical.generator import GeneratorTraining
from empirical.guidance import predict_x0
from empirical.worlds import DigitsWorld
from empirical.worlds.pixels import UNTRAINED

SHIPPED = DigitsWorld().path
SHAPE = (1, 8, 8)
TINY = GeneratorTraining(base_channels=8, iterations=40, batch=16, lr=3e-3, checked=64)


@pytest.fixture(scope="module")
def corpus():
    return DigitsWorld().corpus_split()


@pytest.fixture(scope="module")
def undisturbed(corpus):
    """The losses and the model of `TINY`."""
    losses = []
    return losses, train(corpus, report=lambda _, loss: losses.append(loss))


def train(corpus, settings=TINY, report=lambda *_: None, **more):
    return generator_training.train(corpus, SHAPE, 10, settings, report, **more)


def equal(first, second):
    """Whether two models have the same weights, bit for bit."""
    first, second = first.state_dict(), second.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_training_lowers_the_loss_and_repeats_bit_for_bit(corpus, undisturbed):
    (losses, model), again, before = undisturbed, [], torch.random.get_rng_state()
    assert equal(train(corpus, report=lambda _, loss: again.append(loss)), model)
    assert losses == again
    assert sum(losses[30:]) < 0.7 * sum(losses[:10])
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_digits_training_is_the_one_that_made_the_shipped_weights(corpus):
    """Losses of the code that made them, for the first iterations: no draw has moved since."""
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


class StoppedError(Exception):
    """The training is cut off."""


@pytest.mark.parametrize("stop", [1, 17, 39, 40])
def test_a_stopped_training_goes_on_to_the_same_weights(corpus, undisturbed, tmp_path, stop):
    path, seen = tmp_path / "checkpoint.safetensors", []

    def report(step, loss):
        seen.append((step, loss))
        if step == stop and len(seen) == stop:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(corpus, report=report, checkpoint=path, save_every_s=0)
    losses, model = undisturbed
    assert equal(train(corpus, report=report, checkpoint=path, save_every_s=0), model)
    assert seen == list(zip(range(1, 41), losses, strict=True))  # nothing was done twice
    assert equal(train(corpus, report=report, checkpoint=path), model)  # finished: nothing is done at all
    assert len(seen) == 40


def test_a_killed_training_goes_on_to_the_same_weights(corpus, undisturbed, tmp_path, in_child):
    """SIGKILL anywhere, the writing of a checkpoint included."""
    path, codes = tmp_path / "checkpoint.safetensors", []
    for tenths in range(1, 100):
        codes.append(in_child(lambda: train(corpus, checkpoint=path, save_every_s=0), kill_after=tenths / 10))
        if codes[-1] == 0:
            break
    assert codes[0] == -signal.SIGKILL
    assert codes[-1] == 0
    assert equal(train(corpus, checkpoint=path), undisturbed[1])


def test_a_checkpoint_of_another_training_is_refused_with_what_differs(corpus, tmp_path, complains):
    path, two = tmp_path / "checkpoint.safetensors", GeneratorTraining(base_channels=8, iterations=2, batch=4)
    train(corpus, two, checkpoint=path, origin={"rows": (0, 1000)})
    with complains(path) as caught:
        train(corpus, GeneratorTraining(base_channels=8, iterations=3, batch=4), checkpoint=path)
    assert "iterations" in str(caught.value)
    with complains(path) as caught:
        train(corpus, two, checkpoint=path, origin={"rows": (0, 900)})
    assert "rows" in str(caught.value)
    train(corpus, two, checkpoint=path, origin={"rows": (0, 1000)})


def test_weights_come_back_equal_with_what_made_them(corpus, tmp_path):
    model = train(corpus)
    path = tmp_path / "weights.safetensors"
    generator.save(path, model, TINY, SHAPE, 10, {"corpus": [0, 1000]})
    found, values = generator.load(path)
    x, t, labels = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)), 500, torch.tensor([1, 2, 10])
    with torch.no_grad():
        assert torch.equal(found(x, t, labels).sample, model.eval()(x, t, labels).sample)
    assert values["training"]["iterations"] == 40
    assert values["corpus"] == [0, 1000]
    assert not any(p.requires_grad for p in found.parameters())


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
    generator.save(tmp_path / "w.safetensors", model, settings, SHAPE, 10, {})
    found, _ = generator.load(tmp_path / "w.safetensors")
    x, labels = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 10])
    with torch.no_grad():
        first, second = (generator.estimate(m.eval(), x, 300, labels) for m in (model, found))
    assert first.shape == x.shape
    assert torch.equal(first, second)


def test_patches_keep_every_pixel_in_its_place():
    """With a network that returns its input, the estimate of an image is the image."""

    class Identity(torch.nn.Module):
        config = type("Config", (), {"in_channels": 12})

        def forward(self, x, t, labels):  # noqa: ARG002
            assert x.shape == (2, 12, 4, 4)
            return type("Output", (), {"sample": x})

    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(generator.estimate(Identity(), x, 0, torch.zeros(2)), x)


@pytest.mark.parametrize("t", [0, 400, 999])
def test_the_noise_is_found_from_a_right_velocity(t):
    """And an error of the velocity reaches x_0 times sqrt(1 - a) only, where one of the noise grows by 1/sqrt(a)."""
    source, a = torch.Generator().manual_seed(0), generator.alphas_cumprod()[t]
    clean, noise, error = torch.randn(3, 2, 1, 8, 8, generator=source)
    noisy = a.sqrt() * clean + (1 - a).sqrt() * noise

    def network(wrong):
        said = a.sqrt() * noise - (1 - a).sqrt() * clean + wrong
        model = lambda x, t, labels: type("Output", (), {"sample": said})  # noqa: E731, ARG005
        model.config = type("Config", (), {"in_channels": 1})
        return model

    labels = torch.zeros(2, dtype=torch.long)
    assert torch.allclose(generator.estimate(network(0), noisy, t, labels, "velocity"), noise, atol=1e-5)
    eps = generator.estimate(network(error), noisy, t, labels, "velocity").double()
    x0 = predict_x0(noisy.double(), eps, a.double())
    assert torch.allclose((x0 - clean).double(), -(1 - a).sqrt() * error.double(), atol=1e-4)


@pytest.mark.parametrize("prediction", ["noise", "velocity"])
def test_both_predictions_learn_the_same_thing(corpus, prediction, tmp_path):
    """The noise estimate of either, through the file and the world, beats the guess 0 by far."""
    settings = GeneratorTraining(base_channels=8, iterations=120, batch=32, prediction=prediction, ema_decay=0.95)
    path = tmp_path / "w.safetensors"
    generator.save(path, train(corpus, settings), settings, SHAPE, 10, {"corpus": [0, 1000]})
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
    "change",
    [
        {"iterations": 0},
        {"lr": float("nan")},
        {"base_channels": -8},
        {"base_channels": 12},  # groups of 8
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
def test_wrong_settings_are_refused(complains, change):
    with complains(next(iter(change))):
        GeneratorTraining(**change)


def test_images_that_the_network_cannot_halve_are_refused(complains):
    with complains("multipliers"):
        GeneratorTraining(patch=2, multipliers=(1, 1, 1, 1)).network(SHAPE, 10)


def test_the_table_of_a_recipe_becomes_settings(complains):
    quick = {"batch": 8, "multipliers": [1, 2, 4], "set": {"training.iterations": 3}}
    table = {"lr": 1e-3, "batch": 32, "presets": {"default": {}, "quick": quick}}
    assert generator.from_table(table, "default") == (GeneratorTraining(lr=1e-3, batch=32), {})
    expected = GeneratorTraining(lr=1e-3, batch=8, multipliers=(1, 2, 4))
    assert generator.from_table(table, "quick") == (expected, {"training.iterations": 3})
    assert generator.from_table({}, "default") == (GeneratorTraining(), {})
    with complains("generator.presets"):
        generator.from_table(table, "huge")
    with complains("generator.epochs"):
        generator.from_table({"epochs": 3}, "default")


@pytest.mark.parametrize("world", ["digits", "glyphs", "cifar10"])
@pytest.mark.parametrize("preset", ["default", "quick"])
def test_every_recipe_has_a_plan_for_its_generator(experiments, world, preset):
    """As parsed from the file: without weights, for a network that fits the images."""
    run, settings = quality.plan(load_toml(experiments / "worlds" / f"{world}.toml"), preset)
    assert run.world.weights == UNTRAINED
    network = generator.unet(**settings.network(run.world.shape, run.world.classes))
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters < 750_000 or preset == "default"  # 3 MB
    if world == "digits":
        assert settings.iterations == (5000 if preset == "default" else 1000)


def test_a_diverging_training_stops_and_names_the_iteration(corpus, tmp_path):
    """The images of iteration 123 are not finite; reports come every 10 iterations."""
    path = tmp_path / "checkpoint.safetensors"

    def stream(step, size):
        images, labels = corpus.batch(0, step, size)
        return images * (torch.nan if step == 123 else 1), labels

    with pytest.raises(FloatingPointError, match="the loss of iteration 123 is not finite; lower the lr"):
        train(stream, GeneratorTraining(base_channels=8, iterations=1000, batch=1), checkpoint=path, save_every_s=0)
    assert load_tensors(path, "")[1]["step"] == 120  # the state before the accident is what was kept


def test_a_huge_learning_rate_stops(corpus):
    with pytest.raises(FloatingPointError, match="lower the lr"):
        train(corpus, GeneratorTraining(base_channels=8, iterations=30, batch=8, lr=1e30))


def test_weights_spoilt_by_the_last_step_are_refused(corpus):
    """A finite loss with a step that overflows."""
    settings = GeneratorTraining(base_channels=8, iterations=1, batch=8, lr=1e39, ema_decay=0.0)
    with pytest.raises(FloatingPointError, match=r"weight is not finite after iteration 0|bias is not finite after"):
        train(corpus, settings)


def test_training_by_command_leaves_weights_and_evidence_and_the_new_weights_run(tiny, tmp_path):
    record = quality.train_generator(tiny("digits", **{"world.weights": UNTRAINED}), TINY, tmp_path, lambda *_: None)
    path = tmp_path / "digits_generator.safetensors"
    assert json.loads(path.with_suffix(".json").read_text())["weights_sha256"] == record["weights_sha256"]
    assert all(value >= 0 for value in record["checks"].values())
    run = tiny("digits", **{"world.weights": str(path)})
    assert run.world.identity() == record["weights_sha256"] != DigitsWorld().identity()
    assert not list(tmp_path.glob("*checkpoint*"))


def test_a_command_stopped_at_the_check_does_not_train_again(tiny, tmp_path, monkeypatch):
    run = tiny("digits", **{"world.weights": UNTRAINED})
    settings, reports = GeneratorTraining(base_channels=8, iterations=4, batch=4, checked=16), []
    monkeypatch.setattr(quality, "check", lambda *_: (_ for _ in ()).throw(StoppedError))
    with pytest.raises(StoppedError):
        quality.train_generator(run, settings, tmp_path, lambda *_: None)
    monkeypatch.undo()
    quality.train_generator(run, settings, tmp_path, lambda *said: reports.append(said))
    assert reports == [(4, 4, "checking 16 images")]
    assert not list(tmp_path.glob("*checkpoint*"))


def test_a_generator_for_another_corpus_can_be_trained(settings, tmp_path, complains):
    """The shipped weights do not fit such a recipe, which is why it is made without any."""
    run, _ = quality.plan(settings("digits", **{"world.corpus": [0, 900], "training.iterations": 8}), "default")
    with complains("world (digits).weights"):
        run.world.identity()
    record = quality.train_generator(
        run, GeneratorTraining(base_channels=8, iterations=3, batch=8, checked=16), tmp_path, lambda *_: None
    )
    assert record["corpus"] == [0, 900]


def test_the_linear_world_has_nothing_to_train(tiny, tmp_path, complains):
    with complains("generator"):
        quality.train_generator(tiny("linear"), TINY, tmp_path, lambda *_: None)
