"""The neural tangent kernel of a learner before training, as features of a linear classifier."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from empirical.config import Run, new_learner
from empirical.data.split import Split
from empirical.learning.network_learner import NetworkLearner
from empirical.system.errors import require

BATCH = 256  # images at a time
ROWS = 6000  # images at most: the kernel and its factor are held in memory


def kernel(learner: NetworkLearner, images: Tensor) -> Tensor:
    """Compute K_ij = mean over classes of <d logit(x_i)/d theta, d logit(x_j)/d theta>, (n, n), in float64."""
    network = learner.model
    weights = {name: parameter.detach() for name, parameter in network.named_parameters()}

    def gradients(label: int, batch: Tensor) -> Tensor:
        def logit(parameters: dict[str, Tensor], image: Tensor) -> Tensor:
            return functional_call(network, parameters, (image[None],))[0, label]

        by_name = vmap(grad(logit), (None, 0))(weights, batch)
        return torch.cat([values.flatten(1) for values in by_name.values()], 1)

    with torch.no_grad():
        classes = learner.model(images[:1].to(learner.device)).shape[1]
    total = torch.zeros(len(images), len(images), dtype=torch.float64)
    for label in range(classes):
        batches = images.to(learner.device).split(BATCH)
        jacobian = torch.cat([gradients(label, batch) for batch in batches])  # (n, parameters)
        total += (jacobian @ jacobian.T).double().cpu() / classes
    return total


def tangent_features(run: Run, rows: Split, tests: Split, device: str) -> tuple[Tensor, Tensor]:
    """Return features (M, M) of rows and (T, M) of tests with the inner products of the centred tangent kernel.

    The network is that of the run before training. Features are coordinates in the span of the rows, centred by their
    mean and scaled to a mean square of 1: a linear classifier of the rows cannot tell them from the gradients
    themselves. InputError refuses learners without a network, and more than 6,000 images.
    """
    learner = new_learner(run, device)
    require(isinstance(learner, NetworkLearner), "--layer", "ntk", "a run whose learner is a network")
    assert isinstance(learner, NetworkLearner)
    count = len(rows.labels)
    require(count + len(tests.labels) <= ROWS, "--layer", "ntk", f"a run of up to {ROWS:,} images, tests included")
    K = kernel(learner, torch.cat([rows.images, tests.images]))
    means = K[:, :count].mean(1)
    K = K - means[:, None] - means[None, :] + means[:count].mean()
    K /= K.diagonal()[:count].mean()
    values, vectors = torch.linalg.eigh(K[:count, :count])
    there = values > 1e-12 * values[-1]  # the mean's direction is gone
    basis = vectors[:, there] / values[there].sqrt()
    return vectors[:, there] * values[there].sqrt(), K[count:, :count] @ basis
