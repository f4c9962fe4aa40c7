"""The growing training set: immutable shards on disk, a commit record per round, mini-batches over the active rows.

<run>/pool/round_0001-<digest>.parquet    rows, in as many files as there are writers or as are needed (`shards`)
           round_0001.json                written last: the round is complete; its files, cost, and the rows it retires

Rows are numbered in order of (round, index), whatever the files, so that a pool made by many processes is the pool
that one makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from empirical.diffusion.cost import Cost
from empirical.pool.parquet import ROWS, Rows, Shard, write
from empirical.system.errors import require


@dataclass
class Writer:
    """Collects rows of one round and writes a file whenever enough have come together."""

    directory: Path
    shape: tuple[int, ...]
    number: int
    omega: float
    step: int
    parts: list[Rows] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)

    def add(self, rows: Rows, cost: Cost) -> None:
        """Take rows, in order; `cost` is what they alone have cost."""
        self.parts.append(rows)
        self.cost.add(cost)
        if sum(len(part.payloads) for part in self.parts) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what has not been written yet."""
        if self.parts:
            rows = Rows.joined(self.parts)
            write(self.directory, self.shape, self.number, self.omega, self.step, rows, self.cost)
        self.parts, self.cost = [], Cost()


def covered(shards: Sequence[Shard]) -> set[int]:
    """Indices that are in some files; refused where one is there twice."""
    indices = [index for shard in shards for index in shard.indices.tolist()]
    twice = len(indices) - len(set(indices))
    where = str(shards[0].path.parent) if shards else "pool"
    require(not twice, where, f"{twice} rows twice", "each row once", "delete the run and rerun")
    return set(indices)
