"""A network in training as named tensors, and back: weights, their average, the optimiser's moments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def tensors_of(model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors themselves, no copies, as "model.", "averaged." and "optimizer.<parameter>." and their own names."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in average.state_dict().items()}
    for i, entry in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in entry.items()}
    return tensors


def load(tensors: Mapping[str, Tensor], model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Continue from what `tensors_of` returned."""
    parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, value in tensors.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = value
    model.load_state_dict(parts["model"])
    average.load_state_dict(parts["averaged"])
    entries: dict[int, dict[str, Tensor]] = defaultdict(dict)
    for name, value in parts["optimizer"].items():
        index, key = name.split(".")
        entries[int(index)][key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": dict(entries)})
