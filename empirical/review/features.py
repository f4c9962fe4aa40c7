"""Features of images in a learner: what a linear classifier on top of a frozen network is trained on."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from empirical.config import Run, world_of
from empirical.data.images import is_image
from empirical.data.split import Split
from empirical.diffusion.plain_samples import PlainSamples
from empirical.diffusion.sampler import Sampler
from empirical.learning.entropy import entropy
from empirical.learning.learner import Learner
from empirical.learning.network_learner import NetworkLearner
from empirical.review.remake import learner_of, open_pool
from empirical.runs.folder import run_directory
from empirical.system.errors import require

BATCH = 1024  # images at a time
PIXELS, LAST = "pixels", "last"  # layers with names of their own: the images, and the input of the last linear layer


class Featured(NamedTuple):
    """Features (n, d) of images, their labels (n,), and the learner's entropy of each in nats (n,)."""

    features: Tensor
    labels: Tensor
    entropy: Tensor


def layers(learner: Learner) -> list[str]:
    """List the layers whose outputs are features: "pixels", "last", and the network's modules by name."""
    names = [name for name, _ in _network(learner).named_modules() if name]
    return [PIXELS, LAST, *names]


@torch.no_grad()
def features(learner: Learner, images: Split, layer: str = LAST) -> Featured:
    """Compute the outputs of a layer, flattened to one row an image, in float32, on the CPU.

    InputError names the layers that a learner has.
    """
    known = layers(learner)
    require(layer in known, "--layer", layer, ", ".join(known), "name one of them")
    network, recorded = _network(learner), []

    def record(_: nn.Module, given: tuple[Tensor, ...], output: Tensor | None = None) -> None:
        recorded.append((given[0] if output is None else output).flatten(1).float().cpu())

    if layer == LAST:
        linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
        require(bool(linear), "--layer", layer, ", ".join(known[:1] + known[2:]), "this network has no linear layer")
        hook = linear[-1].register_forward_pre_hook(record)
    elif layer != PIXELS:
        hook = network.get_submodule(layer).register_forward_hook(record)
    uncertainty = []
    try:
        for low in range(0, len(images.labels), BATCH):
            batch = images.images[low : low + BATCH].to(learner.device)
            if layer == PIXELS:
                recorded.append(batch.flatten(1).float().cpu())
            uncertainty.append(entropy(learner.logits(batch)).cpu())
    finally:
        if layer != PIXELS:
            hook.remove()
    return Featured(torch.cat(recorded), images.labels.cpu(), torch.cat(uncertainty))


def _network(learner: Learner) -> nn.Module:
    """Return the evaluated network; InputError for a learner without one."""
    kind = type(learner).__name__
    require(isinstance(learner, NetworkLearner), "learner", kind, "a network, whose layers are features")
    assert isinstance(learner, NetworkLearner)
    return learner.averaged.module


def real_test_images(run: Run) -> Split:
    """Return the real test images of a run's world; InputError for a world that has none in memory."""
    world: Any = world_of(run)
    allowed = "a world of small images: digits, latent_digits, glyphs or cifar10"
    require(is_image(world.shape) and hasattr(world, "test_split"), "features", run.world.name, allowed)
    split: Split = world.test_split()
    return split


def twins(run: Run, root: Path, device: str) -> dict[str, Any]:
    """Compute last-layer features of a run's guided images, of their plain twins, and of the real test images.

    The network is frozen: it is the learner that guided the first addition, trained on the initial plain images alone.
    A twin has the seed and the class of a guided image, and is sampled without guidance. Each of "guided", "plain" and
    "test" has "labels" and "features", base64 of float32 rows of length "dimension".
    """
    require(run.acquire.steered, "examine", "features", "a question to runs guided by entropy, which keep the learners")
    folder, world, test = run_directory(run, root), world_of(run), real_test_images(run)
    pool = open_pool(run, folder)
    require(len(pool.rounds) > 1, str(folder), "no additions", "a run with additions", "lower growth.patience")
    learner = learner_of(run, folder, 1, device)
    source = PlainSamples(Sampler(world, run.sampling, device), root / world.name)
    guided, plain = [], []
    for round_ in pool.rounds[1:]:
        guided.append(Split(round_.images(torch.arange(len(round_))), round_.labels))
        first, last = int(round_.indices.min()), int(round_.indices.max())
        samples, _ = source.draw(run.seed, first, last - first + 1)
        plain.append(Split(samples.images[round_.indices - first], round_.labels))
    answer: dict[str, Any] = {}
    for name, split in (("guided", _joined(guided)), ("plain", _joined(plain)), ("test", test)):
        rows = features(learner, split)
        packed = base64.b64encode(rows.features.numpy().astype("<f4").tobytes()).decode()
        answer[name] = {"labels": rows.labels.tolist(), "features": packed}
        answer["dimension"] = rows.features.shape[1]
    return answer


def _joined(splits: list[Split]) -> Split:
    return Split(*(torch.cat(column) for column in zip(*splits, strict=True)))
