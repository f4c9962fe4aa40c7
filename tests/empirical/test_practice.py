"""Test Algorithm 1: the order of its events, and how its special cases relate."""

import pytest
import torch
from support.runs import practise, tiny

from empirical.config import new_learner, world_of
from empirical.diffusion.sampler import Sampler
from empirical.learning.entropy import entropy
from empirical.learning.rates import cooldown_start
from empirical.loop.patience import patience
from empirical.pool.pool import Pool
from empirical.settings.sections import Acquire


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_events_follow_algorithm_1(tmp_path, world):
    """In a replay of the accuracies additions come after patience without a new best, none in the cool-down."""
    run = tiny(world, **{"growth.additions": 99})
    events, pool, _ = practise(run, tmp_path)
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


def test_the_number_of_additions_is_a_limit(tmp_path):
    events, pool, _ = practise(tiny("linear", **{"growth.additions": 2}), tmp_path)
    assert [event.kind for event in events].count("added") == 2
    assert len(pool) == 24 + 2 * 16


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_static_training_adds_nothing(tmp_path, world):
    events, pool, _ = practise(tiny(world, **{"growth.additions": 0}), tmp_path)
    assert {event.kind for event in events} == {"started", "evaluated"}
    assert len(pool.rounds) == 1
    assert events[-1].values["step"] == tiny(world).training.iterations


def test_an_uneven_last_stretch_is_trained_too(tmp_path):
    run = tiny("digits", **{"training.iterations": 11, "growth.evaluate_every": 4, "growth.additions": 0})
    assert [e.values["step"] for e in practise(run, tmp_path)[0][1:]] == [4, 8, 11]


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_without_guidance_a_grown_pool_is_the_static_pool_of_its_size(tmp_path, world):
    grown = practise(tiny(world, **{"acquire.omega": 0.0}), tmp_path / "grown")[1]
    assert len(grown.rounds) > 1
    static = practise(tiny(world, **{"growth.initial": len(grown), "growth.additions": 0}), tmp_path / "static")[1]
    assert all(torch.equal(a, b) for a, b in zip(grown.everything()[0], static.everything()[0], strict=True))


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_guided_rows_differ_from_the_plain_ones_that_share_their_seeds(tmp_path, world):
    guided = practise(tiny(world), tmp_path / "guided")[1]
    plain = practise(tiny(world, **{"acquire.omega": 0.0}), tmp_path / "plain")[1]
    n = tiny(world).growth.initial
    initial, added = torch.arange(n), torch.arange(n, n + len(guided.rounds[1]))
    assert torch.equal(guided.take(initial).images, plain.take(initial).images)
    assert torch.equal(guided.rounds[1].seeds, plain.rounds[1].seeds)
    assert (guided.take(added).images != plain.take(added).images).flatten(1).any(1).all()
    assert [s.omega for s in guided.rounds[:2]] == [0.0, tiny(world).acquire.omega]


@pytest.mark.parametrize(("world", "at"), [("linear", 4), ("digits", 8)])
@pytest.mark.parametrize("retire", [0.0, 1.0])
def test_oversampling_keeps_the_most_uncertain_of_what_it_makes(tmp_path, world, at, retire):
    """The kept rows are the best of all candidates drawn and ranked at once by the learner of that moment."""
    ratio = 5
    run = tiny(world, **{"acquire.omega": 0.0, "growth.additions": 1, "growth.add_at": at, "acquire.ratio": ratio,
                         "acquire.retire": retire})  # fmt: skip
    pool = practise(run, tmp_path)[1]
    learner = new_learner(run, "cpu")
    learner.fit(Pool(tmp_path / "pool", world_of(run).shape, rounds=1), 0, at)
    n, p = run.growth.initial, run.growth.addition
    drawn = Sampler(world_of(run), run.sampling).draw(run.seed, n, ratio * p)[0]
    kept = pool.rounds[1]
    assert (len(kept), kept.cost.images, kept.step, pool.generated) == (p, ratio * p, at, n + ratio * p)
    assert len(pool) == (p if retire else n + p)
    assert kept.retired.tolist() == (list(range(n)) if retire else [])
    rows = (kept.indices - n).tolist()
    assert rows == sorted(rows)
    assert torch.equal(kept.seeds, drawn.seeds[rows])
    assert torch.equal(kept.labels, drawn.labels[rows])
    assert torch.equal(kept.images(torch.arange(p)), drawn.images[rows])
    with torch.no_grad():
        blocks = drawn.images.split(run.sampling.batch)
        scores = torch.cat([entropy(learner.logits(block)) for block in blocks])
    assert rows == torch.argsort(scores, descending=True, stable=True)[:p].sort().values.tolist()
    assert torch.equal(kept.entropy, scores[rows])


@pytest.mark.parametrize(
    ("acquire", "made"),
    [({}, 100), ({"ratio": 3}, 300), ({"reject": 0.5}, 200), ({"reject": 0.2}, 125), ({"reject": 0.3}, 143),
     ({"reject": 0.9}, 1000), ({"reject": 0.001}, 101)],
)  # fmt: skip
def test_so_many_candidates_are_made_that_the_addition_is_left(acquire, made):
    """The number made is the least n with n (1 - reject) >= 100, also where floats give 100 / .1 = 1000.0000001."""
    assert Acquire(**acquire).candidates(100) == made


def test_guidance_raises_the_entropy_of_additions(tmp_path):
    entropies = [practise(tiny("digits", **{"acquire.omega": omega}), tmp_path / str(omega))[1].summary()[1]["entropy"]
                 for omega in (0.0, 0.05)]  # fmt: skip
    assert entropies[1] > entropies[0]
