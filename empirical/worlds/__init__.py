"""The data worlds by name. A world is a frozen dataclass of options that supplies data, a generator and learners.

Adding a world takes a module in this folder, a line in `_PLACES`, and a recipe in experiments/worlds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from empirical.settings.build import build
from empirical.settings.sections import WorldChoice

if TYPE_CHECKING:
    from empirical.worlds.world import World

_PLACES = {
    "linear": "linear.LinearWorld",
    "digits": "digits.DigitsWorld",
    "latent_digits": "latent_digits.LatentDigitsWorld",
    "glyphs": "glyphs.GlyphsWorld",
    "cifar10": "cifar10.Cifar10World",
    "imagenet100": "imagenet.ImageNet100World",
    "imagenet1k": "imagenet.ImageNet1kWorld",
}


class _Worlds(Mapping[str, Any]):
    """Map names to classes; a module is imported when its class is looked up, since torch and timm load in seconds."""

    def __getitem__(self, name: str) -> Any:
        module, _, kind = _PLACES[name].partition(".")
        return getattr(import_module(f"{__name__}.{module}"), kind)

    def __contains__(self, name: object) -> bool:
        return name in _PLACES

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


WORLDS: Mapping[str, Any] = _Worlds()


@lru_cache(maxsize=256)
def open_world(choice: WorldChoice) -> World:
    """Make the world of a choice. InputError names an unknown option of its class, or a wrong value."""
    world: World = build(WORLDS[choice.name], dict(choice.options), f"world ({choice.name})")
    return world


def choice_of(world: World) -> WorldChoice:
    """Return the choice that opens an equal world: the inverse of `open_world`."""
    options: Any = world
    return WorldChoice.of(world.name, dataclasses.asdict(options))


def __getattr__(name: str) -> Any:
    """Import a class by its own name: `from empirical.worlds import DigitsWorld`."""
    for world, place in _PLACES.items():
        if place.endswith(f".{name}"):
            return WORLDS[world]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
