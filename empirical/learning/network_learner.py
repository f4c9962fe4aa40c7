"""The learner of images: any network, with AdamW, WSD, label smoothing, crops, Mixup/CutMix, clipping, bf16, EMA."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.split import Data
from empirical.learning import training_state
from empirical.learning.batches import Loader
from empirical.learning.networks import TimmNetwork
from empirical.learning.rates import rate
from empirical.settings.sections import Training
from empirical.system.devices import fitting
from empirical.system.errors import require
from empirical.system.ranks import ALONE, Ranks

SMALLER = "set training.chunk, say to 64, or training.bf16 = true, or share the batch among more processes"


class NetworkLearner:
    """Train a network by the recipe; iteration s depends on (seed, s), the weights and the data only.

    With `training.bf16` every pass through the network is in bfloat16, also in evaluation and guidance: in float32 a
    large network would cost more than the rest of a guided step. Weights, their average, the optimiser's state, logits,
    losses and entropies are float32.
    """

    def __init__(self, model: nn.Module, classes: int, training: Training, seed: int) -> None:
        from timm.data import Mixup
        from timm.utils import ModelEmaV3

        self.training, self.seed = training, seed
        self.model, self.device = model.eval(), next(model.parameters()).device  # in training mode inside `fit` only
        self.trained: nn.Module = model  # the model itself, or its wrapper for several processes
        self.ranks = ALONE
        # crops get the network's own input size, which saves resizing inside it
        self._loader = Loader(training, seed, self.device, model.size if isinstance(model, TimmNetwork) else None)
        self.averaged = ModelEmaV3(model, decay=training.ema_decay, use_warmup=True)
        self.averaged.module.requires_grad_(False)
        matrices = [p for p in model.parameters() if p.dim() > 1]
        vectors = [p for p in model.parameters() if p.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": training.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=training.lr,
            fused=True,
        )
        self.loss = nn.CrossEntropyLoss(label_smoothing=training.label_smoothing)
        mixes = training.mixup > 0 or training.cutmix > 0
        self.mixup = (
            Mixup(
                mixup_alpha=training.mixup,
                cutmix_alpha=training.cutmix,
                num_classes=classes,
                label_smoothing=training.label_smoothing,
            )
            if mixes
            else None
        )
        self.target_loss = nn.CrossEntropyLoss()  # for Mixup, which smooths its target distributions itself

    def distribute(self, ranks: Ranks) -> None:
        """Train with DistributedDataParallel from now on, each process on its share of every mini-batch."""
        batch = self.training.batch
        require(batch % (2 * ranks.count) == 0, "training.batch", batch, f"a multiple of 2 x {ranks.count} processes")
        self.ranks, self.trained = ranks, nn.parallel.DistributedDataParallel(self.model)

    def fit(self, data: Data, start: int, stop: int) -> float:
        """Train for iterations `start` to `stop - 1`; return the mean loss. Numbers are read at the end only, for GPUs.

        Raises FloatingPointError, in all processes, if a loss or a gradient was not finite: the weights are spoilt then
        and must not be saved. Raises InputError if a GPU has not enough memory.
        """
        records = torch.empty(stop - start, 2, device=self.device)  # loss and norm of each iteration's gradient
        self.trained.train()
        try:
            with fitting("training", SMALLER):
                for step, batch in enumerate(self._loader.batches(data, start, stop, self.ranks), start):
                    records[step - start] = self._iterate(step, *batch)
        except BaseException:
            self._loader.close()
            raise
        self.trained.eval()
        return self._mean_loss(start, records)

    def _iterate(self, step: int, images: Tensor, labels: Tensor) -> Tensor:
        """Take one step of the optimiser; return the loss and the norm of the gradient before clipping, (2,)."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.lr * rate(step, self.training)
        seed, loss, targets = [self.seed, step, *[self.ranks.index] * (self.ranks.count > 1)], self.loss, labels
        if self.mixup is not None:
            with _numpy_seed(seed):
                images, targets = self.mixup(images.clone(), labels)
            loss = self.target_loss
        self.optimizer.zero_grad()
        with _torch_seed(seed, self.device):
            value = self._backward(loss, images, targets)
        norm = nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
        if self.training.clip > 0:
            nn.utils.clip_grads_with_norm_(self.model.parameters(), self.training.clip, norm)
        self.optimizer.step()
        self.averaged.update(self.model, step=step)
        return torch.stack([value, norm])

    def _backward(self, loss: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
        """Add the gradient of the mean loss to the weights', in passes of `training.chunk` images; return that loss.

        Processes exchange their gradients in the last pass only. Layers that look at the whole batch, such as batch
        normalisation, see one pass at a time.
        """
        size = self.training.chunk or len(images)
        total, passes = torch.zeros((), device=self.device), len(range(0, len(images), size))
        for number, (some, wanted) in enumerate(zip(images.split(size), targets.split(size), strict=True), start=1):
            with self._together(last=number == passes):
                value = loss(self._pass(self.trained, some), wanted) * (len(some) / len(images))
                value.backward()
            total += value.detach()
        return total

    def _together(self, *, last: bool) -> AbstractContextManager[None]:
        """Let processes exchange the gradients of a pass if it is the last of its iteration."""
        if isinstance(self.trained, nn.parallel.DistributedDataParallel) and not last:
            return self.trained.no_sync()
        return nullcontext()

    def _mean_loss(self, start: int, records: Tensor) -> float:
        """Average the losses over iterations and processes; all processes see all records, so all stop or none."""
        everyone = self.ranks.gather(records).view(self.ranks.count, -1, 2).cpu()
        bad = (~everyone.isfinite()).any(0).nonzero()  # (number, 2): iteration, column
        if len(bad):
            iteration, column = bad[0].tolist()
            quantity = f"the {('loss', 'gradient')[column]} of iteration {start + iteration}"
            raise FloatingPointError(f"training: {quantity} is not finite; lower training.lr")
        totals = everyone[:, :, 0].double().cumsum(1)[:, -1]  # summed in order: the same digits on every CPU
        return totals.sum().item() / everyone.shape[1] / self.ranks.count

    def _pass(self, model: nn.Module, images: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.training.bf16):
            return model(images).float()

    def logits(self, images: Tensor) -> Tensor:
        return self._pass(self.averaged.module, images)

    def raw_logits(self, images: Tensor) -> Tensor:
        return self._pass(self.model, images)

    def evaluated(self) -> dict[str, Tensor]:
        return copy.deepcopy(self.averaged.module.state_dict())

    def load_evaluated(self, state: dict[str, Tensor]) -> None:
        self.averaged.module.load_state_dict(state)

    def state(self) -> dict[str, Tensor]:
        return copy.deepcopy(training_state.tensors_of(self.model, self.averaged.module, self.optimizer))

    def load_state(self, state: dict[str, Tensor]) -> None:
        training_state.load(state, self.model, self.averaged.module, self.optimizer)


@contextmanager
def _numpy_seed(seed: list[int]) -> Iterator[None]:
    """Seed NumPy's global generator, from which timm's Mixup draws, and restore it at the end."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


@contextmanager
def _torch_seed(seed: list[int], device: torch.device) -> Iterator[None]:
    """Seed torch's generators of the CPU and of the device, from which dropout draws, and restore them at the end."""
    number, gpus = int(np.random.SeedSequence(seed).generate_state(1)[0]), [device] * (device.type == "cuda")
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(number)
        for gpu in gpus:
            torch.cuda.default_generators[gpu.index].manual_seed(number)
        yield
