"""Scores: equal for any chunks, images in memory or in files, one or two processes; counts by class."""

import threading

import pytest
import torch
from support.processes import two

from empirical.data.split import Part, Split
from empirical.learning import evaluate
from empirical.learning.evaluate import accuracy, agreement, chunks, correct, score
from empirical.system.errors import InputError
from empirical.system.ranks import ALONE

CPU, GPU = torch.device("cpu"), torch.device("cuda")  # no tensor is moved to it


class Lazy:
    """A split that records the size of every read, and whether the main thread made it."""

    def __init__(self, split):
        self.split, self.labels, self.taken = split, split.labels, []

    def take(self, rows):
        self.taken.append((len(rows), threading.current_thread() is threading.main_thread()))
        return self.split.take(rows)


class Linear:
    """A learner with logits W x; its raw weights differ."""

    device = CPU

    def __init__(self, classes=5):
        source = torch.Generator().manual_seed(1)
        self.w, self.raw = torch.randn(2, 12, classes, generator=source)

    def logits(self, images):
        return images.flatten(1) @ self.w

    def raw_logits(self, images):
        return images.flatten(1) @ (self.w + 0.5 * self.raw)


@pytest.fixture
def split():
    source = torch.Generator().manual_seed(0)
    return Split(torch.randn(60, 3, 2, 2, generator=source), torch.randint(4, (60,), generator=source))


@pytest.fixture
def sevens(monkeypatch):
    monkeypatch.setattr(evaluate, "VALUES", 12 * 7)


@pytest.mark.usefixtures("sevens")
@pytest.mark.parametrize("device", [CPU, GPU])
def test_chunks_have_all_rows_in_order_and_a_bounded_size(split, device):
    rows, lazy = torch.arange(0, 60, 2), Lazy(split)
    blocks = list(chunks(lazy, rows, device))
    assert [len(numbers) for numbers, _ in blocks] == [7, 7, 7, 7, 2]
    assert torch.equal(torch.cat([numbers for numbers, _ in blocks]), rows)
    for numbers, (images, labels) in blocks:
        assert torch.equal(images, split.images[numbers])
        assert torch.equal(labels, split.labels[numbers])
    assert [size for size, _ in lazy.taken] == [1, 7, 7, 7, 7, 2]
    assert all(by_main for _, by_main in lazy.taken[1:]) == (device == CPU)
    assert list(chunks(lazy, rows[:0], device)) == []


@pytest.mark.usefixtures("sevens")
def test_beside_a_gpu_the_next_chunk_is_read_while_one_is_used_and_no_more(split):
    lazy = Lazy(split)
    reading = chunks(lazy, torch.arange(60), GPU)
    for number in range(1, 4):
        next(reading)
        assert len(lazy.taken) <= 1 + number + 1  # the first row, those given, the next
    reading.close()


def test_what_goes_wrong_while_reading_ahead_is_raised(split):
    class Torn(Lazy):
        def take(self, rows):
            if len(rows) > 1:
                raise InputError("x.jpg", "truncated", "a whole image file", "copy it again")
            return super().take(rows)

    with pytest.raises(InputError, match=r"x\.jpg"):
        list(chunks(Torn(split), torch.arange(60), GPU))


@pytest.mark.usefixtures("sevens")
def test_numbers_depend_neither_on_chunks_nor_on_where_images_are(split):
    learner, guessed = Linear(), (split.images.flatten(1) @ Linear().w).argmax(-1)
    raw = (split.images.flatten(1) @ (Linear().w + 0.5 * Linear().raw)).argmax(-1)
    for images in (split, Lazy(split), Part(Lazy(split), torch.arange(60))):
        assert torch.equal(correct(learner, images), guessed == split.labels)
        assert accuracy(learner, images) == (guessed == split.labels).sum().item() / 60
        assert agreement(learner, images) == (guessed == raw).sum().item() / 60
    assert 0 < (guessed == raw).sum() < 60
    few = torch.tensor([3, 1, 4])
    assert torch.equal(correct(learner, Part(split, few)), (guessed == split.labels)[few])


def test_hits_are_counted_by_class_for_both_models(split):
    result = score(Linear(), {"first": split, "second": Part(split, torch.arange(9))}, 5)
    hits = correct(Linear(), split)
    assert torch.equal(result.correct, hits)
    assert result.accuracy == hits.float().mean().item()
    assert list(result.sets) == ["first", "second"]
    counts = result.sets["first"]
    for label in range(5):
        assert counts.totals[label] == (split.labels == label).sum()
        assert counts.hits[label] == hits[split.labels == label].sum()
    assert counts.totals[4] == counts.hits[4] == 0
    assert sum(counts.raw_hits) / 60 == pytest.approx(_raw_accuracy(split))
    assert counts.raw_hits != counts.hits
    assert sum(result.sets["second"].totals) == 9


def _raw_accuracy(split):
    return (Linear().raw_logits(split.images).argmax(-1) == split.labels).float().mean().item()


def test_a_set_with_classes_of_its_own_is_scored_among_those(split):
    among = torch.tensor([1, 3])
    own = Part(split, torch.isin(split.labels, among).nonzero().squeeze(1))
    narrow, wide = score(Linear(), {"r": own}, 5, among={"r": among}), score(Linear(), {"r": own}, 5)
    logits = Linear().logits(split.images[own.rows])
    right = among[logits[:, among].argmax(-1)] == own.labels
    assert torch.equal(narrow.correct, right)
    assert narrow.accuracy > wide.accuracy
    assert narrow.sets["r"].totals == wide.sets["r"].totals


def test_two_processes_share_the_work_and_both_get_the_result(split, tmp_path):
    among = torch.tensor([0, 1, 2, 3])

    def result(ranks):
        lazy = Lazy(split)
        sets = {"first": lazy, "r": Part(split, torch.arange(7)), "one": Part(split, torch.tensor([5]))}
        return score(Linear(), sets, 5, ranks, {"r": among}), lazy

    def work(ranks, device):  # noqa: ARG001
        shared, lazy = result(ranks)
        assert sum(size for size, _ in lazy.taken) == 1 + 30
        assert torch.equal(shared.correct, alone.correct)
        assert (shared.accuracy, shared.sets) == (alone.accuracy, alone.sets)
        assert agreement(Linear(), split, ranks) == agreement(Linear(), split)
        one = torch.tensor([5])  # one of the processes has nothing to do
        assert accuracy(Linear(), Part(split, one), ranks) == accuracy(Linear(), split.take(one))

    alone, _ = result(ALONE)
    two(work, tmp_path)
