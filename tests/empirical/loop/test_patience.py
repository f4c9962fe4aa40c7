"""Test the learning-rate schedule and the patience of Algorithm 1."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.learning.rates import cooldown_start, rate
from empirical.loop.patience import Plateau, due, patience
from empirical.settings.sections import Growth, Training

TRAINING = Training(iterations=100, warmup=0.1, cooldown=0.2)


def test_the_learning_rate_warms_up_stays_and_ends_on_a_cosine():
    rates = [rate(step, TRAINING) for step in range(100)]
    assert rates[:10] == pytest.approx([k / 11 for k in range(1, 11)])
    assert rates[10:80] == [1.0] * 70
    assert rates[80:] == pytest.approx([(1 + math.cos(math.pi * k / 21)) / 2 for k in range(1, 21)])
    assert 0 < rates[-1] < 0.01


def test_the_cosine_falls_from_the_warm_up_to_the_end():
    """The rate is (1 + cos(pi k / (n + 1))) / 2 for the n = 90 steps after the warm-up; additions stop as in "wsd"."""
    training = Training(iterations=100, warmup=0.1, cooldown=0.2, schedule="cosine")
    rates = [rate(step, training) for step in range(100)]
    assert rates[:10] == pytest.approx([k / 11 for k in range(1, 11)])
    assert rates[10:] == pytest.approx([(1 + math.cos(math.pi * k / 91)) / 2 for k in range(1, 91)])
    assert 0 < rates[-1] < 0.001
    assert rates[54] == pytest.approx(0.5, abs=0.02)
    growth = Growth(initial=100, addition=10, additions=9)
    when = [step for step in range(100) if due(growth, training, step, Plateau(0.5, 99), 100)]
    assert when == list(range(80))
    wsd = Training(iterations=100, warmup=0.1, cooldown=0.9)
    assert rates == [rate(step, wsd) for step in range(100)]  # a cool-down that begins at once is the same


@given(st.integers(1, 500), st.floats(0, 0.45), st.floats(0, 0.45), st.sampled_from(["wsd", "cosine"]))
def test_every_step_learns_at_a_rate_between_zero_and_one(iterations, warmup, cooldown, schedule):
    training = Training(iterations=iterations, warmup=warmup, cooldown=cooldown, schedule=schedule)
    rates = [rate(step, training) for step in range(iterations)]
    assert all(0 < rate <= 1 for rate in rates)
    start = cooldown_start(training) if schedule == "wsd" else round(warmup * iterations)
    assert rates[:start] == sorted(rates[:start])
    assert rates[start:] == sorted(rates[start:], reverse=True)


def test_a_plateau_counts_evaluations_without_a_new_best():
    plateau, waited = Plateau(), []
    for value in (0.5, 0.6, 0.6, 0.55, 0.61, 0.6):
        plateau = plateau.after(value)
        waited.append(plateau.waited)
    assert waited == [0, 0, 1, 2, 0, 1]  # an equal accuracy is no improvement
    assert plateau.best == 0.61
    assert plateau.reset() == Plateau(0.61, 0)
    assert plateau.reset().after(0.6).waited == 1  # the best of before the addition still counts


def test_patience_is_fixed_or_in_proportion_to_the_pool():
    fixed, growing = (Growth(initial=100, patience=3, incremental=incremental) for incremental in (False, True))
    assert [patience(fixed, size) for size in (100, 150, 400)] == [3, 3, 3]
    assert [patience(growing, size) for size in (100, 101, 150, 400)] == [3, 4, 5, 12]


def test_data_are_due_after_patience_and_never_in_the_cool_down():
    growth = Growth(initial=100, addition=10, additions=9, patience=3)
    assert not due(growth, TRAINING, 50, Plateau(0.5, 2), 100)
    assert due(growth, TRAINING, 50, Plateau(0.5, 3), 100)
    assert [due(growth, TRAINING, step, Plateau(0.5, 99), 100) for step in (79, 80, 99, 100)] == [
        True,
        False,
        False,
        False,
    ]
    growing = Growth(initial=100, addition=10, additions=9, patience=3, incremental=True)
    assert not due(growing, TRAINING, 50, Plateau(0.5, 5), 200)
    assert due(growing, TRAINING, 50, Plateau(0.5, 6), 200)


def test_an_addition_at_a_fixed_iteration_ignores_the_plateau():
    growth = Growth(initial=100, addition=10, additions=1, evaluate_every=10, add_at=40)
    when = [step for step in range(0, 101, 10) if due(growth, TRAINING, step, Plateau(0.5, 99), 100)]
    assert when == [40]
    late = Growth(initial=100, addition=10, additions=1, evaluate_every=10, add_at=90)
    assert not any(due(late, TRAINING, step, Plateau(0.5, 99), 100) for step in range(0, 101, 10))
