"""Training the digits generator and checking it, so that weights come with evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from empirical import evaluate, generator
from empirical.checkpoint import write_json
from empirical.config import Run
from empirical.data import Split
from empirical.run import execute, manifest
from empirical.sampler import Sampler
from empirical.worlds import DigitsWorld

PLENTY = 8192  # generated images, for learner and label check


def train_generator(
    recipe: Run, settings: generator.GeneratorTraining, out: Path, report: Callable[[int, int, str], None]
) -> dict[str, Any]:
    """Train a generator on the corpus of `recipe`'s digits world; write weights and manifest under `out`; check it.

    Writes `<world>_generator.safetensors` and the same name with `.json`: settings, manifest and the checks.
    """
    world = _digits(recipe)
    path = out / f"{world.name}_generator.safetensors"
    corpus = world.rows(world.corpus)
    model = generator.train(
        corpus, world.classes, settings, lambda step, loss: report(step, settings.iterations, f"loss {loss:.4f}")
    )
    shape = {"classes": world.classes, "channels": world.shape[0], "size": world.shape[1]}
    generator.save(path, model, settings, shape, {"corpus": list(world.corpus)})
    trained = replace(recipe, world=replace(world, weights=str(path)))
    record = {
        "training": asdict(settings),
        "corpus": list(world.corpus),
        "weights_sha256": trained.world.identity(),
        "checks": check(trained, out / "runs"),
        **manifest("cpu"),
    }
    write_json(path.with_suffix(".json"), record)
    return record


def check(recipe: Run, root: Path) -> dict[str, float]:
    """How good the generator of `recipe` is, in fractions.

    A reference classifier is trained on the real corpus: its accuracy on real test images is the yardstick, its
    agreement with the labels of generated images their fidelity. A learner trained on generated images alone is then
    tested on real ones.
    """
    world = _digits(recipe)
    reference = world.learner(recipe, "cpu")
    reference.fit(world.rows(world.corpus), 0, recipe.training.iterations)
    samples, _ = Sampler(world, recipe.sampling).draw(recipe.seed, 0, PLENTY)
    generated = Split(samples.images, samples.labels)
    real = world.rows(world.corpus).images.flatten(1)
    nearest = torch.cdist(generated.images[:1024].flatten(1), real).min(1).values.median()
    among_real = torch.cdist(real, real).fill_diagonal_(torch.inf).min(1).values.median()
    growth = replace(recipe.growth, initial=PLENTY, additions=0)
    return {
        "reference_accuracy_on_real_test": world.test(reference).accuracy,
        "label_agreement_of_generated": evaluate.accuracy(reference, generated),
        "learner_accuracy_on_real_test": execute(replace(recipe, growth=growth), root)["accuracy"],
        "nearest_real_distance_over_real_to_real": float(nearest / among_real),
    }


def _digits(recipe: Run) -> DigitsWorld:
    assert isinstance(recipe.world, DigitsWorld)
    return recipe.world
