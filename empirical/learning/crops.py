"""Image classifiers by their timm name, and the random crops and flips that they are trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def crop_flip(images: Tensor, places: Iterable[int], seed: int, step: int, size: tuple[int, int]) -> Tensor:
    """A random part of each image (B, C, H, W), 8 to 100 % of its area, resized to `size`, half of them mirrored.

    What happens to an image is a function of (seed, step, its place in the whole mini-batch): of the same images it
    is the same however many processes share the batch. torch's generator is left as it was.
    """
    from torchvision.transforms import v2

    vary = v2.Compose([v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()])
    varied = []
    with torch.random.fork_rng(devices=[]):
        for image, place in zip(images, places, strict=True):
            # one on: place 0 would be the seed of the rows drawn in this step
            drawn = np.random.SeedSequence((seed, step, place + 1)).generate_state(1)[0]
            torch.default_generator.manual_seed(int(drawn))  # not torch.manual_seed, which seeds GPUs too
            varied.append(vary(image))
    return torch.stack(varied)
