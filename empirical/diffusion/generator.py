"""The protocol of a generator as the sampler uses it; every data world follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from empirical.diffusion.denoiser import Denoiser


class Generator(Protocol):
    """Class-conditional diffusion model: noise levels, a denoiser, and the map from latents to samples; hashable."""

    @property
    def name(self) -> str:
        """Name under which recipes ask for the generator's world."""
        ...

    @property
    def classes(self) -> int:
        """Number of classes; labels are 0 ... classes - 1."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, without the batch axis."""
        ...

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of what the sampler denoises, without the batch axis: `shape` unless the generator has latents."""
        ...

    def identity(self) -> str:
        """Return a digest of the generator's weights: what it is, beyond the options of its world."""
        ...

    def scheduler(self) -> Any:
        """Return a diffusers scheduler with the generator's noise levels."""
        ...

    def denoiser(self, device: str) -> Denoiser:
        """Return the noise estimate eps(x_t, t, labels); the label `classes` asks for the unconditional one."""
        ...

    def finish(self, x: Tensor) -> Tensor:
        """Turn the sampler's output into samples: decoded, in the range of the data."""
        ...
