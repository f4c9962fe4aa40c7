"""Reproduce and extend "Improving the Scaling Laws of Synthetic Data with Deliberate Practice".

`python paper_repro.py`, or `deliberate-practice` where the project is installed, lists the commands.
"""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import tyro

from cli import options
from empirical.system.errors import InputError


class Command(NamedTuple):
    """A command: its options, the module whose `main` takes them, its arguments and one line about it."""

    options: type
    module: str
    arguments: str
    about: str


FIGURES = Command(options.Options, "cli.make", "FIGURE ...", "make figures and tables, under results/: fig3 fig4 fig5")
COMMANDS = {
    "list": Command(options.ListOptions, "cli.listing", "", "list the figures and tables, and how long they take"),
    "run": Command(
        options.RunOptions, "cli.run", "RECIPE", "do one run: run worlds/digits.toml --set acquire.omega=0.05"
    ),
    "pool": Command(
        options.PoolOptions, "cli.pool", "RUN ...", "show the pool of a run: growth, samples, rows made again"
    ),
    "verify": Command(
        options.VerifyOptions, "cli.verify", "FOLDER ...", "check stored runs and figures: verify results/fig4"
    ),
    "generator": Command(options.GeneratorOptions, "cli.generator", "WORLD", "train the generator of a world anew"),
    "throughput": Command(options.ThroughputOptions, "cli.throughput", "RECIPE", "measure the speed of a recipe here"),
    "flops": Command(options.FlopsOptions, "cli.flops", "", "count what guidance costs on Stable Diffusion 1.5"),
    "errata": Command(options.ErrataOptions, "cli.errata", "", "print the paper's misprints, with numbers"),
}


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


def overview(program: str) -> str:
    """List the commands, one line each."""
    rows = [(FIGURES.arguments, FIGURES.about)]
    rows += [(f"{name} {command.arguments}".strip(), command.about) for name, command in COMMANDS.items()]
    width = max(len(call) for call, _ in rows)
    lines = [f"usage: {program} COMMAND [options]", "", *(f"  {call:<{width}}  {about}" for call, about in rows), ""]
    return "\n".join([*lines, f"Each command has its own options: {program} fig4 --help, {program} run --help, ..."])


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Exit codes: 0 done, 2 bad input, 1 failure, 130 interrupted, 143 terminated."""
    arguments = sys.argv[1:] if arguments is None else arguments
    program = Path(sys.argv[0]).name
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview(program))
        return 0 if arguments else 2
    name = arguments[0] if arguments[0] in COMMANDS else ""
    command = COMMANDS.get(name, FIGURES)
    rest = arguments[1:] if name else arguments
    parsed: Any = tyro.cli(command.options, args=rest, prog=f"{program} {name}".strip())
    try:
        with sigterm_heard():
            return int(importlib.import_module(command.module).main(parsed))
    except (InputError, ValueError, FloatingPointError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError | OSError) else 1
    except KeyboardInterrupt as interrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 143 if isinstance(interrupt, Terminated) else 130


if __name__ == "__main__":
    sys.exit(main())
