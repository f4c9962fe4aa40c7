"""The figures of the loop (fig2, fig6, fig9, validation, no_real_data), from invented records of runs."""

from dataclasses import replace

import numpy as np
import pytest
from support.invented_runs import (
    fig2_records,
    fig6_records,
    fig9_records,
    no_real_data_records,
    record,
    validation_records,
)
from support.layout import assert_nothing_overlaps

from cli.options import Options
from cli.plans import plan
from empirical.runs.folder import run_name
from figures.contract import records, table
from figures.contract.figure import Contents, Inputs
from figures.contract.table import select
from figures.practice import fig2, fig6, fig9, no_real_data, validation

NAMES = {"fig2": fig2, "fig6": fig6, "fig9": fig9, "validation": validation, "no_real_data": no_real_data}
FIG2 = {"window": {"digits": [-20, 30]}}
FIG6 = {"rounds": [1, 2], "window": {"digits": [-30, 30], "linear": [-3, 3]}}


CASES = {
    "fig2": (fig2, FIG2, fig2_records),
    "fig6": (fig6, FIG6, fig6_records),
    "fig9": (fig9, {}, fig9_records),
    "validation": (validation, {}, validation_records),
    "no_real_data": (no_real_data, {}, no_real_data_records),
}


def rows_of(name):
    module, config, made = CASES[name]
    return table.check(module.compute(Inputs(config, made())))


def test_an_average_stands_only_where_every_curve_has_a_value():
    rows = records.mean_rows("f", "p", "s", "q", [0, 1, 2], {0: [1.0, 2.0, None], 1: [None, 4.0, 5.0]})
    assert [(row.x, row.y, row.stderr, row.n_seeds) for row in rows] == [(1.0, 3.0, 1.0, 2)]
    assert records.mean_rows("f", "p", "s", "q", [0], {0: [1.0]}) == []


def test_the_jump_of_the_loss_is_blurred_by_iteration_and_exact_by_addition():
    rows = rows_of("fig2")
    blurred = {row.x: row.y for row in select(rows, panel="digits", quantity=fig2.LOSS, series=fig2.ONE)}
    assert max(blurred.values()) == pytest.approx(0.65)
    aligned = select(rows, panel="digits aligned", quantity=fig2.LOSS, series=fig2.ONE)
    aligned = {row.x: (row.y, row.stderr) for row in aligned}
    assert list(aligned) == [-20, -10, 0, 10, 20, 30]
    assert aligned[0] == pytest.approx((0.5, 0))
    assert aligned[10] == pytest.approx((0.8, 0))
    assert select(rows, panel="digits", quantity=fig2.LOSS, series=fig2.PLAIN) == []  # only where nothing blurs it
    assert select(rows, panel="linear", quantity=fig2.LOSS, series=fig2.PLAIN)
    assert not select(rows, panel="linear aligned")
    at = select(rows, panel="digits", quantity=fig2.ADDED, series=fig2.TWO)
    assert [(row.x, row.y, row.stderr) for row in at] == [(1, 50, 10), (2, 70, 10)]
    assert "test accuracy at the end 0.800 with 0, 0.850 with 1, 0.900 with 2 additions" in fig2.summary(Contents(rows))
    assert "digits: loss 0.50 -> 0.80 at a guided addition, loss 0.50 -> 0.60 at a plain addition" in fig2.summary(
        Contents(rows)
    )


def test_effects_are_measured_at_each_seeds_own_addition():
    found = {(e["panel"], e["series"]): e for e in fig2.details(fig2_records())["additions"]}
    assert set(found) == {(w, s) for w in ("digits", "linear") for s in (fig2.ONE, fig2.TWO, fig2.PLAIN)}
    two = found["digits", fig2.TWO]
    assert (two["addition"], two["over"], two["n_seeds"]) == (2, fig2.ONE, 2)
    assert two["iteration"]["mean"] == 70
    assert two["spread of the iteration"] == pytest.approx(20 / 2**0.5)
    for name, value in {
        "loss before": 0.5,
        "loss after": 0.8,
        "jump of the loss": 0.3,
        "jump of the loss without it": 0.0,
        "gain of test accuracy": 0.05,
    }.items():
        assert two[name]["mean"] == pytest.approx(value), name
        assert two[name]["stderr"] == pytest.approx(0, abs=1e-9), name
    assert found["digits", fig2.PLAIN]["jump of the loss"]["mean"] == pytest.approx(0.1)


def test_a_run_that_never_added_has_no_effect():
    made = [r for r in fig2_records(("digits",)) if r.series != fig2.TWO]
    late = [
        replace(r, result=replace(r.result, pool=r.result.pool[:2])) for r in fig2_records() if r.series == fig2.TWO
    ]
    assert fig2.TWO not in {e["series"] for e in fig2.details(made + late)["additions"]}
    rows = fig2.compute(Inputs(FIG2, made + late))
    assert [row.x for row in select(rows, panel="digits", quantity=fig2.ADDED, series=fig2.TWO)] == [1]
    fig2.draw(Contents(rows))


def test_hindsight_counts_from_each_rounds_own_addition():
    rows = rows_of("fig6")
    line = {row.x: row.y for row in select(rows, panel="digits", quantity=fig6.WRONG, series="round 1")}
    assert line == pytest.approx({-20: 0.6, -10: 0.6, 0: 1.0, 10: 0.2, 20: 0.2, 30: 0.2})
    second = select(rows, panel="digits", quantity=fig6.WRONG, series="round 2")
    assert second == []  # one seed alone has no standard error
    whole = [row.y for row in select(rows, panel="linear", quantity=fig6.WHOLE, series="round 2")]
    assert whole == pytest.approx([0.3, 0.3, 0.3, 0.5, 0.1, 0.1, 0.1])
    shares = select(rows, panel="digits", quantity=fig6.SHARE, series=fig6.DP)
    assert [(row.x, row.y, row.stderr) for row in shares] == [(1, 0.5, 0), (2, 0.25, 0.25)]
    entry = fig6.details(fig6_records())["rounds"][0]
    means = [entry[key]["mean"] for key in ("best before", "one evaluation before", "one evaluation after", "end")]
    assert means == pytest.approx([0.6, 0.6, 0.2, 0.2])
    assert "round 1 down to 0.60 before, 0.20 and 0.20 10 and 30 iterations after" in fig6.summary(Contents(rows))


def test_gaps_are_paired_by_seed():
    gaps = select(rows_of("fig9"), panel="digits", quantity="gap")
    assert [(row.series, row.x) for row in gaps] == [(fig9.DYNAMIC, 256), (fig9.DYNAMIC, 512)]
    for row in gaps:
        assert row.y == pytest.approx(0)
        assert row.stderr == pytest.approx(0.1 / 3**0.5)
    found = fig9.details(fig9_records())["gaps"]
    assert {len(g["seeds"]) for g in found} == {3}
    assert all(g["seeds"]["low"] < 0 < g["seeds"]["high"] for g in found)
    assert [("seeds and images" in g) for g in found] == [g["panel"] == "digits" for g in found]
    other = [replace(r, seed=r.seed + 1) if r.series == fig9.STATIC else r for r in fig9_records()]
    assert fig9.details(other)["gaps"] == []
    assert "(0 of 2 beyond 2 standard errors)" in fig9.summary(Contents(rows_of("fig9")))


def test_validation_compares_with_the_whole_split():
    rows = rows_of("validation")
    gaps = select(rows, panel="digits", quantity="gap", series="unlimited additions")
    assert [number for row in gaps for number in (row.x, row.y, row.stderr)] == pytest.approx([1, -0.1, 0, 10, 0, 0])
    waits = select(rows, panel="linear", quantity=validation.WAITING, series="unlimited additions")
    assert [(row.x, row.y) for row in waits] == [(1, 45), (10, 100), (100, 100)]
    assert [row.y for row in select(rows, panel="linear", quantity=validation.POOL)] == [2, 1, 1]
    times = {
        (t["panel"], t["series"], t["percent"]): t["additions"]
        for t in validation.details(validation_records())["times"]
    }
    assert [entry["iteration"] for entry in times["digits", "unlimited additions", 1.0]] == [40, 90]
    said = "-0.1000 +- 0.0000 with 1 % of the validation images, 45 instead of 100 evaluations per addition"
    assert said in validation.summary(Contents(rows))


def test_no_real_data_compares_with_watching_real_images():
    rows = rows_of("no_real_data")
    for signal in no_real_data.SIGNALS:
        assert [round(row.y, 9) for row in select(rows, panel="digits", quantity="gap", series=signal)] == [-0.1, -0.1]
        assert [row.y for row in select(rows, panel="digits", quantity=no_real_data.TIMING, series=signal)] == [30, 90]
    assert not select(rows, panel="digits", quantity=no_real_data.TIMING, series=no_real_data.STATIC)
    over = no_real_data.details(no_real_data_records())["gains over static"]
    assert {round(g["value"], 9) for g in over if g["series"] == no_real_data.REAL} == {0.2}
    assert "DP, synthetic images minus DP, real images -0.1000" in no_real_data.summary(Contents(rows))


@pytest.mark.parametrize("name", CASES)
def test_nothing_overlaps(name):
    module = CASES[name][0]
    assert_nothing_overlaps(module.draw(Contents(rows_of(name), "quick preset: few seeds and points", module.CAPTION)))


@pytest.mark.parametrize("name", CASES)
def test_one_world_alone_is_drawn_and_none_is_an_error_with_advice(name):
    module, config, made = CASES[name]
    rows = module.compute(Inputs(config, [r for r in made() if r.panel == "linear"]))
    figure = module.draw(Contents(rows))
    assert "linear world" in " ".join(ax.get_title() for ax in figure.axes)
    assert "linear" in module.summary(Contents(rows))
    with pytest.raises(ValueError, match=r"draw: got no rows of any panel; allowed .*; do run a world"):
        module.draw(Contents([]))
    assert "no panel" in module.summary(Contents([]))


@pytest.mark.parametrize("preset", ["default", "quick"])
@pytest.mark.parametrize("name", NAMES)
def test_experiments_resolve_and_reuse_the_runs_of_figure_4(name, preset):
    expanded = {figure: plan(figure, Options(targets=[figure], preset=preset)).cases for figure in (name, "fig4")}
    known = {run_name(case.run) for case in expanded["fig4"]}
    new = [case for case in expanded[name] if run_name(case.run) not in known]
    assert expanded[name]
    if preset == "default" and name in ("fig6", "fig9"):
        assert {(case.panel, case.series, case.value) for case in new} <= {("digits", "static", 1536)}
    if preset == "default" and name == "fig2":
        assert {case.series for case in new if case.panel == "digits"} == {fig2.TWO}
    if preset == "default" and name == "no_real_data":
        assert {case.series for case in new} == set(no_real_data.SIGNALS)
    if name == "validation":
        full = [c for c in expanded[name] if c.value == 1.0 and c.series == "three additions"]
        assert not [case for case in full if case in new]


def test_points_are_in_order_of_seed():
    found = records.points([record("digits", "s", seed) for seed in (2, 0, 1)])
    assert [r.seed for r in found["digits", "s", 512.0]] == [0, 1, 2]
    one = [record("digits", "s", 0)]
    assert records.gain(one, one, np.random.default_rng(0)) is None
