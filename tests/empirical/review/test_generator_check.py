"""Test generators trained by command: the plan of a recipe, the weights, and the record of their quality."""

import json

import pytest
from support.errors import complains
from support.places import EXPERIMENTS
from support.runs import settings_of, tiny

from empirical.config import world_of
from empirical.generators import unet as generator
from empirical.generators.unet_training import GeneratorTraining
from empirical.review import generator_check as quality
from empirical.scale.series import recipe
from empirical.settings.recipes import Recipe
from empirical.worlds import DigitsWorld, GlyphsWorld
from empirical.worlds.trained import UNTRAINED

SHIPPED = {  # world: learned from, least agreement of labels, least accuracy of a learner of generated images
    DigitsWorld(): ([0, 1000], 0.98, 0.9),
    DigitsWorld(split="reversed"): ([797, 1797], 0.98, 0.9),
    GlyphsWorld(): (list(GlyphsWorld.corpus), 0.95, 0.7),
}
SHIPPED_IN = DigitsWorld().path.parent
TINY = GeneratorTraining(base_channels=8, iterations=40, batch=16, lr=3e-3, checked=64)


@pytest.mark.parametrize("world", SHIPPED, ids=lambda world: world.path.stem)
def test_the_shipped_weights_say_where_they_come_from(world):
    values, (corpus, agreement, accuracy) = world.weights_values(), SHIPPED[world]
    assert values["corpus"] == corpus
    record = json.loads(world.path.with_suffix(".json").read_text())
    assert record["weights_sha256"] == world.identity()
    assert record["corpus"] == values["corpus"]
    assert record["training"] == values["training"]
    assert record["checks"]["label_agreement_of_generated"] >= agreement
    assert record["checks"]["learner_accuracy_on_real_test"] > accuracy


def test_the_weights_of_a_world_are_small():
    for name, most in (("digits", 1.4e6), ("glyphs", 4e6)):
        assert sum(path.stat().st_size for path in SHIPPED_IN.glob(f"{name}_*.safetensors")) <= most


def test_weights_taken_on_the_way_belong_to_the_same_training():
    finished = GlyphsWorld().weights_values()
    for iterations in finished["training"]["kept"]:
        values = GlyphsWorld(trained=iterations).weights_values()
        assert {**values, "sha256": ""} == {**finished, "sha256": ""}
        assert values["sha256"] != finished["sha256"]


@pytest.mark.parametrize("world", ["digits", "glyphs", "cifar10"])
@pytest.mark.parametrize("preset", ["default", "quick"])
def test_every_recipe_has_a_plan_for_its_generator(world, preset):
    """A plan from the file has no weights and a network that fits the images."""
    run, settings = quality.plan(recipe(EXPERIMENTS, world), preset)
    assert world_of(run).weights == UNTRAINED
    network = generator.unet(**settings.network(world_of(run).shape, world_of(run).classes))
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters < 750_000 or preset == "default"  # 3 MB
    if world == "digits":
        assert settings.iterations == (5000 if preset == "default" else 1000)


def test_training_by_command_leaves_weights_and_evidence_and_the_new_weights_run(tmp_path):
    record = quality.train_generator(tiny("digits", **{"world.weights": UNTRAINED}), TINY, tmp_path, lambda *_: None)
    path = tmp_path / "digits_generator.safetensors"
    assert json.loads(path.with_suffix(".json").read_text())["weights_sha256"] == record["weights_sha256"]
    assert all(value >= 0 for value in record["checks"].values())
    run = tiny("digits", **{"world.weights": str(path)})
    assert world_of(run).identity() == record["weights_sha256"] != DigitsWorld().identity()
    assert not list(tmp_path.glob("*checkpoint*"))


def test_a_command_stopped_at_the_check_does_not_train_again(tmp_path, monkeypatch):
    run = tiny("digits", **{"world.weights": UNTRAINED})
    settings, reports = GeneratorTraining(base_channels=8, iterations=4, batch=4, checked=16), []
    monkeypatch.setattr(quality, "check", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        quality.train_generator(run, settings, tmp_path, lambda *_: None)
    monkeypatch.undo()
    quality.train_generator(run, settings, tmp_path, lambda *report: reports.append(report))
    assert reports == [(4, 4, "checking 16 images")]
    assert not list(tmp_path.glob("*checkpoint*"))


def test_a_generator_for_another_corpus_can_be_trained(tmp_path):
    """The plan of such a recipe has no weights, since the shipped ones do not fit it."""
    values = settings_of("digits", **{"world.corpus": [0, 900], "training.iterations": 8})
    run, _ = quality.plan(Recipe(values, {}, {}), "default")
    with complains("world (digits).weights"):
        world_of(run).identity()
    record = quality.train_generator(
        run, GeneratorTraining(base_channels=8, iterations=3, batch=8, checked=16), tmp_path, lambda *_: None
    )
    assert record["corpus"] == [0, 900]


def test_the_linear_world_has_nothing_to_train(tmp_path):
    with complains("generator"):
        quality.train_generator(tiny("linear"), TINY, tmp_path, lambda *_: None)
