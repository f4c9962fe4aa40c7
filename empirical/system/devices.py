"""The device that work is done on, looked at before the work begins."""

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
        said = str(error).partition("\n")[0]
        raise InputError("--device", device, f"a torch device of this machine ({said})", "name another: cpu") from None


def prepare(device: str) -> None:
    """The same; and on the CPU work in one thread, as sweeps do, for the same bits."""
    available(device)
    if torch.device(device).type == "cpu":
        torch.set_num_threads(1)


@contextmanager
def fitting(what: str, knobs: str) -> Iterator[None]:
    """Say which settings make `what` smaller ("lower training.batch") where a GPU has not enough memory for it."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        said = str(error).partition(". GPU")[0]  # how much was asked for; figures of the allocator follow
        raise InputError(what, said, "what fits into the GPU's memory", knobs) from None
