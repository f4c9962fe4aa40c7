"""A run that cannot work is refused at once, with the estimate in the message."""

import time

import pytest
from support.errors import complains
from support.places import EXPERIMENTS
from support.runs import run_of, tiny

from empirical.config import from_dict
from empirical.runs.execute import execute
from empirical.runs.feasible import require_feasible
from empirical.scale.sweep import Case, work
from empirical.settings.recipes import read


@pytest.mark.parametrize(
    ("changes", "estimate"),
    [
        ({"growth.initial": 10**13}, r"1e\+13 images"),
        ({"growth.additions": 1, "acquire.ratio": 10**8}, r"2\.56e\+10 images"),
        ({"training.iterations": 10**14}, r"1e\+14 iterations"),
        ({"world.dimension": 10**9}, r"1\.6e\+10 GB of memory"),
        ({"world.validation": 10**12}, r"GB of memory"),
        ({"growth.initial": 10**8, "world.dimension": 10**4}, r"GB of memory"),
        ({"sampling.batch": 10**9}, r"GB of memory"),
    ],
    ids=str,
)
def test_the_estimate_is_in_the_message_and_nothing_is_made(tmp_path, changes, estimate):
    run, start = from_dict_of(changes), time.process_time()
    for refuse in (lambda: execute(run, tmp_path), lambda: work([Case("f", "p", "s", 0, run)], tmp_path)):
        with complains("run") as caught:
            refuse()
        assert caught.match(estimate)
    assert list(tmp_path.iterdir()) == []
    assert time.process_time() - start < 20


def from_dict_of(changes):
    return run_of("linear", **changes)


def test_the_disk_that_is_free_is_asked_for(tmp_path, monkeypatch):
    run = tiny("digits", **{"growth.initial": 1000})
    require_feasible(run, tmp_path / "not" / "there" / "yet")
    monkeypatch.setattr("empirical.runs.feasible.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1e5}))
    with complains("run") as caught:
        require_feasible(run, tmp_path)
    assert caught.match(r"GB of disk.*0\.0001 GB that are free.*--out")


def test_the_largest_run_of_the_paper_is_not_refused(tmp_path):
    recipe = read(EXPERIMENTS / "imagenet1k" / "table5.toml", "static, 13000k").run
    small = {"name": "digits"}  # the weights of the paper's generator are not here; counts do not depend on them
    require_feasible(from_dict({**recipe, "world": small, "learner": {"kind": "cnn"}}), tmp_path)
