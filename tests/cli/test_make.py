"""Make figures and a generator by command: test which files are written, made only once, or made anew.

Experiments here are small files of the real format, on the linear world; the program is the real one.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.places import EXPERIMENTS
from support.small_experiments import COMMAND, files, in_this_process, write_experiments

import paper_repro
from cli import make
from cli.options import Options
from figures.output import Made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Run the program once without disturbance; return its folders."""
    folder = tmp_path_factory.mktemp("undisturbed")
    places = ["--experiments", str(write_experiments(folder / "experiments")), "--out", str(folder / "out")]
    assert paper_repro.main([*COMMAND, *places]) == 0
    return SimpleNamespace(out=folder / "out", places=places)


def test_a_figure_leaves_pictures_table_and_manifest(undisturbed):
    folder = undisturbed.out / "fig4"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"fig4{kind}" for kind in (".csv", ".json", ".pdf", ".png", ".svg", "_seeds.csv")
    ]
    assert all(path.stat().st_size > 100 for path in folder.iterdir())
    lines = files(undisturbed.out).decode().splitlines()
    assert lines[0] == "figure,panel,series,quantity,source,x,y,stderr,n_seeds"
    practice = [line.split(",") for line in lines if ",practice," in line]
    assert [(line[2], float(line[5]), line[8]) for line in practice] == [
        ("static", 16, "2"), ("static", 32, "2"), ("static", 48, "2"),
        ("deliberate practice", 32, "2"), ("deliberate practice", 48, "2"),
    ]  # fmt: skip
    assert not [line for line in lines if ",paper," in line]
    manifest = json.loads((folder / "fig4.json").read_text())
    assert {"command", "versions", "git_revision", "hardware", "wall_s", "cost", "runs", "seeds", "preset"} <= set(
        manifest
    )
    assert manifest["seeds"] == [0, 1]
    assert sum(manifest["made_on"].values()) == 10
    assert all(device.startswith("cpu") for device in manifest["made_on"])
    assert manifest["cost"]["images"] == 2 * (16 + 32 + 48 + 32 + 48)
    assert "quick" in (folder / "fig4.svg").read_text()  # marked as such


def test_a_second_call_only_redraws(undisturbed, capsys):
    out = undisturbed.out
    before, table = {p: p.stat().st_mtime_ns for p in (out / "runs").rglob("*")}, files(out)
    (out / "fig4" / "fig4.csv").unlink()
    assert paper_repro.main([*COMMAND, *undisturbed.places]) == 0
    assert files(out) == table
    assert before == {p: p.stat().st_mtime_ns for p in (out / "runs").rglob("*")}
    output = capsys.readouterr().out
    assert "10 of 10" in output
    assert "fig4.png" in output.replace("\n", "")


def test_a_damaged_result_is_named_and_the_rest_survives(undisturbed, refused):
    path = min((undisturbed.out / "runs").rglob("result.json"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        assert str(path) in refused(*COMMAND, *undisturbed.places)
    finally:
        path.write_bytes(whole)


def test_each_figure_is_made_as_soon_as_its_own_runs_are_done(monkeypatch, tmp_path, capsys):
    """Figures without runs come first; a figure whose runs end early does not wait for the others."""
    happened, finished = [], set()

    def planned(name, _):
        runs = {"fig3": (), "fig4": ("a", "b"), "fig5": ("b",), "fig6": ("a", "c")}[name]
        return SimpleNamespace(
            name=name, cases=[SimpleNamespace(done=lambda _, run=run: run in finished) for run in runs]
        )

    def train(cases, options, progress):  # noqa: ARG001
        for run in "bac":
            happened.append(f"run {run}")
            finished.add(run)
            progress(len(finished), len(cases))

    def made(item, *_):
        happened.append(item.name)
        return Made("a line", f"The story of {item.name}." if item.name != "fig6" else "", Path("picture"))

    monkeypatch.setattr(make, "plan", planned)
    monkeypatch.setattr(make, "make_runs", train)
    monkeypatch.setattr(make, "make_figure", made)
    assert make.main(Options(targets=["fig6", "fig4", "fig5", "fig3"], out=tmp_path)) == 0
    assert happened == ["fig3", "run b", "fig5", "run a", "fig4", "run c", "fig6"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines if ": a line" in line] == ["fig3", "fig5", "fig4", "fig6"]
    told = [line for line in lines if "story" in line]  # after all the work, in the order asked for
    assert told == [f"{name}. The story of {name}. Picture: picture" for name in ("fig4", "fig5", "fig3")]


def test_a_generator_is_trained_from_its_recipe_and_used(tmp_path, capsys):
    """Train a tiny generator of digits; it leaves weights and their checks, and a run samples from it."""
    folder = tmp_path / "experiments" / "worlds"
    folder.mkdir(parents=True)
    text = (EXPERIMENTS / "worlds" / "digits.toml").read_text().partition("[generator]")[0]
    small = "\n[generator]\nbase_channels = 8\nmultipliers = [1, 2]\niterations = 20\nbatch = 16\nchecked = 32\n"
    text = text.replace("iterations = 800", "iterations = 20").partition("[throughput]")[0] + small
    (folder / "digits.toml").write_text(text)
    places = ["--experiments", str(folder.parent), "--out", str(tmp_path / "out")]
    assert paper_repro.main(["generator", "digits", "--dry-run", *places]) == 0
    assert "generator.iterations = 20" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert paper_repro.main(["generator", "digits", *places]) == 0
    output = capsys.readouterr().out
    weights = tmp_path / "out" / "generator" / "digits_generator.safetensors"
    assert str(weights) in output.replace("\n", "")
    assert "label agreement of generated: " in output
    settings = [f"world.weights='{weights}'", "growth.initial=16", "growth.additions=0", "training.iterations=8"]
    assert (
        paper_repro.main(["run", str(folder / "digits.toml"), "--set", *settings, "--out", str(tmp_path / "out")]) == 0
    )
    (result,) = (tmp_path / "out" / "runs").rglob("result.json")
    assert json.loads(result.read_text())["config"]["world"]["weights"] == str(weights)


def test_starting_over_heals_whatever_is_damaged(small, refused, monkeypatch):
    """After damage to shared states and plain images, --no-resume makes them anew, and the table is the same."""
    monkeypatch.setattr("empirical.scale.workers.sweep", in_this_process)
    assert paper_repro.main([*COMMAND, *small.places]) == 0
    table, runs = files(small.out), small.out / "runs" / "linear"
    other = runs / "plain-of-other-runs"
    other.mkdir()
    broken = [*runs.glob("prefix-*/checkpoint.safetensors"), *runs.glob("plain-*/*/*.safetensors")]
    assert {path.parents[1].name == "linear" for path in broken} == {True, False}  # both kinds are there
    for path in broken:
        path.write_bytes(b"damage")
    for path in runs.glob("*/result.json"):
        path.unlink()
        (path.parent / "config.json").unlink()  # the run begins again, from what it shares
    refused(*COMMAND, *small.places)
    assert paper_repro.main([*COMMAND, "--no-resume", *small.places]) == 0
    assert files(small.out) == table
    assert other.exists()
