"""Scoring a learner on real data, and generated images by the nearest real ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from empirical.data.split import Labelled, Split
from empirical.learning.learner import Learner
from empirical.system.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from empirical.data.split import Labelled, Split
    from empirical.learning.learner import Learner
    from empirical.system.ranks import Ranks

BATCH, VALUES = 1024, 2**25  # at most: images, and numbers in them, that are looked at together


def chunks(split: Labelled, rows: Tensor, device: torch.device) -> Iterator[tuple[Tensor, Split]]:
    """The rows in order, as many at a time as memory allows: (rows, their images and labels).

    While a GPU looks at some, the next are read; a CPU would only be kept from its own work.
    """
    if not len(rows):
        return
    values = split.take(rows[:1]).images.numel()
    parts = rows.split(max(1, min(BATCH, VALUES // values)))
    if device.type == "cpu":
        yield from ((part, split.take(part)) for part in parts)
        return
    with ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(split.take, parts[0])
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            taken = ahead.result()
            if following is not None:
                ahead = reader.submit(split.take, following)
            yield part, taken


@torch.no_grad()
def guesses(
    models: Sequence[Callable[[Tensor], Tensor]],
    split: Labelled,
    rows: Tensor,
    device: torch.device,
    among: Tensor | None = None,
) -> Tensor:
    """The most likely class of each row by each model's logits, (models, rows); `among` some classes, if given."""
    found = [torch.empty(len(models), 0, dtype=torch.long)]
    for _, (images, _) in chunks(split, rows, device):
        shown = images.to(device)
        logits = torch.stack([model(shown) for model in models])  # (models, B, classes)
        found.append((logits.argmax(-1) if among is None else among[logits[..., among].argmax(-1).cpu()]).cpu())
    return torch.cat(found, dim=1)


def correct(learner: Learner, split: Labelled) -> Tensor:
    """Whether each image of the split is classified correctly, (n,) bool."""
    (guessed,) = guesses([learner.logits], split, torch.arange(len(split.labels)), learner.device)
    return guessed == split.labels


def accuracy(learner: Learner, split: Labelled, ranks: Ranks = ALONE) -> float:
    """Fraction of the split that is classified correctly; the processes share the work."""
    rows = _mine(split, ranks)
    (guessed,) = guesses([learner.logits], split, rows, learner.device)
    return ranks.total((guessed == split.labels[rows]).sum().item()) / len(split.labels)


def agreement(learner: Learner, split: Labelled, ranks: Ranks = ALONE) -> float:
    """Fraction of the split that the raw and the averaged weights give the same label."""
    averaged, raw = guesses([learner.logits, learner.raw_logits], split, _mine(split, ranks), learner.device)
    return ranks.total((averaged == raw).sum().item()) / len(split.labels)


def score(
    learner: Learner,
    sets: Mapping[str, Labelled],
    classes: int,
    ranks: Ranks = ALONE,
    among: Mapping[str, Tensor] | None = None,
) -> Score:
    """The result on sets of real images, the first of which the accuracy is of; the processes share the work.

    among: of sets with classes of their own, these; every image is put in one of them.
    """
    hits = {name: _hits(learner, split, ranks, (among or {}).get(name)) for name, split in sets.items()}
    counted = {}
    for name, split in sets.items():
        counts = (split.labels[which].bincount(minlength=classes) for which in (slice(None), *hits[name]))
        counted[name] = SetScore(*(by_class.tolist() for by_class in counts))
    first, _ = hits[next(iter(sets))]
    return Score(first.float().mean().item(), first, sets=counted)


def _mine(split: Labelled, ranks: Ranks) -> Tensor:
    return torch.arange(len(split.labels))[ranks.index :: ranks.count]


def _hits(learner: Learner, split: Labelled, ranks: Ranks, among: Tensor | None) -> Tensor:
    """Whether each image is classified correctly by the averaged and by the raw weights, (2, n) bool, everywhere."""
    rows = _mine(split, ranks)
    guessed = guesses([learner.logits, learner.raw_logits], split, rows, learner.device, among)
    right = (guessed == split.labels[rows]).byte()  # gloo gathers no bools
    order = torch.cat([_mine(split, Ranks(index, ranks.count)) for index in range(ranks.count)])
    everybodys = torch.empty(len(order), 2, dtype=torch.bool)
    everybodys[order] = ranks.gather(right.T.contiguous()).bool()
    return everybodys.T


def contradiction(result: Mapping[str, Any], classes: int) -> str:
    """What cannot be in a result's accuracy, marks and counts by class; "" if nothing is wrong."""
    for name, counts in result["sets"].items():
        lengths = [len(counts[kind]) for kind in SetScore._fields]
        if lengths != [classes] * len(lengths):
            return f"sets.{name}: counts of {lengths} classes, not of {classes}"
        for kind in ("hits", "raw_hits"):
            if not all(0 <= hits <= total for hits, total in zip(counts[kind], counts["totals"], strict=True)):
                return f"sets.{name}.{kind}: more than there are images"
    if not result["sets"]:
        return ""
    name, counts = next(iter(result["sets"].items()))
    hits, images, marks = sum(counts["hits"]), sum(counts["totals"]), result["correct"]
    if (hits, images) != (marks.count("1"), len(marks)):
        return f"sets.{name}: {hits} of {images} right, not {marks.count('1')} of {len(marks)} as marked"
    if not math.isclose(result["accuracy"], hits / images, abs_tol=1e-7):  # it is rounded to float32
        return f"accuracy: {result['accuracy']!r}, not {hits / images!r}"
    return ""


def nearest(images: Tensor, real: Tensor, *, among_themselves: bool = False) -> Tensor:
    """Euclidean distance (n,) of each image to the nearest of the real ones.

    among_themselves: image i is real one i, and the distance is that to the nearest other one.
    """
    parts = []
    for number, block in enumerate(images.flatten(1).split(BATCH)):
        distance = torch.cdist(block, real.flatten(1))  # (B, m)
        if among_themselves:
            rows = torch.arange(len(block))
            distance[rows, number * BATCH + rows] = torch.inf
        parts.append(distance.min(1).values)
    return torch.cat(parts)


class SetScore(NamedTuple):
    """Images of an evaluation set, by class, and how many of them are classified correctly."""

    totals: list[int]
    hits: list[int]  # by the evaluated model, an average of weights
    raw_hits: list[int]  # by the weights that are trained


@dataclass(frozen=True)
class Score:
    """A learner's test result."""

    accuracy: float
    correct: Tensor | None = None  # (n,) bool, where there are test images
    alignment: float | None = None  # cos(w, w_0), where learner and truth are linear
    sets: Mapping[str, SetScore] = field(default_factory=dict)  # by name; `accuracy` is that on the first of them
