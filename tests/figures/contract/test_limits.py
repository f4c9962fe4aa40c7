"""Runs beside the theory of practice: which question a configuration asks, what has no answer, rows and z-scores."""

import numpy as np
import pytest
from support.records import invented, linear_config

from figures.contract import limits
from figures.contract.records import average, pool_size
from figures.contract.table import select
from rmt.practice import Guided, Plain, Pruned, Retire, learning_curve

GROWTH = {"initial": 256, "addition": 128, "additions": 2}
LOGISTIC = {"learner": {"kind": "logistic"}}


def asked(growth=None, **acquire):
    return limits.question(linear_config({**GROWTH, **(growth or {})}, **acquire))


@pytest.mark.parametrize(
    ("acquire", "additions"),
    [
        ({}, [Plain(10)] * 2),
        ({"omega": 0.05, "direction": "random"}, [Plain(10)] * 2),
        ({"ratio": 4}, [Pruned(0.25, 10)] * 2),
        ({"omega": 0.05}, [Guided(0.05 * 128**0.5, 10, tolerance=limits.TOLERANCE)] * 2),
        (
            {"omega": 0.05, "through": "denoiser", "every": 2, "interval": (0.2, 1.0), "schedule": (1.0, 3.0)},
            [Guided(w * 128**0.5, 10, "denoiser", (0.2, 1.0), 2, limits.TOLERANCE) for w in (0.05, 0.05 * 3)],
        ),
    ],
)
def test_additions_are_asked_as_they_were_made(acquire, additions):
    question = asked(**acquire)
    assert (question.rows, question.ridge, question.first) == ((2, 1, 1), 0.01, Plain(10))
    assert list(question.additions) == additions


@pytest.mark.parametrize(
    ("growth", "acquire", "weights"),
    [
        ({}, {}, "accumulate"),
        ({"newest_weight": 3}, {}, ((1,), (1, 3), (1, 1, 3))),
        ({"memory": 2}, {}, ((1,), (1, 1), (0, 1, 1))),
        ({"memory": 2, "newest_weight": 2}, {}, ((1,), (1, 2), (0, 1, 2))),
        ({}, {"retire": 1.0}, "replace"),
        ({}, {"retire": 0.25}, Retire(0.25, limits.SAMPLED, limits.REPEATS)),
    ],
)
def test_fits_see_the_rows_that_runs_train_on(growth, acquire, weights):
    assert asked(growth, **acquire).weights == weights


@pytest.mark.parametrize(
    "config",
    [
        linear_config(GROWTH) | {"world": {"name": "digits"}},
        linear_config(GROWTH) | LOGISTIC,
        limits.changed(linear_config(GROWTH), "sampling.guidance_scale", 1.0),
        linear_config(GROWTH, reject=0.1),
        linear_config(GROWTH, omega=0.05, ratio=2),
        linear_config(GROWTH | {"newest_weight": 2}, retire=0.5),
    ],
)
def test_what_the_theory_does_not_know_has_no_rows(config):
    runs = [invented("linear", "s", seed, config=config, pool=[{}]) for seed in (0, 1)]
    assert limits.question(config) is None
    assert limits.limits("f", runs, pool_size) == []
    assert limits.sweep("f", runs, "growth.initial", {1.0: 100}, []) == []


def runs(additions_by_seed, accuracies, **acquire):
    config = linear_config({**GROWTH, "additions": 4}, **acquire)
    made_and_y = zip(additions_by_seed, accuracies, strict=True)
    return [
        invented("linear", "s", seed, value=4, config=config, pool=[{}] * (made + 1), pool_size=256 + 128 * made, **y)
        for seed, (made, y) in enumerate((made, {"accuracy": y}) for made, y in made_and_y)
    ]


def test_a_run_is_compared_after_the_additions_that_it_made():
    records = runs((4, 2), (0.9, 0.91), ratio=2)
    (row,) = limits.limits("f", records, pool_size)
    law = learning_curve((2, 1, 1, 1, 1), 0.01, Pruned(0.5, 10)).accuracy
    assert row[:7] == ("f", "linear", "s", "accuracy", "theory", 640, pytest.approx((law[4] + law[2]) / 2))
    assert (row.stderr, row.n_seeds) == (None, None)
    (pair,) = limits.comparisons([*average("f", records, pool_size), row])
    assert pair.z == pytest.approx((0.905 - row.y) / 0.005)


def test_sampled_theory_has_a_standard_error_which_counts():
    records = runs((1, 1), (0.88, 0.9), retire=0.5)
    (row,) = limits.limits("f", records, pool_size)
    assert 0 < row.stderr < 0.01
    (pair,) = limits.comparisons([*average("f", records, pool_size), row])
    assert pair.z == pytest.approx((0.89 - row.y) / np.hypot(0.01, row.stderr))


def test_lines_between_the_runs_leave_their_places_out():
    records = runs((4, 4), (0.9, 0.92))
    known = limits.limits("f", records, pool_size)
    law = learning_curve((2, 1, 1, 1, 1), 0.01, Plain(10)).accuracy
    line = limits.path("f", records, 256, 128, known)
    assert [row.x for row in line] == [384, 512, 640]
    assert [row.y for row in line] == pytest.approx(law[1:4])
    swept = limits.sweep("f", records, "growth.addition", {768.0: 1, 300.5: 0.5}, known)
    assert [row.x for row in swept] == [300.5]
    assert select(swept, panel="linear", series="s", source="theory") == swept


@pytest.mark.parametrize("alignment", [0.1, 0.8, 0.9999])
def test_replaced_pools_start_where_a_run_did(alignment):
    question = asked(ratio=2, retire=1.0)
    begun = limits.starting_at(question, alignment)
    assert begun.rows[1:] == question.rows[1:]
    assert limits.curve(begun)[0].accuracy == pytest.approx(1 - np.arccos(alignment) / np.pi, abs=1e-9)


def test_without_pairs_nothing_is_said():
    assert limits.verdict([]) == ""
