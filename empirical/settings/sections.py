"""The sections of a run's configuration: frozen dataclasses, each default in one place, each value checked.

They are plain values: building one opens no data, no weights and no library.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from empirical.system.errors import require, require_non_negative, require_positive

THROUGH = ("denoiser", "conditional", "x0")
DECODE = ("full", "tiny", "linear")
AUGMENT = ("none", "crop_flip")
SIGNALS = ("validation", "synthetic", "agreement")


@dataclass(frozen=True)
class WorldChoice:
    """Name a data world, with the options that a recipe sets; `empirical.worlds.open_world` checks and opens it."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()  # (option, value), sorted by option

    @classmethod
    def of(cls, name: str, options: Mapping[str, Any]) -> WorldChoice:
        """Make a choice of plain options; lists become tuples, so that equal choices have equal hashes."""
        for option, value in options.items():
            items = value if isinstance(value, list) else [value]
            plain = not any(isinstance(item, Mapping | list) for item in items)
            require(plain, f"world ({name}).{option}", value, "a value or a list of values")
        values = {option: tuple(value) if isinstance(value, list) else value for option, value in options.items()}
        return cls(name, tuple(sorted(values.items())))


@dataclass(frozen=True, kw_only=True)
class LearnerChoice:
    """Name the model that is trained: `kind` is one of the learners of the world."""

    kind: str


@dataclass(frozen=True, kw_only=True)
class Training:
    """Set the optimiser and its learning-rate schedule; every count is in iterations (optimiser steps)."""

    iterations: int
    batch: int = 64  # images of a mini-batch, over all ranks
    lr: float = 3e-3
    weight_decay: float = 0.05
    schedule: str = "wsd"  # Warmup-Stable-Decay, or "cosine": decay from the end of the warm-up on
    warmup: float = 0.1  # fraction of the iterations
    cooldown: float = 0.2  # fraction of the iterations; no data are added once it has started, whatever the schedule
    label_smoothing: float = 0.11
    mixup: float = 0.0  # alpha of the Beta distribution, 0 = off
    cutmix: float = 0.0
    ema_decay: float = 0.99
    augment: str = "none"  # or "crop_flip": train on random resized crops, half of them mirrored
    chunk: int = (
        0  # images of a process in one pass; the gradients of its passes add up, memory falls; 0: all its images
    )
    clip: float = 0.0  # largest norm of the gradient, 0 = no limit
    bf16: bool = False  # run the network in bfloat16; weights, losses and entropies stay float32

    def __post_init__(self) -> None:
        require_positive("training", iterations=self.iterations, batch=self.batch, lr=self.lr)
        require_non_negative("training", weight_decay=self.weight_decay, clip=self.clip, chunk=self.chunk)
        require_non_negative("training", mixup=self.mixup, cutmix=self.cutmix)
        require(self.schedule in ("wsd", "cosine"), "training.schedule", self.schedule, "'wsd' or 'cosine'")
        require(self.augment in AUGMENT, "training.augment", self.augment, f"one of {', '.join(AUGMENT)}")
        for name in ("warmup", "cooldown", "label_smoothing", "ema_decay"):
            value = getattr(self, name)
            require(0 <= value < 1, f"training.{name}", value, "a number in [0, 1)")
        require(
            self.warmup + self.cooldown <= 1,
            "training.warmup + training.cooldown",
            self.warmup + self.cooldown,
            "a sum of at most 1",
        )
        mixes = self.mixup > 0 or self.cutmix > 0
        require(not mixes or self.batch % 2 == 0, "training.batch", self.batch, "an even number with Mixup or CutMix")


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Set the DDIM sampler with classifier-free guidance, eps = (1 + scale) eps(x, y) - scale eps(x)."""

    steps: int
    guidance_scale: float = 0.0  # the paper's lambda; diffusers' guidance_scale is 1 + lambda
    batch: int = 128  # images of every sampling batch; the shape is fixed so that no image depends on its neighbours
    bf16: bool = False  # small worlds: run the denoiser in bfloat16; Stable Diffusion does so on a GPU anyway

    def __post_init__(self) -> None:
        require_positive("sampling", steps=self.steps, batch=self.batch)
        require(self.steps <= 1000, "sampling.steps", self.steps, "at most the 1,000 noise levels of the schedule")
        require_non_negative("sampling", guidance_scale=self.guidance_scale)


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Set when Algorithm 1 adds data and how many: N = initial, P = addition, k = additions, T_max = patience.

    Sizes are in images, patience in evaluations; an evaluation takes place every tau = evaluate_every iterations.
    """

    initial: int
    addition: int = 0
    additions: int = 0
    evaluate_every: int = 10
    patience: int = 4
    incremental: bool = False  # T_max grows in proportion to the pool
    add_at: int | None = None  # add once at this iteration instead of on a plateau
    newest_weight: int = 1  # a row of the latest addition is this many times as likely to be drawn as an older one
    memory: int = 0  # train on the latest so many rounds, of which the initial pool is the first; 0: on all of them
    signal: str = (
        "validation"  # what must improve: accuracy on real images, or a signal without any (see `loop.signals`)
    )
    validation_share: float = 1.0  # share of the real validation images that the patience rule sees

    def __post_init__(self) -> None:
        require_positive("growth", initial=self.initial, evaluate_every=self.evaluate_every, patience=self.patience)
        require_non_negative("growth", addition=self.addition, additions=self.additions)
        require(
            self.additions == 0 or self.addition > 0,
            "growth.addition",
            self.addition,
            "an integer > 0 when growth.additions > 0",
        )
        if self.add_at is not None:
            require(
                self.add_at > 0 and self.add_at % self.evaluate_every == 0,
                "growth.add_at",
                self.add_at,
                f"a positive multiple of growth.evaluate_every = {self.evaluate_every}",
            )
            require(self.additions <= 1, "growth.additions", self.additions, "0 or 1 with growth.add_at")
        require(self.newest_weight >= 1, "growth.newest_weight", self.newest_weight, "an integer >= 1")
        require_non_negative("growth", memory=self.memory)
        alone = self.memory == 1  # then the latest addition is the whole pool
        require(not alone or self.newest_weight == 1, "growth.newest_weight", self.newest_weight, "1 with memory = 1")
        require(self.signal in SIGNALS, "growth.signal", self.signal, f"one of {', '.join(SIGNALS)}")
        share = self.validation_share
        require(0 < share <= 1, "growth.validation_share", share, "a number in (0, 1]")
        require(
            share == 1 or self.signal == "validation",
            "growth.validation_share",
            share,
            f"1 with growth.signal = {self.signal!r}, which sees no real images",
        )

    def effective(self) -> Growth:
        """Return the settings without a memory of more rounds than there can be: equal runs get equal names."""
        return self if self.memory <= self.additions else dataclasses.replace(self, memory=0)


@dataclass(frozen=True, kw_only=True)
class Acquire:
    """Set how an addition is made: candidates are sampled, guided with strength `omega`, and some of them are kept."""

    omega: float = 0.0
    schedule: tuple[float, ...] = (1.0,)  # factors of omega, one per addition; the last one holds for all further ones
    through: str = "x0"  # path of the gradient, see `diffusion.guidance`: "denoiser", "conditional" or "x0"
    decode: str = "full"  # latent worlds: show x0_hat to the learner by the decoder, a "tiny" decoder or a "linear" map
    every: int = 1  # guide at every so-many-th step
    interval: tuple[float, float] = (0.0, 1.0)  # guide only at noise levels t / T from the first to the second
    chunk: int = 0  # images whose gradient is computed at once, for memory; 0: those of the sampling batch
    direction: str = "entropy"  # or "random": the control with steps of the same length
    ratio: int = 1  # oversampling: keep the 1/ratio of the candidates with the highest entropy
    reject: float = (
        0.0  # share of the candidates to drop: those whose label an independent reference learner doubts most
    )
    retire: float = 0.0  # share of the pool, of lowest entropy, that the addition replaces (1: the whole pool)

    def __post_init__(self) -> None:
        require_non_negative("acquire", omega=self.omega, chunk=self.chunk)
        positive = len(self.schedule) > 0 and all(0 < factor < math.inf for factor in self.schedule)
        require(positive, "acquire.schedule", list(self.schedule), "a list of numbers > 0, at least one")
        require(self.ratio >= 1, "acquire.ratio", self.ratio, "an integer >= 1")
        require(0 <= self.reject < 1, "acquire.reject", self.reject, "a number in [0, 1)")
        require(self.reject == 0 or self.ratio == 1, "acquire.ratio", self.ratio, "1 with acquire.reject > 0")
        require(0 <= self.retire <= 1, "acquire.retire", self.retire, "a number in [0, 1]")
        require(self.through in THROUGH, "acquire.through", self.through, f"one of {', '.join(THROUGH)}")
        require(self.decode in DECODE, "acquire.decode", self.decode, f"one of {', '.join(DECODE)}")
        require(self.every >= 1, "acquire.every", self.every, "an integer >= 1")
        low, high = self.interval
        require(0 <= low < high <= 1, "acquire.interval", list(self.interval), "two numbers 0 <= low < high <= 1")
        require(self.direction in ("entropy", "random"), "acquire.direction", self.direction, "'entropy' or 'random'")

    def candidates(self, count: int) -> int:
        """Return how many samples are made for an addition of `count` rows; the others are pruned or rejected."""
        return math.ceil(round(self.ratio * count / (1 - self.reject), 6))

    def of(self, addition: int) -> Acquire:
        """Return the effective settings of one addition (1: the first), whose omega is its own, without a schedule.

        >>> Acquire(omega=0.05, schedule=(1.0, 2.0)).of(3).omega
        0.1
        """
        factor = self.schedule[min(addition, len(self.schedule)) - 1]
        return dataclasses.replace(self, schedule=(factor,)).effective(1)

    def effective(self, additions: int) -> Acquire:
        """Return the settings with those that change no number at their defaults: equal runs get equal names.

        Plain sampling (omega = 0) ignores all settings of guidance; random directions ignore the gradient's. Factors of
        the schedule matter up to the number of `additions`; equal ones are a part of omega.
        """
        unused: tuple[str, ...] = ()
        if self.omega == 0:
            unused = ("schedule", "through", "decode", "every", "interval", "chunk", "direction")
        elif self.direction == "random":
            unused = ("through", "decode", "chunk")
        defaults: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(self)}
        used = dataclasses.replace(self, **{name: defaults[name] for name in unused})
        factors = list(used.schedule[: max(additions, 1)])
        while factors[1:] and factors[-1] == factors[-2]:
            factors.pop()
        constant = {"omega": used.omega * factors[0], "schedule": (1.0,)}
        return dataclasses.replace(used, **({"schedule": tuple(factors)} if factors[1:] else constant))

    @property
    def steered(self) -> bool:
        """Tell whether the learner's entropy guides the samples, so that the guiding learners are kept."""
        return self.omega > 0 and self.direction == "entropy"

    @property
    def mode(self) -> str:
        """Name what a guided step costs: "plain", "random", or path and decoder: "x0", "denoiser/tiny", ..."""
        if self.omega == 0:
            return "plain"
        if self.direction == "random":
            return "random"
        return self.through if self.decode == "full" else f"{self.through}/{self.decode}"
