"""Test the CIFAR-10 world on a small folder of the real format, and its messages where there is none."""

import hashlib
import pickle

import numpy as np
import pytest
import torch
from support.errors import complains
from support.runs import run_of, settings_of
from torchvision.datasets import CIFAR10

from empirical.config import from_dict, world_of
from empirical.data.images import decode, encode
from empirical.generators.unet_training import GeneratorTraining
from empirical.review import generator_check as quality
from empirical.runs.execute import execute
from empirical.settings.recipes import Recipe
from empirical.settings.values import merged
from empirical.worlds import Cifar10World
from empirical.worlds.trained import UNTRAINED

ROWS = {"corpus": (0, 30), "validation": (30, 50), "test_rows": (2, 10)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Write 50 training and 10 test images in the real format, and give torchvision the checksums of these files."""
    source = np.random.default_rng(0)
    base = tmp_path / "cifar" / CIFAR10.base_folder
    base.mkdir(parents=True)

    def write(name, values):
        (base / name).write_bytes(pickle.dumps(values, protocol=2))
        return hashlib.md5((base / name).read_bytes()).hexdigest()

    def batch(first):
        labels = [(first + i) % 10 for i in range(10)]
        return {
            "batch_label": "made by a test",
            "data": source.integers(0, 256, (10, 3072), dtype=np.uint8),
            "labels": labels,
            "filenames": [f"image_{first + i}.png" for i in range(10)],
        }

    names = [name for name, _ in CIFAR10.train_list]
    train = [[name, write(name, batch(3 * number))] for number, name in enumerate(names)]
    monkeypatch.setattr(CIFAR10, "train_list", train)
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", write("test_batch", batch(0))]])
    meta = {"num_cases_per_batch": 10, "label_names": list("abcdefghij"), "num_vis": 3072}
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": write("batches.meta", meta)})
    monkeypatch.setattr(CIFAR10, "url", "http://nowhere.invalid/")  # nothing is to be fetched
    return tmp_path / "cifar"


def stored(folder, name):
    """Read images (n, 3, 32, 32) and labels of a batch file."""
    values = pickle.loads((folder / CIFAR10.base_folder / name).read_bytes())
    return torch.tensor(values["data"]).view(-1, 3, 32, 32), values["labels"]


def test_images_are_the_stored_ones_in_order_and_range(folder):
    world = Cifar10World(data=str(folder), **ROWS)
    rows = world.rows("train", (0, 50))
    for number in range(5):
        images, labels = stored(folder, f"data_batch_{number + 1}")
        part = slice(10 * number, 10 * number + 10)
        assert torch.equal(((rows.images[part] + 1) * 127.5).round().to(torch.uint8), images)
        assert rows.labels[part].tolist() == labels
    assert rows.images.shape == (50, *world.shape)
    assert rows.images.dtype == torch.float32
    assert (rows.images.min(), rows.images.max()) == (-1, 1)
    assert torch.equal(decode(encode(rows.images), world.shape), rows.images)  # on the levels that are stored


def test_the_splits_are_as_configured(folder):
    world = Cifar10World(data=str(folder), **ROWS)
    everything = world.rows("train", (0, 50))
    assert torch.equal(world.corpus_split().images, everything.images[:30])
    assert torch.equal(world.validation_split(3).labels, everything.labels[30:])
    test, labels = stored(folder, "test_batch")

    class Clairvoyant:
        device = torch.device("cpu")

        def logits(self, images):
            """Right for the first five images of the test rows, wrong for the others; on validation it has no say."""
            if len(images) != 8:
                return torch.zeros(len(images), 10)
            equal = (((images + 1) * 127.5).round() == test[2:10]).flatten(1).all(1)
            assert equal.all()
            right = torch.nn.functional.one_hot(torch.tensor(labels[2:10]), 10)
            return torch.where(torch.arange(8).view(-1, 1) < 5, right, -right).float()

        def raw_logits(self, images):
            return -self.logits(images)

    result = world.test(Clairvoyant())
    assert result.correct.tolist() == [True] * 5 + [False] * 3
    assert result.accuracy == 5 / 8
    assert sum(result.sets["test"].hits) == 5
    assert sum(result.sets["test"].raw_hits) == 3
    assert sum(result.sets["validation"].totals) == len(world.validation_split(0).labels)


def test_the_generator_learns_from_the_corpus_half_of_it_mirrored(folder):
    world = Cifar10World(data=str(folder), **ROWS)
    corpus, stream = world.corpus_split(), world.material()
    images, labels = stream(3, 400)
    same = (images.unsqueeze(1) == corpus.images.unsqueeze(0)).flatten(2).all(2)  # (400, 30)
    mirrored = (images.flip(-1).unsqueeze(1) == corpus.images.unsqueeze(0)).flatten(2).all(2)
    assert torch.equal(same.sum(1) + mirrored.sum(1), torch.ones(400, dtype=torch.long))
    assert torch.equal(corpus.labels[(same | mirrored).long().argmax(1)], labels)
    assert 150 < mirrored.sum() < 250
    assert (same | mirrored).any(0).all()
    assert torch.equal(stream(3, 400)[0], images)
    assert not torch.equal(stream(4, 400)[0], images)


def test_a_missing_folder_is_said_with_how_to_get_it(tmp_path):
    world = Cifar10World(data=str(tmp_path / "nowhere"))
    for ask in (world.corpus_split, world.material, lambda: world.validation_split(0)):
        with complains("world (cifar10).data") as caught:
            ask()
        assert "nowhere" in str(caught.value)
        assert "paper_repro.py generator cifar10" in str(caught.value)
        assert "cs.toronto.edu/~kriz/cifar-10-python.tar.gz" in str(caught.value)
    assert not (tmp_path / "nowhere").exists()  # nothing was fetched


def test_a_damaged_file_is_refused_before_it_is_opened(folder):
    path = folder / CIFAR10.base_folder / "data_batch_2"
    path.write_bytes(path.read_bytes() + b"\n")
    with complains("world (cifar10).data"):
        Cifar10World(data=str(folder), **ROWS).corpus_split()


def test_rows_that_are_not_there_are_refused(folder):
    with complains("world (cifar10).data"):
        Cifar10World(data=str(folder), corpus=(0, 30), validation=(30, 51)).validation_split(0)


def test_data_are_fetched_only_on_request(folder, tmp_path, monkeypatch):
    """`prepare` leaves a whole folder alone, fetches a missing one, and reports a failed download."""
    fetched = []
    monkeypatch.setattr(
        "torchvision.datasets.cifar.download_and_extract_archive", lambda url, root, **_: fetched.append((url, root))
    )
    Cifar10World(data=str(folder), **ROWS).prepare()
    assert fetched == []
    with complains("world (cifar10).data"):
        Cifar10World(data=str(tmp_path / "absent")).prepare()  # what was "fetched" is not there
    assert [url for url, _ in fetched] == ["http://nowhere.invalid/"]

    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", offline)
    with complains("world (cifar10).data") as caught:
        Cifar10World(data=str(tmp_path / "absent")).prepare()
    assert "no route to host" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"corpus": (0, 50_001)}, "corpus"),
        ({"corpus": (10, 10)}, "corpus"),
        ({"corpus": (-1, 10)}, "corpus"),
        ({"validation": (44_999, 50_000)}, "validation"),
        ({"test_rows": (0, 10_001)}, "test_rows"),
    ],
)
def test_wrong_rows_are_refused(change, named):
    with complains(f"world (cifar10).{named}"):
        Cifar10World(**change)


def test_without_weights_the_command_that_makes_them_is_named():
    with complains("world (cifar10).weights") as caught:
        run_of("cifar10", **{"world.weights": "nowhere.safetensors"})
    assert "paper_repro.py generator cifar10" in str(caught.value)


def test_from_training_a_generator_to_deliberate_practice(folder, tmp_path):
    """Train and check a tiny generator, then do a run that adds guided photographs."""
    small = {
        "world.data": str(folder), **{f"world.{name}": list(v) for name, v in ROWS.items()}, "learner.kind": "cnn",
        "training.iterations": 8, "training.batch": 8, "sampling.steps": 4, "sampling.batch": 10, "growth.initial": 10,
        "growth.addition": 10, "growth.additions": 1, "growth.evaluate_every": 2, "growth.add_at": 4,
    }  # fmt: skip
    recipe = settings_of("cifar10", **small)
    tiny = GeneratorTraining(base_channels=8, patch=4, iterations=3, batch=4, checked=10)
    record = quality.train_generator(
        quality.plan(Recipe(recipe, {}, {}), "default")[0], tiny, tmp_path / "out", lambda *_: None
    )
    assert record["corpus"] == [0, 30]
    path = str(tmp_path / "out" / "cifar10_generator.safetensors")
    run = from_dict(merged(recipe, {"world.weights": path, "world.data": str(folder)}))
    assert world_of(run).weights_values()["unet"]["channels"] == 3
    result = execute(run, tmp_path / "runs")
    assert result.pool_size == 20
    assert len(result.correct) == 8
    assert world_of(run).weights != UNTRAINED
