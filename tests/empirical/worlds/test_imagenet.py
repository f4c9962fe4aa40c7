"""Test the ImageNet worlds: classes, folders, scores of a learner on each set, and latents shown as images."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from support import image_folders, tiny_stable_diffusion
from support.errors import complains
from support.image_folders import Sighted
from support.processes import in_child, two

from empirical.config import from_dict, new_learner, to_dict, world_of
from empirical.data.images import quantise
from empirical.diffusion.sampler import Sampler
from empirical.review.verify import check_run
from empirical.runs.execute import execute
from empirical.runs.folder import run_directory, run_name
from empirical.system.errors import InputError
from empirical.worlds import ImageNet1kWorld, ImageNet100World
from empirical.worlds.imagenet_classes import IMAGENET_1K, IMAGENET_100, IMAGENET_A, IMAGENET_R

SIZE = 16


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Write folders with more classes than the world has, and a toy Stable Diffusion; return the world's options."""
    root = tmp_path_factory.mktemp("imagenet")
    options = image_folders.save(root, more=3)
    return options | {"generator": str(tiny_stable_diffusion.save(root / "model"))}


@pytest.fixture(scope="session")
def world(shared):
    return ImageNet100World(size=SIZE, **shared)


@pytest.fixture
def copied(shared, tmp_path):
    """Make a world on image folders that a test may change."""
    for name in ("data", "v2", "r"):
        shutil.copytree(shared[name], tmp_path / name)
    places = {name: str(tmp_path / name) for name in ("data", "v2", "r")}
    return ImageNet100World(size=SIZE, **shared | places)


def settings(shared, **changes):
    """Return the plain values of a run that takes a second."""
    return {
        "world": {"name": "imagenet100", "size": SIZE, **shared},
        "learner": {"kind": "test_vit"},
        "training": {"iterations": 2, "batch": 2},
        "sampling": {"steps": 2, "batch": 2, "guidance_scale": 1.0},
        "growth": {"initial": 2, "addition": 2, "additions": 1, "evaluate_every": 1, "add_at": 1},
    } | changes


def test_the_class_lists_are_what_they_should_be():
    assert (len(IMAGENET_1K), len(IMAGENET_100), len(IMAGENET_R), len(IMAGENET_A)) == (1000, 100, 200, 200)
    for ids in (IMAGENET_1K, IMAGENET_100):
        assert list(ids) == sorted(set(ids))
    for ids in (IMAGENET_100, IMAGENET_R, IMAGENET_A):
        assert set(ids) < set(IMAGENET_1K)
    # the first and last classes of the list as Tian et al. print it, by what they are
    called = dict(zip(IMAGENET_100, ImageNet100World().class_names, strict=True))
    assert [called[i] for i in ("n02869837", "n01749939", "n01855672", "n02090622")] == [
        "bonnet", "green mamba", "goose", "borzoi"]  # fmt: skip


def test_prompts_are_class_names_by_label():
    names = ImageNet1kWorld().class_names
    assert names[:3] == ("tench", "goldfish", "great white shark")
    assert [label for label, name in enumerate(names) if name == "crane"] == [134, 517]  # the bird and the machine
    assert not any("," in name for name in names)


def test_every_set_has_the_images_of_its_classes_with_the_labels_of_the_world(world):
    for name in ("validation", "train", "v2", "sketch", "r", "a"):
        split = world.real(name)
        known = {"r": IMAGENET_R, "a": IMAGENET_A}.get(name, IMAGENET_100)
        assert split.labels.tolist() == [label for label, id_ in enumerate(IMAGENET_100) if id_ in known]
        images, labels = split.take(torch.arange(len(split.labels)))
        assert torch.equal(Sighted().logits(images).argmax(-1), labels)
        assert images.shape[1:] == world.shape == (3, SIZE, SIZE)
        assert torch.equal(quantise(images), images)
    assert world.validation_split(3).paths == world.real("validation").paths


def test_a_world_of_more_classes_reads_the_same_folders_with_other_labels(tmp_path):
    ids = IMAGENET_1K[:2] + IMAGENET_1K[-1:]
    options = image_folders.save(tmp_path, ids)
    with pytest.raises(InputError, match=r"without 997: n01484850, n01491361, .*\.\.\."):
        ImageNet1kWorld(**options).real("validation")
    for id_ in IMAGENET_1K:
        folder = tmp_path / "data" / "val" / id_
        if not folder.exists():
            folder.symlink_to(tmp_path / "data" / "val" / ids[0])
    assert ImageNet1kWorld(**options).real("validation").labels.tolist() == list(range(1000))


def test_hits_are_those_of_the_learner_and_r_and_a_are_scored_among_their_own_classes(world):
    wrong, raw_wrong = (3, 50), range(60, 70)
    result = world.test(Sighted(wrong=wrong, raw_wrong=raw_wrong))
    assert list(result.sets) == ["validation", "train", "v2", "sketch", "r", "a"]
    assert result.accuracy == pytest.approx(0.98)
    assert (~result.correct).nonzero().squeeze(1).tolist() == list(wrong)
    for name in ("validation", "train", "v2", "sketch"):
        counts = result.sets[name]
        assert counts.totals == [1] * 100
        assert [label for label in range(100) if not counts.hits[label]] == list(wrong)
        assert [label for label in range(100) if not counts.raw_hits[label]] == list(raw_wrong)
    for name, known in (("r", IMAGENET_R), ("a", IMAGENET_A)):
        own = [label for label, id_ in enumerate(IMAGENET_100) if id_ in known]
        assert [label for label in range(100) if result.sets[name].totals[label]] == own
    # a class whose successor is not in the set can only be taken for itself, or for another of the set
    own = [label for label, id_ in enumerate(IMAGENET_100) if id_ in IMAGENET_R]
    lonely = next(label for label in own if label + 1 not in own and label + 2 not in own and label - 1 not in own)
    everyone = world.test(Sighted(wrong=range(100)))
    assert everyone.accuracy == 0
    assert everyone.sets["validation"].hits[lonely] == 0
    assert everyone.sets["r"].hits[lonely] == 1


def test_sets_without_a_folder_are_left_out(world):
    few = dataclasses.replace(world, v2="", r="", a="")
    assert list(few.test(Sighted()).sets) == ["validation", "train", "sketch"]
    few.inspect()


def test_two_processes_share_the_scoring(world, tmp_path):
    def work(ranks, device):  # noqa: ARG001
        learner = Sighted(wrong=(3,))
        score = world.test(learner, ranks)
        assert (score.accuracy, score.sets) == (alone.accuracy, alone.sets)
        assert torch.equal(score.correct, alone.correct)
        assert sum(learner.seen) == 4 * 50 + (10 + 8 if ranks.first else 9 + 7)  # halves of 100, 19 and 15

    alone = world.test(Sighted(wrong=(3,)))
    two(work, tmp_path)


def test_missing_folders_and_classes_are_refused_by_name(copied):
    copied.inspect()
    shutil.rmtree(Path(copied.v2) / str(IMAGENET_1K.index(IMAGENET_100[7])))
    with complains("world (imagenet100).v2") as caught:
        copied.real("v2")
    assert f"without 1: {IMAGENET_1K.index(IMAGENET_100[7])}'" in str(caught.value)
    for id_ in IMAGENET_100[:12]:
        shutil.rmtree(Path(copied.data, "train", id_))
    with complains("world (imagenet100).data") as caught:
        copied.real("train")
    assert f"without 12: {', '.join(IMAGENET_100[:10])}, ..." in str(caught.value)
    shutil.rmtree(Path(copied.data, "val"))
    with complains("world (imagenet100).data") as caught:
        copied.validation_split(0)
    assert str(Path(copied.data, "val")) in str(caught.value)


@pytest.mark.parametrize("name", ["tabby", "n99999999", "1000"])
def test_folders_of_no_class_of_the_set_are_refused_by_name(copied, name):
    (Path(copied.v2) / name).mkdir()
    with complains("world (imagenet100).v2") as caught:
        copied.real("v2")
    assert name in str(caught.value)


def test_a_set_in_the_place_of_another_is_refused(copied):
    with complains("world (imagenet100).r"):
        dataclasses.replace(copied, r=copied.sketch).real("r")


def test_damaged_images_of_all_sets_are_named_before_a_run_does_anything(copied, shared, tmp_path):
    cut = [Path(copied.data, "val", IMAGENET_100[0], "0.JPEG"), min(Path(copied.r).rglob("*.JPEG"))]
    for path in cut:
        path.write_bytes(path.read_bytes()[:-30])
    options = shared | {"data": copied.data, "r": copied.r}
    run = from_dict(settings(options))  # a plan needs no images
    with complains("world (imagenet100)") as caught:
        execute(run, tmp_path / "runs")
    assert "2 of 434 images" in str(caught.value)
    assert all(str(path) in str(caught.value) for path in cut)
    assert not (tmp_path / "runs").exists()


def test_a_run_is_described_without_its_data(shared, tmp_path):
    values = settings(shared | {"data": str(tmp_path / "nowhere")})
    assert json.loads(json.dumps(to_dict(from_dict(values))))["world"]["data"] == str(tmp_path / "nowhere")


def test_settings_that_do_not_fit_are_refused(shared):
    with complains("learner.kind"):
        world_of(from_dict(settings(shared, learner={"kind": "vit_base_patch16_225"})))
    with complains("acquire.decode"):
        world_of(from_dict(settings(shared, acquire={"omega": 0.1, "decode": "tiny"})))
    with complains("world (imagenet100).size"):
        ImageNet100World(size=4)
    with complains("world (imagenet100)"):
        ImageNet100World(**shared).corpus_split()


def test_previews_show_what_is_stored_but_for_the_rounding(world):
    x = torch.randn(2, *world.latent_shape, generator=torch.Generator().manual_seed(0))
    stored, shown = world.finish(x), world.preview("full", "cpu")(x)
    assert stored.shape == shown.shape == (2, *world.shape)
    assert torch.equal(stored, quantise(shown))
    assert not torch.equal(stored, shown)
    linear = world.preview("linear", "cpu")
    assert linear is world.preview("linear", "cpu")  # fitted once
    point = x.requires_grad_()
    image = linear(point)
    assert image.shape == shown.shape
    assert torch.autograd.grad(image.square().sum(), point)[0].abs().sum() > 0


def test_a_linear_preview_is_fitted_on_the_generators_own_samples(world):
    """On those samples its squared error is below half of the variance of the decoded images."""
    from empirical.worlds.imagenet import _examples

    latents = _examples(world, "cpu")
    assert torch.equal(latents, _examples(world, "cpu"))
    assert latents.shape == (16, *world.latent_shape)
    full, linear = (world.preview(decode, "cpu")(latents).detach() for decode in ("full", "linear"))
    assert (full - linear).square().mean() < 0.5 * (full - full.mean(0)).square().mean()


def test_the_generator_is_told_apart_and_asked_for_class_names(world, tmp_path):
    other = tiny_stable_diffusion.save(tmp_path / "other", seed=1)
    tiny = tiny_stable_diffusion.save_tiny(tmp_path / "tiny")
    with_tiny = dataclasses.replace(world, tiny=str(tiny))
    assert len({w.identity() for w in (world, dataclasses.replace(world, generator=str(other)), with_tiny)}) == 3
    assert world.decodes == ("full", "linear")
    assert with_tiny.decodes == ("full", "tiny", "linear")
    x = torch.randn(3, *world.latent_shape, generator=torch.Generator().manual_seed(0))
    eps = world.denoiser("cpu")(x[:1].expand(3, -1, -1, -1), 500, torch.tensor([0, 1, world.classes]))
    assert not torch.equal(eps[0], eps[1])
    assert not torch.equal(eps[0], eps[2])


def test_learners_follow_from_the_run_seed(shared):
    one, same, other = (from_dict(settings(shared, seed=seed)) for seed in (0, 0, 1))
    first, again, another = (new_learner(run, "cpu").state() for run in (one, same, other))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], another[name]) for name in first)
    assert first["model.model.head.weight"].shape[0] == 100


def test_data_and_weights_may_move_while_a_run_is_made(shared, tmp_path):
    """A run is named after its weights, not after their places; from the next start on it keeps the new places."""
    here = {name: shared[name] for name in ("data", "r", "generator")}
    moved = {name: str(shutil.copytree(place, tmp_path / name)) for name, place in here.items()}
    runs = [from_dict(settings(places)) for places in (here, moved)]
    other = tiny_stable_diffusion.save(tmp_path / "other", seed=1)
    assert run_name(runs[0]) == run_name(runs[1]) != run_name(from_dict(settings(here | {"generator": str(other)})))

    def stopped(event):
        if event.kind == "added":
            os._exit(9)

    assert in_child(lambda: execute(runs[0], tmp_path / "out", observe=stopped)) == 9
    resumed, alone = execute(runs[1], tmp_path / "out"), execute(runs[0], tmp_path / "alone")
    assert resumed.sets == alone.sets
    config = json.loads((run_directory(runs[1], tmp_path / "out") / "config.json").read_text())
    assert config["world"]["data"] == moved["data"]


def test_a_run_ends_with_all_sets_and_is_what_it_says(shared, tmp_path):
    run = from_dict(settings(shared | {"v2": "", "sketch": ""}, acquire={"omega": 0.1, "decode": "linear"}))
    result = execute(run, tmp_path)
    assert {name: sum(counts["totals"]) for name, counts in result.sets.items()} == {
        "validation": 100, "train": 100, "r": 19, "a": 15}  # fmt: skip
    assert len(result.correct) == 100
    assert result.pool_size == 4
    assert sum(result.sets["validation"]["hits"]) / 100 == pytest.approx(result.accuracy_validation)
    (folder,) = (tmp_path / "imagenet100").glob("[0-9a-f]*")
    assert [check for check in check_run(folder, thorough=False) if not check.ok] == []
    samples, _ = Sampler(world_of(run), run.sampling).draw(0, 0, 1)
    assert samples.images.shape == (1, *world_of(run).shape)
