"""The options of every command, one frozen dataclass each. The module imports little, so that help comes at once."""

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
Preset = Literal["default", "quick"]
Device = Annotated[str, tyro.conf.arg(help="Torch device: cpu, cuda (the first GPU), cuda:1, ...")]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Make figures and tables, theory and practice on the same axes, under results/."""

    targets: tyro.conf.Positional[list[str]]
    """Figures and tables by name; the command `list` shows them all."""
    preset: Preset = "default"
    """`quick`: the same code with fewer seeds and points, marked on the figure."""
    world: str = "all"
    """Make the panels of one world only; `all`: those that need no download or GPU: linear, digits, latent_digits."""
    learner: str = ""
    """Replace the learner of the image worlds: cnn or vit."""
    seeds: int = 0
    """Seeds per point instead of the preset's; at least 2."""
    device: Device = "cpu"
    workers: int = 0
    """Number of processes, one thread each; default: one per core (with --slurm: one per job)."""
    out: Path = Path("results")
    """Folder for runs and figures."""
    resume: bool = True
    """Reuse finished runs and continue interrupted ones; --no-resume deletes and repeats them, with all they share."""
    dry_run: bool = False
    """Show configuration and runs, estimate images, denoiser calls, time and disk, and stop."""
    slurm: str = ""
    """Do the training runs as jobs of a SLURM cluster: a partition, or a TOML file with a [slurm] table."""
    slurm_minutes: int = 0
    """Time limit of a job in minutes; a job that reaches it is queued again and goes on."""
    experiments: Path = EXPERIMENTS
    """Folder of the figures' TOML files, with the recipes of the worlds under worlds/."""


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """List the figures and tables, their content, and the time to make each anew on this machine's cores."""

    device: Device = "cpu"
    workers: int = 0
    """Number of processes to estimate the times for; default: one per core."""
    out: Path = Path("results")
    """Folder of finished figures and measured speeds."""
    experiments: Path = EXPERIMENTS
    """Folder of the figures' TOML files."""


@dataclass(frozen=True, kw_only=True)
class LawOptions:
    """Analyse scaling curves: back-test, fit, prediction and multiplier of every series of a CSV file.

    Columns: x, y, series, and seed or stderr (with n_seeds); or a table of this project. Leaves law.png, .pdf, .svg,
    .csv and .json.
    """

    file: tyro.conf.Positional[Path]
    """The CSV file, e.g. results/fig4/fig4_seeds.csv."""
    baseline: str = ""
    """The series that the others are compared with; default: no comparison."""
    direction: Literal["up", "down"] | None = None
    """up: y is an accuracy, as a share or in per cent; down: a loss. Default: as the curves run."""
    form: Annotated[str, tyro.conf.arg(help="power, power_floor, saturating or broken; default: by back-test.")] = ""
    at: tuple[float, ...] = ()
    """Predict y at these x; default: at twice the largest x of each series."""
    far: bool = False
    """Allow predictions beyond twice the largest x."""
    seed: int = 0
    """Seed of the bootstrap."""
    out: Path = Path("results/law")
    """Folder of the files."""


@dataclass(frozen=True, kw_only=True)
class ErrataOptions:
    """Print the paper's misprints: each formula as printed, as corrected, and as measured by Monte Carlo."""


@dataclass(frozen=True, kw_only=True)
class LearnOptions:
    """List the lessons, or open one in the browser by marimo: learn 3.

    A lesson is opened as a copy in --out, which keeps your answers; delete the copy to begin anew.
    """

    lesson: tyro.conf.Positional[int | None] = None
    """Number of a lesson; without it the lessons are listed."""
    run: bool = False
    """Serve the lesson as a page to read, with its sliders and results, but without code."""
    out: Path = Path("results/lessons")
    """Folder of your copies."""


@dataclass(frozen=True, kw_only=True)
class GeneratorOptions:
    """Train the generator of a world into <out>/generator and check its quality; if stopped, a rerun goes on."""

    world: tyro.conf.Positional[str]
    """A world whose generator is trained here: digits, latent_digits, glyphs or cifar10."""
    preset: str = "default"
    """A preset of the recipe's [generator] table, e.g. quick."""
    device: Device = "cpu"
    out: Path = Path("results")
    """Folder of the weights: <out>/generator."""
    resume: bool = True
    """Continue an interrupted training; --no-resume starts anew."""
    dry_run: bool = False
    """Show the settings and stop."""
    experiments: Path = EXPERIMENTS
    """Folder with the recipes of the worlds under worlds/."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Do one run of a recipe and print its folder and result; the same command goes on if stopped.

    Several processes do a run together under `accelerate launch --multi_gpu --num_processes 2 paper_repro.py run ...
    --device cuda`, one GPU each, or `torchrun --nproc_per_node 2 paper_repro.py run ...`, on CPUs too.
    """

    recipe: tyro.conf.Positional[Path]
    """A recipe or a table of recipes: a TOML file, or the name of one of the project's own, e.g. worlds/digits.toml."""
    line: str = ""
    """A line of a table of recipes, e.g. "static, 64k" of experiments/imagenet100/table4.toml."""
    set: tyro.conf.UseAppendAction[list[list[str]]] = field(default_factory=list)
    """Settings on top of the recipe, e.g. growth.additions=3 acquire.omega=0.02 seed=1."""
    device: Device = "cpu"
    out: Path = Path("results")
    """Folder for runs: each goes to <out>/runs/<world>/<digest of the configuration>."""
    tensorboard: bool = False
    """Write live scalars under <run>/tensorboard."""
    dry_run: bool = False
    """Show the resolved configuration, estimate images, denoiser calls, time and disk, and stop."""


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """Show the pool of a run: its growth, sample grids, and rows made again from their seeds.

    Several runs are shown side by side, e.g. the same recipe at several omegas.
    """

    runs: tyro.conf.Positional[list[str]]
    """Run folders, or unambiguous beginnings of their names under <out>/runs."""
    row: int | None = None
    """Make this row again; default: a few random ones."""
    columns: int = 4
    """Samples per class and round in the grid."""
    device: Device = "cpu"
    out: Path = Path("results")
    """Folder of the runs; the grids go to <out>/pool."""


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Check stored results against each other, one line per check; the exit code is 1 if a check fails.

    Of a run: names and digests of its files, its pool against its seeds, its numbers against its pool and its learner.
    Of a figure: the digests of its runs, and its table, made again from them byte for byte.
    """

    folders: tyro.conf.Positional[list[str]]
    """Run folders (or beginnings of their names under <out>/runs) and figure folders, e.g. results/fig4."""
    device: Device = "cpu"
    out: Path = Path("results")
    """Folder of the runs."""


@dataclass(frozen=True, kw_only=True)
class FeaturesOptions:
    """Write the features of a finished run's pool and of the real test images, for the command `theory-data`.

    Writes <out>/features/<run>.npz with X, y, X_test, y_test, and the learner's entropy as scores.
    """

    run: tyro.conf.Positional[str]
    """A run folder, or an unambiguous beginning of its name under <out>/runs."""
    layer: str = "last"
    """Layer whose outputs are the features: last (the input of the last linear layer), pixels, or a module's name;
    ntk: the tangent kernel of the untrained network."""
    round: int | None = None
    """Use the learner that guided this round, e.g. 1, instead of the finished one."""
    device: Device = "cpu"
    out: Path = Path("results")
    """Folder of the runs."""


@dataclass(frozen=True, kw_only=True)
class TheoryDataOptions:
    """Predict learning and pruning curves of ridge classifiers on your own features; check them by refits.

    Writes <out>/theory_data/<name>/: table, pictures, and JSON with the best ridge and keep fraction.
    """

    files: tyro.conf.Positional[list[Path]] = field(default_factory=list)
    """features.npz: X, y, optional X_test, y_test, scores (highest kept); or X.npy y.npy [X_test.npy y_test.npy]."""
    digits: bool = False
    """Use scikit-learn's digits, test rows by other writers; so does naming no file."""
    n: list[int] = field(default_factory=list)
    """Pool sizes; default: eight, up to .8 of the rows. The largest one is pruned."""
    ridge: list[float] = field(default_factory=list)
    """Ridge penalties; default: 1e-4, 1e-3, 1e-2 and .1 of the mean square of a row."""
    keep: list[float] = field(default_factory=list)
    """Keep fractions; default: .1, .2, .3, .5, .7, 1."""
    trials: int = 40
    """Random subsets that are fitted at each point."""
    seed: int = 0
    """Seed of bootstrap, probe and subsets."""
    out: Path = Path("results")
    """Folder of the files."""


@dataclass(frozen=True, kw_only=True)
class FlopsOptions:
    """Count the operations of each mode of guidance on Stable Diffusion 1.5 and a ViT-B/16; no weights are needed."""

    markdown: Path | None = None
    """Also write the table to this file; in the documentation it is docs/guidance_cost.md."""


@dataclass(frozen=True, kw_only=True)
class ThroughputOptions:
    """Measure the speed of a recipe on this machine: images and learner iterations per second, in CPU time on a CPU.

    Writes <out>/throughput/<world>-<learner>-<device>.toml, from which --dry-run of this recipe then estimates.
    """

    recipe: tyro.conf.Positional[Path]
    """A recipe or a table of recipes: a TOML file, or the name of one of the project's own, e.g. worlds/digits.toml."""
    line: str = ""
    """A line of a table of recipes, e.g. "static, 64k" of experiments/imagenet100/table4.toml."""
    set: tyro.conf.UseAppendAction[list[list[str]]] = field(default_factory=list)
    """Settings on top of the recipe, e.g. sampling.batch=64."""
    device: Device = "cpu"
    images: int = 0
    """Images per measurement of sampling; default: one sampling batch."""
    seconds: float = 20.0
    """Seconds per measurement after a warm-up; each is repeated at least three times."""
    ranks: int = 1
    """Number of processes that share a mini-batch; one share is measured."""
    modes: bool = False
    """Measure every mode of guidance of the world, not only the recipe's."""
    random_weights: bool = False
    """ImageNet worlds: use a Stable Diffusion 1.5 of random weights as the generator, and no real images."""
    out: Path = Path("results")
    """Folder of the file: <out>/throughput."""


def dotted_settings(items: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Parse the dotted settings of `--set`; values are TOML, a bare word or file name counts as a text.

    >>> dotted_settings([["growth.additions=3", "world.tiny=madebyollin/taesd"], ["world.corpus=[0, 900]"]])
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
        except (ValueError, RecursionError):  # malformed, or numbers and nesting beyond all reason
            if not re.fullmatch(r"[\w./~:@+-]+", text):
                do = """quote a text, twice for the shell: 'name="some text"'"""
                raise InputError("--set", item, "a TOML value after the =", do) from None
            values[name] = text
    return values
