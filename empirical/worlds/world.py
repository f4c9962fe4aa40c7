"""The protocol of a data world: it supplies real data, a generator, learners, and checks of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from empirical.diffusion.generator import Generator
from empirical.system.errors import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from empirical.data.split import Labelled, Split
    from empirical.learning.evaluate import Score
    from empirical.learning.learner import Learner
    from empirical.settings.sections import Acquire, Growth, LearnerChoice, Training
    from empirical.system.ranks import Ranks


class World(Generator, Protocol):
    """Supply real data, a generator and learners; a world is a frozen dataclass of its options."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        ...

    @property
    def places(self) -> tuple[str, ...]:
        """Options that choose files; a run stays the same if they change, for `models` if `identity` does."""
        ...

    @property
    def models(self) -> tuple[str, ...]:
        """Name the options among `places` that choose the generator's weights."""
        ...

    @property
    def decodes(self) -> tuple[str, ...]:
        """Values of acquire.decode that `preview` accepts."""
        ...

    def check(self, learner: LearnerChoice, growth: Growth, acquire: Acquire) -> None:
        """Refuse settings that do not fit this world, by name; real data need not be there yet."""
        ...

    def memory(self, rows: int) -> float:
        """Estimate the bytes that real data and a learner of a pool of so many rows take, at least."""
        ...

    def inspect(self) -> None:
        """Refuse missing or damaged real data; called once when a run starts, before hours are spent."""
        ...

    def preview(self, decode: str, device: str) -> Callable[[Tensor], Tensor]:
        """Return a differentiable map from the sampler's x0_hat to samples that a learner can classify."""
        ...

    def corpus_split(self) -> Split:
        """Return real data of the distribution that the generator has learned."""
        ...

    def validation_split(self, seed: int) -> Labelled:
        """Return the real data that the patience rule of the run with this seed watches."""
        ...

    def test(self, learner: Learner, ranks: Ranks = ...) -> Score:
        """Score a learner on real test data; the processes share the work, and each returns the whole result."""
        ...

    def learner(self, kind: str, training: Training, seed: int, device: str) -> Learner:
        """Make an untrained learner; its initial weights follow from the seed."""
        ...


def check_decode(name: str, decodes: Sequence[str], acquire: Acquire, do: str = "leave it out") -> None:
    """Refuse an acquire.decode that is not one of `decodes`, those of the world of this name."""
    allowed = f"{' or '.join(map(repr, decodes))} in the world {name}"
    require(acquire.decode in decodes, "acquire.decode", acquire.decode, allowed, do)
