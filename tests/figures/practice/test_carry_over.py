"""Figure carry_over from invented records: the choice on validation digits, changes, theory; and its experiment."""

from dataclasses import replace
from itertools import product

import pytest
from support.records import invented
from support.runs import run_of

import rmt
from cli.options import Options
from cli.plans import plan
from empirical.config import to_dict
from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.contract.table import select
from figures.practice import carry_over
from figures.practice.carry_over import ALL, CHOSEN, DP, STATIC, choice

TRIED = {
    ("guided to the end, constant omega", 0): (0.96, {}),
    ("guided to the end, constant omega", 2): (0.95, {"memory": 2}),
    ("last fifth unguided, omega doubles", 0): (
        0.97,
        {"interval": (0.15, 1.0), "schedule": (1.0, 2.0)},
    ),
}
COST = {"images": 640, "sampling_gflop": 4.0, "sampling_cpu_s": 3.0, "learner_cpu_s": 2.0}


def config(memory=0, interval=(0.0, 1.0), schedule=(1.0,)):
    """Return the part of a run's configuration that the tuning tries out."""
    return {"growth": {"memory": memory}, "acquire": {"interval": interval, "schedule": schedule}}


def tuned(scores=TRIED):
    """Two runs of each combination, at validation accuracies .01 apart."""
    return [
        invented("tuning", series, 100 + k, value=memory, accuracy_validation=mean + 0.01 * k - 0.005,
                 config=config(**settings))
        for (series, memory), (mean, settings) in scores.items() for k in range(2)
    ]  # fmt: skip


def finished(world="digits", **chosen):
    """Two runs of four lines, on twelve test images."""
    lines = {STATIC: 6, DP: 8, ALL: 5, CHOSEN: 9}
    marks = {
        (line, seed): "1" * (hits + seed) + "0" * (12 - hits - seed) for line, hits in lines.items() for seed in (0, 1)
    }
    configs = {line: config(**(chosen if line == CHOSEN else {})) for line in lines}
    return [
        invented(world, line, seed, value=8.0, accuracy=marked.count("1") / 12, correct=marked, config=configs[line],
                 cost=COST)
        for (line, seed), marked in marks.items()
    ]  # fmt: skip


def linear(additions=2):
    """Two runs of the linear world, .01 above and below the theory's accuracy of the last fit."""
    settings = {"growth.initial": 256, "growth.addition": 256, "growth.additions": additions, "growth.memory": 2}
    guided = {"acquire.interval": (0.2, 1.0), "acquire.omega": 0.01, "acquire.schedule": (1.0, 2.0)}
    mechanisms = [rmt.practice.Guided(k * 0.01 * 128**0.5, 100, interval=(0.2, 1.0)) for k in (1, 2)]
    curve = rmt.practice.learning_curve([2.0] * 3, 1e-2, mechanisms, [[1.0], [1.0, 1.0], [0.0, 1.0, 1.0]])
    numbers = {
        "pool": [{}] * 3,
        "config": to_dict(run_of("linear", **settings, **guided)),
        "cost": {**COST, "images": 768},
    }
    mean = float(curve.accuracy[2])
    return mean, [invented("linear", ALL, k, value=2.0, accuracy=mean + 0.02 * k - 0.01, **numbers) for k in range(2)]


def test_the_combination_of_largest_mean_is_chosen():
    best = TRIED["last fifth unguided, omega doubles", 0][1]
    found = choice([*tuned(), *finished(**best)])
    assert found == ("last fifth unguided, omega doubles, all rounds", pytest.approx(0.97), pytest.approx(0.005), True)
    assert not choice([*tuned(), *finished(memory=2)]).used
    assert not choice(tuned()).used
    assert choice(finished()) is None
    equal = {key: (0.95, settings) for key, (_, settings) in TRIED.items()}
    assert choice(tuned(equal)).combination == "guided to the end, constant omega, all rounds"


def test_lines_have_paired_changes_and_costs():
    rows = table.check(carry_over.compute(Inputs({}, [*tuned(), *finished()])))
    changes = {row.series: (row.y, row.stderr) for row in select(rows, panel="digits", quantity=carry_over.CHANGE)}
    assert changes[ALL] == pytest.approx((-3 / 12, 0.0))
    assert changes[CHOSEN] == pytest.approx((1 / 12, 0.0))
    assert {row.y for row in select(rows, quantity=carry_over.WORK)} == {4.0}
    assert {row.y for row in select(rows, quantity=carry_over.SECONDS)} == {5.0}
    assert {row.x: row.y for row in select(rows, series="guided to the end, constant omega")} == pytest.approx(
        {0: 0.96, 2: 0.95}
    )
    over = [(entry["line"], entry["against"]) for entry in carry_over.details(finished())["changes"]]
    assert {(ALL, DP), (ALL, STATIC), (CHOSEN, DP)} <= set(over)


def test_the_linear_world_stands_beside_its_theory():
    """Memory, unguided tail and schedule reach the theory: the mean of both runs is the curve's accuracy."""
    accuracy, records = linear()
    rows = table.check(carry_over.compute(Inputs({}, records)))
    assert [row.y for row in select(rows, source="theory")] == pytest.approx([accuracy], abs=1e-5)
    assert [row.y for row in select(rows, source="practice")] == pytest.approx([accuracy])
    assert "z-scores of 1 points" in carry_over.summary(Contents(rows))


@pytest.mark.parametrize(
    "panels", [("linear",), ("tuning",), ("digits",), ("linear", "tuning", "digits", "latent_digits")]
)
def test_every_part_is_drawn_and_none_is_an_error_with_advice(panels):
    made = {"linear": linear()[1], "tuning": tuned(), "digits": finished(), "latent_digits": finished("latent_digits")}
    records = [record for panel in panels for record in made[panel]]
    rows, details = carry_over.compute(Inputs({}, records)), carry_over.details(records)
    figure = carry_over.draw(Contents(rows, details=details))
    assert len(figure.axes) == len(panels)
    text = carry_over.summary(Contents(rows, details=details))
    for panel in set(panels) - {"tuning"}:
        assert f"{panel}, " in text
    assert ("NOT as in" in text) == ("tuning" in panels)
    with pytest.raises(ValueError, match=r"draw: got no rows of any panel"):
        carry_over.draw(Contents([]))


@pytest.mark.parametrize("preset", ["default", "quick"])
def test_settings_are_chosen_at_other_seeds_than_they_are_judged_at(preset):
    cases = plan("carry_over", Options(targets=["carry_over"], preset=preset)).cases
    seeds = {panel: {case.run.seed for case in cases if case.panel == panel} for panel in ("tuning", "digits")}
    assert seeds["tuning"].isdisjoint(seeds["digits"])
    assert len(seeds["tuning"]) == 4


def test_the_grid_is_complete_and_has_the_chosen_combination():
    """Three memories, tails and schedules; runs that were chosen differ from their tuning only in the seed."""
    cases = plan("carry_over", Options(targets=["carry_over"])).cases
    tried = {
        (c.run.growth.memory, c.run.acquire.interval, c.run.acquire.schedule) for c in cases if c.panel == "tuning"
    }
    assert tried == set(product(*map(set, zip(*tried, strict=True))))
    assert len(tried) == 27
    tuning = {replace(c.run, seed=0) for c in cases if c.panel == "tuning"}
    chosen = {replace(c.run, seed=0) for c in cases if (c.panel, c.series) == ("digits", CHOSEN)}
    assert len(chosen) == 1
    assert chosen <= tuning
    assert {c.series for c in cases if c.panel in carry_over.IMAGES} <= set(carry_over.LINES)
    assert {c.series for c in cases if c.panel == "linear"} <= set(carry_over.LOOKS)
