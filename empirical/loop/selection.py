"""Keep the best of many candidates that come in blocks: oversample-then-prune (paper, Sec. 5.3), outlier filter."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from empirical.pool.parquet import Rows
from empirical.system.ranks import ALONE, Ranks


def largest(blocks: Iterable[tuple[Rows, Tensor]], keep: int, ranks: Ranks = ALONE) -> Rows | None:
    """Keep the `keep` rows of largest key in the (rows, key (n,)) blocks of all processes; return this process's share.

    Rows are returned in order of index; None if this process has none of them. Memory is that of `keep` encoded rows
    and one block, for any number of blocks. Of equal keys the lower index is kept.
    """
    kept: tuple[Rows, Tensor] | None = None
    for rows, key in blocks:
        if kept is not None:
            rows, key = Rows.joined([kept[0], rows]), torch.cat([kept[1], key])
        chosen = _first(key, rows.indices, keep)
        kept = rows.take(chosen), key[chosen]
    own, key = kept if kept else (None, torch.empty(0))
    indices = own.indices if own else torch.empty(0, dtype=torch.long)
    of_all = ranks.gather(indices)
    best = of_all[_first(ranks.gather(key), of_all, keep)]
    mine = torch.isin(indices, best).nonzero().squeeze(1)
    return own.take(mine) if own and len(mine) else None


def _first(key: Tensor, indices: Tensor, keep: int) -> Tensor:
    """Return the positions of the `keep` largest keys, in order of index."""
    by_index = indices.argsort()
    best = torch.sort(key[by_index], descending=True, stable=True).indices[:keep]
    return by_index[best.sort().values]
