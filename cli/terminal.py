"""Where all printing goes: one console, and a progress line that suits a terminal and a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

console = Console(width=None if sys.stdout.isatty() else 160)


@contextmanager
def progress_line(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal, else a line at most every ten seconds; called with (done, total, what comes next)."""
    if console.is_terminal:
        columns = (
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=None, note="")
            yield lambda done, total, note: bar.update(task, completed=done, total=total, note=note)
        return
    last = -10.0

    def report(done: int, total: int, note: str) -> None:
        nonlocal last
        if done == total or time.monotonic() - last >= 10:
            last = time.monotonic()
            print(f"{what}: {done} of {total} {note}".rstrip(), flush=True)

    yield report
