"""Pruning, and the growing pool: its rows, the active ones among them, and mini-batches of these."""

import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from support.errors import complains
from support.runs import add_round, numbered_samples, pool_of

from empirical.data.images import quantise, values
from empirical.data.split import Split
from empirical.diffusion.cost import Cost
from empirical.diffusion.sampler import Samples
from empirical.loop.selection import largest
from empirical.pool import pool as pool_module
from empirical.pool.parquet import Rows, read
from empirical.pool.pool import Pool
from empirical.pool.writer import SECONDS, covered
from empirical.system.ranks import Ranks


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]) | st.floats(0, 3, width=32), min_size=1, max_size=7),
                min_size=1, max_size=6), st.integers(1, 45), st.randoms(use_true_random=False))  # fmt: skip
def test_largest_keeps_the_top_of_a_full_sort(blocks, keep, chance):
    """Blocks of any size in any order, with ties, give the rows that a stable sort of all rows puts first."""
    flat = np.concatenate([np.array(block, dtype=np.float32) for block in blocks])
    expected = np.sort(np.argsort(-flat, kind="stable")[:keep])
    firsts = np.cumsum([0, *map(len, blocks)])
    stream = [
        (Rows.of(numbered_samples(int(first), len(block)), torch.tensor(block)), torch.tensor(block))
        for first, block in zip(firsts, blocks, strict=False)
    ]
    chance.shuffle(stream)
    rows = largest(iter(stream), keep)
    assert rows.indices.tolist() == expected.tolist()
    assert rows.seeds.tolist() == (7 * expected).tolist()
    assert rows.labels.tolist() == (expected % 10).tolist()
    assert rows.entropy.tolist() == flat[expected].tolist()
    assert [np.frombuffer(payload, np.float32)[0] for payload in rows.payloads] == expected.tolist()


def test_largest_of_nothing_is_nothing():
    assert largest(iter([]), 3) is None


def test_rounds_come_back_equal_with_all_they_record(tmp_path):
    pool = Pool(tmp_path / "pool", (3,))
    add_round(pool, numbered_samples(0, 5), torch.rand(5), cost=Cost(images=5, sampling_gflop=1.5, sampling_cpu_s=2.0))
    add_round(pool, numbered_samples(5, 3), torch.rand(3), retired=[1, 4], omega=0.25, step=30)
    again = Pool(tmp_path / "pool", (3,), rounds=2)
    for reloaded, expected in zip(again.rounds, pool.rounds, strict=True):
        assert all(torch.equal(getattr(reloaded, name), getattr(expected, name))
                   for name in ("labels", "seeds", "indices", "entropy", "retired"))  # fmt: skip
        rest = ("number", "omega", "step", "cost")
        assert [getattr(reloaded, name) for name in rest] == [getattr(expected, name) for name in rest]
        assert torch.equal(reloaded.images(torch.arange(len(reloaded))), expected.images(torch.arange(len(expected))))
    assert [(r.omega, r.step, r.cost.images, r.cost.sampling_cpu_s) for r in again.rounds] == [
        (0.0, 0, 5, 2.0), (0.25, 30, 3, 0.0)]  # fmt: skip
    assert torch.equal(again.active, pool.active)
    assert again.summary() == pool.summary()
    assert [entry["retired"] for entry in pool.summary()] == [0, 2]
    assert (len(again), again.generated) == (6, 8)


def test_retired_rows_are_out_of_use_but_their_cost_and_files_stay(tmp_path):
    pool = Pool(tmp_path, (3,))
    add_round(pool, numbered_samples(0, 5))
    add_round(pool, numbered_samples(5, 4), retired=[0, 3])
    add_round(pool, numbered_samples(9, 2), retired=[1, 6, 8])  # rows of both earlier rounds
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for seen in (pool, Pool(tmp_path, (3,), rounds=3)):
        split, weights = seen.everything()
        assert seen.active.tolist() == [2, 4, 5, 7, 9, 10] == split.images[:, 0].tolist()
        assert split.labels.tolist() == [2, 4, 5, 7, 9, 0]
        assert weights.tolist() == [1] * 6
        assert (len(seen), seen.generated, seen.version) == (6, 11, 3)
        assert seen.take(torch.tensor([3, 8, 0])).images[:, 0].tolist() == [3, 8, 0]  # numbers never change
    assert Pool(tmp_path, (3,), rounds=2).active.tolist() == [1, 2, 4, 5, 6, 7, 8]
    add_round(pool, numbered_samples(11, 1), retired=pool.active.tolist())
    for seen in (pool, Pool(tmp_path, (3,), rounds=4)):
        assert seen.active.tolist() == [11] == seen.everything()[0].images[:, 0].tolist()
    assert {name: (tmp_path / name).read_bytes() for name in files} == files
    assert len(list(tmp_path.glob("*.parquet"))) == 4


def test_a_round_by_many_writers_is_the_round_by_one(tmp_path):
    """Rows are numbered by their index, however they are divided among writers."""
    entropy, parts = torch.rand(9), [[7, 1, 4], [8], [0, 2, 3, 5, 6]]
    alone = add_round(add_round(Pool(tmp_path / "a", (3,)), numbered_samples(0, 9), entropy), numbered_samples(9, 4))
    several = Pool(tmp_path / "b", (3,))
    add_round(several, numbered_samples(0, 9), entropy, parts=parts)
    add_round(several, numbered_samples(9, 4), parts=[[3, 2], [1, 0]])
    backwards = add_round(Pool(tmp_path / "c", (3,)), numbered_samples(0, 9), entropy, parts=parts[::-1])
    backwards = add_round(backwards, numbered_samples(9, 4), parts=[[1, 0], [3, 2]])
    assert len(list((tmp_path / "b").glob("*.parquet"))) == 5
    names = [sorted(path.name for path in (tmp_path / folder).iterdir()) for folder in "bc"]
    assert names[0] == names[1]
    for pool in (several, backwards, Pool(tmp_path / "c", (3,), 2)):
        assert pool.everything()[0].images[:, 0].tolist() == list(range(13))
        for mine, expected in zip(pool.rounds, alone.rounds, strict=True):
            for name in ("labels", "seeds", "indices", "entropy"):
                assert torch.equal(getattr(mine, name), getattr(expected, name))
        assert all(torch.equal(a, b) for step in range(5)
                   for a, b in zip(pool.batch(0, step, 8), alone.batch(0, step, 8), strict=True))  # fmt: skip


def test_a_row_that_is_in_two_files_is_refused(tmp_path):
    pool = add_round(Pool(tmp_path / "pool", (3,)), numbered_samples(0, 4), parts=[[0, 1], [2, 3]])
    files = [read(path) for path in pool.rounds[0].files]
    assert covered(files) == {0, 1, 2, 3}
    assert covered([]) == set()
    with complains(tmp_path / "pool") as caught:
        covered([*files, files[1]])
    assert "2 rows twice" in str(caught.value)


@pytest.mark.parametrize("damage", ["flip", "cut", "swap", "lose"])
def test_a_damaged_round_record_is_refused(tmp_path, damage):
    """Damages include another retired row in valid JSON, and a missing shard."""
    pool = add_round(Pool(tmp_path / "pool", (3,)), numbered_samples(0, 4))
    add_round(pool, numbered_samples(4, 4), retired=[1])
    record = tmp_path / "pool" / "round_0001.json"
    data, named = record.read_bytes(), record
    values = json.loads(data)
    if damage == "lose":
        named = tmp_path / "pool" / values["files"][0]
        named.unlink()
    elif damage == "swap":
        record.write_text(json.dumps({**values, "retired": [2]}))
    else:
        record.write_bytes(data[:-20] if damage == "cut" else data.replace(b"0.0", b"0.1", 1))
    with complains(named) as caught:
        Pool(tmp_path / "pool", (3,), 2)
    assert f"delete {tmp_path} and rerun" in str(caught.value)


# Mini-batches


def test_an_empty_pool_has_no_rows(tmp_path):
    pool = Pool(tmp_path, (3,))
    assert (len(pool), pool.generated, pool.summary(), pool.committed(), pool.begun()) == (0, 0, [], False, [])


def test_minibatches_are_uniform_over_the_rows(tmp_path):
    """Test 12,800 draws by chi-square, which detects a bias of a few per cent in one row of 40."""
    pool = pool_of(numbered_samples(0, 40), tmp_path)
    counts = Counter(int(row) for step in range(200) for row in pool.batch(3, step, 64).images[:, 0])
    assert chisquare([counts[row] for row in range(40)]).pvalue > 1e-4


@pytest.mark.parametrize(("weight", "retired"), [(2, []), (3, [0, 5, 20, 21]), (7, list(range(24)))])
def test_rows_of_the_latest_addition_are_drawn_so_many_times_as_often(tmp_path, weight, retired):
    """Rows 24-29 are the latest addition; chi-square detects another weight; `everything` gives the same weights."""
    pool = Pool(tmp_path, (3,), newest_weight=weight)
    add_round(pool, numbered_samples(0, 20))
    assert set(pool.everything()[1].tolist()) == {1.0}  # the initial pool is no addition
    add_round(pool, numbered_samples(20, 4))
    assert pool.everything()[1].tolist() == [1.0] * 20 + [weight] * 4
    add_round(pool, numbered_samples(24, 6), retired=retired)
    rows = [row for row in range(30) if row not in retired]
    weights = torch.tensor([weight if row >= 24 else 1 for row in rows]).double()
    split, stored = pool.everything()
    assert split.images[:, 0].tolist() == rows
    assert stored.tolist() == weights.tolist()
    counts = Counter(int(row) for step in range(200) for row in pool.batch(3, step, 64).images[:, 0])
    assert set(counts) == set(rows)
    drawn = np.array([counts[row] for row in rows])
    assert chisquare(drawn, (12_800 * weights / weights.sum()).numpy()).pvalue > 1e-4
    if len(rows) > 6:  # the test detects a wrong weight
        other = torch.where(weights > 1, weights + 1, weights)
        assert chisquare(drawn, (12_800 * other / other.sum()).numpy()).pvalue < 1e-4


def test_a_minibatch_is_a_function_of_seed_and_step(tmp_path):
    pool = pool_of(numbered_samples(0, 1000), tmp_path)
    seen = {
        (seed, step): tuple(pool.batch(seed, step, 16).images[:, 0].tolist()) for seed in range(6) for step in range(6)
    }
    assert len(set(seen.values())) == 36  # no two alike: neither steps nor seeds share an order
    assert seen[2, 5] == tuple(pool.batch(2, 5, 16).images[:, 0].tolist())
    images, labels = pool.batch(0, 0, 16)
    assert torch.equal(images[:, 0].long() % 10, labels)


def test_the_shares_of_all_processes_are_the_whole_minibatch(tmp_path):
    pool = add_round(add_round(Pool(tmp_path, (3,), newest_weight=3), numbered_samples(0, 50)), numbered_samples(50, 9))
    for data in (pool, Split(*pool.take(torch.arange(59)))):
        whole = data.batch(4, 2, 12).images[:, 0]
        shares = [data.batch(4, 2, 12, Ranks(index, 3)).images[:, 0] for index in range(3)]
        assert torch.equal(torch.stack(shares, 1).flatten(), whole)


def image_pool(folder, add_round, monkeypatch, memory):
    """Yield a pool of grey images with retired rows after each of three rounds; `memory` bytes may be kept decoded."""
    monkeypatch.setattr(pool_module, "MEMORY", memory)
    pool = Pool(folder, (1, 8, 8), newest_weight=2)
    images = quantise(2 * torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 1)
    for first, last, retired in ((0, 30, []), (30, 45, [3, 7, 29]), (45, 60, [0, 30, 44])):
        numbers = torch.arange(first, last)
        samples = Samples(images[first:last], numbers % 10, numbers, numbers)
        add_round(pool, samples, parts=[range(0, 15, 2), range(1, 15, 2)] if first else None, retired=retired)
        yield pool


def test_rows_in_memory_and_rows_on_disk_make_the_same_minibatches(tmp_path, monkeypatch):
    """Keep all rows in memory, none, or (12,000 bytes: 46 images) all until the last round; also reload a pool."""
    pools = [image_pool(tmp_path / str(memory), add_round, monkeypatch, memory) for memory in (2**26, 0, 12_000)]
    held = []
    for _ in range(3):
        stages = []
        for generator, memory in zip(pools, (2**26, 0, 12_000), strict=True):
            monkeypatch.setattr(pool_module, "MEMORY", memory)
            stages.append(next(generator))
        held.append([pool._rows is not None for pool in stages])
        again = Pool(stages[1].directory, (1, 8, 8), len(stages[1].rounds), newest_weight=2)
        first, *others = stages
        for other in (*others, again):
            for step in range(20):
                assert all(
                    torch.equal(values(a), values(b))
                    for a, b in zip(first.batch(1, step, 16), other.batch(1, step, 16), strict=True)
                )
            assert torch.equal(first.everything()[0].images, other.everything()[0].images)
            assert torch.equal(first.everything()[1], other.everything()[1])
    assert held == [[True, False, True], [True, False, True], [True, False, False]]


BIG = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from empirical.pool.pool import Pool

def mebibytes(field):
    (line,) = [line for line in open("/proc/self/status") if line.startswith(field)]
    return int(line.split()[1]) / 1024

libraries, start = mebibytes("VmRSS"), time.perf_counter()
pool = Pool(Path(sys.argv[1]), (1, 8, 8), 1)
opened = time.perf_counter()
for step in range(200):
    pool.batch(0, step, 64)
print(len(pool), opened - start, time.perf_counter() - opened, libraries, mebibytes("VmHWM"))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_pool_of_a_million_rows_is_sampled_in_little_memory(tmp_path):
    """200 mini-batches of 64 of 10^6 images in under 300 MiB beyond the libraries, at the peak.

    Labels, seeds, indices, entropies and places of the rows take 150 to 230 MiB; the images would take 244 MiB more,
    their files 150 MiB more.
    """
    pool = Pool(tmp_path, (1, 8, 8))
    images = quantise(2 * torch.rand(1000, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 1)
    numbers = torch.arange(1000)
    thousand = Rows.of(Samples(images, numbers % 10, numbers, numbers), torch.rand(1000))
    writer = pool.writer(0.0, 0)
    for first in range(0, 1_000_000, 1000):
        writer.add(thousand._replace(indices=numbers + first, seeds=numbers + first), Cost())
    writer.flush()
    pool.commit(0.0, 0, Cost(images=1_000_000), torch.empty(0, dtype=torch.long))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, "-c", BIG, str(tmp_path)], capture_output=True, text=True, check=True, env=environment
    )
    rows, opening, sampling, libraries, peak = map(float, process.stdout.split())
    print(f"{rows:.0f} rows: opened in {opening:.1f} s, 200 mini-batches in {sampling:.1f} s, "
          f"peak {peak:.0f} MiB resident, {libraries:.0f} of them libraries")  # fmt: skip
    assert rows == 1_000_000
    assert peak - libraries < 300


def test_rows_that_take_long_to_make_are_written_before_a_file_is_full(tmp_path, monkeypatch):
    """An interruption costs at most `SECONDS` of work, and no batch that took longer is kept waiting for others."""
    now = [0.0]
    monkeypatch.setattr("empirical.pool.writer.time.monotonic", lambda: now[0])
    pool = Pool(tmp_path / "pool", (3,))
    out = pool.writer(0.0, 0)
    out.since = 0.0
    for first in range(0, 20, 4):
        now[0] += 0.4 * SECONDS
        out.add(Rows.of(numbered_samples(first, 4), torch.zeros(4)), Cost(images=4))
    assert [len(shard.indices) for shard in pool.begun()] == [12]  # after 1.2 SECONDS; then 8 rows wait
    out.flush()
    assert sorted(len(shard.indices) for shard in pool.begun()) == [8, 12]
