"""Test the digits in a latent space: the shipped weights, the cost of guidance, and the training of both parts."""

import json

import pytest
import torch
from support.errors import complains
from support.places import EXPERIMENTS
from support.runs import run_of, tiny

from empirical.config import new_learner, world_of
from empirical.diffusion.guidance import make_guide
from empirical.diffusion.sampler import Sampler
from empirical.generators import autoencoder as autoencoder_training
from empirical.generators.autoencoder import AutoencoderTraining
from empirical.generators.unet_training import GeneratorTraining
from empirical.review import generator_check as quality
from empirical.scale.series import recipe
from empirical.settings.sections import Acquire
from empirical.worlds import DigitsWorld, LatentDigitsWorld, latent_digits
from empirical.worlds.trained import UNTRAINED

FEW = AutoencoderTraining(channels=(8, 8), iterations=6, tiny_iterations=4, batch=8)
SMALL = GeneratorTraining(base_channels=8, multipliers=(1,), half=True, iterations=3, batch=8, checked=16)
AUTOENCODER = "latent_digits_autoencoder.safetensors"


@pytest.fixture(scope="module")
def world():
    return LatentDigitsWorld()


@pytest.fixture(scope="module")
def space(world):
    return autoencoder_training.load(world.path.with_name(AUTOENCODER))[0]


@pytest.fixture(scope="module")
def latents(world, space):
    """Encode digits of writers that neither the autoencoder nor the linear map has seen."""
    return space.encode(world.rows(world.test_rows).images[:200])


def rms(difference):
    return difference.square().mean().sqrt().item()


# The shipped weights


def test_the_shipped_weights_say_where_they_come_from(world):
    record = json.loads(world.path.with_suffix(".json").read_text())
    assert record["weights_sha256"] == world.identity()
    assert record["training"] == world.weights_values()["training"]
    assert {name: record[name] for name in ("corpus", "autoencoder")} == world.learned_from()
    assert record["checks"]["label_agreement_of_generated"] > 0.95
    assert record["checks"]["learner_accuracy_on_real_test"] > 0.9
    assert sum(path.stat().st_size for path in world.path.parent.glob("latent_digits_*.safetensors")) <= 600 * 1024


def test_the_data_are_those_of_the_digits(world):
    digits = DigitsWorld()
    for ours, theirs in (
        (world.corpus_split(), digits.corpus_split()),
        (world.validation_split(0), digits.validation_split(0)),
    ):
        assert torch.equal(ours.images, theirs.images)
    assert world.shape == digits.shape
    assert world.latent_shape == (4, 4, 4) != digits.latent_shape


def test_latents_are_on_the_scale_of_noise_and_decode_to_their_digits(world, space, latents):
    assert abs(world.material().images.mean()) < 0.01
    assert abs(world.material().images.std() - 1) < 0.01
    real = world.rows(world.test_rows).images[:200]
    assert rms(space.decode(latents) - real) < 0.3 * real.std()


@pytest.mark.parametrize(("decode", "share"), [("full", 0.0), ("tiny", 0.25), ("linear", 0.55)])
def test_every_preview_shows_about_what_the_decoder_makes(world, space, latents, decode, share):
    """Errors are below a share of the images' standard deviation; a constant grey has 1."""
    images = space.decode(latents)
    point = latents.clone().requires_grad_()
    shown = world.preview(decode, "cpu")(point)
    assert rms(shown.detach() - images) <= share * images.std()
    (gradient,) = torch.autograd.grad(shown.square().sum(), point)
    assert gradient.isfinite().all()
    assert gradient.flatten(1).norm(dim=1).min() > 0


def test_samples_are_decoded_and_on_the_levels_that_are_stored(world, space, latents):
    finished = world.finish(latents[:8])
    assert finished.shape == (8, 1, 8, 8)
    levels = (finished + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert (finished - space.decode(latents[:8]).clamp(-1, 1)).abs().max() < 0.51 / 127.5


def test_modes_cost_what_they_leave_out():
    """Costs have the order of Stable Diffusion's, whose decoder costs three passes of the UNet, a tiny one a fifth."""
    run = run_of("latent_digits", **{"sampling.batch": 2})
    sampler = Sampler(world_of(run), run.sampling)
    learner = new_learner(run, "cpu")

    def work(**settings):
        acquire = Acquire(omega=0.05, **settings)
        preview = world_of(run).preview(acquire.decode, "cpu")
        return sampler.gflop_per_image(make_guide(learner.logits, acquire, preview))

    plain = sampler.gflop_per_image(make_guide(learner.logits, Acquire()))
    ratio = {decode: work(decode=decode) / plain for decode in world_of(run).decodes}
    assert 1 < ratio["linear"] < 1.1 < ratio["tiny"] < 1.2 < 1.6 < ratio["full"]
    dear, half = work(through="denoiser") / plain, work(through="conditional") / plain
    assert ratio["full"] < half < dear - 0.3
    assert work(through="denoiser", every=5) / plain == pytest.approx(1 + (dear - 1) / 5)


def test_a_generator_goes_with_the_autoencoder_it_was_trained_for(world, tmp_path):
    path = tmp_path / AUTOENCODER
    autoencoder_training.train(world.corpus_split().images, FEW, path, {"corpus": [0, 1000]}, lambda *_: None)
    with complains("world (latent_digits).autoencoder"):
        LatentDigitsWorld(autoencoder=str(path)).identity()


def test_other_weights_are_no_autoencoder(world):
    with complains(world.path.name):
        LatentDigitsWorld(autoencoder=str(world.path)).identity()


@pytest.mark.parametrize(
    "options", [{"corpus": (0, 900)}, {"autoencoder": "absent.safetensors"}, {"weights": "absent.safetensors"}]
)
def test_weights_that_do_not_fit_or_are_not_there_are_refused(options):
    with complains("world (latent_digits)"):
        LatentDigitsWorld(**options).identity()


# Training


def test_the_training_is_the_same_again_and_reports(world, tmp_path):
    reports, images = [], world.corpus_split().images
    paths = [tmp_path / f"{number}.safetensors" for number in range(2)]
    for path in paths:
        autoencoder_training.train(images, FEW, path, {"corpus": [0, 1000]}, lambda *a: reports.append(a))
    (first, values), (_, again) = map(autoencoder_training.load, paths)
    assert values == again  # the digest of the weights among them
    assert values["training"]["iterations"] == 6
    assert first.vae.config.scaling_factor == values["vae"]["scaling_factor"] != 1
    assert reports[5][0] == 6
    assert reports[5][1].startswith("autoencoder")
    assert reports[-1][1].startswith("tiny decoder")


def test_training_lowers_the_loss(world, tmp_path):
    reports, settings = [], AutoencoderTraining(channels=(8, 8), iterations=60, tiny_iterations=60, batch=16)
    autoencoder_training.train(
        world.corpus_split().images, settings, tmp_path / AUTOENCODER, {}, lambda _, what: reports.append(what)
    )
    for part in ("autoencoder", "tiny decoder"):
        losses = [float(what.rpartition(" ")[2]) for what in reports if what.startswith(part)]
        assert losses[-1] < 0.6 * losses[0]


def test_a_training_that_diverges_stops(world, tmp_path):
    settings = AutoencoderTraining(channels=(8, 8), iterations=8, batch=8, lr=1e30)
    with pytest.raises(FloatingPointError, match="lower the lr"):
        autoencoder_training.train(world.corpus_split().images, settings, tmp_path / "a", {}, lambda *_: None)
    assert not list(tmp_path.iterdir())


def test_training_by_command_makes_both_parts_and_goes_on_with_the_autoencoder_there(tmp_path, monkeypatch):
    monkeypatch.setattr(latent_digits, "AutoencoderTraining", lambda: FEW)
    run = tiny("latent_digits", **{"world.weights": UNTRAINED})
    check, seen = quality.check, []
    monkeypatch.setattr(quality, "check", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        quality.train_generator(run, SMALL, tmp_path, lambda *_: None)
    monkeypatch.setattr(quality, "check", check)
    record = quality.train_generator(run, SMALL, tmp_path, lambda *reports: seen.append(reports))
    assert seen == [(3, 3, "checking 16 images")]  # nothing was trained twice
    places = {"world.weights": "latent_digits_generator.safetensors", "world.autoencoder": AUTOENCODER}
    world = world_of(tiny("latent_digits", **{key: str(tmp_path / name) for key, name in places.items()}))
    assert world.identity() == record["weights_sha256"] != LatentDigitsWorld().identity()
    assert {weights.dtype for weights in world._loaded("cpu")[0].state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("preset", ["default", "quick"])
def test_the_recipe_has_a_plan_for_its_generator(preset):
    run, settings = quality.plan(recipe(EXPERIMENTS, "latent_digits"), preset)
    assert world_of(run).weights == UNTRAINED
    assert settings.network(world_of(run).latent_shape, world_of(run).classes)["size"] == 4
