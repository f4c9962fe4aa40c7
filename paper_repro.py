"""Reproduce and extend "Improving the Scaling Laws of Synthetic Data with Deliberate Practice".

`python paper_repro.py`, or `deliberate-practice` where the project is installed, lists the commands.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Terminated(KeyboardInterrupt):
    """SIGTERM, handled like Ctrl-C."""


@contextmanager
def sigterm_heard() -> Iterator[None]:
    """Let SIGTERM stop the program as Ctrl-C does: workers end, and finished work is kept."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Exit codes: 0 done, 2 bad input, 1 failure, 130 interrupted, 143 terminated, 141 nobody reads the output any more.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell: print to nowhere
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    try:
        from cli.door import enter  # here: Ctrl-C while libraries load is quiet, too

        with sigterm_heard():
            code = enter(sys.argv[1:] if arguments is None else arguments)
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return 141
    except OSError as error:  # e.g. too many open files, a folder in place of a file, a name that is too long
        allowed = "files and folders that can be read and written"
        where, got = error.filename or "system", error.strerror or str(error)
        print(f"error: {where}: got {got!r}; allowed {allowed}; check names and permissions", file=sys.stderr)
        return 2
    except (ValueError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, FloatingPointError) else 2
    except KeyboardInterrupt as interrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 143 if isinstance(interrupt, Terminated) else 130


if __name__ == "__main__":
    sys.exit(main())
