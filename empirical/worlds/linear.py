"""The linear world: x ~ N(0, I_d), y = sign(<w_0, x>), a generator with an exact score, a linear learner.

Deliberate practice runs here with the real sampler, in seconds, beside the theory of `rmt`. Conditioned on y = +-1 the
noised data have density N(x; 0, I) 2 Phi(u), u = y sqrt(a) <w_0, x> / sqrt(1 - a), a = alphas_cumprod[t], so that
    eps(x, t | y) = sqrt(1 - a) x - y sqrt(a) phi(u) / Phi(u) w_0,      eps(x, t) = sqrt(1 - a) x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from empirical.data.split import Split
from empirical.diffusion.denoiser import Denoiser, unchanged
from empirical.learning.evaluate import Score
from empirical.learning.learner import Learner
from empirical.learning.linear import LinearLearner
from empirical.settings.sections import Acquire, Growth, LearnerChoice, Training
from empirical.system.errors import require, require_positive
from empirical.system.ranks import ALONE, Ranks
from empirical.worlds.world import check_decode


@dataclass(frozen=True, kw_only=True)
class LinearWorld:
    """dimension: d of the data. ridge: penalty of the learner, per row of its pool. validation: real samples drawn."""

    name: ClassVar[str] = "linear"
    learners: ClassVar[tuple[str, ...]] = ("ridge", "logistic")
    decodes: ClassVar[tuple[str, ...]] = ("full",)
    places: ClassVar[tuple[str, ...]] = ()
    models: ClassVar[tuple[str, ...]] = ()
    classes: ClassVar[int] = 2  # label 1 is y = +1, label 0 is y = -1

    dimension: int = 128
    ridge: float = 1e-2
    validation: int = 1000

    def __post_init__(self) -> None:
        require_positive("world (linear)", ridge=self.ridge, validation=self.validation)
        require(self.dimension >= 2, "world (linear).dimension", self.dimension, "an integer >= 2")

    def check(self, learner: LearnerChoice, growth: Growth, acquire: Acquire) -> None:
        """Refuse unknown learners and decoders, and a signal that needs an average of weights."""
        require(learner.kind in self.learners, "learner.kind", learner.kind, f"one of {self.learners}")
        check_decode(self.name, self.decodes, acquire)
        signal, kinds = growth.signal, "'validation' or 'synthetic': linear learners keep no average"
        require(signal != "agreement", "growth.signal", signal, kinds)

    def memory(self, rows: int) -> float:
        """Count the real samples, the pool in float64, and the Gram matrix with its factor."""
        return 4.0 * (4096 + self.validation) * self.dimension + 8.0 * (rows * self.dimension + 2 * self.dimension**2)

    def inspect(self) -> None:
        """Check nothing: real samples are drawn, not stored."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Values of y, by label."""
        return ("-1", "+1")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return (self.dimension,)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return self.shape

    def identity(self) -> str:
        """Return a constant: the generator has no trained weights."""
        return "exact score"

    def truth(self) -> Tensor:
        """Return the unit vector w_0, (d,): the first axis, which is as good as any in a rotation-invariant world."""
        return torch.eye(1, self.dimension)[0]

    def scheduler(self) -> Any:
        """Return DDIM on the cosine schedule, whose steps shrink a Gaussian's variance least: by cos^2(pi / (2 steps)).

        "leading" leaves out the last level: a DDIM step from there would magnify a guided move of x_t a hundredfold.
        """
        from diffusers import DDIMScheduler

        return DDIMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=False, timestep_spacing="leading")

    def denoiser(self, device: str) -> Denoiser:
        """Return the exact noise estimate; the label `classes` stands for no class."""
        alphas = self.scheduler().alphas_cumprod
        w = self.truth().to(device).unsqueeze(1)  # (d, 1)
        signs = torch.tensor([-1.0, 1.0, 0.0], device=device)

        def eps(x: Tensor, t: int, labels: Tensor) -> Tensor:
            a = float(alphas[t])
            y = signs[labels].unsqueeze(1)  # (B, 1)
            u = y * math.sqrt(a / (1 - a)) * (x @ w)
            hazard = torch.exp(-0.5 * u**2 - 0.5 * math.log(2 * math.pi) - torch.special.log_ndtr(u))  # phi / Phi
            return math.sqrt(1 - a) * x - math.sqrt(a) * (y * hazard) @ w.T

        return eps

    def preview(self, decode: str, device: str) -> Callable[[Tensor], Tensor]:  # noqa: ARG002
        """Return the identity: the sampler works on the samples themselves."""
        return unchanged

    def finish(self, x: Tensor) -> Tensor:
        """Return the samples unchanged."""
        return x

    def corpus_split(self) -> Split:
        """Draw 4,096 real samples, always the same."""
        return self._real(4096, torch.Generator().manual_seed(0x7C0A9E35))

    def validation_split(self, seed: int) -> Split:
        """Draw the real samples that the patience rule of the run with this seed watches."""
        return self._real(self.validation, torch.Generator().manual_seed(seed ^ 0x1F123BB5))

    def _real(self, count: int, source: torch.Generator) -> Split:
        """Draw samples (count, d) with labels (count,)."""
        x = torch.randn(count, self.dimension, generator=source)
        return Split(x, (x @ self.truth() > 0).long())

    def test(self, learner: Learner, ranks: Ranks = ALONE) -> Score:  # noqa: ARG002
        """Compute the exact accuracy on the real distribution, 1 - arccos(cos(w, w_0)) / pi, without test images."""
        w = learner.state()["w"]
        alignment = float(w @ self.truth().double() / w.norm())
        return Score(1 - math.acos(max(-1.0, min(1.0, alignment))) / math.pi, alignment=alignment)

    def learner(self, kind: str, training: Training, seed: int, device: str) -> LinearLearner:  # noqa: ARG002
        """Make a ridge or logistic regression; it starts at w = 0 and stays on the CPU."""
        return LinearLearner(self.dimension, self.ridge, kind)
