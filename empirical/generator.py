"""The class-conditional pixel diffusion model: a small diffusers UNet, its training, its file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DModel
from timm.utils import ModelEmaV3
from torch import nn

from empirical.checkpoint import digest, load_tensors, save_tensors
from empirical.data import Split
from empirical.errors import require_non_negative, require_positive


@dataclass(frozen=True, kw_only=True)
class GeneratorTraining:
    """Shape of the UNet and recipe of its training; counts are in iterations."""

    base_channels: int = 16  # of the full resolution; twice as many at half resolution
    iterations: int = 5000
    batch: int = 128
    lr: float = 4e-3
    weight_decay: float = 0.01
    class_dropout: float = 0.1  # share of labels replaced by "no class", for classifier-free guidance
    ema_decay: float = 0.998
    seed: int = 0

    def __post_init__(self) -> None:
        require_positive(
            "generator", base_channels=self.base_channels, iterations=self.iterations, batch=self.batch, lr=self.lr
        )
        require_non_negative("generator", weight_decay=self.weight_decay, class_dropout=self.class_dropout)


def scheduler() -> Any:
    """The noise schedule that generators of this project are trained and sampled with: 1,000 levels, linear betas."""
    return DDIMScheduler(beta_schedule="linear", clip_sample=False, timestep_spacing="leading", steps_offset=1)


def unet(base_channels: int, classes: int, channels: int, size: int) -> Any:
    """A two-level UNet; label `classes` stands for "no class"."""
    return UNet2DModel(
        sample_size=size,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=(base_channels, 2 * base_channels),
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        num_class_embeds=classes + 1,
        norm_num_groups=8,
        add_attention=False,
    )


def _rate(step: int, total: int) -> float:
    """Linear warm-up over 2 %, constant, linear decay over the last 30 %."""
    return min(1.0, (step + 1) / (0.02 * total)) * min(1.0, (total - step) / (0.3 * total))


def train(corpus: Split, classes: int, settings: GeneratorTraining, report: Callable[[int, float], None]) -> nn.Module:
    """Fit a UNet to predict the noise in `corpus` images (n, C, H, W) in [-1, 1]; returns the averaged model.

    `report(iteration, loss)` is called a hundred times. Raises FloatingPointError if the loss is not finite.
    """
    torch.manual_seed(settings.seed)  # the initial weights; everything later has its own generator
    model = unet(settings.base_channels, classes, corpus.images.shape[1], corpus.images.shape[2])
    averaged = ModelEmaV3(model, decay=settings.ema_decay, use_warmup=True)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=settings.weight_decay, fused=True)
    alphas = scheduler().alphas_cumprod
    source = torch.Generator().manual_seed(settings.seed)
    for step in range(settings.iterations):
        rows = torch.randint(len(corpus.labels), (settings.batch,), generator=source)
        clean = corpus.images[rows]  # (B, C, H, W)
        dropped = torch.rand(settings.batch, generator=source) < settings.class_dropout
        labels = corpus.labels[rows].masked_fill(dropped, classes)
        times = torch.randint(len(alphas), (settings.batch,), generator=source)
        noise = torch.randn(clean.shape, generator=source)
        alpha = alphas[times].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        loss = (model(noisy, times, labels).sample - noise).square().mean()
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * _rate(step, settings.iterations)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        averaged.update(model, step=step)
        if (step + 1) % math.ceil(settings.iterations / 100) == 0:
            if not loss.isfinite():
                raise FloatingPointError(f"generator: the loss of iteration {step} is not finite; lower the lr")
            report(step + 1, loss.item())
    return averaged.module


def save(
    path: Path, model: nn.Module, settings: GeneratorTraining, shape: dict[str, int], manifest: dict[str, Any]
) -> None:
    """Write the weights, with all that is needed to rebuild the network and to know where it came from."""
    values = {"unet": {"base_channels": settings.base_channels, **shape}, "training": asdict(settings), **manifest}
    save_tensors(path, model.state_dict(), values)


def load(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a weights file, ready to use, and the values stored with it, the weights' "sha256" too."""
    tensors, values = load_tensors(path, do="restore the weights file, or train it again: paper_repro.py generator")
    model = unet(**values["unet"])
    model.load_state_dict(tensors)
    return model.eval().requires_grad_(False), {**values, "sha256": digest(tensors)}
