"""The pool on disk: rows read at random from a million, and what a round costs to write and to take into use.

Shows: mini-batches per second from files against those from memory; resident memory that sampling 10^6 rows adds to a
process (required: under 500 MiB; the imports, mostly torch's libraries, take as much before it begins).
Command: pytest tests/benchmarks/test_bench_pool.py --benchmark-only -s
"""

import subprocess
import sys

import pytest
import torch

from empirical.data.images import quantise
from empirical.diffusion.cost import Cost
from empirical.diffusion.sampler import Samples
from empirical.pool import pool as pool_module
from empirical.pool.parquet import Rows, write
from empirical.pool.pool import Pool

SHAPE, FILE = (1, 8, 8), 4096
CHILD = """
import sys, time
from pathlib import Path
import torch
from empirical.pool import Pool
torch.set_num_threads(1)

def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024

before = resident("VmHWM")
start = time.perf_counter()
pool = Pool(Path(sys.argv[1]), (1, 8, 8), 1)
opened = time.perf_counter()
for step in range(200):
    images, labels = pool.batch(0, step, 64)
    assert images.shape == (64, 1, 8, 8)
done = time.perf_counter()
print(len(pool), resident("VmHWM") - before, before, opened - start, (done - opened) / 200)
"""


def rows(first, count):
    numbers = torch.arange(first, first + count)
    images = quantise(torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(first)))
    return Rows.of(Samples(images, numbers % 10, numbers, numbers), torch.rand(count))


def filled(folder, count):
    """A pool of one round in files of 4,096 rows; rows repeat, apart from their numbers, to make them fast."""
    some = rows(0, FILE)
    for first in range(0, count, FILE):
        size = min(FILE, count - first)
        part = some.take(torch.arange(size))._replace(indices=torch.arange(first, first + size))
        write(folder, SHAPE, 0, 0.0, 0, part, Cost(images=size))
    Pool(folder, SHAPE).commit(0.0, 0, Cost(images=count), torch.empty(0, dtype=torch.long))
    return folder


def test_a_million_rows_are_sampled_in_little_memory(benchmark, tmp_path):
    folder = filled(tmp_path / "pool", 10**6)
    output = subprocess.run([sys.executable, "-c", CHILD, folder], capture_output=True, text=True, check=True).stdout
    count, resident, imports, opening, batch = map(float, output.split())
    benchmark.extra_info.update(rows=count, resident_mib=resident, opening_s=opening, batch_ms=1e3 * batch)
    print(f"\n{count:.0f} rows: {resident:.0f} MiB at most on top of {imports:.0f} MiB of imports, ", end="")
    print(f"opened in {opening:.1f} s, {1e3 * batch:.2f} ms a batch")
    pool = Pool(folder, SHAPE, 1)
    benchmark.pedantic(lambda: pool.batch(0, 0, 64), rounds=50)
    assert count == 10**6
    assert resident < 500


@pytest.mark.parametrize("where", ["memory", "files"])
def test_minibatches(benchmark, tmp_path, monkeypatch, where):
    if where == "files":
        monkeypatch.setattr(pool_module, "MEMORY", 0)
    pool = Pool(filled(tmp_path / "pool", 8192), SHAPE, 1)
    benchmark(lambda: pool.batch(0, 0, 64))


def test_a_round_of_128_images(benchmark, tmp_path):
    """Encoded, written, committed and read back: the recipe's addition on digits, beside .5 s of sampling."""
    images = Samples(quantise(torch.randn(128, *SHAPE)), *[torch.arange(128)] * 3)
    folders = iter(range(10**6))

    def add():
        pool = Pool(tmp_path / str(next(folders)), SHAPE)
        writer = pool.writer(0.0, 0)
        writer.add(Rows.of(images, torch.zeros(128)), Cost(images=128))
        writer.flush()
        pool.commit(0.0, 0, Cost(images=128), torch.empty(0, dtype=torch.long))
        pool.append()

    benchmark.pedantic(add, rounds=20)
