"""The command `flops`: count the operations of guidance on Stable Diffusion 1.5 and a ViT-B/16 without weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from cli.options import FlopsOptions
from cli.terminal import console, progress_line
from empirical.system.files import require_writable, write_bytes

if TYPE_CHECKING:
    from torch import nn

    from empirical.worlds.world import World

STEPS, SCALE, LEARNER = 50, 2.0, "vit_base_patch16_224"
FIFTH = 5  # the paper guides every fifth step
DECODERS = {"full": "VAE", "tiny": "AutoencoderTiny", "linear": "linear map"}
PATHS = {
    "denoiser": "denoiser: both passes of classifier-free guidance",
    "conditional": "conditional: that pass alone, used again",
    "x0": "x0: x0_hat alone",
}
HEADS = (
    "gradient through",
    "decoder",
    "TFLOP a step",
    "over plain",
    "TFLOP an image",
    "over plain",
    f"over plain, every {FIFTH}th step",
)


@dataclass(frozen=True)
class Mode:
    """A way to guide, and its 10^12 operations for one image.

    step: of a guided step. image, sparse: of an image that is guided at every step, or at every fifth.
    """

    through: str
    decode: str
    step: float
    image: float
    sparse: float


def count(world: World, logits: nn.Module, report: Callable[[int, int, str], None]) -> list[Mode]:
    """Count plain sampling, every mode of `Acquire` and the paper's, by the sampler's own counter on device "meta".

    The paper's mode takes a third, conditional pass for the gradient beside the two of classifier-free guidance.
    """
    from empirical.diffusion.guidance import Unguided, make_guide
    from empirical.diffusion.sampler import Sampler
    from empirical.settings.sections import Acquire, Sampling

    sampler = Sampler(world, Sampling(steps=STEPS, guidance_scale=SCALE, batch=1), "meta")
    one_pass = Sampler(world, Sampling(steps=STEPS, guidance_scale=0.0, batch=1), "meta")
    plain, whole = (work(Unguided()) / 1e3 for work in (sampler.gflop_per_step, sampler.gflop_per_image))

    def mode(through: str, decode: str, step: float) -> Mode:
        image, sparse = (whole + steps * (step - plain) for steps in (STEPS, STEPS / FIFTH))
        return Mode(through, decode, step, image, sparse)

    modes = [mode("plain", "", plain)]
    pairs = list(product(PATHS, DECODERS))
    for done, (through, decode) in enumerate(pairs):
        report(done, len(pairs) + 1, f"{through} {decode}")
        guide = make_guide(logits, Acquire(omega=1.0, through=through, decode=decode), world.preview(decode, "meta"))
        modes.append(mode(through, decode, sampler.gflop_per_step(guide) / 1e3))
    report(len(pairs), len(pairs) + 1, "a third pass")
    guide = make_guide(logits, Acquire(omega=1.0, through="denoiser"), world.preview("full", "meta"))
    modes.append(mode("third", "full", plain + one_pass.gflop_per_step(guide) / 1e3))
    report(len(pairs) + 1, len(pairs) + 1, "")
    return modes


def learner(classes: int) -> nn.Module:
    """Make the ViT-B/16 of the ImageNet recipes."""
    from empirical.learning.networks import network

    return network(LEARNER, classes).eval().requires_grad_(False)


def main(options: FlopsOptions) -> int:
    """Count the operations, print the table, and write it if a file is named."""
    import torch

    from empirical.worlds.random_imagenet import RandomImageNet100

    if options.markdown:
        require_writable(options.markdown)
    world = RandomImageNet100()
    with torch.device("meta"):
        logits = learner(world.classes)
    with progress_line("counting") as report:
        modes = count(world, logits, report)
    lines = Table(*HEADS)
    for row in rows(modes):
        lines.add_row(*row)
    console.print(lines)
    if options.markdown:
        write_bytes(options.markdown, markdown(modes, options.markdown).encode())
        console.print(str(options.markdown), markup=False)
    return 0


def rows(modes: Sequence[Mode]) -> list[tuple[str, ...]]:
    """Return the cells of the table, under `HEADS`; the first mode is plain sampling."""
    plain = modes[0]
    cells: list[tuple[str, ...]] = []
    for mode in modes:
        through = {**PATHS, "plain": "plain sampling", "third": "a third, conditional pass: the paper's"}[mode.through]
        steps = (f"{mode.step:.2f}", f"{mode.step / plain.step:.2f}")
        images = (f"{mode.image:.0f}", f"{mode.image / plain.image:.2f}", f"{mode.sparse / plain.image:.2f}")
        cells.append((through, DECODERS.get(mode.decode, ""), *steps, *images))
    return cells


def markdown(modes: Sequence[Mode], path: Path) -> str:
    """Write the page with the table."""
    lines = [
        "# What guidance costs",
        "",
        f"Operations (forward and backward matrix work) for one image of {STEPS} steps under classifier-free guidance,",
        "on Stable Diffusion 1.5 (latents 64 x 64, images 512 x 512) and a ViT-B/16 at 224, counted by torch's FLOP",
        "counter on tensors without storage while the real sampler and the real guide take a step. An image includes",
        f"its final decoding. The paper's 1.82 is the cost of a third pass and the full VAE at every {FIFTH}th step.",
        "",
        f"Made by `python paper_repro.py flops --markdown {path.as_posix()}`, which makes it anew in a minute.",
        "",
        "| " + " | ".join(HEADS) + " |",
        "|" + "---|" * len(HEADS),
        *("| " + " | ".join(row) + " |" for row in rows(modes)),
        "",
        "Words in front of a colon are values of `acquire.through`; `acquire.decode` is `full`, `tiny` or `linear`.",
        "`acquire.every` and `acquire.interval` say at which steps. `acquire.chunk` saves memory at no cost.",
        "",
    ]
    return "\n".join(lines)
