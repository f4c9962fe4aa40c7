"""Files are whole or absent; damaged ones are refused."""

import errno
import os

import pytest
import torch
from support.errors import complains

from empirical.system import files as files_module
from empirical.system.files import link_tree, read_json, read_signed, write_bytes, write_json, write_signed
from empirical.system.tensors import load_tensors, save_tensors


def test_tensors_come_back_equal(tmp_path):
    tensors = {
        "b": torch.randn(3, 2),
        "a": torch.arange(4),
        "none": torch.zeros(0, 2),
        "half": torch.ones(2, 3).double().T,
    }
    save_tensors(tmp_path / "x.safetensors", tensors, {"k": [1, None, -float("inf")]})
    loaded, values = load_tensors(tmp_path / "x.safetensors", "")
    assert values == {"k": [1, None, -float("inf")]}
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


def test_every_flipped_byte_and_every_cut_of_a_tensor_file_is_noticed(tmp_path):
    """Damage every part of the file: length, header with the plain values, tensors."""
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"w": torch.arange(3.0), "n": torch.arange(2)}, {"step": 12, "corpus": [0, 1000]})
    whole = path.read_bytes()
    before = load_tensors(path, "")
    for i in range(len(whole)):
        for damaged in (whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :], whole[:i]):
            path.write_bytes(damaged)
            try:
                loaded, values = load_tensors(path, do="do this")
            except files_module.InputError as error:
                message = str(error)
                assert message.startswith(f"{path}: got ")
                assert message.endswith("; do this")
            else:  # harmless, such as padding of the header
                assert values == before[1], i
                assert all(torch.equal(loaded[name], before[0][name]) for name in before[0]), i
    path.unlink()
    with complains(path):
        load_tensors(path, "write it")


def test_json_comes_back_and_damage_is_named(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": [1, 2.5]})
    assert read_json(path) == {"a": [1, 2.5]}
    for damage in (b"", b'{"a": [1', b"\xff\xfe"):
        path.write_bytes(damage)
        with complains(path):
            read_json(path)


def test_every_flipped_byte_and_every_cut_of_a_signed_file_is_noticed(tmp_path):
    """Some damages leave valid JSON: another digit, another letter of a name."""
    path, values = tmp_path / "x.json", {"a": [1, 2.5, None, "hm"], "b": {"rows": 3}}
    write_signed(path, values)
    assert read_signed(path, "") == values
    whole, harmless, messages = path.read_bytes(), [], []
    for i in range(len(whole)):
        for damaged in (whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :], whole[:i]):
            path.write_bytes(damaged)
            try:
                assert read_signed(path, "do this") == values, i
                harmless.append(whole[i : i + 1])
            except files_module.InputError as error:
                messages.append(str(error))
    assert all(text.startswith(f"{path}: got ") and text.endswith("; do this") for text in messages)
    assert set(harmless) <= {b"\n", b" "}
    path.unlink()
    with complains(path):
        read_signed(path, "write it")


def failing(error, after=0):
    """Make a stand-in for a system call that works `after` times, then fails like a full disk."""
    calls = iter(range(after))

    def call(*_):
        if next(calls, None) is None:
            raise OSError(error, os.strerror(error))

    return call


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, call):
    path = tmp_path / "x.json"
    write_json(path, "old")
    with monkeypatch.context() as patch:
        patch.setattr(files_module.os if call == "fsync" else files_module.Path, call, failing(errno.ENOSPC))
        with complains(path) as caught:
            write_json(path, "new")
    assert "No space left" in str(caught.value)
    assert "then rerun" in str(caught.value)
    assert read_json(path) == "old"
    assert os.listdir(tmp_path) == ["x.json"]


def test_writing_under_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with complains(tmp_path / "file"):
        write_bytes(tmp_path / "file" / "x", b"")


def test_linked_folders_share_files_or_copy_and_keep_the_first(tmp_path, monkeypatch):
    source = tmp_path / "source"
    write_bytes(source / "pool" / "a", b"1")
    link_tree(source, tmp_path / "linked")
    assert (tmp_path / "linked" / "pool" / "a").samefile(source / "pool" / "a")
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    link_tree(source, tmp_path / "copied")
    assert (tmp_path / "copied" / "pool" / "a").read_bytes() == b"1"
    write_bytes(source / "pool" / "a", b"2")
    assert (tmp_path / "linked" / "pool" / "a").read_bytes() == b"1"  # files are replaced, never changed in place
    link_tree(source, tmp_path / "linked")
    assert (tmp_path / "linked" / "pool" / "a").read_bytes() == b"1"
    assert sorted(os.listdir(tmp_path)) == ["copied", "linked", "source"]
