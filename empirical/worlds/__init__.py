"""The data worlds by name. A world is a frozen dataclass of options that supplies data, a generator and learners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

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
    """Classes by name, imported when they are asked for: the larger ones need libraries that take seconds to load."""

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


def __getattr__(name: str) -> Any:
    """The classes themselves, say `DigitsWorld`."""
    for world, place in _PLACES.items():
        if place.endswith(f".{name}"):
            return WORLDS[world]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
