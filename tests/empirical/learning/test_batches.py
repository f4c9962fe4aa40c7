"""Mini-batches made ahead by other processes: the same batches in the same order, and no process hangs."""

import multiprocessing
import os
import signal
from dataclasses import dataclass, field

import pytest
import torch
from support.errors import complains
from support.runs import pool_of
from torch.utils.data import get_worker_info

from empirical.data.images import quantise
from empirical.data.split import Split
from empirical.diffusion.sampler import Samples
from empirical.learning import batches as loading
from empirical.learning.batches import batches
from empirical.pool import pool as pool_module
from empirical.system.ranks import ALONE, Ranks

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more processes than cores
CPU = torch.device("cpu")


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """Make a pool of forty rows that are read from their file."""
    monkeypatch.setattr(pool_module, "MEMORY", 0)
    images = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return pool_of(Samples(quantise(images), torch.arange(40) % 3, torch.arange(40), torch.arange(40)), tmp_path)


@pytest.fixture
def readers(request, monkeypatch):
    """Set the number of reading processes, whatever the device."""
    monkeypatch.setattr(loading, "workers", lambda *_: request.param)


read_by_anyone = pytest.mark.parametrize("readers", [0, 2], indirect=True)
read_by_others = pytest.mark.parametrize("readers", [2], indirect=True)


def load(data, prepare=lambda _, batch: batch, ranks=ALONE):
    return batches(data, 3, 2, 9, 8, ranks, CPU, prepare)


@dataclass
class Elsewhere:
    """Data that call `do` in the process that reads iteration 4, unless it is the main process."""

    do: object
    seen: list = field(default_factory=list)

    in_memory = False

    def batch(self, _, step, size, __):
        if step == 4 and get_worker_info() is not None:
            self.do()
        return Split(torch.full((size,), float(step)), torch.zeros(size))


@read_by_anyone
@pytest.mark.usefixtures("readers")
def test_batches_are_those_of_the_data_in_their_order(pool):
    before = torch.get_rng_state()
    loaded = list(load(pool, prepare=lambda step, batch: batch._replace(images=batch.images + step)))
    assert len(loaded) == 7
    for step, batch in enumerate(loaded, 2):
        images, labels = pool.batch(3, step, 8)
        assert torch.equal(batch.images, images + step)
        assert torch.equal(batch.labels, labels)
    halves = [list(load(pool, ranks=Ranks(rank, 2))) for rank in range(2)]
    assert torch.equal(halves[1][3].labels, loaded[3].labels[1::2])
    assert torch.equal(torch.get_rng_state(), before)
    assert not multiprocessing.active_children()


@read_by_anyone
@pytest.mark.usefixtures("readers")
def test_a_file_that_cannot_be_read_is_named_by_whoever_reads_it(pool):
    path = pool.rounds[0].files[0]
    os.truncate(path, 100)
    with complains(path) as refused:
        list(load(pool))
    assert "39 of 40 samples that cannot be read" in str(refused.value)
    assert not multiprocessing.active_children()


@read_by_others
@pytest.mark.usefixtures("readers")
def test_a_killed_reader_is_noticed_and_ctrl_c_is_left_to_the_parent():
    killed = Elsewhere(lambda: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(RuntimeError, match="worker"):
        list(load(killed))
    for number in (signal.SIGINT, signal.SIGUSR2):  # sent to the whole process group; readers ignore them
        loaded = list(load(Elsewhere(lambda number=number: os.kill(os.getpid(), number))))
        assert [batch.images[0] for batch in loaded] == list(range(2, 9))
    stopped = load(Elsewhere(int))
    next(stopped)
    stopped.close()
    assert not multiprocessing.active_children()


def test_processes_read_where_rows_are_in_files_and_a_gpu_trains(pool, monkeypatch):
    gpu, cores = torch.device("cuda"), 32
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores))
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    memory = Split(torch.zeros(4, 1), torch.zeros(4))
    assert loading.workers(memory, ALONE, gpu) == loading.workers(pool, ALONE, CPU) == 0
    assert loading.workers(pool, ALONE, gpu) == 8
    assert loading.workers(pool, Ranks(0, 8), gpu) == 4
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "64")
    assert loading.workers(pool, Ranks(0, 128), gpu) == 1
