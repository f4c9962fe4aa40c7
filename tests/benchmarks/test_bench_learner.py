"""What reading ahead brings: training a timm ViT on a pool that is read from its files, by itself and with a reader.

Shows: iterations per second without and with one reading process, in turns, and their ratio: by the wall (needs two
idle cores, one trains and one decodes and crops), and by the CPU time of the training process alone, which is what a
GPU would wait for and does not suffer from other work on the machine.
Command: pytest tests/benchmarks/test_bench_learner.py --benchmark-only -s
"""

import time

import pytest
import torch
from support.runs import pool_of

from empirical.data.images import quantise
from empirical.diffusion.sampler import Samples
from empirical.learning import batches as loading
from empirical.learning.network_learner import NetworkLearner
from empirical.learning.networks import network
from empirical.pool import pool as pool_module
from empirical.settings.sections import Training

IMAGES, SIZE, STEPS, ROUNDS = 64, 256, 8, 3


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Smooth pictures of the size that ImageNet's worlds store: PNG of noise would take longer to decode."""
    coarse = torch.rand(IMAGES, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    images = quantise(torch.nn.functional.interpolate(coarse, (SIZE, SIZE), mode="bilinear"))
    numbers = torch.arange(IMAGES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool_module, "MEMORY", 0)
        return pool_of(Samples(images, numbers % 10, numbers, numbers), tmp_path_factory.mktemp("pool"))


def test_reading_ahead(benchmark, pool, monkeypatch):
    training = Training(iterations=1000, batch=32, augment="crop_flip", mixup=0.5, cutmix=1.0, clip=1.0)
    learner = NetworkLearner(network("test_vit", 10), 10, training, 0)

    def seconds(readers):
        monkeypatch.setattr(loading, "workers", lambda *_: readers)
        start, cpu = time.perf_counter(), time.process_time()
        learner.fit(pool, 0, STEPS)
        return time.perf_counter() - start, time.process_time() - cpu

    seconds(1)  # warm
    pairs = [(seconds(0), seconds(1)) for _ in range(ROUNDS)]
    for i, name in enumerate(("wall", "cpu")):
        alone, ahead = (min(took[which][i] for took in pairs) for which in (0, 1))
        rates = {f"{name}_alone": STEPS / alone, f"{name}_ahead": STEPS / ahead, f"{name}_ratio": alone / ahead}
        benchmark.extra_info.update(rates)
        print(f"\niterations/s: {', '.join(f'{key} {value:.2f}' for key, value in rates.items())}")
    benchmark.pedantic(lambda: None)
