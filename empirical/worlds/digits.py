"""The digits world: scikit-learn's 1,797 real 8 x 8 handwritten digits and a pixel diffusion model trained on some.

The rows as shipped are ordered by writer, so row ranges split by writer: the generator has never seen the handwriting
of the validation and test digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from empirical import generator
from empirical.config import Run
from empirical.data import Split
from empirical.errors import require
from empirical.evaluate import correct
from empirical.guidance import Denoiser
from empirical.learner import NETWORKS, Learner, NetworkLearner
from empirical.world import Score

ROWS = 1797
SHIPPED = Path(__file__).with_name("digits_generator.safetensors")


@lru_cache(maxsize=1)
def _digits() -> Split:
    data = load_digits()
    images = torch.tensor(data.data / 8 - 1, dtype=torch.float32).view(-1, 1, 8, 8)  # 0...16 to [-1, 1]
    return Split(images, torch.tensor(data.target, dtype=torch.long))


@lru_cache(maxsize=4)
def _load_generator(path: Path) -> tuple[Any, dict[str, Any]]:
    return generator.load(path)


@dataclass(frozen=True, kw_only=True)
class DigitsWorld:
    """Row ranges [first, past the last) of the three splits, and the weights of the generator (default: shipped)."""

    name: ClassVar[str] = "digits"
    learners: ClassVar[tuple[str, ...]] = tuple(NETWORKS)
    classes: ClassVar[int] = 10
    shape: ClassVar[tuple[int, ...]] = (1, 8, 8)

    corpus: tuple[int, int] = (0, 1000)
    validation: tuple[int, int] = (1000, 1200)
    test_rows: tuple[int, int] = (1200, 1797)
    weights: str = ""

    def __post_init__(self) -> None:
        taken: set[int] = set()
        for name in ("corpus", "validation", "test_rows"):
            first, last = getattr(self, name)
            where = f"world (digits).{name}"
            require(0 <= first < last <= ROWS, where, [first, last], f"rows 0 <= first < last <= {ROWS}")
            require(
                taken.isdisjoint(range(first, last)),
                where,
                [first, last],
                "rows of no other split",
                "make the row ranges disjoint",
            )
            taken |= set(range(first, last))

    def check(self, run: Run) -> None:
        """Refuse a run this world has no learner for, or whose generator has seen rows it must not know."""
        require(run.learner.kind in self.learners, "learner.kind", run.learner.kind, f"one of {self.learners}")
        seen = self.weights_values()["corpus"]
        require(
            tuple(seen) == tuple(self.corpus),
            "world (digits).corpus",
            list(self.corpus),
            f"{seen}, the rows the generator's weights were trained on",
            "train weights for this corpus (paper_repro.py generator digits) and name them in world.weights",
        )

    @property
    def path(self) -> Path:
        """The weights file."""
        return Path(self.weights) if self.weights else SHIPPED

    def weights_values(self) -> dict[str, Any]:
        """What is stored beside the weights: network, training, corpus."""
        require(
            self.path.exists(),
            "world (digits).weights",
            str(self.path),
            "an existing weights file",
            "name another, or train one: paper_repro.py generator digits",
        )
        return _load_generator(self.path)[1]

    def identity(self) -> str:
        """The digest of the generator's weights."""
        return self.weights_values()["sha256"]

    def scheduler(self) -> Any:
        """The schedule the generator was trained with."""
        return generator.scheduler()

    def denoiser(self, device: str) -> Denoiser:
        """The trained noise estimate; the label `classes` asks for the unconditional one."""
        model = _load_generator(self.path)[0].to(device)

        def eps(x: Tensor, t: int, labels: Tensor) -> Tensor:
            return model(x, t, labels).sample

        return eps

    def finish(self, x: Tensor) -> Tensor:
        """Images end in the range of the data."""
        return x.clamp(-1, 1)

    def rows(self, bounds: tuple[int, int]) -> Split:
        """Real digits of a row range."""
        data = _digits()
        return Split(data.images[slice(*bounds)], data.labels[slice(*bounds)])

    def validation_split(self, seed: int) -> Split:  # noqa: ARG002
        """The real digits that are watched during a run."""
        return self.rows(self.validation)

    def test(self, learner: Learner) -> Score:
        """Accuracy on the real test digits, and which of them are right."""
        hits = correct(learner, self.rows(self.test_rows))
        return Score(hits.float().mean().item(), hits)

    def learner(self, run: Run, device: str) -> NetworkLearner:
        """The CNN or the ViT; the initial weights follow from the run seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed)
            model = NETWORKS[run.learner.kind](self.shape[0], self.shape[1], self.classes).to(device)
        return NetworkLearner(model, self.classes, run.training, run.seed)
