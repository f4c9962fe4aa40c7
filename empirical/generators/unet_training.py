"""Training of the UNet of a small world: its recipe, the loop with checkpoints, the file of the finished weights."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from empirical.data.split import Split
from empirical.generators.unet import alphas_cumprod, output, unet
from empirical.learning import batches, training_state
from empirical.settings.build import build
from empirical.settings.values import differences
from empirical.system.errors import require, require_non_negative, require_positive
from empirical.system.tensors import load_tensors, save_tensors

Batches = Callable[[int, int], tuple[Tensor, Tensor]]  # (step, size) -> images and labels of that iteration


@dataclass(frozen=True, kw_only=True)
class GeneratorTraining:
    """Set the shape of the UNet and the recipe of its training; counts are in iterations."""

    base_channels: int = 16
    multipliers: tuple[int, ...] = (1, 2)  # channels in units of base_channels, per resolution; each half the last
    layers: int = 1  # residual blocks per resolution
    attention: int = 0  # number of resolutions with attention, coarsest first
    patch: int = 1  # patch x patch pixels become channels of one position of the UNet: 2 makes it 4 times cheaper
    prediction: str = "noise"  # output of the network; "velocity" (`noise_of_velocity`) is better above 8 x 8
    iterations: int = 5000
    batch: int = 128
    lr: float = 4e-3
    warmup: float = 0.02  # fraction of the iterations
    weight_decay: float = 0.01
    class_dropout: float = 0.1  # share of labels replaced by "no class", for classifier-free guidance
    ema_decay: float = 0.998
    bf16: bool = False  # run the network in bfloat16; weights, loss and averages stay float32
    half: bool = False  # store the finished weights in half precision: a file of half the size
    kept: tuple[int, ...] = ()  # keep the averaged weights after so many iterations, too, in files of their own
    checked: int = 8192  # generated images for the quality check after the training
    seed: int = 0

    def __post_init__(self) -> None:
        where = "generator"
        sizes = self.multipliers
        given = isinstance(sizes, list | tuple) and bool(sizes) and all(type(m) is int and m > 0 for m in sizes)
        require(given, f"{where}.multipliers", sizes, "a list of integers > 0")
        object.__setattr__(self, "multipliers", tuple(sizes))  # TOML has lists only
        require(
            self.prediction in ("noise", "velocity"), f"{where}.prediction", self.prediction, "'noise' or 'velocity'"
        )
        require_positive(where, base_channels=self.base_channels, layers=self.layers, patch=self.patch)
        require_positive(where, iterations=self.iterations, batch=self.batch, lr=self.lr, checked=self.checked)
        require_non_negative(where, weight_decay=self.weight_decay, class_dropout=self.class_dropout)
        require(self.base_channels % 8 == 0, f"{where}.base_channels", self.base_channels, "a multiple of 8")
        require(
            0 <= self.attention <= len(sizes),
            f"{where}.attention",
            self.attention,
            f"0 to {len(sizes)}, the resolutions",
        )
        require(0 < self.warmup <= 0.7, f"{where}.warmup", self.warmup, "a number in (0, 0.7]")
        require(0 <= self.ema_decay < 1, f"{where}.ema_decay", self.ema_decay, "a number in [0, 1)")
        object.__setattr__(self, "kept", tuple(self.kept))
        among = all(type(step) is int and 0 < step < self.iterations for step in self.kept)
        require(among, f"{where}.kept", list(self.kept), f"whole numbers from 1 to {self.iterations - 1}")

    def network(self, shape: tuple[int, ...], classes: int) -> dict[str, Any]:
        """Return the arguments of `unet` for images (C, H, H)."""
        channels, size = shape[0], shape[1]
        coarsest = self.patch * 2 ** (len(self.multipliers) - 1)
        require(
            size % coarsest == 0,
            "generator.patch and multipliers",
            (self.patch, list(self.multipliers)),
            f"patch 2^(resolutions - 1), here {coarsest}, a divisor of the image size {size}",
        )
        named = {name: getattr(self, name) for name in ("base_channels", "multipliers", "layers", "attention", "patch")}
        return {**named, "classes": classes, "channels": channels, "size": size}


def from_table(table: Mapping[str, Any], preset: str) -> tuple[GeneratorTraining, dict[str, Any]]:
    """Read a recipe's `[generator]` table, with `[generator.presets.<preset>]` on top; return (settings, overrides).

    overrides: the preset's `set`, dotted settings of the recipe for the learners that check the generator.
    """
    presets = table.get("presets", {"default": {}})
    require(preset in presets, "generator.presets", preset, f"one of {', '.join(presets)}", "add it to the recipe")
    values = {name: value for name, value in table.items() if name != "presets"} | presets[preset]
    overrides = values.pop("set", {})
    return build(GeneratorTraining, values, "generator"), overrides


def train(
    corpus: Split | Batches,
    shape: tuple[int, ...],
    classes: int,
    settings: GeneratorTraining,
    report: Callable[[int, float], None],
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    origin: Mapping[str, Any] | None = None,
    keep: Callable[[int, nn.Module], None] = lambda *_: None,
    save_every_s: float = 20.0,
) -> nn.Module:
    """Fit a UNet to predict the noise in images (n, C, H, W) in [-1, 1] of `corpus`; return the averaged model.

    report(iteration, loss) is called at least a hundred times, if there are as many iterations.
    checkpoint: file that keeps the state of the training; if it exists the training continues from there, on a CPU to
        the same weights bit for bit. The caller deletes it.
    origin: plain values that identify the corpus; a checkpoint with another origin is refused.
    keep(iterations, averaged model) is called after each number of iterations in `settings.kept`.
    Raises FloatingPointError that names the iteration whose loss was not finite.
    """
    network = settings.network(shape, classes)
    state = _State(network, settings, device)
    about = _plain({"training": asdict(settings), "network": network, "corpus": origin})
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint, about)
    alphas = alphas_cumprod().to(device)
    supply = _supply(state, corpus, settings, alphas.device)
    every, saved = min(50, math.ceil(settings.iterations / 100)), time.monotonic()
    losses: list[Tensor] = []  # since the last report; read only then, since reading waits for a GPU
    while state.step < settings.iterations:
        losses.append(_iterate(state, *next(supply), classes, settings, alphas))
        state.step += 1
        if state.step in settings.kept:
            _check_weights(state)
            keep(state.step, state.averaged.module)
        last = state.step == settings.iterations
        if state.step % every and not last:
            continue
        finite = torch.stack(losses).isfinite().tolist()
        if not all(finite):
            bad = state.step - len(losses) + finite.index(False)
            raise FloatingPointError(f"generator: the loss of iteration {bad} is not finite; lower the lr")
        if last:
            _check_weights(state)
        if checkpoint is not None and (last or time.monotonic() - saved >= save_every_s):
            state.save(checkpoint, about)
            saved = time.monotonic()
        report(state.step, losses[-1].item())
        losses.clear()
    return state.averaged.module


def save(
    path: Path,
    model: nn.Module,
    settings: GeneratorTraining,
    shape: tuple[int, ...],
    classes: int,
    manifest: dict[str, Any],
) -> None:
    """Write the weights with the arguments of the network, the recipe, and the values of `manifest`."""
    values = {"unet": settings.network(shape, classes), "training": asdict(settings), **manifest}
    tensors = {name: value.half() if settings.half else value for name, value in model.state_dict().items()}
    save_tensors(path, tensors, values)


class _State:
    """Hold a training in progress; checkpoints contain all that its remaining iterations depend on."""

    def __init__(self, network: dict[str, Any], settings: GeneratorTraining, device: str) -> None:
        from timm.utils import ModelEmaV3

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)  # for the initial weights; later numbers are drawn from `source`
            self.model = unet(**network).to(device)
        self.averaged = ModelEmaV3(self.model, decay=settings.ema_decay, use_warmup=True)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), weight_decay=settings.weight_decay, fused=True)
        self.source = torch.Generator().manual_seed(settings.seed)
        self.step = 0

    def save(self, path: Path, about: dict[str, Any]) -> None:
        tensors = training_state.tensors_of(self.model, self.averaged.module, self.optimizer)
        tensors["source"] = self.source.get_state()
        save_tensors(path, tensors, {**about, "step": self.step})

    def load(self, path: Path, about: dict[str, Any]) -> None:
        do = f"delete {path} and start anew"
        tensors, values = load_tensors(path, do)
        step = values.pop("step")
        require(values == about, str(path), "another training's: " + differences(values, about), "this one's", do)
        self.source.set_state(tensors.pop("source"))
        training_state.load(tensors, self.model, self.averaged.module, self.optimizer)
        self.step = step


def _supply(
    state: _State, corpus: Split | Batches, settings: GeneratorTraining, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images (B, C, H, W) and labels (B,) of the remaining iterations.

    Batches that are made, rather than drawn from a split, are made ahead by other processes for a GPU.
    """
    size = settings.batch
    if isinstance(corpus, Split):
        while True:
            rows = torch.randint(len(corpus.labels), (size,), generator=state.source)
            yield corpus.images[rows], corpus.labels[rows]
    steps = range(state.step, settings.iterations)
    yield from batches.ahead(lambda step: corpus(step, size), steps, batches.workers(device), device)


def _iterate(
    state: _State, clean: Tensor, labels: Tensor, classes: int, settings: GeneratorTraining, alphas: Tensor
) -> Tensor:
    """Take one step of the optimiser; return the loss. All random numbers are drawn on the CPU."""
    source, size, device = state.source, settings.batch, alphas.device
    dropped = torch.rand(size, generator=source) < settings.class_dropout
    labels = labels.masked_fill(dropped, classes).to(device)
    times = torch.randint(len(alphas), (size,), generator=source).to(device)
    noise = torch.randn(clean.shape, generator=source).to(device)
    alpha = alphas[times].view(-1, 1, 1, 1)
    clean = clean.to(device, non_blocking=True)  # from pinned memory if other processes made it
    noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
    target = noise if settings.prediction == "noise" else alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16):
        prediction = output(state.model, noisy, times, labels)
    loss = (prediction - target).square().mean()
    for group in state.optimizer.param_groups:
        group["lr"] = settings.lr * _rate(state.step, settings.iterations, settings.warmup)
    state.optimizer.zero_grad()
    loss.backward()
    state.optimizer.step()
    state.averaged.update(state.model, step=state.step)
    return loss.detach()


def _check_weights(state: _State) -> None:
    """Refuse weights that the latest step has spoilt, which no earlier loss shows."""
    for name, value in state.averaged.module.state_dict().items():
        if not value.isfinite().all():
            raise FloatingPointError(f"generator: {name} is not finite after iteration {state.step - 1}; lower the lr")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as JSON gives them back: lists for tuples."""
    return json.loads(json.dumps(values))


def _rate(step: int, total: int, warmup: float) -> float:
    """Return the learning rate relative to `lr`: linear warm-up, constant, linear decay over the last 30 %."""
    return min(1.0, (step + 1) / (warmup * total)) * min(1.0, (total - step) / (0.3 * total))
