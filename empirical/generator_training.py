"""Training a pixel diffusion model: an optimiser, an average, a checkpoint to go on from."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from empirical import training_state
from empirical.checkpoint import load_tensors, save_tensors
from empirical.config import differences
from empirical.data import Split
from empirical.errors import require
from empirical.generator import GeneratorTraining, Stream, alphas_cumprod, output, unet


def _rate(step: int, total: int) -> float:
    """Linear warm-up over 2 %, constant, linear decay over the last 30 %."""
    return min(1.0, (step + 1) / (0.02 * total)) * min(1.0, (total - step) / (0.3 * total))


class _State:
    """A training in progress: all that its rest depends on, as named tensors."""

    def __init__(self, network: dict[str, Any], settings: GeneratorTraining, device: str) -> None:
        from timm.utils import ModelEmaV3

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)  # the initial weights; everything later is drawn from `source`
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


def train(
    corpus: Split | Stream,
    shape: tuple[int, ...],
    classes: int,
    settings: GeneratorTraining,
    report: Callable[[int, float], None],
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    origin: Mapping[str, Any] | None = None,
    save_every_s: float = 20.0,
) -> nn.Module:
    """Fit a UNet to predict the noise in images (n, C, H, W) in [-1, 1] of `corpus`; returns the averaged model.

    report(iteration, loss) is called at least a hundred times, if there are as many iterations.
    checkpoint: file that keeps the state of the training; if it exists the training goes on from there, on a CPU to
        the same weights bit for bit. It stays, finished, until the caller deletes it.
    origin: plain values that say what the corpus is; a checkpoint with another origin is refused.
    Raises FloatingPointError with the iteration whose loss was not finite.
    """
    network = settings.network(shape, classes)
    state = _State(network, settings, device)
    about = _plain({"training": asdict(settings), "network": network, "corpus": origin})
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint, about)
    alphas = alphas_cumprod().to(device)
    every, saved = min(50, math.ceil(settings.iterations / 100)), time.monotonic()
    losses: list[Tensor] = []  # since the last report; looked at there, so that a GPU need not wait for each
    while state.step < settings.iterations:
        losses.append(_iterate(state, corpus, classes, settings, alphas))
        state.step += 1
        last = state.step == settings.iterations
        if state.step % every and not last:
            continue
        finite = torch.stack(losses).isfinite().tolist()
        if not all(finite):
            at = state.step - len(losses) + finite.index(False)
            raise FloatingPointError(f"generator: the loss of iteration {at} is not finite; lower the lr")
        if last:
            _check_weights(state)
        if checkpoint is not None and (last or time.monotonic() - saved >= save_every_s):
            state.save(checkpoint, about)
            saved = time.monotonic()
        report(state.step, losses[-1].item())
        losses.clear()
    return state.averaged.module


def _iterate(
    state: _State, corpus: Split | Stream, classes: int, settings: GeneratorTraining, alphas: Tensor
) -> Tensor:
    """One step of the optimiser; returns the loss. All random numbers are drawn on the CPU."""
    source, size, device = state.source, settings.batch, alphas.device
    if isinstance(corpus, Split):
        rows = torch.randint(len(corpus.labels), (size,), generator=source)
        clean, labels = corpus.images[rows], corpus.labels[rows]  # (B, C, H, W), (B,)
    else:
        clean, labels = corpus(state.step, size)
    dropped = torch.rand(size, generator=source) < settings.class_dropout
    labels = labels.masked_fill(dropped, classes).to(device)
    times = torch.randint(len(alphas), (size,), generator=source).to(device)
    noise = torch.randn(clean.shape, generator=source).to(device)
    alpha = alphas[times].view(-1, 1, 1, 1)
    clean = clean.to(device)
    noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
    target = noise if settings.prediction == "noise" else alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16):
        found = output(state.model, noisy, times, labels)
    loss = (found.float() - target).square().mean()
    for group in state.optimizer.param_groups:
        group["lr"] = settings.lr * _rate(state.step, settings.iterations)
    state.optimizer.zero_grad()
    loss.backward()
    state.optimizer.step()
    state.averaged.update(state.model, step=state.step)
    return loss.detach()


def _check_weights(state: _State) -> None:
    """Refuse weights that the last step has spoilt: no later loss would tell."""
    for name, value in state.averaged.module.state_dict().items():
        if not value.isfinite().all():
            raise FloatingPointError(f"generator: {name} is not finite after iteration {state.step - 1}; lower the lr")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives them back: lists for tuples."""
    return json.loads(json.dumps(values))
