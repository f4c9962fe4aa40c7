"""DDIM sampling in batches of one fixed shape, every image from its own seed.

Image i of a run is a function of (run seed, class, index in the class) and of the guide only: it does not depend on the
other images of its batch or on how the work is divided. Plain and guided image i start from the same noise.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, MutableMapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from empirical.diffusion.cost import Cost
from empirical.diffusion.denoiser import ClassifierFree, Predictor, in_bfloat16
from empirical.diffusion.generator import Generator
from empirical.diffusion.guidance import Guide, Unguided
from empirical.settings.sections import Sampling
from empirical.system.devices import fitting
from empirical.system.errors import require
from empirical.system.finite import require_finite

SMALLER = "lower sampling.batch; if guided, rather set acquire.chunk, or try acquire.decode = 'linear' or 'tiny'"
STEPS_TOO_LONG = "lower acquire.omega or sampling.guidance_scale"

_GFLOP: dict[object, float] = {}  # 10^9 operations per image, by all that decides them; counting is slow


class Samples(NamedTuple):
    """Hold generated images (n, ...) with their labels, seeds and indices in the run's sequence, each (n,).

    payloads: the images as bytes (see `data.images.encode`) if they have been encoded already; else empty.
    """

    images: Tensor
    labels: Tensor
    seeds: Tensor
    indices: Tensor
    payloads: tuple[bytes, ...] = ()

    @classmethod
    def joined(cls, groups: Sequence[Samples]) -> Samples:
        """Concatenate groups of samples."""
        images, labels, seeds, indices = (torch.cat(column) for column in list(zip(*groups, strict=True))[:4])
        return cls(images, labels, seeds, indices, tuple(chain.from_iterable(group.payloads for group in groups)))

    def part(self, low: int, high: int) -> Samples:
        """Return samples `low` to `high - 1`."""
        images, labels, seeds, indices = (column[low:high] for column in self[:4])
        return Samples(images, labels, seeds, indices, self.payloads[low:high])


class Source(Protocol):
    """Source of images: a `Sampler`, or `PlainSamples`, which keeps unguided ones on disk."""

    def draw(self, run_seed: int, first: int, count: int, guide: Guide | None = None) -> tuple[Samples, Cost]:
        """Draw images `first` to `first + count - 1` of the run's sequence; return them and their cost."""
        ...


def image_seed(run_seed: int, label: int, index: int) -> int:
    """Return the 63-bit seed of image `index` of class `label`."""
    return int(np.random.SeedSequence((run_seed, label, index)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def noise(seeds: list[int], shape: tuple[int, ...]) -> Tensor:
    """Draw standard normal starting points (n, *shape) on the CPU, each from the generator of its own seed.

    NumPy draws, since torch's CPU generator uses 32 bits of a seed: among 10^6 images a hundred pairs would be equal.
    """
    normals = [np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(normals))


def ddim(predict: Predictor, scheduler: Any, x: Tensor, labels: Tensor) -> Tensor:
    """Run the deterministic reverse process (Song et al. 2021) from noise `x` over the scheduler's timesteps."""
    for t in scheduler.timesteps:
        x, eps = predict(x, int(t), labels)
        x = scheduler.step(eps, t, x).prev_sample
    return x


class Sampler:
    """Draw any index range of images from a generator with fixed sampling settings."""

    def __init__(self, generator: Generator, settings: Sampling, device: str = "cpu") -> None:
        self.generator, self.settings, self.device = generator, settings, device
        denoiser = in_bfloat16(generator.denoiser(device)) if settings.bf16 else generator.denoiser(device)
        self.denoiser = ClassifierFree(denoiser, settings.guidance_scale, generator.classes)
        self.scheduler = generator.scheduler()
        self.scheduler.set_timesteps(settings.steps)
        top, levels = int(self.scheduler.timesteps[0]), self.scheduler.config.num_train_timesteps
        reaches = top >= levels - 2 * (levels // settings.steps)  # "leading" spacing rounds the stride down
        allowed = f"numbers whose first level is near {levels}, not {top}: divisors of {levels}, or small ones"
        require(reaches, "sampling.steps", settings.steps, allowed, "else sampling starts from too little noise")
        self._gflop_of: WeakKeyDictionary[Guide, float] = WeakKeyDictionary()  # for guides of unknown arithmetic

    @fitting("sampling", SMALLER)
    @torch.no_grad()
    def draw(self, run_seed: int, first: int, count: int, guide: Guide | None = None) -> tuple[Samples, Cost]:
        """Draw images `first` to `first + count - 1` of the run's endless sequence, in which the classes take turns.

        Returns the samples, on the CPU, and their cost. Raises FloatingPointError where a sample is not finite,
        InputError if a GPU has not enough memory.
        """
        guide = guide or Unguided()
        classes, batch = self.generator.classes, self.settings.batch
        batches, start, skipped = [], time.process_time(), guide.skipped
        for low in range(first, first + count, batch):
            indices = [min(i, first + count - 1) for i in range(low, low + batch)]  # the last batch is filled up
            labels = torch.tensor([i % classes for i in indices], device=self.device)
            seeds = [image_seed(run_seed, i % classes, i // classes) for i in indices]
            predict = guide(self.denoiser, self.scheduler, seeds)
            latents = ddim(predict, self.scheduler, self._latents(seeds), labels)
            require_finite(f"sampling: batch from image {low} on", latents, STEPS_TOO_LONG)
            images = self.generator.finish(latents).cpu()
            require_finite(f"sampling: decoded batch from image {low} on", images, STEPS_TOO_LONG)
            drawn = Samples(images, labels.cpu(), torch.tensor(seeds), torch.tensor(indices))
            batches.append(drawn.part(0, first + count - low))
        steps = count * self.settings.steps
        cost = Cost(
            images=count,
            denoiser_calls=steps * (2 if self.settings.guidance_scale else 1),
            guided_steps=count * len(guide.steps(self.scheduler)),
            skipped_steps=guide.skipped - skipped,
            sampling_cpu_s=time.process_time() - start,
            sampling_gflop=count * self.gflop_per_image(guide),
        )
        return Samples.joined(batches), cost

    def gflop_per_image(self, guide: Guide) -> float:
        """Return the 10^9 operations of one image; each kind of step, and the decoder, is counted once by torch."""
        guided = len(guide.steps(self.scheduler))
        plain = self.settings.steps - guided
        steps = guided * self.gflop_per_step(guide) if guided else 0.0
        return steps + (plain * self.gflop_per_step(Unguided()) if plain else 0.0) + self._finish_gflop()

    def gflop_per_step(self, guide: Guide) -> float:
        """Return the 10^9 operations, per image, of a step at which the guide acts (plain if it never does)."""
        steps = guide.steps(self.scheduler)
        guide = guide if steps else Unguided()

        def step() -> None:
            seeds = [0] * self.settings.batch
            x, t = self._latents(seeds), int((steps or self.scheduler.timesteps)[0])
            predict = copy.copy(guide)(self.denoiser, self.scheduler, seeds)  # the copy's skipped steps do not count
            predict(x, t, torch.zeros(len(x), dtype=torch.long, device=x.device))

        if guide.arithmetic is None:
            return self._counted(self._gflop_of, guide, step)
        return self._counted(_GFLOP, (*self._arithmetic, guide.arithmetic), step)

    def _finish_gflop(self) -> float:
        """Return the 10^9 operations, per image, of turning the last latents into samples."""

        def finish() -> None:
            self.generator.finish(self._latents([0] * self.settings.batch))

        return self._counted(_GFLOP, (*self._arithmetic, "finish"), finish)

    @cached_property
    def _arithmetic(self) -> tuple[object, ...]:
        """Return all that decides the operations of plain sampling, as a key; operators on CPU and GPU may differ."""
        return self.generator, self.generator.identity(), self.settings, torch.device(self.device).type

    def _latents(self, seeds: list[int]) -> Tensor:
        return noise(seeds, self.generator.latent_shape).to(self.device)

    def _counted(self, counts: MutableMapping[Any, float], key: object, work: Callable[[], object]) -> float:
        """Return the 10^9 operations of `work`, per image; they are counted only if `counts` has no such key."""
        if key not in counts:
            eager = torch.compiler.set_stance("force_eager")  # compiled operations are not counted
            with torch.no_grad(), eager, FlopCounterMode(display=False) as counter:
                work()
            counts[key] = counter.get_total_flops() / self.settings.batch / 1e9
        return counts[key]
