"""Image classifiers by their timm name, and the random crops and flips that they are trained on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from empirical.errors import InputError, require


class Network(nn.Module):
    """A timm classifier of images in [-1, 1] of any size: resized to `size` (height, width) and normalised inside.

    Logits are differentiable in the images. Bilinear, antialiased where it shrinks: values stay in [-1, 1]. Images of
    the right size are left as they are, and grey ones become three equal channels.
    """

    mean: Tensor  # (1, 3, 1, 1), of images in [0, 1]
    std: Tensor

    def __init__(self, model: nn.Module, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.model, self.size = model, size
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-2:] != self.size:
            images = nn.functional.interpolate(images, self.size, mode="bilinear", antialias=True)
        images = images.expand(-1, 3, -1, -1)
        return self.model(((images + 1) / 2 - self.mean) / self.std)


def check_name(name: str, where: str = "learner.kind") -> None:
    """Refuse what is not the name of a timm model, and say the nearest ones; nothing is built.

    A name may have the tag of weights after a dot, which were trained on images of some mean; they are never fetched.
    """
    import timm  # here, as below: small learners do without, and these libraries take seconds

    architecture, _, tag = name.partition(".")
    known = timm.list_models()
    near = difflib.get_close_matches(architecture, known, 5)
    one = f"one of timm's {len(known)} models" + (f", perhaps {' or '.join(near)}" if near else "")
    require(architecture in known, where, name, one, "see timm.list_models()")
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError:
        raise InputError(where, name, f"{architecture} without the tag {tag!r}", "leave it out") from None


def network(name: str, classes: int, size: int = 0) -> Network:
    """The timm model `name` with `classes` logits, its weights drawn from torch's generator, never downloaded.

    size: pixels along an edge of the square images that the model sees; 0 is the size it was designed for.
    Raises InputError as `check_name` does.
    """
    import timm

    check_name(name)
    design: Any = timm.get_pretrained_cfg(name)
    fixed: dict[str, Any] = {"img_size": size} if size and design.fixed_input_size else {}  # others take any
    model = timm.create_model(name, num_classes=classes, pretrained=False, **fixed)
    height, width = (size, size) if size else design.input_size[1:]
    return Network(model, (height, width), design.mean, design.std)


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
