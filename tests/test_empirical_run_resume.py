"""Runs on disk: killed anywhere they go on as if nothing had happened; what is damaged or in the way is refused."""

import errno
import fcntl
import json
import os
import random
import shutil
import subprocess

import pytest

from empirical import checkpoint
from empirical import run as run_module
from empirical.config import to_dict
from empirical.run import execute, prefix_name


@pytest.fixture(scope="module")
def undisturbed(tiny, outcome, tmp_path_factory):
    """The outcome of a tiny run nobody touches, by world and changed settings; each is made once."""
    root, made = tmp_path_factory.mktemp("undisturbed"), {}

    def get(world, **changes):
        key = (world, *sorted(changes.items()))
        if key not in made:
            made[key] = outcome(tiny(world, **changes), root)
        return made[key]

    return get


def test_a_run_leaves_all_that_is_promised(tiny, outcome, folder_of, tmp_path):
    run = tiny("digits")
    result, metrics, pool = outcome(run, tmp_path)
    folder = folder_of(run, tmp_path)
    assert json.loads((folder / "config.json").read_text()) == json.loads(json.dumps(to_dict(run)))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest) == {"versions", "git_revision", "hardware", "started"}
    assert {"torch", "diffusers", "timm", "python"} <= set(manifest["versions"])
    events = [json.loads(line) for line in metrics.splitlines()]
    assert [e["event"] for e in events].count("evaluated") == 12
    assert len(pool) == 3
    assert (result["pool_size"], result["cost"]["images"], result["cost"]["learner_steps"]) == (36, 36, 24)
    assert result["cost"]["denoiser_calls"] == 36 * 4 * 2
    assert result["cost"]["guided_steps"] == 24 * 4
    assert len(result["correct"]) == 597
    assert result["accuracy"] == pytest.approx(result["correct"].count("1") / 597)
    assert result["accuracy_validation"] == events[-1]["accuracy_validation"]
    assert result["alignment"] is None
    assert -1 <= outcome(tiny("linear"), tmp_path)[0]["alignment"] <= 1


def test_a_finished_run_is_only_read(tiny, tmp_path, folder_of):
    run = tiny("linear")
    first = execute(run, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder_of(run, tmp_path).rglob("*")}
    assert json.dumps(execute(run, tmp_path)) == json.dumps(first)
    assert before == {path: path.stat().st_mtime_ns for path in folder_of(run, tmp_path).rglob("*")}


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_equal_runs_are_equal_and_other_seeds_are_not(tiny, outcome, undisturbed, tmp_path, world):
    assert outcome(tiny(world), tmp_path) == undisturbed(world)
    assert outcome(tiny(world, seed=1), tmp_path)[2] != undisturbed(world)[2]


@pytest.mark.parametrize("world", ["linear", "digits"])
@pytest.mark.parametrize("control", [{}, {"acquire.direction": "random"}, {"acquire.omega": 0.0, "acquire.ratio": 3}])
def test_a_branch_of_a_shared_beginning_equals_the_run_from_scratch(
    tiny, outcome, undisturbed, tmp_path, world, control
):
    """A longer run keeps its states before both additions; shorter and different runs start from them."""
    longer = tiny(world, **control)
    execute(longer, tmp_path, share_before=frozenset({1, 2}))
    shared = [tmp_path / world / prefix_name(longer, additions) for additions in (0, 1)]
    assert all(path.is_dir() for path in shared)
    for additions in (1, 0):
        branch = {**control, "growth.additions": additions}
        assert outcome(tiny(world, **branch), tmp_path) == undisturbed(world, **branch)
    other = {**control, "acquire.replace": True}  # differs in the additions: only the first state is common
    assert outcome(tiny(world, **other), tmp_path) == undisturbed(world, **other)
    assert outcome(longer, tmp_path) == undisturbed(world, **control)


def test_a_branch_really_starts_late(tiny, tmp_path, monkeypatch):
    """The state of before the first addition holds the initial pool: the branch trains only what follows."""
    run = tiny("digits")
    execute(run, tmp_path, share_before=frozenset({1}))
    before = json.loads((tmp_path / "digits" / prefix_name(run, 0) / "metrics.jsonl").read_text().splitlines()[-1])[
        "step"
    ]
    steps = []
    fit = run_module._State.__init__

    def spying(self, *arguments):
        fit(self, *arguments)
        steps.append(self.progress.step)

    monkeypatch.setattr(run_module._State, "__init__", spying)
    execute(tiny("digits", **{"acquire.omega": 0.1}), tmp_path)
    assert steps == [before]
    assert before > 0


# Killed


def survive(run, root, in_child, kill_after, share):
    """Execute in a child that is killed after some seconds; whether it was."""
    return in_child(lambda: execute(run, root, share_before=share), kill_after) == -9


def assert_kills_leave_no_trace(run, expected, outcome, in_child, root, times, share=frozenset({1, 2})):
    for kill_after in times:
        survive(run, root, in_child, kill_after, share)
    assert in_child(lambda: execute(run, root, share_before=share)) == 0
    assert outcome(run, root) == expected


def test_a_run_killed_at_random_moments_ends_the_same(tiny, outcome, undisturbed, in_child, tmp_path):
    chance = random.Random(0)
    times = [0.005 + 0.05 * chance.random() for _ in range(6)]
    killed = survive(tiny("linear", seed=1), tmp_path, in_child, 0.005, frozenset())
    assert killed, "the kill came too late to test anything"
    assert_kills_leave_no_trace(tiny("linear"), undisturbed("linear"), outcome, in_child, tmp_path, times)


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_a_run_killed_at_every_write_ends_the_same(tiny, outcome, undisturbed, in_child, tmp_path, world):
    """Killed at its first write, then, going on, at its second, ... before and after the file is in place in turn."""
    run = tiny(world)
    replace = checkpoint.Path.replace

    def dying_at(write):
        count = 0

        def replace_and_die(self, target):
            nonlocal count
            count += 1
            if count == write and write % 2:
                os.kill(os.getpid(), 9)
            result = replace(self, target)
            if count == write:
                os.kill(os.getpid(), 9)
            return result

        def work():
            checkpoint.Path.replace = replace_and_die
            execute(run, tmp_path, share_before=frozenset({1, 2}))

        return work

    codes = []
    for write in range(1, 60):
        codes.append(in_child(dying_at(write)))
        if codes[-1] == 0:
            break
    assert codes[:-1] == [-9] * (len(codes) - 1)
    assert len(codes) > 4
    assert outcome(run, tmp_path) == undisturbed(world)


def test_a_digits_run_killed_in_its_middle_ends_the_same(tiny, outcome, undisturbed, in_child, tmp_path):
    assert_kills_leave_no_trace(tiny("digits"), undisturbed("digits"), outcome, in_child, tmp_path, [0.15])


@pytest.mark.slow
@pytest.mark.parametrize("world", ["linear", "digits"])
@pytest.mark.parametrize("chance", range(20))
def test_a_run_killed_at_many_random_moments_ends_the_same(
    tiny, outcome, undisturbed, in_child, tmp_path, world, chance
):
    span, dice = {"linear": 0.1, "digits": 0.6}[world], random.Random(chance)
    times = [0.005 + span * dice.random() for _ in range(8)]
    run = tiny(world, **{"acquire.through": "denoiser"})
    expected = undisturbed(world, **{"acquire.through": "denoiser"})
    assert_kills_leave_no_trace(run, expected, outcome, in_child, tmp_path, times)


def test_a_branch_killed_while_it_copies_its_beginning_ends_the_same(tiny, outcome, undisturbed, in_child, tmp_path):
    execute(tiny("linear"), tmp_path, share_before=frozenset({1}))
    branch = tiny("linear", **{"growth.additions": 1})

    def dies():
        write_bytes = run_module.write_bytes
        run_module.write_bytes = lambda path, data: (write_bytes(path, data), os.kill(os.getpid(), 9))
        execute(branch, tmp_path)

    assert in_child(dies) == -9
    assert outcome(branch, tmp_path) == undisturbed("linear", **{"growth.additions": 1})


# In use, in the way, damaged


def test_a_second_process_on_a_run_directory_is_refused(tiny, folder_of, tmp_path, complains, outcome, undisturbed):
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


def half_done(run, root, in_child):
    """A run stopped just before its result is written."""

    def dies():
        write_json = run_module.write_json
        run_module.write_json = lambda path, values: (
            os._exit(7) if path.name == "result.json" else write_json(path, values)
        )
        execute(run, root, share_before=frozenset({1}))

    assert in_child(dies) == 7


def flip(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGE = {"flipped": flip, "truncated": lambda data: data[: len(data) // 2], "emptied": lambda _: b""}


SHARDS = ("pool/round_0000.safetensors", "pool/round_0001.safetensors")


@pytest.mark.parametrize("damage", list(DAMAGE))
@pytest.mark.parametrize("name", ["checkpoint.safetensors", *SHARDS, "metrics.jsonl", "config.json"])
def test_a_damaged_run_is_refused_and_deleting_it_helps(tiny, in_child, folder_of, tmp_path, complains, outcome,
                                                        undisturbed, name, damage):  # fmt: skip
    """Nothing else is touched; and after doing as told - deleting a folder and rerunning - all is well."""
    run = tiny("linear")
    half_done(run, tmp_path, in_child)
    path = folder_of(run, tmp_path) / name
    data = DAMAGE[damage](path.read_bytes())
    path.write_bytes(data)
    with complains(path) as caught:
        execute(run, tmp_path)
    assert f"delete {folder_of(run, tmp_path)} and rerun" in str(caught.value)
    assert path.read_bytes() == data
    for _ in range(2):  # a pool shard is shared with the kept beginning, which then complains for itself
        try:
            assert outcome(run, tmp_path) == undisturbed("linear")
            break
        except checkpoint.InputError as error:
            told = str(error).rpartition("delete ")[2].removesuffix(" and rerun")
            assert told.startswith(str(tmp_path / "linear"))
            shutil.rmtree(told)
    else:
        assert outcome(run, tmp_path) == undisturbed("linear")


@pytest.mark.parametrize("damage", [*DAMAGE, "digit"])
def test_a_damaged_result_is_refused(tiny, folder_of, tmp_path, complains, damage):
    """Also one that is still valid JSON, with another digit."""
    run = tiny("linear")
    accuracy = str(execute(run, tmp_path)["accuracy"])
    path = folder_of(run, tmp_path) / "result.json"
    changed = accuracy[:-1] + str((int(accuracy[-1]) + 1) % 10)
    digit = path.read_bytes().replace(accuracy.encode(), changed.encode())
    path.write_bytes(digit if damage == "digit" else DAMAGE[damage](path.read_bytes()))
    with complains(path):
        execute(run, tmp_path)


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "pool/round_0000.safetensors", "metrics.jsonl"])
def test_a_damaged_shared_beginning_is_refused_by_its_own_name(tiny, tmp_path, complains, name):
    run = tiny("linear")
    execute(run, tmp_path, share_before=frozenset({1}))
    shared = tmp_path / "linear" / prefix_name(run, 0)
    (shared / name).write_bytes(flip((shared / name).read_bytes()))
    with complains(shared / name) as caught:
        execute(tiny("linear", **{"acquire.omega": 0.02}), tmp_path)
    assert f"delete {shared} and rerun" in str(caught.value)


def test_lost_metrics_are_noticed(tiny, in_child, folder_of, tmp_path, complains):
    run = tiny("linear")
    half_done(run, tmp_path, in_child)
    (folder_of(run, tmp_path) / "metrics.jsonl").unlink()
    with complains("metrics.jsonl"):
        execute(run, tmp_path)


def test_an_unwritable_folder_is_refused(tiny, tmp_path, complains):
    (tmp_path / "file").write_text("")
    with complains(tmp_path / "file"):
        execute(tiny("linear"), tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tiny, tmp_path, complains):
    tmp_path.chmod(0o500)
    with complains(tmp_path):
        execute(tiny("linear"), tmp_path / "new")


def full_after(writes, monkeypatch):
    """A disk that takes some more writes of files and is then full, for file contents and for links."""
    left, fsync = [writes], os.fsync

    def sync(descriptor):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    def link(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", sync)
    if writes == 0:
        monkeypatch.setattr(os, "link", link)
        monkeypatch.setattr(shutil, "copy2", link)


def test_a_disk_that_fills_up_at_any_write_loses_nothing(tiny, tmp_path, monkeypatch, outcome, undisturbed):
    """Full from write 0, 1, 2, ... on; each time the message says so, and the next try goes further."""
    run = tiny("linear")
    for writes in range(60):
        with monkeypatch.context() as patch:
            full_after(writes, patch)
            try:
                execute(run, tmp_path, share_before=frozenset({1, 2}))
                break
            except checkpoint.InputError as error:
                said = str(error)
                assert "got 'No space left on device'; allowed a writable folder with free space; free space" in said
    else:
        pytest.fail("the run never ended")
    assert writes > 4
    assert not [path for path in tmp_path.rglob(".*.[0-9]*") if path.name != ".lock"]
    assert outcome(run, tmp_path) == undisturbed("linear")


@pytest.mark.parametrize("call", ["link", "mkdir"])
def test_a_disk_that_is_full_when_states_are_shared_loses_nothing(tiny, tmp_path, monkeypatch, outcome, undisturbed,
                                                                  complains, call):  # fmt: skip
    run, real = tiny("linear"), getattr(os, call)

    def full(*arguments, **keywords):
        if "prefix" in str(arguments[0 if call == "mkdir" else 1]):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        if call == "link":
            patch.setattr(shutil, "copy2", full)
        with complains("prefix") as caught:
            execute(run, tmp_path, share_before=frozenset({1}))
    assert "No space left on device" in str(caught.value)
    assert outcome(run, tmp_path) == undisturbed("linear")


@pytest.mark.slow
@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="needs root to mount a small file system"
)
def test_a_really_full_file_system_is_reported_and_recovered_from(tiny, tmp_path, outcome, undisturbed, complains):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", small], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        ballast, run = small / "ballast", tiny("digits")
        ballast.write_bytes(b"0" * 300_000)
        with complains(small) as caught:
            execute(run, small, share_before=frozenset({1, 2}))
        assert "No space left on device" in str(caught.value)
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=20m", small], check=True)
        assert outcome(run, small) == undisturbed("digits")
    finally:
        subprocess.run(["umount", small], check=True)
