"""The digits world: scikit-learn's 1,797 real 8 x 8 handwritten digits and a pixel diffusion model trained on some.

The rows as shipped are ordered by writer, so row ranges split by writer: the generator has never seen the handwriting
of the validation and test digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch

from empirical.data.split import Split
from empirical.learning.networks import NETWORKS
from empirical.worlds.trained import NetworkFactory, PixelWorld, check_ranges

ROWS = 1797


@lru_cache(maxsize=1)
def _digits() -> Split:
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.tensor(data.data / 8 - 1, dtype=torch.float32).view(-1, 1, 8, 8)  # 0...16 to [-1, 1]
    return Split(images, torch.tensor(data.target, dtype=torch.long))


@dataclass(frozen=True, kw_only=True)
class DigitsWorld(PixelWorld):
    """corpus, validation, test_rows: row ranges [first, past the last). weights: the generator's (default: shipped)."""

    name: ClassVar[str] = "digits"
    classes: ClassVar[int] = 10
    shape: ClassVar[tuple[int, ...]] = (1, 8, 8)
    networks: ClassVar[Mapping[str, NetworkFactory]] = NETWORKS

    corpus: tuple[int, int] = (0, 1000)
    validation: tuple[int, int] = (1000, 1200)
    test_rows: tuple[int, int] = (1200, 1797)

    def __post_init__(self) -> None:
        ranges = {"corpus": self.corpus, "validation": self.validation, "test_rows": self.test_rows}
        check_ranges(f"world ({self.name})", ranges, ROWS)

    def rows(self, bounds: tuple[int, int]) -> Split:
        """Return the real digits of a row range."""
        data = _digits()
        return Split(data.images[slice(*bounds)], data.labels[slice(*bounds)])

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
