"""Learners of 32 x 32 images: a CNN and timm ViTs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from torch import nn


def strided_cnn(channels: int, size: int, classes: int) -> nn.Module:
    """Three 3x3 convolutions of stride 2, 32 to 128 channels, and a linear layer; 224k parameters for 64 glyphs."""
    widths = (channels, 32, 64, 128)
    blocks: list[nn.Module] = []
    for inside, outside in pairwise(widths):
        blocks += [nn.Conv2d(inside, outside, 3, padding=1, stride=2), nn.GroupNorm(8, outside), nn.GELU()]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(widths[-1] * (size // 8) ** 2, classes))


def vit(channels: int, size: int, classes: int, *, patch: int, width: int, depth: int, heads: int) -> nn.Module:
    """A timm ViT on patch x patch pixels."""
    import timm

    return timm.models.VisionTransformer(
        img_size=size,
        patch_size=patch,
        in_chans=channels,
        num_classes=classes,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
    )


NETWORKS_32: dict[str, Callable[[int, int, int], nn.Module]] = {
    "cnn": strided_cnn,
    "vit": partial(vit, patch=8, width=96, depth=4, heads=4),  # 17 tokens: for a CPU
    "vit_small": partial(vit, patch=4, width=192, depth=9, heads=3),  # 65 tokens, 4 million parameters: for a GPU
}
