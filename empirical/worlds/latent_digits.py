"""The digits world in a latent space: the same real digits, an autoencoder, and a diffusion model of its latents.

The world is small on purpose: each way to show x0_hat to the learner (`decodes`) can be measured in minutes on a CPU.
Latents are 4 x 4 x 4; the decoder costs about as much as a pass through the UNet, the learner a tenth of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor

from empirical.data.images import quantise
from empirical.data.split import Split
from empirical.generators import autoencoder as autoencoder_training
from empirical.generators.autoencoder import AutoencoderTraining
from empirical.generators.latent_space import LatentSpace
from empirical.settings.sections import DECODE
from empirical.system.errors import require
from empirical.worlds.digits import DigitsWorld

LATENTS = (4, 4, 4)


@lru_cache(maxsize=4)
def _load(path: Path, changed: int, device: str) -> tuple[LatentSpace, dict[str, Any]]:  # noqa: ARG001
    """Load the autoencoder of a file; `changed`, its time of change, makes the cache notice a replaced file."""
    space, values = autoencoder_training.load(path)
    return space.to(device), values


@dataclass(frozen=True, kw_only=True)
class LatentDigitsWorld(DigitsWorld):
    """The options of `digits`, and `autoencoder`: its weights file (default: shipped, or as trained here)."""

    name: ClassVar[str] = "latent_digits"
    decodes: ClassVar[tuple[str, ...]] = DECODE

    autoencoder: str = ""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return LATENTS

    def _autoencoder(self, device: str) -> tuple[LatentSpace, dict[str, Any]]:
        """Load the autoencoder and its stored values; InputError where it is missing or of another corpus."""
        path, where = self._file(self.autoencoder, "autoencoder"), "world (latent_digits).autoencoder"
        do = "train one: python paper_repro.py generator latent_digits"
        require(path.is_file(), where, str(path), "an existing weights file", f"name another, or {do}")
        space, values = _load(path, path.stat().st_mtime_ns, device)
        stored, own = values["corpus"], super().learned_from()["corpus"]
        require(stored == own, f"{where}: its corpus", stored, f"{own}, the world's own", f"name another, or {do}")
        return space, values

    def learned_from(self) -> dict[str, Any]:
        """Return the corpus and the digest of the autoencoder."""
        return {**super().learned_from(), "autoencoder": self._autoencoder("cpu")[1]["sha256"]}

    def identity(self) -> str:
        """Return the digests of the generator and of the autoencoder."""
        return f"{super().identity()}+{self._autoencoder('cpu')[1]['sha256']}"

    def encoded(self, folder: Path, begun: bool, report: Callable[[int, str], None]) -> Self:
        """Return the world with an autoencoder trained on the corpus; the minute or two of training is not resumed."""
        path = folder / self.file_name("autoencoder")
        if not (begun and path.exists()):
            about = super().learned_from()
            autoencoder_training.train(self.corpus_split().images, AutoencoderTraining(), path, about, report)
        return replace(self, autoencoder=str(path))

    def material(self) -> Split:
        """Return the training material of the generator: the latents of the corpus."""
        return Split(self._examples("cpu"), self.corpus_split().labels)

    def _examples(self, device: str) -> Tensor:
        """Encode the corpus to latents."""
        return self._autoencoder(device)[0].encode(self.corpus_split().images.to(device))

    def preview(self, decode: str, device: str) -> Callable[[Tensor], Tensor]:
        """Return a map from latents to images: the decoder, the tiny one, or the linear map fitted on the corpus."""
        return self._autoencoder(device)[0].preview(decode, lambda: self._examples(device))

    def finish(self, x: Tensor) -> Tensor:
        """Decode latents and round the images to the 256 levels that are stored, in [-1, 1]."""
        return quantise(self._autoencoder(str(x.device))[0].decode(x))
