"""The digits world: scikit-learn's 1,797 real 8 x 8 handwritten digits and a pixel diffusion model trained on some.

The rows as shipped are ordered by writer, so row ranges split by writer: the generator has never seen the handwriting
of the validation and test digits. The other split counts the rows from the last one: other writers, another generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch

from empirical.data.split import Split
from empirical.learning.networks import NETWORKS
from empirical.system.errors import require
from empirical.worlds.trained import NetworkFactory, PixelWorld, check_ranges

ROWS = 1797
SPLITS = ("forward", "reversed")


@lru_cache(maxsize=1)
def _digits() -> Split:
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.tensor(data.data / 8 - 1, dtype=torch.float32).view(-1, 1, 8, 8)  # 0...16 to [-1, 1]
    return Split(images, torch.tensor(data.target, dtype=torch.long))


@dataclass(frozen=True, kw_only=True)
class DigitsWorld(PixelWorld):
    """corpus, validation, test_rows: row ranges [first, past the last). weights: the generator's (default: shipped).

    split: "forward", or "reversed": row ranges then count from the last row. Each has shipped weights of its own, whose
    digest is in the names of its runs.
    """

    name: ClassVar[str] = "digits"
    classes: ClassVar[int] = 10
    shape: ClassVar[tuple[int, ...]] = (1, 8, 8)
    networks: ClassVar[Mapping[str, NetworkFactory]] = NETWORKS
    places: ClassVar[tuple[str, ...]] = (*PixelWorld.places, "split")
    models: ClassVar[tuple[str, ...]] = (*PixelWorld.models, "split")

    corpus: tuple[int, int] = (0, 1000)
    validation: tuple[int, int] = (1000, 1200)
    test_rows: tuple[int, int] = (1200, 1797)
    split: str = "forward"

    def __post_init__(self) -> None:
        require(self.split in SPLITS, f"world ({self.name}).split", self.split, f"one of {', '.join(SPLITS)}")
        ranges = {"corpus": self.corpus, "validation": self.validation, "test_rows": self.test_rows}
        check_ranges(f"world ({self.name})", ranges, ROWS)

    @property
    def variant(self) -> str:
        """The split, where it is not the first one."""
        return "" if self.split == SPLITS[0] else self.split

    def learned_from(self) -> dict[str, Any]:
        """Return the corpus, as rows counted from the first one."""
        return {"corpus": list(self._as_shipped(self.corpus))}

    def identity(self) -> str:
        """Return the digest of the generator's weights, and the split where it is not the first one."""
        return "+".join(filter(None, (super().identity(), self.variant)))

    def _as_shipped(self, bounds: tuple[int, int]) -> tuple[int, int]:
        """Return a row range of this split as rows counted from the first one."""
        first, last = bounds
        return (ROWS - last, ROWS - first) if self.variant else (first, last)

    def rows(self, bounds: tuple[int, int]) -> Split:
        """Return the real digits of a row range of this split."""
        data, rows = _digits(), slice(*self._as_shipped(bounds))
        return Split(data.images[rows], data.labels[rows])

    def corpus_split(self) -> Split:
        """Return the real digits that the generator has learned from."""
        return self.rows(self.corpus)

    def material(self) -> Split:
        """Return the training material of the generator: the corpus."""
        return self.corpus_split()

    def validation_split(self, seed: int) -> Split:  # noqa: ARG002
        """Return the real digits that the patience rule watches."""
        return self.rows(self.validation)

    def test_split(self) -> Split:
        """Return the real digits that finished learners are tested on."""
        return self.rows(self.test_rows)
