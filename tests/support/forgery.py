"""Change stored files and renew their digests."""

import json

import torch

from empirical.config import world_of
from empirical.pool.parquet import Rows, write
from empirical.review.remake import open_pool
from empirical.system.files import write_signed


def forge(folder, run, number, change):
    """Rewrite the rows of a round as `change(rows)`, with correct names and digests."""
    round_ = open_pool(run, folder).rounds[number]
    payloads = round_.payloads(torch.arange(len(round_)))
    rows = change(Rows(payloads, round_.labels, round_.seeds, round_.indices, round_.entropy))
    path = write(folder / "pool", world_of(run).shape, number, round_.omega, round_.step, rows, round_.cost)
    for old in round_.files:
        old.unlink()
    record = folder / "pool" / f"round_{number:04d}.json"
    values = json.loads(record.read_text())
    del values["sha256"]
    write_signed(record, {**values, "files": [path.name]})


def rewrite(path, **changes):
    """Change entries of a JSON file, named as in `cost__images`, by functions of the old value; renew its digest.

    The old value of a missing entry is None.
    """
    values = json.loads(path.read_text())
    signed = values.pop("sha256", None)
    for dotted, change in changes.items():
        *place, last = dotted.split("__")
        target = values
        for key in place:
            target = target[int(key) if isinstance(target, list) else key]
        target[last] = change(target.get(last))
    if signed:
        write_signed(path, values)
    else:
        path.write_text(json.dumps(values))


def flip(path, place=-20):
    """Flip one bit of a byte of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def only(folder, pattern):
    """Return the first file of a folder that matches a pattern."""
    return next(iter(sorted(folder.glob(pattern))))
