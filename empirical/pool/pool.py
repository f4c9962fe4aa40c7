"""The growing training set: immutable shards on disk, a commit record per round, mini-batches over the active rows.

<run>/pool/round_0001-<digest>.parquet    rows; every writer makes as many files as it needs (see `parquet`)
           round_0001.json                written last, when the round is complete: files, cost, rows that it retires

Rows are numbered in order of (round, index), whatever the files, so many processes make the same pool as one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirical.data.images import is_image, values
from empirical.data.split import Split, draw
from empirical.diffusion.cost import Cost
from empirical.pool.parquet import Shard, read
from empirical.pool.rounds import Round, RoundRecord, read_record
from empirical.pool.writer import Writer
from empirical.system.errors import require
from empirical.system.files import write_signed
from empirical.system.ranks import ALONE, Ranks

MEMORY = 2**26  # bytes of decoded samples kept in memory, at most; larger pools are read row by row


class Pool:
    """Hold all rounds of a run so far; learners draw mini-batches from the active rows.

    rounds: number of committed rounds to take into use at once. newest_weight: how many times as likely a row of the
    latest addition is to be drawn as another row.
    """

    def __init__(
        self, directory: Path, shape: tuple[int, ...], rounds: int = 0, device: str = "cpu", newest_weight: int = 1
    ) -> None:
        self.directory, self.shape, self.device, self.newest_weight = directory, shape, device, newest_weight
        self.rounds: list[Round] = []
        self.active = torch.empty(0, dtype=torch.long)  # numbers of the active rows, ascending
        self._starts: list[int] = []  # number of each round's first row
        self._rows: Split | None = None  # the active rows, if they fit in memory
        for _ in range(rounds):
            self.append()

    # The next round

    def committed(self) -> bool:
        """Return whether the next round is complete on disk, as an interrupted run may have left it."""
        return self._record(len(self.rounds)).exists()

    def begun(self) -> list[Shard]:
        """Open the files of the next round that an interrupted run has left."""
        return [read(path) for path in sorted(self._paths(len(self.rounds)))]

    def writer(self, omega: float, step: int) -> Writer:
        """Make a writer of rows of the next round."""
        return Writer(self.directory, self.shape, len(self.rounds), omega, step)

    def commit(self, omega: float, step: int, cost: Cost, retired: Tensor) -> None:
        """Write the record that declares the next round complete with all of its files on disk."""
        number = len(self.rounds)
        files = sorted(path.name for path in self._paths(number))
        record = RoundRecord(round=number, omega=omega, step=step, cost=cost, files=files, retired=retired.tolist())
        write_signed(self._record(number), dataclasses.asdict(record))

    def append(self) -> None:
        """Add the next round, which must be committed, to the active rows, and drop the rows that it retires."""
        number = len(self.rounds)
        path, do = self._record(number), f"delete {self.directory.parent} and rerun"
        record = read_record(path, do)
        require(record.round == number, f"{path}.round", record.round, f"{number}, as in its name", do)
        files = [read(self.directory / name) for name in record.files]
        order = torch.cat([shard.indices for shard in files]).argsort()
        places = [np.stack([np.full(len(s.offsets), i), s.offsets, s.lengths], axis=1) for i, s in enumerate(files)]
        labels, seeds, indices, entropy = (
            torch.cat([getattr(shard, name) for shard in files])[order]
            for name in ("labels", "seeds", "indices", "entropy")
        )
        new = Round(
            number=number,
            omega=record.omega,
            step=record.step,
            cost=record.cost,
            files=[shard.path for shard in files],
            shape=self.shape,
            retired=torch.tensor(record.retired, dtype=torch.long),
            places=np.concatenate(places)[order.numpy()],
            labels=labels,
            seeds=seeds,
            indices=indices,
            entropy=entropy,
        )
        self._starts.append(sum(len(round_) for round_ in self.rounds))
        self.rounds.append(new)
        kept = ~torch.isin(self.active, new.retired)
        numbers = torch.arange(self._starts[-1], self._starts[-1] + len(new))
        before, self.active = self._rows, torch.cat([self.active[kept], numbers])
        self._rows = None
        if len(self.active) * math.prod(self.shape) * 4 <= MEMORY:
            if before is None:
                self._rows = self._loaded(self.active)
            else:
                added, rest = self._loaded(numbers), (before.images[kept], before.labels[kept])
                self._rows = Split(*(torch.cat(columns) for columns in zip(rest, added, strict=True)))

    def outdated(self, memory: int) -> Tensor:
        """Return the numbers of the active rows that are too old once the next round is one of the latest `memory`."""
        starts = [*self._starts, sum(len(round_) for round_ in self.rounds)]
        oldest = max(len(self.rounds) + 1 - memory, 0)  # number of the oldest round that stays
        return self.active[self.active < starts[oldest]]

    def _paths(self, number: int) -> Iterator[Path]:
        return self.directory.glob(f"round_{number:04d}-*.parquet")

    def _record(self, number: int) -> Path:
        return self.directory / f"round_{number:04d}.json"

    # The active rows

    def __len__(self) -> int:
        return len(self.active)

    @property
    def version(self) -> int:
        """Number that changes whenever the active rows change."""
        return len(self.rounds)

    @property
    def generated(self) -> int:
        """Number of images generated for this pool, discarded ones included: index of the next round's first image."""
        return sum(round_.cost.images for round_ in self.rounds)

    def take(self, rows: Tensor) -> Split:
        """Read rows, active or retired, by their number in the pool, onto the CPU."""
        images, labels = self._stored(rows)
        return Split(values(images), labels)

    def _stored(self, rows: Tensor) -> Split:
        """Read rows as they are stored: images as levels."""
        images = torch.empty(len(rows), *self.shape, dtype=torch.uint8 if is_image(self.shape) else torch.float32)
        labels = torch.empty(len(rows), dtype=torch.long)
        number = np.searchsorted(self._starts, rows.numpy(), side="right") - 1
        for i in np.unique(number):
            positions = torch.from_numpy(np.flatnonzero(number == i))
            inside = rows[positions] - self._starts[i]
            images[positions], labels[positions] = self.rounds[i].stored(inside), self.rounds[i].labels[inside]
        return Split(images, labels)

    def _loaded(self, rows: Tensor) -> Split:
        """Read rows and move them to `device`."""
        return Split(*(column.to(self.device) for column in self.take(rows)))

    @property
    def in_memory(self) -> bool:
        """Tell whether the active rows are in memory; if not, they are read from files onto the CPU."""
        return self._rows is not None

    def in_use(self, places: Tensor) -> Split:
        """Return active rows by their place among the active rows."""
        return self._rows.take(places) if self._rows is not None else self.take(self.active[places])

    def batch(self, seed: int, step: int, size: int, ranks: Ranks = ALONE) -> Split:
        """Draw this process's share of iteration `step`'s mini-batch: uniform, the newest rows `newest_weight`-fold.

        Images that are read from files are left as levels: moved to a GPU they are a quarter of the bytes.
        """
        newest = self._newest()
        drawn = draw(seed, step, size, len(self) + (self.newest_weight - 1) * newest)
        old = len(self) - newest
        places = torch.where(drawn < old, drawn, old + (drawn - old) // self.newest_weight)
        mine = places[ranks.index :: ranks.count]
        return self._rows.take(mine) if self._rows is not None else self._stored(self.active[mine])

    def everything(self) -> tuple[Split, Tensor]:
        """Return all active rows and their relative probabilities of being drawn."""
        weights = torch.ones(len(self))
        weights[len(self) - self._newest() :] = self.newest_weight
        return self.in_use(torch.arange(len(self))), weights

    def _newest(self) -> int:
        """Return the number of rows in the latest addition; the initial pool is no addition."""
        return len(self.rounds[-1]) if len(self.rounds) > 1 else 0

    def summary(self) -> list[dict[str, Any]]:
        """Describe each round: rows, images generated for them and their cost, mean entropy when added, omega, step."""
        return [
            {
                "round": round_.number,
                "added": len(round_),
                "retired": len(round_.retired),
                "images": round_.cost.images,
                "gflop": round_.cost.sampling_gflop,
                "entropy": round_.entropy.mean().item(),
                "omega": round_.omega,
                "step": round_.step,
            }
            for round_ in self.rounds
        ]
