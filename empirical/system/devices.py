"""The torch device of a process: checked and made repeatable before work begins; out-of-memory errors explained."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import deterministic

from empirical.system.errors import InputError

WORKSPACE = ":4096:8"  # of cuBLAS, in the form of its environment variable: with it matrix products are repeatable


class TooLargeError(InputError):
    """Report work that does not fit into a GPU's memory, with the settings that make it smaller."""


def available(device: str) -> None:
    """Refuse a device that this machine does not have. No context is opened on a GPU, which would take its memory."""
    try:
        place = torch.device(device)
        if place.type != "cuda":
            torch.zeros(1, device=place)
        elif (place.index or 0) >= torch.cuda.device_count():
            raise RuntimeError(f"it has {torch.cuda.device_count()} CUDA devices")
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        allowed = f"a torch device of this machine ({reason})"
        raise InputError("--device", device, allowed, "name another: cpu") from None


def settle(device: str) -> None:
    """Check the device of this process and make its arithmetic repeatable; call it before anything is computed there.

    On a GPU torch is restricted to deterministic algorithms, those of attention included, and to full float32: no TF32
    in matrix products and convolutions. An operation without a deterministic algorithm raises an error, which `fitting`
    explains. On a CPU nothing changes.
    """
    available(device)
    if torch.device(device).type != "cuda":
        return
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = WORKSPACE  # read when the first matrix product runs
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it costs time; no code here reads such memory
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.enable_cudnn_sdp(False)  # its attention has no deterministic gradient
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def prepare(device: str) -> None:
    """Settle the device of a command; on the CPU use one thread, as sweeps do, for the same bits."""
    settle(device)
    if torch.device(device).type == "cpu":
        torch.set_num_threads(1)


def arithmetic(device: str) -> dict[str, Any]:
    """Return the switches of torch that decide the last digits on a device, as they are now.

    >>> sorted(arithmetic("cpu"))
    ['threads']
    """
    if torch.device(device).type != "cuda":
        return {"threads": torch.get_num_threads()}
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
        "tf32_convolution": torch.backends.cudnn.allow_tf32,
        "cublas_workspace": os.environ.get("CUBLAS_WORKSPACE_CONFIG", ""),
        "cuda": str(torch.version.cuda),
    }


def device_name(device: str) -> str:
    """Return the maker's name of a GPU, or what the system calls its processor."""
    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else platform.processor()


def spread(device: str, count: int) -> list[str]:
    """Return the devices of `count` processes: "cuda" stands for all visible GPUs in turns, other names for themselves.

    >>> spread("cpu", 2)
    ['cpu', 'cpu']
    """
    place = torch.device(device)
    if place.type != "cuda" or place.index is not None:
        return [device] * count
    return [f"cuda:{number % torch.cuda.device_count()}" for number in range(count)]


@contextmanager
def fitting(what: str, knobs: str) -> Iterator[None]:
    """Turn two errors of a GPU into an InputError: out of memory, and an operation that does not repeat bit for bit.

    what: the work inside, such as "training". knobs: the settings that make it smaller, such as "lower training.batch".
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        request = str(error).partition(". GPU")[0]  # the rest of the message is figures of the allocator
        raise TooLargeError(what, request, "what fits into the GPU's memory", knobs) from None
    except RuntimeError as error:
        operation, unrepeatable, _ = str(error).partition(" does not have a deterministic implementation")
        if not unrepeatable:
            raise
        allowed, do = "operations with a deterministic algorithm on GPUs", "choose another learner.kind or --device cpu"
        raise InputError(what, operation, allowed, do) from None
