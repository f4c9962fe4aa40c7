"""Algorithm 1: what happens in which order, and how its special cases relate."""

import pytest
import torch

from empirical import evaluate
from empirical.entropy import entropy
from empirical.pool import Pool
from empirical.practice import Progress, practice
from empirical.sampler import Sampler
from empirical.schedule import cooldown_start, patience


def events_of(run, folder):
    """The events of a run, its pool and its learner."""
    learner, pool, split = run.world.learner(run, "cpu"), Pool(folder / "pool"), run.world.validation_split(run.seed)
    sampler = Sampler(run.world, run.sampling)
    events = list(practice(run, learner, pool, sampler, lambda model: evaluate.accuracy(model, split), Progress()))
    return events, pool, learner


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_events_follow_algorithm_1(tiny, tmp_path, world):
    """Replayed from the accuracies alone: additions come after patience without a new best, none in the cool-down."""
    run = tiny(world, **{"growth.additions": 99})
    events, pool, _ = events_of(run, tmp_path)
    growth, training = run.growth, run.training
    expected, size, best, waited, step, seen = ["started"], growth.initial, -1.0, 0, 0, iter(events[1:])
    while True:
        if waited >= patience(growth, size) and step < cooldown_start(training):
            expected += ["due", "added"]
            assert next(seen).values == {"addition": (size - growth.initial) // growth.addition + 1}
            added = next(seen).values
            size, waited = size + growth.addition, 0
            assert (added["step"], added["pool"], added["added"]) == (step, size, growth.addition)
        if step == training.iterations:
            break
        expected.append("evaluated")
        values = next(seen).values
        step = min(step + growth.evaluate_every, training.iterations)
        assert (values["step"], values["pool"]) == (step, size)
        best, waited = (
            (values["accuracy_validation"], 0) if values["accuracy_validation"] > best else (best, waited + 1)
        )
    assert [event.kind for event in events] == expected
    assert len(pool) == size > growth.initial + growth.addition
    assert {entry["step"] for entry in pool.summary()[1:]} <= set(range(cooldown_start(training)))


def test_the_number_of_additions_is_a_limit(tiny, tmp_path):
    events, pool, _ = events_of(tiny("linear", **{"growth.additions": 2}), tmp_path)
    assert [event.kind for event in events].count("added") == 2
    assert len(pool) == 24 + 2 * 16


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_static_training_adds_nothing(tiny, tmp_path, world):
    events, pool, _ = events_of(tiny(world, **{"growth.additions": 0}), tmp_path)
    assert {event.kind for event in events} == {"started", "evaluated"}
    assert len(pool.shards) == 1
    assert events[-1].values["step"] == tiny(world).training.iterations


def test_an_uneven_last_stretch_is_trained_too(tiny, tmp_path):
    run = tiny("digits", **{"training.iterations": 11, "growth.evaluate_every": 4, "growth.additions": 0})
    assert [e.values["step"] for e in events_of(run, tmp_path)[0][1:]] == [4, 8, 11]


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_without_guidance_a_grown_pool_is_the_static_pool_of_its_size(tiny, tmp_path, world):
    grown = events_of(tiny(world, **{"acquire.omega": 0.0}), tmp_path / "grown")[1]
    assert len(grown.shards) > 1
    static = events_of(tiny(world, **{"growth.initial": len(grown), "growth.additions": 0}), tmp_path / "static")[1]
    assert torch.equal(grown.active.images, static.active.images)
    assert torch.equal(grown.active.labels, static.active.labels)


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_guided_rows_differ_from_the_plain_ones_that_share_their_seeds(tiny, tmp_path, world):
    guided = events_of(tiny(world), tmp_path / "guided")[1]
    plain = events_of(tiny(world, **{"acquire.omega": 0.0}), tmp_path / "plain")[1]
    n = tiny(world).growth.initial
    assert torch.equal(guided.active.images[:n], plain.active.images[:n])
    assert torch.equal(guided.shards[1].samples.seeds, plain.shards[1].samples.seeds)
    assert not torch.equal(guided.shards[1].samples.images, plain.shards[1].samples.images)
    assert [s.omega for s in guided.shards[:2]] == [0.0, tiny(world).acquire.omega]


@pytest.mark.parametrize(("world", "at"), [("linear", 4), ("digits", 8)])
@pytest.mark.parametrize("replace", [False, True])
def test_oversampling_keeps_the_most_uncertain_of_what_it_makes(tiny, tmp_path, world, at, replace):
    """Against all candidates drawn and ranked at once by the learner of that moment."""
    ratio = 5
    run = tiny(world, **{"acquire.omega": 0.0, "growth.additions": 1, "growth.add_at": at, "acquire.ratio": ratio,
                         "acquire.replace": replace})  # fmt: skip
    pool = events_of(run, tmp_path)[1]
    learner = run.world.learner(run, "cpu")
    learner.fit(Pool(tmp_path / "pool", rounds=1), 0, at)
    n, p = run.growth.initial, run.growth.addition
    candidates = Sampler(run.world, run.sampling).draw(run.seed, n, ratio * p)[0]
    kept = pool.shards[1]
    assert (len(kept.entropy), kept.cost.images, kept.step, pool.generated) == (p, ratio * p, at, n + ratio * p)
    assert len(pool) == (p if replace else n + p)
    rows = [int((candidates.seeds == seed).nonzero()) for seed in kept.samples.seeds]
    assert rows == sorted(rows)
    assert torch.equal(kept.samples.images, candidates.images[rows])
    with torch.no_grad():
        scores = torch.cat([entropy(learner.logits(block)) for block in candidates.images.split(p)])
    assert rows == torch.argsort(scores, descending=True, stable=True)[:p].sort().values.tolist()
    assert torch.equal(kept.entropy, scores[rows])


def test_guidance_raises_the_entropy_of_additions(tiny, tmp_path):
    entropies = [events_of(tiny("digits", **{"acquire.omega": omega}), tmp_path / str(omega))[1].summary()[1]["entropy"]
                 for omega in (0.0, 0.05)]  # fmt: skip
    assert entropies[1] > entropies[0]
