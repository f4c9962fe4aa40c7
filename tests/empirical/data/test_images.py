"""Samples as bytes: stored samples come back bit for bit; other payloads are refused."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.nn.functional import interpolate

from empirical.data.images import decode, encode, is_image, quantise, resized

LEVELS = torch.arange(256).float() / 127.5 - 1
SHAPES = st.tuples(st.sampled_from([1, 3]), st.integers(1, 9), st.integers(1, 9))


@given(st.integers(1, 4), SHAPES, st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 4.0]))
def test_quantised_images_are_fixed_points_and_the_nearest_levels(count, shape, seed, scale):
    """Bit for bit through encode and decode, grey and colour, square or not; values outside [-1, 1] are clamped."""
    images = scale * torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))
    quantised = quantise(images)
    assert torch.equal(quantise(quantised), quantised)
    assert torch.equal(decode(encode(quantised), shape), quantised)
    distances = (images.clamp(-1, 1).unsqueeze(-1) - LEVELS).abs()  # to all levels
    assert torch.allclose((images.clamp(-1, 1) - quantised).abs(), distances.min(-1).values, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("old", "new"), [((40, 40), (32, 32)), ((16, 24), (28, 21)), ((256, 256), (224, 224))])
def test_resizing_is_torch_s_to_rounding_and_so_is_its_gradient(old, new):
    """Images in [-1, 1] agree to 2e-7, the gradients of a sum of squares to 1e-6 of the largest."""
    images = torch.rand(2, 3, *old, generator=torch.Generator().manual_seed(0)) * 2 - 1
    results, gradients = [], []
    for resize in (resized, lambda x, size: interpolate(x, size, mode="bilinear", antialias=True)):
        x = images.clone().requires_grad_()
        results.append(resize(x, new))
        gradients.append(torch.autograd.grad(results[-1].square().sum(), x)[0])
    assert results[0].shape == (2, 3, *new)
    assert (results[0] - results[1]).abs().max() <= 2e-7
    assert (gradients[0] - gradients[1]).abs().max() <= 1e-6 * gradients[1].abs().max()
    assert resized(images, old) is images
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(resized(images, new), results[0])


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 6), (5,)])
def test_decoded_samples_lie_in_memory_as_drawn_ones_do(shape):
    """Networks round differently on other strides; an image from disk must give a learner the same logits."""
    images = quantise(2 * torch.rand(7, *shape, generator=torch.Generator().manual_seed(0)) - 1)
    assert decode(encode(images), shape).stride() == images.stride()


def test_all_256_levels_are_kept_and_end_at_one():
    for channels in (1, 3):
        images = LEVELS.view(1, 1, 16, 16).repeat(1, channels, 1, 1)
        assert torch.equal(quantise(images), images)
        assert torch.equal(decode(encode(images), images.shape[1:]), images)
    assert (LEVELS[0], LEVELS[-1], len(LEVELS.unique())) == (-1, 1, 256)


def test_stored_images_open_as_ordinary_pictures():
    """The grey level of -1 is 0 and of 1 is 255; rows are rows, and red is the first channel."""
    images = quantise(torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    picture = Image.open(io.BytesIO(encode(images)[0]))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (6, 4))
    expected = ((images[0] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(picture), expected)


@given(st.lists(st.lists(st.floats(width=32), min_size=3, max_size=3), min_size=1, max_size=4))
def test_vectors_come_back_bit_for_bit(rows):
    vectors = torch.tensor(rows)
    assert torch.equal(decode(encode(vectors), (3,)).view(torch.int32), vectors.view(torch.int32))


def test_what_counts_as_an_image():
    assert [is_image(shape) for shape in ((1, 8, 8), (3, 5, 7), (2, 8, 8), (16,), (8, 8))] == [True, True, *[False] * 3]
    assert decode([], (1, 8, 8)).shape == (0, 1, 8, 8)
    assert decode([], (5,)).shape == (0, 5)


def picture(mode, size, kind="PNG"):
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    "payload",
    [picture("RGB", (8, 8)), picture("L", (8, 9)), picture("L", (9, 8)), picture("I;16", (8, 8)), picture("1", (8, 8)),
     picture("P", (8, 8)), picture("LA", (8, 8)), b"", b"hello", picture("L", (8, 8))[:45]],
)  # fmt: skip
def test_payloads_that_are_no_image_of_the_shape_are_refused(payload):
    whole = picture("L", (8, 8))
    assert decode([whole, whole], (1, 8, 8)).shape == (2, 1, 8, 8)
    with pytest.raises((OSError, ValueError)):
        decode([whole, payload], (1, 8, 8))


def test_a_png_with_any_flipped_bit_is_refused_or_the_same_image():
    """No flipped bit gives another image or another kind of error."""
    image = quantise(torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    whole, other_errors = encode(image)[0], {}
    for place in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        try:
            assert torch.equal(decode([bytes(damaged)], (1, 8, 8)), image), place
        except (OSError, ValueError):
            pass
        except Exception as error:  # collected, so that all of them are named
            other_errors[place] = repr(error)
    assert other_errors == {}


@pytest.mark.parametrize("count", [0, 1, 2, 4, 6])
def test_vectors_of_another_length_are_refused(count):
    """Single vectors and longer ones are refused, too; twice the length could pass for two rows."""
    for payloads in ([bytes(4 * count)], [bytes(4 * count)] * 3, [bytes(12), bytes(4 * count)], [bytes(13)]):
        with pytest.raises((OSError, ValueError)):
            decode(payloads, (3,))
