"""The ImageNet worlds: Stable Diffusion prompted with class names, real images in local folders, timm's networks.

Nothing is fetched. Real images are those of folders in ImageFolder's layout, a folder per class named by its WordNet id
(or, as in ImageNet-V2, by its place 0...999 among the 1,000 sorted ids): validation to watch and to score, training
images as a held-out test set, and the out-of-distribution sets, all cropped to the centred square and resized.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from empirical.data import folders
from empirical.data.folders import FolderSplit
from empirical.data.images import quantise
from empirical.data.split import Split
from empirical.diffusion.denoiser import ClassifierFree, Denoiser
from empirical.diffusion.guidance import Unguided
from empirical.diffusion.sampler import ddim, image_seed, noise
from empirical.generators import stable_diffusion
from empirical.learning import networks as vision
from empirical.learning.evaluate import Score, score
from empirical.learning.learner import Learner
from empirical.learning.network_learner import NetworkLearner
from empirical.settings.sections import Acquire, Growth, LearnerChoice, Training
from empirical.system.errors import InputError, require
from empirical.system.ranks import ALONE, Ranks
from empirical.worlds.imagenet_classes import IMAGENET_1K, IMAGENET_100, IMAGENET_A, IMAGENET_R, labelled, names
from empirical.worlds.world import check_decode

# Latents that a linear preview is fitted on: plain samples of a seed that no run has.
EXAMPLES, EXAMPLE_STEPS, EXAMPLE_SCALE, EXAMPLE_SEED = 16, 10, 3.0, 2**33


@dataclass(frozen=True, kw_only=True)
class ImageNetWorld:
    """Folders, models (local folders or ids in the hub's cache), and pixels along an edge of the stored images.

    data: the folder with train and val. v2, sketch, r, a: folders of out-of-distribution sets, "" where there is none.
    generator: a Stable Diffusion. tiny: an AutoencoderTiny for its latents, "" for none.
    Folders may have more classes of ImageNet than the world.
    """

    name: ClassVar[str]
    ids: ClassVar[tuple[str, ...]]  # WordNet's, by label
    places: ClassVar[tuple[str, ...]] = ("data", "v2", "sketch", "r", "a", "generator", "tiny")
    models: ClassVar[tuple[str, ...]] = ("generator", "tiny")

    data: str = "data/imagenet"
    v2: str = ""
    sketch: str = ""
    r: str = ""
    a: str = ""
    generator: str = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    tiny: str = ""
    size: int = 256

    def __post_init__(self) -> None:
        require(self.size >= 8, f"world ({self.name}).size", self.size, "an integer >= 8")

    @property
    def classes(self) -> int:
        return len(self.ids)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The generator's prompts."""
        return names(self.ids)

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, self.size, self.size)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return self._parts("cpu").latent_shape

    @property
    def decodes(self) -> tuple[str, ...]:
        return ("full", "tiny", "linear") if self.tiny else ("full", "linear")

    def check(self, learner: LearnerChoice, growth: Growth, acquire: Acquire) -> None:  # noqa: ARG002
        """Refuse networks that timm does not have; folders are left to `inspect`: plans and results do without them."""
        do = "leave it out" if self.tiny else "name an AutoencoderTiny in world.tiny"
        check_decode(self.name, self.decodes, acquire, do)
        vision.check_name(learner.kind)

    def inspect(self) -> None:
        """Refuse missing folders and classes, and images that cannot be read or are cut off."""
        _inspect(self)

    def _parts(self, device: str) -> stable_diffusion.Parts:
        return stable_diffusion.load(self.generator, self.tiny, device)

    def identity(self) -> str:
        """The digest of the generator's weights."""
        return self._parts("cpu").identity()

    def scheduler(self) -> Any:
        """DDIM with the generator's noise levels."""
        return self._parts("cpu").scheduler()

    def denoiser(self, device: str) -> Denoiser:
        """The noise estimate prompted with class names; the label `classes` is the empty prompt."""
        return self._parts(device).denoiser(self.class_names)

    def preview(self, decode: str, device: str) -> Callable[[Tensor], Tensor]:
        """Latents to images of the stored size, as `finish` makes them but for the rounding; differentiable."""
        return _preview(self, decode, str(self._parts(device).device))

    def finish(self, x: Tensor) -> Tensor:
        """Latents decoded in full, resized, on the 256 levels that are stored."""
        return quantise(resized(self._parts(str(x.device)).space.decode(x), self.size))

    def real(self, name: str) -> FolderSplit:
        """The real images of the set "validation", "train", "v2", "sketch", "r" or "a", with the world's labels."""
        option, folder, known = self._places()[name]
        where = f"world ({self.name}).{option}"
        wanted = labelled(where, folder, self.ids, known)
        return folders.open_folder(where, folder, wanted, self.size)

    def _places(self) -> dict[str, tuple[str, Path, frozenset[str]]]:
        """Of every set the option that names it, its folder, and its classes among ImageNet's 1,000."""
        everything, root = frozenset(IMAGENET_1K), Path(self.data)
        own = {"v2": everything, "sketch": everything, "r": IMAGENET_R, "a": IMAGENET_A}
        places = {"validation": ("data", root / "val", everything), "train": ("data", root / "train", everything)}
        return places | {name: (name, Path(at), known) for name, known in own.items() if (at := getattr(self, name))}

    def corpus_split(self) -> Split:
        """There is none: the generator has learned from images of the web."""
        where, allowed = f"world ({self.name})", "worlds whose generator learned from real images that are at hand"
        raise InputError(where, "a question about the generator's corpus", allowed, "ask it of another world")

    def validation_split(self, seed: int) -> FolderSplit:  # noqa: ARG002
        """The real images that are watched during a run, and scored on in the end, as in the paper."""
        return self.real("validation")

    def test(self, learner: Learner, ranks: Ranks = ALONE) -> Score:
        """Accuracy on real validation images; hits on them, on the training images and the sets that there are.

        ImageNet-R and -A have 200 of the classes: there a learner chooses among those alone, as their authors do.
        """
        sets = {name: self.real(name) for name in self._places()}
        among: dict[str, Tensor] = {name: sets[name].labels.unique() for name in ("r", "a") if name in sets}
        return score(learner, sets, self.classes, ranks, among)

    def learner(self, kind: str, training: Training, seed: int, device: str) -> NetworkLearner:
        """Make a timm network by its name; its initial weights follow from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = vision.network(kind, self.classes).to(device)
        return NetworkLearner(model, self.classes, training, seed)


@dataclass(frozen=True, kw_only=True)
class ImageNet100World(ImageNetWorld):
    """The 100 classes of Tian et al. (2020)."""

    name: ClassVar[str] = "imagenet100"
    ids: ClassVar[tuple[str, ...]] = IMAGENET_100


@dataclass(frozen=True, kw_only=True)
class ImageNet1kWorld(ImageNetWorld):
    """The 1,000 classes of ILSVRC 2012."""

    name: ClassVar[str] = "imagenet1k"
    ids: ClassVar[tuple[str, ...]] = IMAGENET_1K


def resized(images: Tensor, size: int) -> Tensor:
    """Square images (B, 3, H, H) at `size` pixels along an edge, bilinear, antialiased as those in folders are."""
    if images.shape[-1] == size:
        return images
    return interpolate(images, (size, size), mode="bilinear", antialias=True)


@lru_cache(maxsize=8)
def _inspect(world: ImageNetWorld) -> None:
    """Once for all runs of a process."""
    paths = [path for name in world._places() for path in world.real(name).paths]
    folders.inspect(f"world ({world.name})", paths)


@lru_cache(maxsize=4)
def _preview(world: ImageNetWorld, decode: str, device: str) -> Callable[[Tensor], Tensor]:
    """Fitted once: every round of a run is to see the same."""
    show = world._parts(device).space.preview(decode, lambda: _examples(world, device))
    return lambda x0: resized(show(x0), world.size)


@torch.no_grad()
def _examples(world: ImageNetWorld, device: str) -> Tensor:
    """Latents (16, c, h, w) of a few steps of plain sampling, of classes all over the list."""
    labels = torch.arange(EXAMPLES) * world.classes // EXAMPLES
    scheduler, seeds = world.scheduler(), [image_seed(EXAMPLE_SEED, label, 0) for label in labels.tolist()]
    scheduler.set_timesteps(EXAMPLE_STEPS)
    denoiser = ClassifierFree(world.denoiser(device), EXAMPLE_SCALE, world.classes)
    predict = Unguided()(denoiser, scheduler, seeds)
    return ddim(predict, scheduler, noise(seeds, world.latent_shape).to(device), labels.to(device))
