"""The glyphs world: 64 characters of matplotlib's own fonts as 32 x 32 grey images, distorted and noisy, without end.

Each split has its own fonts: the generator never sees the shapes that learners are tested on, among them a whole family
of fonts (STIX). Every glyph is drawn once at 64 x 64; an image is that drawing rotated, sheared, scaled, shifted and
blurred, on a background and with noise, all random by the image's own seed (split, data_seed, index).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from empirical.data.images import quantise
from empirical.data.split import Split
from empirical.generators.unet_training import Batches
from empirical.learning.networks import NETWORKS_32
from empirical.system.errors import require, require_non_negative, require_positive
from empirical.worlds.trained import NetworkFactory, PixelWorld

# No two characters are alike up to case, scale or blur: no c/C, o/O/0, 1/I/l, 5/S, r/Γ, ...
CHARACTERS = "2346789ABCDEFGHJKLMNOPRSTUVWXYZabdefmnrtΔΛΞΠΣΦΨΩδλξБДЖИЦШЮЯ&@#%?"
SPLITS = {"corpus": 0, "validation": 1, "test_fonts": 2}  # numbers in the seeds of their images
SIZE, DRAWN, FILLED = 32, 64, 44  # pixels of an image, a drawing, the longer side of its glyph


@dataclass(frozen=True, kw_only=True)
class GlyphsWorld(PixelWorld):
    """corpus, validation, test_fonts: fonts of the splits, as file names without .ttf, no font twice.

    corpus_images, validation_images, test_images: numbers of images in the splits. The generator trains on an endless
    stream of corpus images; `corpus_images` is the number of those that `corpus_split` returns.
    """

    name: ClassVar[str] = "glyphs"
    classes: ClassVar[int] = len(CHARACTERS)
    shape: ClassVar[tuple[int, ...]] = (1, SIZE, SIZE)
    networks: ClassVar[Mapping[str, NetworkFactory]] = NETWORKS_32

    corpus: tuple[str, ...] = (
        "DejaVuSans",
        "DejaVuSans-Bold",
        "DejaVuSans-Oblique",
        "DejaVuSans-BoldOblique",
        "DejaVuSerif",
        "DejaVuSerif-Bold",
        "DejaVuSerif-Italic",
        "DejaVuSerif-BoldItalic",
    )
    validation: tuple[str, ...] = ("DejaVuSansMono", "DejaVuSansMono-BoldOblique", "STIXGeneralItalic")
    test_fonts: tuple[str, ...] = (
        "DejaVuSansMono-Bold",
        "DejaVuSansMono-Oblique",
        "STIXGeneral",
        "STIXGeneralBol",
        "STIXGeneralBolIta",
    )
    corpus_images: int = 8192
    validation_images: int = 640
    test_images: int = 2560
    data_seed: int = 0

    def __post_init__(self) -> None:
        taken: set[str] = set()
        for name in SPLITS:
            fonts, where = getattr(self, name), f"world (glyphs).{name}"
            require(
                isinstance(fonts, list | tuple) and bool(fonts) and all(isinstance(font, str) for font in fonts),
                where,
                fonts,
                "a list of at least one font",
            )
            object.__setattr__(self, name, tuple(fonts))  # TOML has lists only
            for font in fonts:
                require(font in usable_fonts(), where, font, f"one of {', '.join(usable_fonts())}")
                require(font not in taken, where, font, "fonts of no other split, each once", "choose others")
                taken.add(font)
        require_positive(
            "world (glyphs)",
            corpus_images=self.corpus_images,
            validation_images=self.validation_images,
            test_images=self.test_images,
        )
        require_non_negative("world (glyphs)", data_seed=self.data_seed)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(CHARACTERS)

    def images(self, split: str, indices: Sequence[int]) -> Split:
        """Make images by their numbers in the endless sequence of a split, in which the classes take turns."""
        fonts: tuple[str, ...] = getattr(self, split)
        chance = [Chance.draw((SPLITS[split], self.data_seed, index), len(fonts)) for index in indices]
        labels = torch.tensor([index % self.classes for index in indices])
        return Split(distorted(drawings(fonts), labels, chance), labels)

    def corpus_split(self) -> Split:
        """Return the first `corpus_images` real images that the generator has learned from."""
        return _first(self, "corpus", self.corpus_images)

    def material(self) -> Batches:
        """Return batches of images of the corpus's fonts for the generator; no image comes twice."""
        return lambda step, size: self.images("corpus", range(step * size, (step + 1) * size))

    def validation_split(self, seed: int) -> Split:  # noqa: ARG002
        """Return the real images that the patience rule watches."""
        return _first(self, "validation", self.validation_images)

    def test_split(self) -> Split:
        """Return the real images of the test fonts that finished learners are tested on."""
        return _first(self, "test_fonts", self.test_images)


@lru_cache(maxsize=8)
def _first(world: GlyphsWorld, split: str, count: int) -> Split:
    """Make the first images of a split, once per process."""
    return world.images(split, range(count))


@lru_cache(maxsize=1)
def usable_fonts() -> dict[str, Path]:
    """Find matplotlib's fonts that have all the characters; return their paths by name."""
    from matplotlib import get_data_path  # imported late, as in `drawings`: other worlds do not need matplotlib
    from matplotlib.ft2font import FT2Font

    codes = {ord(character) for character in CHARACTERS}
    folder = Path(get_data_path(), "fonts", "ttf")
    files = sorted(path for path in folder.glob("*.ttf") if not path.name.startswith("LastResort"))  # it draws boxes
    return {path.stem: path for path in files if codes <= set(FT2Font(str(path)).get_charmap())}


@lru_cache(maxsize=4)
def drawings(fonts: tuple[str, ...]) -> Tensor:
    """Draw each character of each font, centred: ink in [0, 1], sharp and blurred, (fonts, classes, 2, 64, 64)."""
    from matplotlib.ft2font import FT2Font
    from PIL import Image

    drawn = np.zeros((len(fonts), len(CHARACTERS), DRAWN, DRAWN), np.float32)
    for rows, name in zip(drawn, fonts, strict=True):
        font = FT2Font(str(usable_fonts()[name]))
        font.set_size(4 * FILLED, 72)  # larger than a drawing, into which it is then scaled down
        for canvas, character in zip(rows, CHARACTERS, strict=True):
            font.set_text(character)
            font.draw_glyphs_to_bitmap(antialiased=True)
            ink = np.asarray(font.get_image())
            ink = ink[np.ix_(np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0)))]
            height, width = (max(1, round(side * FILLED / max(ink.shape))) for side in ink.shape)
            small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BOX))
            top, left = (DRAWN - height) // 2, (DRAWN - width) // 2
            canvas[top : top + height, left : left + width] = small / 255
    sharp = torch.from_numpy(drawn).flatten(0, 1).unsqueeze(1)
    both = torch.cat([_gaussian(sharp, 0.8), _gaussian(sharp, 3.0)], dim=1)  # .8: no aliasing at half the resolution
    return both.view(len(fonts), len(CHARACTERS), 2, DRAWN, DRAWN)


def _gaussian(images: Tensor, sigma: float) -> Tensor:
    """Blur images (n, 1, H, W) with a Gaussian of `sigma` pixels."""
    reach = round(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    along = torch.nn.functional.conv2d(images, kernel, padding=(0, reach))
    return torch.nn.functional.conv2d(along, kernel.transpose(2, 3), padding=(reach, 0))


@dataclass(frozen=True)
class Chance:
    """The random numbers of one image."""

    font: int
    uniform: np.ndarray[Any, np.dtype[np.float32]]  # (9,) in [0, 1)
    noise: np.ndarray[Any, np.dtype[np.float32]]  # (32, 32), standard normal

    @classmethod
    def draw(cls, seed: tuple[int, ...], fonts: int) -> Chance:
        """Draw the random numbers of the image with this seed; `fonts` is the number of fonts in its split."""
        source = np.random.default_rng(seed)
        uniform = source.random(10, dtype=np.float32)
        noise = source.standard_normal((SIZE, SIZE), dtype=np.float32)
        return cls(min(int(uniform[9] * fonts), fonts - 1), uniform[:9], noise)


def distorted(drawn: Tensor, labels: Tensor, chance: Sequence[Chance]) -> Tensor:
    """Make images (B, 1, 32, 32) in [-1, 1] from drawings (see `drawings`), labels (B,) and random numbers."""
    u = torch.from_numpy(np.stack([c.uniform for c in chance])).T  # (9, B)
    fonts = torch.tensor([c.font for c in chance])
    angle = (2 * u[0] - 1) * 0.2  # radians: 11 degrees either way
    shear = (2 * u[1] - 1) * 0.2
    width, height = (0.8 * (1.25 / 0.8) ** v for v in (u[2], u[3]))  # scale of the drawing, relative to the image
    shift_x, shift_y = ((2 * v - 1) * 0.08 for v in (u[4], u[5]))  # in units of half an image
    cos, sin = angle.cos(), angle.sin()
    # grid_sample asks for each pixel's place in the drawing: scale^-1 shear^-1 rotation^-1 (place - shift)
    a, b = (cos + shear * sin) / width, (sin - shear * cos) / width
    c, d = -sin / height, cos / height
    rows = [a, b, -(a * shift_x + b * shift_y), c, d, -(c * shift_x + d * shift_y)]
    places = affine_grid(torch.stack(rows, 1).view(-1, 2, 3), [len(labels), 1, SIZE, SIZE], align_corners=False)
    sharp, soft = grid_sample(drawn[fonts, labels], places, align_corners=False).unbind(1)  # (B, 32, 32) each
    blur, ink, background = (v.view(-1, 1, 1) for v in (u[6], 0.55 + 0.45 * u[7], 0.35 * u[8]))
    light = background + (ink - background) * ((1 - blur) * sharp + blur * soft)
    noise = torch.from_numpy(np.stack([c.noise for c in chance]))
    return quantise(2 * light - 1 + 0.05 * noise).unsqueeze(1)
