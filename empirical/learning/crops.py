"""The random crops and flips that learners at the paper's scale are trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def crop_flip(images: Tensor, places: Iterable[int], seed: int, step: int, size: tuple[int, int]) -> Tensor:
    """Crop 8 to 100 % of the area of each image (B, C, H, W), resize to `size` (height, width), mirror half of them.

    places: each image's place in the whole mini-batch. Crop and flip are a function of (seed, step, place), so they are
    the same however many processes share the batch. torch's generators are left unchanged.
    """
    from torchvision.transforms import v2

    vary = v2.Compose([v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()])
    varied = []
    with torch.random.fork_rng(devices=[]):
        for image, place in zip(images, places, strict=True):
            # place + 1: with place 0 the seed would be that of `split.draw` in this step
            drawn = np.random.SeedSequence((seed, step, place + 1)).generate_state(1)[0]
            torch.default_generator.manual_seed(int(drawn))  # not torch.manual_seed, which seeds GPUs too
            varied.append(vary(image))
    return torch.stack(varied)
