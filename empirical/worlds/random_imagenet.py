"""Stable Diffusion 1.5 at its real size without its weights: to count operations, and to measure speeds without files.

On the device "meta" nothing is allocated or computed, which is enough for torch's FLOP counter; elsewhere the weights
are random. Everything else (steps, guidance, decoding, learner) is that of the ImageNet worlds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from empirical.system.errors import require
from empirical.worlds.imagenet import ImageNet1kWorld, ImageNet100World, ImageNetWorld

if TYPE_CHECKING:
    pass

from empirical.generators.random_weights import SD_1_5, Configs, RandomParts, random_parts


@lru_cache(maxsize=2)
def _kept(world: Any, device: torch.device) -> RandomParts:
    """Of a class of worlds; hundreds of millions of numbers are drawn once."""
    return random_parts(str(device), world.configs)


class _Random:
    """What random weights change of an ImageNet world."""

    configs: ClassVar[Configs] = SD_1_5

    def _parts(self, device: str) -> RandomParts:
        kind: Any = type(self)
        return _kept(kind, torch.empty(0, device=device).device)  # "cuda" and "cuda:0" are one


@dataclass(frozen=True, kw_only=True)
class RandomImageNet100(_Random, ImageNet100World):
    """ImageNet-100 with a Stable Diffusion 1.5 of random weights."""

    tiny: str = "random"


@dataclass(frozen=True, kw_only=True)
class RandomImageNet1k(_Random, ImageNet1kWorld):
    """ImageNet-1k with a Stable Diffusion 1.5 of random weights."""

    tiny: str = "random"


RANDOM: dict[str, type[ImageNetWorld]] = {world.name: world for world in (RandomImageNet100, RandomImageNet1k)}


def without_weights(world: Any) -> ImageNetWorld:
    """The world with a Stable Diffusion 1.5 of random weights in place of its generator."""
    allowed = f"the worlds {' and '.join(RANDOM)}"
    require(world.name in RANDOM, "--random-weights", f"the world {world.name}", allowed, "leave it out")
    return RANDOM[world.name](size=world.size)
