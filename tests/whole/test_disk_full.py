"""A full disk is reported with what to do, loses nothing, and the run goes on once there is space."""

import errno
import os
import shutil
import subprocess
import sys

import pytest
from support.errors import complains
from support.runs import folder_of, outcome, tiny

from empirical.runs.execute import execute
from empirical.system.errors import InputError

SAID = "got 'No space left on device'; allowed a writable folder"
SHARE = frozenset({1, 2})


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_after(writes, monkeypatch):
    """Let the disk take some more writes and then be full, for file contents and for links."""
    left, fsync = [writes], os.fsync

    def sync(descriptor):
        left[0] -= 1
        if left[0] < 0:
            full()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    if writes == 0:
        monkeypatch.setattr(os, "link", full)
        monkeypatch.setattr(shutil, "copy2", full)


def test_a_disk_that_fills_up_at_any_write_loses_nothing(tmp_path, monkeypatch, undisturbed):
    """Fill the disk from write 0, 1, 2, ... on: each message says so, and the next attempt gets further."""
    run, messages = tiny("linear"), []
    for writes in range(60):
        with monkeypatch.context() as patch:
            full_after(writes, patch)
            try:
                execute(run, tmp_path, share_before=SHARE)
                break
            except InputError as error:
                messages.append(str(error))
    else:
        pytest.fail("the run never ended")
    assert len(messages) == writes > 4
    assert all(f"{SAID} with free space; free space" in text for text in messages)
    assert not [path for path in tmp_path.rglob(".*.[0-9]*") if path.name != ".lock"]
    assert outcome(run, tmp_path) == undisturbed("linear")


@pytest.mark.parametrize("call", ["link", "mkdir"])
def test_a_disk_that_is_full_when_states_are_shared_loses_nothing(tmp_path, monkeypatch, undisturbed, call):
    run, real = tiny("linear"), getattr(os, call)

    def sometimes(*arguments, **keywords):
        if "prefix" in str(arguments[0 if call == "mkdir" else 1]):
            full()
        return real(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, sometimes)
        if call == "link":
            patch.setattr(shutil, "copy2", sometimes)
        with complains("prefix") as caught:
            execute(run, tmp_path, share_before=frozenset({1}))
    assert "No space left on device" in str(caught.value)
    assert outcome(run, tmp_path) == undisturbed("linear")


def test_a_run_without_hard_links_keeps_no_second_checkpoint_and_ends_the_same(tmp_path, monkeypatch, undisturbed):
    """Beginnings are copied where there are no hard links, as on some network file systems."""
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
    run = tiny("linear")
    execute(run, tmp_path, share_before=SHARE)
    assert outcome(run, tmp_path) == undisturbed("linear")
    assert not list(tmp_path.rglob("checkpoint.previous*"))
    assert not [path for path in tmp_path.rglob(".*.[0-9]*")]


def test_a_recovery_on_a_full_disk_says_so_and_loses_nothing(tmp_path, monkeypatch, undisturbed):
    """A damaged checkpoint that cannot be set aside raises an InputError, not a bare OSError."""
    run = tiny("linear")
    execute(run, tmp_path)
    folder = folder_of(run, tmp_path)
    (folder / "result.json").unlink()
    (folder / "checkpoint.safetensors").write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError) as caught:
            execute(run, tmp_path)
    assert "No space left on device" in str(caught.value)
    assert outcome(run, tmp_path) == undisturbed("linear")


@pytest.fixture
def small(tmp_path):
    """Mount a real file system of 3 MiB."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root on Linux to mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(("world", "step"), [("linear", 4), ("digits", 64)])
def test_a_really_full_file_system_is_reported_and_recovered_from(small, undisturbed, world, step):
    """Every attempt has `step` KiB more than the one before; each says why it stopped, the first ones at once."""
    run, messages = tiny(world), []
    for room in range(0, 100 * step, step):
        (small / "ballast").unlink(missing_ok=True)
        free = shutil.disk_usage(small).free
        (small / "ballast").write_bytes(b"0" * max(0, free - 1024 * room))
        try:
            execute(run, small, share_before=SHARE)
            break
        except InputError as error:
            messages.append(str(error))
    early = [text for text in messages if "GB that are free" in text]  # refused before anything is made
    assert 1 <= len(early) <= 3
    assert messages[: len(early)] == early
    assert len(messages) - len(early) > 3
    assert len(messages) > 5
    assert all(SAID in text for text in messages[len(early) :])
    (small / "ballast").unlink()
    assert outcome(run, small) == undisturbed(world)
    assert not [path for path in small.rglob(".*.[0-9]*")]
