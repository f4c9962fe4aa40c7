"""One run on several devices: which process this is, and the few things processes say to each other.

`accelerate launch` starts the processes and tells each its place; one process needs nothing of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """Process `index` of `count` that do one run together."""

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes what is written once."""
        return self.index == 0

    def mine(self, items: int) -> range:
        """This process's share of `items`, as their numbers."""
        return range(self.index, items, self.count)

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.count > 1:
            dist.barrier()

    def total(self, value: float) -> float:
        """The sum of every process's value, the same number everywhere."""
        if self.count == 1:
            return value
        summed = torch.tensor(value, dtype=torch.float64, device=_device())
        dist.all_reduce(summed)
        return summed.item()

    def gather(self, rows: Tensor) -> Tensor:
        """All processes' rows (n_k, ...), one after the other, everywhere; they may differ in number."""
        if self.count == 1:
            return rows
        sizes = [torch.zeros(1, dtype=torch.long, device=_device()) for _ in range(self.count)]
        dist.all_gather(sizes, torch.tensor([len(rows)], device=_device()))
        most = int(max(sizes))
        padded = torch.zeros(most, *rows.shape[1:], dtype=rows.dtype, device=_device())
        padded[: len(rows)] = rows.to(padded.device)
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        dist.all_gather(parts, padded)
        return torch.cat([part[: int(size)] for part, size in zip(parts, sizes, strict=True)]).to(rows.device)


ALONE = Ranks()


def _device() -> torch.device:
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")


@contextmanager
def launched(device: str) -> Iterator[tuple[Ranks, str]]:
    """This process's place under `accelerate launch` and its own device; (ALONE, device) without it."""
    import os

    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE, device
        return
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu")
    try:
        yield Ranks(state.process_index, state.num_processes), str(state.device)
    finally:
        state.destroy_process_group()
