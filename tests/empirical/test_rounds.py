"""Test rounds: swaps, the outlier filter, and rows made again with the learner that guided them."""

import pytest
import torch
from support.runs import add_round, folder_of, numbered_samples, practise, tiny

from empirical import practice as practice_module
from empirical.config import new_learner, world_of
from empirical.diffusion.guidance import EntropyGuide, Unguided
from empirical.diffusion.sampler import Sampler
from empirical.learning.entropy import entropy
from empirical.loop.judge import REFERENCE, Judge
from empirical.loop.signals import HELD_OUT
from empirical.pool.pool import Pool
from empirical.pool.rounds import Round
from empirical.practice import least_uncertain
from empirical.runs.execute import execute
from empirical.runs.folder import guide_path
from empirical.settings.sections import Acquire
from empirical.system.tensors import load_tensors


@pytest.fixture
def learner_at():
    """Train a learner anew on the first round of a pool, up to the step of the only addition."""

    def make(run, folder, step):
        learner = new_learner(run, "cpu")
        learner.fit(Pool(folder / "pool", world_of(run).shape, 1), 0, step)
        return learner

    return make


# Swaps


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_swaps_keep_the_size_of_the_pool(tmp_path, world):
    size = {"linear": 24, "digits": 12}[world]
    run = tiny(world, **{"acquire.retire": 0.25, "growth.addition": size // 4})
    events, pool, _ = practise(run, tmp_path)
    assert len(pool.rounds) > 2
    assert {event.values["pool"] for event in events if "pool" in event.values} == {size}
    retired = [row for round_ in pool.rounds for row in round_.retired.tolist()]
    assert len(retired) == len(set(retired)) == (len(pool.rounds) - 1) * size // 4
    assert sorted(retired + pool.active.tolist()) == list(range(size + (len(pool.rounds) - 1) * size // 4))
    images = torch.cat([round_.images(torch.arange(len(round_))) for round_ in pool.rounds])
    assert torch.equal(pool.everything()[0].images, images[pool.active])


@pytest.mark.parametrize(("world", "at"), [("linear", 4), ("digits", 8)])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_retired_are_those_the_learner_of_that_moment_is_most_certain_of(learner_at, tmp_path, world, at, share):
    """The current entropy decides, not the entropy when rows were added, which an untrained learner gave."""
    run = tiny(world, **{"growth.additions": 1, "growth.add_at": at, "acquire.retire": share})
    pool = practise(run, tmp_path)[1]
    first, learner = pool.rounds[0], learner_at(run, tmp_path, at)
    with torch.no_grad():
        scores = entropy(learner.logits(first.images(torch.arange(len(first)))))
    count = round(share * len(first))
    expected = torch.argsort(scores, stable=True)[:count].sort().values.tolist()
    assert pool.rounds[1].retired.tolist() == expected
    assert expected != torch.argsort(first.entropy, stable=True)[:count].sort().values.tolist()


def test_rows_already_retired_are_not_retired_again(tmp_path):
    """Only rows in use are retired, numbered as in the whole pool, whatever the size of the learner's blocks."""

    class Certain:
        device = "cpu"

        def logits(self, images):
            return images * torch.tensor([1.0, 0.0, 0.0])  # the higher its number, the more certain

    pool = add_round(add_round(Pool(tmp_path, (3,)), numbered_samples(0, 5)), numbered_samples(5, 5), retired=[4])
    assert least_uncertain(Acquire(retire=0.0), Certain(), pool).tolist() == []
    assert least_uncertain(Acquire(retire=0.3), Certain(), pool).tolist() == [7, 8, 9]
    add_round(pool, numbered_samples(10, 1), retired=[8])
    for block in (1024, 4):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(practice_module, "BATCH", block)
            assert least_uncertain(Acquire(retire=0.5), Certain(), pool).tolist() == [6, 7, 9, 10]
    assert least_uncertain(Acquire(retire=1.0), Certain(), pool).tolist() == [0, 1, 2, 3, 5, 6, 7, 9, 10]


# The outlier filter


@pytest.mark.parametrize(("world", "at"), [("linear", 4), ("digits", 8)])
@pytest.mark.parametrize("omega", [0.0, 0.05])
def test_the_judge_rejects_exactly_the_least_believed_labels(learner_at, tmp_path, monkeypatch, world, at, omega):
    """The kept rows are the best of all candidates, drawn at once under the guide and ranked by the reference."""
    monkeypatch.setattr("empirical.loop.judge.REFERENCE_IMAGES", 64)
    run = tiny(world, **{"acquire.omega": omega, "growth.additions": 1, "growth.add_at": at, "acquire.reject": 0.3})
    source = Sampler(world_of(run), run.sampling)
    judge = Judge(run, source, "cpu")
    pool = practise(run, tmp_path, judge=judge)[1]
    n, p = run.growth.initial, run.growth.addition
    made = {16: 23, 12: 18}[p]  # ceil(p / .7)
    learner = learner_at(run, tmp_path, at)
    guide = EntropyGuide(learner.logits, omega, run.acquire.through) if omega else Unguided()
    drawn = source.draw(run.seed, n, made, guide)[0]
    reference = new_learner(run, "cpu")
    reference.load_state(judge.reference.state())
    with torch.no_grad():
        belief = reference.logits(drawn.images).log_softmax(-1)[torch.arange(made), drawn.labels].exp()
    kept = pool.rounds[1]
    assert (len(kept), kept.cost.images, pool.generated) == (p, made, n + made)
    assert (kept.indices - n).tolist() == torch.argsort(-belief, stable=True)[:p].sort().values.tolist()
    assert torch.equal(kept.images(torch.arange(p)), drawn.images[kept.indices - n])
    with torch.no_grad():
        scores = entropy(learner.logits(drawn.images))[kept.indices - n]
    assert torch.allclose(kept.entropy, scores, atol=1e-6)


def test_the_judge_has_seen_other_images_and_is_no_part_of_the_run(monkeypatch):
    """The judge draws from a sequence of its own, and is trained as long as the run's learner."""
    monkeypatch.setattr("empirical.loop.judge.REFERENCE_IMAGES", 64)
    run = tiny("digits", **{"acquire.reject": 0.3})
    source, asked = Sampler(world_of(run), run.sampling), []

    class Spy:
        def draw(self, seed, first, count, guide=None):
            asked.append((seed, first, count, guide))
            return source.draw(seed, first, count, guide)

    judge = Judge(run, Spy(), "cpu")
    assert asked == [(REFERENCE + run.seed, 0, 64, None)]
    assert REFERENCE >= 2**31 + HELD_OUT > HELD_OUT >= 2**31  # run seeds are below 2^31
    assert (judge.cost.images, judge.cost.learner_steps) == (64, run.training.iterations)
    again = Judge(run, Spy(), "cpu")
    samples = source.draw(0, 0, 16)[0]
    assert torch.equal(judge(samples), again(samples))
    assert judge(samples).shape == (16,)
    assert ((judge(samples) >= 0) & (judge(samples) <= 1)).all()


# Guided rows can be made again


@pytest.mark.parametrize("world", ["linear", "digits"])
@pytest.mark.parametrize("through", ["x0", "denoiser"])
def test_any_guided_row_can_be_made_again_from_its_seed(tmp_path, world, through):
    """The stored learner and the row's index suffice to make the row again."""
    run = tiny(world, **{"acquire.through": through})
    execute(run, tmp_path)
    folder = folder_of(run, tmp_path)
    pool = Pool(folder / "pool", world_of(run).shape, run.growth.additions + 1)
    assert not guide_path(folder, 0).exists()
    for number in range(1, run.growth.additions + 1):
        round_: Round = pool.rounds[number]
        learner = new_learner(run, "cpu")
        learner.load_evaluated(load_tensors(guide_path(folder, number), "")[0])
        guide = EntropyGuide(learner.logits, run.acquire.omega, through)
        for row in (0, 5, len(round_) - 1):
            made = Sampler(world_of(run), run.sampling).draw(run.seed, int(round_.indices[row]), 1, guide)[0]
            assert (made.seeds, made.labels) == (round_.seeds[row], round_.labels[row])
            assert torch.equal(made.images, round_.images(torch.tensor([row])))


@pytest.mark.parametrize("change", [{"acquire.omega": 0.0}, {"acquire.direction": "random"}])
def test_rounds_without_a_guiding_learner_keep_none(tmp_path, change):
    run = tiny("linear", **change)
    execute(run, tmp_path)
    assert not (folder_of(run, tmp_path) / "guides").exists()
