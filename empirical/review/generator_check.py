"""Train the generator of a world of small images and measure its quality, so that weights come with evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import nn

from empirical.config import Run, from_dict, world_of
from empirical.data.split import Split
from empirical.diffusion.sampler import Sampler
from empirical.generators.unet_training import GeneratorTraining, from_table, save, train
from empirical.review.reference import Reference
from empirical.runs.execute import execute
from empirical.runs.manifest import manifest
from empirical.settings.recipes import Recipe
from empirical.settings.sections import Growth
from empirical.settings.values import merged
from empirical.system.errors import require
from empirical.system.files import write_json
from empirical.worlds import choice_of
from empirical.worlds.trained import UNTRAINED, PixelWorld, Trainable

COMPARED, PROBED = 8192, 1024  # at most so many real images that distances are measured to, and images that have one


def plan(recipe: Recipe, preset: str) -> tuple[Run, GeneratorTraining]:
    """Return the arguments `run` and `settings` of `train_generator` from a world's recipe and its `[generator]` table.

    The run has the learner's settings for checking the generator; its world has no weights yet.
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
    """Train a generator for the world of `run` and check it; write weights and record under `out`, return the record.

    The weights are at `weights_path`; those of `settings.kept` stand beside them, with the iterations in their names,
    and so does the record, `.json`, with settings, checks and manifest. An interrupted call is continued by the same
    call, from the file at `checkpoint_path`.
    """
    world = _trainable(run)
    world.prepare()
    path, checkpoint = weights_path(run, out), checkpoint_path(run, out)
    world = world.encoded(out, checkpoint.exists(), lambda _, note: report(0, settings.iterations, note))

    def write(file: Path, model: nn.Module) -> None:
        save(file, model, settings, world.latent_shape, world.classes, world.learned_from())

    model = train(
        world.material(),
        world.latent_shape,
        world.classes,
        settings,
        lambda step, loss: report(step, settings.iterations, f"loss {loss:.4f}"),
        device=device,
        checkpoint=checkpoint,
        origin=world.origin(),
        keep=lambda iterations, model: write(path.with_stem(f"{path.stem}_{iterations}"), model),
    )
    write(path, model)
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


def weights_path(run: Run, out: Path) -> Path:
    """Return the path of the weights that are trained under `out` for the world of a run."""
    return out / _trainable(run).file_name("generator")


def checkpoint_path(run: Run, out: Path) -> Path:
    """Return the path of the checkpoint of a training under `out`, which exists while the training is unfinished."""
    return weights_path(run, out).with_suffix(".checkpoint.safetensors")


def check(run: Run, root: Path, images: int, device: str = "cpu") -> dict[str, float]:
    """Measure the quality of the generator of a run's world on `images` generated images; all values are ratios.

    A reference classifier, trained on the real corpus, gives two values: its accuracy on real test images, and its
    agreement with the labels of generated images, which that accuracy puts into proportion. The third is the accuracy
    on real test images of a learner trained on generated images alone. The last is the median distance of generated
    images to the nearest real one, over that among real ones; a small value means copies.
    """
    world = _trainable(run)
    reference = Reference(run, device, COMPARED, PROBED)
    samples, _ = Sampler(world, run.sampling, device).draw(run.seed, 0, images)
    growth = Growth(initial=images, evaluate_every=run.training.iterations)
    return {
        "reference_accuracy_on_real_test": world.test(reference.classifier).accuracy,
        "label_agreement_of_generated": reference.agreement(Split(samples.images, samples.labels)),
        "learner_accuracy_on_real_test": execute(replace(run, growth=growth), root, device).accuracy,
        "nearest_real_distance_over_real_to_real": reference.remoteness(reference.distances(samples.images[:PROBED])),
    }


def _trainable(run: Run) -> Trainable:
    """Open the world of a run; InputError if its generator is not trained here."""
    world: Any = world_of(run)
    allowed = "a world whose generator is trained: digits, latent_digits, glyphs, cifar10"
    require(isinstance(world, PixelWorld), "generator", run.world.name, allowed, "name one of them")
    return world
