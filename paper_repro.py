"""Reproduce the figures of "Improving the Scaling Laws of Synthetic Data with Deliberate Practice".

python paper_repro.py list                      what there is, and how long it takes
python paper_repro.py fig3 fig4 fig5            make figures, under results/
python paper_repro.py fig4 --dry-run            show what would be done
python paper_repro.py run experiments/worlds/digits.toml --set growth.additions=3
                                                one run from a recipe
python paper_repro.py pool RUN                  what a run's pool is made of
python paper_repro.py verify results/fig4       check stored results against each other
python paper_repro.py generator digits          train the digits generator anew
python paper_repro.py throughput RECIPE.toml    measure what a recipe needs on this machine
python paper_repro.py flops                     count what guidance costs
"""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tyro

from cli.options import FlopsOptions, Options, PoolOptions, RunOptions, ThroughputOptions, VerifyOptions
from empirical.system.errors import InputError

COMMANDS: dict[str, tuple[type, str]] = {  # first word: its options, and the module whose `main` takes them
    "run": (RunOptions, "cli.run"),
    "pool": (PoolOptions, "cli.pool"),
    "verify": (VerifyOptions, "cli.verify"),
    "throughput": (ThroughputOptions, "cli.throughput"),
    "flops": (FlopsOptions, "cli.flops"),
}


class Terminated(KeyboardInterrupt):
    """SIGTERM, taken like Ctrl-C."""


@contextmanager
def taking_sigterm() -> Iterator[None]:
    """Let SIGTERM stop the program as Ctrl-C does: workers end, and what is finished is kept."""
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
    """Run the command line. Exit codes: 0 done, 2 bad input, 1 failure, 130 interrupted, 143 terminated."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in COMMANDS:
        (kind, module), program, arguments = COMMANDS[arguments[0]], f"paper_repro.py {arguments[0]}", arguments[1:]
    else:
        kind, module, program = Options, "cli.make", "paper_repro.py"
    options: Any = tyro.cli(kind, args=arguments, prog=program)
    try:
        with taking_sigterm():
            return importlib.import_module(module).main(options)
    except (InputError, ValueError, FloatingPointError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError | OSError) else 1
    except KeyboardInterrupt as interrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 143 if isinstance(interrupt, Terminated) else 130


if __name__ == "__main__":
    sys.exit(main())
