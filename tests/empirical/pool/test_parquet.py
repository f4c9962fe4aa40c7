"""The files of a pool: other programs read them, names are digests of contents, and every damage is noticed."""

import io
import os
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from support.errors import complains
from support.runs import folder_of, tiny

from empirical.config import world_of
from empirical.data.images import decode, encode, quantise
from empirical.diffusion.cost import Cost
from empirical.diffusion.plain_samples import PlainSamples
from empirical.diffusion.sampler import Sampler, Samples
from empirical.pool import parquet as shards
from empirical.pool.parquet import Rows, payload, read, write
from empirical.pool.pool import Pool
from empirical.runs.execute import execute
from empirical.system.errors import InputError

COLUMNS = ["label", "seed", "index", "round", "omega", "entropy", "step"]


def rows_of(count, shape, seed=0, values=None):
    """Make random rows of a shape, with `values` different samples among them; return them and their images."""
    source = torch.Generator().manual_seed(seed)
    images = quantise(2 * torch.rand(values or count, *shape, generator=source) - 1)
    images = images[torch.arange(count) % len(images)]
    order = torch.randperm(count, generator=source)
    samples = Samples(images, order % 10, order * 7 + 2**62, order)
    return Rows.of(samples, torch.rand(count, generator=source)), images


@pytest.fixture(scope="module")
def pool_of_a_run(tmp_path_factory):
    """Execute a digits run; return the folder of its pool."""
    run, root = tiny("digits"), tmp_path_factory.mktemp("run")
    execute(run, root)
    return folder_of(run, root) / "pool"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return `datasets.load_dataset` for Parquet files, offline, with its cache in a temporary folder."""
    for name in ("HF_HOME", "HF_DATASETS_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    cache = str(tmp_path / "cache")
    return lambda files: datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)


loads = pytest.mark.filterwarnings(
    "ignore:::datasets", "ignore:::dill", "ignore:::huggingface_hub", "ignore:::fsspec", "ignore:::multiprocess"
)


@loads
def test_hugging_face_datasets_reads_a_run_s_pool(pool_of_a_run, load):
    """`load_dataset` gives the images, labels, seeds, entropies and settings that `Pool` reads."""
    files = sorted(map(str, pool_of_a_run.glob("*.parquet")))
    dataset = load(files)
    assert dataset.column_names == ["image", *COLUMNS]
    pool, run = Pool(pool_of_a_run, world_of(tiny("digits")).shape, 3), tiny("digits")
    expected, start = pool.take(torch.arange(36)), 0
    assert len(dataset) == len(pool) == 36
    for round_ in pool.rounds:
        rows = dataset.filter(lambda row, number=round_.number: row["round"] == number)
        assert len(rows) == len(round_)
        for i, row in enumerate(rows):
            assert isinstance(row["image"], Image.Image)
            levels = ((expected.images[start + i, 0] + 1) * 127.5).round().byte().numpy()
            assert np.array_equal(np.asarray(row["image"]), levels)
            assert row["label"] == expected.labels[start + i] == round_.labels[i]
            assert (row["seed"], row["index"]) == (round_.seeds[i], round_.indices[i])
            assert row["entropy"] == round_.entropy[i].item()
            assert (row["omega"], row["step"]) == (round_.omega, round_.step)
        start += len(round_)
    assert [round_.omega for round_ in pool.rounds] == [0.0, run.acquire.omega, run.acquire.omega]


@loads
def test_hugging_face_datasets_reads_vectors(tmp_path, load):
    rows, vectors = rows_of(9, (5,))
    dataset = load([str(write(tmp_path, (5,), 2, 0.5, 7, rows, Cost()))])
    assert dataset.column_names == ["vector", *COLUMNS]
    assert torch.equal(torch.tensor(dataset["vector"]), vectors)
    assert (dataset["seed"], dataset["round"], dataset["omega"]) == (rows.seeds.tolist(), [2] * 9, [0.5] * 9)


def test_files_are_plain_parquet_of_the_promised_columns(pool_of_a_run):
    for path in pool_of_a_run.glob("*.parquet"):
        file = pq.ParquetFile(path)
        assert file.schema_arrow.names == ["image", *COLUMNS]
        assert {str(file.schema_arrow.field(name).type) for name in ("label", "seed", "index", "step")} == {"int64"}
        for group in range(file.num_row_groups):
            columns = [file.metadata.row_group(group).column(i) for i in range(file.metadata.num_columns)]
            assert {column.compression for column in columns} == {"UNCOMPRESSED"}
            assert not any(column.has_dictionary_page for column in columns)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 5), (5,)])
def test_equal_rows_make_an_equal_file_and_others_another(tmp_path, shape):
    """Seconds in the cost do not change a file; its name tells the round and the digest of its contents."""
    rows, _ = rows_of(20, shape)

    def name(folder, number=3, omega=0.5, step=7, rows=rows, **cost):
        return write(tmp_path / folder, shape, number, omega, step, rows, Cost(images=20, **cost)).name

    first = name("a")
    assert re.fullmatch(r"round_0003-[0-9a-f]{16}\.parquet", first)
    assert name("b", sampling_cpu_s=5.0, learner_cpu_s=1.0) == first
    assert (tmp_path / "a" / first).read_bytes() == (tmp_path / "b" / first).read_bytes()
    swapped = rows.take(torch.tensor([1, 0, *range(2, 20)]))
    others = [name("c", omega=0.25), name("c", step=8), name("c", number=4), name("c", rows=swapped),
              name("c", rows=rows._replace(entropy=rows.entropy + 1e-6)), name("c", denoiser_calls=3)]  # fmt: skip
    assert len({first, *others}) == 7


def by_row(shard, rows, shape):
    """Read samples of a shard one by one, by their place in the file."""
    return decode([payload(shard.path, int(shard.offsets[row]), int(shard.lengths[row])) for row in rows], shape)


def stored(table, shape):
    """Read a shard's samples by pyarrow, independently of `Round`."""
    if len(shape) == 1:
        return torch.tensor(np.array(table["vector"].to_pylist(), dtype=np.float32))
    pictures = [np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in table["image"].to_pylist()]
    levels = torch.from_numpy(np.stack(pictures)).view(-1, *shape[1:], shape[0]).permute(0, 3, 1, 2)
    return levels.float() / 127.5 - 1


@pytest.mark.parametrize(
    ("shape", "count", "values"),
    [((1, 8, 8), 70, None), ((3, 4, 5), 70, None), ((1, 8, 8), 300, 2), ((1, 1, 1), 300, 1), ((2,), 300, 3),
     ((100,), 4096, None), ((128,), 5000, None), ((1, 8, 8), 5000, None)],
)  # fmt: skip
def test_rows_read_one_by_one_are_those_that_pyarrow_reads(tmp_path, shape, count, values):
    """Cases include equal samples, samples whose bytes occur elsewhere in the file, several pages and row groups."""
    rows, images = rows_of(count, shape, values=values)
    path = write(tmp_path, shape, 0, 0.1, 5, rows, Cost(images=count, denoiser_calls=8))
    shard, table = read(path), pq.read_table(path)
    expected = stored(table, shape)
    assert torch.equal(expected, images)
    some = torch.randperm(count, generator=torch.Generator().manual_seed(1))[:200].tolist()
    assert torch.equal(by_row(shard, some, shape), expected[some])
    assert torch.equal(by_row(shard, range(count), shape), expected)
    for name, column in (("label", shard.labels), ("seed", shard.seeds), ("index", shard.indices)):
        assert column.tolist() == table[name].to_pylist()
    assert shard.entropy.tolist() == table["entropy"].to_pylist() == rows.entropy.tolist()
    assert shard.cost == Cost(images=count, denoiser_calls=8)
    assert pq.ParquetFile(path).num_row_groups == -(-count // shards.ROWS)


def test_every_flipped_byte_and_every_cut_of_a_file_is_noticed(tmp_path):
    path = write(tmp_path, (1, 8, 8), 0, 0.1, 5, rows_of(3, (1, 8, 8))[0], Cost())
    whole, unnoticed = path.read_bytes(), []
    message = f"{path}: got 'contents that do not match the digest in the name'; allowed"

    def intact():
        try:
            read(path)
        except InputError as error:
            return not str(error).startswith(message)
        return True

    with path.open("r+b", buffering=0) as file:
        for place in range(len(whole)):
            os.pwrite(file.fileno(), bytes([whole[place] ^ 1]), place)
            unnoticed += [place] * intact()
            os.pwrite(file.fileno(), whole[place : place + 1], place)
        assert intact()
        os.pwrite(file.fileno(), b"\0", len(whole))
        assert not intact()
        for size in range(len(whole) - 1, -1, -1):
            os.truncate(file.fileno(), size)
            unnoticed += [size] * intact()
    assert unnoticed == []
    assert len(whole) > 2000


def test_a_file_under_another_s_name_or_absent_is_refused_with_what_to_do(tmp_path):
    folder = tmp_path / "run" / "pool"
    one, other = (write(folder, (3,), 0, 0.0, 0, rows_of(4, (3,), seed)[0], Cost()) for seed in (0, 1))
    one.replace(other)
    for path in (one, other):
        with complains(path) as caught:
            read(path)
        assert str(caught.value).endswith(f"delete {tmp_path / 'run'} and rerun")


def round_of(folder, shape, rows, files=1):
    """Make a pool of one round of these rows in `files` files; the round is committed, not appended."""
    pool = Pool(folder / "run" / "pool", shape)
    for part in torch.arange(len(rows.payloads)).chunk(files):
        write(pool.directory, shape, 0, 0.0, 0, rows.take(part), Cost())
    pool.commit(0.0, 0, Cost(images=len(rows.payloads)), torch.empty(0, dtype=torch.long))
    return pool


@pytest.mark.parametrize(
    "bad", [b"", b"no picture", encode(torch.zeros(1, 3, 8, 8))[0], encode(torch.zeros(1, 1, 9, 8))[0]]
)
def test_unreadable_samples_are_counted_and_named(tmp_path, monkeypatch, bad):
    """The digests of these files are right: bad samples were written. Rows are numbered by index, as in the round."""
    monkeypatch.setattr("empirical.pool.pool.MEMORY", 0)
    rows, images = rows_of(12, (1, 8, 8))
    at = rows.indices.argsort()
    rows, images = rows.take(at), images[at]
    payloads = [bad if row in (3, 7, 8) else whole for row, whole in enumerate(rows.payloads)]
    pool = round_of(tmp_path, (1, 8, 8), rows._replace(payloads=payloads), files=2)
    pool.append()
    assert torch.equal(pool.take(torch.tensor([0, 11, 4])).images, images[[0, 11, 4]])  # the other samples are readable
    for numbers, message in (([10, 7], "2 of 6 samples that cannot be read (rows 7, 8 of the round)"),
                             ([3], "1 of 6 samples that cannot be read (rows 3 of the round)")):  # fmt: skip
        (path,) = [file for file in pool.rounds[0].files if numbers[-1] in read(file).indices]
        with complains(path) as caught:
            pool.take(torch.tensor(numbers))
        assert message in str(caught.value)
        assert str(caught.value).endswith(f"delete {tmp_path / 'run'} and rerun")


def test_a_pool_with_an_unreadable_sample_is_refused_when_it_is_opened(tmp_path):
    """Pools that fit in memory read all samples at once; others would fail when the sample is taken."""
    rows, _ = rows_of(4, (1, 8, 8))
    pool = round_of(tmp_path, (1, 8, 8), rows._replace(payloads=[*rows.payloads[:3], b"bad"]))
    with complains(next(pool.directory.glob("*.parquet"))):
        pool.append()


@pytest.mark.parametrize("shape", [(3,), (5,), (1, 8, 8)])
def test_vectors_of_another_dimension_are_refused(tmp_path, shape):
    round_of(tmp_path, (6,), rows_of(4, (6,))[0])
    with complains(tmp_path):
        Pool(tmp_path / "run" / "pool", shape, 1)


def test_a_file_that_is_gone_is_said_when_its_rows_are_wanted(tmp_path, monkeypatch):
    monkeypatch.setattr("empirical.pool.pool.MEMORY", 0)
    pool = round_of(tmp_path, (3,), rows_of(4, (3,))[0])
    pool.append()
    (path,) = pool.rounds[0].files
    path.unlink()
    with complains(path):
        pool.take(torch.tensor([0]))


def test_samples_that_are_bytes_already_are_not_encoded_again(tmp_path):
    """Plain samples are encoded for their block; rows made of any part of them have those bytes."""
    run = tiny("digits")
    source = PlainSamples(Sampler(world_of(run), run.sampling), tmp_path)
    for _ in range(2):  # drawn, then read from disk
        samples, _ = source.draw(0, 5, 9)
        assert list(samples.payloads) == encode(samples.images)
        rows = Rows.of(samples._replace(images=torch.zeros(0)), torch.zeros(9))
        assert rows.payloads == list(samples.payloads)
