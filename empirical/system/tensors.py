"""Named tensors in safetensors files with digests that are checked on reading."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from empirical.system.errors import InputError
from empirical.system.files import text_digest, write_bytes


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of named tensors: names, types, shapes and values."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.numpy().tobytes())
    return total.hexdigest()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], values: Any) -> None:
    """Write tensors and plain `values` as one safetensors file, atomically, with digests of both."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(values)
    metadata = {"values": text, "sha256": tensors_digest(tensors), "values_sha256": text_digest(text)}
    write_bytes(path, safetensors.torch.save(tensors, metadata))


def load_tensors(path: Path, do: str) -> tuple[dict[str, Tensor], Any]:
    """Read a file of `save_tensors` and check its digests. `do` tells the user how to replace a damaged file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(str(path), f"an unreadable file ({error})", "a whole safetensors file", do) from None
    text = metadata.get("values", "")
    if metadata.get("sha256") != tensors_digest(tensors) or metadata.get("values_sha256") != text_digest(text):
        raise InputError(str(path), "contents that do not match their digest", "the file as written", do)
    return tensors, json.loads(text)
