"""A sampling loop and a learner on a GPU that is pretended: no copies, no reads, no mix-ups of devices.

The tests marked `gpu` (tests/gpu) ask a real one. Gradients cannot be pretended; that a guided step reads no number is
seen on the CPU.
"""

from types import SimpleNamespace

import pytest
import torch
from support import tiny_stable_diffusion
from support.pretended_gpu import GPU, Pretended, Traffic
from support.runs import tiny
from torch._subclasses.fake_tensor import FakeTensorDeviceMismatchError
from torch.utils._python_dispatch import TorchDispatchMode

from empirical.config import new_learner, world_of
from empirical.data import images
from empirical.diffusion.denoiser import ClassifierFree, timesteps
from empirical.diffusion.guidance import EntropyGuide, RandomGuide, Unguided
from empirical.diffusion.sampler import ddim
from empirical.generators import unet
from empirical.learning.entropy import entropy
from empirical.learning.network_learner import NetworkLearner
from empirical.learning.networks import NETWORKS_32, network
from empirical.settings.sections import Training

BATCH = 4


@pytest.fixture(autouse=True)
def _nothing_pretended_is_kept():
    images._weights.cache_clear()
    yield
    images._weights.cache_clear()


def pixel_denoiser(prediction):
    with torch.device(GPU):
        model = unet.unet(8, 10, 1, 8).eval().requires_grad_(False)
    return lambda x, t, labels: unet.estimate(model, x, t, labels, prediction)


def latent_denoiser(kind):
    with torch.device(GPU):
        model = tiny_stable_diffusion._unet(kind, 24).eval().requires_grad_(False)
        states = torch.zeros(11, 3, 24)
    return lambda x, t, labels: model(x, timesteps(x, t), encoder_hidden_states=states[labels]).sample


@pytest.mark.parametrize(
    ("make", "shape", "guide", "steps", "copies"),
    [
        (lambda: pixel_denoiser("noise"), (1, 8, 8), Unguided(), 5, 0),
        (lambda: pixel_denoiser("velocity"), (1, 8, 8), Unguided(), 5, 0),
        (lambda: latent_denoiser("1.5"), (4, 8, 8), Unguided(), 5, 0),
        (lambda: pixel_denoiser("noise"), (1, 8, 8), RandomGuide(0.05), 52, 2),
    ],
    ids=["noise", "velocity", "latents", "random"],
)
def test_a_ddim_step_copies_nothing_to_the_gpu_and_waits_for_nothing(make, shape, guide, steps, copies):
    """Random directions are copied 50 steps at a time. Before, every pass of a network copied its timestep."""
    scheduler = unet.scheduler()
    scheduler.set_timesteps(steps)
    with Pretended(), torch.no_grad():
        denoiser = ClassifierFree(make(), 2.0, 10)
        x, labels = torch.zeros(BATCH, *shape, device=GPU), torch.zeros(BATCH, dtype=torch.long, device=GPU)
        with Traffic() as traffic:
            x = ddim(guide(denoiser, scheduler, range(BATCH)), scheduler, x, labels)
        assert x.device == GPU
    assert (traffic.to_gpu, traffic.to_cpu) == (copies, 0)
    assert traffic.launches["aten.convolution"] >= 8 * steps  # the loop was seen: a UNet of so many layers


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_a_learner_judges_images_on_the_gpu(kind):
    with Pretended(), torch.no_grad():
        with torch.device(GPU):
            model = NETWORKS_32[kind](1, 32, 10)
        # not a whole learner: timm's moving average makes a generator of random numbers, for which it needs a real GPU
        learner = SimpleNamespace(device=GPU, training=Training(iterations=4))
        with Traffic() as traffic:
            uncertainty = entropy(NetworkLearner._pass(learner, model, torch.zeros(BATCH, 1, 32, 32, device=GPU)))
        assert (uncertainty.device, uncertainty.dtype) == (GPU, torch.float32)
    assert (traffic.to_gpu, traffic.to_cpu) == (0, 0)


def test_resizing_in_a_network_copies_its_weights_once():
    with Pretended(), torch.no_grad():
        with torch.device(GPU):
            model = network("test_vit", 10).eval()
        copies = []
        for _ in range(3):
            with Traffic() as traffic:
                assert model(torch.zeros(BATCH, 3, 64, 48, device=GPU)).device == GPU
            copies.append(traffic.to_gpu)
    assert copies == [2, 0, 0]  # the rows' and the columns'


def test_what_the_pretence_is_for_raises():
    """Operands on two devices, and reads of values that would make the program wait."""
    with Pretended():
        x, real = torch.zeros(3, device=GPU), torch.arange(3)
        assert (int(real[2]), (real + 1).tolist()) == (2, [1, 2, 3])  # the CPU's own work is done
        with pytest.raises(FakeTensorDeviceMismatchError):
            x + torch.zeros(3)
        for read in (int, bool, float, torch.Tensor.item):
            with pytest.raises(Exception, match="_local_scalar_dense"):
                read(x[0])
        with Traffic() as traffic:
            torch.tensor([1.0]).to(GPU) + x
            x.cpu()
        assert (traffic.to_gpu, traffic.to_cpu, dict(traffic.launches)) == (1, 1, {"aten.add": 1})


class NoReads(TorchDispatchMode):
    """Refuse to read the value of any tensor."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func is not torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("through", ["x0", "denoiser", "conditional"])
@pytest.mark.parametrize("chunk", [0, 3])
def test_a_guided_step_reads_no_number(through, chunk):
    run = tiny("digits")
    world, learner = world_of(run), new_learner(run, "cpu")
    guide = EntropyGuide(learner.logits, 0.05, through, chunk=chunk)
    scheduler = world.scheduler()
    scheduler.set_timesteps(4)
    predict = guide(ClassifierFree(world.denoiser("cpu"), 2.0, 10), scheduler, range(BATCH))
    x, labels = torch.randn(BATCH, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(BATCH)
    with NoReads(), torch.no_grad():
        moved, eps = predict(x, 501, labels)
        with pytest.raises(AssertionError):
            x.sum().item()
    assert not torch.equal(moved, x)
    assert eps.shape == x.shape
