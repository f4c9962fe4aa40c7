"""The commands by name, and the overview of them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, NamedTuple

import tyro

from cli import options


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
    "features": Command(options.FeaturesOptions, "cli.features", "RUN", "write the features of a run's images"),
    "theory-data": Command(
        options.TheoryDataOptions, "cli.theory_data", "[FEATURES.npz]", "predict learning curves of your own data"
    ),
    "law": Command(options.LawOptions, "cli.law", "CURVES.csv", "analyse the scaling curves of any loss or accuracy"),
    "learn": Command(options.LearnOptions, "cli.learn", "[LESSON]", "list the lessons, or open one: learn 1"),
    "errata": Command(options.ErrataOptions, "cli.errata", "", "print the paper's misprints, with numbers"),
}


def overview(program: str) -> str:
    """List the commands, one line each."""
    rows = [(FIGURES.arguments, FIGURES.about)]
    rows += [(f"{name} {command.arguments}".strip(), command.about) for name, command in COMMANDS.items()]
    width = max(len(call) for call, _ in rows)
    lines = [f"usage: {program} COMMAND [options]", "", *(f"  {call:<{width}}  {about}" for call, about in rows), ""]
    return "\n".join([*lines, f"Each command has its own options: {program} fig4 --help, {program} run --help, ..."])


def enter(arguments: list[str]) -> int:
    """Parse the arguments, and run the command that they name; its exit code is returned."""
    program = Path(sys.argv[0]).name
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview(program))
        return 0 if arguments else 2
    name = arguments[0] if arguments[0] in COMMANDS else ""
    command = COMMANDS.get(name, FIGURES)
    parsed: Any = tyro.cli(command.options, args=arguments[bool(name) :], prog=f"{program} {name}".strip())
    return int(importlib.import_module(command.module).main(parsed))
