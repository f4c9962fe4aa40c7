"""Sampling: an image depends on its seed and its guide only; entropy rises with omega; costs are counted."""

from itertools import pairwise

import pytest
import torch
from support.errors import complains
from support.runs import pool_of, run_of, tiny
from torch.utils.flop_counter import FlopCounterMode

from empirical.config import new_learner, world_of
from empirical.data.images import quantise
from empirical.diffusion import sampler as sampler_module
from empirical.diffusion.cost import Cost
from empirical.diffusion.guidance import EntropyGuide, RandomGuide, Unguided, make_guide
from empirical.diffusion.plain_samples import PlainSamples
from empirical.diffusion.sampler import Sampler, ddim, image_seed, noise
from empirical.learning.entropy import entropy
from empirical.settings.sections import Acquire, Sampling
from empirical.system.errors import InputError
from empirical.worlds import LinearWorld


def with_learner(run):
    """Make the sampler of a run, with the logits of an untrained learner and the key of its network."""
    sampler, learner = Sampler(world_of(run), run.sampling), new_learner(run, "cpu")
    if run.world.name == "linear":
        learner.w = noise([3], world_of(run).shape)[0].double() / 4
    sampler.logits, sampler.network = learner.logits, run.network
    return sampler


@pytest.fixture(scope="module")
def linear():
    return with_learner(tiny("linear", **{"world.dimension": 24, "sampling.batch": 8, "sampling.guidance_scale": 0.5}))


@pytest.fixture(scope="module")
def digits():
    return with_learner(tiny("digits"))


@pytest.fixture(scope="module")
def vit():
    return with_learner(tiny("digits", **{"learner.kind": "vit"}))


@pytest.fixture(scope="module")
def sampler(request, linear, digits, vit):
    return {"linear": linear, "digits": digits, "vit": vit}[request.param]


def guide_of(sampler, kind, omega=0.05):
    """Make a guide of each kind, with an untrained learner of the world; kinds share counts of operations."""
    if kind == "plain":
        return Unguided()
    if kind == "random":
        return RandomGuide(omega)
    return EntropyGuide(sampler.logits, omega, kind, arithmetic=(kind, sampler.network))


both_worlds = pytest.mark.parametrize("sampler", ["linear", "digits"], indirect=True)
every_guide = pytest.mark.parametrize("kind", ["plain", "random", "x0", "denoiser"])


@pytest.mark.parametrize("sampler", ["linear", "digits", "vit"], indirect=True)
@every_guide
def test_an_image_is_the_same_however_it_is_asked_for(sampler, kind):
    """Images 0-20 in one call; one by one; from an offset; labels and seeds too, bit for bit."""
    whole = sampler.draw(5, 0, 21, guide_of(sampler, kind))[0]
    pieces = [(3, 1), (8, 8), (5, 11), (20, 1), (0, 2)]
    for first, count in pieces:
        piece = sampler.draw(5, first, count, guide_of(sampler, kind))[0]
        expected = whole.part(first, first + count)
        for name in ("images", "labels", "seeds", "indices"):
            assert torch.equal(getattr(piece, name), getattr(expected, name)), (name, first, count)
    assert len({image.numpy().tobytes() for image in whole.images}) == 21


@both_worlds
def test_omega_zero_is_plain_sampling_bit_for_bit(sampler):
    plain = sampler.draw(5, 3, 10)[0]
    for direction in ("entropy", "random"):
        still = sampler.draw(5, 3, 10, make_guide(lambda x: x, Acquire(omega=0.0, direction=direction)))[0]
        assert torch.equal(still.images, plain.images)
    for kind in ("x0", "denoiser", "random"):  # even the formulas of the guides, at omega = 0
        assert torch.equal(sampler.draw(5, 3, 10, guide_of(sampler, kind, 0.0))[0].images, plain.images)
        assert not torch.equal(sampler.draw(5, 3, 10, guide_of(sampler, kind, 0.05))[0].images, plain.images)


@pytest.mark.parametrize("sampler", ["linear", "digits", "vit"], indirect=True)
def test_plain_samples_are_the_sampler_s_images_first_and_from_disk(sampler, tmp_path):
    """Images and a learner's logits of them are equal bit for bit."""
    expected, spent = sampler.draw(2, 3, 18)
    with torch.no_grad():
        logits = sampler.logits(expected.images)
    for _ in range(2):
        samples, cost = PlainSamples(sampler, tmp_path).draw(2, 3, 18)
        assert all(torch.equal(a, b) for a, b in zip(samples[:4], expected[:4], strict=True))
        assert samples.images.stride() == expected.images.stride()
        with torch.no_grad():
            assert torch.equal(sampler.logits(samples.images), logits)
        assert {k: v for k, v in vars(cost).items() if not k.endswith("_s")} == pytest.approx(
            {k: v for k, v in vars(spent).items() if not k.endswith("_s")})  # fmt: skip
        assert cost.sampling_cpu_s > 0
    assert len(list(tmp_path.rglob("block_*"))) == 3  # of eight images each: 0-7, 8-15, 16-23


def test_plain_samples_pass_guided_draws_on_and_store_none(linear, tmp_path):
    expected = linear.draw(2, 3, 9, guide_of(linear, "x0"))[0]
    assert torch.equal(PlainSamples(linear, tmp_path).draw(2, 3, 9, guide_of(linear, "x0"))[0].images, expected.images)
    assert not list(tmp_path.rglob("block_*"))


def test_plain_samples_of_other_settings_or_seeds_do_not_share_files(tmp_path):
    runs = [tiny("linear"), tiny("linear", **{"sampling.steps": 9}), tiny("linear", **{"world.dimension": 17})]
    sources = [PlainSamples(Sampler(world_of(run), run.sampling), tmp_path) for run in runs]
    assert len({source.directory for source in sources}) == 3
    assert not torch.equal(sources[0].draw(0, 0, 4)[0].images, sources[0].draw(1, 0, 4)[0].images)


def test_a_damaged_block_of_plain_samples_is_refused(linear, tmp_path):
    PlainSamples(linear, tmp_path).draw(0, 0, 8)
    (block,) = tmp_path.rglob("block_*")
    block.write_bytes(block.read_bytes()[:-1])
    with complains(block):
        PlainSamples(linear, tmp_path).draw(0, 0, 8)


@pytest.mark.parametrize("sampler", ["digits"], indirect=True)
@every_guide
def test_images_are_drawn_on_the_levels_that_are_stored(sampler, kind):
    images = sampler.draw(1, 0, 9, guide_of(sampler, kind))[0].images
    assert torch.equal(quantise(images), images)


def test_classes_take_turns_and_seeds_are_distinct(digits):
    samples = digits.draw(0, 7, 40)[0]
    assert samples.indices.tolist() == list(range(7, 47))
    assert samples.labels.tolist() == [i % 10 for i in range(7, 47)]
    assert samples.seeds.tolist() == [image_seed(0, i % 10, i // 10) for i in range(7, 47)]
    many = {
        image_seed(run, label, index) & 0xFFFFFFFF for run in range(3) for label in range(10) for index in range(300)
    }
    assert len(many) >= 9000 - 2  # torch uses 32 bits: .009 collisions expected


def test_noise_is_standard_normal_and_each_row_from_its_own_seed():
    x = noise(list(range(400)), (100,))
    assert abs(x.mean()) < 4 / 200  # 4 standard errors
    assert abs(x.var() - 1) < 4 * (2 / 40_000) ** 0.5
    assert torch.equal(noise([7], (100,))[0], x[7])


@both_worlds
def test_plain_and_guided_images_start_from_the_same_noise(sampler):
    plain = sampler.draw(5, 0, 8)[0].images.flatten(1)
    barely = sampler.draw(5, 0, 8, guide_of(sampler, "x0", 1e-5))[0].images.flatten(1)
    assert 0 < (plain - barely).norm(dim=1).max() < 0.05 * plain.norm(dim=1).min()


@both_worlds
@every_guide
def test_a_guided_sample_ignores_its_neighbours_through_the_whole_process(sampler, kind):
    """Image 2 in batches whose other seven images differ."""
    seeds, labels = [11, 12, 13, 14, 15, 16, 17, 18], torch.tensor([0, 1] * 4)

    def image_two(others):
        mixed = [seed if i == 2 else seed + others for i, seed in enumerate(seeds)]
        predict = guide_of(sampler, kind)(sampler.denoiser, sampler.scheduler, mixed)
        with torch.no_grad():
            return ddim(predict, sampler.scheduler, noise(mixed, sampler.generator.shape), labels)[2]

    assert torch.equal(image_two(0), image_two(1000))


def test_cost_counts(digits):
    for kind, guided in (("plain", 0), ("random", 11 * 4), ("x0", 11 * 4), ("denoiser", 11 * 4)):
        cost = digits.draw(0, 0, 11, guide_of(digits, kind))[1]
        assert (cost.images, cost.denoiser_calls, cost.guided_steps, cost.skipped_steps) == (11, 11 * 4 * 2, guided, 0)
        assert cost.sampling_cpu_s > 0
    plain, x0, whole = (digits.gflop_per_image(guide_of(digits, kind)) for kind in ("plain", "x0", "denoiser"))
    assert plain < x0 < 1.1 * plain
    assert 1.9 * plain < whole < 2.2 * plain  # a backward pass to the inputs costs as much as the forward pass


def test_steps_without_a_gradient_are_plain_and_counted(digits):
    flat = EntropyGuide(lambda x: 0 * x.flatten(1)[:, :10], 0.05, "x0")
    samples, cost = digits.draw(0, 0, 11, flat)
    assert torch.equal(samples.images, digits.draw(0, 0, 11)[0].images)
    assert cost.skipped_steps == 11 * 4  # the five rows that fill up the second batch are not counted
    assert digits.draw(0, 0, 3, flat)[1].skipped_steps == 3 * 4


def test_operations_are_counted_once_for_equal_generators_settings_modes_and_networks(monkeypatch):
    """Two runs share a count only if all that decides it is equal; a shared count is what a new count gives."""
    counts = []

    class Counter(FlopCounterMode):
        def __enter__(self):
            counts.append(self)
            return super().__enter__()

    monkeypatch.setattr(sampler_module, "FlopCounterMode", Counter)
    monkeypatch.setattr(sampler_module, "_GFLOP", {})

    def gflop(known=True, acquire=None, **changes):
        """Return the operations of a guided image of a run, and how many pieces were counted for them."""
        run, before = tiny("digits", **changes), len(counts)
        network = run.network if known else None
        guide = make_guide(new_learner(run, "cpu").logits, acquire or Acquire(omega=0.05), network=network)
        return Sampler(world_of(run), run.sampling).gflop_per_image(guide), len(counts) - before

    first = gflop()
    assert first[1] == 2  # a guided step, and the last latents to images
    assert gflop(seed=1) == (first[0], 0)
    for learner in ("cnn", "vit"):
        value, pieces = gflop(known=False, **{"learner.kind": learner})
        assert pieces == 1  # a guide of an unknown network shares no count
        assert gflop(**{"learner.kind": learner}) == (value, {"cnn": 0, "vit": 1}[learner])
    assert gflop(acquire=Acquire(omega=0.05, through="denoiser"))[1] == 1
    assert gflop(acquire=Acquire(omega=0.05, chunk=3)) == (first[0], 0)  # the same operations, fewer at once
    assert gflop(**{"training.bf16": True})[1] == 1
    for name, value in (("sampling.batch", 4), ("sampling.guidance_scale", 0.0), ("sampling.steps", 5)):
        assert gflop(**{name: value})[1] == 2
    assert gflop() == (first[0], 0)


def test_costs_add_up():
    total = Cost(images=1, learner_steps=5)
    total.add(Cost(images=2, sampling_cpu_s=0.5))
    assert (total.images, total.learner_steps, total.sampling_cpu_s) == (3, 5, 0.5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Fit the learner of each world on its own plain images, with real settings and a short training."""

    def fit(world):
        run = run_of(world, **{"training.iterations": 150} if world == "digits" else {})
        sampler, learner = Sampler(world_of(run), run.sampling), new_learner(run, "cpu")
        learner.fit(pool_of(sampler.draw(0, 0, 256)[0], tmp_path_factory.mktemp(world)), 0, run.training.iterations)
        return run, sampler, learner

    return {world: fit(world) for world in ("linear", "digits")}


@pytest.mark.parametrize("through", ["x0", "denoiser"])
@pytest.mark.parametrize(("world", "omegas"), [("linear", (0.0, 0.0003, 0.001, 0.003)), ("digits", (0.0, 0.02, 0.05))])
def test_the_entropy_of_finished_samples_rises_with_omega(trained, world, omegas, through):
    """Each rise is above four standard errors of the paired difference, with the shipped digits generator."""
    run, sampler, learner = trained[world]
    values = []
    for omega in omegas:
        guide = make_guide(learner.logits, Acquire(omega=omega, through=through))
        images = sampler.draw(1, 0, run.sampling.batch, guide)[0].images
        with torch.no_grad():
            values.append(entropy(learner.logits(images)))
    for low, high in pairwise(values):
        rise = high - low
        assert rise.mean() > 4 * rise.std() / len(rise) ** 0.5


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_random_steps_of_the_same_length_raise_entropy_less(trained, world):
    run, sampler, learner = trained[world]
    means = []
    for direction in ("random", "entropy"):
        guide = make_guide(learner.logits, Acquire(omega=run.acquire.omega, direction=direction))
        with torch.no_grad():
            means.append(entropy(learner.logits(sampler.draw(1, 0, run.sampling.batch, guide)[0].images)).mean())
    assert means[1] > means[0] + 0.05


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_guided_samples_stay_at_the_scale_of_the_data(trained, world):
    """At the recipe's own omega no step is so large that samples leave the region of plain ones."""
    run, sampler, learner = trained[world]
    norms = [sampler.draw(1, 0, run.sampling.batch, guide)[0].images.flatten(1).norm(dim=1)
             for guide in (None, make_guide(learner.logits, run.acquire))]  # fmt: skip
    assert norms[1].max() < 1.5 * norms[0].max()


@pytest.mark.parametrize("steps", [300, 400, 600])
def test_steps_that_would_start_from_too_little_noise_are_refused(steps):
    with pytest.raises(InputError, match=rf"sampling.steps: got {steps}; allowed .* not \d+: divisors of 1000"):
        Sampler(LinearWorld(), Sampling(steps=steps))


@pytest.mark.parametrize("steps", [1, 4, 7, 15, 40, 100, 200, 500, 1000])
def test_steps_from_near_pure_noise_are_taken(steps):
    Sampler(LinearWorld(), Sampling(steps=steps))
