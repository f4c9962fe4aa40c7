"""Pruning, the growing pool, and files that are whole, absent or refused."""

import errno
import os
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from empirical import checkpoint
from empirical.checkpoint import link_tree, load_tensors, read_json, save_tensors, write_bytes, write_json
from empirical.pool import Pool, Shard
from empirical.prune import hardest
from empirical.sampler import Cost, Samples


def samples_of(first, count):
    """Samples that know their number: every column says it."""
    numbers = torch.arange(first, first + count)
    return Samples(numbers.float().view(-1, 1).repeat(1, 3), numbers % 10, numbers * 7)


def shard_of(round_, first, count, replaces=False, **cost):
    return Shard(samples=samples_of(first, count), entropy=torch.rand(count), round=round_, omega=0.25, step=30,
                 replaces=replaces, cost=Cost(images=count, **cost))  # fmt: skip


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]) | st.floats(0, 3, width=32), min_size=1, max_size=7),
                min_size=1, max_size=6), st.integers(1, 45))  # fmt: skip
def test_hardest_keeps_the_top_of_a_full_sort(blocks, keep):
    """Streamed in blocks of any size, with ties: those a stable sort of all puts first, in order of generation."""
    flat = np.concatenate([np.array(block, dtype=np.float32) for block in blocks])
    expected = np.sort(np.argsort(-flat, kind="stable")[:keep])
    firsts = np.cumsum([0, *map(len, blocks)])
    stream = (
        (samples_of(int(first), len(block)), torch.tensor(block)) for first, block in zip(firsts, blocks, strict=False)
    )
    samples, entropy = hardest(stream, keep)
    assert samples.images[:, 0].tolist() == expected.tolist()
    assert samples.seeds.tolist() == (7 * expected).tolist()
    assert samples.labels.tolist() == (expected % 10).tolist()
    assert entropy.tolist() == flat[expected].tolist()


def test_shards_come_back_equal_with_all_they_record(tmp_path):
    pool = Pool(tmp_path / "pool")
    written = [shard_of(0, 0, 5, sampling_gflop=1.5), shard_of(1, 5, 3)]
    for shard in written:
        pool.append(shard)
    again = Pool(tmp_path / "pool", rounds=2)
    for found, expected in zip(again.shards, written, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(found.samples, expected.samples, strict=True))
        assert torch.equal(found.entropy, expected.entropy)
        rest = ("round", "omega", "step", "replaces", "cost")
        assert [getattr(found, name) for name in rest] == [getattr(expected, name) for name in rest]
    assert torch.equal(again.active.images, pool.active.images)
    assert torch.equal(again.active.labels, pool.active.labels)
    assert again.summary() == pool.summary()
    assert (len(again), again.generated) == (8, 8)


def test_a_written_shard_is_never_rewritten(tmp_path):
    Pool(tmp_path).append(shard_of(0, 0, 5))
    before = (tmp_path / "round_0000.safetensors").read_bytes()
    Pool(tmp_path).append(shard_of(0, 100, 5))
    assert (tmp_path / "round_0000.safetensors").read_bytes() == before


def test_replacing_retires_earlier_rows_but_not_their_cost_or_files(tmp_path):
    pool = Pool(tmp_path)
    for shard in (shard_of(0, 0, 5), shard_of(1, 5, 4, replaces=True), shard_of(2, 9, 2)):
        pool.append(shard)
    for seen in (pool, Pool(tmp_path, rounds=3)):
        assert seen.active.images[:, 0].tolist() == [5, 6, 7, 8, 9, 10]
        assert (len(seen), seen.generated) == (6, 11)
    assert len(list(tmp_path.glob("round_*"))) == 3


def test_an_empty_pool_has_no_rows(tmp_path):
    assert len(Pool(tmp_path)) == 0
    assert Pool(tmp_path).stored() is None


def test_minibatches_are_uniform_over_the_rows(tmp_path, pool_of):
    """A chi-square test over 12,800 draws: it sees a bias of a few per cent in one row of 40."""
    pool = pool_of(samples_of(0, 40), tmp_path)
    counts = Counter(int(row) for step in range(200) for row in pool.batch(3, step, 64)[0][:, 0])
    assert chisquare([counts[row] for row in range(40)]).pvalue > 1e-4


def test_a_minibatch_is_a_function_of_seed_and_step(tmp_path, pool_of):
    pool = pool_of(samples_of(0, 1000), tmp_path)
    seen = {(seed, step): tuple(pool.batch(seed, step, 16)[0][:, 0].tolist()) for seed in range(6) for step in range(6)}
    assert len(set(seen.values())) == 36  # no two alike: neither steps nor seeds share an order
    assert seen[2, 5] == tuple(pool.batch(2, 5, 16)[0][:, 0].tolist())
    images, labels = pool.batch(0, 0, 16)
    assert torch.equal(images[:, 0].long() % 10, labels)


def test_tensors_come_back_equal(tmp_path):
    tensors = {
        "b": torch.randn(3, 2),
        "a": torch.arange(4),
        "none": torch.zeros(0, 2),
        "half": torch.ones(2, 3).double().T,
    }
    save_tensors(tmp_path / "x.safetensors", tensors, {"k": [1, None, -float("inf")]})
    found, values = load_tensors(tmp_path / "x.safetensors", "")
    assert values == {"k": [1, None, -float("inf")]}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_every_flipped_byte_and_every_cut_of_a_tensor_file_is_noticed(tmp_path, complains):
    """All of the file: length, header with the plain values, tensors."""
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"w": torch.arange(3.0), "n": torch.arange(2)}, {"step": 12, "corpus": [0, 1000]})
    whole = path.read_bytes()
    before = load_tensors(path, "")
    for i in range(len(whole)):
        for damaged in (whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :], whole[:i]):
            path.write_bytes(damaged)
            try:
                found, values = load_tensors(path, do="do this")
            except checkpoint.InputError as error:
                said = str(error)
                assert said.startswith(f"{path}: got ")
                assert said.endswith("; do this")
            else:  # padding of the header, say: harmless
                assert values == before[1], i
                assert all(torch.equal(found[name], before[0][name]) for name in before[0]), i
    path.unlink()
    with complains(path):
        load_tensors(path, "write it")


def test_json_comes_back_and_damage_is_named(tmp_path, complains):
    path = tmp_path / "x.json"
    write_json(path, {"a": [1, 2.5]})
    assert read_json(path) == {"a": [1, 2.5]}
    for damage in (b"", b'{"a": [1', b"\xff\xfe"):
        path.write_bytes(damage)
        with complains(path):
            read_json(path)


def failing(error, after=0):
    """Stands in for a system call: fails like a full disk after some calls that work."""
    calls = iter(range(after))

    def call(*_):
        if next(calls, None) is None:
            raise OSError(error, os.strerror(error))

    return call


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, complains, call):
    path = tmp_path / "x.json"
    write_json(path, "old")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os if call == "fsync" else checkpoint.Path, call, failing(errno.ENOSPC))
        with complains(path) as caught:
            write_json(path, "new")
    assert "No space left" in str(caught.value)
    assert "then rerun" in str(caught.value)
    assert read_json(path) == "old"
    assert os.listdir(tmp_path) == ["x.json"]


def test_writing_under_a_file_is_refused(tmp_path, complains):
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
