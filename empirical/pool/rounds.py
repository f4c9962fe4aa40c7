"""The growing training set: immutable shards on disk, a commit record per round, mini-batches over the active rows.

<run>/pool/round_0001-<digest>.parquet    rows, in as many files as there are writers or as are needed (`shards`)
           round_0001.json                written last: the round is complete; its files, cost, and the rows it retires

Rows are numbered in order of (round, index), whatever the files, so that a pool made by many processes is the pool
that one makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from empirical.data.images import decode
from empirical.diffusion.cost import Cost
from empirical.pool.parquet import payload
from empirical.system.errors import require


@dataclass(frozen=True)
class Round:
    """The rows of one addition (round 0: the initial pool), in order of their index in the run's sequence."""

    number: int
    omega: float
    step: int  # the learner's iteration when they were added
    cost: Cost
    files: list[Path]
    shape: tuple[int, ...]  # of a sample
    retired: Tensor  # rows of the pool that this round retires
    places: np.ndarray  # (n, 3): number of the file, first byte in it, bytes
    labels: Tensor  # (n,), as are the others
    seeds: Tensor
    indices: Tensor
    entropy: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def payloads(self, rows: Tensor) -> list[bytes]:
        """The stored bytes of some of the round's rows."""
        return [payload(self.files[file], first, size) for file, first, size in self.places[rows.numpy()].tolist()]

    def images(self, rows: Tensor) -> Tensor:
        """Samples of some of the round's rows, (B, *shape); the unreadable ones of a file are counted and named."""
        try:
            return decode(self.payloads(rows), self.shape)
        except (OSError, ValueError):
            for number in np.unique(self.places[rows.numpy(), 0]):
                self._name_unreadable(number)
            raise

    def _name_unreadable(self, file: int) -> None:
        here, bad = np.flatnonzero(self.places[:, 0] == file), []
        for row in here.tolist():
            try:
                decode(self.payloads(torch.tensor([row])), self.shape)
            except (OSError, ValueError):
                bad.append(row)
        path = self.files[file]
        got = (
            f"{len(bad)} of {len(here)} samples that cannot be read (rows {', '.join(map(str, bad[:10]))} of the round)"
        )
        do = f"delete {path.parent.parent} and rerun"
        require(not bad, str(path), got, f"samples of shape {self.shape}", do)
