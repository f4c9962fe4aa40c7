"""Maps between latents and images: an AutoencoderKL, and two cheaper decoders that show latents to a learner.

Latents are scaled as a diffusion model uses them: z = scaling_factor (mean - shift_factor).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, pixel_unshuffle, unfold

from empirical.system.errors import require

KERNEL = 3  # latent positions along an edge on which an image patch depends in the linear map
DECODED_AT_ONCE = 8  # latents per pass of the decoder in the fit of the linear map, which limits its memory


class LatentSpace:
    """Encode and decode latents by a frozen AutoencoderKL `vae`; `tiny`, if any, is an AutoencoderTiny for them."""

    def __init__(self, vae: Any, tiny: Any | None = None) -> None:
        self.vae = vae.eval().requires_grad_(False)
        self.tiny = None if tiny is None else tiny.eval().requires_grad_(False)

    def to(self, device: str) -> Self:
        """Move the networks to a device; return self."""
        for network in filter(None, (self.vae, self.tiny)):
            network.to(device)
        return self

    @property
    def factor(self) -> int:
        """Pixels per latent position along an edge."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents (B, c, h, w) to images (B, C, f h, f w), about [-1, 1]; differentiable, in VAE precision."""
        return _decode(self.vae, latents)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Encode images (B, C, f h, f w) in [-1, 1] to latents (B, c, h, w): means of the encoder's distributions."""
        scale, shift = _scaling(self.vae)
        mean = self.vae.encode(images.to(self.vae.dtype)).latent_dist.mean
        return scale * (mean.to(images.dtype) - shift)

    def preview(self, decode: str, examples: Callable[[], Tensor]) -> Callable[[Tensor], Tensor]:
        """Return a differentiable map from latents to images, exact or approximate, for guidance.

        decode: "full", the VAE; "tiny", the AutoencoderTiny; "linear", a map that is fitted here to the latents of
        `examples`. The fit decodes all of them, so callers should keep the map; other maps do not call `examples`.
        """
        if decode == "full":
            return self.decode
        if decode == "linear":
            return fit_linear(self.decode, examples(), self.factor)
        kinds = "'full', 'linear'" + (" or 'tiny'" if self.tiny is not None else "; 'tiny' needs an AutoencoderTiny")
        require(decode == "tiny" and self.tiny is not None, "acquire.decode", decode, kinds)
        return lambda latents: _decode(self.tiny, latents)


@torch.no_grad()
def fit_linear(decode: Callable[[Tensor], Tensor], latents: Tensor, factor: int) -> nn.Module:
    """Fit the affine map from 3 x 3 latent positions to the pixels of the middle one to `decode`, by least squares.

    decode: latents (B, c, h, w) to images (B, C, f h, f w). latents: examples (n, c, h, w); edge values are repeated
    beyond the border. factor: f. Returns a frozen convolution with a pixel shuffle, in float32 on the latents' device.
    Solved in float64 from the normal equations, whose size does not grow with the number of examples.
    """
    count, channels, height, width = latents.shape
    unknowns, given = channels * KERNEL**2 + 1, count * height * width
    do = "fit it on more images"
    require(given >= unknowns, "linear map", f"{given} latent positions", f"at least {unknowns}", do)
    equations = [_normal_equations(decode, batch, factor) for batch in latents.split(DECODED_AT_ONCE)]
    gram, cross = (torch.stack(terms).sum(0).cpu() for terms in zip(*equations, strict=True))
    solution = torch.linalg.lstsq(gram, cross, driver="gelsd").solution.to(latents)  # (9 c + 1, C f^2)
    outputs = solution.shape[1]
    convolution = nn.Conv2d(channels, outputs, KERNEL, padding=KERNEL // 2, padding_mode="replicate")
    weight = solution[:-1].T.reshape(outputs, channels, KERNEL, KERNEL)
    convolution.load_state_dict({"weight": weight, "bias": solution[-1]})
    return nn.Sequential(convolution, nn.PixelShuffle(factor)).to(latents.device).eval().requires_grad_(False)


def _scaling(autoencoder: Any) -> tuple[float, float]:
    """Return scaling_factor and shift_factor: 1 and 0 in an AutoencoderTiny, which is trained on scaled latents."""
    return autoencoder.config.scaling_factor, autoencoder.config.shift_factor or 0.0


def _decode(autoencoder: Any, latents: Tensor) -> Tensor:
    scale, shift = _scaling(autoencoder)
    return autoencoder.decode((latents / scale + shift).to(autoencoder.dtype)).sample.to(latents.dtype)


def _normal_equations(decode: Callable[[Tensor], Tensor], latents: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """Return A' A and A' B: rows of A are the neighbourhood of a latent position and a one, rows of B its pixels."""
    patches = pixel_unshuffle(decode(latents), factor).movedim(1, -1).flatten(0, 2).double()  # (n h w, C f^2)
    around = unfold(pad(latents, (KERNEL // 2,) * 4, mode="replicate"), KERNEL).movedim(1, -1).flatten(0, 1).double()
    around = torch.cat([around, torch.ones_like(around[:, :1])], dim=1)  # (n h w, 9 c + 1)
    return around.T @ around, around.T @ patches
