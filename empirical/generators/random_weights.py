"""Stable Diffusion 1.5 at its real size with random weights, to count operations and measure speeds without files.

On the device "meta" nothing is allocated or computed, which is enough for torch's FLOP counter. Steps, guidance,
decoding and learners are the same as with real weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from empirical.diffusion.denoiser import timesteps
from empirical.generators.latent_space import LatentSpace, fit_linear
from empirical.generators.pretrained import Model, quiet
from empirical.generators.stable_diffusion import Layout, Parts

if TYPE_CHECKING:
    from empirical.diffusion.denoiser import Denoiser

TOKENS = 77  # tokens of a prompt, as CLIP encodes it
Configs = Mapping[str, Mapping[str, Any]]  # by part: arguments other than the defaults of its class in diffusers
SD_1_5: Configs = {
    "unet": {"sample_size": 64, "cross_attention_dim": 768},
    "vae": {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
        "sample_size": 512,
    },
    "": {},  # the AutoencoderTiny
}
SCHEDULE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@dataclass(frozen=True)
class Architecture(Model):
    """Stand for a model that has configurations but no files: its networks get random weights on `device`."""

    configs: Configs
    device: torch.device

    def load(self, kind: Any, part: str, **options: Any) -> Any:
        """Make a frozen network of the given class."""
        with quiet(), self.device:
            network = kind(**self.configs[part]).to(options["torch_dtype"])
        return network.eval().requires_grad_(False)


@dataclass(frozen=True, kw_only=True, eq=False)
class RandomParts(Parts):
    """Hold the parts of an `Architecture`; encoded prompts are random, too."""

    @cached_property
    def space(self) -> LatentSpace:
        """Latent space of the VAE."""
        space = super().space
        return _Shapes(space.vae, space.tiny) if self.device.type == "meta" else space

    def denoiser(self, prompts: Sequence[str]) -> Denoiser:
        """Return a noise estimate, see `Parts.denoiser`."""
        unet, dtype = self.unet, self.dtype
        size = (len(prompts) + 1, TOKENS, unet.config.cross_attention_dim)
        states = torch.randn(size, device=self.device, dtype=dtype)

        def denoise(x: Tensor, t: int, labels: Tensor) -> Tensor:
            return unet(x.to(dtype), timesteps(x, t), encoder_hidden_states=states[labels]).sample.to(x.dtype)

        return denoise

    def identity(self) -> str:
        """Return "random": there are no weights to distinguish."""
        return "random"


def random_parts(device: str, configs: Configs = SD_1_5, layout: Layout | None = None) -> RandomParts:
    """Make the parts of a model with these configurations, by default Stable Diffusion 1.5, and random weights."""
    place = torch.device(device)
    model = Architecture("architecture", "random weights", Path(), configs, place)
    edge = configs["unet"]["sample_size"]
    return RandomParts(
        model=model,
        tiny=model,
        xl=False,
        device=place,
        layout=layout or Layout(),
        latent_shape=(4, edge, edge),
        vae=dict(configs["vae"]),
        prediction="epsilon",
        schedule={**SCHEDULE, "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": False},
        files=(),
        tiny_files=(),
    )


class _Shapes(LatentSpace):
    """Latent space on "meta", where nothing can be fitted: its linear map is fitted to black images on the CPU."""

    def preview(self, decode: str, examples: Callable[[], Tensor]) -> Callable[[Tensor], Tensor]:
        if decode != "linear":
            return super().preview(decode, examples)
        config, factor = self.vae.config, self.factor

        def black(latents: Tensor) -> Tensor:
            return latents.new_zeros(len(latents), config.out_channels, *(factor * edge for edge in latents.shape[2:]))

        return fit_linear(black, torch.randn(1, config.latent_channels, 16, 16), factor).to("meta")
