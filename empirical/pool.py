"""The growing training set: immutable shards on disk, one per round, and uniform mini-batches over the active rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from empirical.checkpoint import load_tensors, save_tensors
from empirical.data import Split
from empirical.sampler import Cost, Samples


@dataclass(frozen=True)
class Shard:
    """The rows that one round added, with what each cost; `entropy` (nats) is the learner's when they were added."""

    samples: Samples
    entropy: Tensor
    round: int
    omega: float
    step: int  # the learner's iteration when they were added
    replaces: bool  # the earlier rows are retired
    cost: Cost


class Pool:
    """Append-only, versioned by its rounds: round r lives in `round_000r.safetensors` and is never rewritten."""

    def __init__(self, directory: Path, rounds: int = 0, device: str = "cpu") -> None:
        self.directory, self.device = directory, device
        self.shards: list[Shard] = []
        for round_ in range(rounds):
            self._take(self._load(round_))

    def path(self, round_: int) -> Path:
        """Where round `round_` lives."""
        return self.directory / f"round_{round_:04d}.safetensors"

    def stored(self) -> Shard | None:
        """The next round, if an interrupted run had already written it."""
        return self._load(len(self.shards)) if self.path(len(self.shards)).exists() else None

    def append(self, shard: Shard) -> None:
        """Add a round and write its shard (unless it is there already)."""
        path = self.path(len(self.shards))
        if not path.exists():
            values = {
                "round": shard.round,
                "omega": shard.omega,
                "step": shard.step,
                "replaces": shard.replaces,
                "cost": vars(shard.cost),
            }
            save_tensors(path, {**shard.samples._asdict(), "entropy": shard.entropy}, values)
        self._take(shard)

    def _take(self, shard: Shard) -> None:
        self.shards.append(shard)
        since = max((i for i, s in enumerate(self.shards) if s.replaces), default=0)
        images = torch.cat([s.samples.images for s in self.shards[since:]])
        labels = torch.cat([s.samples.labels for s in self.shards[since:]])
        self.active = Split(images.to(self.device), labels.to(self.device))

    def _load(self, round_: int) -> Shard:
        path = self.path(round_)
        tensors, values = load_tensors(path, do=f"delete {self.directory.parent} and rerun")
        entropy = tensors.pop("entropy")
        values["cost"] = Cost(**values["cost"])
        return Shard(samples=Samples(**tensors), entropy=entropy, **values)

    def __len__(self) -> int:
        return len(self.active.labels) if self.shards else 0

    @property
    def generated(self) -> int:
        """Images generated for this pool, discarded ones included: where the next round's sequence starts."""
        return sum(shard.cost.images for shard in self.shards)

    def batch(self, seed: int, step: int, size: int) -> tuple[Tensor, Tensor]:
        """The mini-batch of iteration `step`, over the active rows."""
        return self.active.batch(seed, step, size)

    def summary(self) -> list[dict[str, Any]]:
        """One line per round: size, images generated for it and their cost, mean entropy when added, omega, step."""
        return [
            {
                "round": s.round,
                "added": len(s.entropy),
                "images": s.cost.images,
                "gflop": s.cost.sampling_gflop,
                "entropy": s.entropy.mean().item(),
                "omega": s.omega,
                "step": s.step,
            }
            for s in self.shards
        ]
