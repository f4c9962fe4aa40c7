"""Figures of sample images, from invented pictures: what is where, what stands below, that nothing overlaps."""

import base64
import io
import json
from itertools import combinations

import numpy as np
import pytest
from PIL import Image
from support.invented_runs import record
from support.layout import assert_nothing_overlaps
from support.places import EXPERIMENTS
from support.small_experiments import in_this_process

import paper_repro
from figures.contract.figure import Contents, Inputs
from figures.contract.table import check, select
from figures.drawing import grids
from figures.drawing.grids import Block, Sheet, Words
from figures.pictures import portraits
from figures.registry import figure

NAMES = ("fig8", "fig10", "fig11", "fig12", "fig13")
STEPS = (0, 100, 200)


def png(level, size=8, colour=False):
    file = io.BytesIO()
    Image.fromarray(np.full((size, size, 3) if colour else (size, size), level, np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def picture(label, number=0, **more):
    own = {"png": png(10 * label + number), "label": label, "seed": 7, "round": 1, "omega": 0.05}
    return own | {"entropy": 0.5, "class": label} | more


def finished(world, seed, images, *, series="deliberate practice", value=2.0, names=None):
    names = names or {str(label): str(label) for label in range(10)}
    examined = {"names": names, "iterations": list(STEPS), "images": images}
    pool = [{"round": 0, "added": 128}]
    more = {"config": {"training": {"iterations": 800}}, "pool": pool}
    return record(world, series, seed, value=value, examined=examined, size=384, **more)


LABELS, OMEGAS = (0, 4, 9), (0.0, 0.02, 0.1)


def made(name, world, seed, names=None):
    """Records of one seed of a figure; entropies grow by .1 from seed to seed."""
    up = 0.1 * seed
    if name == "fig8":
        images = [
            picture(c, step, omega=omega, step=step, level=1 - step / 15, entropy=omega * step + up)
            for omega in OMEGAS for step in range(1, 11) for c in LABELS
        ]  # fmt: skip
    elif name == "fig10":
        images = [
            picture(c, number, round=number, omega=omega, entropy=number + omega + up, **{"class": 4})
            for number in (1, 2) for omega in OMEGAS for c in LABELS
        ]  # fmt: skip
    elif name == "fig11":
        kinds = (("plain", 1.0, 0.6), ("oversample-then-prune", 16.0, 0.9), ("deliberate practice", 0.05, 1.9))
        return [
            finished(world, seed, [picture(c, i, before=before + up) for c in LABELS for i in range(3 + c // 9)],
                     series=series, value=value, names=names)
            for series, value, before in kinds
        ]  # fmt: skip
    elif name == "fig12":
        images = [picture(c, i, round=n, before=n + up) for n in (1, 2) for c in LABELS for i in range(4)]
    else:
        images = [
            picture(c, i, pool=pool, before=before + up)
            for pool, before in (("first", 0.4), ("last", 1.4)) for c in LABELS for i in range(4)
        ]  # fmt: skip
    return [finished(world, seed, images, names=names)]


def records_of(name, worlds=("digits",), seeds=3, names=None):
    return [one for world in worlds for seed in range(seeds) for one in made(name, world, seed, names)]


def drawn(name, records, note="quick preset: few seeds and points"):
    asked = figure(name)
    rows = asked.compute(Inputs({}, records))
    return asked.draw(Contents(rows, note, asked.describe({}), asked.pictures(records)))


def texts(ax):
    return [text for text in ax.texts if text.get_text()]


# The table


@pytest.mark.parametrize("name", NAMES)
def test_the_table_is_valid_and_its_errors_are_over_seeds(name):
    rows = check(figure(name).compute(Inputs({}, records_of(name))))
    assert rows
    assert {(row.figure, row.panel, row.source, row.n_seeds) for row in rows} == {(name, "digits", "practice", 3)}
    assert any(row.stderr == pytest.approx(0.1 / 3**0.5) for row in rows)  # seeds are .1 apart


def test_the_entropies_are_the_means_over_a_cell_s_images():
    records = records_of("fig10", seeds=2)
    for one in records:
        for number, image in enumerate(one.examined["images"][:3]):  # learner 1, omega = 0
            image["entropy"] = number + one.seed
    rows = select(figure("fig10").compute(Inputs({}, records)), series="learner of addition 1")
    assert (rows[0].x, rows[0].y) == (0.0, 1.5)
    assert rows[0].stderr == pytest.approx(0.5)
    assert [row.x for row in rows] == list(OMEGAS)


def test_rows_of_pools_are_judged_when_added_and_at_the_end():
    found = {name: figure(name).compute(Inputs({}, records_of(name))) for name in ("fig11", "fig12", "fig13")}
    plain = select(found["fig11"], series="plain")
    assert [(row.x, row.y) for row in plain] == [(100.0, pytest.approx(0.7)), (800.0, 0.5)]
    assert [row.x for row in select(found["fig12"], series="last addition")] == [200.0, 800.0]
    assert [row.x for row in select(found["fig13"], series="last pool")] == [100.0, 800.0]  # the first learner's


def test_what_one_seed_alone_has_is_no_row_and_its_iterations_are_averaged():
    records = records_of("fig10", seeds=2)
    records[1].examined["images"] = [p for p in records[1].examined["images"] if p["round"] == 1]
    assert {row.series for row in figure("fig10").compute(Inputs({}, records))} == {"learner of addition 1"}
    records = records_of("fig12", seeds=2)
    records[1].examined["iterations"] = [0, 140, 260]
    first = select(figure("fig12").compute(Inputs({}, records)), series="first addition")
    assert [row.x for row in first] == [120.0, 800.0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fig8", "digits, entropy at the last step: plain 0.10, omega = 0.02 0.30, omega = 0.1 1.10"),
        ("fig10", "digits, learner of addition 1: 1.10 at omega = 0, 1.20 at 0.1"),
        ("fig11", "digits, entropy of plain 0.70, then 0.50; oversample-then-prune 1.00, then 0.50"),
        ("fig12", "digits, entropy of first addition 1.10, then 0.50; last addition 2.10, then 0.50"),
        ("fig13", "digits, entropy of first pool 0.50, then 0.50; last pool 1.50, then 0.50"),
    ],
)
def test_summaries_say_the_numbers(name, said):
    assert figure(name).summary(Contents(figure(name).compute(Inputs({}, records_of(name))))).startswith(said)
    assert figure(name).summary(Contents([])) == "no world has pictures"


# The pictures


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("worlds", [("digits",), ("digits", "glyphs")])
def test_nothing_overlaps(name, worlds):
    """Panels, legends, caption and note; the words below images neither each other nor an image."""
    figure = drawn(name, records_of(name, worlds))
    assert_nothing_overlaps(figure)
    grid = [ax for ax in figure.axes if ax.images]
    assert len(figure.axes) == len(grid) + len(worlds)
    for ax in grid:
        words = [text.get_window_extent() for text in texts(ax)]
        assert words
        assert not any(a.overlaps(b) for a, b in combinations(words, 2))
        strips = [image.get_window_extent() for image in ax.images]
        assert not any(word.overlaps(strip.padded(-0.5)) for word in words for strip in strips)
        assert max(strip.height for strip in strips) / figure.dpi > 0.5  # inches: large enough to be seen


def test_long_words_stay_below_their_image():
    """The worst there is: two entropies, and a class of a long name."""
    names = {str(label): "Chesapeake Bay retriever" for label in range(10)}
    for name in ("fig10", "fig12"):
        records = records_of(name, names=names)
        for one in records:
            for image in one.examined["images"]:
                image |= {"entropy": 1.23, "class": 5}
        assert_nothing_overlaps(figure := drawn(name, records))
        for ax in figure.axes:
            words = [text.get_window_extent() for text in texts(ax)]
            assert not any(a.overlaps(b) for a, b in combinations(words, 2))


def test_the_first_seed_is_shown_and_red_is_another_class():
    records = records_of("fig10")
    sheet = figure("fig10").pictures(records[::-1])["digits"]
    assert sheet.rows == ["0", "4", "9"]
    assert [block.title for block in sheet.blocks] == [
        "learner of addition 1 (iteration 100)",
        "learner of addition 2 (iteration 200)",
    ]
    block = sheet.blocks[1]
    assert list(block.columns) == ["plain", "0.02", "0.1"]
    assert block.words[0] == [Words("2.00 as 4", True), Words("2.02 as 4", True), Words("2.10 as 4", True)]
    assert block.words[1][0] == Words("2.00", False)
    assert block.images.shape == (3, 3, 1, 8, 8)
    assert block.images[2, 0, 0, 0, 0] == pytest.approx((90 + 2) / 127.5 - 1, abs=1e-6)
    drawing = grids.draw_sheets([sheet])
    marked = {text.get_text(): text.get_color() for ax in drawing.axes for text in texts(ax)}
    assert marked["2.10 as 4"] != marked["2.10"]


def test_rows_belong_to_a_class_and_columns_to_a_step():
    sheet = figure("fig8").pictures(records_of("fig8"))["digits"]
    assert sheet.rows[:4] == ["0: plain", "0: omega = 0.02", "0: omega = 0.1", "4: plain"]
    assert sheet.group == 3
    (block,) = sheet.blocks
    assert block.columns[0] == "1\n.93"
    levels = np.round((block.images[:, :, 0, 0, 0] + 1) * 127.5)
    assert levels.tolist() == [[10 * label + step for step in range(1, 11)] for label in LABELS for _ in OMEGAS]


def test_blocks_say_how_their_samples_were_made_and_lack_what_is_not_there():
    sheet = figure("fig11").pictures(records_of("fig11"))["digits"]
    titles = ["plain", "the most uncertain of 16 times as many", "guided, omega = 0.05"]
    assert [block.title for block in sheet.blocks] == titles
    assert sheet.blocks[0].words[0] == [Words(".60 \N{RIGHTWARDS ARROW} .50")] * 3 + [Words("")]
    assert (sheet.blocks[0].images[0, 3] == 1).all()  # white: of class 0 there are three
    sheet = figure("fig12").pictures(records_of("fig12"))["digits"]
    assert sheet.blocks[1].title == "addition 2, at iteration 200, omega = 0.05"
    sheet = figure("fig13").pictures(records_of("fig13"))["digits"]
    assert [block.title for block in sheet.blocks] == ["first pool, 128 rows", "last pool, 384 rows"]


def test_colours_stay_colours():
    shown = portraits.pixels({"png": png(51, size=4, colour=True)})
    assert shown.shape == (3, 4, 4)
    assert np.allclose(shown, 51 / 127.5 - 1)
    sheet = Sheet([Block("x", ["a"], shown[None, None])], ["0"])
    (ax,) = grids.draw_sheets([sheet]).axes
    assert ax.images[0].get_array().shape == (4, 4, 3)


@pytest.mark.parametrize("name", NAMES)
def test_without_pictures_there_is_an_error_with_advice(name):
    with pytest.raises(ValueError, match=r"got no pictures; allowed .*; do "):
        drawn(name, [])


def test_words_for_some_images_only_are_refused():
    block = Block("x", ["a", "b"], np.zeros((1, 2, 1, 8, 8)), [[Words("1")]])
    with pytest.raises(ValueError, match="words for all or none"):
        grids.draw([block], ["0"])


# From the command line


FIGURE = """# {name}: a small one.
compute_s = {{ default = 1, quick = 1 }}
[presets.default.seeds]
digits = 2
[presets.quick.seeds]
digits = 2
[[series]]
panel = "digits"
name = "deliberate practice"
world = "digits"
vary = "growth.additions"
values = [1]
examine = {examine}
"""
SETTINGS = {"iterations = 800": "iterations = 16", "steps = 15": "steps = 3", "initial = 128": "initial = 12",
            "addition = 128": "addition = 12", "batch = 128": "batch = 8", "evaluate_every = 10": "evaluate_every = 2",
            "patience = 3": "patience = 1"}  # fmt: skip
EXAMINE = {
    "fig10": '{ kind = "omegas", omegas = [0.0, 0.1], classes = 2 }',
    "fig13": '{ kind = "pools", classes = 2, columns = 2 }',
}


def test_from_recipe_to_picture_and_back(tmp_path, monkeypatch, capsys):
    """Made, drawn again from what is kept, verified byte for byte; a changed answer is noticed."""
    monkeypatch.setattr("empirical.scale.workers.sweep", in_this_process)
    folder, out = tmp_path / "experiments", tmp_path / "out"
    (folder / "worlds").mkdir(parents=True)
    text = (EXPERIMENTS / "worlds" / "digits.toml").read_text()
    for old, new in SETTINGS.items():
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "worlds" / "digits.toml").write_text(text)
    for name, examine in EXAMINE.items():
        (folder / f"{name}.toml").write_text(FIGURE.format(name=name, examine=examine))
    command = [*EXAMINE, "--world", "digits", "--experiments", str(folder), "--out", str(out)]
    assert paper_repro.main(command) == 0
    pictures = {path: path.read_bytes() for path in out.glob("fig1*/*.png")}
    assert len(pictures) == len(EXAMINE)
    assert paper_repro.main(command) == 0
    assert {path: path.read_bytes() for path in pictures} == pictures
    folders = [str(out / name) for name in EXAMINE]
    assert paper_repro.main(["verify", *folders, "--out", str(out)]) == 0
    assert "rows made again, byte for byte" in capsys.readouterr().out
    path = min((out / "runs" / "digits").glob("*/omegas-*.json"))
    values = json.loads(path.read_text())
    values["images"][0]["entropy"] += 0.1
    path.write_text(json.dumps(values))
    assert paper_repro.main(["verify", folders[0], "--out", str(out)]) == 1
