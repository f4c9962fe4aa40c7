"""Steering a denoiser: classifier-free guidance, entropy guidance and its random-direction control.

A `Denoiser` maps (x_t, t, labels) to the noise estimate eps. A `Predictor` maps the same to the pair the sampler steps
from, (x_t, eps): plain sampling leaves x_t alone, guidance moves it. The sampler knows nothing of how.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from empirical.diffusion.denoiser import ClassifierFree, Predictor, predict_x0, unchanged
from empirical.learning.entropy import entropy
from empirical.settings.sections import Acquire


@dataclass(frozen=True)
class When:
    """The steps at which a guide acts: every so many of those whose noise level t / T is in an interval."""

    every: int = 1
    interval: tuple[float, float] = (0.0, 1.0)

    def steps(self, scheduler: Any) -> list[int]:
        """Their timesteps."""
        low, high = (bound * len(scheduler.alphas_cumprod) for bound in self.interval)
        return [t for t in scheduler.timesteps.tolist() if low <= t <= high][:: self.every]


class Guide(Protocol):
    """Turns a denoiser into the predictor of one batch, given the scheduler and each image's own seed."""

    mode: str

    @property
    def skipped(self) -> int:
        """Steps of single images that had no usable direction and were taken plainly."""
        ...

    def steps(self, scheduler: Any) -> list[int]:
        """The timesteps at which it acts."""
        ...

    def __call__(self, denoiser: ClassifierFree, scheduler: Any, seeds: Sequence[int]) -> Predictor: ...


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

    mode = "plain"
    skipped = 0

    def steps(self, scheduler: Any) -> list[int]:  # noqa: ARG002
        return []

    def __call__(self, denoiser: ClassifierFree, scheduler: Any, seeds: Sequence[int]) -> Predictor:  # noqa: ARG002
        return lambda x, t, labels: (x, denoiser(x, t, labels))


class EntropyGuide:
    """Entropy guidance (Eq. 7): x_t += omega ||x_t|| g / ||g||, g = grad_{x_t} H(f(x0_hat)), before a step.

    The paper adds omega grad H to the score, which raises the entropy; a fixed omega needs a normalised gradient.

    logits: the learner's differentiable map from x0_hat to logits, each sample on its own.
    omega: step length in units of ||x_t||, per guided step; > 0.
    through: how x0_hat depends on x_t. "denoiser": by the whole noise estimate, classifier-free guidance included.
        "conditional": x0_hat is that of the conditional estimate alone, whose pass classifier-free guidance uses again.
        "x0": the noise estimate is held constant, which saves the backward pass through the network.
    """

    def __init__(
        self, logits: Callable[[Tensor], Tensor], omega: float, through: str, when: When | None = None, mode: str = ""
    ) -> None:
        self.logits, self.omega, self.through, self.mode = logits, omega, through, mode or through
        self.steps = (when or When()).steps
        self._skipped: int | Tensor = 0  # a tensor, so that a GPU need not be waited for

    @property
    def skipped(self) -> int:
        return int(self._skipped)

    def __call__(self, denoiser: ClassifierFree, scheduler: Any, seeds: Sequence[int]) -> Predictor:
        distinct = len(set(seeds))  # rows beyond these fill up the batch
        alphas, acting = scheduler.alphas_cumprod, frozenset(self.steps(scheduler))
        estimate = denoiser.conditional if self.through == "conditional" else denoiser

        def predict(x: Tensor, t: int, labels: Tensor) -> tuple[Tensor, Tensor]:
            if t not in acting:
                return x, denoiser(x, t, labels)
            if self.through == "x0":
                eps = estimate(x, t, labels)
            with torch.enable_grad():
                point = x.detach().requires_grad_().view_as(x)  # no leaf: torch's FLOP counter stumbles over leaves
                if self.through != "x0":
                    eps = estimate(point, t, labels)
                uncertainty = entropy(self.logits(predict_x0(point, eps, alphas[t])))
                (gradient,) = torch.autograd.grad(uncertainty.sum(), point)
            eps = eps.detach()
            if self.through == "conditional":
                eps = denoiser.complete(eps, x, t, labels)
            moved, skipped = _shifted(x, gradient, self.omega)
            self._skipped = self._skipped + skipped[:distinct].sum()
            return moved, eps

        return predict


class RandomGuide:
    """The control: steps as long as those of entropy guidance, in a fresh random direction each, from the seeds."""

    mode = "random"
    skipped = 0

    def __init__(self, omega: float, when: When | None = None) -> None:
        self.omega = omega
        self.steps = (when or When()).steps

    def __call__(self, denoiser: ClassifierFree, scheduler: Any, seeds: Sequence[int]) -> Predictor:
        acting = frozenset(self.steps(scheduler))
        sources = [np.random.default_rng((seed, 1)) for seed in seeds]  # not the stream of the starting point
        drawn: list[Tensor] = []  # directions of the coming steps; drawn many at a time, for speed

        def predict(x: Tensor, t: int, labels: Tensor) -> tuple[Tensor, Tensor]:
            if t not in acting:
                return x, denoiser(x, t, labels)
            if not drawn:
                ahead = [source.standard_normal((50, *x.shape[1:]), dtype=np.float32) for source in sources]
                drawn.extend(torch.from_numpy(np.stack(ahead, axis=1)).to(x).flip(0))  # (50, B, ...), last used first
            return _shifted(x, drawn.pop(), self.omega)[0], denoiser(x, t, labels)

        return predict


def make_guide(
    logits: Callable[[Tensor], Tensor], acquire: Acquire, preview: Callable[[Tensor], Tensor] = unchanged
) -> Guide:
    """The guide a configuration asks for; omega = 0 is plain sampling, bit for bit.

    preview: x0_hat to samples that the learner's `logits` are of.
    """
    if acquire.omega == 0:
        return Unguided()
    when = When(acquire.every, acquire.interval)
    if acquire.direction == "random":
        return RandomGuide(acquire.omega, when)

    def seen(x0: Tensor) -> Tensor:
        shown = checkpoint(preview, x0, use_reentrant=False) if acquire.checkpointed else preview(x0)
        return logits(shown)

    return EntropyGuide(seen, acquire.omega, acquire.through, when, acquire.mode)
