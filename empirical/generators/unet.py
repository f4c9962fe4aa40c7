"""The class-conditional diffusion model that is trained here: a diffusers UNet, its noise schedule and its file."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from empirical.diffusion.denoiser import timesteps
from empirical.system.tensors import load_tensors, tensors_digest


def scheduler() -> Any:
    """Make the noise schedule with which generators are trained and sampled here: 1,000 levels, linear betas."""
    from diffusers import DDIMScheduler  # imported here, since it takes seconds

    return DDIMScheduler(beta_schedule="linear", clip_sample=False, timestep_spacing="leading", steps_offset=1)


def unet(
    base_channels: int,
    classes: int,
    channels: int,
    size: int,
    multipliers: tuple[int, ...] = (1, 2),
    layers: int = 1,
    attention: int = 0,
    patch: int = 1,
) -> Any:
    """Build a UNet for `estimate`; label `classes` means "no class". Defaults: the shipped digits generator."""
    from diffusers import UNet2DModel

    plain = len(multipliers) - attention
    return UNet2DModel(
        sample_size=size // patch,
        in_channels=channels * patch**2,
        out_channels=channels * patch**2,
        layers_per_block=layers,
        block_out_channels=tuple(base_channels * m for m in multipliers),
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",) * attention,
        up_block_types=("AttnUpBlock2D",) * attention + ("UpBlock2D",) * plain,
        num_class_embeds=classes + 1,
        norm_num_groups=8,
        add_attention=attention > 0,
    )


def output(model: Any, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
    """Return raw UNet output, of x's type; images (B, C, H, W) become patches if it has more input channels than C."""
    patch = math.isqrt(model.config.in_channels // x.shape[1])
    if patch == 1:
        return model(x, t, labels).sample.to(x.dtype)
    return pixel_shuffle(model(pixel_unshuffle(x, patch), t, labels).sample, patch).to(x.dtype)


def estimate(model: Any, x: Tensor, t: int, labels: Tensor, prediction: str = "noise") -> Tensor:
    """Return the noise estimate eps of images x_t (B, C, H, W); `prediction` of the UNet is "noise" or "velocity"."""
    raw = output(model, x, timesteps(x, t), labels)
    return raw if prediction == "noise" else noise_of_velocity(raw, x, alphas_cumprod()[t])


def noise_of_velocity(velocity: Tensor, x: Tensor, alpha: Tensor) -> Tensor:
    """Return eps = sqrt(a) v + sqrt(1 - a) x_t, where v = sqrt(a) eps - sqrt(1 - a) x_0 and a = alphas_cumprod[t].

    Salimans & Ho 2022. When x_t is nearly all noise, errors of v do not grow by 1 / sqrt(a) in x_0.
    """
    return alpha.sqrt() * velocity + (1 - alpha).sqrt() * x


@lru_cache(maxsize=1)
def alphas_cumprod() -> Tensor:
    """Return xi_t of the schedule for t = 0 ... 999, (1000,)."""
    return scheduler().alphas_cumprod


def load(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Load a weights file: the frozen network, and the stored values with the weights' digest as "sha256"."""
    tensors, values = load_tensors(path, do="restore the weights file, or train it again: paper_repro.py generator")
    model = unet(**values["unet"])
    model.load_state_dict(tensors)  # to float32, also from a file in half precision
    return model.eval().requires_grad_(False), {**values, "sha256": tensors_digest(tensors)}
