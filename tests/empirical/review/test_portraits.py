"""Test portraits of finished runs: pictures equal the sampler's and the pool's, options work, bad input is refused."""

import base64
import json
import math

import pytest
import torch
from support import image_folders, tiny_stable_diffusion
from support.errors import complains
from support.runs import folder_of, run_of, tiny

from empirical.config import world_of
from empirical.data.images import decode
from empirical.diffusion.sampler import Sampler, image_seed
from empirical.learning.entropy import entropy
from empirical.review.examine import examination_path, examinations, examine, question
from empirical.review.portraits import USES, Portrait, spaced, trail
from empirical.review.remake import finished_learner, guide_of, learner_of, open_pool
from empirical.review.verify import check_run
from empirical.runs.execute import execute

SPEC = {
    "omegas": {"kind": "omegas", "omegas": [0.0, 0.05], "classes": 4, "rounds": 2},
    "reverse": {"kind": "reverse", "omegas": [0.0, 0.1], "classes": 3, "steps": 3},
    "rows": {"kind": "rows", "classes": 4, "columns": 2, "rounds": 2},
    "pools": {"kind": "pools", "classes": 4, "columns": 3},
}


def asked(kind):
    return question(SPEC[kind], "examine")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Make a run with additions of 24 guided digits; return it with its root and folder."""
    root = tmp_path_factory.mktemp("portraits")
    run = tiny("digits", **{"growth.initial": 24, "growth.addition": 24})
    execute(run, root)
    return run, root, folder_of(run, root)


def pixels(pictures, shape=(1, 8, 8)):
    return decode([base64.b64decode(picture["png"]) for picture in pictures], shape)


def judged(learner, pictures):
    """Compute entropies and classes again from the stored bytes."""
    with torch.no_grad():
        logits = learner.logits(pixels(pictures))
    return entropy(logits).tolist(), logits.argmax(1).tolist()


def close(images, others):
    """Tell whether images are equal but for rounding: at most one of the 256 levels apart."""
    return bool(((images - others).abs() <= 2 / 255 + 1e-6).all())


def column(pictures, name):
    return [picture[name] for picture in pictures]


# The pictures


def test_a_trail_ends_with_the_sampler_s_own_images(finished):
    """Samples equal the sampler's, plain and guided, for many classes and few; the last x0_hat is the sample."""
    run, _, folder = finished
    sampler, guide = Sampler(world_of(run), run.sampling), guide_of(run, folder, 1, "cpu")
    for steered in (None, guide):
        drawn, _ = sampler.draw(run.seed, 0, 10, steered)
        pictures = trail(sampler, run.seed, list(range(10)), steered or guide_of(run, folder, 0, "cpu"))
        assert close(pictures.samples, drawn.images)
        assert pictures.seeds == drawn.seeds.tolist()
        assert pictures.x0.shape == (run.sampling.steps, 10, 1, 8, 8)
        assert close(world_of(run).finish(pictures.x0[-1]), drawn.images)
    few = trail(sampler, run.seed, [2, 7], guide)
    assert close(few.samples, drawn.images[[2, 7]])
    assert not close(few.samples, drawn.images[[7, 2]])


def test_omegas_are_the_same_noise_under_the_learners_of_the_rounds(finished):
    run, root, folder = finished
    answer = examine(asked("omegas"), run, root)
    images, labels = answer["images"], [0, 3, 6, 9]
    cells = [(n, omega, label) for n in (1, 2) for omega in (0.0, 0.05) for label in labels]
    assert [(p["round"], p["omega"], p["label"]) for p in images] == cells
    assert all(p["seed"] == image_seed(run.seed, p["label"], 0) for p in images)
    assert {str(label) for label in labels} <= set(answer["names"])
    assert all(answer["names"][str(p["class"])] for p in images)
    assert answer["iterations"] == [round_.step for round_ in open_pool(run, folder).rounds]
    plain = Sampler(world_of(run), run.sampling).draw(run.seed, 0, 10)[0].images
    for number in (1, 2):
        own = [p for p in images if p["round"] == number]
        uncertainty, guess = judged(learner_of(run, folder, number, "cpu"), own)
        assert column(own, "entropy") == pytest.approx(uncertainty, abs=1e-6)
        assert column(own, "class") == guess
        assert close(pixels(own[:4]), plain[labels])
        guided = Sampler(world_of(run), run.sampling).draw(run.seed, 0, 10, guide_of(run, folder, number, "cpu"))[0]
        assert close(pixels(own[4:]), guided.images[labels])  # .05 is the run's own strength
        assert sum(column(own[4:], "entropy")) > sum(column(own[:4], "entropy"))


def test_reverse_follows_x0_hat_to_the_samples(finished):
    run, root, folder = finished
    shown = examine(asked("reverse"), run, root)["images"]
    assert [(p["omega"], p["step"], p["label"]) for p in shown] == [
        (omega, step, label) for omega in (0.0, 0.1) for step in (1, 3, 4) for label in (0, 4, 9)
    ]
    levels = [p["level"] for p in shown[:9:3]]
    assert levels == sorted(levels, reverse=True)
    assert 0 <= levels[-1] < levels[0] < 1
    uncertainty, guess = judged(learner_of(run, folder, 1, "cpu"), shown)
    assert column(shown, "entropy") == pytest.approx(uncertainty, abs=1e-6)
    assert column(shown, "class") == guess
    plain = Sampler(world_of(run), run.sampling).draw(run.seed, 0, 10)[0].images[[0, 4, 9]]
    assert close(pixels(shown[6:9]), plain)
    assert not close(pixels(shown[:3]), pixels(shown[6:9]))


def rows_of(pool, pictures):
    """Find the numbers of the pool's rows that pictures show, by their seeds."""
    seeds = torch.cat([round_.seeds for round_ in pool.rounds]).tolist()
    return [seeds.index(seed) for seed in column(pictures, "seed")]


def test_rows_are_those_of_the_pool_with_their_entropy_when_added(finished):
    run, root, folder = finished
    shown, pool = examine(asked("rows"), run, root)["images"], open_pool(run, folder)
    assert [(p["round"], p["label"]) for p in shown] == [(n, c) for n in (1, 2) for c in (0, 3, 6, 9) for _ in range(2)]
    rows = torch.tensor(rows_of(pool, shown))
    taken = pool.take(rows)
    assert torch.equal(pixels(shown), taken.images)
    assert column(shown, "label") == taken.labels.tolist()
    added = torch.cat([round_.entropy for round_ in pool.rounds])[rows]
    assert column(shown, "before") == pytest.approx(added.tolist(), abs=1e-7)
    uncertainty, guess = judged(finished_learner(run, folder, "cpu"), shown)
    assert column(shown, "entropy") == pytest.approx(uncertainty, abs=1e-6)
    assert column(shown, "class") == guess
    assert {p["omega"] for p in shown} == {0.05}


def test_pools_are_those_in_use_at_the_start_and_at_the_end(finished):
    run, root, folder = finished
    shown, pool = examine(asked("pools"), run, root)["images"], open_pool(run, folder)
    first, last = ([p for p in shown if p["pool"] == name] for name in ("first", "last"))
    assert {p["round"] for p in first} == {0}
    assert {p["round"] for p in last} == {0, 1, 2}
    assert {(p["round"] > 0, p["omega"]) for p in last} == {(False, 0.0), (True, 0.05)}
    for own in (first, last):
        rows = rows_of(pool, own)
        assert torch.equal(pixels(own), pool.take(torch.tensor(rows)).images)
        for label in (0, 3, 6, 9):
            of_class = [row for row, p in zip(rows, own, strict=True) if p["label"] == label]
            assert of_class == sorted(of_class)  # the oldest first
    assert column(shown, "before") == pytest.approx(judged(learner_of(run, folder, 1, "cpu"), shown)[0], abs=1e-6)
    assert column(shown, "entropy") == pytest.approx(judged(finished_learner(run, folder, "cpu"), shown)[0], abs=1e-6)


def test_retired_rows_are_not_in_the_last_pool(tmp_path):
    run = tiny("digits", **{"acquire.retire": 1.0, "growth.additions": 1})
    execute(run, tmp_path)
    shown = examine(asked("pools"), run, tmp_path)["images"]
    assert {p["round"] for p in shown if p["pool"] == "last"} == {1}
    assert {p["round"] for p in shown if p["pool"] == "first"} == {0}


def test_pruned_runs_keep_no_learners_and_show_rows_only(tmp_path):
    run = tiny("digits", **{"acquire.omega": 0.0, "acquire.ratio": 2})
    for kind in ("omegas", "reverse", "pools"):
        with complains("examine"):
            asked(kind).check(run)
    asked("rows").check(run)
    execute(run, tmp_path)
    shown = examine(asked("rows"), run, tmp_path)["images"]
    assert {(p["round"], p["omega"]) for p in shown} == {(1, 0.0), (2, 0.0)}


def test_a_latent_world_of_colours_shows_decoded_images(tmp_path):
    """Pictures of ImageNet-100 on a toy Stable Diffusion are decoded, in colour, and called by class names."""
    places = {"data": image_folders.save(tmp_path / "real")["data"], **dict.fromkeys(("v2", "sketch", "r", "a"), "")}
    places |= {"generator": str(tiny_stable_diffusion.save(tmp_path / "model")), "size": 32}
    places["tiny"] = str(tiny_stable_diffusion.save_tiny(tmp_path / "tiny"))
    changes = {f"world.{name}": value for name, value in places.items()} | {
        "learner.kind": "test_vit", "training.iterations": 8, "training.batch": 4, "sampling.steps": 4,
        "sampling.batch": 4, "growth.initial": 8, "growth.addition": 4, "growth.additions": 1,
        "growth.evaluate_every": 4, "growth.add_at": 4, "acquire.every": 1,
    }  # fmt: skip
    run = run_of("imagenet100", **changes)
    execute(run, tmp_path)
    for kind, count in (("omegas", 1 * 2 * 4), ("reverse", 2 * 3 * 3)):
        answer = examine(asked(kind), run, tmp_path)
        assert len(answer["images"]) == count
        shown = pixels(answer["images"], (3, 32, 32))
        assert shown.std() > 0.01
        assert all(0 <= p["entropy"] <= math.log(100) + 1e-4 for p in answer["images"])
        assert answer["names"]["0"] == world_of(run).class_names[0]
        last = [p for p in answer["images"] if p["omega"] == 0.0][-1]
        sampler = Sampler(world_of(run), run.sampling)
        drawn = sampler.draw(run.seed, last["label"], 1)[0].images
        assert (pixels([last], (3, 32, 32)) - drawn).abs().max() < 0.1


# What is kept


@pytest.mark.parametrize("kind", USES)
def test_an_answer_is_made_once_kept_signed_and_verified(finished, monkeypatch, kind):
    run, root, folder = finished
    values = examine(asked(kind), run, root)
    monkeypatch.setattr("empirical.review.examine.answer", lambda *_: pytest.fail("made again"))
    assert examine(asked(kind), run, root) == values
    path = examination_path(asked(kind), run, root)
    assert path in examinations(folder)
    other = question({**SPEC[kind], "classes": 5}, "examine")
    assert examination_path(other, run, root) != path
    whole = path.read_bytes()
    try:
        path.write_bytes(whole.replace(b'"entropy": ', b'"entropy": 1', 1))
        with complains(path):
            examine(asked(kind), run, root)
        assert [c.name for c in check_run(folder, thorough=False) if not c.ok] == ["examinations"]
    finally:
        path.write_bytes(whole)
    assert json.loads(whole)["images"] == values["images"]


def test_equal_questions_have_equal_names():
    assert question({"kind": "omegas", "omegas": [0, 1]}, "x").name == Portrait(kind="omegas", omegas=(0.0, 1.0)).name
    assert question({"kind": "rows"}, "x").name == question({"kind": "rows", "columns": 5}, "x").name
    assert len({question(spec, "x").name for spec in SPEC.values()}) == 4


# Bad input


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"kind": "portrait"}, "examine.kind"),
        ({"kind": 3}, "examine.kind"),
        ({"omegas": []}, "examine.omegas"),
        ({"omegas": [0.1, 0.1]}, "examine.omegas"),
        ({"omegas": [-0.1]}, "examine.omegas"),
        ({"omegas": [math.inf]}, "examine.omegas"),
        ({"omegas": ["0.1"]}, "examine.omegas"),
        ({"omegas": 0.1}, "examine.omegas"),
        ({"classes": 0}, "examine.classes"),
        ({"classes": 2.5}, "examine.classes"),
        ({"columns": 2}, "examine"),
        ({"omega": [0.1]}, "examine"),
    ],
)
def test_questions_that_mean_nothing_are_refused(change, where):
    with complains(where):
        question({**SPEC["omegas"], **change}, "examine")


def test_strengths_belong_to_guided_pictures_only():
    with complains("examine"):
        question({**SPEC["rows"], "omegas": [0.1]}, "examine")
    with complains("examine.omegas"):
        question({"kind": "reverse"}, "examine")


@pytest.mark.parametrize(
    ("world", "changes"),
    [
        ("linear", {}),
        ("digits", {"growth.additions": 0}),
        ("digits", {"acquire.direction": "random"}),
        ("digits", {"acquire.omega": 0.0}),
    ],
)
def test_runs_without_pictures_or_learners_are_refused(world, changes):
    with complains("examine"):
        asked("omegas").check(tiny(world, **changes))


def test_a_run_that_never_added_data_says_so(tmp_path):
    run = tiny("digits", **{"growth.patience": 1000})
    execute(run, tmp_path)
    with complains(tmp_path):
        examine(asked("rows"), run, tmp_path)


def test_spaced_keeps_the_ends():
    assert spaced(0, 3) == []
    assert spaced(7, 2) == [0, 6]
    assert spaced(100, 10)[-1] == 99
