"""One complete round of a pool: labels, seeds, indices and entropies in memory, samples read from its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empirical.data.images import stored, values
from empirical.diffusion.cost import Cost
from empirical.pool.parquet import payload
from empirical.settings.build import build, checked
from empirical.system.errors import require
from empirical.system.files import read_signed


@dataclass(frozen=True, kw_only=True)
class RoundRecord:
    """Hold a round's commit record, round_<number>.json; `Round` explains its values."""

    round: int
    omega: float
    step: int
    cost: Cost
    files: list[str]
    retired: list[int]


def read_record(path: Path, do: str) -> RoundRecord:
    """Read the commit record of a round. `do` tells the user how to replace a damaged one."""
    values = read_signed(path, do)
    table = checked(values.get("cost"), dict[str, Any], f"{path}.cost")
    record: RoundRecord = build(RoundRecord, {**values, "cost": build(Cost, table, f"{path}.cost")}, str(path))
    return record


@dataclass(frozen=True)
class Round:
    """Hold the rows of one addition (round 0: the initial pool), in order of their index in the run's sequence."""

    number: int
    omega: float
    step: int  # iteration of the learner when the rows were added
    cost: Cost
    files: list[Path]
    shape: tuple[int, ...]  # of a sample
    retired: Tensor  # numbers of the pool's rows that this round retires
    places: np.ndarray  # (n, 3): number of the file, first byte in it, bytes
    labels: Tensor  # (n,), as are seeds, indices and entropy
    seeds: Tensor
    indices: Tensor
    entropy: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def payloads(self, rows: Tensor) -> list[bytes]:
        """Read the stored bytes of some of the round's rows."""
        return [payload(self.files[file], first, size) for file, first, size in self.places[rows.numpy()].tolist()]

    def images(self, rows: Tensor) -> Tensor:
        """Read samples (B, *shape) of some of the round's rows; raises the InputError of `stored`."""
        return values(self.stored(rows))

    def stored(self, rows: Tensor) -> Tensor:
        """Read samples (B, *shape) of some of the round's rows, as they are stored (see `data.images.stored`).

        Raises InputError that counts and names the unreadable samples of a file.
        """
        try:
            return stored(self.payloads(rows), self.shape)
        except (OSError, ValueError):
            for number in np.unique(self.places[rows.numpy(), 0]):
                self._name_unreadable(number)
            raise

    def _name_unreadable(self, file: int) -> None:
        """Refuse a file with unreadable samples; all of its samples are tried, to count them."""
        rows, bad = np.flatnonzero(self.places[:, 0] == file), []
        for row in rows.tolist():
            try:
                stored(self.payloads(torch.tensor([row])), self.shape)
            except (OSError, ValueError):
                bad.append(row)
        path = self.files[file]
        names = ", ".join(map(str, bad[:10]))
        got = f"{len(bad)} of {len(rows)} samples that cannot be read (rows {names} of the round)"
        do = f"delete {path.parent.parent} and rerun"
        require(not bad, str(path), got, f"samples of shape {self.shape}", do)
