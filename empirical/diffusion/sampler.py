"""DDIM sampling in batches of one fixed shape, every image from its own seed.

Image i of a run is a function of (run seed, class, index in the class) and of the guide, nothing else: not of its
neighbours, the batch it shares, or how the work is divided. Plain and guided image i start from the same noise.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from empirical.diffusion.cost import Cost
from empirical.diffusion.denoiser import ClassifierFree, Predictor
from empirical.diffusion.generator import Generator
from empirical.diffusion.guidance import Guide, Unguided
from empirical.settings.sections import Sampling
from empirical.system.devices import fitting
from empirical.system.errors import require

SMALLER = "lower sampling.batch; if guided, try acquire.decode = 'linear' or 'tiny', or acquire.checkpointed = true too"


class Samples(NamedTuple):
    """Generated images (n, ...) with their labels, seeds and places in the run's sequence, each (n,)."""

    images: Tensor
    labels: Tensor
    seeds: Tensor
    indices: Tensor


class Source(Protocol):
    """Where images come from: a `Sampler`, or one that remembers what it drew."""

    def draw(self, run_seed: int, first: int, count: int, guide: Guide | None = None) -> tuple[Samples, Cost]:
        """Images `first` to `first + count - 1` of the run's sequence."""
        ...


def image_seed(run_seed: int, label: int, index: int) -> int:
    """The 63-bit seed of image `index` of class `label`."""
    return int(np.random.SeedSequence((run_seed, label, index)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def noise(seeds: list[int], shape: tuple[int, ...]) -> Tensor:
    """Standard normal starting points (n, *shape), one generator per image, drawn on the CPU.

    NumPy's, since torch's CPU generator takes 32 bits of a seed: among 10^6 images a hundred pairs would be the same.
    """
    drawn = [np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(drawn))


def ddim(predict: Predictor, scheduler: Any, x: Tensor, labels: Tensor) -> Tensor:
    """The deterministic reverse process from noise `x` to images (Song et al. 2021), over the scheduler's timesteps."""
    for t in scheduler.timesteps:
        x, eps = predict(x, int(t), labels)
        x = scheduler.step(eps, t, x).prev_sample
    return x


class Sampler:
    """The generator of a world with its sampling settings; images of any index range can be asked for."""

    def __init__(self, generator: Generator, settings: Sampling, device: str = "cpu") -> None:
        self.generator, self.settings, self.device = generator, settings, device
        self.denoiser = ClassifierFree(generator.denoiser(device), settings.guidance_scale, generator.classes)
        self.scheduler = generator.scheduler()
        self.scheduler.set_timesteps(settings.steps)
        top, levels = int(self.scheduler.timesteps[0]), self.scheduler.config.num_train_timesteps
        reaches = top >= levels - 2 * (levels // settings.steps)  # "leading" spacing rounds the stride down
        allowed = f"numbers whose first level is near {levels}, not {top}: divisors of {levels}, or small ones"
        require(reaches, "sampling.steps", settings.steps, allowed, "else sampling starts from too little noise")
        self._gflop: dict[str, float] = {}

    @fitting("sampling", SMALLER)
    @torch.no_grad()
    def draw(self, run_seed: int, first: int, count: int, guide: Guide | None = None) -> tuple[Samples, Cost]:
        """Images `first` to `first + count - 1` of the run's endless sequence, in which the classes take turns.

        Raises InputError where a GPU has not enough memory.
        """
        guide = guide or Unguided()
        classes, batch = self.generator.classes, self.settings.batch
        parts, start, skipped = [], time.process_time(), guide.skipped
        for low in range(first, first + count, batch):
            indices = [min(i, first + count - 1) for i in range(low, low + batch)]  # the last batch is filled up
            labels = torch.tensor([i % classes for i in indices], device=self.device)
            seeds = [image_seed(run_seed, i % classes, i // classes) for i in indices]
            predict = guide(self.denoiser, self.scheduler, seeds)
            images = self.generator.finish(ddim(predict, self.scheduler, self._latents(seeds), labels)).cpu()
            size = min(batch, first + count - low)
            parts.append(
                Samples(*(c[:size] for c in (images, labels.cpu(), torch.tensor(seeds), torch.tensor(indices))))
            )
        steps = count * self.settings.steps
        cost = Cost(
            images=count,
            denoiser_calls=steps * (2 if self.settings.guidance_scale else 1),
            guided_steps=count * len(guide.steps(self.scheduler)),
            skipped_steps=guide.skipped - skipped,
            sampling_cpu_s=time.process_time() - start,
            sampling_gflop=count * self.gflop_per_image(guide),
        )
        return Samples(*(torch.cat(column) for column in zip(*parts, strict=True))), cost

    def gflop_per_image(self, guide: Guide) -> float:
        """10^9 operations for one image: every kind of step, and the decoder, run once under torch's FLOP counter."""
        guided = len(guide.steps(self.scheduler))
        plain = self.settings.steps - guided
        steps = guided * self.gflop_per_step(guide) if guided else 0.0
        return steps + (plain * self.gflop_per_step(Unguided()) if plain else 0.0) + self._finish_gflop

    def gflop_per_step(self, guide: Guide) -> float:
        """The same for one step at which the guide acts; any step, where it never does."""
        if guide.mode not in self._gflop:
            seeds = [0] * self.settings.batch
            x, t = self._latents(seeds), int((guide.steps(self.scheduler) or self.scheduler.timesteps)[0])
            predict = copy.copy(guide)(self.denoiser, self.scheduler, seeds)  # a copy: its skipped steps do not count
            self._gflop[guide.mode] = self._counted(
                lambda: predict(x, t, torch.zeros(len(x), dtype=torch.long, device=x.device))
            )
        return self._gflop[guide.mode]

    @cached_property
    def _finish_gflop(self) -> float:
        return self._counted(lambda: self.generator.finish(self._latents([0] * self.settings.batch)))

    def _latents(self, seeds: list[int]) -> Tensor:
        return noise(seeds, self.generator.latent_shape).to(self.device)

    def _counted(self, work: Callable[[], object]) -> float:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            work()
        return counter.get_total_flops() / self.settings.batch / 1e9
