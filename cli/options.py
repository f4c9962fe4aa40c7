"""What can be said on the command line, a frozen dataclass a command. Imports next to nothing: help comes at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from empirical.system.errors import InputError, require

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
WITHOUT_DOWNLOADS = ("linear", "digits", "latent_digits")  # the worlds of --world all
DEVICE = "Torch device for sampling and training: cpu, cuda (the first GPU), cuda:1, ..."


@dataclass(frozen=True, kw_only=True)
class Options:
    """Make figures, theory and practice on the same axes, under results/: name them, or say `list` to see which.

    `errata` prints the paper's misprints with numbers; `generator digits` trains the digits generator anew.
    Further commands, each with its own --help: `run RECIPE.toml` does one run, `pool RUN` shows what a run's pool is
    made of, `verify RUN-OR-FIGURE` checks stored results against each other, `throughput RECIPE.toml` measures what a
    recipe needs on this machine, `flops` counts what guidance costs.
    """

    targets: tyro.conf.Positional[list[str]]
    """Figures by name; or `list`, `errata`, or `generator WORLD`."""
    preset: Literal["default", "quick"] = "default"
    """`quick`: the same code with fewer seeds and points, marked on the figure."""
    world: Literal["all", "linear", "digits", "latent_digits", "glyphs", "cifar10", "imagenet100"] = "all"
    """Only the panels of one world; `all` is those without downloads or a GPU: linear, digits, latent_digits."""
    learner: str = ""
    """Another learner for the image worlds: cnn or vit."""
    seeds: int = 0
    """Seeds per point instead of the preset's; at least 2."""
    device: Annotated[str, tyro.conf.arg(help=DEVICE)] = "cpu"
    workers: int = 0
    """Processes, one thread each; default: one per core (with --slurm: one per job)."""
    out: Path = Path("results")
    """Where runs and figures are kept."""
    resume: bool = True
    """Reuse finished runs and continue interrupted ones; --no-resume deletes and repeats them, with all they share."""
    dry_run: bool = False
    """Show configuration, runs and what they will take - images, denoiser calls, time, disk - and stop."""
    slurm: str = ""
    """Do the training runs as jobs of a SLURM cluster: a partition, or a TOML file with a [slurm] table."""
    slurm_minutes: int = 0
    """Time limit of a job; one that runs out goes on in the next."""
    experiments: Path = EXPERIMENTS
    """The folder of the figures' TOML files, with the recipes of the worlds under worlds/."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """One run from a recipe, with progress; stopped, the same command goes on. Prints the result and its folder.

    Several processes do a run together under `accelerate launch --multi_gpu --num_processes 2 paper_repro.py run ...
    --device cuda`, one GPU each, or `torchrun --nproc_per_node 2 paper_repro.py run ...`, on CPUs too.
    """

    recipe: tyro.conf.Positional[Path]
    """A TOML file with the sections of experiments/worlds/*.toml."""
    set: tyro.conf.UseAppendAction[list[list[str]]] = field(default_factory=list)
    """Settings on top of the recipe, e.g. growth.additions=3 acquire.omega=0.02 seed=1."""
    device: Annotated[str, tyro.conf.arg(help=DEVICE)] = "cpu"
    out: Path = Path("results")
    """Where runs are kept: the folder is <out>/runs/<world>/<digest of the configuration>."""
    tensorboard: bool = False
    """Write live scalars under <run>/tensorboard."""
    dry_run: bool = False
    """Show the resolved configuration and what the run will take, and stop."""


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """What the pool of a run is made of: its growth, sample grids, and rows made again from their seeds.

    Several runs are put side by side, e.g. the same recipe at several omegas.
    """

    runs: tyro.conf.Positional[list[str]]
    """Run folders, or unambiguous beginnings of their names under <out>/runs."""
    row: int = -1
    """Make this row again; default: a few random ones."""
    columns: int = 4
    """Samples of a class a round in the grid."""
    device: Annotated[str, tyro.conf.arg(help=DEVICE)] = "cpu"
    out: Path = Path("results")
    """Where runs are, and where the grids go: <out>/pool."""


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Check stored results against each other, a line a check; the exit code is 1 if anything is off.

    A run: names and digests of its files, its pool against its seeds, its numbers against its pool and its learner.
    A figure: each of its runs by their digests, and its table made again from them, byte for byte.
    """

    folders: tyro.conf.Positional[list[str]]
    """Run folders (or beginnings of their names under <out>/runs) and figure folders, e.g. results/fig4."""
    device: Annotated[str, tyro.conf.arg(help=DEVICE)] = "cpu"
    out: Path = Path("results")
    """Where runs are looked for by name, and those of figures."""


@dataclass(frozen=True, kw_only=True)
class FlopsOptions:
    """What each way of guidance costs in operations, on Stable Diffusion 1.5 and a ViT-B/16; no weights are needed."""

    markdown: Path | None = None
    """Write the table to this file, too; that of the documentation is docs/guidance_cost.md."""


@dataclass(frozen=True, kw_only=True)
class ThroughputOptions:
    """Measure on this machine what a recipe needs: images and learner iterations per second, in CPU time on a CPU.

    Leaves results/throughput/<world>-<learner>-<device>.toml, from which --dry-run of this recipe then estimates.
    """

    recipe: tyro.conf.Positional[Path]
    """A TOML file with the sections of experiments/worlds/*.toml."""
    set: tyro.conf.UseAppendAction[list[list[str]]] = field(default_factory=list)
    """Settings on top of the recipe, e.g. sampling.batch=64."""
    device: Annotated[str, tyro.conf.arg(help=DEVICE)] = "cpu"
    images: int = 0
    """Images per measurement of sampling; default: one sampling batch."""
    seconds: float = 20.0
    """Time per measurement, after a warm-up; each is repeated three times at least."""
    ranks: int = 1
    """Train on the share of a mini-batch that one of so many processes has."""
    modes: bool = False
    """Measure every mode of guidance that the world has, not only the recipe's."""
    random_weights: bool = False
    """ImageNet worlds: a Stable Diffusion 1.5 of random weights as the generator, and no real images."""
    out: Path = Path("results")
    """The file goes to <out>/throughput."""


def settings(items: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The dotted settings of `--set`: values are TOML, a bare word or name of a file is a text.

    >>> settings([["growth.additions=3", "world.tiny=madebyollin/taesd"], ["world.corpus=[0, 900]"]])
    {'growth.additions': 3, 'world.tiny': 'madebyollin/taesd', 'world.corpus': [0, 900]}
    """
    values: dict[str, Any] = {}
    for item in (item for group in items for item in group):
        name, equals, text = item.partition("=")
        name, text = name.strip(), text.strip()
        require(bool(equals and name and text), "--set", item, "setting=value, e.g. growth.additions=3")
        require(name not in values, "--set", item, "one value per setting", "give it once")
        try:
            values[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            if not re.fullmatch(r"[\w./~:@+-]+", text):
                do = """quote a text, twice for the shell: 'name="some text"'"""
                raise InputError("--set", item, "a TOML value after the =", do) from None
            values[name] = text
    return values
