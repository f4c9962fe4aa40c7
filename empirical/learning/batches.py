"""Mini-batches made ahead of time: where rows are read from files, processes read and decode them while others train.

A batch is a function of its iteration alone, so that any process can make any of them: their order and contents do
not depend on the number of processes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset

from empirical.data.split import Data, Split
from empirical.system.errors import InputError
from empirical.system.ranks import Ranks

WORKERS = 8  # processes that read for one rank, at most
Prepare = Callable[[int, Split], Split]  # iteration, its batch -> what is trained on


@dataclass(frozen=True)
class _Steps(Dataset):
    """The batch of each iteration, as it is asked for."""

    data: Data
    seed: int
    size: int
    ranks: Ranks
    prepare: Prepare

    def __getitem__(self, step: int) -> Split | InputError:
        try:
            return self.prepare(step, self.data.batch(self.seed, step, self.size, self.ranks))
        except InputError as error:  # returned: torch would make a RuntimeError of what another process raises
            return error


def workers(data: Data, ranks: Ranks, device: torch.device) -> int:
    """Processes that read ahead: none for rows in memory, or on a CPU, which they would take from the training."""
    if data.in_memory or device.type == "cpu":
        return 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", ranks.count))  # ranks on this machine
    return max(1, min(WORKERS, len(os.sched_getaffinity(0)) // here))


def batches(
    data: Data, seed: int, start: int, stop: int, size: int, ranks: Ranks, device: torch.device, prepare: Prepare
) -> Iterator[Split]:
    """This process's mini-batches of iterations `start` to `stop - 1` on the device, after `prepare`.

    size: rows of a mini-batch, over all ranks.
    prepare: done where the batch is made, that is, if there are reading processes, on their CPUs.
    Raises what `data.batch` raises; RuntimeError where a reading process is killed.
    """
    count = workers(data, ranks, device)
    loader: DataLoader[Split | InputError] = DataLoader(
        _Steps(data, seed, size, ranks, prepare),
        batch_size=None,
        sampler=range(start, stop),
        num_workers=count,
        multiprocessing_context="fork" if count else None,  # they share the pool's tables; none of them touches a GPU
        worker_init_fn=_deaf,
        generator=torch.Generator(),  # else it would draw from torch's own
        pin_memory=count > 0 and device.type == "cuda",
    )
    for batch in loader:
        if isinstance(batch, InputError):
            raise batch
        yield Split(*(part.to(device, non_blocking=True) for part in batch))


def _deaf(number: int) -> None:  # noqa: ARG001
    """Leave to the parent what is said to all processes of a job: Ctrl-C, and SLURM's notice of its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
