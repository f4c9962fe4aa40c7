"""Test the glyphs world: characters, endless splits, distortions, and the way from its generator to a run."""

import math
import time

import numpy as np
import pytest
import torch
from matplotlib.ft2font import FT2Font
from support.errors import complains
from support.runs import run_of, settings_of

from empirical.config import from_dict, new_learner, to_dict, world_of
from empirical.data.images import decode, encode, quantise
from empirical.generators.unet_training import GeneratorTraining
from empirical.review import generator_check as quality
from empirical.runs.execute import execute
from empirical.runs.folder import run_name
from empirical.settings.recipes import Recipe
from empirical.settings.values import merged
from empirical.worlds import GlyphsWorld
from empirical.worlds.glyphs import CHARACTERS, SIZE, Chance, distorted, drawings, usable_fonts
from empirical.worlds.trained import UNTRAINED

WORLD = GlyphsWorld(corpus_images=256, validation_images=128, test_images=128, weights=UNTRAINED)
FONTS = {"corpus": WORLD.corpus, "validation": WORLD.validation, "test_fonts": WORLD.test_fonts}


def test_there_are_many_characters_and_every_font_has_them_all():
    assert len(CHARACTERS) == len(set(CHARACTERS)) == WORLD.classes >= 60
    for fonts in FONTS.values():
        for name in fonts:
            font = FT2Font(usable_fonts()[name])
            assert all(font.get_char_index(ord(character)) > 0 for character in CHARACTERS)


ALIKE = ["cC", "oO0QΘ", "sS5$", "pPρ", "vVν", "wW", "uUμ", "xX", "zZ", "kK", "iIl1|jJ", "yYγ", "rΓ", "nη", "gq9", "3Э"]  # noqa: RUF001


@pytest.mark.parametrize("alike", ALIKE)
def test_of_characters_that_look_alike_at_any_scale_there_is_one(alike):
    assert sum(character in CHARACTERS for character in alike) <= 1


def test_no_font_is_in_two_splits_and_a_family_is_held_out():
    assert len({font for fonts in FONTS.values() for font in fonts}) == sum(map(len, FONTS.values()))
    assert not any(font.startswith("STIX") for font in WORLD.corpus)
    assert any(font.startswith("STIX") for font in WORLD.test_fonts)


@pytest.mark.parametrize("split", FONTS)
def test_an_image_is_a_function_of_split_seed_and_index(split):
    indices = [3, 70_000, 64, 3]
    drawn = WORLD.images(split, indices)
    for row, index in enumerate(indices):
        alone = WORLD.images(split, [index])
        assert torch.equal(drawn.images[row], alone.images[0])
        assert drawn.labels[row] == alone.labels[0] == index % 64
    assert not torch.equal(drawn.images[0], drawn.images[2])
    other = GlyphsWorld(data_seed=1, weights=UNTRAINED).images(split, indices)
    assert not torch.equal(drawn.images, other.images)


def test_splits_have_streams_of_their_own():
    """The same fonts give other images in another split."""
    swapped = GlyphsWorld(corpus=WORLD.validation, validation=WORLD.corpus, weights=UNTRAINED)
    assert not torch.equal(swapped.images("corpus", range(8)).images, WORLD.images("validation", range(8)).images)


def test_the_corpus_is_the_beginning_of_what_the_generator_learns_from():
    split, stream = WORLD.corpus_split(), WORLD.material()
    parts = [stream(step, 64) for step in range(4)]
    assert torch.equal(split.images, torch.cat([images for images, _ in parts]))
    assert torch.equal(split.labels, torch.cat([labels for _, labels in parts]))
    assert len(split.labels) == 256
    assert torch.equal(WORLD.validation_split(0).images, WORLD.validation_split(5).images)


def test_images_are_in_range_and_what_is_stored_is_what_is_shown():
    images = WORLD.corpus_split().images
    assert images.shape == (256, *WORLD.shape)
    assert (images.min(), images.max()) >= (-1, -1)
    assert images.max() <= 1
    assert torch.equal(images, quantise(images))
    assert torch.equal(images, decode(encode(images), WORLD.shape))
    assert images.std() > 0.2


def test_every_font_of_a_split_has_its_turn():
    drawn = [Chance.draw((0, 0, index), 8).font for index in range(4000)]
    counts = np.bincount(drawn, minlength=8)
    assert len(counts) == 8
    assert abs(counts - 500).max() < 5 * math.sqrt(500 * 7 / 8)


NAMES = ("angle", "shear", "width", "height", "right", "down", "blur", "ink", "background")
PLAIN = [0.5, 0.5, *[math.log(1 / 0.8) / math.log(1.25 / 0.8)] * 2, 0.5, 0.5, 0.0, 1.0, 0.0]  # nothing is done


def shown(character="b", **changes):
    """Draw a character of DejaVu Sans under chance `PLAIN` with some numbers changed: ink (32, 32) in [0, 1]."""
    uniform = np.array(PLAIN, np.float32)
    for name, value in changes.items():
        uniform[NAMES.index(name)] = value
    chance = Chance(0, uniform, np.zeros((SIZE, SIZE), np.float32))
    image = distorted(drawings(("DejaVuSans",)), torch.tensor([CHARACTERS.index(character)]), [chance])
    return (image[0, 0].double() + 1) / 2


def moments(ink):
    """Compute the centre (x, y) and the covariance of the ink, in pixels."""
    y, x = torch.meshgrid(torch.arange(SIZE).double(), torch.arange(SIZE).double(), indexing="ij")
    places = torch.stack([x.flatten(), y.flatten()])
    weights = ink.flatten() / ink.sum()
    centre = places @ weights
    away = places - centre[:, None]
    return centre, (weights * away) @ away.T


def test_nothing_done_is_the_drawing_at_half_its_size():
    drawn = drawings(("DejaVuSans",))[0, CHARACTERS.index("b"), :1].double()
    assert (shown() - torch.nn.functional.avg_pool2d(drawn, 2)[0]).abs().max() < 0.5 / 255 + 1e-6


def test_shifts_are_fractions_of_half_the_image():
    centre, _ = moments(shown())
    right, _ = moments(shown(right=1.0))
    down, _ = moments(shown(down=0.0))
    assert (right - centre).tolist() == pytest.approx([0.08 * 16, 0], abs=0.05)
    assert (down - centre).tolist() == pytest.approx([0, -0.08 * 16], abs=0.05)


@pytest.mark.parametrize(
    ("changes", "matrix"),
    [
        ({"angle": 1.0}, [[math.cos(0.2), -math.sin(0.2)], [math.sin(0.2), math.cos(0.2)]]),
        ({"shear": 1.0}, [[1, 0.2], [0, 1]]),
        ({"width": 0.0}, [[0.8, 0], [0, 1]]),
        ({"height": 0.0}, [[1, 0], [0, 0.8]]),
        ({"angle": 1.0, "shear": 1.0, "width": 0.0}, None),
    ],
)
def test_the_ink_is_moved_by_the_matrix_of_the_distortion(changes, matrix):
    """The covariance C of the ink becomes A C A^T with A = rotation shear scale, up to 2 % for pixels and smoothing."""
    if matrix is None:
        turn, shear, scale = (
            torch.tensor(m).double()
            for m in (
                [[math.cos(0.2), -math.sin(0.2)], [math.sin(0.2), math.cos(0.2)]],
                [[1, 0.2], [0, 1]],
                [[0.8, 0], [0, 1]],
            )
        )
        a = turn @ shear @ scale
    else:
        a = torch.tensor(matrix).double()
    _, before = moments(shown())
    _, after = moments(shown(**changes))
    assert (after - a @ before @ a.T).abs().max() < 0.02 * before.abs().max()
    assert (after - before).abs().max() > 0.06 * before.abs().max()  # what the bound above can tell


def test_ink_background_and_blur_do_what_they_say():
    assert shown().max() > 0.95
    assert shown(ink=0.0).max() == pytest.approx(0.55, abs=0.03)
    assert shown(background=1.0)[0, 0] == pytest.approx(0.35, abs=0.003)
    steps = [ink.diff(dim=1).abs().max() for ink in (shown(), shown(blur=1.0))]
    assert steps[1] < 0.6 * steps[0]


def test_noise_has_its_strength():
    noise = np.random.default_rng(0).standard_normal((SIZE, SIZE)).astype(np.float32)
    chance = [Chance(0, np.array([*PLAIN[:7], 0.0, 1.0], np.float32), n) for n in (noise, 0 * noise)]
    labels = torch.tensor([0, 0])
    noisy, clean = distorted(drawings(("DejaVuSans",)), labels, chance)
    assert (noisy - clean).std() == pytest.approx(0.05, rel=0.05)


def test_images_come_fast():
    """More than 2,000 images are made in a CPU second; over 10,000 are usual."""
    stream = WORLD.material()
    stream(0, 256)
    start = time.process_time()
    for step in range(4):
        stream(step, 256)
    assert 1024 / (time.process_time() - start) > 2000


def test_the_classes_can_be_told_apart_from_pixels_and_better_in_fonts_that_were_seen():
    """Ridge regression on 4,096 images is far above chance, 1/64, and best in the fonts that it has seen."""
    data = WORLD.images("corpus", range(4096))
    x, y = data.images.flatten(1), torch.nn.functional.one_hot(data.labels, 64).float()
    w = torch.linalg.solve(x.T @ x + 300 * torch.eye(1024), x.T @ (y - 1 / 64))
    rates = []
    for split in FONTS:
        held_out = WORLD.images(split, range(100_000, 101_280))
        rates.append(((held_out.images.flatten(1) @ w).argmax(1) == held_out.labels).float().mean().item())
    assert rates[0] > 0.25
    assert 0.15 < rates[2] < rates[0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"corpus": []}, "corpus"),
        ({"corpus": "DejaVuSans"}, "corpus"),
        ({"corpus": [3]}, "corpus"),
        ({"corpus": ["ComicSans"]}, "corpus"),
        ({"corpus": ["cmr10"]}, "corpus"),  # it has no Greek
        ({"corpus": ["DejaVuSans", "DejaVuSans"]}, "corpus"),
        ({"validation": ["DejaVuSans"]}, "validation"),
        ({"test_fonts": ["DejaVuSansMono"]}, "test_fonts"),
        ({"corpus_images": 0}, "corpus_images"),
        ({"validation_images": -1}, "validation_images"),
        ({"test_images": 0}, "test_images"),
        ({"data_seed": -1}, "data_seed"),
    ],
)
def test_wrong_options_are_refused(change, named):
    with complains(f"world (glyphs).{named}"):
        GlyphsWorld(weights=UNTRAINED, **change)


def test_weights_taken_during_the_training_have_the_iterations_in_their_name():
    assert GlyphsWorld(trained=77, weights="").path.name == "glyphs_generator_77.safetensors"
    with complains("world (glyphs).trained"):
        GlyphsWorld(trained=-1).path  # noqa: B018


def test_without_weights_the_command_that_makes_them_is_named():
    with complains("world (glyphs).weights") as caught:
        run_of("glyphs", **{"world.weights": "nowhere.safetensors"})
    assert "paper_repro.py generator glyphs" in str(caught.value)


def test_learners_start_from_the_run_seed_and_can_be_differentiated():
    for kind in WORLD.networks:
        run = from_dict(settings_of("glyphs", **{"world.weights": UNTRAINED, "learner.kind": kind}))
        first, again = (new_learner(run, "cpu") for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(first.state().values(), again.state().values(), strict=True))
        images = WORLD.corpus_split().images[:4].clone().requires_grad_()
        logits = first.logits(images)
        assert logits.shape == (4, 64)
        (gradient,) = torch.autograd.grad(logits[:2].square().sum(), images)
        assert gradient[:2].abs().sum() > 0
        assert gradient[2:].abs().sum() == 0  # each image on its own


TINY = {
    "world.corpus_images": 128, "world.validation_images": 64, "world.test_images": 64, "training.iterations": 8,
    "training.batch": 8, "sampling.steps": 4, "sampling.batch": 16, "growth.initial": 16, "growth.addition": 16,
    "growth.additions": 1, "growth.evaluate_every": 2, "growth.add_at": 4,
}  # fmt: skip


def test_from_training_a_generator_to_deliberate_practice(tmp_path):
    """Train and check a tiny generator, then do a run that adds guided glyphs."""
    recipe = settings_of("glyphs", **TINY)
    tiny = GeneratorTraining(base_channels=8, multipliers=(1, 2), patch=4, iterations=4, batch=8, checked=16, kept=(2,))
    record = quality.train_generator(
        quality.plan(Recipe(recipe, {}, {}), "default")[0], tiny, tmp_path, lambda *_: None
    )
    assert record["corpus"] == list(WORLD.corpus)
    path = str(tmp_path / "glyphs_generator.safetensors")
    run = from_dict(merged(recipe, {"world.weights": path}))
    kept = from_dict(merged(recipe, {"world.weights": path.replace("generator.", "generator_2.")}))
    assert world_of(kept).identity() != world_of(run).identity() == record["weights_sha256"]
    assert run_name(from_dict(to_dict(run))) == run_name(run)
    result = execute(run, tmp_path / "runs")
    assert result.pool_size == 32
    assert result.pool[1]["omega"] > 0
    assert len(result.correct) == 64
    assert 0 <= result.accuracy <= 1


def test_weights_for_other_fonts_or_another_world_are_refused(tmp_path):
    tiny = GeneratorTraining(base_channels=8, multipliers=(1,), patch=8, iterations=1, batch=2, checked=4)
    recipe = settings_of("glyphs", **TINY)
    quality.train_generator(quality.plan(Recipe(recipe, {}, {}), "default")[0], tiny, tmp_path, lambda *_: None)
    path = str(tmp_path / "glyphs_generator.safetensors")
    with complains("world (glyphs).corpus"):
        world_of(from_dict(merged(recipe, {"world.weights": path, "world.corpus": ["DejaVuSans"]})))
    with complains("world (digits).weights"):
        run_of("digits", **{"world.weights": path})
