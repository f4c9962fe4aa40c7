"""Run directories in use, in the way or damaged are refused by name, or survived with a message."""

import fcntl
import itertools
import json
import logging
import os
import shutil

import pytest
from support.errors import complains
from support.processes import in_child
from support.runs import folder_of, outcome, tiny

from empirical.config import new_learner
from empirical.runs import execute as run_module
from empirical.runs.execute import execute
from empirical.runs.folder import prefix_name
from empirical.system import files as checkpoint
from empirical.system.errors import InputError
from empirical.system.tensors import load_tensors


def test_a_second_process_on_a_run_directory_is_refused(tmp_path, undisturbed):
    run = tiny("linear")
    folder = folder_of(run, tmp_path)
    folder.mkdir(parents=True)
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with (folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(ready[1], b"1")
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    with complains(folder) as caught:
        execute(run, tmp_path)
    assert "in use by another process" in str(caught.value)
    os.kill(child, 9)  # the lock goes with its process
    os.waitpid(child, 0)
    assert outcome(run, tmp_path) == undisturbed("linear")


def test_two_attempts_at_the_same_run_do_not_disturb_each_other(tmp_path, undisturbed):
    """The second attempt is refused during the first, which ends as if alone."""
    run, refused = tiny("linear"), []

    def observe(event):
        if event.kind == "added":
            with complains(folder_of(run, tmp_path)) as caught:
                execute(run, tmp_path)
            refused.append("in use by another process" in str(caught.value))

    execute(run, tmp_path, observe=observe)
    assert refused == [True] * 3
    assert outcome(run, tmp_path) == undisturbed("linear")


@pytest.fixture
def half_done(tmp_path):
    """Stop a run just before its result is written, and return its folder."""

    def make(world="linear", **changes):
        run = tiny(world, **changes)

        def dies():
            run_module.write_result = lambda *_: os._exit(7)
            execute(run, tmp_path, share_before=frozenset({1}))

        assert in_child(dies) == 7
        return folder_of(run, tmp_path)

    return make


def flip(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGE = {"flipped": flip, "truncated": lambda data: data[: len(data) // 2], "emptied": lambda _: b""}


FILES = ["pool/round_0000-*.parquet", "pool/round_0001-*.parquet", "pool/round_0001.json", "config.json"]


@pytest.mark.parametrize(("name", "damage"), [("metrics.jsonl", "emptied"), *itertools.product(FILES, DAMAGE)])
def test_a_damaged_run_is_refused_and_deleting_it_helps(half_done, tmp_path, undisturbed, name, damage):
    """The damaged file stays as it is; after deleting a folder, as the message says, and rerunning, all is well."""
    run, folder = tiny("linear"), half_done()
    (path,) = folder.glob(name)
    data = DAMAGE[damage](path.read_bytes())
    path.write_bytes(data)
    with complains(path) as caught:
        execute(run, tmp_path)
    assert f"delete {folder} and rerun" in str(caught.value)
    assert path.read_bytes() == data
    for _ in range(2):  # a pool shard is shared with the kept beginning, which then complains for itself
        try:
            assert outcome(run, tmp_path) == undisturbed("linear")
            break
        except InputError as error:
            told = str(error).rpartition("delete ")[2].removesuffix(" and rerun")
            assert told.startswith(str(tmp_path / "linear"))
            shutil.rmtree(told)
    else:
        assert outcome(run, tmp_path) == undisturbed("linear")


@pytest.mark.parametrize(
    ("world", "damage"), [("digits", "flipped"), *itertools.product(["linear"], [*DAMAGE, "other"])]
)
def test_a_damaged_checkpoint_is_survived_through_the_one_before(
    half_done, tmp_path, undisturbed, caplog, world, damage
):
    """Log and journal report the damage, the file is set aside, the end is the same. `other`: another kind of file."""
    run, folder = tiny(world), half_done(world)
    current, previous = folder / "checkpoint.safetensors", folder / "checkpoint.previous.safetensors"
    at = load_tensors(previous, "")[1]["step"]
    assert at < load_tensors(current, "")[1]["step"] == run.training.iterations
    data = b"not at all" * 99 if damage == "other" else DAMAGE[damage](current.read_bytes())
    current.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert outcome(run, tmp_path) == undisturbed(world)
    (record,) = caplog.records
    assert str(current) in record.getMessage()
    assert f"the checkpoint before it is used, at step {at}" in record.getMessage()
    journal = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in journal] == ["started", "recovered", "resumed"]
    assert [entry["step"] for entry in journal[1:]] == [at, at]
    assert str(current) in journal[1]["damage"]
    assert (folder / "checkpoint.damaged.safetensors").read_bytes() == data
    assert [path.name for path in folder.glob(".*")] == [".lock"]


@pytest.mark.parametrize("line", [0, -1])
def test_damaged_metrics_are_survived_only_where_the_checkpoint_before_does_not_count_them(
    half_done, tmp_path, undisturbed, caplog, line
):
    run, folder = tiny("linear"), half_done()
    metrics = folder / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True)
    lines[line] = lines[line].replace("e", "a", 1)
    metrics.write_text("".join(lines))
    if line == 0:
        with complains(metrics):
            execute(run, tmp_path)
    else:
        assert outcome(run, tmp_path) == undisturbed("linear")
        assert str(metrics) in caplog.text


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_two_damaged_checkpoints_are_refused(half_done, tmp_path, damage):
    run, folder = tiny("linear"), half_done()
    both = [folder / f"checkpoint{kind}.safetensors" for kind in ("", ".previous")]
    for path in both:
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with complains(both[0]) as caught:
        execute(run, tmp_path)
    assert f"delete {folder} and rerun" in str(caught.value)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("moves", [1, 2, 3])
def test_a_recovery_that_is_killed_is_gone_on_with(half_done, tmp_path, undisturbed, monkeypatch, moves):
    """Kill the recovery after some moves and links of files; the whole checkpoint stays, so no run starts over."""
    run, folder = tiny("linear"), half_done()
    (folder / "checkpoint.safetensors").write_bytes(b"")
    expected = load_tensors(folder / "checkpoint.previous.safetensors", "")[1]["step"]

    def dies():
        left = moves

        def dying(call):
            def move(*arguments):
                nonlocal left
                call(*arguments)
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), 9)

            return move

        checkpoint.Path.replace, os.link = dying(checkpoint.Path.replace), dying(os.link)
        execute(run, tmp_path)

    assert in_child(dies) == -9
    steps, make = [], run_module.State.__init__

    def spying(self, *arguments):
        make(self, *arguments)
        steps.append(self.progress.step)

    monkeypatch.setattr(run_module.State, "__init__", spying)
    assert outcome(run, tmp_path) == undisturbed("linear")
    assert steps[0] >= expected > 0


def test_a_changed_configuration_is_refused_and_the_difference_shown(half_done, tmp_path):
    run, folder = tiny("linear"), half_done()
    path = folder / "config.json"
    values = json.loads(path.read_text())
    values["growth"]["patience"], values["acquire"]["omega"] = 7, 0.5
    del values["training"]["ema_decay"]
    path.write_text(json.dumps(values))
    with complains(path) as caught:
        execute(run, tmp_path)
    message = str(caught.value)
    assert "acquire.omega = 0.5, not 0.01, growth.patience = 7, not 1, training.ema_decay = None, not 0.99" in message
    assert f"delete {folder} and rerun" in message


@pytest.mark.parametrize(("world", "damage"), [("digits", "digit"), *itertools.product(["linear"], [*DAMAGE, "digit"])])
def test_a_damaged_result_is_refused_and_made_again_from_the_last_state(
    undisturbed, tmp_path, monkeypatch, world, damage
):
    """A result that is valid JSON with another digit is refused, too; it is made again without any training."""
    run = tiny(world)
    accuracy = str(execute(run, tmp_path).accuracy)
    path = folder_of(run, tmp_path) / "result.json"
    changed = accuracy[:-1] + str((int(accuracy[-1]) + 1) % 10)
    digit = path.read_bytes().replace(accuracy.encode(), changed.encode())
    path.write_bytes(digit if damage == "digit" else DAMAGE[damage](path.read_bytes()))
    with complains(path) as caught:
        execute(run, tmp_path)
    assert f"delete {path} and rerun" in str(caught.value)
    path.unlink()
    expected = undisturbed(world)
    learner = type(new_learner(run, "cpu"))
    monkeypatch.setattr(learner, "fit", lambda *_: pytest.fail("trained again"))
    assert outcome(run, tmp_path) == expected


@pytest.mark.parametrize(
    "name", ["checkpoint.safetensors", "pool/round_0000-*.parquet", "pool/round_0000.json", "metrics.jsonl"]
)
def test_a_damaged_shared_beginning_is_refused_by_its_own_name(tmp_path, name):
    run = tiny("linear")
    execute(run, tmp_path, share_before=frozenset({1}))
    shared = tmp_path / "linear" / prefix_name(run, 0)
    (path,) = shared.glob(name)
    path.write_bytes(flip(path.read_bytes()))
    with complains(path) as caught:
        execute(tiny("linear", **{"acquire.omega": 0.02}), tmp_path)
    assert f"delete {shared} and rerun" in str(caught.value)


def test_lost_metrics_are_noticed(half_done, tmp_path):
    folder = half_done()
    (folder / "metrics.jsonl").unlink()
    with complains("metrics.jsonl"):
        execute(tiny("linear"), tmp_path)


def test_an_unwritable_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with complains(tmp_path / "file"):
        execute(tiny("linear"), tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with complains(tmp_path):
        execute(tiny("linear"), tmp_path / "new")
