"""Conversion of a network in training to named tensors and back: weights, their average, the optimiser's moments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def tensors_of(model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the tensors, not copied, under "model.", "averaged." and "optimizer.<parameter>." plus their own names."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in average.state_dict().items()}
    for i, entry in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in entry.items()}
    return tensors


def load(tensors: Mapping[str, Tensor], model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Load the tensors of `tensors_of` into a network in training."""
    groups: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, value in tensors.items():
        group, rest = name.split(".", 1)
        groups[group][rest] = value
    model.load_state_dict(groups["model"])
    average.load_state_dict(groups["averaged"])
    entries: dict[int, dict[str, Tensor]] = defaultdict(dict)
    for name, value in groups["optimizer"].items():
        index, key = name.split(".")
        entries[int(index)][key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": dict(entries)})
