"""CPU time of sampling and training on digits, with the recipe's own settings.

Shows: what guidance costs over plain classifier-free sampling, measured in turns in one run; images and iterations per
second. Required: at most 1.15 through x0, at most 2.1 through the denoiser.
Command: pytest tests/benchmarks/test_bench_empirical.py --benchmark-only
"""

import time

import pytest
from support.runs import pool_of, run_of

from empirical.config import new_learner, world_of
from empirical.diffusion.guidance import make_guide
from empirical.diffusion.sampler import Sampler
from empirical.settings.sections import Acquire

OMEGA, IMAGES, ROUNDS = 0.05, 128, 5


def cpu_seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A sampler, and a learner of each kind after 50 iterations on its images, with their pool."""

    def prepare(kind):
        run = run_of("digits", learner__kind=kind)
        sampler, learner = Sampler(world_of(run), run.sampling), new_learner(run, "cpu")
        pool = pool_of(sampler.draw(0, 0, 512)[0], tmp_path_factory.mktemp(kind))
        learner.fit(pool, 0, 50)
        return sampler, learner, pool

    return {kind: prepare(kind) for kind in ("cnn", "vit")}


@pytest.mark.parametrize(("through", "limit"), [("x0", 1.15), ("denoiser", 2.1)])
@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_guided_over_plain_sampling(benchmark, prepared, kind, through, limit):
    sampler, learner, _ = prepared[kind]

    def draw(omega):
        sampler.draw(0, 0, IMAGES, make_guide(learner.logits, Acquire(omega=omega, through=through)))

    draw(0.0)
    draw(OMEGA)  # both warm
    pairs = [(cpu_seconds(lambda: draw(OMEGA)), cpu_seconds(lambda: draw(0.0))) for _ in range(ROUNDS)]
    guided, plain = (min(times) for times in zip(*pairs, strict=True))  # other work on the machine only adds
    benchmark.extra_info.update(guided_over_plain=guided / plain, plain_images_per_cpu_s=IMAGES / plain,
                                guided_images_per_cpu_s=IMAGES / guided, limit=limit)  # fmt: skip
    benchmark.pedantic(draw, args=(OMEGA,), rounds=ROUNDS)
    if kind == "cnn":  # the default learner of the world
        assert guided <= limit * plain


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_training_iterations(benchmark, prepared, kind):
    _, learner, pool = prepared[kind]
    steps = 100
    seconds = min(cpu_seconds(lambda: learner.fit(pool, 100, 100 + steps)) for _ in range(ROUNDS))
    benchmark.extra_info.update(iterations_per_cpu_s=steps / seconds)
    benchmark.pedantic(learner.fit, args=(pool, 100, 100 + steps), rounds=ROUNDS)


def test_plain_images(benchmark, prepared):
    sampler = prepared["cnn"][0]
    seconds = min(cpu_seconds(lambda: sampler.draw(0, 0, IMAGES)) for _ in range(ROUNDS))
    benchmark.extra_info.update(images_per_cpu_s=IMAGES / seconds)
    benchmark.pedantic(sampler.draw, args=(0, 0, IMAGES), rounds=ROUNDS)
