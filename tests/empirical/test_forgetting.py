"""Test runs that forget old rounds, and whose guidance follows a schedule: rounds in use, names, records, checks."""

import pytest
import torch
from support.forgery import rewrite
from support.runs import add_round, folder_of, numbered_samples, outcome, practise, tiny

from empirical.config import new_learner, world_of
from empirical.diffusion.guidance import EntropyGuide
from empirical.diffusion.sampler import Sampler
from empirical.pool.pool import Pool
from empirical.review.verify import check_run
from empirical.runs.execute import execute
from empirical.runs.folder import guide_path, prefix_name
from empirical.system.tensors import load_tensors

GROWING = {"growth.additions": 3, "training.cooldown": 0.0, "growth.patience": 1}


@pytest.mark.parametrize(
    ("memory", "outdated"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 1, 2, 3]), (3, [0, 1]), (4, []), (9, [])]
)
def test_rows_of_rounds_beyond_the_memory_are_outdated(tmp_path, memory, outdated):
    """Three rounds of two rows and the next one: a memory of two keeps rows 4 and 5 beside it."""
    pool = Pool(tmp_path, (3,))
    assert pool.outdated(memory).tolist() == []
    for first in (0, 2, 4):
        add_round(pool, numbered_samples(first, 2))
    assert pool.outdated(memory).tolist() == outdated


def test_retired_rows_are_not_outdated_once_more(tmp_path):
    pool = add_round(add_round(Pool(tmp_path, (3,)), numbered_samples(0, 3)), numbered_samples(3, 2), retired=[0, 2])
    assert pool.outdated(2).tolist() == [1]


@pytest.mark.parametrize("world", ["linear", "digits"])
@pytest.mark.parametrize("memory", [1, 2])
def test_a_fit_sees_the_rows_of_the_latest_rounds(tmp_path, world, memory):
    """The rows in use after every addition, the pool's size in the events, and what the learner is given."""
    run = tiny(world, **GROWING, **{"growth.memory": memory})
    events, pool, _ = practise(run, tmp_path)
    initial, addition = run.growth.initial, run.growth.addition
    sizes = [initial, addition, addition, addition]
    added = [event.values for event in events if event.kind == "added"]
    assert [values["pool"] for values in added] == [sum(sizes[: k + 2][-memory:]) for k in range(3)]
    assert [values["retired"] for values in added] == [0, *sizes][2 - memory : 5 - memory]
    last = torch.arange(sum(sizes))[-memory * addition :]
    assert torch.equal(pool.active, last)
    assert torch.equal(pool.everything()[0].images, pool.take(last).images)


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_the_linear_and_the_network_learner_are_trained_on_what_is_remembered(tmp_path, world):
    """With a memory of one round a learner of the second round alone, fitted anew, gives the linear learner's weights.

    The network's minibatches come from the second round only.
    """
    run = tiny(world, **{"growth.additions": 1, "growth.memory": 1, "training.cooldown": 0.0, "growth.patience": 1})
    _, pool, learner = practise(run, tmp_path)
    second = {tuple(image.flatten().tolist()) for image in pool.rounds[1].images(torch.arange(len(pool.rounds[1])))}
    drawn = torch.cat([pool.batch(run.seed, step, 8).images for step in range(20)])
    assert {tuple(image.flatten().tolist()) for image in drawn} <= second
    if world == "linear":
        alone = new_learner(run, "cpu")
        rows = torch.arange(len(pool.rounds[0]), len(pool.rounds[0]) + len(pool.rounds[1]))
        alone.fit(pool.take(rows), 0, 1)
        assert torch.equal(alone.w, learner.w)


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_a_schedule_guides_every_addition_at_its_own_strength(tmp_path, world):
    """Rows of each addition equal those that its stored learner guides at omega times the factor; the last repeats."""
    run = tiny(world, **GROWING, **{"acquire.omega": 0.02, "acquire.schedule": (1.0, 2.5)})
    execute(run, tmp_path)
    folder = folder_of(run, tmp_path)
    pool = Pool(folder / "pool", world_of(run).shape, 4)
    assert [round_.omega for round_ in pool.rounds] == [0.0, 0.02, 0.05, 0.05]
    for number, omega in ((1, 0.02), (2, 0.05), (3, 0.05)):
        round_, learner = pool.rounds[number], new_learner(run, "cpu")
        learner.load_evaluated(load_tensors(guide_path(folder, number), "")[0])
        guide = EntropyGuide(learner.logits, omega, run.acquire.through)
        made = Sampler(world_of(run), run.sampling).draw(run.seed, int(round_.indices[3]), 1, guide)[0]
        assert torch.equal(made.images, round_.images(torch.tensor([3])))


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_a_forgetful_run_is_verified_down_to_its_images(tmp_path, world):
    forgetful = {"growth.memory": 2, "acquire.schedule": (1.0, 2.0), "acquire.interval": (0.3, 1.0)}
    run = tiny(world, **GROWING, **forgetful)
    execute(run, tmp_path)
    checks = list(check_run(folder_of(run, tmp_path)))
    assert [check.message for check in checks if not check.ok] == []
    assert {"growth", "trajectory", "accuracy", "images"} <= {check.name for check in checks}


def test_other_forgotten_rows_are_named_although_they_are_signed(tmp_path):
    """Refuse a record that retires the right number of rows, one of them from a round that a fit should see."""
    run = tiny("linear", **GROWING, **{"growth.memory": 2})
    execute(run, tmp_path)
    folder = folder_of(run, tmp_path)
    rewrite(folder / "pool" / "round_0002.json", retired=lambda rows: [*rows[:-1], rows[-1] + 1])
    failed = {check.name: check.message for check in check_run(folder, thorough=False) if not check.ok}
    assert "retired rows" in failed["growth"]


@pytest.mark.parametrize("changes", [{"growth.memory": 2}, {"acquire.schedule": (1.0, 2.0)}])
def test_runs_share_their_beginning_up_to_where_they_differ(undisturbed, tmp_path, changes):
    """Nothing is forgotten, and omega is the usual one, until after the first addition."""
    plain, other = tiny("linear"), tiny("linear", **changes)
    assert [prefix_name(plain, done) == prefix_name(other, done) for done in (0, 1, 2)] == [True, True, False]
    execute(plain, tmp_path, share_before=frozenset({2}))
    assert outcome(other, tmp_path) == undisturbed("linear", **changes)
