"""CPU time of guided latent diffusion, in every mode, on random networks in about the proportions of the real ones.

Shows: images per second, and what guidance at every step costs over plain classifier-free sampling, measured in turns
in one run, beside the same ratio in counted operations. Required: at most 1.10 through x0 with the linear map. UNet,
decoders and learner have operations in proportions like those of Stable Diffusion 1.5, its VAE, an AutoencoderTiny and
a ViT-B/16 (docs/guidance_cost.md), but the VAE a fourth of them; the images mean nothing.
Command: pytest tests/benchmarks/test_bench_latent.py --benchmark-only
"""

import time

import pytest

from empirical.diffusion.guidance import make_guide
from empirical.diffusion.sampler import Sampler
from empirical.learning.networks import vit
from empirical.scale.throughput import rates
from empirical.settings.sections import DECODE, THROUGH, Acquire, Sampling
from empirical.worlds.random_imagenet import RandomImageNet100

STEPS, BATCH, SECONDS, LIMIT = 4, 2, 6.0, 1.10


class Proportioned(RandomImageNet100):
    """Latents of 16 x 16, images of 32 x 32; 4.5 GFLOP a plain step."""

    configs = {  # noqa: RUF012
        "unet": {
            "sample_size": 16,
            "cross_attention_dim": 64,
            "block_out_channels": (96, 192),
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        },
        "vae": {
            "block_out_channels": (64, 128),
            "down_block_types": ("DownEncoderBlock2D",) * 2,
            "up_block_types": ("UpDecoderBlock2D",) * 2,
            "layers_per_block": 2,
            "sample_size": 32,
        },
        "": {
            "encoder_block_out_channels": (32, 32),
            "decoder_block_out_channels": (32, 32),
            "num_encoder_blocks": (1, 3),
            "num_decoder_blocks": (3, 1),
        },
    }


def classifier(classes):
    """A ViT of 0.05 GFLOP an image."""
    return vit(3, 32, classes, patch=4, width=128, depth=2, heads=4).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def measured():
    """By mode: images per CPU second, and operations of an image."""
    world = Proportioned(size=32)
    learner, sampler = classifier(world.classes), Sampler(world, Sampling(steps=STEPS, guidance_scale=3.0, batch=BATCH))
    wanted = [Acquire(), *(Acquire(omega=0.05, through=t, decode=d) for t in THROUGH for d in DECODE)]
    guides = [make_guide(learner, acquire, world.preview(acquire.decode, "cpu")) for acquire in wanted]
    works = {guide.mode: lambda guide=guide: sampler.draw(0, 0, BATCH, guide) for guide in guides}
    speeds = rates(works, BATCH, SECONDS, time.process_time)
    return works, speeds, {guide.mode: sampler.gflop_per_image(guide) for guide in guides}


@pytest.mark.parametrize("kind", ["plain", *(t if d == "full" else f"{t}/{d}" for t in THROUGH for d in DECODE)])
def test_images_per_second(benchmark, measured, kind):
    """Medians of at least three repeats."""
    works, speeds, gflop = measured
    ratio = speeds["plain"].median / speeds[kind].median
    benchmark.extra_info.update(images_per_cpu_s=speeds[kind].median, guided_over_plain=ratio,
                                operations_over_plain=gflop[kind] / gflop["plain"])  # fmt: skip
    benchmark.pedantic(works[kind], rounds=1)
    if kind == "x0/linear":
        assert ratio <= LIMIT
