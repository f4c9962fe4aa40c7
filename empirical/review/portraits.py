"""Pictures of a finished run: what its learners make of the same noise, and what its pool holds (Figs. 8, 10-13).

Asked by `examine = { kind = "omegas", omegas = [0.0, 0.05] }` in an experiment; see `empirical.examine`. The answer is
plain values: "names" of the classes, by label; "iterations" at which the rounds were added; "images", a list of
    {"png" (base64), "label", "seed", "round", "omega", "entropy", "class" (to which a learner puts it), ...}
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
    """A question: `kind` names the function below that answers it. Counts are upper limits, met evenly spaced."""

    kind: str
    omegas: tuple[float, ...] = ()  # guidance strengths
    classes: int = 10
    columns: int = 5  # images of a class
    rounds: int = 3  # additions
    steps: int = 15  # of the reverse process

    def __post_init__(self) -> None:
        require_positive("examine", classes=self.classes, columns=self.columns, rounds=self.rounds, steps=self.steps)
        given = self.omegas if isinstance(self.omegas, list | tuple) else ()
        numbers = all(type(omega) in (int, float) and 0 <= omega < math.inf for omega in given)
        fine = numbers and len(set(given)) == len(given) and bool(given) == ("omegas" in USES[self.kind])
        require(fine, "examine.omegas", self.omegas, "a list of different numbers >= 0, at least one")
        object.__setattr__(self, "omegas", tuple(map(float, given)))

    @property
    def name(self) -> str:
        """Of its answer, which depends on nothing else and the run."""
        return f"{self.kind}-{values_digest({name: asdict(self)[name] for name in USES[self.kind]})}"

    def check(self, run: Run) -> None:
        """Refuse a run that it cannot be asked of."""
        world, steered = world_of(run), run.acquire.steered
        pictures = is_image(world.shape)
        require(pictures, "examine", self.kind, f"no question for pictures in the world {world.name}", "leave it out")
        require(run.growth.additions > 0, "examine", self.kind, "a question to runs with growth.additions > 0")
        kept = steered or self.kind == "rows"
        require(kept, "examine", self.kind, "a question to runs guided by entropy, which keep the learners that guided")


def portrait(values: Mapping[str, Any], where: str) -> Portrait:
    """The question of a TOML table, checked."""
    kind = values.get("kind")
    require(isinstance(kind, str) and kind in USES, f"{where}.kind", kind, f"one of {', '.join(USES)}")
    keys = ("kind", *USES[str(kind)])
    require(set(values) <= set(keys), where, sorted(values), f"the keys {', '.join(keys)}", "correct the keys")
    asked: Portrait = build(Portrait, values, where)
    return asked


@dataclass(frozen=True)
class Finished:
    """A finished run, opened; `labels` are those shown."""

    run: Run
    folder: Path
    pool: Pool
    labels: Sequence[int]
    device: str

    def guided_by(self, number: int) -> Learner:
        return learner_of(self.run, self.folder, number, self.device)

    def at_the_end(self) -> Learner:
        return finished_learner(self.run, self.folder, self.device)

    def sampler(self) -> Sampler:
        return Sampler(world_of(self.run), self.run.sampling, self.device)

    def additions(self, most: int) -> list[int]:
        return [1 + i for i in spaced(len(self.pool.rounds) - 1, most)]


def answer(asked: Portrait, run: Run, root: Path, device: str) -> dict[str, Any]:
    """What a finished run has to show."""
    folder, labels = run_directory(run, root), spaced(world_of(run).classes, asked.classes)
    pool = open_pool(run, folder)
    require(len(pool.rounds) > 1, str(folder), "a run that never added data", "one that did", "lower growth.patience")
    show = {"omegas": omegas, "reverse": reverse, "rows": rows, "pools": pools}[asked.kind]
    images = show(asked, Finished(run, folder, pool, labels, device))
    seen = sorted({*labels, *(one["class"] for one in images)})
    names = {str(label): world_of(run).class_names[label] for label in seen}
    return {"names": names, "iterations": [round_.step for round_ in pool.rounds], "images": images}


def omegas(asked: Portrait, of: Finished) -> list[Picture]:
    """Samples of the first noise of each class under the learners of several rounds, at each omega (Fig. 10).

    The learner asked for entropy and class is the one that guides.
    """
    sampler, images = of.sampler(), []
    for number in of.additions(asked.rounds):
        learner = of.guided_by(number)
        for omega in asked.omegas:
            made = trail(sampler, of.run.seed, of.labels, _guide(of.run, learner, omega))
            shown = _pictures(made.samples, of.labels, learner)
            images += _noted(shown, seed=made.seeds, round=number, omega=omega)
    return images


def reverse(asked: Portrait, of: Finished) -> list[Picture]:
    """x0_hat at steps of the reverse process, under the learner of the first addition (Fig. 8).

    More of each: "step", counted from 1, and "level", its t / T.
    """
    sampler, images, number = of.sampler(), [], 1
    learner, levels = of.guided_by(number), len(sampler.scheduler.alphas_cumprod)
    for omega in asked.omegas:
        made = trail(sampler, of.run.seed, of.labels, _guide(of.run, learner, omega))
        for i in spaced(len(made.x0), asked.steps):
            samples = world_of(of.run).finish(made.x0[i].to(of.device)).cpu()
            shown = _pictures(samples, of.labels, learner)
            level = int(sampler.scheduler.timesteps[i]) / levels
            images += _noted(shown, seed=made.seeds, round=number, omega=omega, step=i + 1, level=level)
    return images


def rows(asked: Portrait, of: Finished) -> list[Picture]:
    """Rows of several additions, as they are stored (Figs. 11, 12).

    "entropy" and "class" are the finished learner's; more of each: "before", the entropy when it was added.
    """
    learner, images = of.at_the_end(), []
    for number in of.additions(asked.rounds):
        first = sum(len(round_) for round_ in of.pool.rounds[:number])
        of_round = torch.arange(first, first + len(of.pool.rounds[number]))
        for picked, shown in _chosen(of.pool, of_round, of.labels, asked.columns, learner):
            images += _noted(shown, before=of.pool.rounds[number].entropy[picked - first].tolist())
    return images


def pools(asked: Portrait, of: Finished) -> list[Picture]:
    """Rows in use at the start and at the end, the oldest first (Fig. 13).

    "entropy" and "class" are the finished learner's; more of each: "pool" ("first", "last") and "before", the entropy
    to the learner of the first addition.
    """
    initial, learner, images = of.guided_by(1), of.at_the_end(), []
    for name, in_use in (("first", torch.arange(len(of.pool.rounds[0]))), ("last", of.pool.active)):
        for picked, shown in _chosen(of.pool, in_use, of.labels, asked.columns, learner):
            before = entropy(_logits(initial, of.pool.take(picked).images))
            images += _noted(shown, pool=name, before=before.tolist())
    return images


class Trail(NamedTuple):
    """What became of some noise: x0_hat at every step, (steps, n, *latent shape), and the samples, (n, *shape)."""

    x0: Tensor
    samples: Tensor
    seeds: list[int]


@torch.no_grad()
def trail(sampler: Sampler, run_seed: int, labels: Sequence[int], guide: Guide) -> Trail:
    """The first image of each class in a run's sequence, and how it came about.

    The images are those of `sampler.draw` but for rounding: there are no others to fill its batches up with. x0_hat is
    that of which a step is made (Eq. 4), after the guide has moved x_t.
    """
    generator, alphas, device = sampler.generator, sampler.scheduler.alphas_cumprod, sampler.device
    paths, samples, seeds = [], [], [image_seed(run_seed, label, 0) for label in labels]
    for low in range(0, len(labels), sampler.settings.batch):
        part = slice(low, low + sampler.settings.batch)
        predict, seen = guide(sampler.denoiser, sampler.scheduler, seeds[part]), []

        def watched(x: Tensor, t: int, classes: Tensor) -> tuple[Tensor, Tensor]:
            x, eps = predict(x, t, classes)  # noqa: B023
            seen.append(predict_x0(x, eps, alphas[t]).cpu())  # noqa: B023
            return x, eps

        start, classes = noise(seeds[part], generator.latent_shape), torch.tensor(labels[part], device=device)
        samples.append(generator.finish(ddim(watched, sampler.scheduler, start.to(device), classes)).cpu())
        paths.append(torch.stack(seen))
    return Trail(torch.cat(paths, 1), torch.cat(samples), seeds)


def spaced(count: int, most: int) -> list[int]:
    """At most so many of 0 ... count - 1, evenly, with the first and the last.

    >>> spaced(3, 8), spaced(16, 4), spaced(5, 1)
    ([0, 1, 2], [0, 5, 10, 15], [0])
    """
    return [round(i) for i in np.linspace(0, count - 1, min(count, most)).tolist()]


def _guide(run: Run, learner: Learner, omega: float) -> Guide:
    acquire = replace(run.acquire, omega=omega)
    preview = world_of(run).preview(acquire.decode, str(learner.device))
    return make_guide(learner.logits, acquire, preview, run.network)


def _chosen(
    pool: Pool, numbers: Tensor, labels: Sequence[int], columns: int, learner: Learner
) -> Iterator[tuple[Tensor, list[Picture]]]:
    """Of each class, some of the rows with these numbers, and their pictures."""
    starts = np.cumsum([0, *(len(round_) for round_ in pool.rounds)])
    of_rows, seeds = (torch.cat([getattr(r, name) for r in pool.rounds]) for name in ("labels", "seeds"))
    for label in labels:
        of_class = numbers[of_rows[numbers] == label]
        picked = of_class[spaced(len(of_class), columns)]
        if not len(picked):
            continue
        own = [pool.rounds[int(i) - 1] for i in np.searchsorted(starts, picked.numpy(), side="right")]
        shown = _pictures(pool.take(picked).images, [label] * len(picked), learner)
        more = {"round": [round_.number for round_ in own], "omega": [round_.omega for round_ in own]}
        yield picked, _noted(shown, seed=seeds[picked].tolist(), **more)


@torch.no_grad()
def _logits(learner: Learner, images: Tensor) -> Tensor:
    return learner.logits(images.to(learner.device)).cpu()


def _pictures(images: Tensor, labels: Sequence[int], learner: Learner) -> list[Picture]:
    """Samples, and what a learner says of them."""
    logits = _logits(learner, images)
    data = [base64.b64encode(png).decode() for png in encode(images)]
    said = {"entropy": entropy(logits).tolist(), "class": logits.argmax(-1).tolist()}
    return _noted([{"png": png} for png in data], label=list(labels), **said)


def _noted(pictures: Sequence[Picture], **more: Any) -> list[Picture]:
    """Pictures with further values, one for each where a list is given."""
    columns = {name: value if isinstance(value, list) else [value] * len(pictures) for name, value in more.items()}
    return [one | {name: column[i] for name, column in columns.items()} for i, one in enumerate(pictures)]
