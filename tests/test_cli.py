"""The command line, as a person uses it: what it prints, writes, refuses, and how it takes interruption.

Experiments here are small files of the real format, on the linear world; the program is the real one.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import paper_repro

WORLD = """
[world]
name = "linear"
dimension = 16
validation = 100
[learner]
kind = "ridge"
[training]
iterations = {iterations}
[sampling]
steps = {steps}
batch = 16
[growth]
initial = 16
addition = 16
evaluate_every = 1
patience = 1
[acquire]
omega = 0.01
[throughput]
images = {{ plain = 20000, random = 3000, x0 = 9000, denoiser = 6000 }}
iterations = {{ ridge = 600, logistic = 20 }}
"""
FIGURE = """# Figure 4: a small one.
compute_s = { default = 1, quick = 1 }
[presets.default.seeds]
linear = 2
[presets.quick.seeds]
linear = 2
[[series]]
panel = "linear"
name = "static"
world = "linear"
vary = "growth.initial"
values = [16, 32, 48]
set = { "growth.additions" = 0 }
[[series]]
panel = "linear"
name = "deliberate practice"
world = "linear"
vary = "growth.additions"
values = [1, 2]
"""
CALL = """
import sys, pathlib, paper_repro
paper_repro.EXPERIMENTS = pathlib.Path(sys.argv.pop(1))
sys.exit(paper_repro.main())
"""
COMMAND = ["fig4", "--world", "linear", "--preset", "quick", "--seeds", "2", "--workers", "1"]


def write_experiments(folder, iterations=12, steps=8):
    (folder / "worlds").mkdir(parents=True)
    (folder / "fig4.toml").write_text(FIGURE)
    (folder / "worlds" / "linear.toml").write_text(WORLD.format(iterations=iterations, steps=steps))
    return folder


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The program with small experiments; returns where to write."""
    monkeypatch.setattr(paper_repro, "EXPERIMENTS", write_experiments(tmp_path / "experiments"))
    return tmp_path / "out"


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
    assert paper_repro.main([*COMMAND, "--dry-run", "--out", str(small)]) == 0
    said = capsys.readouterr().out
    for expected in (
        "fig4",
        "deliberate practice",
        "static",
        "world.dimension = 16",
        "10 runs, 10 of them to do",
        "min",
    ):
        assert expected in said
    assert not small.exists()


def test_list_names_every_figure_with_its_duration(capsys, tmp_path):
    assert paper_repro.main(["list", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for name in paper_repro.FIGURES:
        assert name in said
    assert said.count(" min") >= 2 * len(paper_repro.FIGURES)
    assert not list(tmp_path.iterdir())


def test_dry_runs_of_the_real_figures_resolve_every_preset(capsys, tmp_path):
    for preset in ("default", "quick"):
        arguments = ["fig3", "fig4", "fig5", "--preset", preset, "--dry-run", "--out", str(tmp_path)]
        assert paper_repro.main(arguments) == 0
        said = capsys.readouterr().out
        assert all(f"{name}, preset {preset}" in said for name in ("fig3", "fig4", "fig5"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flag", ["--help"])
def test_help_describes_the_options_and_exits_with_0(flag, capsys):
    with pytest.raises(SystemExit) as done:
        paper_repro.main([flag])
    assert done.value.code in (0, None)
    said = capsys.readouterr().out
    for option in ("--preset", "--world", "--seeds", "--device", "--out", "--resume", "--dry-run"):
        assert option in said


# What it refuses


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["fig99"], "fig3, fig4, fig5"),
        ([], "fig3, fig4, fig5"),
        (["fig4", "list"], "list"),
        (["fig4", "--seeds", "1"], "--seeds"),
        (["fig4", "--seeds", "-2"], "--seeds"),
        (["fig4", "--learner", "resnet"], "resnet"),
        (["generator", "linear"], "generator"),
        (["generator"], "generator"),
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
    assert "--device" in refused(*COMMAND, "--device", "abacus", "--out", small)
    assert "--device" in refused(*COMMAND, "--device", "cuda:99", "--out", small)
    assert "--workers" in refused(*COMMAND[:-1], "-1", "--out", small)
    assert not small.exists()


@pytest.mark.parametrize("target", ["fig3", "fig4"])
@pytest.mark.usefixtures("small")
def test_an_unwritable_folder_is_refused(capsys, tmp_path, target, monkeypatch):
    """A file is in the way: found out for theory and for training runs."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(paper_repro.fig3, "compute", lambda *_: [])
    if target == "fig3":
        empty = "# Figure 3: none.\ncompute_s = { quick = 1 }\n[presets.quick]\n"
        (paper_repro.EXPERIMENTS / "fig3.toml").write_text(empty)
    assert paper_repro.main([target, *COMMAND[1:], "--out", str(tmp_path / "file")]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path / "file") in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "damage", ["[world\n", WORLD.format(iterations=-3, steps=8), "world = 3\n[throughput]\nimages={}\niterations={}"]
)
def test_damaged_experiments_are_refused(small, refused, damage):
    (paper_repro.EXPERIMENTS / "worlds" / "linear.toml").write_text(damage)
    refused(*COMMAND, "--out", small)
    assert not small.exists()


# What it does


def files(out):
    """The figure's table."""
    return (out / "fig4" / "fig4.csv").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The program run once, with nobody in the way: its folder."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper_repro, "EXPERIMENTS", write_experiments(folder / "experiments"))
        assert paper_repro.main([*COMMAND, "--out", str(folder / "out")]) == 0
    return folder


def test_a_figure_leaves_pictures_table_and_manifest(undisturbed):
    folder = undisturbed / "out" / "fig4"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"fig4.{kind}" for kind in ("csv", "json", "pdf", "png", "svg")
    ]
    assert all(path.stat().st_size > 100 for path in folder.iterdir())
    lines = files(undisturbed / "out").decode().splitlines()
    assert lines[0] == "figure,panel,series,source,x,y,stderr,n_seeds"
    practice = [line.split(",") for line in lines if ",practice," in line]
    assert [(line[2], float(line[4]), line[7]) for line in practice] == [
        ("static", 16, "2"), ("static", 32, "2"), ("static", 48, "2"),
        ("deliberate practice", 32, "2"), ("deliberate practice", 48, "2"),
    ]  # fmt: skip
    manifest = json.loads((folder / "fig4.json").read_text())
    assert {"command", "versions", "git_revision", "hardware", "wall_s", "cost", "runs", "seeds", "preset"} <= set(
        manifest
    )
    assert manifest["seeds"] == [0, 1]
    assert manifest["cost"]["images"] == 2 * (16 + 32 + 48 + 32 + 48)
    assert "quick" in (folder / "fig4.svg").read_text()  # marked as such


def test_a_second_call_only_redraws(undisturbed, monkeypatch, capsys):
    out = undisturbed / "out"
    monkeypatch.setattr(paper_repro, "EXPERIMENTS", undisturbed / "experiments")
    before, table = {p: p.stat().st_mtime_ns for p in (out / "runs").rglob("*")}, files(out)
    (out / "fig4" / "fig4.csv").unlink()
    assert paper_repro.main([*COMMAND, "--out", str(out)]) == 0
    assert files(out) == table
    assert before == {p: p.stat().st_mtime_ns for p in (out / "runs").rglob("*")}
    said = capsys.readouterr().out
    assert "10 of 10" in said
    assert "fig4.png" in said.replace("\n", "")


def test_a_damaged_result_is_named_and_the_rest_survives(undisturbed, refused, monkeypatch):
    out = undisturbed / "out"
    monkeypatch.setattr(paper_repro, "EXPERIMENTS", undisturbed / "experiments")
    path = min((out / "runs").rglob("result.json"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        assert str(path) in refused(*COMMAND, "--out", out)
    finally:
        path.write_bytes(whole)


# How it takes interruption


def start(folder, out, **changes):
    """The program in a process group of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(paper_repro.__file__).parent)}
    return subprocess.Popen(
        [sys.executable, "-c", CALL, str(folder), *COMMAND, "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment, **changes,
    )  # fmt: skip


def members(group):
    """Processes of a process group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_killed_in_mid_sweep_it_leaves_no_process_and_the_rerun_the_same_table(tmp_path, monkeypatch):
    """kill -9 of the parent alone, when a few runs are done; against the undisturbed table of the same experiment."""
    folder = write_experiments(tmp_path / "experiments", iterations=400, steps=100)
    monkeypatch.setattr(paper_repro, "EXPERIMENTS", folder)
    out, done = tmp_path / "killed", lambda: list((tmp_path / "killed").rglob("result.json"))
    with start(folder, out) as process:
        wait_for(lambda: len(done()) >= 3 or process.poll() is not None, "three finished runs")
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert len(done()) < 10, "the kill came too late to test anything"
        wait_for(lambda: not members(process.pid), "the workers to end", 10)
    monkeypatch.setattr(paper_repro.sweep, "sweep", in_this_process)
    assert paper_repro.main([*COMMAND, "--out", str(out)]) == 0
    assert paper_repro.main([*COMMAND, "--out", str(tmp_path / "undisturbed")]) == 0
    assert files(out) == files(tmp_path / "undisturbed")


def in_this_process(runs, root, device, workers, progress):  # noqa: ARG001
    """`sweep` without the start of processes: the same groups in the same order."""
    for group in paper_repro.sweep.groups([run for run in runs if not paper_repro.sweep.is_done(run, root)]):
        paper_repro.sweep._execute_group(group, root, device)


@pytest.mark.parametrize("only_parent", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_interrupted_it_stops_at_once_and_says_how_to_go_on(tmp_path, only_parent):
    """Ctrl-C, which reaches the whole group, and a SIGINT to the program alone: exit code 130, no traceback."""
    folder, out = write_experiments(tmp_path / "experiments", iterations=20000, steps=100), tmp_path / "out"
    with start(folder, out) as process:
        wait_for(lambda: list(out.rglob("config.json")) or process.poll() is not None, "the first run")
        (os.kill if only_parent else os.killpg)(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "goes on from here" in said
    assert "Traceback" not in said
    wait_for(lambda: not members(process.pid), "the workers to end", 10)
