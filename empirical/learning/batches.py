"""Mini-batches that other processes make ahead of time where rows are read from files.

A batch is a function of its iteration alone, so any process can make any batch: order and contents do not depend on
the number of processes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from empirical.data.images import values
from empirical.data.split import Data
from empirical.learning.crops import boxes, cropped
from empirical.settings.sections import Training
from empirical.system.errors import InputError
from empirical.system.ranks import ALONE, Ranks

WORKERS = 8  # processes that make batches for one rank, at most
Make = Callable[[int], Any]  # iteration -> tensors, alone or in tuples


class Loaded(NamedTuple):
    """Hold a mini-batch as it goes to the device: images as values or levels, and crops if there are any."""

    images: Tensor
    labels: Tensor
    crops: Tensor | None = None  # see `crops.boxes`


def workers(device: torch.device, ranks: Ranks = ALONE) -> int:
    """Return the number of processes that make batches for a GPU; 0 for a CPU, where they would slow training."""
    if device.type == "cpu":
        return 0
    local_ranks = int(os.environ.get("LOCAL_WORLD_SIZE", ranks.count))  # on this machine
    return max(1, min(WORKERS, len(os.sched_getaffinity(0)) // local_ranks))


def ahead(make: Make, steps: range, processes: int, device: torch.device) -> Iterator[Any]:
    """Yield make(step) of each step, in order; so many `processes` make some ahead, or none does.

    The processes end with the iterator. For a GPU the tensors are in pinned memory if other processes made them.
    Raises InputError as `make` does, and RuntimeError if one of the processes is killed.
    """
    loader: DataLoader[Any] = DataLoader(
        _Steps(make),
        batch_size=None,
        sampler=steps,
        num_workers=processes,
        multiprocessing_context="fork" if processes else None,  # shares the pool's tables; safe, as none uses a GPU
        worker_init_fn=_ignore_signals,
        generator=torch.Generator(),  # without it the loader draws from torch's global generator
        pin_memory=processes > 0 and device.type == "cuda",
    )
    for made in loader:
        if isinstance(made, InputError):
            raise made
        yield made


class Loader:
    """Load the mini-batches of a learner's training onto its device, from one call of `fit` to the next.

    Processes that read files are started once for each version of the data, which is all that they know.

    seed: of batches and crops. size: (height, width) of random crops, if there are any; None: the images' own.
    """

    def __init__(self, training: Training, seed: int, device: torch.device, size: tuple[int, int] | None) -> None:
        self.training, self.seed, self.device, self.size = training, seed, device, size
        self._batches: Iterator[Loaded] = iter(())
        self._of: tuple[object, ...] = ()  # data, version, ranks and next iteration of `_batches`

    def batches(self, data: Data, start: int, stop: int, ranks: Ranks) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images and labels of this process's share of iterations `start` to `stop - 1`, on the device.

        Raises the errors of `ahead`.
        """
        if self._of != (id(data), data.version, ranks, start):
            self.close()
            processes = 0 if data.in_memory else workers(self.device, ranks)
            steps = range(start, max(stop, self.training.iterations))
            self._batches = ahead(lambda step: self._made(data, step, ranks), steps, processes, self.device)
        for step in range(start, stop):
            batch = next(self._batches)
            self._of = (id(data), data.version, ranks, step + 1)
            yield self._placed(batch)
        if stop >= self.training.iterations:
            self.close()

    def close(self) -> None:
        """End the processes; batches that they have made ahead are lost."""
        self._batches, self._of = iter(()), ()

    def _made(self, data: Data, step: int, ranks: Ranks) -> Loaded:
        """Draw the batch of an iteration, in whichever process."""
        size = self.training.batch
        images, labels = data.batch(self.seed, step, size, ranks)
        if self.training.augment == "none":
            return Loaded(images, labels)
        return Loaded(images, labels, boxes(images, ranks.mine(size), self.seed, step))

    def _placed(self, batch: Loaded) -> tuple[Tensor, Tensor]:
        """Move a batch to the device, where images get their values and are cropped."""
        images, labels = (column.to(self.device, non_blocking=True) for column in batch[:2])
        images = values(images)
        if batch.crops is None:
            return images, labels
        height, width = self.size or images.shape[-2:]
        return cropped(images, batch.crops.to(self.device, non_blocking=True), (height, width)), labels


@dataclass(frozen=True)
class _Steps(Dataset):
    """Make what belongs to an iteration when the loader asks for it."""

    make: Make

    def __getitem__(self, step: int) -> Any:
        try:
            return self.make(step)
        except InputError as error:  # returned, since torch turns errors of other processes into RuntimeError
            return error


def _ignore_signals(number: int) -> None:  # noqa: ARG001
    """Ignore signals that the parent handles for the whole job: Ctrl-C, and SLURM's notice of the job's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
