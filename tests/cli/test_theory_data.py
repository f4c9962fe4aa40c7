"""The command `theory-data` as a person uses it: what it writes, what it says, what it refuses."""

import json
import zipfile

import numpy as np
import pytest

import paper_repro
from cli.own_data import read, with_scores
from figures.contract import table
from figures.theory.own_data import agreement

SMALL = ["--n", "10", "40", "--ridge", "0.1", "1", "--keep", "0.5", "--trials", "6"]


def features(seed=0, rows=120, classes=3):
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    X = rng.standard_normal((rows, 2, 3)) + 5  # rows of two axes, off the origin
    X.reshape(rows, -1)[np.arange(rows), y] += 2
    return {"X": X, "y": y}


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, **features(), **{f"{name}_test": value for name, value in features(seed=1).items()})
    return path


def run(path, out, *options):
    return paper_repro.main(["theory-data", *([str(path)] if path else []), "--out", str(out), *SMALL, *options])


def test_an_archive_gives_table_picture_and_json(archive, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(archive, out) == 0
    folder = out / "theory_data" / "mine"
    names = {f"mine{end}" for end in (".csv", "_seeds.csv", ".png", ".pdf", ".svg", ".json")}
    assert {path.name for path in folder.iterdir()} == names
    rows = table.load(folder / "mine.csv")
    assert {row.panel for row in rows} == {"pool size", "keep fraction", "ridge"}
    assert len(agreement(rows).z) == 2 * 2 + 2 * 2 + 2 * 2  # sizes, keep fractions (with 1) and ridges, by two series
    assert np.abs(agreement(rows).z).max() < 5  # standard errors of six refits have a wide distribution
    values = json.loads((folder / "mine.json").read_text())
    assert values["converged"]
    assert values["data"] == {"rows": 108, "columns": 6, "classes": 3, "tests": "120 test rows"}
    assert values["grid"] == {"n": [10, 40], "ridge": [0.1, 1.0], "keep": [0.5, 1.0]}
    assert values["best"]["keep fraction"]["value"] in (0.5, 1.0)
    said = capsys.readouterr().out
    assert "With 40 of 108 rows the best ridge is" in said
    assert "law against refits: 12 points" in said
    first = (folder / "mine.csv").read_bytes()
    assert run(archive, out) == 0
    assert (folder / "mine.csv").read_bytes() == first


def test_pairs_of_files_are_an_archive(archive, tmp_path):
    for name, value in np.load(archive).items():
        np.save(tmp_path / f"{name}.npy", value)
    pairs, one = read([tmp_path / f"{name}.npy" for name in ("X", "y", "X_test", "y_test")]), read([archive])
    for name in ("X", "y", "X_test", "y_test"):
        assert np.array_equal(getattr(pairs, name), getattr(one, name))
    assert one.X.shape == (120, 6)
    assert one.X.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-12)
    assert one.X_test.mean() != pytest.approx(0, abs=1e-3)  # centred by the training rows


def test_without_test_rows_the_copies_are_told(tmp_path, capsys):
    path = tmp_path / "doubled.npz"
    given = features(rows=60)
    np.savez(path, X=np.concatenate([given["X"]] * 2), y=np.concatenate([given["y"]] * 2), scores=np.arange(120))
    assert run(path, tmp_path) == 0
    said = capsys.readouterr().out
    assert said.count("60 of 120 rows that repeat an earlier one") == 1
    notes = json.loads((tmp_path / "theory_data" / "doubled" / "doubled.json").read_text())["notes"]
    assert len(notes) == 1


def test_unequal_classes_are_told(tmp_path, capsys):
    """The learner has no intercept: with one row in ten of class 1 it errs more than a constant answer does."""
    path, y = tmp_path / "unequal.npz", np.arange(120) % 10 == 0
    noise = np.random.default_rng(2).standard_normal((120, 6))
    np.savez(path, X=noise, y=y, scores=np.arange(120))
    assert run(path, tmp_path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Always answering the most frequent class errs on 0.1000 only" in said


def test_a_probe_finds_the_hard_rows():
    """Scores without any given: the rows near the boundary, those that a fit to all rows gets wrong, come first."""
    data = with_scores(read([]), np.random.default_rng(0))
    assert len(data.X) == 1200 - 120
    onehot = np.eye(10)[data.y] - 0.1
    w = np.linalg.solve(data.X.T @ data.X / 1080 + 0.05 * np.eye(64), data.X.T @ onehot / 1080)
    wrong = (data.X @ w).argmax(1) != data.y
    hardest = np.argsort(-data.scores)[:270]
    assert wrong[hardest].mean() > 2 * wrong.mean()


BAD = {
    "missing": (None, "No such file"),
    "pickled": ({"X": np.array([[1, "a"], [None, 2]], dtype=object), "y": [0, 1]}, "pickle"),
    "unknown": ({**features(), "labels": [1]}, "labels"),
    "no labels": ({"X": features()["X"]}, "X and y at least"),
    "lengths": ({**features(), "y": [0, 1]}, "one label a row"),
    "text": ({"X": np.full((9, 2), "a"), "y": np.arange(9) % 2}, "numbers of shape"),
    "infinite": ({"X": np.full((30, 2), np.inf), "y": np.arange(30) % 2}, "NaN or infinity"),
    "equal rows": ({"X": np.ones((30, 2)), "y": np.arange(30) % 2}, "equal rows"),
    "few rows": (features(rows=20), "30 rows or more"),
    "one class": ({**features(), "y": np.ones(120)}, "the class 1 alone"),
    "other test features": ({**features(), "X_test": np.ones((9, 5)), "y_test": np.arange(9) % 3}, "5 columns"),
    "fractions as labels": ({**features(), "y": np.arange(120) / 7}, "not whole"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_and_nothing_is_written(case, tmp_path, capsys):
    arrays, message = BAD[case]
    path = tmp_path / "bad.npz"
    if arrays is not None:
        np.savez(path, **arrays)
    assert run(path, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_is_refused(archive, tmp_path, capsys):
    archive.write_bytes(archive.read_bytes()[:-30])
    assert run(archive, tmp_path / "out") == 2
    assert "mine.npz" in capsys.readouterr().err
    with zipfile.ZipFile(archive, "w"):
        pass
    assert run(archive, tmp_path / "out") == 2
    assert "X and y at least" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trials", "1"], "--trials"),
        (["--seed", "-1"], "--seed"),
        (["--n", "0"], "n=0"),
        (["--n", "5000"], "n=5000"),
        (["--keep", "1.5"], "keep=1.5"),
        (["--ridge", "0"], "ridge=0"),
        (["--digits"], "--digits"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(options, message, archive, tmp_path, capsys):
    assert run(archive, tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
