"""Steering a denoiser: classifier-free guidance, entropy guidance and its random-direction control.

A `Denoiser` maps (x_t, t, labels) to the noise estimate eps. A `Predictor` maps the same to the pair the sampler steps
from, (x_t, eps): plain sampling leaves x_t alone, guidance moves it. Wrappers compose; the sampler knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from empirical.config import Acquire
from empirical.entropy import entropy

Denoiser = Callable[[Tensor, int, Tensor], Tensor]
Predictor = Callable[[Tensor, int, Tensor], tuple[Tensor, Tensor]]


class Guide(Protocol):
    """Turns a denoiser into the predictor of one batch, given alphas_cumprod and each image's own seed."""

    kind: str
    skipped: int  # steps of single images that had no usable direction and were taken plainly

    def __call__(self, denoiser: Denoiser, alphas: Tensor, seeds: Sequence[int]) -> Predictor: ...


def classifier_free(denoiser: Denoiser, scale: float, null_label: int) -> Denoiser:
    """eps = (1 + scale) eps(x, y) - scale eps(x); both passes share one batch. `scale` is the paper's lambda."""
    if scale == 0:
        return denoiser

    def guided(x: Tensor, t: int, labels: Tensor) -> Tensor:
        both = denoiser(torch.cat([x, x]), t, torch.cat([labels, torch.full_like(labels, null_label)]))
        conditional, unconditional = both.chunk(2)
        return (1 + scale) * conditional - scale * unconditional

    return guided


def predict_x0(x: Tensor, eps: Tensor, alpha: Tensor) -> Tensor:
    """x0_hat = (x_t - sqrt(1 - xi_t) eps) / sqrt(xi_t) (Eq. 4), with alpha = xi_t = alphas_cumprod[t]."""
    return (x - (1 - alpha).sqrt() * eps) / alpha.sqrt()


def _shifted(x: Tensor, direction: Tensor, omega: float) -> tuple[Tensor, Tensor]:
    """x + omega ||x|| g / ||g||, norms per sample, and which samples (B,) were left alone: g zero or not finite."""
    flat = direction.flatten(1)
    norm = flat.norm(dim=1, keepdim=True)
    usable = norm.isfinite() & (norm > 0)
    unit = torch.where(usable, flat / norm, 0.0).view_as(x)
    length = x.flatten(1).norm(dim=1).view(-1, *[1] * (x.dim() - 1))
    return x + omega * length * unit, ~usable.squeeze(1)


class Unguided:
    """Plain sampling."""

    kind = "plain"
    skipped = 0

    def __call__(self, denoiser: Denoiser, alphas: Tensor, seeds: Sequence[int]) -> Predictor:  # noqa: ARG002
        return lambda x, t, labels: (x, denoiser(x, t, labels))


class EntropyGuide:
    """Entropy guidance (Eq. 7): x_t += omega ||x_t|| g / ||g||, g = grad_{x_t} H(f(x0_hat)), before every step.

    The paper adds omega grad H to the score, which raises the entropy; a fixed omega needs a normalised gradient.

    logits: the learner's differentiable map from x0_hat to logits, each sample on its own.
    omega: step length in units of ||x_t||, per denoising step; > 0.
    through: "denoiser" differentiates x0_hat(x_t) whole; "x0" holds the noise estimate constant, which saves the
        backward pass through the network.
    """

    def __init__(self, logits: Callable[[Tensor], Tensor], omega: float, through: str) -> None:
        self.logits, self.omega, self.kind, self.skipped = logits, omega, through, 0

    def __call__(self, denoiser: Denoiser, alphas: Tensor, seeds: Sequence[int]) -> Predictor:
        distinct = len(set(seeds))  # rows beyond these fill up the batch

        def predict(x: Tensor, t: int, labels: Tensor) -> tuple[Tensor, Tensor]:
            if self.kind == "x0":
                eps = denoiser(x, t, labels)
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                if self.kind == "denoiser":
                    eps = denoiser(x, t, labels)
                uncertainty = entropy(self.logits(predict_x0(x, eps, alphas[t])))
                (gradient,) = torch.autograd.grad(uncertainty.sum(), x)
            x, skipped = _shifted(x.detach(), gradient, self.omega)
            self.skipped += int(skipped[:distinct].sum())
            return x, eps.detach()

        return predict


class RandomGuide:
    """The control: steps as long as those of entropy guidance, in a fresh random direction each, from the seeds."""

    kind = "random"
    skipped = 0

    def __init__(self, omega: float) -> None:
        self.omega = omega

    def __call__(self, denoiser: Denoiser, alphas: Tensor, seeds: Sequence[int]) -> Predictor:  # noqa: ARG002
        sources = [np.random.default_rng((seed, 1)) for seed in seeds]  # not the stream of the starting point
        drawn: list[Tensor] = []  # directions of the coming steps; drawn many at a time, for speed

        def predict(x: Tensor, t: int, labels: Tensor) -> tuple[Tensor, Tensor]:
            if not drawn:
                ahead = [source.standard_normal((50, *x.shape[1:]), dtype=np.float32) for source in sources]
                drawn.extend(torch.from_numpy(np.stack(ahead, axis=1)).to(x).flip(0))  # (50, B, ...), last used first
            return _shifted(x, drawn.pop(), self.omega)[0], denoiser(x, t, labels)

        return predict


def make_guide(logits: Callable[[Tensor], Tensor], acquire: Acquire) -> Guide:
    """The guide a configuration asks for; omega = 0 is plain sampling, bit for bit."""
    if acquire.omega == 0:
        return Unguided()
    if acquire.direction == "random":
        return RandomGuide(acquire.omega)
    return EntropyGuide(logits, acquire.omega, acquire.through)
