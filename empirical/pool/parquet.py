"""The files of a pool: immutable Parquet, named after a digest of their contents, with samples that are read singly.

Columns: `image` (PNG, with the feature description by which `datasets.load_dataset("parquet", ...)` decodes it) or
`vector`; `label`, `seed`, `index` (in the run's sequence of images), `round`, `omega`, `entropy` (nats, of the learner
when the row was added) and `step` (its iteration then). Files are neither compressed nor dictionary-encoded, so the
bytes of a sample are in the file unchanged and one `pread` reads a row.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from empirical.data.images import encode, is_image
from empirical.diffusion.cost import Cost
from empirical.diffusion.sampler import Samples
from empirical.system.errors import InputError, require
from empirical.system.files import write_bytes

ROWS = 4096  # rows of a full file
KEY = b"deliberate-practice"  # key of the cost of the rows in the file's metadata


class Rows(NamedTuple):
    """Hold rows that will be written to a pool: samples as bytes, with label, seed, index and entropy."""

    payloads: list[bytes]
    labels: Tensor  # (n,) int64, as are seeds and indices
    seeds: Tensor
    indices: Tensor
    entropy: Tensor  # (n,) float32, nats

    @classmethod
    def of(cls, samples: Samples, entropy: Tensor) -> Rows:
        """Encode samples, unless they are already; `entropy` (n,) is the learner's about each."""
        payloads = list(samples.payloads) or encode(samples.images)
        return cls(payloads, samples.labels, samples.seeds, samples.indices, entropy.float())

    @classmethod
    def joined(cls, groups: Sequence[Rows]) -> Rows:
        """Concatenate groups of rows."""
        payloads = [payload for rows in groups for payload in rows.payloads]
        return cls(payloads, *(torch.cat(column) for column in list(zip(*groups, strict=True))[1:]))

    def take(self, rows: Tensor) -> Rows:
        """Select some rows by position."""
        return Rows([self.payloads[row] for row in rows.tolist()], *(column[rows] for column in self[1:]))


@dataclass(frozen=True)
class Shard:
    """Hold an open file: everything but the samples is in memory."""

    path: Path
    labels: Tensor  # (n,), as are the next five
    seeds: Tensor
    indices: Tensor
    entropy: Tensor
    offsets: np.ndarray  # of each sample's first byte in the file
    lengths: np.ndarray  # of each sample in bytes
    cost: Cost  # of the file's rows, without seconds


def payload(path: Path, first: int, size: int) -> bytes:
    """Read one stored sample: `size` bytes of the file from byte `first` on."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.pread(file, size, first)
    finally:
        os.close(file)


def write(
    directory: Path, shape: tuple[int, ...], number: int, omega: float, step: int, rows: Rows, cost: Cost
) -> Path:
    """Write rows of round `number` as one file, atomically; equal rows give an equal file of the same name."""
    count = len(rows.payloads)
    name, samples, feature = _column(shape, rows.payloads)
    columns = {
        name: samples,
        "label": pa.array(rows.labels.numpy()),
        "seed": pa.array(rows.seeds.numpy()),
        "index": pa.array(rows.indices.numpy()),
        "round": pa.array(np.full(count, number, np.int32)),
        "omega": pa.array(np.full(count, omega)),
        "entropy": pa.array(rows.entropy.numpy()),
        "step": pa.array(np.full(count, step, np.int64)),
    }
    table = pa.table(columns)
    features = {name: feature} | {
        field.name: {
            "dtype": {"double": "float64", "float": "float32"}.get(str(field.type), str(field.type)),
            "_type": "Value",
        }
        for field in table.schema
        if field.name != name
    }
    counters = {key: value for key, value in vars(cost).items() if not key.endswith("_s")}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}), KEY: json.dumps({"cost": counters})}
    file = io.BytesIO()
    plain = [key for key in columns if key != name]
    pq.write_table(
        table.replace_schema_metadata(metadata),
        file,
        compression="none",
        use_dictionary=False,
        write_statistics=plain,
        row_group_size=ROWS,
    )
    data = file.getvalue()
    path = directory / f"round_{number:04d}-{_digest(data)}.parquet"
    write_bytes(path, data)
    return path


def read(path: Path) -> Shard:
    """Open a file of `write`. Raises InputError if its contents do not match the digest in its name."""
    do = f"delete {path.parent.parent} and rerun"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(str(path), error.strerror, "a readable file", do) from None
    intact = path.stem.rpartition("-")[2] == _digest(data)
    require(intact, str(path), "contents that do not match the digest in the name", "the file as written", do)
    table = pq.read_table(pa.BufferReader(data))
    values = json.loads(table.schema.metadata[KEY])
    if "image" in table.column_names:
        payloads = table["image"].combine_chunks().field("bytes").to_pylist()
    else:
        vectors = np.asarray(table["vector"].combine_chunks().flatten(), np.float32).reshape(table.num_rows, -1)
        payloads = [vector.tobytes() for vector in vectors]
    offsets, end = np.empty(len(payloads), np.int64), 0
    for row, payload in enumerate(payloads):
        offsets[row] = data.find(payload, end)
        end = offsets[row] + len(payload)

    def column(name: str) -> Tensor:
        return torch.from_numpy(table[name].to_numpy().copy())

    return Shard(
        path=path,
        labels=column("label"),
        seeds=column("seed"),
        indices=column("index"),
        entropy=column("entropy"),
        offsets=offsets,
        lengths=np.array([len(payload) for payload in payloads], np.int32),
        cost=Cost(**values["cost"]),
    )


def _column(shape: tuple[int, ...], payloads: list[bytes]) -> tuple[str, pa.Array, dict[str, Any]]:
    """Return the name and the values of the samples' column, and its feature description for `datasets`."""
    if is_image(shape):
        paths = pa.nulls(len(payloads), pa.string())
        return (
            "image",
            pa.StructArray.from_arrays([pa.array(payloads, pa.binary()), paths], ["bytes", "path"]),
            {"_type": "Image"},
        )
    flat = np.frombuffer(b"".join(payloads), np.float32)
    length = flat.size // len(payloads)
    feature = {"feature": {"dtype": "float32", "_type": "Value"}, "length": length, "_type": "List"}
    return "vector", pa.FixedSizeListArray.from_arrays(pa.array(flat), length), feature


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
