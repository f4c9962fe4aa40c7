"""Memory and waiting on a GPU: no stops inside loops, no leaks, readers that end, out-of-memory that is explained."""

import multiprocessing
from contextlib import contextmanager

import pytest
import torch
from support.runs import numbered_samples, pool_of, tiny

from empirical.config import world_of
from empirical.data.split import Split
from empirical.diffusion.guidance import EntropyGuide
from empirical.diffusion.sampler import Sampler, ddim, noise
from empirical.learning.batches import Loader
from empirical.pool import pool as pool_module
from empirical.settings.sections import Sampling, Training
from empirical.system.devices import TooLargeError
from empirical.system.ranks import ALONE

SAMPLING = Sampling(steps=10, guidance_scale=3.0, batch=8)


@contextmanager
def no_waiting(device):
    """Make torch raise where the program would wait for a GPU."""
    if device == "cpu":
        yield
        return
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def allocated(device):
    """Return the bytes of tensors on a GPU; 0 on a CPU."""
    return torch.cuda.memory_allocated() if device == "cuda" else 0


def learner_and_data(device, **changes):
    world = world_of(tiny("digits"))
    learner = world.learner("cnn", Training(**{"iterations": 400, "batch": 32, **changes}), 0, device)
    return learner, Split(*(column.to(device) for column in world.corpus_split()))


@pytest.mark.parametrize(
    "changes",
    [{}, {"mixup": 0.5, "cutmix": 1.0, "clip": 1.0, "bf16": True, "chunk": 8}, {"augment": "crop_flip"}],
)
def test_training_waits_for_nothing(device, changes):
    """Test 8: 20 iterations in mini-batches from memory; numbers are read at the end of `fit`, outside the loop."""
    learner, data = learner_and_data(device, **changes)
    learner.fit(data, 0, 2)  # first calls may set things up
    learner.trained.train()
    with no_waiting(device):
        for step, batch in enumerate(learner._loader.batches(data, 2, 22, ALONE), 2):
            learner._iterate(step, *batch)
    assert learner.fit(data, 22, 24) > 0


@pytest.mark.parametrize("through", ["x0", "denoiser", "conditional"])
def test_a_guided_loop_waits_for_nothing(device, through):
    """Test 8, of sampling: a whole guided DDIM loop; the count of skipped steps is read after it."""
    learner, _ = learner_and_data(device)
    sampler, guide = Sampler(world_of(tiny("digits")), SAMPLING, device), EntropyGuide(learner.logits, 0.05, through)
    start, labels = noise(list(range(8)), (1, 8, 8)).to(device), torch.arange(8, device=device)

    def loop():
        with torch.no_grad():
            return ddim(guide(sampler.denoiser, sampler.scheduler, range(8)), sampler.scheduler, start, labels)

    loop()  # first calls may set things up
    with no_waiting(device):
        x = loop()
    assert x.isfinite().all()
    assert guide.skipped == 0


def test_memory_stays_flat(device):
    """Test 10: 20 guided draws and 200 iterations leave no more tensors than the first of them."""
    learner, data = learner_and_data(device)
    sampler, guide = Sampler(world_of(tiny("digits")), SAMPLING, device), EntropyGuide(learner.logits, 0.05, "denoiser")
    after = []
    for number in range(20):
        sampler.draw(0, 8 * number, 8, guide)
        learner.fit(data, 10 * number, 10 * number + 10)
        after.append(allocated(device))
    assert after[-1] == after[1]


@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_batches_from_files_are_those_from_memory(device, augment, tmp_path, monkeypatch):
    """Test 11: levels, read by other processes into pinned memory; none of these is left. The GPU crops."""
    pool = pool_of(numbered_samples(0, 40, (1, 8, 8)), tmp_path)
    training = Training(iterations=7, batch=8, augment=augment)
    kept = list(Loader(training, 3, torch.device("cpu"), None).batches(pool, 0, 7, ALONE))
    monkeypatch.setattr(pool_module, "MEMORY", 0)
    stored = pool_module.Pool(tmp_path / "pool", (1, 8, 8), 1, device)
    assert (pool.in_memory, stored.in_memory) == (True, False)
    read = list(Loader(training, 3, torch.device(device), None).batches(stored, 0, 7, ALONE))
    assert len(read) == len(kept) == 7
    for one, other in zip(read, kept, strict=True):
        assert one[0].device.type == device
        assert (one[0].cpu() - other[0]).abs().max() <= (0 if augment == "none" else 1e-6)
        assert torch.equal(one[1].cpu(), other[1])
    assert not multiprocessing.active_children()


@contextmanager
def little_memory(device, most, monkeypatch):
    """Leave 256 MB of a GPU to this process; on a CPU pretend that batches of more than `most` images do not fit."""
    if device == "cuda":
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**28) / total)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    world = type(world_of(tiny("digits")))
    denoiser = world.denoiser

    def limited(self, place):
        own = denoiser(self, place)

        def estimate(x, t, labels):
            if len(x) > 2 * most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB. GPU 0 has no more.")
            return own(x, t, labels)

        return estimate

    with monkeypatch.context() as patch:
        patch.setattr(world, "denoiser", limited)
        yield


def test_a_batch_that_does_not_fit_is_explained_and_a_smaller_one_works(device, monkeypatch):
    """Test 12: a batch of 2^17 needs gigabytes; after its error a batch of 64 is drawn in the same process."""
    world = world_of(tiny("digits"))
    with little_memory(device, 1024, monkeypatch):
        with pytest.raises(TooLargeError, match=r"sampling: .*lower sampling\.batch.*acquire\.chunk"):
            Sampler(world, Sampling(steps=2, guidance_scale=3.0, batch=2**17), device).draw(0, 0, 1)
        samples, _ = Sampler(world, Sampling(steps=2, guidance_scale=3.0, batch=64), device).draw(0, 0, 64)
    assert samples.images.isfinite().all()
