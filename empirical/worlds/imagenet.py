"""The ImageNet worlds: Stable Diffusion prompted with class names, real images in local folders, timm's networks.

Nothing is downloaded. Real images lie in folders of ImageFolder's layout: a folder per class, named by its WordNet id
(or, as in ImageNet-V2, by its place 0...999 among the 1,000 sorted ids). Validation images are watched and scored,
training images are a held-out test set, out-of-distribution sets are optional; all are cropped to the centred square
and resized.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from empirical.data import folders
from empirical.data.folders import FolderSplit
from empirical.data.images import quantise, resized
from empirical.data.split import Split
from empirical.diffusion.denoiser import ClassifierFree, Denoiser
from empirical.diffusion.guidance import Unguided
from empirical.diffusion.sampler import ddim, image_seed, noise
from empirical.generators import stable_diffusion
from empirical.generators.stable_diffusion import Layout
from empirical.learning import networks as vision
from empirical.learning.evaluate import Score, score
from empirical.learning.learner import Learner
from empirical.learning.network_learner import NetworkLearner
from empirical.settings.sections import Acquire, Growth, LearnerChoice, Training
from empirical.system.errors import InputError, require
from empirical.system.ranks import ALONE, Ranks
from empirical.worlds.imagenet_classes import IMAGENET_1K, IMAGENET_100, IMAGENET_A, IMAGENET_R, labelled, names
from empirical.worlds.world import check_decode

# The latents that a linear preview is fitted on are plain samples of a seed that no run has.
EXAMPLES, EXAMPLE_STEPS, EXAMPLE_SCALE, EXAMPLE_SEED = 16, 10, 3.0, 2**33


@dataclass(frozen=True, kw_only=True)
class ImageNetWorld:
    """A world of ImageNet classes; models are local folders or ids in the Hugging Face cache.

    data: the folder with train and val. v2, sketch, r, a: folders of out-of-distribution sets, "" for none.
    generator: a Stable Diffusion. tiny: an AutoencoderTiny for its latents, "" for none.
    size: pixels along an edge of the stored images.
    channels_last, compiled: keep UNet and VAEs in this layout, and compile them by torch.compile: for speed on a GPU.
    Folders may have more classes of ImageNet than the world.
    """

    name: ClassVar[str]
    ids: ClassVar[tuple[str, ...]]  # WordNet ids of the classes, by label
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
    channels_last: bool = False
    compiled: bool = False

    def __post_init__(self) -> None:
        require(self.size >= 8, f"world ({self.name}).size", self.size, "an integer >= 8")

    @property
    def classes(self) -> int:
        return len(self.ids)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by label: the generator's prompts."""
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
        """Refuse unknown decoders and networks; `inspect` checks folders, which plans do not need."""
        do = "leave it out" if self.tiny else "name an AutoencoderTiny in world.tiny"
        check_decode(self.name, self.decodes, acquire, do)
        vision.check_name(learner.kind)

    def memory(self, rows: int) -> float:
        """Count a label and a seed a row: images are read as they are needed."""
        return 16.0 * rows

    def inspect(self) -> None:
        """Refuse missing folders and classes, and unreadable or truncated images."""
        _inspect(self)

    @property
    def layout(self) -> Layout:
        """Return how the generator's networks are kept in memory, and whether they are compiled."""
        return Layout(self.channels_last, self.compiled)

    def _parts(self, device: str) -> stable_diffusion.Parts:
        """Load the generator."""
        return stable_diffusion.load(self.generator, self.tiny, device, self.layout)

    def identity(self) -> str:
        """Return the digest of the generator's weights."""
        return self._parts("cpu").identity()

    def scheduler(self) -> Any:
        """Return DDIM with the generator's noise levels."""
        return self._parts("cpu").scheduler()

    def denoiser(self, device: str) -> Denoiser:
        """Return the noise estimate, prompted with class names; the label `classes` stands for the empty prompt."""
        return self._parts(device).denoiser(self.class_names)

    def preview(self, decode: str, device: str) -> Callable[[Tensor], Tensor]:
        """Return a differentiable map from latents to images of the stored size: `finish` unrounded, if "full"."""
        return _preview(self, decode, str(self._parts(device).device))

    def finish(self, x: Tensor) -> Tensor:
        """Decode latents with the full VAE, resize, and round to the 256 levels that are stored."""
        return quantise(resized(self._parts(str(x.device)).space.decode(x), (self.size, self.size)))

    def real(self, name: str) -> FolderSplit:
        """Open the set "validation", "train", "v2", "sketch", "r" or "a" of real images, with the world's labels."""
        option, folder, known = self._places()[name]
        where = f"world ({self.name}).{option}"
        return folders.open_folder(where, folder, labelled(where, folder, self.ids, known), self.size)

    def _places(self) -> dict[str, tuple[str, Path, frozenset[str]]]:
        """Return for each set the option that names it, its folder, and its classes among ImageNet's 1,000."""
        everything, root = frozenset(IMAGENET_1K), Path(self.data)
        own = {"v2": everything, "sketch": everything, "r": IMAGENET_R, "a": IMAGENET_A}
        places = {"validation": ("data", root / "val", everything), "train": ("data", root / "train", everything)}
        return places | {name: (name, Path(at), known) for name, known in own.items() if (at := getattr(self, name))}

    def corpus_split(self) -> Split:
        """Raise InputError: the generator has learned from images of the web, which are not at hand."""
        where, allowed = f"world ({self.name})", "worlds whose generator learned from real images that are at hand"
        raise InputError(where, "a question about the generator's corpus", allowed, "ask it of another world")

    def validation_split(self, seed: int) -> FolderSplit:  # noqa: ARG002
        """Return the real images that the patience rule watches and `test` scores, as in the paper."""
        return self.real("validation")

    def test(self, learner: Learner, ranks: Ranks = ALONE) -> Score:
        """Score a learner on validation images, training images and the named sets; `accuracy` is validation's.

        ImageNet-R and -A have 200 of the classes: there a learner chooses among these alone, as in their papers.
        """
        sets = {name: self.real(name) for name in self._places()}
        among: dict[str, Tensor] = {name: sets[name].labels.unique() for name in ("r", "a") if name in sets}
        return score(learner, sets, self.classes, ranks, among)

    def learner(self, kind: str, training: Training, seed: int, device: str) -> NetworkLearner:
        """Make an untrained timm network by its name; its initial weights follow from the seed."""
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


@lru_cache(maxsize=8)
def _inspect(world: ImageNetWorld) -> None:
    """Inspect the real images of a world, once for all runs of a process."""
    paths = [path for name in world._places() for path in world.real(name).paths]
    folders.inspect(f"world ({world.name})", paths)


@lru_cache(maxsize=4)
def _preview(world: ImageNetWorld, decode: str, device: str) -> Callable[[Tensor], Tensor]:
    """Make a preview once per process, so that every round of a run uses the same fitted map."""
    show = world._parts(device).space.preview(decode, lambda: _examples(world, device))
    return lambda x0: resized(show(x0), (world.size, world.size))


@torch.no_grad()
def _examples(world: ImageNetWorld, device: str) -> Tensor:
    """Draw latents (16, c, h, w) by a few steps of plain sampling, of classes spread evenly over the list."""
    labels = torch.arange(EXAMPLES) * world.classes // EXAMPLES
    scheduler, seeds = world.scheduler(), [image_seed(EXAMPLE_SEED, label, 0) for label in labels.tolist()]
    scheduler.set_timesteps(EXAMPLE_STEPS)
    denoiser = ClassifierFree(world.denoiser(device), EXAMPLE_SCALE, world.classes)
    predict = Unguided()(denoiser, scheduler, seeds)
    return ddim(predict, scheduler, noise(seeds, world.latent_shape).to(device), labels.to(device))
