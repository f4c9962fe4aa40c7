"""Test the numbers of a finished run: stored and read whole, free of contradictions."""

import copy
from types import SimpleNamespace

import pytest
from support.runs import tiny

from empirical.learning.evaluate import SetScore
from empirical.runs.execute import execute
from empirical.runs.result import contradiction


def test_a_result_has_the_sets_and_its_accuracy_follows_from_them(tmp_path):
    run = tiny("digits")
    result = execute(run, tmp_path)
    assert {name: sum(counts["totals"]) for name, counts in result.sets.items()} == {"test": 597, "validation": 200}
    validation = result.sets["validation"]
    assert sum(validation["hits"]) / 200 == result.accuracy_validation
    assert contradiction(result, 10) == ""
    assert execute(tiny("linear"), tmp_path).sets == {}
    assert contradiction(execute(tiny("linear"), tmp_path), 2) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.sets["test"]["hits"].pop(), "sets.test: counts of [2, 1, 2] classes"),
        (lambda r: r.sets["b"]["raw_hits"].__setitem__(0, 3), "sets.b.raw_hits: more"),
        (lambda r: r.sets["test"]["hits"].__setitem__(1, 0), "sets.test: 1 of 5 right, not 2 of 5"),
        (lambda r: setattr(r, "accuracy", 0.6), "accuracy: 0.6, not 0.4"),
        (lambda r: setattr(r, "correct", "1100"), "sets.test: 2 of 5 right, not 2 of 4"),
    ],
)
def test_counts_that_contradict_each_other_are_noticed(change, message):
    sets = {"test": SetScore([2, 3], [1, 1], [2, 0])._asdict(), "b": SetScore([2, 0], [1, 0], [2, 0])._asdict()}
    result = {"accuracy": 0.4, "correct": "10100", "sets": sets}
    assert contradiction(SimpleNamespace(**copy.deepcopy(result)), 2) == ""
    damaged = SimpleNamespace(**result)
    change(damaged)
    assert message in contradiction(damaged, 2)
