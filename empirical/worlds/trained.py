"""The base of the worlds of small images: the generator's weights file, its denoiser, networks as learners.

A generator works on the images themselves, except in `latent_digits`.
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
from empirical.learning.evaluate import Score, score
from empirical.learning.learner import Learner
from empirical.learning.network_learner import NetworkLearner
from empirical.settings.sections import Acquire, Growth, LearnerChoice, Training
from empirical.system.errors import require, require_non_negative
from empirical.system.ranks import ALONE, Ranks
from empirical.worlds.world import World, check_decode

UNTRAINED = "untrained"  # the `weights` of a world whose generator is about to be trained
NetworkFactory = Callable[[int, int, int], nn.Module]  # (channels, size, classes) -> logits of images


@lru_cache(maxsize=4)
def _load(path: Path, changed: int, device: str) -> tuple[nn.Module, dict[str, Any]]:  # noqa: ARG001
    """Load the generator of a weights file; `changed`, its time of change, makes the cache notice a replaced file."""
    model, values = unet.load(path)
    return model.to(device), values


@dataclass(frozen=True, kw_only=True)
class PixelWorld:
    """A world of small images whose generator is trained here.

    corpus: the rows or fonts that the generator has learned from.
    weights: the generator's weights file (default: the shipped one, or the one trained here).
    trained: iterations of the generator's training after which its weights were taken, where its settings name them as
    `kept`; 0: the finished weights. A named weights file is used as it is.
    A subclass adds its other options and its images, the further methods of `Trainable`; an option that comes with
    weights of its own gives `variant` a name.
    """

    name: ClassVar[str]
    classes: ClassVar[int]
    shape: ClassVar[tuple[int, ...]]
    networks: ClassVar[Mapping[str, NetworkFactory]]
    decodes: ClassVar[tuple[str, ...]] = ("full",)
    places: ClassVar[tuple[str, ...]] = ("weights", "trained", "data", "autoencoder")
    models: ClassVar[tuple[str, ...]] = ("weights", "trained", "autoencoder")

    corpus: tuple[Any, ...]
    weights: str = ""
    trained: int = 0

    def with_weights(self, path: Path) -> Self:
        """Return the same world with another weights file."""
        return replace(self, weights=str(path))

    def origin(self) -> dict[str, Any]:
        """Return all that decides the generator's training images: the options but `places`, and `learned_from`."""
        options = {name: value for name, value in asdict(self).items() if name not in self.places}
        return {**options, **self.learned_from()}

    def learned_from(self) -> dict[str, Any]:
        """Return all that the generator's weights depend on besides the training settings; it is stored with them."""
        return {"corpus": list(self.corpus)}

    def prepare(self) -> None:
        """Download missing data before the generator is trained; most worlds have theirs already."""

    def encoded(self, folder: Path, begun: bool, report: Callable[[int, str], None]) -> Self:  # noqa: ARG002
        """Return the world itself: its generator needs no autoencoder."""
        return self

    def check(self, learner: LearnerChoice, growth: Growth, acquire: Acquire) -> None:  # noqa: ARG002
        """Refuse unknown learners and decoders, and a generator that has learned from another corpus."""
        require(learner.kind in self.networks, "learner.kind", learner.kind, f"one of {tuple(self.networks)}")
        check_decode(self.name, self.decodes, acquire)
        if self.weights != UNTRAINED:
            self.weights_values()

    def memory(self, rows: int) -> float:
        """Count a label and a seed a row: images of large pools are read as they are needed."""
        return 16.0 * rows

    def inspect(self) -> None:
        """Check nothing: the images are small, and are checked when they are read."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by label: the labels as text, unless a world has better names."""
        return tuple(map(str, range(self.classes)))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return self.shape

    @property
    def variant(self) -> str:
        """Name of the variant of the world with weights files, and a preset for their training, of its own; or ""."""
        return ""

    @property
    def path(self) -> Path:
        """The generator's weights file."""
        return self._file(self.weights, "generator")

    def file_name(self, part: str) -> str:
        """Return the name of the weights file of the "generator" or the "autoencoder"."""
        length = str(self.trained) if self.trained and part == "generator" else ""
        return "_".join(filter(None, (self.name, self.variant, part, length))) + ".safetensors"

    def _file(self, named: str, part: str) -> Path:
        """Return the path of a weights file: named, else shipped, else written by `paper_repro.py generator`."""
        require_non_negative(f"world ({self.name})", trained=self.trained)
        shipped = Path(__file__).with_name(self.file_name(part))
        trained = Path("results", "generator", shipped.name)
        return Path(named) if named else shipped if shipped.exists() else trained

    def _loaded(self, device: str) -> tuple[nn.Module, dict[str, Any]]:
        """Load the generator and its stored values; InputError where it is missing or does not fit this world."""
        preset = f" --preset {self.variant}" if self.variant else ""
        path, train = self.path, f"train one: python paper_repro.py generator {self.name}{preset}"
        where = f"world ({self.name})"
        require(path.is_file(), f"{where}.weights", str(path), "an existing weights file", f"name another, or {train}")
        model, values = _load(path, path.stat().st_mtime_ns, device)
        own = {"classes": self.classes, "channels": self.latent_shape[0], "size": self.latent_shape[1]}
        stored = {name: values["unet"].get(name) for name in own}
        require(stored == own, f"{where}.weights", stored, f"weights for {own}", f"name another file, or {train}")
        for name, value in self.learned_from().items():
            allowed = f"{values.get(name)}, which the generator's weights were trained on"
            do = f"name weights for this {name} in world.weights, or {train}"
            require(values.get(name) == value, f"{where}.{name}", value, allowed, do)
        return model, values

    def weights_values(self) -> dict[str, Any]:
        """Return the values stored with the weights: network, training, corpus, digest."""
        return self._loaded("cpu")[1]

    def identity(self) -> str:
        """Return the digest of the generator's weights."""
        return self.weights_values()["sha256"]

    def scheduler(self) -> Any:
        """Return the noise schedule that the generator was trained with."""
        return unet.scheduler()

    def denoiser(self, device: str) -> Denoiser:
        """Return the trained noise estimate; the label `classes` stands for no class."""
        model, values = self._loaded(device)
        prediction = values["training"].get("prediction", "noise")  # older files do not store it
        return lambda x, t, labels: unet.estimate(model, x, t, labels, prediction)

    def preview(self, decode: str, device: str) -> Callable[[Tensor], Tensor]:  # noqa: ARG002
        """Return the identity: the sampler works on the images themselves."""
        return unchanged

    def finish(self, x: Tensor) -> Tensor:
        """Round images to the 256 levels that are stored, in [-1, 1]."""
        return quantise(x)

    def test(self: Trainable, learner: Learner, ranks: Ranks = ALONE) -> Score:
        """Score a learner on the real test and validation images; `accuracy` is that on the test images."""
        sets = {"test": self.test_split(), "validation": self.validation_split(0)}
        return score(learner, sets, self.classes, ranks)

    def learner(self, kind: str, training: Training, seed: int, device: str) -> NetworkLearner:
        """Make an untrained network of `networks`; its initial weights follow from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.networks[kind](self.shape[0], self.shape[1], self.classes).to(device)
        return NetworkLearner(model, self.classes, training, seed)


class Trainable(World, Protocol):
    """A `PixelWorld` with its images: a world whose generator is trained here."""

    @property
    def corpus(self) -> tuple[Any, ...]: ...

    def with_weights(self, path: Path) -> Self: ...

    def file_name(self, part: str) -> str: ...

    def origin(self) -> dict[str, Any]: ...

    def learned_from(self) -> dict[str, Any]: ...

    def prepare(self) -> None: ...

    def encoded(self, folder: Path, begun: bool, report: Callable[[int, str], None]) -> Self:
        """Train the autoencoder that the generator needs, if any, into `folder`; return the world that uses it.

        begun: the generator's training was interrupted; the autoencoder in `folder` is kept. report(iteration, note).
        """
        ...

    def material(self) -> Split | Batches:
        """Return the training material of the generator: a split, or a function that makes batches."""
        ...

    def test_split(self) -> Split:
        """Return the real images that finished learners are tested on."""
        ...


def check_ranges(where: str, ranges: Mapping[str, tuple[int, int]], rows: int) -> None:
    """Refuse row ranges [first, past the last) that are empty, overlap, or go beyond `rows`."""
    taken: set[int] = set()
    for name, (first, last) in ranges.items():
        place = f"{where}.{name}"
        require(0 <= first < last <= rows, place, [first, last], f"rows 0 <= first < last <= {rows}")
        own = set(range(first, last))
        require(taken.isdisjoint(own), place, [first, last], "rows of no other split", "make the row ranges disjoint")
        taken |= own
