"""Test what the command line prints about the evaluation sets of a finished run."""

import pytest
from support.records import NOTHING
from support.runs import run_of

from cli.run import tell
from empirical.config import world_of
from empirical.learning.evaluate import SetScore
from empirical.runs.result import Result


@pytest.fixture
def printed(monkeypatch, capsys):
    monkeypatch.setattr("cli.run.console.width", 120)

    def get(run, sets):
        cost = {"images": 10, "sampling_gflop": 1.0, "denoiser_calls": 40, "sampling_cpu_s": 1.0, "learner_cpu_s": 2.0}
        counts = {name: score._asdict() for name, score in sets.items()}
        numbers = {"accuracy": 0.5, "accuracy_validation": 0.25, "pool_size": 10, "pool": [{}]}
        tell(run, Result(**{**NOTHING, **numbers, "cost": cost, "sets": counts}))
        return capsys.readouterr().out

    return get


def test_every_set_is_told_with_its_interval_beside_the_raw_model(printed):
    test, validation = SetScore([10] * 10, [8] * 10, [7] * 10), SetScore([1000] * 10, [900] * 10, [950] * 10)
    text = printed(run_of("digits"), {"test": test, "validation": validation})
    lines = {line.split()[1]: line for line in text.splitlines() if "to" in line}
    assert all(part in lines["test"] for part in ("100", "0.8000", "0.7112 to 0.8666", "0.7000"))
    assert all(part in lines["validation"] for part in ("10,000", "0.9000", "0.9500"))
    assert "worst" not in text  # of ten classes all are few


def test_of_many_classes_the_worst_five_are_named(printed):
    run = run_of("glyphs")
    names = world_of(run).class_names
    hits = [4] * 64
    hits[7], hits[20], hits[33] = 0, 1, 3
    counts = SetScore([4] * 60 + [0] * 4, [*hits[:60], 0, 0, 0, 0], [0] * 64)
    text = printed(run, {"test": counts})
    assert f"worst classes (test): {names[7]} 0.00, {names[20]} 0.25, {names[33]} 0.75" in text
    assert text.splitlines()[-1].count(",") == 4
    assert not any(f"{name} 0.00" in text for name in names[60:])  # classes without images


def test_a_world_without_images_has_its_exact_accuracy(printed):
    text = printed(run_of("linear"), {})
    assert "0.5000" in text
    assert "0.2500" in text
    assert "real images" not in text
