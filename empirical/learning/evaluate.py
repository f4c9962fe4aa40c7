"""Scores of a learner on labelled images, and distances of images to the nearest real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from empirical.data.split import Labelled, Split
from empirical.learning.learner import Learner
from empirical.system.finite import require_finite
from empirical.system.ranks import ALONE, Ranks

BATCH, VALUES = 1024, 2**25  # images of one evaluation batch, and numbers in them, at most


class SetScore(NamedTuple):
    """Count the images of an evaluation set, by class, and those that are classified correctly."""

    totals: list[int]
    hits: list[int]  # by the evaluated model, an average of weights
    raw_hits: list[int]  # by the weights that are trained


@dataclass(frozen=True)
class Score:
    """Hold a learner's test result."""

    accuracy: float
    correct: Tensor | None = None  # (n,) bool, if the test set consists of images
    alignment: float | None = None  # cos(w, w_0), if learner and truth are linear
    sets: Mapping[str, SetScore] = field(default_factory=dict)  # by name; `accuracy` is that on the first set


def chunks(split: Labelled, rows: Tensor, device: torch.device) -> Iterator[tuple[Tensor, Split]]:
    """Yield (rows, their images and labels) in order, as many at a time as memory allows.

    For a GPU a thread reads the next chunk ahead; on a CPU that would only slow the evaluation.
    """
    if not len(rows):
        return
    values = split.take(rows[:1]).images.numel()
    blocks = rows.split(max(1, min(BATCH, VALUES // values)))
    if device.type == "cpu":
        yield from ((block, split.take(block)) for block in blocks)
        return
    with ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(split.take, blocks[0])
        for block, following in zip(blocks, [*blocks[1:], None], strict=True):
            taken = ahead.result()
            if following is not None:
                ahead = reader.submit(split.take, following)
            yield block, taken


@torch.no_grad()
def guesses(
    models: Sequence[Callable[[Tensor], Tensor]],
    split: Labelled,
    rows: Tensor,
    device: torch.device,
    among: Tensor | None = None,
) -> Tensor:
    """Return the class of the largest logit of each row for each model, (models, rows).

    among: the only classes that are considered, if given.
    """
    labels = [torch.empty(len(models), 0, dtype=torch.long)]
    for _, (images, _) in chunks(split, rows, device):
        batch = images.to(device)
        logits = torch.stack([model(batch) for model in models])  # (models, B, classes)
        require_finite("evaluation: logits of models", logits, "lower training.lr")
        labels.append((logits.argmax(-1) if among is None else among[logits[..., among].argmax(-1).cpu()]).cpu())
    return torch.cat(labels, dim=1)


def correct(learner: Learner, split: Labelled) -> Tensor:
    """Return whether each image of the split is classified correctly, (n,) bool."""
    (guessed,) = guesses([learner.logits], split, torch.arange(len(split.labels)), learner.device)
    return guessed == split.labels


def accuracy(learner: Learner, split: Labelled, ranks: Ranks = ALONE) -> float:
    """Return the fraction of the split that is classified correctly; the processes share the work."""
    rows = _mine(split, ranks)
    (guessed,) = guesses([learner.logits], split, rows, learner.device)
    return ranks.total((guessed == split.labels[rows]).sum().item()) / len(split.labels)


def agreement(learner: Learner, split: Labelled, ranks: Ranks = ALONE) -> float:
    """Return the fraction of the split to which the raw and the averaged weights give the same label."""
    averaged, raw = guesses([learner.logits, learner.raw_logits], split, _mine(split, ranks), learner.device)
    return ranks.total((averaged == raw).sum().item()) / len(split.labels)


def score(
    learner: Learner,
    sets: Mapping[str, Labelled],
    classes: int,
    ranks: Ranks = ALONE,
    among: Mapping[str, Tensor] | None = None,
) -> Score:
    """Score each set of real images; `accuracy` is that of the first. The processes share the work.

    among: for a set that has only some of the classes, these classes; no others are guessed there.
    """
    hits = {name: _hits(learner, split, ranks, (among or {}).get(name)) for name, split in sets.items()}
    scores = {}
    for name, split in sets.items():
        counts = (split.labels[which].bincount(minlength=classes) for which in (slice(None), *hits[name]))
        scores[name] = SetScore(*(by_class.tolist() for by_class in counts))
    first, _ = hits[next(iter(sets))]
    return Score(first.float().mean().item(), first, sets=scores)


def nearest(images: Tensor, real: Tensor, *, among_themselves: bool = False) -> Tensor:
    """Return the Euclidean distance (n,) of each image to the nearest real image.

    among_themselves: `images` are the first of the `real` ones; image i is not compared with itself.
    """
    distances = []
    for number, block in enumerate(images.flatten(1).split(BATCH)):
        table = torch.cdist(block, real.flatten(1))  # (B, m)
        if among_themselves:
            rows = torch.arange(len(block))
            table[rows, number * BATCH + rows] = torch.inf
        distances.append(table.min(1).values)
    return torch.cat(distances)


def _mine(split: Labelled, ranks: Ranks) -> Tensor:
    """Return the rows of the split that this process scores."""
    return torch.arange(len(split.labels))[ranks.index :: ranks.count]


def _hits(learner: Learner, split: Labelled, ranks: Ranks, among: Tensor | None) -> Tensor:
    """Return whether each image is right by the averaged and by the raw weights, (2, n) bool, in every process."""
    rows = _mine(split, ranks)
    labels = guesses([learner.logits, learner.raw_logits], split, rows, learner.device, among)
    right = (labels == split.labels[rows]).byte()  # gloo gathers no bools
    order = torch.cat([_mine(split, Ranks(index, ranks.count)) for index in range(ranks.count)])
    hits = torch.empty(len(order), 2, dtype=torch.bool)
    hits[order] = ranks.gather(right.T.contiguous()).bool()
    return hits.T
