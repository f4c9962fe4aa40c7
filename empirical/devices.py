"""The device that work is done on, looked at before the work begins."""

from __future__ import annotations

import torch

from empirical.errors import InputError


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
