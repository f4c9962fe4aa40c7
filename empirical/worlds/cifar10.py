"""The CIFAR-10 world: 60,000 real 32 x 32 colour photographs of ten classes, read from a local folder.

The data (170 MB) are downloaded by `python paper_repro.py generator cifar10` or `Cifar10World().prepare()`, never
unasked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from empirical.data.split import Split
from empirical.generators.unet_training import Batches
from empirical.learning.networks import NETWORKS_32
from empirical.system.errors import InputError, require
from empirical.worlds.trained import NetworkFactory, PixelWorld, check_ranges

ROWS = {"train": 50_000, "test": 10_000}


@dataclass(frozen=True, kw_only=True)
class Cifar10World(PixelWorld):
    """data: the data folder.

    corpus, validation: row ranges [first, past the last) of the training set. test_rows: of the test set.
    """

    name: ClassVar[str] = "cifar10"
    classes: ClassVar[int] = 10
    shape: ClassVar[tuple[int, ...]] = (3, 32, 32)
    networks: ClassVar[Mapping[str, NetworkFactory]] = NETWORKS_32

    data: str = "data/cifar10"
    corpus: tuple[int, int] = (0, 45_000)
    validation: tuple[int, int] = (45_000, 50_000)
    test_rows: tuple[int, int] = (0, 10_000)

    def __post_init__(self) -> None:
        where = "world (cifar10)"
        check_ranges(where, {"corpus": self.corpus, "validation": self.validation}, ROWS["train"])
        check_ranges(where, {"test_rows": self.test_rows}, ROWS["test"])

    def prepare(self) -> None:
        """Download the data unless they are in their folder already."""
        from torchvision.datasets import CIFAR10

        try:
            CIFAR10(self.data, download=True)
        except (OSError, RuntimeError) as error:
            raise InputError(
                "world (cifar10).data", str(error), "a download that succeeds", _how_to_get(self.data)
            ) from None

    def rows(self, part: str, bounds: tuple[int, int]) -> Split:
        """Return the real images of a row range of the part "train" or "test"."""
        images, labels = _read(self.data, part)
        where = "world (cifar10).data"
        require(bounds[1] <= len(labels), where, f"{len(labels)} {part} images", f"at least {bounds[1]}")
        levels = torch.from_numpy(images[slice(*bounds)]).permute(0, 3, 1, 2)
        return Split((levels.float() / 127.5 - 1).contiguous(), torch.from_numpy(labels[slice(*bounds)]))

    def corpus_split(self) -> Split:
        """Return the real images that the generator has learned from."""
        return self.rows("train", self.corpus)

    def material(self) -> Batches:
        """Return batches of the corpus for the generator: drawn with replacement, half of the images mirrored."""
        split = self.corpus_split()

        def batch(step: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
            source = np.random.default_rng((0, step))
            images, labels = split.take(torch.from_numpy(source.integers(len(split.labels), size=size)))
            mirrored = torch.from_numpy(source.random(size) < 0.5).view(-1, 1, 1, 1)
            return torch.where(mirrored, images.flip(-1), images), labels

        return batch

    def validation_split(self, seed: int) -> Split:  # noqa: ARG002
        """Return the real images that the patience rule watches."""
        return self.rows("train", self.validation)

    def test_split(self) -> Split:
        """Return the real images that finished learners are tested on."""
        return self.rows("test", self.test_rows)


@lru_cache(maxsize=2)
def _read(folder: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images (n, 32, 32, 3) uint8 and labels (n,) of a part; torchvision checks the files before it opens them."""
    from torchvision.datasets import CIFAR10

    try:
        data = CIFAR10(folder, train=part == "train")
    except (RuntimeError, FileNotFoundError):
        allowed = "a folder with CIFAR-10's python version, whole (cifar-10-batches-py/data_batch_1, ...)"
        raise InputError("world (cifar10).data", str(Path(folder).resolve()), allowed, _how_to_get(folder)) from None
    return data.data, np.array(data.targets)


def _how_to_get(folder: str) -> str:
    """Say where to get the data, for error messages."""
    return (
        "get it by `python paper_repro.py generator cifar10`, or unpack "
        f"https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz in {folder}, or name its place in world.data"
    )
