"""Test what a reader is told: about answers that are no numbers, about predictions, about solutions."""

from functools import cache

import numpy as np
import pytest
from marimo import MarimoStopError

from lessons import desk
from lessons.exercise import Exercise


@cache
def two_and_three():
    """Return two numbers."""
    return 2.0, 3.0


PAIR = Exercise(
    name="pair",
    solution=two_and_three,
    rtol=0.01,
    hint="Count.",
    meaning="Two and three.",
    mistakes={"The other way round.": lambda: (3.0, 2.0)},
)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (None, "unanswered", "No answer yet: set `pair` in the cell above."),
        ((2, 3), "right", "Two and three."),
        (np.array([2.019, 2.971]), "right", "Two and three."),
        ([2.021, 3], "wrong", "Count."),
        ((3, 2), "wrong", "The other way round."),
        (2, "wrong", "`pair` is 2; it has to be 2 finite numbers, e.g. a tuple."),
        ("two", "wrong", "`pair` is 'two'; it has to be 2 finite numbers, e.g. a tuple."),
        ((2, float("nan")), "wrong", "`pair` is (2, nan); it has to be 2 finite numbers, e.g. a tuple."),
        (((2, 3),), "wrong", "`pair` is ((2, 3),); it has to be 2 finite numbers, e.g. a tuple."),
        ((2, (3, 4)), "wrong", "`pair` is (2, (3, 4)); it has to be 2 finite numbers, e.g. a tuple."),
    ],
)
def test_an_answer_gets_its_verdict(answer, status, words):
    assert PAIR.check(answer) == (status, words)


def test_the_source_of_a_solution_is_shown_without_decorators():
    assert PAIR.source() == 'def two_and_three():\n    """Return two numbers."""\n    return 2.0, 3.0'


@pytest.mark.parametrize("prediction", [None, "a lot", float("nan"), float("inf")])
def test_without_a_prediction_the_cell_stops_and_says_what_to_do(prediction, capsys):
    with pytest.raises(MarimoStopError):
        desk.predicted("prediction_x", prediction)
    assert "prediction_x: unanswered. Write a prediction first" in capsys.readouterr().out


@pytest.mark.parametrize("prediction", [3, 3.0, np.int64(3), np.float32(3)])
def test_any_number_is_a_prediction(prediction):
    assert desk.predicted("prediction_x", prediction) == 3.0


@pytest.mark.parametrize(
    ("prediction", "result", "words"),
    [
        (0.1, 0.05, "The floor: 0.05. You predicted 0.1, 2.0 times too much.\n"),
        (0.1, 0.25, "The floor: 0.25. You predicted 0.1, 2.5 times too little.\n"),
        (1.0, 1.04, "The floor: 1.04. You predicted 1, within 5 %.\n"),
        (0.0, -2.0, "The floor: -2. You predicted 0, 2 too much.\n"),
        (-1.0, -2.0, "The floor: -2. You predicted -1, 1 too much.\n"),
        (float("nan"), 1.0, "The floor: 1.\n"),
    ],
)
def test_a_prediction_is_compared_with_the_result(prediction, result, words, capsys):
    desk.compare(prediction, result, "the floor")
    assert capsys.readouterr().out == words
