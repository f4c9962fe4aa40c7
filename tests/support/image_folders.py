"""Write small folders of images in ImageNet's layout, each image of one colour that encodes its class."""

from pathlib import Path

import torch
from PIL import Image

from empirical.worlds.imagenet_classes import IMAGENET_1K, IMAGENET_100, IMAGENET_A, IMAGENET_R


def colour(label):
    """Return the levels (r, g, b) of a label below 100, far enough apart to survive JPEG."""
    return (10 + 25 * (label // 10), 10 + 25 * (label % 10), 128)


def save(root: Path, ids=IMAGENET_100, each: int = 1, more: int = 0) -> dict[str, str]:
    """Write all sets for these classes, `each` images per class, and return the world's options for them.

    more: classes of ImageNet that folders have besides; their images are black.
    """
    places = {"data/val": ids, "data/train": ids, "v2": ids, "sketch": ids}
    places |= {"r": [i for i in ids if i in IMAGENET_R], "a": [i for i in ids if i in IMAGENET_A]}
    others = [i for i in IMAGENET_1K if i not in ids][:more]
    for place, members in places.items():
        for id_ in [*members, *([] if place in "ra" else others)]:
            folder = root / place / (str(IMAGENET_1K.index(id_)) if place == "v2" else id_)
            folder.mkdir(parents=True)
            shade = colour(ids.index(id_)) if id_ in ids else (0, 0, 0)
            for number in range(each):
                Image.new("RGB", (20, 12), shade).save(folder / f"{number}.JPEG", quality=95)
    return {name: str(root / name) for name in ("data", "v2", "sketch", "r", "a")}


class Sighted:
    """Classify images by their colour, but take `wrong` classes for the next one.

    The raw weights take `raw_wrong` classes for the one before.
    """

    device = torch.device("cpu")

    def __init__(self, classes: int = 100, wrong=(), raw_wrong=()):
        colours = torch.tensor([colour(label) for label in range(classes)]) / 127.5 - 1
        self.colours, self.seen = colours, []
        self.shift, self.raw_shift = torch.zeros(classes, dtype=torch.long), torch.zeros(classes, dtype=torch.long)
        self.shift[list(wrong)], self.raw_shift[list(raw_wrong)] = 1, -1

    def _labels(self, images):
        return torch.cdist(images.mean((2, 3)), self.colours).argmin(1)

    def _logits(self, images, shift):
        labels = self._labels(images)
        answers = (labels + shift[labels]) % len(self.colours)
        distance = (torch.arange(len(self.colours)) - answers.unsqueeze(1)).abs()
        return -distance.float()

    def logits(self, images):
        self.seen.append(len(images))
        return self._logits(images, self.shift)

    def raw_logits(self, images):
        return self._logits(images, self.raw_shift)
