"""Stray and damaged files, places that cannot be written, and options out of range: a message, never a traceback."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from support.runs import folder_of, tiny
from support.small_experiments import COMMAND, WORLD, start

import paper_repro
from cli import flops, throughput
from cli.recorded import find
from empirical.runs.execute import execute

DAMAGES = ("{}", "[]", "3", "null", '{"world": 3}', '{"world": {"name": "moons"}}', "{", "[" * 100_000, b"\xff")


def write(path, contents):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())


@pytest.fixture
def recipe(tmp_path):
    """A recipe of a tiny run of the linear world."""
    path = tmp_path / "recipe.toml"
    path.write_text(WORLD.format(iterations=12, steps=8))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run."""
    root = tmp_path_factory.mktemp("finished") / "runs"
    execute(tiny("linear"), root)
    return folder_of(tiny("linear"), root)


# Run folders


@pytest.mark.parametrize("config", DAMAGES, ids=range(len(DAMAGES)))
def test_a_stray_run_folder_is_left_out_and_named_once(tmp_path, capsys, config):
    table = tmp_path / "experiments" / "table2.toml"
    write(table, WORLD.format(iterations=12, steps=8) + "[lines]\none = {}\n")
    folder = tmp_path / "runs" / "linear" / "stray"
    write(folder / "config.json", config)
    for _ in range(2):
        assert find(["table2"], tmp_path / "experiments", tmp_path / "runs").records == []
    message = capsys.readouterr().err
    assert message.count(f"{folder} is left out: ") == 1
    assert message.count("\n") == 1


@pytest.mark.parametrize("manifest", ["{}", "[]", "3", "{", None], ids=str)
def test_a_pool_is_shown_whatever_the_manifest_of_its_run(finished, tmp_path, capsys, manifest):
    folder = tmp_path / "runs" / "linear" / finished.name
    shutil.copytree(finished, folder)
    (folder / "manifest.json").unlink()
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest)
    assert paper_repro.main(["pool", str(folder), "--out", str(tmp_path)]) == 0
    assert "bit-identical" in capsys.readouterr().out


@pytest.mark.parametrize("config", DAMAGES, ids=range(len(DAMAGES)))
def test_a_pool_of_a_damaged_configuration_is_refused(tmp_path, refused, config):
    write(tmp_path / "run" / "config.json", config)
    refused("pool", tmp_path / "run", "--out", tmp_path / "out")


# Files and folders


def test_recipes_that_are_no_readable_file_are_refused(tmp_path, refused):
    (tmp_path / "latin.toml").write_bytes("# Größe\n".encode("latin-1"))
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "file").write_text("")
    names = [tmp_path / name for name in ("latin.toml", "folder.toml", "file/recipe.toml", "x" * 300, "a\0b")]
    for name in names:
        for command in ("run", "throughput"):
            assert "an existing TOML file in UTF-8" in refused(command, name, "--out", tmp_path / "out")
    for command in ("pool", "verify"):
        refused(command, "x" * 300, "--out", tmp_path / "out")
    assert "partition" not in refused("fig4", "--experiments", tmp_path / "file", "--out", tmp_path / "out")


def test_a_list_of_experiments_that_are_nowhere_is_refused(tmp_path, refused):
    assert "nowhere" in refused("list", "--experiments", "nowhere", "--out", tmp_path)


def test_unwritable_targets_are_refused_before_anything_is_measured(recipe, tmp_path, refused, monkeypatch):
    def measured(*_, **__):
        raise AssertionError("measured, though the target cannot be written")

    monkeypatch.setattr(flops, "count", measured)
    monkeypatch.setattr(throughput, "measurements", measured)
    (tmp_path / "file").write_text("")
    for target in (tmp_path, tmp_path / "file" / "page.md", tmp_path / ("x" * 300)):
        assert str(target.parent) in refused("flops", "--markdown", target)
    assert str(tmp_path / "file") in refused("throughput", recipe, "--out", tmp_path / "file")
    assert not list(tmp_path.glob(".*"))


def test_an_error_of_the_system_has_the_form(monkeypatch, refused):
    def full(_):
        raise OSError(24, "Too many open files", "a.json")

    monkeypatch.setattr("cli.door.enter", full)
    assert "a.json: got 'Too many open files'" in refused("list")


# Options


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["fig4", "--workers", "-2", "--dry-run"], "--workers"),
        (["fig3", "--workers", "-2"], "--workers"),
        (["list", "--workers", "-2"], "--workers"),
        (["fig4", "--slurm-minutes", "-1"], "--slurm-minutes"),
        (["fig4", "--seeds", "-1"], "--seeds"),
        (["fig4", "--seeds", "1"], "--seeds"),
        (["fig4", "--seeds", "3000000000"], "--seeds"),
        (["fig3", "--world", "linear"], "fig3: --world"),
        (["table1", "--world", "digits"], "table1: --world"),
        (["pool", "run", "--row", "-5"], "--row"),
        (["pool", "run", "--row", "-1"], "--row"),
        (["pool", "run", "--columns", "-1"], "--columns"),
        (["throughput", "worlds/linear.toml", "--images", "-5"], "--images"),
        (["throughput", "worlds/linear.toml", "--seconds", "nan"], "seconds"),
        (["throughput", "worlds/linear.toml", "--ranks", "-1"], "ranks"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path, refused, arguments, named):
    assert named in refused(*arguments, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("seed=" + "9" * 400, "seed"),
        ("training.lr=" + "9" * 400, "training.lr"),
        ("acquire.interval=[0, " + "9" * 400 + "]", "acquire.interval"),
        ("world.dimension=" + "9" * 400, "dimension"),
        ("world.name=[1]", "world.name"),
        ("world.dimension=[[1], [2]]", "dimension"),
        ("world.dimension={ a = 1 }", "dimension"),
        ("seed=" + "[" * 3000 + "]" * 3000, "--set"),
        ("a." * 5000 + "a=1", "run.a"),
        ("growth=3", "growth"),
        ("growth.initial.size=3", "growth.initial.size"),
    ],
    ids=lambda text: text[:30],
)
def test_settings_beyond_reason_are_refused(recipe, tmp_path, refused, setting, named):
    assert named in refused("run", recipe, "--set", setting, "--dry-run", "--out", tmp_path / "out")


def test_a_share_below_one_validation_image_is_refused_by_the_run(recipe, tmp_path, refused):
    settings = ["--set", "growth.validation_share=1e-300", "--out", tmp_path / "out"]
    assert "growth.validation_share" in refused("run", recipe, *settings)


def test_nesting_beyond_reason_in_a_file_is_refused(recipe, tmp_path, refused):
    whole = recipe.read_text()
    for line, named in (("seed = " + "[" * 3000 + "]" * 3000, "recipe.toml"), ("a." * 5000 + "a = 1", "run.a")):
        recipe.write_text(f"{line}\n{whole}")
        assert named in refused("run", recipe, "--dry-run", "--out", tmp_path / "out")


# Output and signals


def test_nobody_reads_the_output_any_more(tmp_path):
    """As with `| head -1`: quiet, and 141 as a shell reports SIGPIPE."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, paper_repro.__file__]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(closed, tmp_path):
    command = f'"{sys.executable}" "{paper_repro.__file__}" --help {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_while_libraries_load_is_quiet(small):
    process = start(*COMMAND, *small.places)
    time.sleep(0.15)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode in (130, -signal.SIGINT)  # the second: before the first line of the program


def test_a_manifest_as_written_names_the_device(finished):
    """The counterpart of the damaged ones above: `pool` reads the device of the run from it."""
    assert json.loads((finished / "manifest.json").read_text())["hardware"]["device"] == "cpu"
