"""Mini-batches made ahead by other processes: the same batches in the same order, from one `fit` to the next."""

import multiprocessing
import os
import signal

import pytest
import torch
from support.errors import complains
from support.runs import add_round, numbered_samples, pool_of
from torch.utils.data import get_worker_info

from empirical.data.images import quantise, values
from empirical.data.split import Split
from empirical.diffusion.sampler import Samples
from empirical.learning import batches as loading
from empirical.learning.batches import Loader, ahead
from empirical.pool import pool as pool_module
from empirical.settings.sections import Training
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
    yield request.param
    assert not multiprocessing.active_children()


read_by_anyone = pytest.mark.parametrize("readers", [0, 2], indirect=True)


def loader_of(iterations=9, **changes):
    return Loader(Training(iterations=iterations, batch=8, **changes), 3, CPU, None)


def load(data, ranks=ALONE, **changes):
    return list(loader_of(**changes).batches(data, 2, 9, ranks))


@read_by_anyone
@pytest.mark.usefixtures("readers")
def test_batches_are_those_of_the_data_in_their_order(pool):
    before = torch.get_rng_state()
    loaded = load(pool)
    assert len(loaded) == 7
    for step, (images, labels) in enumerate(loaded, 2):
        stored = pool.batch(3, step, 8)
        assert stored.images.dtype == torch.uint8
        assert torch.equal(images, values(stored.images))
        assert torch.equal(labels, stored.labels)
    assert torch.equal(torch.get_rng_state(), before)
    halves, crops = ([load(pool, Ranks(rank, 2), augment=how) for rank in range(2)] for how in ("none", "crop_flip"))
    for kind, whole in ((halves, loaded), (crops, load(pool, augment="crop_flip"))):
        assert torch.equal(kind[1][3][0], whole[3][0][1::2])
    assert not torch.equal(crops[0][0][0], halves[0][0][0])


@read_by_anyone
def test_reading_processes_last_from_one_fit_to_the_next_while_the_rows_stay(pool, readers):
    loader, whole = loader_of(), load(pool)
    seen, alive = [], []

    def fit(start, stop):
        seen.extend(loader.batches(pool, start, stop, ALONE))
        alive.append({process.pid for process in multiprocessing.active_children()})

    fit(2, 4)
    fit(4, 5)
    assert all(torch.equal(a, b) for pair in zip(seen, whole[:3], strict=True) for a, b in zip(*pair, strict=True))
    assert alive[0] == alive[1]
    assert len(alive[0]) == readers
    add_round(pool, numbered_samples(40, 40, (1, 4, 4)))  # other rows: the old processes do not know them
    seen.clear()
    fit(5, 7)
    assert torch.equal(seen[1][1], pool.batch(3, 6, 8).labels)
    assert alive[2].isdisjoint(alive[1])
    seen.clear()
    fit(2, 3)  # a run that was set back
    assert torch.equal(seen[0][1], pool.batch(3, 2, 8).labels)
    fit(3, 9)
    assert alive[-1] == set()  # the training is over


@read_by_anyone
@pytest.mark.usefixtures("readers")
def test_a_file_that_cannot_be_read_is_named_by_whoever_reads_it(pool):
    path = pool.rounds[0].files[0]
    os.truncate(path, 100)
    with complains(path) as refused:
        load(pool)
    assert "39 of 40 samples that cannot be read" in str(refused.value)


def elsewhere(do):
    """Make numbers; call `do` in the process that makes number 4, unless it is the main process."""

    def make(step):
        if step == 4 and get_worker_info() is not None:
            do()
        return torch.tensor(step)

    return make


def test_a_killed_reader_is_noticed_and_ctrl_c_is_left_to_the_parent():
    steps = range(2, 9)
    with pytest.raises(RuntimeError, match="worker"):
        list(ahead(elsewhere(lambda: os.kill(os.getpid(), signal.SIGKILL)), steps, 2, CPU))
    for number in (signal.SIGINT, signal.SIGUSR2):  # sent to the whole process group; readers ignore them
        made = list(ahead(elsewhere(lambda number=number: os.kill(os.getpid(), number)), steps, 2, CPU))
        assert made == list(steps)
    stopped = ahead(elsewhere(int), steps, 2, CPU)
    next(stopped)
    stopped.close()
    assert not multiprocessing.active_children()


def test_as_many_processes_as_a_rank_has_cores_make_batches_for_a_gpu(monkeypatch):
    gpu, cores = torch.device("cuda"), 32
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores))
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert loading.workers(CPU) == 0
    assert loading.workers(gpu) == 8
    assert loading.workers(gpu, Ranks(0, 8)) == 4
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "64")
    assert loading.workers(gpu, Ranks(0, 128)) == 1


def test_rows_in_memory_are_loaded_by_the_process_that_trains(monkeypatch):
    monkeypatch.setattr(loading, "workers", lambda *_: pytest.fail("processes were asked for"))
    data = Split(torch.arange(40.0).view(40, 1), torch.arange(40))
    for step, (_, labels) in enumerate(load(data), 2):
        assert torch.equal(labels, data.batch(3, step, 8).labels)
