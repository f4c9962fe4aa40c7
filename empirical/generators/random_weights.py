"""Stable Diffusion 1.5 at its real size without its weights: to count operations, and to measure speeds without files.

On the device "meta" nothing is allocated or computed, which is enough for torch's FLOP counter; elsewhere the weights
are random. Everything else (steps, guidance, decoding, learner) is that of the ImageNet worlds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from empirical.generators.latent_space import LatentSpace, fit_linear
from empirical.generators.pretrained import Model, quiet
from empirical.generators.stable_diffusion import Parts

if TYPE_CHECKING:
    from empirical.diffusion.denoiser import Denoiser

TOKENS = 77  # that CLIP makes of a prompt
Configs = Mapping[str, Mapping[str, Any]]  # by part: what is not the default of its class in diffusers
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
    """A model that is its configuration: its networks have random weights, and are made on `device`."""

    configs: Configs
    device: torch.device

    def load(self, kind: Any, part: str, **options: Any) -> Any:
        """A network of the given class."""
        with quiet(), self.device:
            network = kind(**self.configs[part]).to(options["torch_dtype"])
        return network.eval().requires_grad_(False)


@dataclass(frozen=True, kw_only=True, eq=False)
class RandomParts(Parts):
    """The parts of an `Architecture`; what a text encoder would say of prompts is random, too."""

    @cached_property
    def space(self) -> LatentSpace:
        """The latents' images."""
        space = super().space
        return _Shapes(space.vae, space.tiny) if self.device.type == "meta" else space

    def denoiser(self, prompts: Sequence[str]) -> Denoiser:
        """See `Parts.denoiser`."""
        unet, dtype = self.unet, self.dtype
        size = (len(prompts) + 1, TOKENS, unet.config.cross_attention_dim)
        states = torch.randn(size, device=self.device, dtype=dtype)

        def denoise(x: Tensor, t: int, labels: Tensor) -> Tensor:
            return unet(x.to(dtype), t, encoder_hidden_states=states[labels]).sample.to(x.dtype)

        return denoise

    def identity(self) -> str:
        """There are no weights to tell apart."""
        return "random"


class _Shapes(LatentSpace):
    """A latent space on "meta", where nothing can be fitted: the linear map is that to black images."""

    def preview(self, decode: str, examples: Callable[[], Tensor]) -> Callable[[Tensor], Tensor]:
        if decode != "linear":
            return super().preview(decode, examples)
        config, factor = self.vae.config, self.factor

        def black(latents: Tensor) -> Tensor:
            return latents.new_zeros(len(latents), config.out_channels, *(factor * edge for edge in latents.shape[2:]))

        return fit_linear(black, torch.randn(1, config.latent_channels, 16, 16), factor).to("meta")


def random_parts(device: str, configs: Configs = SD_1_5) -> RandomParts:
    """The parts of a model with these configurations and random weights; by default those of Stable Diffusion 1.5."""
    place = torch.device(device)
    model = Architecture("architecture", "random weights", Path(), configs, place)
    edge = configs["unet"]["sample_size"]
    return RandomParts(
        model=model,
        tiny=model,
        xl=False,
        device=place,
        latent_shape=(4, edge, edge),
        vae=dict(configs["vae"]),
        prediction="epsilon",
        schedule={**SCHEDULE, "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": False},
        files=(),
        tiny_files=(),
    )
