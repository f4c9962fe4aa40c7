"""The growing training set: immutable shards on disk, a commit record per round, mini-batches over the active rows.

<run>/pool/round_0001-<digest>.parquet    rows, in as many files as there are writers or as are needed (`shards`)
           round_0001.json                written last: the round is complete; its files, cost, and the rows it retires

Rows are numbered in order of (round, index), whatever the files, so that a pool made by many processes is the pool
that one makes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirical.data.split import Split, draw
from empirical.diffusion.cost import Cost
from empirical.pool.parquet import Shard, read
from empirical.pool.rounds import Round
from empirical.pool.writer import Writer
from empirical.system.files import read_signed, write_signed
from empirical.system.ranks import ALONE, Ranks

MEMORY = 2**26  # bytes of decoded samples that are kept in memory; larger pools are read row by row


class Pool:
    """All rounds of a run so far. `newest_weight`: how often a row of the latest addition counts in mini-batches."""

    def __init__(
        self, directory: Path, shape: tuple[int, ...], rounds: int = 0, device: str = "cpu", newest_weight: int = 1
    ) -> None:
        self.directory, self.shape, self.device, self.newest_weight = directory, shape, device, newest_weight
        self.rounds: list[Round] = []
        self.active = torch.empty(0, dtype=torch.long)  # numbers of the rows in use, ascending
        self._starts: list[int] = []  # number of each round's first row
        self._rows: Split | None = None  # the active rows, where they fit in memory
        for _ in range(rounds):
            self.append()

    # The round to come

    def committed(self) -> bool:
        """Whether the next round is complete on disk: an interrupted run may have got that far."""
        return self._record(len(self.rounds)).exists()

    def begun(self) -> list[Shard]:
        """The files of the next round that an interrupted run has left."""
        return [read(path) for path in sorted(self._paths(len(self.rounds)))]

    def writer(self, omega: float, step: int) -> Writer:
        """Takes rows of the next round and puts them into files."""
        return Writer(self.directory, self.shape, len(self.rounds), omega, step)

    def commit(self, omega: float, step: int, cost: Cost, retired: Tensor) -> None:
        """Declare the next round complete: all files of it that there are."""
        number = len(self.rounds)
        values = {
            "round": number,
            "omega": omega,
            "step": step,
            "cost": vars(cost),
            "files": sorted(path.name for path in self._paths(number)),
            "retired": retired.tolist(),
        }
        write_signed(self._record(number), values)

    def append(self) -> None:
        """Take the next round, which must be committed, into use."""
        number = len(self.rounds)
        values = read_signed(self._record(number), f"delete {self.directory.parent} and rerun")
        files = [read(self.directory / name) for name in values["files"]]
        order = torch.cat([shard.indices for shard in files]).argsort()
        places = [np.stack([np.full(len(s.offsets), i), s.offsets, s.lengths], axis=1) for i, s in enumerate(files)]
        labels, seeds, indices, entropy = (
            torch.cat([getattr(shard, name) for shard in files])[order]
            for name in ("labels", "seeds", "indices", "entropy")
        )
        new = Round(
            number=number,
            omega=values["omega"],
            step=values["step"],
            cost=Cost(**values["cost"]),
            files=[shard.path for shard in files],
            shape=self.shape,
            retired=torch.tensor(values["retired"], dtype=torch.long),
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
            if number and before is None:
                self._rows = self._held(self.active)
                return
            added = self._held(numbers)
            self._rows = (
                added
                if before is None
                else Split(
                    torch.cat([before.images[kept], added.images]), torch.cat([before.labels[kept], added.labels])
                )
            )

    def _paths(self, number: int) -> Iterator[Path]:
        return self.directory.glob(f"round_{number:04d}-*.parquet")

    def _record(self, number: int) -> Path:
        return self.directory / f"round_{number:04d}.json"

    # The rows in use

    def __len__(self) -> int:
        return len(self.active)

    @property
    def version(self) -> int:
        """Changes whenever the rows in use change."""
        return len(self.rounds)

    @property
    def generated(self) -> int:
        """Images generated for this pool, discarded ones included: where the next round's sequence starts."""
        return sum(round_.cost.images for round_ in self.rounds)

    def take(self, rows: Tensor) -> Split:
        """Rows of the pool by number, with their labels."""
        return self._load(rows)

    def _load(self, rows: Tensor) -> Split:
        images = torch.empty(len(rows), *self.shape)
        labels = torch.empty(len(rows), dtype=torch.long)
        number = np.searchsorted(self._starts, rows.numpy(), side="right") - 1
        for i in np.unique(number):
            here = torch.from_numpy(np.flatnonzero(number == i))
            inside = rows[here] - self._starts[i]
            images[here], labels[here] = self.rounds[i].images(inside), self.rounds[i].labels[inside]
        return Split(images, labels)

    def _held(self, rows: Tensor) -> Split:
        """Rows of the pool where they are to stay."""
        return Split(*(part.to(self.device) for part in self._load(rows)))

    @property
    def in_memory(self) -> bool:
        """Whether the rows in use are; else they are read from files, onto the CPU."""
        return self._rows is not None

    def in_use(self, places: Tensor) -> Split:
        """Rows in use, by their place among them."""
        return self._rows.take(places) if self._rows is not None else self._load(self.active[places])

    def batch(self, seed: int, step: int, size: int, ranks: Ranks = ALONE) -> Split:
        """This process's share of iteration `step`'s mini-batch: uniform, the latest addition `newest_weight`-fold."""
        newest = self._newest()
        drawn = draw(seed, step, size, len(self) + (self.newest_weight - 1) * newest)
        old = len(self) - newest
        places = torch.where(drawn < old, drawn, old + (drawn - old) // self.newest_weight)
        return self.in_use(places[ranks.index :: ranks.count])

    def everything(self) -> tuple[Split, Tensor]:
        """All rows in use, and how likely each is to be drawn, relative to the others."""
        weights = torch.ones(len(self))
        weights[len(self) - self._newest() :] = self.newest_weight
        return self.in_use(torch.arange(len(self))), weights

    def _newest(self) -> int:
        """Rows of the latest addition; the initial pool is none."""
        return len(self.rounds[-1]) if len(self.rounds) > 1 else 0

    def summary(self) -> list[dict[str, Any]]:
        """One line per round: rows, images generated for them and their cost, mean entropy when added, omega, step."""
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
