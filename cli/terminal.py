"""All printing goes through one console, and progress through one display that suits a terminal and a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

console = Console(width=None if sys.stdout.isatty() else 160)
_bars: list[Progress] = []  # the display in use: rich allows one at a time, so an inner line is added to it


@contextmanager
def progress_line(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show progress, called with (done, total, next step): a bar on a terminal, else a line at most every 10 s."""
    if not console.is_terminal:
        yield _log(title)
    elif _bars:
        task = _bars[0].add_task(title, total=None, note="")
        yield lambda done, total, note: _bars[0].update(task, completed=done, total=total, note=note)
        _bars[0].remove_task(task)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TextColumn("{task.fields[note]}"), console=console, transient=True) as bar:
            _bars.append(bar)
            task = bar.add_task(title, total=None, note="")
            try:
                yield lambda done, total, note: bar.update(task, completed=done, total=total, note=note)
            finally:
                _bars.clear()


def _log(title: str) -> Callable[[int, int, str], None]:
    """Print a line at most every ten seconds, and one at the end."""
    last, ended = -10.0, False

    def report(done: int, total: int, note: str) -> None:
        nonlocal last, ended
        if ended or (done < total and time.monotonic() - last < 10):
            return
        last, ended = time.monotonic(), done == total
        print(f"{title}: {done} of {total} {note}".rstrip(), flush=True)

    return report
