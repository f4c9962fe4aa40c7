"""The figures that are tables - table3, workshop, outliers - from invented records."""

import doctest
import json

import numpy as np
import pytest
from matplotlib.legend import Legend
from support.invented_tables import OUTLIERS, TABLE3, WORKSHOP, rows_of
from support.layout import assert_nothing_overlaps
from support.places import EXPERIMENTS
from support.records import invented, linear_config

from empirical.scale.series import series_of
from empirical.settings.recipes import load_toml
from figures.contract.figure import Contents
from figures.contract.table import select
from figures.drawing import dots
from figures.paper import numbers as paper
from figures.practice import outliers
from figures.tables import table3, workshop
from rmt.practice import Guided, Plain, learning_curve

ALL = [(table3, TABLE3), (workshop, WORKSHOP), (outliers, OUTLIERS)]


# table3


def test_changes_are_paired_by_seed_and_need_the_same_seeds():
    rows = rows_of(table3, TABLE3)
    (change,) = select(rows, panel="digits", quantity="change", series=table3.ZERO)
    assert change.y == pytest.approx(np.mean([-0.03, -0.02, -0.04]))
    assert change.stderr == pytest.approx(0.01 / np.sqrt(3))  # that of the differences, not of the means
    assert not select(rows, panel="digits", quantity="change", series="1.4 of the usual omega")
    (mixed,) = select(rows, panel="digits", quantity="change", series="static, Mixup and CutMix")
    assert mixed.y == pytest.approx(-0.01)  # from static, not from the first line
    assert [row.x for row in select(rows, panel="linear", quantity="change")] == [0.014]  # its omega


def test_table3_has_the_papers_lines_beside_ours():
    rows = rows_of(table3, TABLE3)
    beside = {(row.series, row.x): row.y for row in select(rows, panel="IN-100 val")}
    assert beside[table3.MAIN, 0.05] == 0.6804
    assert beside["1.4 of the usual omega", 0.07] == 0.6688
    assert beside["fixed patience", 0.05] == 0.6722
    assert len(beside) == len(paper.TABLE3) == 6


def test_lines_that_stopped_early_are_said():
    rows = rows_of(table3, TABLE3)
    said = "digits, fixed patience: 480 samples on average instead of 512, some seeds stopped early"
    assert table3.uneven(rows) == [said]
    assert said in table3.summary(Contents(rows))
    assert said in table3.markdown(Contents(rows))
    stopped = table3.details(TABLE3)["stopped early"]
    assert [(s["series"], s["samples"]) for s in stopped] == [("fixed patience", 480)] * 3


def test_details_have_every_comparison_with_intervals():
    found = {(c["panel"], c["line"], c["against"]): c for c in table3.details(TABLE3)["changes"]}
    assert ("digits", table3.ZERO, table3.STATIC) in found  # the second of its two
    assert found["digits", table3.ZERO, table3.STATIC]["seeds"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert json.loads(json.dumps(list(found.values()))) == list(found.values())


def test_the_linear_worlds_lines_have_their_theory():
    rows = rows_of(table3, TABLE3)
    law = {row.series: row for row in select(rows, source="theory")}
    assert {row.series for row in select(rows, panel="linear", quantity="accuracy")} == set(law)
    assert law[table3.MAIN].y == pytest.approx(learning_curve([1], 0.01, [], first=Plain(10)).accuracy[0])
    assert "theory: z-scores of 2 points (" in table3.summary(Contents(rows))
    figure = table3.draw(Contents(rows))
    drawn = [sorted(line.get_xdata()) for line in figure.axes[0].lines]
    assert sorted(row.y for row in law.values()) in drawn
    assert dots.THEORY in [text.get_text() for text in figure.findobj(Legend)[0].get_texts()]


def test_table3_in_markdown():
    lines = table3.markdown(Contents(rows_of(table3, TABLE3))).splitlines()
    assert lines[0] == (
        "|  | linear | change | theory | samples | digits | change | samples | validation set | real training set |"
    )
    assert lines[3] == "| omega = 0 | - | - | - | - | .930 +- .012 | -.030 +- .006 | 512 | .6158 | .6309 |"
    assert lines[-3].split(" | ")[5:7] == [".920 +- .017", "-.010 +- .006 (from 'static')"]
    assert "digits 3 seeds, linear 3 seeds" in lines[-1]
    assert len({line.count("|") for line in lines[:-2]}) == 1


def test_summary_has_changes_from_the_first_line_only():
    said = table3.summary(Contents(rows_of(table3, TABLE3)))
    assert "digits: .960 +- .006; changes: omega = 0 -.030 +- .006" in said
    assert "Mixup" not in said


def test_all_lines_of_table3_end_alike():
    ends = {}
    for series in series_of("table3", load_toml(EXPERIMENTS / "table3.toml")):
        growth = {key: value for key, value in series.set.items() if key.startswith("growth.")}
        (value,) = series.points("default", "table3")
        growth[series.vary] = value
        end = growth["growth.initial"] + growth["growth.additions"] * growth.get("growth.addition", 0)
        ends.setdefault((series.panel, "four times" in series.name), set()).add(end)
    assert ends == {
        ("linear", False): {1024},
        ("linear", True): {4096},
        ("digits", False): {512},
        ("digits", True): {2048},
    }


# workshop


def test_workshop_counts_images_made_and_sampling_work():
    rows = rows_of(workshop, WORKSHOP)
    made = {row.series: row.y for row in select(rows, panel="digits", quantity="images")}
    assert made == {workshop.WSD: 128, workshop.WHOLE: 512, workshop.RANDOM: 384}
    details = {d["line"]: d for d in workshop.details(WORKSHOP)["made"]}
    assert details[workshop.WHOLE]["swaps"] == [3, 3]
    assert details[workshop.WHOLE]["sampling work, in plain images"] == [128 + 3 * 256] * 2
    assert "100 % swapped .960 +- .010 (512 images)" in workshop.summary(Contents(rows))


def test_pools_swapped_as_a_whole_alternate_beside_their_theory():
    seen = {0: ([0, 4, 6], [0.8, 0.8, 0.6, 0.7]), 1: ([0, 4], [0.9, 0.9, 0.7, 0.8])}  # the second seed swapped once
    records = [swapped(seed, pool, accuracies) for seed, (pool, accuracies) in seen.items()]
    rows = [row for row in workshop.by_swap(records) if row.quantity == workshop.AFTER]
    practice, theory = (select(rows, source=source) for source in ("practice", "theory"))
    assert [(row.x, row.y) for row in practice] == [(0, pytest.approx(0.85)), (1, pytest.approx(0.65))]
    law = learning_curve((4, 4), 0.01, Guided(0.05 * 128**0.5, 10), "replace").accuracy
    assert [row.y for row in theory] == pytest.approx(law, abs=2e-5)
    said = f"linear, 100 % swapped: .650 on validation samples after 1, 2, ... swaps, theory {law[1]:.3f}"
    assert workshop.alternation(rows) == said.replace("0.", ".")
    assert workshop.alternation(rows_of(workshop, WORKSHOP)) == ""


def swapped(seed, steps, accuracies):
    """A run whose pool was swapped after the evaluations at these `steps`; an evaluation every two steps."""
    config = linear_config({"initial": 512, "addition": 512, "additions": 2}, omega=0.05, retire=1.0)
    path = {"step": [2, 4, 6, 8], "accuracy_validation": accuracies}
    pool = [{"step": step} for step in steps]
    return invented("linear", workshop.WHOLE, seed, config=config, pool=pool, trajectory=path)


def test_workshop_compares_with_static_and_with_random_generation():
    found = {(c["line"], c["against"]): c["value"] for c in workshop.details(WORKSHOP)["changes"]}
    assert found[workshop.WHOLE, workshop.WSD] == pytest.approx(0.035)
    assert found[workshop.WHOLE, workshop.RANDOM] == pytest.approx(0.02)


def test_workshop_has_the_precursors_numbers():
    rows = rows_of(workshop, WORKSHOP)
    assert [row.y for row in select(rows, panel="IN-100 test", series=workshop.WHOLE)] == [0.4984]
    assert [row.y for row in select(rows, panel="IN-100 val", series="25 % swapped, longer patience")] == [0.4290]
    assert "deliberate practice .4113" in workshop.markdown(Contents(rows))


def test_the_precursors_figure_and_table_agree():
    """Fig. 2's ImageNet-100 numbers are lines of Table 1."""
    numbers = {"Table 1": set(), "Fig. 2": set()}
    for line in paper.cells_of("workshop"):
        if line["task"] == "ImageNet-100":
            numbers[line["source"]].add((line["validation"], line["test"]))
    assert len(numbers["Fig. 2"]) == 3
    assert numbers["Fig. 2"] <= numbers["Table 1"]


def test_the_workshops_pool_keeps_its_size():
    for series in series_of("workshop", load_toml(EXPERIMENTS / "workshop.toml")):
        if series.vary == "acquire.retire":
            (share,) = series.points("default", "workshop")
            assert series.set["growth.addition"] == share * series.set["growth.initial"]


# all of them, outliers too


@pytest.mark.parametrize(("module", "records"), [*ALL, (outliers, OUTLIERS[:-6])])
def test_nothing_overlaps(module, records):
    figure = module.draw(Contents(rows_of(module, records), note="quick preset", caption=module.FIGURE.describe({})))
    assert_nothing_overlaps(figure)


@pytest.mark.parametrize(("module", "records"), ALL)
def test_missing_panels_are_left_out(module, records):
    rows = rows_of(module, records)
    own = [row for row in rows if row.source == "practice"]
    assert 0 < len(module.draw(Contents(own)).axes) < len(module.draw(Contents([*rows, *other_world(own)])).axes)
    with pytest.raises(ValueError, match=r"draw: got no rows of any panel; allowed .*; do run a world"):
        module.draw(Contents([row._replace(panel="elsewhere") for row in own]))
    assert "no panel has" in module.summary(Contents([]))


def other_world(rows):
    return [row._replace(panel=row.panel.replace("digits", "linear")) for row in rows if "digits" in row.panel]


@pytest.mark.parametrize(("module", "records"), ALL[:2])
def test_every_line_has_its_dot_and_its_name(module, records):
    rows = rows_of(module, records)
    figure = module.draw(Contents(rows))
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    column = next(c for c in module.COLUMNS if c.title == "digits")
    ax = next(ax for ax in figure.axes if ax.get_title().startswith("digits"))
    dotted = {(names[round(bar.lines[0].get_ydata()[0])], float(bar.lines[0].get_xdata()[0])) for bar in ax.containers}
    assert dotted == {
        (row.series, row.y) for row in rows if row.panel in column.panels and row.quantity == column.quantity
    }
    assert set(names) == {r.series for r in rows if any(r.panel in c.panels for c in module.COLUMNS)}
    bar = ax.containers[0]
    (segment,) = bar.lines[2][0].get_segments()
    name = names[round(bar.lines[0].get_ydata()[0])]
    first = next(row for row in rows if row.panel == "digits" and row.series == name)
    assert np.ptp(segment[:, 0]) == pytest.approx(4 * first.stderr)


@pytest.mark.parametrize("name", ["table3", "workshop", "outliers"])
def test_the_experiments_name_lines_and_panels_that_the_module_knows(name):
    module = {"table3": table3, "workshop": workshop, "outliers": outliers}[name]
    for series in load_toml(EXPERIMENTS / f"{name}.toml")["series"]:
        assert series["panel"] in module.FIGURE.panels
        assert series["name"] in getattr(module, "LINES", [series["name"]])


@pytest.mark.parametrize("module", [dots, table3, workshop, outliers, paper])
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0
