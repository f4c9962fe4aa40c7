"""The class-conditional pixel diffusion model: a diffusers UNet, its settings, its file. See `generator_training`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from empirical.checkpoint import digest, load_tensors, save_tensors
from empirical.config import build
from empirical.errors import require, require_non_negative, require_positive

Stream = Callable[[int, int], tuple[Tensor, Tensor]]  # (step, size) -> images and labels of that iteration


@dataclass(frozen=True, kw_only=True)
class GeneratorTraining:
    """Shape of the UNet and recipe of its training; counts are in iterations."""

    base_channels: int = 16
    multipliers: tuple[int, ...] = (1, 2)  # channels in units of base_channels; one per resolution, each half the last
    layers: int = 1  # residual blocks per resolution
    attention: int = 0  # at so many of the coarsest resolutions
    patch: int = 1  # patch x patch pixels are the channels of one position of the UNet: 2 makes it 4 times cheaper
    prediction: str = "noise"  # what the network says, or "velocity" (`noise_of_velocity`): better above 8 x 8
    iterations: int = 5000
    batch: int = 128
    lr: float = 4e-3
    weight_decay: float = 0.01
    class_dropout: float = 0.1  # share of labels replaced by "no class", for classifier-free guidance
    ema_decay: float = 0.998
    bf16: bool = False  # the network's arithmetic in bfloat16; weights, loss and averages stay in float32
    half: bool = False  # the finished weights are stored in half precision: a file of half the size
    checked: int = 8192  # generated images for the quality check afterwards
    seed: int = 0

    def __post_init__(self) -> None:
        where = "generator"
        sizes = self.multipliers
        given = isinstance(sizes, list | tuple) and bool(sizes) and all(type(m) is int and m > 0 for m in sizes)
        require(given, f"{where}.multipliers", sizes, "a list of integers > 0")
        object.__setattr__(self, "multipliers", tuple(sizes))  # TOML has lists only
        require(
            self.prediction in ("noise", "velocity"), f"{where}.prediction", self.prediction, "'noise' or 'velocity'"
        )
        require_positive(where, base_channels=self.base_channels, layers=self.layers, patch=self.patch)
        require_positive(where, iterations=self.iterations, batch=self.batch, lr=self.lr, checked=self.checked)
        require_non_negative(where, weight_decay=self.weight_decay, class_dropout=self.class_dropout)
        require(self.base_channels % 8 == 0, f"{where}.base_channels", self.base_channels, "a multiple of 8")
        require(
            0 <= self.attention <= len(sizes),
            f"{where}.attention",
            self.attention,
            f"0 to {len(sizes)}, the resolutions",
        )
        require(0 <= self.ema_decay < 1, f"{where}.ema_decay", self.ema_decay, "a number in [0, 1)")

    def network(self, shape: tuple[int, ...], classes: int) -> dict[str, Any]:
        """The arguments of `unet` for images (C, H, H)."""
        channels, size = shape[0], shape[1]
        coarsest = self.patch * 2 ** (len(self.multipliers) - 1)
        require(
            size % coarsest == 0,
            "generator.patch and multipliers",
            (self.patch, list(self.multipliers)),
            f"patch 2^(resolutions - 1), here {coarsest}, a divisor of the image size {size}",
        )
        named = {name: getattr(self, name) for name in ("base_channels", "multipliers", "layers", "attention", "patch")}
        return {**named, "classes": classes, "channels": channels, "size": size}


def from_table(table: Mapping[str, Any], preset: str) -> tuple[GeneratorTraining, dict[str, Any]]:
    """The settings of a recipe's `[generator]` table, those of `[generator.presets.<preset>]` on top.

    A preset's `set` holds dotted settings of the recipe for the learners that check the generator; returned apart.
    """
    presets = table.get("presets", {"default": {}})
    require(preset in presets, "generator.presets", preset, f"one of {', '.join(presets)}", "add it to the recipe")
    values = {name: value for name, value in table.items() if name != "presets"} | presets[preset]
    learners = values.pop("set", {})
    return build(GeneratorTraining, values, "generator"), learners


def scheduler() -> Any:
    """The noise schedule that generators of this project are trained and sampled with: 1,000 levels, linear betas."""
    from diffusers import DDIMScheduler  # here, as below: planning does without it

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
    """A UNet for `estimate`; label `classes` stands for "no class". The defaults are the shipped digits generator's."""
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


def output(model: Any, x: Tensor, t: Tensor | int, labels: Tensor) -> Tensor:
    """What the network says of images (B, C, H, W); one with more input channels than C sees patches of pixels."""
    patch = math.isqrt(model.config.in_channels // x.shape[1])
    if patch == 1:
        return model(x, t, labels).sample
    return pixel_shuffle(model(pixel_unshuffle(x, patch), t, labels).sample, patch)


def estimate(model: Any, x: Tensor, t: int, labels: Tensor, prediction: str = "noise") -> Tensor:
    """The noise estimate eps of images x_t (B, C, H, W), from a network of noise or of velocities."""
    said = output(model, x, t, labels)
    return said if prediction == "noise" else noise_of_velocity(said, x, alphas_cumprod()[t])


def noise_of_velocity(velocity: Tensor, x: Tensor, alpha: Tensor) -> Tensor:
    """eps = sqrt(a) v + sqrt(1 - a) x_t, where v = sqrt(a) eps - sqrt(1 - a) x_0 and a = alphas_cumprod[t].

    (Salimans & Ho 2022.) Where x_t is nearly all noise, errors of v do not grow by 1 / sqrt(a) towards x_0.
    """
    return alpha.sqrt() * velocity + (1 - alpha).sqrt() * x


@lru_cache(maxsize=1)
def alphas_cumprod() -> Tensor:
    """xi_t of the schedule, for t = 0 ... 999."""
    return scheduler().alphas_cumprod


def save(
    path: Path,
    model: nn.Module,
    settings: GeneratorTraining,
    shape: tuple[int, ...],
    classes: int,
    manifest: dict[str, Any],
) -> None:
    """Write the weights, with all that is needed to rebuild the network and to know where it came from."""
    values = {"unet": settings.network(shape, classes), "training": asdict(settings), **manifest}
    tensors = {name: value.half() if settings.half else value for name, value in model.state_dict().items()}
    save_tensors(path, tensors, values)


def load(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a weights file, ready to use, and the values stored with it, the weights' "sha256" too."""
    tensors, values = load_tensors(path, do="restore the weights file, or train it again: paper_repro.py generator")
    model = unet(**values["unet"])
    model.load_state_dict(tensors)  # in float32, whatever the file has
    return model.eval().requires_grad_(False), {**values, "sha256": digest(tensors)}
