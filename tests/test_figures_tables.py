"""The figures that are tables - table3, workshop, outliers - from invented records; how output.py writes them."""

import doctest
import json
import tomllib
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest

from figures import dots, outliers, output, paper, table, table3, workshop
from figures.table import Row, select

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def record(panel, series, seed, accuracy, *, value=0.0, size=512, omega=0.0, retire=0.0, rounds=(), **more):
    """One finished run, as far as figures look at it; `rounds` are (images, gflop, added) of additions."""
    growth = {"initial": 128, "additions": 6 if omega else 0, "addition": 64}
    pool = [{"images": 128, "gflop": 12.8, "added": 128}]
    pool += [{"images": images, "gflop": gflop, "added": added} for images, gflop, added in rounds]
    config = {"acquire": {"omega": omega, "retire": retire}, "growth": growth}
    result = {"accuracy": accuracy, "correct": None, "pool": pool, "pool_size": size, "config": config}
    return {"panel": panel, "series": series, "value": value, "seed": seed, "result": result, **more}


def runs(panel, series, accuracies, **settings):
    return [record(panel, series, seed, a, **settings) for seed, a in enumerate(accuracies)]


TABLE3 = [
    *runs("digits", table3.MAIN, [0.96, 0.97, 0.95], omega=0.05),
    *runs("digits", table3.ZERO, [0.93, 0.95, 0.91]),
    *runs("digits", "1.4 of the usual omega", [0.95, 0.95, 0.95], omega=0.07)[:2],  # a seed is missing
    *runs("digits", table3.STATIC, [0.93, 0.95, 0.91]),
    *runs("digits", "static, Mixup and CutMix", [0.92, 0.95, 0.89]),
    *runs("digits", "fixed patience", [0.96, 0.96, 0.96], omega=0.05, size=480),
    *runs("linear", table3.MAIN, [0.95, 0.96, 0.97], omega=0.01, size=1024),
    *runs("linear", "1.4 of the usual omega", [0.96, 0.98, 0.97], omega=0.014, size=1024),
]
WORKSHOP = [
    *runs("digits", workshop.WSD, [0.92, 0.93]),
    *runs("digits", workshop.WHOLE, [0.95, 0.97], retire=1.0, omega=0.05, rounds=[(128, 25.6, 128)] * 3),
    *runs("digits", workshop.RANDOM, [0.94, 0.94], retire=1.0, rounds=[(128, 12.8, 128)] * 2),
]


def examined(agreement, far):
    return {
        "rounds": [
            {"agreement": 0.0, "far": 1.0, "distance": 9.0},
            {"agreement": agreement, "far": far, "distance": 1.5},
        ],
        "real": {"agreement": 0.97, "distance": 1.0},
    }


def fidelity(agreements_by_omega):
    return [
        record("a digits", "entropy", seed, 0.9, value=omega, examined=examined(a, 1 - a))
        for omega, agreements in agreements_by_omega.items()
        for seed, a in enumerate(agreements)
    ]


OUTLIERS = [
    *fidelity({0.0: [1.0, 0.98, 0.99], 0.05: [0.95, 0.95, 0.96], 0.1: [0.6, 0.5, 0.7], 0.2: [0.99, 0.99, 0.98]}),
    *runs("b digits", outliers.ALL, [0.93, 0.92, 0.94], value=0.0, rounds=[(256, 30, 256)]),
    *runs("b digits", outliers.ALL, [0.95, 0.96, 0.94], value=0.05, rounds=[(256, 30, 256)]),
    *runs("b digits", outliers.ALL, [0.92, 0.91, 0.94], value=0.1, rounds=[(256, 30, 256)]),
    *runs("b digits", "20 % dropped", [0.95, 0.94, 0.95], value=0.1, rounds=[(320, 40, 256)]),
    *runs("b digits", outliers.INSTEAD, [0.95, 0.95, 0.96], value=0.0, rounds=[(2304, 270, 2304)]),
    *runs("c digits", "usual omega", [0.96, 0.96, 0.97], value=0.0),
    *runs("c digits", "usual omega", [0.96, 0.95, 0.97], value=0.2),
]


def rows_of(module, records):
    return table.check(module.compute({}, records, lambda *_: None))


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


ALL = [(table3, TABLE3), (workshop, WORKSHOP), (outliers, OUTLIERS)]


# table3


def test_changes_are_paired_by_seed_and_need_the_same_seeds():
    rows = rows_of(table3, TABLE3)
    (change,) = select(rows, panel="digits: change", series=table3.ZERO)
    assert change.y == pytest.approx(np.mean([-0.03, -0.02, -0.04]))
    assert change.stderr == pytest.approx(0.01 / np.sqrt(3))  # that of the differences, not of the means
    assert not select(rows, panel="digits: change", series="1.4 of the usual omega")
    (mixed,) = select(rows, panel="digits: change", series="static, Mixup and CutMix")
    assert mixed.y == pytest.approx(-0.01)  # from static, not from the first line
    assert [row.x for row in select(rows, panel="linear: change")] == [0.014]  # its omega


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
    assert said in table3.summary(rows)
    assert said in table3.markdown(rows)
    stopped = table3.details(TABLE3)["stopped early"]
    assert [(s["series"], s["samples"]) for s in stopped] == [("fixed patience", 480)] * 3


def test_details_have_every_comparison_with_intervals():
    found = {(c["panel"], c["line"], c["against"]): c for c in table3.details(TABLE3)["changes"]}
    assert ("digits", table3.ZERO, table3.STATIC) in found  # the second of its two
    assert found["digits", table3.ZERO, table3.STATIC]["seeds"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert json.loads(json.dumps(list(found.values()))) == list(found.values())


def test_table3_in_markdown():
    lines = table3.markdown(rows_of(table3, TABLE3)).splitlines()
    assert lines[0] == (
        "|  | linear | change | samples | digits | change | samples | validation set | real training set |"
    )
    assert lines[3] == "| omega = 0 | - | - | - | .930 +- .012 | -.030 +- .006 | 512 | .6158 | .6309 |"
    assert lines[-3].split(" | ")[4:6] == [".920 +- .017", "-.010 +- .006 (from 'static')"]
    assert "digits 3 seeds, linear 3 seeds" in lines[-1]
    assert len({line.count("|") for line in lines[:-2]}) == 1


def test_summary_has_changes_from_the_first_line_only():
    said = table3.summary(rows_of(table3, TABLE3))
    assert "digits: .960 +- .006; changes: omega = 0 -.030 +- .006" in said
    assert "Mixup" not in said


# workshop


def test_workshop_counts_images_made_and_sampling_work():
    rows = rows_of(workshop, WORKSHOP)
    made = {row.series: row.y for row in select(rows, panel="digits: images")}
    assert made == {workshop.WSD: 128, workshop.WHOLE: 512, workshop.RANDOM: 384}
    details = {d["line"]: d for d in workshop.details(WORKSHOP)["made"]}
    assert details[workshop.WHOLE]["swaps"] == [3, 3]
    assert details[workshop.WHOLE]["sampling work, in plain images"] == [128 + 3 * 256] * 2
    assert "100 % swapped .960 +- .010 (512 images)" in workshop.summary(rows)


def test_workshop_compares_with_static_and_with_random_generation():
    found = {(c["line"], c["against"]): c["value"] for c in workshop.details(WORKSHOP)["changes"]}
    assert found[workshop.WHOLE, workshop.WSD] == pytest.approx(0.035)
    assert found[workshop.WHOLE, workshop.RANDOM] == pytest.approx(0.02)


def test_workshop_has_the_precursors_numbers():
    rows = rows_of(workshop, WORKSHOP)
    assert [row.y for row in select(rows, panel="IN-100 test", series=workshop.WHOLE)] == [0.4984]
    assert [row.y for row in select(rows, panel="IN-100 val", series="25 % swapped, longer patience")] == [0.4290]
    assert "deliberate practice .4113" in workshop.markdown(rows)


def test_the_precursors_figure_and_table_agree():
    """Fig. 2's ImageNet-100 numbers are lines of Table 1."""
    table1 = {values[4:] for values in paper.WORKSHOP_TABLE1}
    assert {values[3:] for values in paper.WORKSHOP_FIG2 if values[0] == "IN-100"} <= table1


# outliers


def test_the_faithful_omega_is_the_last_before_the_first_failure():
    """At .05 the lower 95 % bound is .953 - 4.30 * .0033 = .939, below .95 * .99 = .9405; a smaller spread passes."""
    assert outliers.faithful(rows_of(outliers, OUTLIERS), "digits") == (0.0, False)
    tighter = fidelity({0.0: [1.0, 0.98, 0.99], 0.05: [0.953, 0.953, 0.954], 0.1: [0.6, 0.5, 0.7], 0.2: [0.99] * 3})
    assert outliers.faithful(rows_of(outliers, tighter), "digits") == (0.05, False)  # .2 passes again, and is not taken
    assert outliers.faithful(rows_of(outliers, tighter[:6]), "digits") == (0.05, True)
    assert outliers.faithful(rows_of(outliers, tighter[3:]), "digits") is None  # nothing to compare with


def test_the_harmless_omega_follows_paired_means():
    rows = rows_of(outliers, OUTLIERS)
    gains = {row.x: row.y for row in select(rows, panel="gain digits", series=outliers.ALL)}
    assert gains == {0.05: pytest.approx(0.02), 0.1: pytest.approx(-0.02 / 3)}
    assert outliers.harmless(rows, "digits") == (0.05, False)


def test_rescue_is_measured_against_no_filter_at_the_same_omega():
    rows = rows_of(outliers, OUTLIERS)
    (rescue,) = select(rows, panel="rescue digits")
    assert (rescue.series, rescue.x, rescue.y) == ("20 % dropped", 0.1, pytest.approx(0.07 / 3))
    assert {(row.series, row.x): row.y for row in select(rows, panel="cost digits")}["20 % dropped", 0.1] == 1.25
    (instead,) = select(rows, panel="gain digits", series=outliers.INSTEAD)
    assert instead.y == pytest.approx(0.07 / 3)


def test_outliers_look_at_the_added_round_only():
    rows = rows_of(outliers, OUTLIERS)
    assert select(rows, panel="a digits", series=outliers.FAR)[0].y == pytest.approx(0.01)
    assert {row.panel for row in rows if row.series == outliers.DISTANCE} == {"distance digits"}


def test_outliers_in_markdown():
    said = outliers.markdown(rows_of(outliers, OUTLIERS))
    assert "| 0.1 | .600 +- .058 | .400 +- .058 | .923 +- .009 | -.007 +- .003 | +.023 +- .007 |" in said
    assert "Labels are faithful up to omega 0. Accuracy is not below that of plain samples up to 0.05." in said
    assert "With the reference's images added instead: .953 +- .003." in said
    assert "Full loop, usual omega, 20% dropped: -.003 +- .003." in said
    assert "linear" not in said


def test_outliers_summary():
    said = outliers.summary(rows_of(outliers, OUTLIERS))
    assert said == (
        "digits: labels faithful up to omega 0, accuracy not below plain up to 0.05, "
        "best filter 20 % dropped at 0.1: +.023 +- .007"
    )


# all of them


@pytest.mark.parametrize(("module", "records"), [*ALL, (outliers, OUTLIERS[:-6])])
def test_nothing_overlaps(module, records):
    """Lines' names, panels, titles, legend, caption and note do not cover each other and lie within the figure."""
    figure = module.draw(rows_of(module, records), note="quick preset", caption=module.describe({}))
    figure.draw_without_rendering()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            labels = [t.get_window_extent() for t in axis.get_ticklabels() if t.get_visible() and t.get_text()]
            assert not any(a.overlaps(b) for a, b in combinations(labels, 2)), ax.get_title()
    blocks = [ax.get_tightbbox() for ax in figure.axes]
    blocks += [legend.get_window_extent() for legend in figure.findobj(matplotlib.legend.Legend)]
    blocks += [text.get_window_extent() for text in (figure._suptitle, figure._supxlabel)]
    assert not any(a.padded(-1).overlaps(b.padded(-1)) for a, b in combinations(blocks, 2))
    assert all(figure.bbox.x0 <= b.x0 and b.x1 <= figure.bbox.x1 for b in blocks)


@pytest.mark.parametrize(("module", "records"), ALL)
def test_missing_panels_are_left_out(module, records):
    rows = rows_of(module, records)
    own = [row for row in rows if row.source == "practice"]
    assert 0 < len(module.draw(own).axes) < len(module.draw([*rows, *other_world(own)]).axes)
    with pytest.raises(ValueError, match=r"draw: got no rows of any panel; allowed .*; do run a world"):
        module.draw([row._replace(panel="elsewhere") for row in own])
    assert "no panel has" in module.summary([])


def other_world(rows):
    return [row._replace(panel=row.panel.replace("digits", "linear")) for row in rows if "digits" in row.panel]


@pytest.mark.parametrize(("module", "records"), ALL[:2])
def test_every_line_has_its_dot_and_its_name(module, records):
    rows = rows_of(module, records)
    figure = module.draw(rows)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    column = next(c for c in module.COLUMNS if c.title == "digits")
    ax = next(ax for ax in figure.axes if ax.get_title().startswith("digits"))
    dotted = {(names[round(bar.lines[0].get_ydata()[0])], float(bar.lines[0].get_xdata()[0])) for bar in ax.containers}
    assert dotted == {(row.series, row.y) for row in rows if row.panel in column.panels}
    assert set(names) == {r.series for r in rows if any(r.panel in c.panels for c in module.COLUMNS)}
    bar = ax.containers[0]
    (segment,) = bar.lines[2][0].get_segments()
    name = names[round(bar.lines[0].get_ydata()[0])]
    first = next(row for row in rows if row.panel == "digits" and row.series == name)
    assert np.ptp(segment[:, 0]) == pytest.approx(4 * first.stderr)


@pytest.mark.parametrize("name", ["table3", "workshop", "outliers"])
def test_the_experiments_name_lines_and_panels_that_the_module_knows(name):
    module = {"table3": table3, "workshop": workshop, "outliers": outliers}[name]
    for series in tomllib.loads((EXPERIMENTS / f"{name}.toml").read_text())["series"]:
        assert series["panel"] in module.RUN_PANELS
        assert series["name"] in getattr(module, "LINES", [series["name"]])


def test_all_lines_of_table3_end_alike():
    ends = {}
    for series in tomllib.loads((EXPERIMENTS / "table3.toml").read_text())["series"]:
        growth = {key: value for key, value in series["set"].items() if key.startswith("growth.")}
        (value,) = series["values"] if isinstance(series["values"], list) else series["values"]["default"]
        growth[series["vary"]] = value
        end = growth["growth.initial"] + growth["growth.additions"] * growth.get("growth.addition", 0)
        ends.setdefault((series["panel"], "four times" in series["name"]), set()).add(end)
    assert ends == {
        ("linear", False): {1024},
        ("linear", True): {4096},
        ("digits", False): {512},
        ("digits", True): {2048},
    }


def test_the_workshops_pool_keeps_its_size():
    for series in tomllib.loads((EXPERIMENTS / "workshop.toml").read_text())["series"]:
        if series["vary"] == "acquire.retire":
            (share,) = series["values"] if isinstance(series["values"], list) else series["values"]["default"]
            assert series["set"]["growth.addition"] == share * series["set"]["growth.initial"]


# output.py


def produce(folder, module, note=""):
    return output.produce(
        module, folder / "t", {}, [], [], note, dict, lambda *_: None, reuse=(folder / "t.json").exists()
    )


def invented(**more):
    rows = [Row("t", "p", "s", "paper", 0.0, 0.5)]
    return SimpleNamespace(
        compute=lambda *_: rows,
        draw=lambda *_: matplotlib.figure.Figure(),
        summary=lambda *_: "a line",
        describe=lambda *_: "A caption",
        **more,
    )


def test_a_module_with_markdown_gets_a_file_that_its_line_names(tmp_path):
    module = invented(markdown=lambda rows: f"| {rows[0].y} |\n")
    said, picture = produce(tmp_path, module, note="quick preset")
    assert said == "a line; table: t.md"
    assert (tmp_path / "t.md").read_text() == "A caption (quick preset)\n\n| 0.5 |\n"
    (tmp_path / "t.md").unlink()
    produce(tmp_path, module)  # drawn again from the stored table: the file is written again, too
    assert (tmp_path / "t.md").read_text() == "A caption\n\n| 0.5 |\n"
    assert picture.exists()


def test_a_module_without_markdown_gets_none(tmp_path):
    said, _ = produce(tmp_path, invented())
    assert said == "a line"
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".json", ".pdf", ".png", ".svg"]


@pytest.mark.parametrize("module", [dots, table3, workshop, outliers, paper])
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0
