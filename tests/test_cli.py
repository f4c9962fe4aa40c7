"""The command line, as a person uses it: what it prints, writes, refuses, and how it takes interruption.

Experiments here are small files of the real format, on the linear world; the program is the real one.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_experiments import COMMAND, WORLD, members, start, wait_for, write_experiments

import paper_repro
from cli import plans
from empirical import sweep


@pytest.fixture
def small(tmp_path):
    """Small experiments: where they are, where to write, and the arguments that say so."""
    folder, out = write_experiments(tmp_path / "experiments"), tmp_path / "out"
    return SimpleNamespace(folder=folder, out=out, places=["--experiments", str(folder), "--out", str(out)])


@pytest.fixture
def refused(capsys):
    """Call the program with arguments it must refuse: exit code 2, one line of the agreed form, nothing else."""

    def call(*arguments):
        assert paper_repro.main([str(argument) for argument in arguments]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        assert "Traceback" not in said
        head, allowed, _ = said.split("; ", 2)
        assert ": got " in head
        assert allowed.startswith("allowed ")
        return said

    return call


# What it says


def test_dry_run_shows_everything_and_does_nothing(small, capsys):
    assert paper_repro.main([*COMMAND, "--dry-run", *small.places]) == 0
    said = capsys.readouterr().out
    for expected in (
        "fig4",
        "deliberate practice",
        "static",
        "world.dimension = 16",
        "10 runs, 10 of them to do",
        "min",
        # per seed 16 + 32 + 48 images in static pools, made once: 48, and 1 + 2 guided additions of 16; 8 steps each
        "192 images, 1,536 denoiser calls, 120 iterations",
        "on disk",
        "'paper': False",  # the paper's panels stand beside all worlds only
    ):
        assert expected in said
    assert not small.out.exists()


def test_list_names_every_figure_with_its_duration(capsys, tmp_path):
    assert paper_repro.main(["list", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for name in plans.FIGURES:
        assert name in said
    assert said.count(" min") >= 2 * len(plans.FIGURES)
    assert not list(tmp_path.iterdir())


def test_the_list_says_which_figures_are_made(capsys, tmp_path):
    (tmp_path / "phase").mkdir()
    (tmp_path / "phase" / "phase.json").write_text("{}")
    assert paper_repro.main(["list", "--out", str(tmp_path)]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines() if " yes " in line] == ["phase"]


def test_dry_runs_of_the_real_figures_resolve_every_preset(capsys, tmp_path):
    for preset in ("default", "quick"):
        arguments = ["fig3", "fig4", "fig5", "--preset", preset, "--dry-run", "--out", str(tmp_path)]
        assert paper_repro.main(arguments) == 0
        said = capsys.readouterr().out
        assert all(f"{name}, preset {preset}" in said for name in ("fig3", "fig4", "fig5"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ([], ("--preset", "--world", "--seeds", "--device", "--out", "--resume", "--dry-run", "--slurm", "verify")),
        (["run"], ("--set", "--device", "--out", "--tensorboard", "--dry-run", "accelerate launch")),
        (["pool"], ("--row", "--columns", "--out")),
        (["verify"], ("--device", "--out")),
    ],
)
def test_help_describes_the_options_and_exits_with_0(command, expected, capsys):
    with pytest.raises(SystemExit) as done:
        paper_repro.main([*command, "--help"])
    assert done.value.code in (0, None)
    said = capsys.readouterr().out
    assert [name for name in expected if name not in said] == []


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"torch", "numpy", "matplotlib"}),
        (["list"], {"torch", "diffusers", "timm", "sklearn", "matplotlib"}),
    ],
)
def test_help_and_list_load_no_heavy_library(arguments, heavy, tmp_path):
    """They answer at once: the libraries that take seconds to load are not needed for them."""
    code = (
        "import sys, paper_repro\ntry: paper_repro.main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, *([] if "--help" in arguments else ["--out", str(tmp_path)])],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(paper_repro.__file__).parent,
    )
    assert "fig" in done.stdout.lower()
    assert heavy & set(done.stderr.split()) == set()


# What it refuses


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["fig99"], "fig3, fig4, fig5"),
        ([], "fig3, fig4, fig5"),
        (["fig4", "list"], "list"),
        (["fig4", "run"], "run"),
        (["fig4", "--seeds", "1"], "--seeds"),
        (["fig4", "--seeds", "-2"], "--seeds"),
        (["fig4", "--learner", "resnet"], "resnet"),
        (["generator", "linear"], "generator"),
        (["generator"], "generator"),
        (["generator", "digits", "glyphs"], "generator"),
        (["fig2", "--world", "cifar10"], "--world"),
        (["fig4", "--experiments", "nowhere"], "nowhere"),
    ],
)
def test_bad_arguments_are_refused_with_what_is_allowed(refused, tmp_path, arguments, named):
    assert named in refused(*arguments, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [["--preset", "huge"], ["--world", "moons"], ["--colour"], ["--seeds", "two"], ["--seeds"], ["--workers", "x"]],
)
def test_unknown_flags_and_values_end_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as refusal:
        paper_repro.main(["fig3", *arguments])
    assert refusal.value.code == 2
    said = capsys.readouterr()
    assert arguments[0] in said.err + said.out
    assert "Traceback" not in said.err


def test_impossible_devices_workers_and_folders_are_refused(small, refused):
    assert "--device" in refused(*COMMAND, "--device", "abacus", *small.places)
    assert "--device" in refused(*COMMAND, "--device", "cuda:99", *small.places)
    assert "--workers" in refused(*COMMAND[:-1], "-1", *small.places)
    assert not small.out.exists()


@pytest.mark.parametrize("target", ["fig3", "fig4"])
def test_an_unwritable_folder_is_refused(small, capsys, tmp_path, target, monkeypatch):
    """A file is in the way: found out for theory and for training runs."""
    (tmp_path / "file").write_text("")
    if target == "fig3":
        monkeypatch.setattr(plans.figure("fig3"), "compute", lambda *_: [])
        empty = "# Figure 3: none.\ncompute_s = { quick = 1 }\n[presets.quick]\n"
        (small.folder / "fig3.toml").write_text(empty)
    places = ["--experiments", str(small.folder), "--out", str(tmp_path / "file")]
    assert paper_repro.main([target, *COMMAND[1:], *places]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path / "file") in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "damage", ["[world\n", WORLD.format(iterations=-3, steps=8), "world = 3\n[throughput]\nimages={}\niterations={}"]
)
def test_damaged_experiments_are_refused(small, refused, damage):
    (small.folder / "worlds" / "linear.toml").write_text(damage)
    refused(*COMMAND, *small.places)
    assert not small.out.exists()


# What it does


def files(out):
    """The figure's table."""
    return (out / "fig4" / "fig4.csv").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The program run once, with nobody in the way: its folder."""
    folder = tmp_path_factory.mktemp("undisturbed")
    places = ["--experiments", str(write_experiments(folder / "experiments")), "--out", str(folder / "out")]
    assert paper_repro.main([*COMMAND, *places]) == 0
    return SimpleNamespace(out=folder / "out", places=places)


def test_a_figure_leaves_pictures_table_and_manifest(undisturbed):
    folder = undisturbed.out / "fig4"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"fig4.{kind}" for kind in ("csv", "json", "pdf", "png", "svg")
    ]
    assert all(path.stat().st_size > 100 for path in folder.iterdir())
    lines = files(undisturbed.out).decode().splitlines()
    assert lines[0] == "figure,panel,series,source,x,y,stderr,n_seeds"
    practice = [line.split(",") for line in lines if ",practice," in line]
    assert [(line[2], float(line[4]), line[7]) for line in practice] == [
        ("static", 16, "2"), ("static", 32, "2"), ("static", 48, "2"),
        ("deliberate practice", 32, "2"), ("deliberate practice", 48, "2"),
    ]  # fmt: skip
    assert not [line for line in lines if ",paper," in line]
    manifest = json.loads((folder / "fig4.json").read_text())
    assert {"command", "versions", "git_revision", "hardware", "wall_s", "cost", "runs", "seeds", "preset"} <= set(
        manifest
    )
    assert manifest["seeds"] == [0, 1]
    assert manifest["cost"]["images"] == 2 * (16 + 32 + 48 + 32 + 48)
    assert "quick" in (folder / "fig4.svg").read_text()  # marked as such


def test_a_second_call_only_redraws(undisturbed, capsys):
    out = undisturbed.out
    before, table = {p: p.stat().st_mtime_ns for p in (out / "runs").rglob("*")}, files(out)
    (out / "fig4" / "fig4.csv").unlink()
    assert paper_repro.main([*COMMAND, *undisturbed.places]) == 0
    assert files(out) == table
    assert before == {p: p.stat().st_mtime_ns for p in (out / "runs").rglob("*")}
    said = capsys.readouterr().out
    assert "10 of 10" in said
    assert "fig4.png" in said.replace("\n", "")


def test_a_damaged_result_is_named_and_the_rest_survives(undisturbed, refused):
    path = min((undisturbed.out / "runs").rglob("result.json"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        assert str(path) in refused(*COMMAND, *undisturbed.places)
    finally:
        path.write_bytes(whole)


def test_a_generator_is_trained_from_its_recipe_and_used(tmp_path, experiments, capsys):
    """A tiny one for the digits: weights and evidence, and a run that samples from them."""
    folder = tmp_path / "experiments" / "worlds"
    folder.mkdir(parents=True)
    text = (experiments / "worlds" / "digits.toml").read_text().partition("[generator]")[0]
    small = "\n[generator]\nbase_channels = 8\nmultipliers = [1, 2]\niterations = 20\nbatch = 16\nchecked = 32\n"
    text = text.replace("iterations = 800", "iterations = 20").partition("[throughput]")[0] + small
    (folder / "digits.toml").write_text(text)
    places = ["--experiments", str(folder.parent), "--out", str(tmp_path / "out")]
    assert paper_repro.main(["generator", "digits", "--dry-run", *places]) == 0
    assert "generator.iterations = 20" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert paper_repro.main(["generator", "digits", *places]) == 0
    said = capsys.readouterr().out
    weights = tmp_path / "out" / "generator" / "digits_generator.safetensors"
    assert str(weights) in said.replace("\n", "")
    assert "label agreement of generated: " in said
    settings = [f"world.weights='{weights}'", "growth.initial=16", "growth.additions=0", "training.iterations=8"]
    assert (
        paper_repro.main(["run", str(folder / "digits.toml"), "--set", *settings, "--out", str(tmp_path / "out")]) == 0
    )
    (result,) = (tmp_path / "out" / "runs").rglob("result.json")
    assert json.loads(result.read_text())["config"]["world"]["weights"] == str(weights)


def test_starting_over_heals_whatever_is_damaged(small, refused, monkeypatch):
    """Shared states and plain images are damaged; --no-resume makes them anew, and the table is the same again."""
    monkeypatch.setattr(sweep, "sweep", in_this_process)
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


# How it takes interruption


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_killed_in_mid_sweep_it_leaves_no_process_and_the_rerun_the_same_table(tmp_path, monkeypatch):
    """kill -9 of the parent alone, when a few runs are done; against the undisturbed table of the same experiment."""
    experiments = ["--experiments", str(write_experiments(tmp_path / "experiments", iterations=400, steps=100))]
    out, done = tmp_path / "killed", lambda: list((tmp_path / "killed").rglob("result.json"))
    with start(*COMMAND, *experiments, "--out", out) as process:
        wait_for(lambda: len(done()) >= 3 or process.poll() is not None, "three finished runs")
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert len(done()) < 10, "the kill came too late to test anything"
        wait_for(lambda: not members(process.pid), "the workers to end", 10)
    monkeypatch.setattr(sweep, "sweep", in_this_process)
    assert paper_repro.main([*COMMAND, *experiments, "--out", str(out)]) == 0
    assert paper_repro.main([*COMMAND, *experiments, "--out", str(tmp_path / "undisturbed")]) == 0
    assert files(out) == files(tmp_path / "undisturbed")


def in_this_process(cases, root, device, workers, progress):  # noqa: ARG001
    """`sweep` without the start of processes: the same groups in the same order."""
    for job in sweep.work(cases, root):
        sweep.do(job, root, device)


@pytest.mark.parametrize(
    ("whom", "what", "code"),
    [
        (os.killpg, signal.SIGINT, 130),
        (os.kill, signal.SIGTERM, 143),
        pytest.param(os.kill, signal.SIGINT, 130, marks=pytest.mark.slow),
    ],
)
def test_interrupted_it_stops_at_once_and_says_how_to_go_on(tmp_path, whom, what, code):
    """Ctrl-C, which reaches the whole group, and signals to the program alone: their exit codes, no traceback."""
    folder, out = write_experiments(tmp_path / "experiments", iterations=20000, steps=100), tmp_path / "out"
    with start(*COMMAND, "--experiments", folder, "--out", out) as process:
        wait_for(lambda: list(out.rglob("config.json")) or process.poll() is not None, "the first run")
        whom(process.pid, what)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "goes on from here" in said
    assert "Traceback" not in said
    wait_for(lambda: not members(process.pid), "the workers to end", 10)
