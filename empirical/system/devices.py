"""Checks of the torch device before work begins, and the error message of a GPU that is out of memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from empirical.system.errors import InputError


def available(device: str) -> None:
    """Refuse a device that this machine does not have."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        allowed = f"a torch device of this machine ({reason})"
        raise InputError("--device", device, allowed, "name another: cpu") from None


def prepare(device: str) -> None:
    """Refuse a device that this machine does not have; on the CPU use one thread, as sweeps do, for the same bits."""
    available(device)
    if torch.device(device).type == "cpu":
        torch.set_num_threads(1)


@contextmanager
def fitting(what: str, knobs: str) -> Iterator[None]:
    """Turn a GPU's out-of-memory error into an InputError.

    what: the work inside, such as "training". knobs: the settings that make it smaller, such as "lower training.batch".
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        request = str(error).partition(". GPU")[0]  # the rest of the message is figures of the allocator
        raise InputError(what, request, "what fits into the GPU's memory", knobs) from None
