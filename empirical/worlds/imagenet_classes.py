"""The classes of ImageNet-1k, ImageNet-100, ImageNet-R and -A, as WordNet ids; most lists are part of timm."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from timm.data import ImageNetInfo

from empirical.data.folders import folder_names, some
from empirical.system.errors import require


def _synsets(file: str) -> tuple[str, ...]:
    """Read one of timm's class lists."""
    return tuple((files("timm.data") / "_info" / file).read_text().split())


IMAGENET_1K = _synsets("imagenet_synsets.txt")  # sorted: a label is also the name of a folder of ImageNet-V2
IMAGENET_R = frozenset(_synsets("imagenet_r_synsets.txt"))
IMAGENET_A = frozenset(_synsets("imagenet_a_synsets.txt"))

# The list of Tian et al. (2020), sorted, as torchvision's ImageFolder would: a label is a place in it.
_LIST_100 = """
n01558993 n01692333 n01729322 n01735189 n01749939 n01773797 n01820546 n01855672 n01978455 n01980166
n01983481 n02009229 n02018207 n02085620 n02086240 n02086910 n02087046 n02089867 n02089973 n02090622
n02091831 n02093428 n02099849 n02100583 n02104029 n02105505 n02106550 n02107142 n02108089 n02109047
n02113799 n02113978 n02114855 n02116738 n02119022 n02123045 n02138441 n02172182 n02231487 n02259212
n02326432 n02396427 n02483362 n02488291 n02701002 n02788148 n02804414 n02859443 n02869837 n02877765
n02974003 n03017168 n03032252 n03062245 n03085013 n03259280 n03379051 n03424325 n03492542 n03494278
n03530642 n03584829 n03594734 n03637318 n03642806 n03764736 n03775546 n03777754 n03785016 n03787032
n03794056 n03837869 n03891251 n03903868 n03930630 n03947888 n04026417 n04067472 n04099969 n04111531
n04127249 n04136333 n04229816 n04238763 n04336792 n04418357 n04429376 n04435653 n04485082 n04493381
n04517823 n04589890 n04592741 n07714571 n07715103 n07753275 n07831146 n07836838 n13037406 n13040303
"""
IMAGENET_100 = tuple(_LIST_100.split())


@lru_cache(maxsize=4)
def names(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of classes: the first of WordNet's words for each.

    Two pairs share a name: "crane" is a bird and a machine, "maillot" tights and a bathing suit. The paper's prompts
    are these names unchanged.

    >>> names(("n01440764", "n02012849"))
    ('tench', 'crane')
    """
    info = ImageNetInfo("imagenet-1k")
    return tuple(info.label_name_to_description(id_).split(",")[0] for id_ in ids)


def labelled(where: str, folder: Path, ids: Sequence[str], known: frozenset[str]) -> dict[str, int]:
    """Return the labels of a set's folders, by folder name: label i is class ids[i].

    known: the classes of ImageNet's 1,000 that the set has. Folders are named by ids, or all by places among the sorted
    1,000, as in ImageNet-V2; InputError where there are others.
    """
    present = folder_names(where, folder)
    places = 2 * sum(name.isdecimal() for name in present) > len(present)
    folder_of = {id_: str(place) if places else id_ for place, id_ in enumerate(IMAGENET_1K) if id_ in known}
    others = sorted(present - set(folder_of.values()))
    got = f"{folder} with {len(others)} others: {some(others)}"
    allowed = f"folders named by {len(known)} WordNet ids of ImageNet, or places 0...999 among its sorted ids"
    require(not others, where, got, allowed, "name the set's own folder, or remove the others")
    return {folder_of[id_]: label for label, id_ in enumerate(ids) if id_ in known}
