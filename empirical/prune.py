"""Oversample-then-prune: keep the samples about which the learner is least certain (paper, Sec. 5.3)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from empirical.sampler import Samples


def hardest(blocks: Iterable[tuple[Samples, Tensor]], keep: int) -> tuple[Samples, Tensor]:
    """The `keep` samples of highest entropy among (samples, entropy (n,)) blocks, in their order of generation.

    Blocks are met one at a time, so memory is that of `keep` rows and one block. Ties keep the earlier sample.
    """
    kept: tuple[Samples, Tensor] | None = None
    for samples, entropy in blocks:
        if kept is not None:
            samples = Samples(*(torch.cat(pair) for pair in zip(kept[0], samples, strict=True)))
            entropy = torch.cat([kept[1], entropy])
        rows = torch.sort(entropy, descending=True, stable=True).indices[:keep].sort().values
        kept = Samples(*(column[rows] for column in samples)), entropy[rows]
    assert kept is not None, "no blocks"
    return kept
