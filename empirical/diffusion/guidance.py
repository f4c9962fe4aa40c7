"""Guides of sampling: none, entropy guidance (Eq. 7), and its control with steps in random directions.

A guide turns a denoiser into the `Predictor` from which the sampler steps; the sampler does not know which guide it is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from empirical.diffusion.denoiser import ClassifierFree, Predictor, predict_x0, unchanged
from empirical.learning.entropy import ascent
from empirical.settings.sections import Acquire


@dataclass(frozen=True)
class When:
    """Choose the steps at which a guide acts: every `every`-th of those whose noise level t / T is in `interval`."""

    every: int = 1
    interval: tuple[float, float] = (0.0, 1.0)

    def steps(self, scheduler: Any) -> list[int]:
        """Return the timesteps of these steps."""
        low, high = (bound * len(scheduler.alphas_cumprod) for bound in self.interval)
        return [t for t in scheduler.timesteps.tolist() if low <= t <= high][:: self.every]


class Guide(Protocol):
    """Function that turns a denoiser into the predictor of one batch, given the scheduler and each image's own seed.

    mode: name of what a guided step costs, see `Acquire.mode`.
    arithmetic: all that decides the operations of a guided step beside the generator and its settings, as a key;
        None if it is not known, so that no other guide may share the count of operations.
    """

    mode: str

    @property
    def arithmetic(self) -> Hashable: ...

    @property
    def skipped(self) -> int:
        """Number of steps, per image, that had no usable direction and were taken without guidance."""
        ...

    def steps(self, scheduler: Any) -> list[int]:
        """Return the timesteps at which the guide acts."""
        ...

    def __call__(self, denoiser: ClassifierFree, scheduler: Any, seeds: Sequence[int]) -> Predictor: ...


class Unguided:
    """Sample plainly: x_t is not moved."""

    mode = arithmetic = "plain"
    skipped = 0

    def steps(self, scheduler: Any) -> list[int]:  # noqa: ARG002
        return []

    def __call__(self, denoiser: ClassifierFree, scheduler: Any, seeds: Sequence[int]) -> Predictor:  # noqa: ARG002
        return lambda x, t, labels: (x, denoiser(x, t, labels))


class EntropyGuide:
    """Guide by entropy (Eq. 7): x_t += omega ||x_t|| g / ||g||, g = grad_{x_t} H(f(x0_hat)), before a step.

    The paper adds omega grad H to the score, which raises the entropy; a fixed omega needs a normalised gradient.

    logits: the learner's differentiable map from x0_hat to logits, each sample on its own.
    omega: step length in units of ||x_t||, per guided step; > 0.
    through: how x0_hat depends on x_t. "denoiser": by the whole noise estimate, classifier-free guidance included.
        "conditional": x0_hat follows from the conditional estimate alone; classifier-free guidance reuses that pass.
        "x0": the noise estimate is held constant, which saves the backward pass through the network.
    chunk: samples whose gradient is computed at once, since its activations fill the memory of a GPU; 0: the batch.
        The gradient is exact: of each sample, by its own logits.
    mode, arithmetic: see `Guide`.
    """

    def __init__(
        self,
        logits: Callable[[Tensor], Tensor],
        omega: float,
        through: str,
        when: When | None = None,
        chunk: int = 0,
        mode: str = "",
        arithmetic: Hashable = None,
    ) -> None:
        self.logits, self.omega, self.through, self.chunk = logits, omega, through, chunk
        self.mode, self.arithmetic = mode or through, arithmetic
        self.steps = (when or When()).steps
        self._skipped: int | Tensor = 0  # a tensor after the first step, since reading it would wait for a GPU

    @property
    def skipped(self) -> int:
        return int(self._skipped)

    def __call__(self, denoiser: ClassifierFree, scheduler: Any, seeds: Sequence[int]) -> Predictor:
        distinct = len(set(seeds))  # the rows after these only fill up the batch
        alphas, acting = scheduler.alphas_cumprod, frozenset(self.steps(scheduler))
        estimate = denoiser.conditional if self.through == "conditional" else denoiser

        def differentiated(x: Tensor, t: int, labels: Tensor, held: Tensor | None) -> tuple[Tensor, Tensor]:
            """Return eps, `held` if it is given, and the gradient of the entropy at x."""
            with torch.enable_grad():
                point = x.detach().requires_grad_().view_as(x)  # not a leaf: torch's FLOP counter fails on leaves
                eps = estimate(point, t, labels) if held is None else held
                logits = self.logits(predict_x0(point, eps, alphas[t]))
                (gradient,) = torch.autograd.grad(logits, point, ascent(logits))
            return eps.detach(), gradient

        def predict(x: Tensor, t: int, labels: Tensor) -> tuple[Tensor, Tensor]:
            if t not in acting:
                return x, denoiser(x, t, labels)
            held = estimate(x, t, labels) if self.through == "x0" else None
            parts = [slice(low, low + size) for size in [self.chunk or len(x)] for low in range(0, len(x), size)]
            pairs = [differentiated(x[part], t, labels[part], None if held is None else held[part]) for part in parts]
            eps, gradient = (torch.cat(column) for column in zip(*pairs, strict=True))
            if self.through == "conditional":
                eps = denoiser.complete(eps, x, t, labels)
            moved, skipped = _shifted(x, gradient, self.omega)
            self._skipped = self._skipped + skipped[:distinct].sum()
            return moved, eps

        return predict


class RandomGuide:
    """Take steps as long as those of entropy guidance, in random directions from the image's seed: the control."""

    mode = arithmetic = "random"
    skipped = 0

    def __init__(self, omega: float, when: When | None = None) -> None:
        self.omega = omega
        self.steps = (when or When()).steps

    def __call__(self, denoiser: ClassifierFree, scheduler: Any, seeds: Sequence[int]) -> Predictor:
        acting = frozenset(self.steps(scheduler))
        sources = [np.random.default_rng((seed, 1)) for seed in seeds]  # not the generator of the starting point
        directions: list[Tensor] = []  # of the next steps, last one first; drawn many at a time, for speed

        def predict(x: Tensor, t: int, labels: Tensor) -> tuple[Tensor, Tensor]:
            if t not in acting:
                return x, denoiser(x, t, labels)
            if not directions:
                normals = [source.standard_normal((50, *x.shape[1:]), dtype=np.float32) for source in sources]
                directions.extend(torch.from_numpy(np.stack(normals, axis=1)).to(x).flip(0))  # (50, B, ...)
            return _shifted(x, directions.pop(), self.omega)[0], denoiser(x, t, labels)

        return predict


def make_guide(
    logits: Callable[[Tensor], Tensor],
    acquire: Acquire,
    preview: Callable[[Tensor], Tensor] = unchanged,
    network: Hashable = None,
) -> Guide:
    """Make the guide of a configuration; omega = 0 is plain sampling, bit for bit.

    preview: differentiable map from x0_hat to the samples whose `logits` the learner gives.
    network: key of the learner's architecture within the generator's world; guides with equal keys share FLOP counts.
    """
    if acquire.omega == 0:
        return Unguided()
    when = When(acquire.every, acquire.interval)
    if acquire.direction == "random":
        return RandomGuide(acquire.omega, when)

    def preview_logits(x0: Tensor) -> Tensor:
        return logits(preview(x0))

    arithmetic = None if network is None else (acquire.mode, network)
    return EntropyGuide(preview_logits, acquire.omega, acquire.through, when, acquire.chunk, acquire.mode, arithmetic)


def _shifted(x: Tensor, direction: Tensor, omega: float) -> tuple[Tensor, Tensor]:
    """Return x + omega ||x|| g / ||g||, norms per sample, and which samples (B,) did not move, since g is 0.

    A direction that is not finite makes the sample NaN, which the sampler refuses.
    """
    flat = direction.flatten(1)
    norm = flat.norm(dim=1, keepdim=True)
    still = norm == 0
    unit = torch.where(norm.isfinite(), flat / norm, torch.nan).masked_fill(still, 0.0).view_as(x)
    length = x.flatten(1).norm(dim=1).view(-1, *[1] * (x.dim() - 1))
    return x + omega * length * unit, still.squeeze(1)
