"""Test the run of lesson 5: small in the default suite, as the reader starts it in the slow one."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.lessons import LESSONS, load

LESSON = LESSONS[4]
TINY = {
    "training.iterations": 60,
    "growth.initial": 40,
    "growth.addition": 20,
    "growth.additions": 1,
    "growth.add_at": 30,
    "sampling.steps": 4,
    "seed": 0,
}


def opened(settings, folder):
    """Run the lesson as if its button had been pressed, and return its definitions."""
    pressed = {"start": SimpleNamespace(value=True), "settings": settings, "folder": folder}
    predictions = {"prediction_wrong": 30, "prediction_width": 0.05}
    return load(LESSON).app.run(defs=pressed | predictions)[1]


def mean_entropy(live, *, guided):
    return np.mean([one["entropy"] for one in live.pictures if (one["omega"] > 0) == guided])


def test_the_run_of_the_lesson_is_kept_and_shown(tmp_path):
    live = opened(TINY, tmp_path)["live"]
    assert [run.pool_size for run in live.runs.values()] == [60, 60]
    assert len(live.pictures) == 20  # ten digits, plain and guided
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    again = load(LESSON).practise(TINY, tmp_path)
    assert again == live
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == before
    left, right = load(LESSON).draw(live, 1).axes
    assert len(left.texts) == 20
    assert len(right.lines) == 3  # two learning curves and one addition


@pytest.mark.slow
def test_the_reader_sees_what_the_lesson_says(tmp_path):
    module = load(LESSON)
    live = opened({"growth.additions": 3, "seed": 0}, tmp_path)["live"]
    assert mean_entropy(live, guided=True) > 3 * mean_entropy(live, guided=False)
    shipped = [module.paired(512)[0][0], module.tables.measured("fig4", "digits", module.PLAIN)[1][0, 1]]
    own = [run.accuracy for run in live.runs.values()]
    assert np.abs(np.subtract(own, shipped)).max() < 0.006  # three test digits: machines round differently
    assert own[0] - own[1] > 0.02
