"""Test what the command line prints and what it refuses, as a person uses it.

Experiments here are small files of the real format, on the linear world; the program is the real one.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.places import EXPERIMENTS
from support.small_experiments import COMMAND, WORLD

import paper_repro
from cli import door
from cli.plans import recipe_path
from figures import registry
from figures.contract.figure import NoSettings
from figures.theory import fig3

# What it says


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["--help"], 0), (["-h"], 0)])
def test_the_overview_has_one_line_for_every_command(capsys, arguments, code):
    assert paper_repro.main(arguments) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: ")
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == ["FIGURE", *door.COMMANDS]
    assert all(command.about in "\n".join(lines) for command in door.COMMANDS.values())
    assert max(map(len, lines)) <= 120


def test_a_recipe_is_a_file_or_the_name_of_one_of_the_projects_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = EXPERIMENTS / "worlds" / "digits.toml"
    for name in ("worlds/digits.toml", "experiments/worlds/digits.toml", str(own)):
        assert recipe_path(Path(name)) == own
    assert recipe_path(Path("worlds/absent.toml")) == Path("worlds/absent.toml")  # is named in the message as written
    (tmp_path / "worlds").mkdir()
    (tmp_path / "worlds" / "digits.toml").write_text("")
    assert recipe_path(Path("worlds/digits.toml")).resolve() == tmp_path / "worlds" / "digits.toml"


def test_dry_run_shows_everything_and_does_nothing(small, capsys):
    assert paper_repro.main([*COMMAND, "--dry-run", *small.places]) == 0
    output = capsys.readouterr().out
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
        assert expected in output
    assert not small.out.exists()


def test_list_names_every_figure_with_its_duration(capsys, tmp_path):
    assert paper_repro.main(["list", "--out", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    for name in registry.FIGURES:
        assert name in output
    assert output.count(" min") >= 2 * len(registry.FIGURES)
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
        output = capsys.readouterr().out
        assert all(f"{name}, preset {preset}" in output for name in ("fig3", "fig4", "fig5"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["fig4"], ("--preset", "--world", "--seeds", "--device", "--out", "--resume", "--dry-run", "--slurm")),
        (["list"], ("--device", "--workers", "--out", "--experiments")),
        (["generator"], ("--preset", "--device", "--out", "--resume", "--dry-run")),
        (["throughput"], ("--set", "--seconds", "--modes", "--random-weights")),
        (["flops"], ("--markdown",)),
        (["errata"], ("misprints",)),
        (["run"], ("--set", "--device", "--out", "--tensorboard", "--dry-run", "accelerate launch")),
        (["pool"], ("--row", "--columns", "--out")),
        (["verify"], ("--device", "--out")),
    ],
)
def test_help_describes_the_options_and_exits_with_0(command, expected, capsys):
    with pytest.raises(SystemExit) as done:
        paper_repro.main([*command, "--help"])
    assert done.value.code in (0, None)
    output = capsys.readouterr().out
    assert [name for name in expected if name not in output] == []


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"torch", "numpy", "matplotlib"}),
        (["list"], {"torch", "diffusers", "timm", "sklearn", "matplotlib"}),
    ],
)
def test_help_and_list_load_no_heavy_library(arguments, heavy, tmp_path):
    """Both answer at once, since they import none of the libraries that take seconds to load."""
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
        (["fig99"], "fig4, fig1, table4"),
        (["fig4", "list"], "list"),
        (["fig4", "run"], "run"),
        (["fig4", "--seeds", "1"], "--seeds"),
        (["fig4", "--seeds", "-2"], "--seeds"),
        (["fig4", "--learner", "resnet"], "resnet"),
        (["generator", "linear"], "generator"),
        (["fig2", "--world", "cifar10"], "--world"),
        (["fig3", "--world", "moons"], "--world"),
        (["fig4", "--experiments", "nowhere"], "nowhere"),
    ],
)
def test_bad_arguments_are_refused_with_what_is_allowed(refused, tmp_path, arguments, named):
    assert named in refused(*arguments, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["fig3", "--preset", "huge"], "--preset"),
        (["fig3", "--colour"], "--colour"),
        (["fig3", "--seeds", "two"], "--seeds"),
        (["fig3", "--seeds"], "--seeds"),
        (["fig3", "--workers", "x"], "--workers"),
        (["list", "--colour"], "--colour"),
        (["generator"], "generator"),
        (["generator", "digits", "glyphs"], "glyphs"),
        (["run"], "recipe"),
    ],
)
def test_unknown_flags_and_values_end_with_2(arguments, named, capsys):
    with pytest.raises(SystemExit) as refusal:
        paper_repro.main(arguments)
    assert refusal.value.code == 2
    output = capsys.readouterr()
    assert named in (output.err + output.out).lower()
    assert "Traceback" not in output.err


def test_impossible_devices_workers_and_folders_are_refused(small, refused):
    assert "--device" in refused(*COMMAND, "--device", "abacus", *small.places)
    assert "--device" in refused(*COMMAND, "--device", "cuda:99", *small.places)
    assert "--workers" in refused(*COMMAND[:-1], "-1", *small.places)
    assert not small.out.exists()


@pytest.mark.parametrize("target", ["fig3", "fig4"])
def test_an_unwritable_folder_is_refused(small, capsys, tmp_path, target, monkeypatch):
    """A file in place of the folder is refused, for theory and for training runs."""
    (tmp_path / "file").write_text("")
    if target == "fig3":
        monkeypatch.setattr(fig3, "FIGURE", replace(fig3.FIGURE, compute=lambda _: [], settings=NoSettings))
        empty = "# Figure 3: none.\ncompute_s = { quick = 1 }\n[presets.quick]\n"
        (small.folder / "fig3.toml").write_text(empty)
    places = ["--experiments", str(small.folder), "--out", str(tmp_path / "file")]
    assert paper_repro.main([target, "--preset", "quick", *places]) == 2
    output = capsys.readouterr().err
    assert str(tmp_path / "file") in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    "damage", ["[world\n", WORLD.format(iterations=-3, steps=8), "world = 3\n[throughput]\nimages={}\niterations={}"]
)
def test_damaged_experiments_are_refused(small, refused, damage):
    (small.folder / "worlds" / "linear.toml").write_text(damage)
    refused(*COMMAND, *small.places)
    assert not small.out.exists()
