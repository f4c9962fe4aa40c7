"""The random crops and flips that learners at the paper's scale are trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def boxes(images: Tensor, places: Iterable[int], seed: int, step: int) -> Tensor:
    """Draw a crop of 8 to 100 % of the area of each image (B, C, H, W), and mirror half of them.

    Returns (B, 5) integers: top, left, height, width, and 1 where the crop is mirrored. places: each image's place in
    the whole mini-batch. A row is a function of (seed, step, place), so it is the same however many processes share the
    batch. torch's generators are left unchanged.
    """
    from torchvision.transforms import v2

    crop, rows = v2.RandomResizedCrop(1), []
    with torch.random.fork_rng(devices=[]):
        for place in places:
            # place + 1: with place 0 the seed would be that of `split.draw` in this step
            drawn = np.random.SeedSequence((seed, step, place + 1)).generate_state(1)[0]
            torch.default_generator.manual_seed(int(drawn))  # not torch.manual_seed, which seeds GPUs too
            box = crop.make_params([images[0]])
            rows.append([box["top"], box["left"], box["height"], box["width"], int(torch.rand(1) < 0.5)])
    return torch.tensor(rows)


def cropped(images: Tensor, drawn: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut the boxes `drawn` (see `boxes`) out of images (B, C, H, W), resize them to `size` (height, width), mirror.

    Bilinear, antialiased where it shrinks: on a CPU by torchvision, image by image; elsewhere by `_products`, all at
    once, which differs by rounding.
    """
    if images.device.type != "cpu":
        return _products(images, drawn, size)
    from torchvision.transforms.v2 import functional

    crops = []
    for image, (top, left, height, width, mirrored) in zip(images, drawn.tolist(), strict=True):
        crop = functional.resized_crop(image, top, left, height, width, list(size), antialias=True)
        crops.append(functional.horizontal_flip(crop) if mirrored else crop)
    return torch.stack(crops)


def _products(images: Tensor, drawn: Tensor, size: tuple[int, int]) -> Tensor:
    """Do the work of `cropped` as two matrix products an image, rows x image x columns'.

    A GPU starts few operations for the whole batch, and repeats them bit for bit. Differs from torchvision by at most
    1e-6 for images in [-1, 1].
    """
    top, left, height, width, mirrored = drawn.unbind(1)
    rows = _weights(top, height, images.shape[2], size[0])
    columns = _weights(left, width, images.shape[3], size[1])
    columns = torch.where(mirrored.bool().view(-1, 1, 1), columns.flip(1), columns)
    return torch.einsum("bip,bcpq,bjq->bcij", rows, images, columns)


def _weights(first: Tensor, length: Tensor, old: int, new: int) -> Tensor:
    """Return the weights (B, new, old) with which resizing mixes `length` (B,) of `old` pixels, from `first` (B,) on.

    A triangle around each new pixel's place, as wide as a new pixel or an old one, whichever is wider.
    """
    first, length = (column.view(-1, 1, 1).float() for column in (first, length))
    places = torch.arange(old, device=first.device) + 0.5 - first  # (B, 1, old): middles of old pixels, in the crop
    scale = length / new
    centres = scale * (torch.arange(new, device=first.device) + 0.5).view(-1, 1)  # (B, new, 1), as torchvision rounds
    inside = (places > 0) & (places < length)
    weights = (1 - (places - centres).abs() / scale.clamp(min=1)).clamp(min=0) * inside
    return weights / weights.sum(-1, keepdim=True)
