"""The types of denoisers and predictors, classifier-free guidance, and x0_hat.

A `Denoiser` maps (x_t, t, labels) to the noise estimate eps. A `Predictor` maps the same to (x_t, eps), from which the
sampler steps: plain sampling leaves x_t unchanged, entropy guidance moves it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, int, Tensor], Tensor]
Predictor = Callable[[Tensor, int, Tensor], tuple[Tensor, Tensor]]


class ClassifierFree:
    """Combine two estimates: eps = (1 + scale) eps(x, y) - scale eps(x), `scale` the paper's lambda; 0 is eps(x, y)."""

    def __init__(self, denoiser: Denoiser, scale: float, null_label: int) -> None:
        self.conditional, self.scale, self.null_label = denoiser, scale, null_label

    def __call__(self, x: Tensor, t: int, labels: Tensor) -> Tensor:
        """Return eps; both passes of the network share one batch."""
        if self.scale == 0:
            return self.conditional(x, t, labels)
        both = self.conditional(torch.cat([x, x]), t, torch.cat([labels, self._no_labels(labels)]))
        return self._combined(*both.chunk(2))

    def complete(self, conditional: Tensor, x: Tensor, t: int, labels: Tensor) -> Tensor:
        """Return eps from a conditional estimate that has been made already."""
        if self.scale == 0:
            return conditional
        return self._combined(conditional, self.conditional(x, t, self._no_labels(labels)))

    def _no_labels(self, labels: Tensor) -> Tensor:
        return torch.full_like(labels, self.null_label)

    def _combined(self, conditional: Tensor, unconditional: Tensor) -> Tensor:
        return (1 + self.scale) * conditional - self.scale * unconditional


def timesteps(x: Tensor, t: int) -> Tensor:
    """Return t once an image, (B,), for a network. It is filled in on the device: copying a number there would wait."""
    return torch.full((len(x),), t, device=x.device)


def in_bfloat16(denoiser: Denoiser) -> Denoiser:
    """Return the denoiser with its network in bfloat16, also where it is differentiated; estimates keep x's type."""

    def estimate(x: Tensor, t: int, labels: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return denoiser(x, t, labels)

    return estimate


def predict_x0(x: Tensor, eps: Tensor, alpha: Tensor) -> Tensor:
    """Return x0_hat = (x_t - sqrt(1 - xi_t) eps) / sqrt(xi_t) (Eq. 4), with alpha = xi_t = alphas_cumprod[t]."""
    return (x - (1 - alpha).sqrt() * eps) / alpha.sqrt()


def unchanged(x0: Tensor) -> Tensor:
    """Return x0 itself: the preview of generators without latents."""
    return x0
