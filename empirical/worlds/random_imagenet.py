"""ImageNet worlds with a Stable Diffusion 1.5 of random weights, to count operations and measure speeds without files.

On the device "meta" nothing is allocated or computed, which suffices for torch's FLOP counter; elsewhere the weights
are random. Everything else (steps, guidance, decoding, learner) is inherited from the ImageNet worlds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch

from empirical.generators.random_weights import SD_1_5, Configs, RandomParts, random_parts
from empirical.generators.stable_diffusion import Layout
from empirical.system.errors import require
from empirical.worlds.imagenet import ImageNet1kWorld, ImageNet100World, ImageNetWorld


@lru_cache(maxsize=2)
def _kept(world: Any, device: torch.device, layout: Layout) -> RandomParts:
    """Make the generator of a class of worlds once: hundreds of millions of random numbers are drawn."""
    return random_parts(str(device), world.configs, layout)


class _Random:
    """Replace the generator of an ImageNet world by one of random weights."""

    configs: ClassVar[Configs] = SD_1_5

    def _parts(self, device: str) -> RandomParts:
        world: Any = self
        kind: Any = type(self)
        return _kept(kind, torch.empty(0, device=device).device, world.layout)  # "cuda" and "cuda:0" are one


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
    """Return an ImageNet world with a Stable Diffusion 1.5 of random weights as its generator."""
    allowed = f"the worlds {' and '.join(RANDOM)}"
    require(world.name in RANDOM, "--random-weights", f"the world {world.name}", allowed, "leave it out")
    return RANDOM[world.name](size=world.size, channels_last=world.channels_last, compiled=world.compiled)
