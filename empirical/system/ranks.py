"""The processes that do one run together on several devices, and the few values that they exchange.

`accelerate launch` starts the processes and tells each its rank; a run in one process uses `ALONE`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

PATIENCE = timedelta(hours=2)  # for one another: the first process inspects a million files while the others wait


@dataclass(frozen=True)
class Ranks:
    """Identify process `index` among the `count` processes that do one run together."""

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Tell whether this process writes the files that only one process may write."""
        return self.index == 0

    def mine(self, items: int) -> range:
        """Return the numbers of the items in [0, items) that this process works on."""
        return range(self.index, items, self.count)

    def barrier(self) -> None:
        """Wait until all processes have come here."""
        if self.count > 1:
            dist.barrier()

    def total(self, value: float) -> float:
        """Return the sum of every process's value; all processes get the same number."""
        if self.count == 1:
            return value
        summed = torch.tensor(value, dtype=torch.float64, device=_device())
        dist.all_reduce(summed)
        return summed.item()

    def gather(self, rows: Tensor) -> Tensor:
        """Return all processes' rows (n_k, ...), in order of rank, in every process; the n_k may differ."""
        if self.count == 1:
            return rows
        sizes = [torch.zeros(1, dtype=torch.long, device=_device()) for _ in range(self.count)]
        dist.all_gather(sizes, torch.tensor([len(rows)], device=_device()))
        most = int(max(sizes))
        padded = torch.zeros(most, *rows.shape[1:], dtype=rows.dtype, device=_device())
        padded[: len(rows)] = rows.to(padded.device)
        gathered = [torch.empty_like(padded) for _ in range(self.count)]
        dist.all_gather(gathered, padded)
        return torch.cat([block[: int(size)] for block, size in zip(gathered, sizes, strict=True)]).to(rows.device)


ALONE = Ranks()


@contextmanager
def launched(device: str) -> Iterator[tuple[Ranks, str]]:
    """Give this process's ranks and device under `accelerate launch`; without it (ALONE, device)."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE, device
        return
    from accelerate import PartialState

    on_cpu = torch.device(device).type == "cpu"
    if not on_cpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # first, else every process opens a context on GPU 0
    state = PartialState(cpu=on_cpu, timeout=PATIENCE)
    try:
        yield Ranks(state.process_index, state.num_processes), str(state.device)
    finally:
        state.destroy_process_group()


def _device() -> torch.device:
    """Return the kind of device whose tensors the backend exchanges."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
