"""DDIM sampling in batches of one fixed shape, every image from its own seed.

Image i of a run is a function of (run seed, class, index in the class) and of the guide, nothing else: not of its
neighbours, the batch it shares, or how the work is divided. Plain and guided image i start from the same noise.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from empirical.config import Sampling
from empirical.errors import require
from empirical.guidance import Denoiser, Guide, Predictor, Unguided, classifier_free
from empirical.world import World


class Samples(NamedTuple):
    """Generated images (n, ...) with their labels, seeds and places in the run's sequence, each (n,)."""

    images: Tensor
    labels: Tensor
    seeds: Tensor
    indices: Tensor


@dataclass
class Cost:
    """What a run spent; everything but the seconds is the same on every machine.

    `denoiser_calls` counts evaluations per image (classifier-free guidance makes two a step), `skipped_steps` the
    guided steps that had no usable gradient, `sampling_gflop` forward and backward matrix work in 10^9 operations.
    """

    images: int = 0
    denoiser_calls: int = 0
    guided_steps: int = 0
    skipped_steps: int = 0
    sampling_gflop: float = 0.0
    learner_steps: int = 0
    sampling_cpu_s: float = 0.0
    learner_cpu_s: float = 0.0

    def add(self, other: Cost) -> None:
        """Count what `other` counted too."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


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

    def __init__(self, world: World, settings: Sampling, device: str = "cpu") -> None:
        self.world, self.settings, self.device = world, settings, device
        self.denoiser: Denoiser = classifier_free(world.denoiser(device), settings.guidance_scale, world.classes)
        self.scheduler = world.scheduler()
        self.scheduler.set_timesteps(settings.steps)
        top, levels = int(self.scheduler.timesteps[0]), self.scheduler.config.num_train_timesteps
        reaches = top >= levels - 2 * (levels // settings.steps)  # "leading" spacing rounds the stride down
        allowed = f"numbers whose first level is near {levels}, not {top}: divisors of {levels}, or small ones"
        require(reaches, "sampling.steps", settings.steps, allowed, "else sampling starts from too little noise")
        self._gflop: dict[str, float] = {}

    @torch.no_grad()
    def draw(self, run_seed: int, first: int, count: int, guide: Guide | None = None) -> tuple[Samples, Cost]:
        """Images `first` to `first + count - 1` of the run's endless sequence, in which the classes take turns."""
        guide = guide or Unguided()
        classes, batch = self.world.classes, self.settings.batch
        parts, start, skipped = [], time.process_time(), guide.skipped
        for low in range(first, first + count, batch):
            indices = [min(i, first + count - 1) for i in range(low, low + batch)]  # the last batch is filled up
            labels = torch.tensor([i % classes for i in indices], device=self.device)
            seeds = [image_seed(run_seed, i % classes, i // classes) for i in indices]
            predict = guide(self.denoiser, self.scheduler.alphas_cumprod, seeds)
            start_at = noise(seeds, self.world.shape).to(self.device)
            images = self.world.finish(ddim(predict, self.scheduler, start_at, labels)).cpu()
            size = min(batch, first + count - low)
            parts.append(
                Samples(*(c[:size] for c in (images, labels.cpu(), torch.tensor(seeds), torch.tensor(indices))))
            )
        steps = count * self.settings.steps
        cost = Cost(
            images=count,
            denoiser_calls=steps * (2 if self.settings.guidance_scale else 1),
            guided_steps=0 if guide.kind == "plain" else steps,
            skipped_steps=guide.skipped - skipped,
            sampling_cpu_s=time.process_time() - start,
            sampling_gflop=count * self.gflop_per_image(guide),
        )
        return Samples(*(torch.cat(column) for column in zip(*parts, strict=True))), cost

    def gflop_per_image(self, guide: Guide) -> float:
        """10^9 operations for one image, counted by running one step of one batch under torch's FLOP counter."""
        if guide.kind not in self._gflop:
            x = noise([0] * self.settings.batch, self.world.shape).to(self.device)
            predict, skipped = guide(self.denoiser, self.scheduler.alphas_cumprod, [0] * len(x)), guide.skipped
            with FlopCounterMode(display=False) as counter:
                predict(x, int(self.scheduler.timesteps[0]), torch.zeros(len(x), dtype=torch.long, device=x.device))
            guide.skipped = skipped
            self._gflop[guide.kind] = counter.get_total_flops() / len(x) * self.settings.steps / 1e9
        return self._gflop[guide.kind]
