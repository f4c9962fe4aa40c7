"""Samples as bytes: images as PNG with 256 levels per channel, vectors as raw float32.

Learners train on exactly the values that are stored.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate


def is_image(shape: Sequence[int]) -> bool:
    """Tell whether a sample of this shape is an image, (C, H, W) with 1 or 3 channels, rather than a vector."""
    return len(shape) == 3 and shape[0] in (1, 3)


def quantise(images: Tensor) -> Tensor:
    """Round images in [-1, 1] to the nearest of 256 levels; `encode` and `decode` keep these bit for bit.

    >>> quantise(torch.tensor([-1.0, 0.001, 1.0]))
    tensor([-1.0000,  0.0039,  1.0000])
    """
    return values(_levels(images))


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images (B, C, H, W) to `size` (height, width), bilinear and antialiased when shrinking, in float32.

    Two matrix products, W_h x W_w': they differ from torch's `interpolate` by rounding (at most 2e-7 in [-1, 1] at the
    sizes of ImageNet), but repeat bit for bit on a GPU, where the gradient of `interpolate` adds up in any order.
    """
    if images.shape[-2:] == size:
        return images
    edges = zip(images.shape[-2:], size, strict=True)
    rows, columns = (_weights(old, new, images.device) for old, new in edges)
    with torch.autocast(images.device.type, enabled=False):
        return rows @ images @ columns.T


@lru_cache(maxsize=16)
def _weights(old: int, new: int, device: torch.device) -> Tensor:
    """Return the weights (new, old) with which `interpolate` mixes rows: it resizes the identity matrix."""
    identity = torch.eye(old).view(
        1, 1, old, old
    )  # in float32, as `interpolate` computes the weights of float32 images
    return interpolate(identity, (new, old), mode="bilinear", antialias=True)[0, 0].to(device)


def encode(samples: Tensor) -> list[bytes]:
    """Encode each sample of (B, *shape): images on the 256 levels (see `quantise`) as PNG, vectors as float32."""
    if not is_image(samples.shape[1:]):
        return [row.tobytes() for row in samples.float().numpy()]
    levels = _levels(samples).permute(0, 2, 3, 1).numpy()  # (B, H, W, C)
    threads = torch.get_num_threads()  # that this process may use; Pillow compresses outside Python's lock
    if threads == 1:
        return [_png(image) for image in levels]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(_png, levels))


def _png(levels: np.ndarray) -> bytes:
    """Encode levels (H, W, C) as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(levels.squeeze(-1) if levels.shape[-1] == 1 else levels).save(file, "PNG")
    return file.getvalue()


def decode(payloads: Sequence[bytes], shape: Sequence[int]) -> Tensor:
    """Decode samples to (B, *shape), float32. Raises OSError or ValueError for a payload that is no such sample."""
    return values(stored(payloads, shape))


def stored(payloads: Sequence[bytes], shape: Sequence[int]) -> Tensor:
    """Decode samples to (B, *shape) as they are stored: images to levels, uint8, a quarter of the bytes; see `values`.

    Raises OSError or ValueError for a payload that is no such sample.
    """
    rows = np.empty((len(payloads), *shape), np.uint8 if is_image(shape) else np.float32)
    read = _picture if is_image(shape) else _vector
    for row, payload in zip(rows, payloads, strict=True):
        row[:] = read(payload, shape)  # copied to the strides of fresh samples: convolutions round by strides
    return torch.from_numpy(rows)


def values(samples: Tensor) -> Tensor:
    """Return images in [-1, 1], float32, of levels, uint8; other samples are values already.

    >>> values(torch.tensor([0, 255], dtype=torch.uint8)).tolist()
    [-1.0, 1.0]
    """
    if samples.dtype != torch.uint8:
        return samples
    half = torch.full((), 127.5, device=samples.device)  # a number would become its reciprocal on a GPU: other bits
    return samples.float() / half - 1


def _levels(images: Tensor) -> Tensor:
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def _vector(payload: bytes, shape: Sequence[int]) -> np.ndarray:
    if len(payload) != 4 * math.prod(shape):
        raise ValueError(f"{len(payload)} bytes, not {4 * math.prod(shape)}")
    return np.frombuffer(payload, np.float32).reshape(shape)


def _picture(payload: bytes, shape: Sequence[int]) -> np.ndarray:
    """Decode a PNG file to levels (C, H, W)."""
    mode, size = "L" if shape[0] == 1 else "RGB", (shape[2], shape[1])
    try:
        image = Image.open(io.BytesIO(payload))
        levels = np.asarray(image)
    except SyntaxError as error:  # Pillow raises SyntaxError for a damaged PNG
        raise ValueError(str(error)) from None
    if image.mode != mode or image.size != size:
        raise ValueError(f"an image of mode {image.mode} and size {image.size}, not {mode} {size}")
    return levels.reshape(*size[::-1], shape[0]).transpose(2, 0, 1)
