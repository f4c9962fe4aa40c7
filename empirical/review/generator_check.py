"""Train the generator of a world of small images and measure its quality, so that weights come with evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from empirical.config import Run, from_dict, new_learner, world_of
from empirical.data.split import Split
from empirical.diffusion.sampler import Sampler
from empirical.generators.unet_training import GeneratorTraining, from_table, save, train
from empirical.learning import evaluate
from empirical.runs.execute import execute
from empirical.runs.manifest import manifest
from empirical.settings.recipes import Recipe
from empirical.settings.sections import Growth
from empirical.settings.values import merged
from empirical.system.errors import require
from empirical.system.files import write_json
from empirical.worlds import choice_of
from empirical.worlds.trained import UNTRAINED, PixelWorld, Trainable

COMPARED = 8192  # real images, at most, that distances are taken to


def plan(recipe: Recipe, preset: str) -> tuple[Run, GeneratorTraining]:
    """Return the arguments of `train_generator` from the recipe of a world, whose `[generator]` has the settings.

    The run is that of the learners which check the generator; its world has no weights yet.
    """
    settings, learners = from_table(recipe.generator, preset)
    return from_dict(merged(recipe.run, {**learners, "world.weights": UNTRAINED})), settings


def train_generator(
    run: Run,
    settings: GeneratorTraining,
    out: Path,
    report: Callable[[int, int, str], None],
    device: str = "cpu",
) -> dict[str, Any]:
    """Train a generator for the world of `run`, check it, write weights and manifest under `out`; return the manifest.

    Writes `<world>_generator.safetensors` and the same name with `.json`: settings, manifest and the checks. Stopped at
    any moment, the same call goes on from `<world>_generator.checkpoint.safetensors`.
    """
    world = _trainable(run)
    world.prepare()
    path = out / f"{world.name}_generator.safetensors"
    checkpoint = path.with_name(f"{path.stem}.checkpoint.safetensors")
    world = world.encoded(out, checkpoint.exists(), lambda _, what: report(0, settings.iterations, what))
    model = train(
        world.material(),
        world.latent_shape,
        world.classes,
        settings,
        lambda step, loss: report(step, settings.iterations, f"loss {loss:.4f}"),
        device=device,
        checkpoint=checkpoint,
        origin=world.origin(),
    )
    save(path, model, settings, world.latent_shape, world.classes, world.learned_from())
    trained = replace(run, world=choice_of(world.with_weights(path)))
    report(settings.iterations, settings.iterations, f"checking {settings.checked} images")
    record = {
        "training": asdict(settings),
        **world.learned_from(),
        "weights_sha256": world_of(trained).identity(),
        "checks": check(trained, out / "runs", settings.checked, device),
        **manifest(device),
    }
    write_json(path.with_suffix(".json"), record)
    checkpoint.unlink()
    return record


def check(run: Run, root: Path, images: int, device: str = "cpu") -> dict[str, float]:
    """Measure the quality of the generator of a run's world on so many generated images; all values are fractions.

    A reference classifier is trained on the real corpus: its accuracy on real test images is the yardstick, its
    agreement with the labels of generated images their fidelity. A learner trained on generated images alone is then
    tested on real ones. A small distance to the nearest real image, in units of that among real ones, means copies.
    """
    world = _trainable(run)
    corpus = world.corpus_split()
    reference = new_learner(run, device)
    reference.fit(corpus, 0, run.training.iterations)
    samples, _ = Sampler(world, run.sampling, device).draw(run.seed, 0, images)
    generated = Split(samples.images, samples.labels)
    real = corpus.images[:COMPARED]
    growth = Growth(initial=images, evaluate_every=run.training.iterations)
    to_real = evaluate.nearest(generated.images[:1024], real)
    among_real = evaluate.nearest(real[:1024], real, among_themselves=True)
    return {
        "reference_accuracy_on_real_test": world.test(reference).accuracy,
        "label_agreement_of_generated": evaluate.accuracy(reference, generated),
        "learner_accuracy_on_real_test": execute(replace(run, growth=growth), root, device).accuracy,
        "nearest_real_distance_over_real_to_real": float(to_real.median() / among_real.median()),
    }


def _trainable(run: Run) -> Trainable:
    world: Any = world_of(run)
    allowed = "a world whose generator is trained: digits, latent_digits, glyphs, cifar10"
    require(isinstance(world, PixelWorld), "generator", run.world.name, allowed, "name one of them")
    return world
