"""What a data world supplies. Adding one is a file in `empirical/worlds`, its name in `WORLDS`, and a TOML recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from empirical.config import Run
    from empirical.data.split import Labelled, Split
    from empirical.diffusion.denoiser import Denoiser
    from empirical.learning.learner import Learner
    from empirical.system.ranks import Ranks

from empirical.learning.evaluate import Score


class World(Protocol):
    """A frozen dataclass of the world's options with these attributes and methods."""

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> int: ...
    @property
    def class_names(self) -> tuple[str, ...]:
        """What the classes are called, by label."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample, without the batch axis."""
        ...

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Of what the sampler denoises; that of a sample, where the generator works on samples themselves."""
        ...

    @property
    def places(self) -> tuple[str, ...]:
        """Options that say where files are; what matters of the files is in `identity`."""
        ...

    @property
    def decodes(self) -> tuple[str, ...]:
        """The ways to show x0_hat to a learner that `preview` knows."""
        ...

    def check(self, run: Run) -> None:
        """Refuse a run that does not fit this world; real data need not be there yet."""
        ...

    def inspect(self) -> None:
        """Refuse real data that are missing or damaged, before hours are spent; asked once when a run starts."""
        ...

    def identity(self) -> str:
        """What the generator is, beyond the options: a digest of its weights."""
        ...

    def scheduler(self) -> Any:
        """A diffusers scheduler with the generator's noise levels."""
        ...

    def denoiser(self, device: str) -> Denoiser:
        """The noise estimate eps(x_t, t, labels); the label `classes` asks for the unconditional one."""
        ...

    def preview(self, decode: str, device: str) -> Callable[[Tensor], Tensor]:
        """x0_hat, as the sampler sees it, to samples that a learner can judge; differentiable."""
        ...

    def finish(self, x: Tensor) -> Tensor:
        """Sampler output to samples: decoded, in the range of the data."""
        ...

    def corpus_split(self) -> Split:
        """Real data of the distribution that the generator learned."""
        ...

    def validation_split(self, seed: int) -> Labelled:
        """Real data to watch a run with."""
        ...

    def test(self, learner: Learner, ranks: Ranks = ...) -> Score:
        """The result on real test data; the processes share the work, and all get the result."""
        ...

    def learner(self, run: Run, device: str) -> Learner:
        """A fresh learner of the kind the run asks for."""
        ...
