"""What a second process brings: generation split over ranks, and a sweep of runs over workers.

Shows: parallel efficiency, the wall time of one process over that of two, halved. Both need two idle cores; the time in
which processes start and import is left out of the ranks' number and part of the sweep's.
Command: pytest tests/benchmarks/test_bench_scale.py --benchmark-only -s
"""

import os
import subprocess
import sys
import time

import pytest
from support.places import EXPERIMENTS
from support.runs import run_of

from empirical.scale import sweep, workers

IMAGES, RUNS = 2048, 8
CHILD = """
import sys, time
from pathlib import Path
import torch
from empirical.config import world_of, new_learner, from_dict, merged
from empirical.guidance import Unguided
from empirical.pool import Pool
from empirical.practice import Setup, add
from empirical.ranks import launched
from empirical.sampler import Sampler
from empirical.sweep import recipe
torch.set_num_threads(1)
run = from_dict(recipe(Path(sys.argv[1]), "digits"))
with launched("cpu") as (ranks, device):
    pool, learner = Pool(Path(sys.argv[2]), world_of(run).shape), new_learner(run, device)
    sampler = Sampler(world_of(run), run.sampling)
    sampler.draw(9, 0, 128)  # warm
    ranks.barrier()
    start = time.perf_counter()
    add(setup_of(run, learner, pool, sampler, ranks=ranks), 0, int(sys.argv[3]), Unguided())
    if ranks.first:
        print(time.perf_counter() - start)
"""


def generation_seconds(experiments, folder, ranks):
    child = folder / "child.py"
    child.write_text(CHILD)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks)]
    command = [*launcher, child, experiments, folder / f"pool{ranks}", str(IMAGES)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **sweep.KEEP_MEMORY}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


@pytest.mark.parametrize("what", ["generation", "sweep"])
def test_two_processes_against_one(benchmark, tmp_path, what):
    def seconds(processes):
        if what == "generation":
            return generation_seconds(EXPERIMENTS, tmp_path, processes)
        cases = [sweep.Case("p", "s", 0.0, run_of("digits", growth__initial=512, seed=seed)) for seed in range(RUNS)]
        start = time.perf_counter()
        workers.sweep(cases, tmp_path / f"runs{processes}", "cpu", processes, lambda *_: None)
        return time.perf_counter() - start

    one, two = seconds(1), seconds(2)
    benchmark.extra_info.update(one_s=one, two_s=two, efficiency=one / two / 2)
    print(f"\n{what}: {one:.1f} s by one process, {two:.1f} s by two: parallel efficiency {one / two / 2:.2f}")
    benchmark.pedantic(lambda: None)
