"""--no-resume deletes runs and all they share, but nothing while another process uses a folder of their world."""

import shutil

import pytest
from support.errors import complains
from support.runs import folder_of, tiny

from cli.forget import forget
from empirical.runs.execute import execute
from empirical.runs.folder import unused, used
from empirical.system.files import sweep_temporaries


@pytest.fixture
def finished(tmp_path):
    """Two finished runs of different seeds under a root."""
    runs = [tiny("linear", seed=seed) for seed in (0, 1)]
    for run in runs:
        execute(run, tmp_path, share_before=frozenset({1}))
    return runs


def tree(folder):
    """All paths under a folder but its locks."""
    return sorted(path for path in folder.rglob("*") if path.name != ".lock")


def test_all_that_a_run_leaves_and_shares_is_deleted_and_no_more(finished, tmp_path):
    other = {path for path in tree(folder_of(finished[1], tmp_path))}
    (tmp_path / "linear" / ".prefix-0123.4242").mkdir()  # of a killed process
    forget(finished[:1], tmp_path, "cpu")
    left = tree(tmp_path)
    assert other <= set(left)
    assert not folder_of(finished[0], tmp_path).exists()
    assert not list(tmp_path.rglob("seed_0000"))
    assert not list(tmp_path.rglob(".prefix-*"))
    assert list(tmp_path.rglob("seed_0001"))
    assert len(list((tmp_path / "linear").glob("prefix-*"))) == 1  # that of the other seed


def test_nothing_is_deleted_while_another_run_uses_the_shared_files(finished, tmp_path):
    before = tree(tmp_path)
    with used(tmp_path / "linear"), complains(tmp_path / "linear"):
        forget(finished, tmp_path, "cpu")
    assert tree(tmp_path) == before


def test_no_run_starts_while_shared_files_are_deleted(tmp_path):
    run = tiny("linear")
    with unused(tmp_path / "linear"), complains(tmp_path / "linear"):
        execute(run, tmp_path)
    with used(tmp_path / "linear"):  # several runs use them at once
        execute(run, tmp_path)


def test_temporaries_of_killed_processes_go_when_a_run_is_resumed(tmp_path):
    run = tiny("linear")
    folder = folder_of(run, tmp_path)
    execute(run, tmp_path)
    (folder / "result.json").unlink()
    left = [folder / ".metrics.jsonl.99", folder / "pool" / ".round_0001.json.99", folder / ".previous.99"]
    for path in left:
        path.write_text("half a fi")
    shutil.copytree(folder / "pool", folder / ".pool.99")
    execute(run, tmp_path)
    assert not [path for path in folder.rglob(".*") if path.name != ".lock"]


def test_other_hidden_files_stay(tmp_path):
    for name in (".lock", ".notes", ".a.b"):
        (tmp_path / name).write_text("")
    (tmp_path / ".a.123").write_text("")
    sweep_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.b", ".lock", ".notes"]
