"""Mini-batches that other processes make ahead of time where rows are read from files.

A batch is a function of its iteration alone, so any process can make any batch: order and contents do not depend on
the number of processes.
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

WORKERS = 8  # reading processes of one rank, at most
Prepare = Callable[[int, Split], Split]  # (iteration, its batch) -> the batch as the network gets it, say cropped


def workers(data: Data, ranks: Ranks, device: torch.device) -> int:
    """Return the number of reading processes: 0 for rows in memory, and on a CPU, where they would slow training."""
    if data.in_memory or device.type == "cpu":
        return 0
    local_ranks = int(os.environ.get("LOCAL_WORLD_SIZE", ranks.count))  # on this machine
    return max(1, min(WORKERS, len(os.sched_getaffinity(0)) // local_ranks))


def batches(
    data: Data, seed: int, start: int, stop: int, size: int, ranks: Ranks, device: torch.device, prepare: Prepare
) -> Iterator[Split]:
    """Yield this process's mini-batches of iterations `start` to `stop - 1` on the device, after `prepare`.

    size: rows of a mini-batch, over all ranks.
    prepare: called in the process that makes the batch, so on a CPU of a reading process if there are any.
    Raises the errors of `data.batch`, and RuntimeError if a reading process is killed.
    """
    count = workers(data, ranks, device)
    loader: DataLoader[Split | InputError] = DataLoader(
        _Steps(data, seed, size, ranks, prepare),
        batch_size=None,
        sampler=range(start, stop),
        num_workers=count,
        multiprocessing_context="fork" if count else None,  # shares the pool's tables; safe, as no reader uses a GPU
        worker_init_fn=_ignore_signals,
        generator=torch.Generator(),  # without it the loader draws from torch's global generator
        pin_memory=count > 0 and device.type == "cuda",
    )
    for batch in loader:
        if isinstance(batch, InputError):
            raise batch
        yield Split(*(column.to(device, non_blocking=True) for column in batch))


@dataclass(frozen=True)
class _Steps(Dataset):
    """Make the batch of each iteration when the loader asks for it."""

    data: Data
    seed: int
    size: int
    ranks: Ranks
    prepare: Prepare

    def __getitem__(self, step: int) -> Split | InputError:
        try:
            return self.prepare(step, self.data.batch(self.seed, step, self.size, self.ranks))
        except InputError as error:  # returned, since torch turns errors of other processes into RuntimeError
            return error


def _ignore_signals(number: int) -> None:  # noqa: ARG001
    """Ignore signals that the parent handles for the whole job: Ctrl-C, and SLURM's notice of the job's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
