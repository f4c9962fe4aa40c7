"""timm's classifiers as learners: any image size, normalised inside; random crops and flips."""

import numpy as np
import pytest
import timm
import torch
from support.errors import complains
from torch import nn
from torchvision.transforms import v2

from empirical.learning import crops
from empirical.learning.crops import boxes, cropped
from empirical.learning.networks import TimmNetwork, check_name, network


@pytest.fixture(scope="module")
def small():
    """Build a ViT for 32 x 32 pixels with fixed initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return network("test_vit", 5, 32).eval()


def images_of(count, channels, size, seed=0):
    return 2 * torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed)) - 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 32, 48])
def test_a_network_takes_images_of_any_size_and_is_differentiable_in_them(small, channels, size):
    images = images_of(3, channels, size).requires_grad_()
    logits = small(images)
    assert logits.shape == (3, 5)
    logits[1].sum().backward()
    lengths = images.grad.flatten(1).norm(dim=1)
    assert lengths[1] > 0
    assert lengths[[0, 2]].max() == 0


def test_images_of_the_right_size_are_only_normalised(small):
    images = images_of(2, 3, 32)
    assert torch.equal(small(images), small.model(((images + 1) / 2 - 0.5) / 0.5))
    grey = images[:, :1]
    assert torch.equal(small(grey), small(grey.repeat(1, 3, 1, 1)))


def test_every_model_gets_its_own_size_and_normalisation():
    model = network("test_efficientnet", 4)
    mean, std = timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD
    assert model.size == (160, 160)
    seen = TimmNetwork(nn.Identity(), (8, 8), model.mean.flatten().tolist(), model.std.flatten().tolist())
    colour = torch.tensor(mean).view(1, 3, 1, 1) + torch.tensor(std).view(1, 3, 1, 1)
    assert torch.allclose(seen((2 * colour - 1).expand(1, 3, 20, 20)), torch.ones(1, 3, 8, 8), atol=1e-5)
    assert network("test_resnet", 4, 64).eval()(images_of(1, 3, 64)).shape == (1, 4)  # takes images of any size


def test_shrinking_averages_and_never_leaves_the_range():
    """Stripes one pixel wide become nearly grey; without averaging they would stay black and white."""
    seen = TimmNetwork(nn.Identity(), (8, 8), (0.5,) * 3, (0.5,) * 3)
    stripes = (torch.arange(24) % 2 * 2 - 1).float().expand(1, 1, 24, 24)
    assert seen(stripes)[..., 1:-1].abs().max() < 0.2
    assert seen(images_of(4, 3, 11, seed=1)).abs().max() <= 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [("vit_base_patch16_244", "vit_base_patch16_224"), ("vit_base_patch16_224.mine", "without the tag 'mine'"),
     ("hf-hub:timm/resnet50.a1_in1k", "models"), ("local-dir:/tmp", "models"), ("", "models")],
)  # fmt: skip
def test_unknown_names_are_refused_with_the_nearest(name, hint):
    with complains("learner.kind") as refused:
        network(name, 10)
    assert hint in str(refused.value)


def test_names_may_have_the_tag_of_weights():
    check_name("vit_base_patch16_224.augreg_in21k")


def crop_flip(images, places, seed, step, size):
    return cropped(images, boxes(images, places, seed, step), size)


def test_a_crop_follows_from_seed_iteration_and_place_alone():
    images, torch_state = images_of(6, 3, 20), torch.get_rng_state()
    whole = crop_flip(images, range(6), 5, 7, (12, 12))
    assert whole.shape == (6, 3, 12, 12)
    assert whole.abs().max() <= 1
    halves = [crop_flip(images[rank::2], range(rank, 6, 2), 5, 7, (12, 12)) for rank in range(2)]
    assert torch.equal(torch.stack(halves, dim=1).flatten(0, 1), whole)
    for seed, step in ((6, 7), (5, 8)):
        assert not torch.equal(crop_flip(images, range(6), seed, step, (12, 12)), whole)
    same = crop_flip(images[:1].expand(4, -1, -1, -1), range(4), 5, 7, (12, 12))
    assert len({tuple(image.flatten().tolist()) for image in same}) == 4
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_crops_are_parts_of_the_image_and_half_of_them_mirrored():
    """Crop a ramp that is brighter to the right unless mirrored; the wider the crop, the larger its range."""
    ramp = torch.linspace(-1, 1, 16).expand(400, 1, 16, 16)
    cut = crop_flip(ramp, range(400), 0, 0, (8, 8))
    rise = (cut[:, 0, :, -1] - cut[:, 0, :, 0]).mean(1)
    assert 160 <= int((rise < 0).sum()) <= 240  # 4 standard deviations
    assert rise.abs().min() < 0.6
    assert rise.abs().max() > 1.5


def test_crops_are_torchvision_s_own_bit_for_bit():
    images = images_of(6, 3, 20)
    vary = v2.Compose([v2.RandomResizedCrop((12, 12), antialias=True), v2.RandomHorizontalFlip()])
    own = crop_flip(images, range(6), 5, 7, (12, 12))
    with torch.random.fork_rng(devices=[]):
        for place, image in enumerate(images):
            torch.manual_seed(int(np.random.SeedSequence((5, 7, place + 1)).generate_state(1)[0]))
            assert torch.equal(vary(image), own[place])


@pytest.mark.parametrize(("old", "new"), [((20, 20), (12, 12)), ((16, 24), (32, 20)), ((256, 256), (224, 224))])
def test_crops_as_matrix_products_are_those_of_torchvision_to_rounding(old, new):
    """A GPU crops by products; images in [-1, 1] agree to 1e-6, a hundredth of a level of 8 bits being 8e-5."""
    images = torch.rand(24, 3, *old, generator=torch.Generator().manual_seed(0)) * 2 - 1
    drawn = boxes(images, range(24), 0, 0)
    assert 0 < drawn[:, 4].sum() < 24
    assert (crops._products(images, drawn, new) - cropped(images, drawn, new)).abs().max() <= 1e-6
