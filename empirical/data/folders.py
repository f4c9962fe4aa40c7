"""Labelled images in folders, one folder per class: listed and checked at once, decoded when a batch takes them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from empirical.data.split import Split
from empirical.system.errors import InputError, require

READERS = 16  # threads, at most; Pillow reads, decodes and resizes outside Python's lock
NAMED = 10  # names, at most, in one error message
ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}  # end-of-image marker; empty last chunk with its checksum
BLOCK = 256  # files that one thread checks at a time
TAIL = 1024  # last bytes of a file that are searched for its end marker: some writers append a few bytes


@dataclass(frozen=True, eq=False)
class FolderSplit:
    """Hold the `paths` of n images and their `labels` (n,); `take` decodes them.

    Decoded images are `size` pixels square, in [-1, 1], on the 256 levels that a pool stores.
    """

    paths: Sequence[str]
    labels: Tensor
    size: int

    def take(self, rows: Tensor) -> Split:
        """Decode some rows: the largest centred square of each image, resized with antialiasing, in RGB."""
        levels = np.empty((len(rows), self.size, self.size, 3), np.uint8)

        def fill(place: int, row: int) -> None:
            levels[place] = _levels(self.paths[row], self.size)

        with _threads() as pool:
            list(pool.map(fill, range(len(rows)), rows.tolist()))
        images = torch.from_numpy(levels).permute(0, 3, 1, 2).contiguous()
        return Split(images.float() / 127.5 - 1, self.labels[rows])


def open_folder(where: str, folder: Path, classes: Mapping[str, int], size: int) -> FolderSplit:
    """List the images of the `classes` (name of a class's folder to its label), in order of label and file name.

    Folders of other names are ignored. Every file counts as an image except hidden ones; `inspect` checks them.
    """
    names = folder_names(where, folder)
    missing = [name for name in classes if name not in names]
    allowed = f"a folder for each of the {len(classes)} classes"
    do = "complete the data, or correct the path"
    require(not missing, where, f"{folder} without {len(missing)}: {some(missing)}", allowed, do)
    paths: list[str] = []
    labels: list[int] = []
    for name, label in sorted(classes.items(), key=lambda entry: entry[1]):
        with os.scandir(folder / name) as entries:
            files = sorted(e.path for e in entries if not e.name.startswith(".") and not e.is_dir())
        require(bool(files), where, f"no images in {folder / name}", "at least one image of each class", do)
        paths += files
        labels += [label] * len(files)
    return FolderSplit(tuple(paths), torch.tensor(labels), size)


def folder_names(where: str, folder: Path) -> set[str]:
    """Return the names of the folders in a folder, without hidden ones."""
    require(folder.is_dir(), where, str(folder), "an existing folder with one folder of images per class")
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")}


def inspect(where: str, paths: Sequence[str]) -> None:
    """Refuse images whose header cannot be read or whose end is missing; the error counts them and names ten."""
    blocks = [paths[low : low + BLOCK] for low in range(0, len(paths), BLOCK)]
    with _threads() as pool:
        flaws = chain(*pool.map(lambda block: [_flaw(path) for path in block], blocks))
    flawed = [f"{path} ({flaw})" for path, flaw in zip(paths, flaws, strict=True) if flaw]
    if flawed:
        got = f"{len(flawed)} of {len(paths)} images unreadable or truncated: {some(flawed)}"
        raise InputError(where, got, "whole image files", "copy them again, or delete them")


def some(names: Sequence[str]) -> str:
    """List the first ten names for an error message."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _flaw(path: str) -> str:
    """Describe the damage of an image file; "" if there is none."""
    try:
        with open(path, "rb") as file, Image.open(file) as image:
            end = ENDS.get(image.format or "", b"")
            file.seek(-min(TAIL, os.fstat(file.fileno()).st_size), os.SEEK_END)
            return "" if end in file.read() else f"truncated {image.format}"
    except UnidentifiedImageError:
        return "no image"
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises SyntaxError for a damaged PNG
        return str(error)


def _levels(path: str, size: int) -> np.ndarray:
    """Decode one image to levels (size, size, 3), uint8."""
    try:
        with Image.open(path) as image:
            return np.array(ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BILINEAR))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(path, str(error), "a whole image file", "copy it again, or delete it") from None


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(READERS, os.cpu_count() or 1))
