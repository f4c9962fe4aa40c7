"""Networks of the learners: CNNs and ViTs for 8 x 8 and 32 x 32 images, and timm's models by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from empirical.data.images import resized
from empirical.system.errors import InputError, require


def small_cnn(channels: int, size: int, classes: int) -> nn.Module:
    """Build three 3x3 convolutions, the second of stride 2, and a linear layer: 19k parameters for 8x8 grey digits."""
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.GELU(),
        nn.Conv2d(16, 32, 3, padding=1, stride=2),
        nn.GELU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(32 * (size // 2) ** 2, classes),
    )


def tiny_vit(channels: int, size: int, classes: int) -> nn.Module:
    """Build a timm ViT of width 64, depth 2, 2 x 2 patches, Xavier-initialised: timm's init is worse at this size."""
    import timm

    model = timm.models.VisionTransformer(
        img_size=size, patch_size=size // 2, in_chans=channels, num_classes=classes, embed_dim=64, depth=2, num_heads=4
    )
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
    return model


def strided_cnn(channels: int, size: int, classes: int) -> nn.Module:
    """Build three 3x3 convolutions of stride 2, 32 to 128 channels, and a linear layer: 224k parameters for glyphs."""
    widths = (channels, 32, 64, 128)
    blocks: list[nn.Module] = []
    for inside, outside in pairwise(widths):
        blocks += [nn.Conv2d(inside, outside, 3, padding=1, stride=2), nn.GroupNorm(8, outside), nn.GELU()]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(widths[-1] * (size // 8) ** 2, classes))


def vit(channels: int, size: int, classes: int, *, patch: int, width: int, depth: int, heads: int) -> nn.Module:
    """Build a timm ViT with patches of patch x patch pixels."""
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


# Learners by kind: (channels, size, classes) -> network. timm is imported in the functions, since it takes seconds.
NETWORKS: dict[str, Callable[[int, int, int], nn.Module]] = {"cnn": small_cnn, "vit": tiny_vit}  # of 8 x 8 images
NETWORKS_32: dict[str, Callable[[int, int, int], nn.Module]] = {
    "cnn": strided_cnn,
    "vit": partial(vit, patch=8, width=96, depth=4, heads=4),  # 17 tokens: for a CPU
    "vit_small": partial(vit, patch=4, width=192, depth=9, heads=3),  # 65 tokens, 4 million parameters: for a GPU
}


class TimmNetwork(nn.Module):
    """Classify images in [-1, 1] of any size by a timm model, which gets them resized to `size` and normalised.

    size: (height, width). Resizing is bilinear, antialiased when shrinking, so values stay in [-1, 1]; images of the
    right size are not resampled. Grey images become three equal channels. Logits are differentiable in the images.
    """

    mean: Tensor  # (1, 3, 1, 1), for images in [0, 1]; as is std
    std: Tensor

    def __init__(self, model: nn.Module, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.model, self.size = model, size
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        images = resized(images, self.size)
        images = images.expand(-1, 3, -1, -1)
        return self.model(((images + 1) / 2 - self.mean) / self.std)


def check_name(name: str, where: str = "learner.kind") -> None:
    """Refuse a name that timm does not know, and suggest the nearest names; nothing is built.

    A tag of pretrained weights after a dot chooses their normalisation; the weights are never fetched.
    """
    import timm

    architecture, _, tag = name.partition(".")
    known = timm.list_models()
    near = difflib.get_close_matches(architecture, known, 5)
    allowed = f"one of timm's {len(known)} models" + (f", perhaps {' or '.join(near)}" if near else "")
    require(architecture in known, where, name, allowed, "see timm.list_models()")
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError:
        raise InputError(where, name, f"{architecture} without the tag {tag!r}", "leave it out") from None


def network(name: str, classes: int, size: int = 0) -> TimmNetwork:
    """Build the timm model `name` with `classes` logits; its weights are random, from torch's generator.

    size: edge in pixels of the square images that the model gets; 0 is the size for which it was designed.
    Raises the InputError of `check_name`.
    """
    import timm

    check_name(name)
    design: Any = timm.get_pretrained_cfg(name)
    fixed: dict[str, Any] = {"img_size": size} if size and design.fixed_input_size else {}  # other models take any size
    model = timm.create_model(name, num_classes=classes, pretrained=False, **fixed)
    height, width = (size, size) if size else design.input_size[1:]
    return TimmNetwork(model, (height, width), design.mean, design.std)
