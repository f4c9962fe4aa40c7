"""What the worlds of small images share: the generator's weights file, its denoiser, networks as learners.

Their generators work on the images themselves, unless a world says otherwise (`latent_digits`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

from empirical.data.images import quantise
from empirical.data.split import Split
from empirical.diffusion.denoiser import Denoiser, unchanged
from empirical.generators import unet
from empirical.generators.unet_training import Batches
from empirical.learning.network_learner import NetworkLearner
from empirical.settings.sections import Acquire, Growth, LearnerChoice, Training
from empirical.system.errors import require
from empirical.worlds.world import World, check_decode

UNTRAINED = "untrained"  # the `weights` of a world whose generator is about to be trained
NetworkFactory = Callable[[int, int, int], nn.Module]  # (channels, size, classes) -> logits of images


@lru_cache(maxsize=4)
def _load(path: Path, changed: int, device: str) -> tuple[nn.Module, dict[str, Any]]:  # noqa: ARG001
    """The generator of a weights file; the time of its last change is there to notice that it was replaced."""
    model, values = unet.load(path)
    return model.to(device), values


@dataclass(frozen=True, kw_only=True)
class PixelWorld:
    """`corpus` says what the generator has learned from, `weights` where it is (default: shipped, or as trained here).

    A world adds its other options, its splits, and the images: `corpus_split`, `validation_split`, `test`, `material`.
    """

    name: ClassVar[str]
    classes: ClassVar[int]
    shape: ClassVar[tuple[int, ...]]
    networks: ClassVar[Mapping[str, NetworkFactory]]
    decodes: ClassVar[tuple[str, ...]] = ("full",)
    places: ClassVar[tuple[str, ...]] = ("weights", "data", "autoencoder")
    models: ClassVar[tuple[str, ...]] = ("weights", "autoencoder")

    corpus: tuple[Any, ...]
    weights: str = ""

    def with_weights(self, path: Path) -> Self:
        """The same world with other weights."""
        return replace(self, weights=str(path))

    def origin(self) -> dict[str, Any]:
        """What the world's images are made of: its options, but for places of files, and what weights depend on."""
        options = {name: value for name, value in asdict(self).items() if name not in self.places}
        return {**options, **self.learned_from()}

    def learned_from(self) -> dict[str, Any]:
        """What the generator's weights depend on besides their training; stored with them."""
        return {"corpus": list(self.corpus)}

    def prepare(self) -> None:
        """Fetch what the world needs, where that is allowed: before its generator is trained. Most have it all."""

    def encoded(self, folder: Path, begun: bool, report: Callable[[int, str], None]) -> Self:  # noqa: ARG002
        """The same world with an autoencoder in `folder`, where its generator works on latents; see `Trainable`."""
        return self

    def check(self, learner: LearnerChoice, growth: Growth, acquire: Acquire) -> None:  # noqa: ARG002
        """Refuse unknown learners and decoders, and a generator that has learned from another corpus."""
        require(learner.kind in self.networks, "learner.kind", learner.kind, f"one of {tuple(self.networks)}")
        check_decode(self.name, self.decodes, acquire)
        if self.weights != UNTRAINED:
            self.weights_values()

    def inspect(self) -> None:
        """The images are small, and looked at when they are read."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The labels themselves, unless a world has better names."""
        return tuple(map(str, range(self.classes)))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return self.shape

    @property
    def path(self) -> Path:
        """The generator's weights file."""
        return self._file(self.weights, "generator")

    def _file(self, named: str, part: str) -> Path:
        """A weights file: the one named, the one shipped, or the one that `paper_repro.py generator` leaves."""
        shipped = Path(__file__).with_name(f"{self.name}_{part}.safetensors")
        trained = Path("results", "generator", shipped.name)
        return Path(named) if named else shipped if shipped.exists() else trained

    def _loaded(self, device: str) -> tuple[nn.Module, dict[str, Any]]:
        path, train = self.path, f"train one: python paper_repro.py generator {self.name}"
        where = f"world ({self.name})"
        require(path.is_file(), f"{where}.weights", str(path), "an existing weights file", f"name another, or {train}")
        model, values = _load(path, path.stat().st_mtime_ns, device)
        found = {name: values["unet"].get(name) for name in ("classes", "channels", "size")}
        wanted = {"classes": self.classes, "channels": self.latent_shape[0], "size": self.latent_shape[1]}
        require(found == wanted, f"{where}.weights", found, f"weights for {wanted}", f"name another file, or {train}")
        for name, own in self.learned_from().items():
            allowed = f"{values.get(name)}, which the generator's weights were trained on"
            do = f"name weights for this {name} in world.weights, or {train}"
            require(values.get(name) == own, f"{where}.{name}", own, allowed, do)
        return model, values

    def weights_values(self) -> dict[str, Any]:
        """What is stored beside the weights: network, training, corpus."""
        return self._loaded("cpu")[1]

    def identity(self) -> str:
        """The digest of the generator's weights."""
        return self.weights_values()["sha256"]

    def scheduler(self) -> Any:
        """The schedule the generator was trained with."""
        return unet.scheduler()

    def denoiser(self, device: str) -> Denoiser:
        """The trained noise estimate; the label `classes` asks for the unconditional one."""
        model, values = self._loaded(device)
        prediction = values["training"].get("prediction", "noise")  # older files do not say
        return lambda x, t, labels: unet.estimate(model, x, t, labels, prediction)

    def preview(self, decode: str, device: str) -> Callable[[Tensor], Tensor]:  # noqa: ARG002
        """The sampler works on samples themselves."""
        return unchanged

    def finish(self, x: Tensor) -> Tensor:
        """Images end in the range of the data, on the 256 levels that are stored."""
        return quantise(x)

    def learner(self, kind: str, training: Training, seed: int, device: str) -> NetworkLearner:
        """Make a network of a kind; its initial weights follow from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.networks[kind](self.shape[0], self.shape[1], self.classes).to(device)
        return NetworkLearner(model, self.classes, training, seed)


class Trainable(World, Protocol):
    """A world whose generator is trained: a `PixelWorld` with its images."""

    @property
    def corpus(self) -> tuple[Any, ...]: ...

    def with_weights(self, path: Path) -> Self: ...

    def origin(self) -> dict[str, Any]: ...

    def learned_from(self) -> dict[str, Any]: ...

    def prepare(self) -> None: ...

    def encoded(self, folder: Path, begun: bool, report: Callable[[int, str], None]) -> Self:
        """The same world with the autoencoder that its generator needs, if any, trained into `folder`.

        begun: the training of the generator has begun, with the autoencoder that is there. report(iteration, what).
        """
        ...

    def material(self) -> Split | Batches:
        """What to train the generator on."""
        ...


def check_ranges(where: str, ranges: Mapping[str, tuple[int, int]], rows: int) -> None:
    """Refuse row ranges [first, past the last) that are empty, beyond the `rows` there are, or overlap."""
    taken: set[int] = set()
    for name, (first, last) in ranges.items():
        place = f"{where}.{name}"
        require(0 <= first < last <= rows, place, [first, last], f"rows 0 <= first < last <= {rows}")
        own = set(range(first, last))
        require(taken.isdisjoint(own), place, [first, last], "rows of no other split", "make the row ranges disjoint")
        taken |= own
