"""The writer of a round: it collects rows and puts them into Parquet files of the pool."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from empirical.diffusion.cost import Cost
from empirical.pool.parquet import ROWS, Rows, Shard, write
from empirical.system.errors import require

SECONDS = 300.0  # of work that an interruption may cost, at most: 4,096 images of Stable Diffusion take 17 minutes


@dataclass
class Writer:
    """Collect rows of round `number`; write a file whenever they are enough for one, or took long to make."""

    directory: Path
    shape: tuple[int, ...]
    number: int
    omega: float
    step: int
    waiting: list[Rows] = field(default_factory=list)  # rows that are in no file yet
    cost: Cost = field(default_factory=Cost)  # of these rows
    since: float = field(default_factory=time.monotonic)  # the writer has collected them, s

    def add(self, rows: Rows, cost: Cost) -> None:
        """Add rows, in order of index; `cost` is the cost of these rows alone."""
        self.waiting.append(rows)
        self.cost.add(cost)
        late = time.monotonic() - self.since >= SECONDS
        if late or sum(len(rows.payloads) for rows in self.waiting) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are in no file yet."""
        if self.waiting:
            rows = Rows.joined(self.waiting)
            write(self.directory, self.shape, self.number, self.omega, self.step, rows, self.cost)
        self.waiting, self.cost, self.since = [], Cost(), time.monotonic()


def covered(shards: Sequence[Shard]) -> set[int]:
    """Return the indices of the rows in some files; refuse files that have a row twice."""
    indices = [index for shard in shards for index in shard.indices.tolist()]
    twice = len(indices) - len(set(indices))
    where = str(shards[0].path.parent) if shards else "pool"
    require(not twice, where, f"{twice} rows twice", "each row once", "delete the run and rerun")
    return set(indices)
