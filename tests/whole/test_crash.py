"""Runs killed at any moment go on to the same result, metrics and pool, bit for bit."""

import os
import random
import time

import pytest
from support.processes import in_child
from support.runs import outcome, tiny

from empirical.runs import sharing
from empirical.runs.execute import execute
from empirical.system import files as checkpoint

VARIANTS = {
    "guided": {"acquire.through": "denoiser"},
    "oversampling": {"acquire.omega": 0.0, "acquire.ratio": 3},
    "swaps": {"acquire.retire": 0.5, "growth.newest_weight": 2},
    "forgetting": {"growth.memory": 1, "acquire.schedule": (1.0, 2.0), "acquire.interval": (0.2, 1.0)},
}
SPAN = {"linear": 0.1, "digits": 0.5}  # seconds of the random moments


@pytest.fixture(autouse=True, scope="module")
def _small_files():
    """Write small files, so that a round has several of them, and a run several checkpoints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("empirical.pool.writer.ROWS", 8)
        patch.setattr("empirical.runs.execute.CHECKPOINT_EVERY", 3)
        yield


@pytest.fixture(scope="module")
def untouched(tmp_path_factory, _small_files):
    """Return the outcome of an undisturbed run in such files, by world and variant; each run is made once."""
    root, made = tmp_path_factory.mktemp("untouched"), {}

    def get(world, variant):
        if (world, variant) not in made:
            made[world, variant] = outcome(of(tiny, world, variant), root)
        return made[world, variant]

    return get


def of(tiny, world, variant):
    """Make a tiny run of a variant in batches of eight, so that a round has two or three files."""
    return tiny(world, **{"sampling.batch": 8, **VARIANTS[variant]})


def survive(run, root, in_child, kill_after, share=frozenset({1, 2})):
    """Execute a run in a child that is killed after some seconds; return whether the kill came before its end."""
    return in_child(lambda: execute(run, root, share_before=share), kill_after) == -9


@pytest.mark.parametrize(("world", "variant"), [("linear", "guided"), ("linear", "oversampling"), ("digits", "swaps")])
def test_a_run_killed_at_random_moments_ends_the_same(untouched, tmp_path, world, variant):
    run, expected, chance = of(tiny, world, variant), untouched(world, variant), random.Random(0)
    times = [0.005 + SPAN[world] * chance.random() for _ in range(3)]
    assert survive(of(tiny, world, variant), tmp_path, in_child, 0.005), "the kill came too late to test anything"
    for kill_after in times:
        survive(run, tmp_path, in_child, kill_after)
    assert in_child(lambda: execute(run, tmp_path, share_before=frozenset({1, 2}))) == 0
    assert outcome(run, tmp_path) == expected


def dying_at(write, run, root):
    """Make a function that executes a run and dies at a given write: before the file is in place if odd, else after."""
    replace, count = checkpoint.Path.replace, 0

    def replace_and_die(self, target):
        nonlocal count
        count += 1
        if count == write and write % 2:
            os.kill(os.getpid(), 9)
        result = replace(self, target)
        if count == write:
            os.kill(os.getpid(), 9)
        return result

    def work():
        checkpoint.Path.replace = replace_and_die
        execute(run, root, share_before=frozenset({1, 2}))

    return work


@pytest.mark.parametrize(
    ("world", "variant"),
    [("linear", "guided"), ("linear", "swaps"), ("linear", "forgetting"), ("digits", "oversampling")],
)
def test_a_run_killed_at_every_write_ends_the_same(untouched, tmp_path, world, variant):
    """Kill a run at its first write, its continuation at the second write, and so on through all kinds of files."""
    run, codes = of(tiny, world, variant), []
    for write in range(1, 100):
        codes.append(in_child(dying_at(write, run, tmp_path)))
        if codes[-1] == 0:
            break
    assert codes[:-1] == [-9] * (len(codes) - 1)
    assert len(codes) > 5
    assert outcome(run, tmp_path) == untouched(world, variant)


@pytest.mark.slow
def test_runs_killed_at_many_random_moments_end_the_same(untouched, tmp_path):
    """Kill runs of both worlds and all variants at least sixty times."""
    dice, start, kills = random.Random(1), time.perf_counter(), {}
    for world in SPAN:
        for variant in VARIANTS:
            kills[world, variant] = 0
            for attempt in range(99):
                if kills[world, variant] >= 10:
                    break
                run, root = of(tiny, world, variant), tmp_path / world / variant / str(attempt)
                for _ in range(4):
                    kills[world, variant] += survive(run, root, in_child, 0.02 + SPAN[world] * dice.random())
                assert in_child(lambda run=run, root=root: execute(run, root)) == 0
                assert outcome(run, root) == untouched(world, variant)
    print(f"{sum(kills.values())} kills in {time.perf_counter() - start:.0f} s: {kills}")
    assert min(kills.values()) >= 10


@pytest.mark.slow
def test_every_run_killed_at_every_single_write_ends_the_same(untouched, tmp_path):
    """Kill a fresh run at each of its writes."""
    for world in SPAN:
        for variant in VARIANTS:
            run, write, code = of(tiny, world, variant), 0, -9
            while code == -9:
                write += 1
                root = tmp_path / world / variant / str(write)
                code = in_child(dying_at(write, run, root))
                assert outcome(run, root) == untouched(world, variant), (world, variant, write)
            assert code == 0
            assert write > 20
            print(f"{world} {variant}: {write - 1} kills")


def test_a_branch_killed_while_it_copies_its_beginning_ends_the_same(undisturbed, tmp_path):
    execute(tiny("linear", **VARIANTS["guided"]), tmp_path, share_before=frozenset({1}))
    branch = {"growth.additions": 1, **VARIANTS["guided"]}
    run = tiny("linear", **branch)

    def dies():
        write_bytes = sharing.write_bytes
        sharing.write_bytes = lambda path, data: (write_bytes(path, data), os.kill(os.getpid(), 9))
        execute(run, tmp_path)

    assert in_child(dies) == -9
    assert outcome(run, tmp_path) == undisturbed("linear", **branch)
