"""Pictures of a finished run: samples of the same noise under its guides, and rows of its pool (Figs. 8, 10-13).

An experiment asks for them by `examine = { kind = "omegas", omegas = [0.0, 0.05] }`; see `empirical.review.examine`. An
answer has plain values: "names" of the classes, by label; "iterations" at which the rounds were added; "images", a list
    {"png" (base64), "label", "seed", "round", "omega", "entropy", "class" (the learner's guess), ...}
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from empirical.config import Run, world_of
from empirical.data.images import encode, is_image
from empirical.diffusion.denoiser import predict_x0
from empirical.diffusion.guidance import Guide, make_guide
from empirical.diffusion.sampler import Sampler, ddim, image_seed, noise
from empirical.learning.entropy import entropy
from empirical.learning.learner import Learner
from empirical.pool.pool import Pool
from empirical.review.remake import finished_learner, learner_of, open_pool
from empirical.runs.folder import run_directory
from empirical.settings.build import build
from empirical.settings.values import values_digest
from empirical.system.errors import require, require_positive

Picture = dict[str, Any]
USES = {  # the options of each kind
    "omegas": ("omegas", "classes", "rounds"),
    "reverse": ("omegas", "classes", "steps"),
    "rows": ("classes", "columns", "rounds"),
    "pools": ("classes", "columns"),
}


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """A question to a finished run; `kind` names the function that answers it.

    Counts are upper limits; what is shown is evenly spaced.
    """

    kind: str
    omegas: tuple[float, ...] = ()  # guidance strengths
    classes: int = 10
    columns: int = 5  # images of a class
    rounds: int = 3  # additions
    steps: int = 15  # steps of the reverse process

    def __post_init__(self) -> None:
        require_positive("examine", classes=self.classes, columns=self.columns, rounds=self.rounds, steps=self.steps)
        given = self.omegas if isinstance(self.omegas, list | tuple) else ()
        numbers = all(type(omega) in (int, float) and 0 <= omega < math.inf for omega in given)
        fine = numbers and len(set(given)) == len(given) and bool(given) == ("omegas" in USES[self.kind])
        require(fine, "examine.omegas", self.omegas, "a list of different numbers >= 0, at least one")
        object.__setattr__(self, "omegas", tuple(map(float, given)))

    @property
    def name(self) -> str:
        """Name of the answer in a run's folder: the kind and a digest of its options."""
        return f"{self.kind}-{values_digest({name: asdict(self)[name] for name in USES[self.kind]})}"

    def check(self, run: Run) -> None:
        """Refuse a run that cannot answer the question."""
        world, steered = world_of(run), run.acquire.steered
        pictures = is_image(world.shape)
        require(pictures, "examine", self.kind, f"a world of images, which {world.name} is not", "leave it out")
        require(run.growth.additions > 0, "examine", self.kind, "a question to runs with growth.additions > 0")
        kept = steered or self.kind == "rows"
        require(kept, "examine", self.kind, "a question to runs guided by entropy, which keep the learners that guided")


def portrait(values: Mapping[str, Any], where: str) -> Portrait:
    """Check a TOML table and return it as a question."""
    kind = values.get("kind")
    require(isinstance(kind, str) and kind in USES, f"{where}.kind", kind, f"one of {', '.join(USES)}")
    keys = ("kind", *USES[str(kind)])
    require(set(values) <= set(keys), where, sorted(values), f"the keys {', '.join(keys)}", "correct the keys")
    asked: Portrait = build(Portrait, values, where)
    return asked


@dataclass(frozen=True)
class Finished:
    """A finished run with its pool; `labels` are the classes to show."""

    run: Run
    folder: Path
    pool: Pool
    labels: Sequence[int]
    device: str

    def guided_by(self, number: int) -> Learner:
        """Load the learner that guided a round."""
        return learner_of(self.run, self.folder, number, self.device)

    def at_the_end(self) -> Learner:
        """Load the learner of the end of the run."""
        return finished_learner(self.run, self.folder, self.device)

    def sampler(self) -> Sampler:
        """Make the run's sampler."""
        return Sampler(world_of(self.run), self.run.sampling, self.device)

    def additions(self, most: int) -> list[int]:
        """Return the numbers of at most `most` rounds after the first, evenly spaced."""
        return [1 + i for i in spaced(len(self.pool.rounds) - 1, most)]


def answer(asked: Portrait, run: Run, root: Path, device: str) -> dict[str, Any]:
    """Make the pictures that a question asks for."""
    folder, labels = run_directory(run, root), spaced(world_of(run).classes, asked.classes)
    pool = open_pool(run, folder)
    require(len(pool.rounds) > 1, str(folder), "no additions", "a run with additions", "lower growth.patience")
    show = {"omegas": omegas, "reverse": reverse, "rows": rows, "pools": pools}[asked.kind]
    images = show(asked, Finished(run, folder, pool, labels, device))
    named = sorted({*labels, *(image["class"] for image in images)})
    names = {str(label): world_of(run).class_names[label] for label in named}
    return {"names": names, "iterations": [round_.step for round_ in pool.rounds], "images": images}


def omegas(asked: Portrait, finished: Finished) -> list[Picture]:
    """Sample the first noise of each class under the learners of several rounds, at each omega (Fig. 10).

    "entropy" and "class" are those of the learner that guides.
    """
    sampler, images = finished.sampler(), []
    for number in finished.additions(asked.rounds):
        learner = finished.guided_by(number)
        for omega in asked.omegas:
            path = trail(sampler, finished.run.seed, finished.labels, _guide(finished.run, learner, omega))
            shown = _pictures(path.samples, finished.labels, learner)
            images += _noted(shown, seed=path.seeds, round=number, omega=omega)
    return images


def reverse(asked: Portrait, finished: Finished) -> list[Picture]:
    """Show x0_hat at steps of the reverse process, under the learner of the first addition (Fig. 8).

    Further values of each image: "step", counted from 1, and "level", its t / T.
    """
    sampler, images, number = finished.sampler(), [], 1
    learner, levels = finished.guided_by(number), len(sampler.scheduler.alphas_cumprod)
    for omega in asked.omegas:
        path = trail(sampler, finished.run.seed, finished.labels, _guide(finished.run, learner, omega))
        for i in spaced(len(path.x0), asked.steps):
            samples = world_of(finished.run).finish(path.x0[i].to(finished.device)).cpu()
            shown = _pictures(samples, finished.labels, learner)
            level = int(sampler.scheduler.timesteps[i]) / levels
            images += _noted(shown, seed=path.seeds, round=number, omega=omega, step=i + 1, level=level)
    return images


def rows(asked: Portrait, finished: Finished) -> list[Picture]:
    """Show stored rows of several additions (Figs. 11, 12).

    "entropy" and "class" are the finished learner's. Further value of each image: "before", its entropy when added.
    """
    learner, images = finished.at_the_end(), []
    for number in finished.additions(asked.rounds):
        first = sum(len(round_) for round_ in finished.pool.rounds[:number])
        of_round = torch.arange(first, first + len(finished.pool.rounds[number]))
        for picked, shown in _chosen(finished.pool, of_round, finished.labels, asked.columns, learner):
            images += _noted(shown, before=finished.pool.rounds[number].entropy[picked - first].tolist())
    return images


def pools(asked: Portrait, finished: Finished) -> list[Picture]:
    """Show the rows in use at the start and at the end, the oldest first (Fig. 13).

    "entropy" and "class" are the finished learner's. Further values of each image: "pool" ("first" or "last"), and
    "before", its entropy under the learner of the first addition.
    """
    initial, learner, images = finished.guided_by(1), finished.at_the_end(), []
    for name, in_use in (("first", torch.arange(len(finished.pool.rounds[0]))), ("last", finished.pool.active)):
        for picked, shown in _chosen(finished.pool, in_use, finished.labels, asked.columns, learner):
            before = entropy(_logits(initial, finished.pool.take(picked).images))
            images += _noted(shown, pool=name, before=before.tolist())
    return images


class Trail(NamedTuple):
    """The paths of n images: x0_hat at every step, (steps, n, *latent shape), samples (n, *shape), and seeds."""

    x0: Tensor
    samples: Tensor
    seeds: list[int]


@torch.no_grad()
def trail(sampler: Sampler, run_seed: int, labels: Sequence[int], guide: Guide) -> Trail:
    """Sample the first image of each class in a run's sequence, and record x0_hat at every step.

    The images equal those of `sampler.draw` up to rounding: its batches have other images, too. x0_hat is the estimate
    that the step is made of (Eq. 4), after the guide has moved x_t.
    """
    generator, alphas, device = sampler.generator, sampler.scheduler.alphas_cumprod, sampler.device
    paths, samples, seeds = [], [], [image_seed(run_seed, label, 0) for label in labels]
    for low in range(0, len(labels), sampler.settings.batch):
        batch = slice(low, low + sampler.settings.batch)
        predict, estimates = guide(sampler.denoiser, sampler.scheduler, seeds[batch]), []

        def recorded(x: Tensor, t: int, classes: Tensor) -> tuple[Tensor, Tensor]:
            x, eps = predict(x, t, classes)  # noqa: B023
            estimates.append(predict_x0(x, eps, alphas[t]).cpu())  # noqa: B023
            return x, eps

        start, classes = noise(seeds[batch], generator.latent_shape), torch.tensor(labels[batch], device=device)
        samples.append(generator.finish(ddim(recorded, sampler.scheduler, start.to(device), classes)).cpu())
        paths.append(torch.stack(estimates))
    return Trail(torch.cat(paths, 1), torch.cat(samples), seeds)


def spaced(count: int, most: int) -> list[int]:
    """Return at most `most` of the numbers 0 ... count - 1, evenly spaced, with the first and the last.

    >>> spaced(3, 8), spaced(16, 4), spaced(5, 1)
    ([0, 1, 2], [0, 5, 10, 15], [0])
    """
    return [round(i) for i in np.linspace(0, count - 1, min(count, most)).tolist()]


def _guide(run: Run, learner: Learner, omega: float) -> Guide:
    """Make the run's guide with this learner and strength."""
    acquire = replace(run.acquire.of(1), omega=omega)
    preview = world_of(run).preview(acquire.decode, str(learner.device))
    return make_guide(learner.logits, acquire, preview, run.network)


def _chosen(
    pool: Pool, numbers: Tensor, labels: Sequence[int], columns: int, learner: Learner
) -> Iterator[tuple[Tensor, list[Picture]]]:
    """Choose some of the rows `numbers` of each class, evenly spaced; yield (row numbers, pictures)."""
    starts = np.cumsum([0, *(len(round_) for round_ in pool.rounds)])
    classes, seeds = (torch.cat([getattr(r, name) for r in pool.rounds]) for name in ("labels", "seeds"))
    for label in labels:
        of_class = numbers[classes[numbers] == label]
        picked = of_class[spaced(len(of_class), columns)]
        if not len(picked):
            continue
        rounds = [pool.rounds[int(i) - 1] for i in np.searchsorted(starts, picked.numpy(), side="right")]
        shown = _pictures(pool.take(picked).images, [label] * len(picked), learner)
        about = {"round": [round_.number for round_ in rounds], "omega": [round_.omega for round_ in rounds]}
        yield picked, _noted(shown, seed=seeds[picked].tolist(), **about)


@torch.no_grad()
def _logits(learner: Learner, images: Tensor) -> Tensor:
    """Compute a learner's logits of images, on the CPU."""
    return learner.logits(images.to(learner.device)).cpu()


def _pictures(images: Tensor, labels: Sequence[int], learner: Learner) -> list[Picture]:
    """Encode images with their labels, and a learner's entropy and class of each."""
    logits = _logits(learner, images)
    data = [base64.b64encode(png).decode() for png in encode(images)]
    scores = {"entropy": entropy(logits).tolist(), "class": logits.argmax(-1).tolist()}
    return _noted([{"png": png} for png in data], label=list(labels), **scores)


def _noted(pictures: Sequence[Picture], **values: Any) -> list[Picture]:
    """Add values to pictures: a list has one value per picture, any other value is that of all."""
    columns = {name: value if isinstance(value, list) else [value] * len(pictures) for name, value in values.items()}
    return [picture | {name: column[i] for name, column in columns.items()} for i, picture in enumerate(pictures)]
