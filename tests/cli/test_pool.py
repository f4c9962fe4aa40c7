"""Test the command `pool`: a pool's growth, its pictures, and rows made again from their seeds."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from support.runs import folder_of, tiny

import paper_repro
from cli.pool import same_seeds, spaced, stored
from empirical.review.remake import guide_of, open_pool, open_run, remake, some_rows
from empirical.runs.execute import execute
from figures.drawing import grids


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Make runs under one root: digits at two omegas, digits in random directions, linear with swaps and pruning."""
    root = tmp_path_factory.mktemp("pools") / "runs"
    by_name = {
        "digits": tiny("digits"),
        "strong": tiny("digits", acquire__omega=0.2),
        "random": tiny("digits", acquire__direction="random"),
        "pruned": tiny("linear", acquire__ratio=3, acquire__retire=0.5, growth__additions=2),
    }
    for run in by_name.values():
        execute(run, root)
    return root, by_name


def call(root, *arguments):
    return paper_repro.main(["pool", *(str(argument) for argument in arguments), "--out", str(root.parent)])


def test_a_pool_is_shown_with_pictures_and_rows_made_again(runs, capsys):
    root, by_name = runs
    folder = folder_of(by_name["digits"], root)
    assert call(root, folder.name[:9]) == 0  # the beginning of its name is enough
    output = capsys.readouterr().out
    summary = open_pool(by_name["digits"], folder).summary()
    rows = [line.split("│")[1:-1] for line in output.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row[:5]] for row in rows] == [
        [str(s["round"]), str(s["added"]), "0", f"{s['omega']:g}", f"{s['entropy']:.3f}"] for s in summary
    ]
    assert output.count("bit-identical") == 3
    assert "NOT" not in output
    for kind in ("rows", "seeds"):
        picture = root.parent / "pool" / folder.name / f"{kind}.png"
        assert str(picture) in output.replace("\n", "")
        with Image.open(picture) as image:
            assert image.size[0] > 100


def test_runs_stand_side_by_side(runs, capsys):
    root, by_name = runs
    folders = [folder_of(by_name[name], root) for name in ("digits", "strong")]
    assert call(root, *folders) == 0
    assert capsys.readouterr().out.count("bit-identical") == 6
    name = "+".join(folder.name[:8] for folder in folders)
    svg = (root.parent / "pool" / name / "seeds.svg").read_text()
    assert "<!-- omega = 0.05 -->" in svg
    assert "<!-- omega = 0.2 -->" in svg


def test_vectors_have_no_pictures(runs, capsys):
    root, by_name = runs
    assert call(root, folder_of(by_name["pruned"], root), "--row", 30) == 0
    output = capsys.readouterr().out
    assert "no pictures" in output
    assert "row 30 " in output
    assert not (root.parent / "pool" / folder_of(by_name["pruned"], root).name).exists()


@pytest.mark.parametrize("name", ["digits", "strong", "random", "pruned"])
def test_every_row_of_every_pool_can_be_made_again(runs, name):
    """Every row made alone equals the stored one bit for bit: guided, in a random direction, pruned or retired."""
    root, by_name = runs
    run, folder = by_name[name], folder_of(by_name[name], root)
    pool = open_pool(run, folder)
    total = sum(len(round_) for round_ in pool.rounds)
    again = remake(run, folder, pool, range(0, total, 3))
    assert all(row.same for row in again)
    assert len({row.round for row in again}) == len(pool.rounds)


def test_rows_made_with_the_wrong_learner_are_noticed(runs, tmp_path, capsys):
    """After the guides of two rounds have changed places, they make other images."""
    root, by_name = runs
    folder = tmp_path / "runs" / "digits" / folder_of(by_name["digits"], root).name
    shutil.copytree(folder_of(by_name["digits"], root), folder)
    first, second = (folder / "guides" / f"round_000{number}.safetensors" for number in (1, 2))
    first.rename(folder / "other")
    second.rename(first)
    (folder / "other").rename(second)
    assert call(tmp_path / "runs", folder, "--row", 20) == 1
    assert "NOT the same" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "pool"),
        (["nothing"], "nothing"),
        (["*"], "run"),
        ([""], "run"),
        (["{one}", "{other}"], "worlds"),
        (["{one}", "--row", "1000"], "row"),
        (["{one}", "--columns", "0"], "--columns"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(runs, capsys, arguments, named):
    root, by_name = runs
    names = {"one": folder_of(by_name["digits"], root).name, "other": folder_of(by_name["pruned"], root).name}
    assert call(root, *(argument.format(**names) for argument in arguments)) == 2
    output = capsys.readouterr().err
    assert output.startswith("error: ")
    assert named in output


def test_ambiguous_beginnings_are_refused_with_the_names(tmp_path, capsys):
    for name in ("abc1", "abc2"):
        (tmp_path / "runs" / "linear" / name).mkdir(parents=True)
        (tmp_path / "runs" / "linear" / name / "config.json").write_text("{}")
    assert call(tmp_path / "runs", "abc") == 2
    output = capsys.readouterr().err
    assert "abc1, abc2" in output


# What the pictures show


def test_the_same_seeds_start_from_the_pools_own_first_rows(runs):
    from cli.pool import Opened

    root, by_name = runs
    folder = folder_of(by_name["digits"], root)
    one = Opened(folder, open_run(folder), open_pool(by_name["digits"], folder))
    plain = same_seeds(one, 0, 10, 1, "cpu")
    assert torch.equal(plain, stored(one, 0, 10, 1, "cpu"))  # round 0 holds these seeds
    guided = same_seeds(one, 1, 10, 1, "cpu")
    assert not torch.equal(plain, guided)
    assert torch.equal(same_seeds(one, 1, 4, 2, "cpu")[:, 0], guided[:4, 0])  # whatever else is shown


def test_too_few_rows_of_a_class_leave_white_places(runs):
    from cli.pool import Opened

    root, by_name = runs
    folder = folder_of(by_name["digits"], root)
    one = Opened(folder, by_name["digits"], open_pool(by_name["digits"], folder))  # 12 rows of 10 classes
    images = stored(one, 0, 10, 2, "cpu")
    filled = (images != 1).flatten(2).any(2)
    assert filled[:, 0].all()
    assert filled[:, 1].tolist() == [True, True, *[False] * 8]


def test_a_grid_is_tiled_in_the_order_of_its_axes():
    images = np.linspace(-1, 1, 2 * 3).reshape(2, 3, 1, 1, 1) * np.ones((2, 3, 3, 2, 2))
    whole = grids.tiled(images)
    assert whole.shape == (2 * 3 - 1, 3 * 3 - 1, 3)
    assert np.allclose(whole[0, [0, 3, 6], 0], [0, 0.2, 0.4])
    assert np.allclose(whole[3, [0, 3, 6], 0], [0.6, 0.8, 1])
    assert (whole[2] == 1).all()
    assert (whole[:, 2] == 1).all()
    with pytest.raises(ValueError, match="got images of shape"):
        grids.draw([grids.Block("x", ["0"], images)], ["0", "1"])


def test_many_rounds_are_spaced_evenly():
    for count in range(1, 40):
        shown = spaced(count, 8)
        assert len(shown) == min(count, 8)
        assert (shown[0], shown[-1]) == (0, count - 1)
        assert shown == sorted(set(shown))


def test_some_rows_are_of_different_rounds_and_always_the_same(runs):
    root, by_name = runs
    pool = open_pool(by_name["pruned"], folder_of(by_name["pruned"], root))
    rows = some_rows(pool, 3)
    assert rows == some_rows(pool, 3)
    starts = np.cumsum([0, *(len(round_) for round_ in pool.rounds)])
    assert sorted(np.searchsorted(starts, rows, side="right") - 1) == [0, 1, 2]


def test_an_unguided_round_needs_no_learner(runs):
    root, by_name = runs
    folder = folder_of(by_name["digits"], root)
    assert guide_of(by_name["digits"], folder, 0, "cpu").mode == "plain"
    assert guide_of(by_name["digits"], folder, 1, "cpu").mode == "x0"
    assert guide_of(by_name["random"], folder_of(by_name["random"], root), 1, "cpu").mode == "random"
