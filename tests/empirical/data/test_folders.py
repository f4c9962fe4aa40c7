"""Labelled images in folders: which files are listed, how they are decoded, which damages are refused at the start."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.errors import complains
from torchvision.transforms import v2

from empirical.data.folders import NAMED, FolderSplit, inspect, open_folder
from empirical.data.images import quantise

CLASSES = {"b": 0, "a": 1}  # labels need not be in the order of names


def picture(path, size, mode="RGB", seed=0):
    """Write a smooth random image; return its path."""
    rows = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rows).resize(size, Image.Resampling.BICUBIC).convert(mode).save(path, quality=95)
    return str(path)


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("a/2.png", "a/1.jpg", "b/0.jpg", "other/0.jpg")):
        picture(tmp_path / name, (30, 20), seed=number)
    (tmp_path / "a" / ".DS_Store").write_text("no image")
    (tmp_path / "README.txt").write_text("about the images")
    return tmp_path


def test_images_come_in_order_of_label_and_name_and_only_those_of_the_classes(folder):
    split = open_folder("place", folder, CLASSES, 8)
    assert [path.removeprefix(f"{folder}/") for path in split.paths] == ["b/0.jpg", "a/1.jpg", "a/2.png"]
    assert split.labels.tolist() == [0, 1, 1]
    one, other = split.take(torch.tensor([2, 0])), split.take(torch.tensor([0]))
    assert one.labels.tolist() == [1, 0]
    assert torch.equal(one.images[1], other.images[0])
    assert not torch.equal(one.images[0], other.images[0])
    assert split.take(torch.empty(0, dtype=torch.long)).images.shape == (0, 3, 8, 8)


@pytest.mark.parametrize("size", [(40, 24), (24, 40), (24, 24), (9, 6)])
def test_images_are_the_centred_square_resized_with_antialiasing(tmp_path, size):
    """Compare with torchvision, which rounds the longer side to a fraction of a pixel."""
    split = FolderSplit([picture(tmp_path / "x.png", size)], torch.zeros(1, dtype=torch.long), 12)
    with Image.open(split.paths[0]) as image:
        oracle = v2.Compose([v2.ToImage(), v2.Resize(12, antialias=True), v2.CenterCrop(12)])(image)
    images = split.take(torch.tensor([0])).images[0]
    levels = (images + 1) * 127.5
    assert images.dtype == torch.float32
    assert torch.equal(quantise(images), images)
    assert (levels - oracle).abs().mean() < 2.5
    assert levels.std() > 20  # the image is not uniform


@pytest.mark.parametrize(("mode", "kind"), [("L", "jpg"), ("CMYK", "jpg"), ("P", "png"), ("RGBA", "png")])
def test_every_mode_becomes_rgb(tmp_path, mode, kind):
    path = picture(tmp_path / f"x.{kind}", (16, 16), mode)
    (images, _) = FolderSplit([path], torch.zeros(1, dtype=torch.long), 16).take(torch.tensor([0]))
    with Image.open(path) as image:
        levels = torch.tensor(np.array(image.convert("RGB"))).permute(2, 0, 1)
    assert torch.equal(((images[0] + 1) * 127.5).round(), levels.float())
    inspect("place", [path])


def test_missing_folders_classes_and_images_are_named(folder):
    with complains("place") as caught:
        open_folder("place", folder / "nowhere", CLASSES, 8)
    assert "nowhere" in str(caught.value)
    many = {f"c{number:02}": number for number in range(12)} | {"a": 12}
    with complains("place") as caught:
        open_folder("place", folder, many, 8)
    assert f"without 12: {', '.join(f'c{n:02}' for n in range(NAMED))}, ..." in str(caught.value)
    assert "13 classes" in str(caught.value)
    (folder / "b" / "0.jpg").rename(folder / "b" / ".hidden.jpg")
    with complains("place") as caught:
        open_folder("place", folder, CLASSES, 8)
    assert f"no images in {folder / 'b'}" in str(caught.value)


def damaged(folder):
    """Write twelve files, each damaged in another way."""
    for number in range(8):
        path = folder / f"cut_{number}.jpg"
        path.write_bytes(path.read_bytes()[: -2 - 40 * number] if picture(path, (64, 64), seed=number) else b"")
    png = folder / "cut.png"
    png.write_bytes(png.read_bytes()[:-8] if picture(png, (64, 64)) else b"")
    (folder / "empty.jpg").touch()
    (folder / "words.jpg").write_text("not an image, though called one")
    (folder / "absent.jpg").symlink_to(folder / "nowhere")
    return sorted(map(str, folder.iterdir()))


def test_damaged_images_are_counted_and_the_first_ten_named_at_once(tmp_path):
    (tmp_path / "bad").mkdir()
    whole = [picture(tmp_path / "whole" / f"{number}.jpg", (30, 30)) for number in range(300)]
    inspect("place", whole)
    bad = damaged(tmp_path / "bad")
    assert len(bad) == 12
    with complains("place") as caught:
        inspect("place", [*whole[:150], *bad, *whole[150:]])
    message = str(caught.value)
    assert "12 of 312 images" in message
    assert [path in message for path in bad] == [True] * 10 + [False] * 2
    assert "cut.png (truncated PNG)" in message
    assert "cut_0.jpg (truncated JPEG)" in message
    assert "absent.jpg ([Errno 2]" in message
    assert not any(path in message for path in whole)


@pytest.mark.parametrize("end", [b"\n", b"\0" * 100])
def test_bytes_after_the_end_are_no_damage(tmp_path, end):
    for kind in ("jpg", "png"):
        path = tmp_path / f"x.{kind}"
        path.write_bytes(Path(picture(path, (30, 30))).read_bytes() + end)
        inspect("place", [str(path)])


def test_a_file_is_what_its_contents_say_not_its_name(tmp_path):
    """ImageNet has a PNG that is called JPEG."""
    path = tmp_path / "x.png"
    picture(path, (30, 30))
    inspect("place", [str(path.rename(tmp_path / "x.JPEG"))])


def test_an_image_damaged_inside_is_named_when_it_is_taken(tmp_path):
    path = tmp_path / "x.png"
    data = bytearray(Path(picture(path, (64, 64))).read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with complains(path):
        FolderSplit([str(path)], torch.zeros(1, dtype=torch.long), 8).take(torch.tensor([0]))
