"""Time and memory of a simulation, estimated before it starts; impossible ones are refused."""

import math
import os
from pathlib import Path

__all__ = ["DRAWS", "HOURS", "PRODUCTS", "SETUP", "most_kept", "require_memory", "require_time"]

HOURS = 100.0  # longest simulation, per process
DRAWS = 2e7  # random numbers a second on one core, with what is done to them; a fast core draws three times as many
PRODUCTS = 1e10  # multiplications with addition a second on one core, in products of matrices
SETUP = 2e-4  # seconds a trial, whatever its size


def most_kept(n: float, p: float) -> float:
    """Bound the number of kept samples of n: ten standard deviations above p n."""
    return min(n, p * n + 10 * math.sqrt(n))


def require_time(seconds: float, trials: int, workers: int, got: str, where: str) -> None:
    """Raise a ValueError if `trials` of `seconds` each take more than 100 hours, `workers` running at a time."""
    hours = seconds * math.ceil(trials / workers) / 3600
    if hours > HOURS:
        raise ValueError(
            f"{where}: got {got}, trials={trials}, workers={workers}, which takes about {hours:.3g} hours; allowed "
            f"{HOURS:g} hours at {DRAWS:.0e} random numbers and {PRODUCTS:.0e} products a second; "
            "do lower n, d or trials, or raise workers"
        )


def require_memory(need: float, got: str, where: str, do: str) -> None:
    """Raise a ValueError unless `need` bytes are free."""
    have = _bytes_available()
    if need > have:
        raise ValueError(
            f"{where}: got {got}, which needs {need / 2**30:.2f} GiB; "
            f"allowed {have / 2**30:.2f} GiB, the memory now available; do {do}"
        )


def _bytes_available() -> float:
    """Return the machine's memory; on Linux the least of it, the memory now unused and the container's limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if hasattr(os, "sysconf") else []
    meminfo, container = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")
    if meminfo.exists():
        rows = (row.split() for row in meminfo.read_text().splitlines())
        limits += [int(row[1]) * 1024 for row in rows if row[0] == "MemAvailable:"]
    if container.exists() and (limit := container.read_text().strip()).isdigit():
        limits.append(int(limit))
    return min(limits, default=math.inf)
