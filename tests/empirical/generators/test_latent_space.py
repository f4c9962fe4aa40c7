"""Maps between latents and images: the VAE, an AutoencoderTiny, and the fitted linear map."""

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from empirical.generators.latent_space import LatentSpace, fit_linear
from empirical.system.errors import InputError

CHANNELS, SIZE = 3, 4


@pytest.fixture(scope="module")
def space():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vae = AutoencoderKL(
            latent_channels=CHANNELS,
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=4,
            scaling_factor=0.5,
            shift_factor=0.25,
        )
        stages = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
        blocks = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
        return LatentSpace(vae, AutoencoderTiny(latent_channels=CHANNELS, **stages, **blocks))


def normal(count, seed=1):
    return torch.randn(count, CHANNELS, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def test_decoding_and_encoding_are_those_of_the_vae_on_its_own_scale(space):
    latents = normal(2)
    images = space.decode(latents)
    assert space.factor == 2
    assert images.shape == (2, 3, 8, 8)
    assert torch.equal(images, space.vae.decode(latents / 0.5 + 0.25).sample)
    assert torch.equal(space.encode(images), 0.5 * (space.vae.encode(images).latent_dist.mean - 0.25))
    assert torch.equal(space.preview("full", examples=None)(latents), images)


def test_the_tiny_decoder_sees_the_scaled_latents_and_answers_around_zero(space):
    """TAESD was trained so: its decoder maps to [0, 1], which diffusers shifts to [-1, 1]."""
    latents = normal(2)
    seen = space.preview("tiny", examples=None)(latents)
    assert seen.shape == (2, 3, 8, 8)
    inner = space.tiny.decoder.layers(3 * torch.tanh(latents / 3))
    assert torch.allclose(seen, 2 * inner - 1, atol=1e-6)


@pytest.mark.parametrize("factor", [1, 2])
def test_a_decoder_that_is_affine_in_nine_positions_is_found_exactly(factor):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        conv = torch.nn.Conv2d(CHANNELS, 2 * factor**2, 3, padding=1, padding_mode="replicate")
    truth = torch.nn.Sequential(conv, torch.nn.PixelShuffle(factor)).requires_grad_(False)
    fitted = fit_linear(truth, normal(20), factor)  # 20 latents take several passes of the decoder
    assert torch.allclose(fitted[0].weight, conv.weight, atol=1e-5)
    assert torch.allclose(fitted(normal(3, seed=5)), truth(normal(3, seed=5)), atol=1e-5)


def test_the_linear_map_is_the_best_one_for_the_decoder(space):
    """Its residuals have mean zero and are orthogonal to every latent position around them."""
    latents = normal(30)
    asked = []

    def examples():
        asked.append(True)
        return latents

    shown = space.preview("linear", examples)
    residual = shown(latents) - space.decode(latents)
    spread = space.decode(latents).std()
    assert residual.std() < 0.95 * spread  # a decoder of random weights is partly linear
    per_pixel = torch.nn.functional.pixel_unshuffle(residual, 2)
    assert per_pixel.mean(dim=(0, 2, 3)).abs().max() < 1e-5 * spread
    correlation = torch.einsum("bphw,bchw->pc", per_pixel, latents) / len(latents)
    assert correlation.abs().max() < 1e-4 * spread
    space.preview("full", examples)
    assert asked == [True]


@pytest.mark.parametrize("decode", ["full", "tiny", "linear"])
def test_gradients_reach_the_latents_and_nothing_else(space, decode):
    latents = normal(2).requires_grad_()
    shown = space.preview(decode, lambda: normal(8))(latents)
    shown.square().sum().backward()
    assert latents.grad.isfinite().all()
    assert latents.grad.abs().sum() > 0
    assert all(weight.grad is None for module in (space.vae, space.tiny) for weight in module.parameters())


def test_a_space_in_half_precision_keeps_latents_and_gradients_in_float32(space):
    half = LatentSpace(
        AutoencoderKL.from_config(space.vae.config).bfloat16(),
        AutoencoderTiny.from_config(space.tiny.config).bfloat16(),
    )
    half.vae.load_state_dict(space.vae.state_dict())
    latents = normal(2).requires_grad_()
    for decode in ("full", "tiny", "linear"):
        shown = half.preview(decode, lambda: normal(8))(latents)
        (gradient,) = torch.autograd.grad(shown.sum(), latents)
        assert shown.dtype == gradient.dtype == torch.float32
        assert gradient.isfinite().all()
    assert half.encode(shown.detach()).dtype == torch.float32
    assert (half.decode(latents) - space.decode(latents)).abs().max() < 0.1 * space.decode(latents).abs().max()


def test_a_way_to_decode_that_is_not_there_is_refused(space):
    with pytest.raises(InputError, match=r"acquire.decode: got 'half'; allowed 'full', 'linear' or 'tiny'"):
        space.preview("half", examples=None)
    with pytest.raises(InputError, match="'tiny' needs an AutoencoderTiny"):
        LatentSpace(space.vae).preview("tiny", examples=None)


def test_too_few_examples_for_the_linear_map_are_refused(space):
    with pytest.raises(InputError, match=r"16 latent positions.*at least 28"):
        fit_linear(space.decode, normal(1), space.factor)
