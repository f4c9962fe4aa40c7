"""Interrupted rounds go on where they stopped; making a round takes no more memory than the rows it keeps."""

import ctypes
import gc
from pathlib import Path

import pytest
import torch
from support.processes import in_child
from support.runs import setup_of, tiny

from empirical import practice as practice_module
from empirical.config import new_learner, world_of
from empirical.diffusion.cost import Cost
from empirical.diffusion.guidance import EntropyGuide, Unguided
from empirical.diffusion.sampler import Sampler
from empirical.pool import pool as pool_module
from empirical.pool.parquet import Rows, write
from empirical.pool.pool import Pool
from empirical.practice import add


class Counting:
    """Draw from the run's sampler, record the draws, and raise KeyboardInterrupt after some of them."""

    def __init__(self, run, draws=10**9):
        self.sampler, self.left, self.drawn = Sampler(world_of(run), run.sampling), draws, []

    def draw(self, seed, first, count, guide=None):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.drawn.append((first, count))
        return self.sampler.draw(seed, first, count, guide)


def begin(run, folder, rounds=0):
    """Make a learner with weights, open the pool on disk, and make a guide."""
    learner = new_learner(run, "cpu")
    if run.world.name == "linear":
        learner.w = torch.randn(16, generator=torch.Generator().manual_seed(0)).double() / 4
    pool = Pool(folder / "pool", world_of(run).shape, rounds)
    guide = EntropyGuide(learner.logits, run.acquire.omega, "x0") if rounds and run.acquire.omega else Unguided()
    return learner, pool, guide


def files(folder):
    return {path.name: path.read_bytes() for path in (folder / "pool").glob("*.parquet")}


@pytest.mark.parametrize("world", ["linear", "digits"])
@pytest.mark.parametrize("rounds", [0, 1])
@pytest.mark.parametrize(("size", "draws"), [(8, 2), (8, 4), (12, 3), (10**6, 3)])
def test_an_interrupted_round_goes_on_where_its_files_end(tmp_path, monkeypatch, world, rounds, size, draws):
    """Rows in batches of 8 fill files of one, two or all batches; only rows that are in no file are drawn again."""
    monkeypatch.setattr("empirical.pool.writer.ROWS", size)
    run = tiny(world, **{"sampling.batch": 8})
    count, first = 42, 0 if rounds == 0 else run.growth.initial
    for folder in (tmp_path / "whole", tmp_path / "cut"):
        if rounds:
            learner, pool, guide = begin(run, folder)
            add(
                setup_of(run, learner, pool),
                0,
                run.growth.initial,
                guide,
            )
    learner, pool, guide = begin(run, tmp_path / "whole", rounds)
    add(setup_of(run, learner, pool, Counting(run)), 3, count, guide)
    learner, pool, guide = begin(run, tmp_path / "cut", rounds)
    with pytest.raises(KeyboardInterrupt):
        add(setup_of(run, learner, pool, Counting(run, draws)), 3, count, guide)
    assert len(pool.rounds) == rounds
    per_file = {8: 1, 12: 2, 10**6: 6}[size]  # batches
    kept = draws // per_file * per_file
    assert not pool.committed()
    assert len(pool.begun()) == draws // per_file
    learner, pool, guide = begin(run, tmp_path / "cut", rounds)
    rest = Counting(run)
    add(setup_of(run, learner, pool, rest), 3, count, guide)
    starts = range(first, first + count, 8)
    assert rest.drawn == [(low, min(8, first + count - low)) for low in starts][kept:]
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    whole = Pool(tmp_path / "whole" / "pool", world_of(run).shape, rounds + 1)
    assert pool.rounds[rounds].seeds.tolist() == whole.rounds[rounds].seeds.tolist()
    costs = [{k: v for k, v in vars(p.rounds[rounds].cost).items() if not k.endswith("_s")} for p in (pool, whole)]
    assert costs[0] == pytest.approx(costs[1])
    assert costs[0]["images"] == count


def test_a_complete_round_is_only_taken_into_use(tmp_path):
    run = tiny("linear")
    learner, pool, guide = begin(run, tmp_path)
    add(setup_of(run, learner, pool, Counting(run)), 0, 24, guide)
    again = Counting(run)
    learner, pool, guide = begin(run, tmp_path)
    assert pool.committed()
    add(setup_of(run, learner, pool, again), 0, 24, guide)
    assert again.drawn == []
    assert len(pool) == 24


@pytest.mark.parametrize("how", [{"acquire.ratio": 3}, {"acquire.reject": 0.4}])
def test_an_interrupted_selection_is_made_whole(tmp_path, how):
    """Files left by another writer, or by an attempt with more processes, are not mixed with those of this one."""
    run = tiny("linear", **{"acquire.omega": 0.0, **how})
    judge = (lambda samples: (samples.images[:, 1] * 3).sigmoid()) if "acquire.reject" in how else None
    for name in ("whole", "cut"):
        learner, pool, guide = begin(run, tmp_path / name)
        add(setup_of(run, learner, pool, Counting(run), judge=judge), 0, 24, guide)
        if name == "cut":
            samples = Sampler(world_of(run), run.sampling).draw(run.seed, 24, 5)[0]
            leftover = write(pool.directory, pool.shape, 1, 0.0, 3, Rows.of(samples, torch.rand(5)), Cost())
            interrupted = Counting(run, 1)
            with pytest.raises(KeyboardInterrupt):
                add(
                    setup_of(run, learner, pool, interrupted, judge=judge),
                    3,
                    16,
                    guide,
                )
            write(pool.directory, pool.shape, 1, 0.0, 3, Rows.of(samples, torch.rand(5)), Cost())
        source = Counting(run)
        add(setup_of(run, learner, pool, source, judge=judge), 3, 16, guide)
        made = 48 if "acquire.ratio" in how else 27
        assert sum(count for _, count in source.drawn) == made == pool.rounds[1].cost.images
        assert len(pool.rounds[1]) == 16
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    assert leftover.name not in files(tmp_path / "cut")


# Memory


def peak_of(prepare, in_child, folder):
    """Measure by how many MiB a child's resident memory rises in the function that `prepare()` returns."""

    def resident(what):
        (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what)]
        return int(line.split()[1]) / 1024

    def work():
        function = prepare()
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # else free memory of the test session hides what the function takes
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        before = resident("VmRSS")
        function()
        (folder / "peak").write_text(str(resident("VmHWM") - before))

    assert in_child(work) == 0
    return float((folder / "peak").read_text())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_oversampling_holds_no_more_than_it_keeps(tmp_path, monkeypatch):
    """Keeping 512 rows of 32 KiB from 9,216 (288 MiB) takes less than 48 MiB more than from 1,024.

    A selection that gathers all candidates first rises by more than 100 MiB: this measure sees it.
    """
    monkeypatch.setattr(pool_module, "MEMORY", 0)
    peaks = {}

    def hoarding(blocks, keep, _):
        parts = list(blocks)
        return Rows.joined([rows for rows, _ in parts]).take(torch.arange(keep))

    for name, ratio in (("little", 2), ("much", 18), ("hoarded", 18)):
        run = tiny("linear", **{"world.dimension": 8192, "sampling.steps": 2, "sampling.batch": 64,
                                "growth.initial": 8, "acquire.omega": 0.0, "acquire.ratio": ratio})  # fmt: skip

        def prepare(run=run, name=name):
            if name == "hoarded":
                practice_module.largest = hoarding
            learner, pool = new_learner(run, "cpu"), Pool(tmp_path / name / "pool", world_of(run).shape)
            learner.w = torch.randn(8192, generator=torch.Generator().manual_seed(0)).double() / 90
            around = setup_of(run, learner, pool)
            add(around, 0, 8, Unguided())
            return lambda: add(around, 0, 512, Unguided())

        peaks[name] = peak_of(prepare, in_child, tmp_path)
    print({name: round(peak) for name, peak in peaks.items()}, "MiB")
    assert peaks["much"] < peaks["little"] + 48
    assert peaks["hoarded"] > peaks["little"] + 100
