"""Training of small autoencoders for a latent world: an AutoencoderKL, and an AutoencoderTiny that decodes like it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from empirical.generators.latent_space import LatentSpace
from empirical.system.errors import require, require_positive
from empirical.system.tensors import load_tensors, save_tensors, tensors_digest


@dataclass(frozen=True, kw_only=True)
class AutoencoderTraining:
    """Set the shape of the two autoencoders and the recipe of their training; counts are in iterations.

    `channels` has one number per resolution, from that of the images to that of the latents, each half the one before.
    """

    channels: tuple[int, ...] = (32, 8)
    layers: int = 1  # residual blocks per resolution of the AutoencoderKL, one more in its decoder
    latent_channels: int = 4
    tiny_channels: int = 8
    iterations: int = 2000
    tiny_iterations: int = 2000
    batch: int = 64
    lr: float = 3e-3  # at the start; it falls to zero linearly
    kl: float = 1e-3  # weight of the Kullback-Leibler term, relative to squared errors of pixels
    seed: int = 0

    def __post_init__(self) -> None:
        counts = {"iterations": self.iterations, "tiny_iterations": self.tiny_iterations, "batch": self.batch}
        require_positive("autoencoder", layers=self.layers, lr=self.lr, kl=self.kl, **counts)
        widths = (*self.channels, self.tiny_channels)
        require(all(c % 8 == 0 for c in widths), "autoencoder.channels", widths, "multiples of 8")

    def vae(self, image_channels: int) -> dict[str, Any]:
        """Return the arguments of the AutoencoderKL without its scaling, which is measured on its latents."""
        stages = len(self.channels)
        return {
            "in_channels": image_channels,
            "out_channels": image_channels,
            "latent_channels": self.latent_channels,
            "block_out_channels": self.channels,
            "down_block_types": ("DownEncoderBlock2D",) * stages,
            "up_block_types": ("UpDecoderBlock2D",) * stages,
            "layers_per_block": self.layers,
            "norm_num_groups": 8,
            "mid_block_add_attention": False,
        }

    def tiny(self, image_channels: int) -> dict[str, Any]:
        """Return the arguments of the AutoencoderTiny; its encoder is not used and is as small as possible."""
        stages = len(self.channels)
        return {
            "in_channels": image_channels,
            "out_channels": image_channels,
            "latent_channels": self.latent_channels,
            "encoder_block_out_channels": (8,) * stages,
            "decoder_block_out_channels": (self.tiny_channels,) * stages,
            "num_encoder_blocks": (0,) * stages,
            "num_decoder_blocks": (1,) * stages,
        }


def train(
    images: Tensor,
    settings: AutoencoderTraining,
    path: Path,
    about: Mapping[str, Any],
    report: Callable[[int, str], None],
) -> None:
    """Fit both autoencoders to images (n, C, H, W) in [-1, 1] and write them to `path`, with the values of `about`.

    The AutoencoderKL's latents are scaled to mean 0 and variance 1 over the images. On a CPU, equal seeds give equal
    bits. report(iteration, text) is called about twenty times for each autoencoder. Raises FloatingPointError that
    names the iteration by which the loss was not finite.
    """
    source = torch.Generator().manual_seed(settings.seed)
    shapes = {"vae": settings.vae(images.shape[1]), "tiny": settings.tiny(images.shape[1])}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)  # for the initial weights; later numbers are drawn from `source`
        vae: Any = AutoencoderKL(**shapes["vae"])
        tiny: Any = AutoencoderTiny(**shapes["tiny"])
    _fit_vae(vae, images, settings, source, report)
    space = LatentSpace(vae)
    unscaled = space.encode(images) / vae.config.scaling_factor  # the new AutoencoderKL has no shift
    scaling = {"scaling_factor": 1 / unscaled.std().item(), "shift_factor": unscaled.mean().item()}
    vae.register_to_config(**scaling)
    _fit_tiny(tiny, space, space.encode(images), settings, source, report)
    networks: dict[str, Any] = {"vae": vae, "tiny": tiny}
    tensors = {f"{name}.{key}": v.half() for name, net in networks.items() for key, v in net.state_dict().items()}
    shapes["vae"] |= scaling
    save_tensors(path, tensors, {**shapes, "training": asdict(settings), **about})


def load(path: Path) -> tuple[LatentSpace, dict[str, Any]]:
    """Load a file of `train`: the latent space, and the stored values with the weights' digest as "sha256"."""
    tensors, values = load_tensors(path, do="restore the weights file, or train it again: paper_repro.py generator")
    got = f"weights with {', '.join(values)}"
    require("vae" in values, str(path), got, "weights of an autoencoder", "name another file")
    networks: dict[str, Any] = {"vae": AutoencoderKL(**values["vae"]), "tiny": AutoencoderTiny(**values["tiny"])}
    for name, net in networks.items():
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        net.load_state_dict(own)  # to float32, from the half precision of the file
    return LatentSpace(**networks), {**values, "sha256": tensors_digest(tensors)}


def _fit_vae(
    vae: Any,
    images: Tensor,
    settings: AutoencoderTraining,
    source: torch.Generator,
    report: Callable[[int, str], None],
) -> None:
    """Minimise square errors of pixels plus kl times the Kullback-Leibler divergence per pixel (Kingma & Welling 2014).

    At the end the weights are rounded to half precision, in which they are stored.
    """

    def loss() -> Tensor:
        batch = images[torch.randint(len(images), (settings.batch,), generator=source)]
        posterior = vae.encode(batch).latent_dist
        latents = posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=source)
        divergence = posterior.kl().sum() / batch.numel()
        return mse_loss(vae.decode(latents).sample, batch) + settings.kl * divergence

    _minimise(vae, loss, settings.iterations, settings.lr, lambda step, value: report(step, f"autoencoder {value:.4f}"))
    vae.load_state_dict({name: value.half().float() for name, value in vae.state_dict().items()})


def _fit_tiny(
    tiny: Any,
    space: LatentSpace,
    latents: Tensor,
    settings: AutoencoderTraining,
    source: torch.Generator,
    report: Callable[[int, str], None],
) -> None:
    """Fit the tiny decoder to the VAE's on interpolations of two latents: early in sampling x0_hat is like them."""

    def rows() -> Tensor:
        return torch.randint(len(latents), (settings.batch,), generator=source)

    def loss() -> Tensor:
        share = torch.rand(settings.batch, 1, 1, 1, generator=source)
        between = torch.lerp(latents[rows()], latents[rows()], share)
        return mse_loss(tiny.decode(between).sample, space.decode(between))

    _minimise(
        tiny, loss, settings.tiny_iterations, settings.lr, lambda step, value: report(step, f"tiny decoder {value:.4f}")
    )


def _minimise(
    module: nn.Module, loss: Callable[[], Tensor], iterations: int, lr: float, report: Callable[[int, float], None]
) -> None:
    """Minimise a mini-batch loss by AdamW at a rate that falls to zero; weights outside the loss do not change."""
    optimizer = torch.optim.AdamW(module.parameters(), lr=lr, fused=True)
    every = math.ceil(iterations / 20)
    for step in range(iterations):
        for group in optimizer.param_groups:
            group["lr"] = lr * (1 - step / iterations)
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if (step + 1) % every == 0 or step + 1 == iterations:
            if not value.isfinite():
                raise FloatingPointError(f"autoencoder: the loss is not finite by iteration {step}; lower the lr")
            report(step + 1, value.item())
