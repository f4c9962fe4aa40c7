"""The figure `generators`: measures of the generators beside gains of practice, from invented records."""

import pytest
from support.layout import assert_nothing_overlaps
from support.records import invented

from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.contract.table import select
from figures.paper.numbers import DP, STATIC
from figures.practice import generators

SETTINGS = {"finished": 8000}


def records():
    """Invent gains of .1 at scale 0, where coverage is .9, of 0 at scale 2, and of .2 after 1,000 or all iterations."""
    made = []
    for panel, value, gain, coverage in (
        ("guidance", 0.0, 0.1, 0.9), ("guidance", 2.0, 0.0, 0.5), ("length", 1000, 0.2, 0.7), ("length", 0, 0.2, 0.8),
    ):  # fmt: skip
        for seed in range(3):
            accuracy = 0.5 + 0.02 * seed
            examined = {"agreement": 0.99, "density": 1.1, "coverage": coverage + 0.01 * (seed - 1)}
            made.append(invented(panel, STATIC, seed, value=value, accuracy=accuracy, examined=examined))
            made.append(invented(panel, DP, seed, value=value, accuracy=accuracy + gain))
    return made


@pytest.fixture(scope="module")
def rows():
    return table.check(generators.compute(Inputs(SETTINGS, records())))


def test_gains_are_paired_and_stand_against_the_coverage_of_the_same_generator(rows):
    gains = [(row.panel, row.x, row.y, row.stderr) for row in select(rows, series=DP, quantity="gain")]
    expected = [("guidance", 0, 0.1, 0), ("guidance", 2, 0, 0), ("length", 1000, 0.2, 0), ("length", 8000, 0.2, 0)]
    assert gains == [(panel, x, pytest.approx(y), pytest.approx(0, abs=1e-9)) for panel, x, y, _ in expected]
    against = [(row.series, row.x, row.y) for row in generators.gains_against(rows, "coverage")]
    series = ["by guidance scale"] * 2 + ["by length of the training"] * 2
    points = zip(series, [0.9, 0.5, 0.7, 0.8], [0.1, 0, 0.2, 0.2], strict=True)
    assert sorted((n, round(x, 9), round(y, 9)) for n, x, y in against) == sorted(points)


def test_the_finished_training_has_its_own_length_and_scale_zero_stays_zero(rows):
    assert {row.x for row in select(rows, panel="length")} == {1000, 8000}
    assert {row.x for row in select(rows, panel="guidance")} == {0, 2}


def test_every_gain_has_its_intervals():
    gains = generators.details(records())["gains"]
    assert [(entry["panel"], entry["setting"]) for entry in gains] == [
        ("guidance", 0), ("guidance", 2), ("length", 1000), ("length", 0),
    ]  # fmt: skip
    assert all(entry["seeds"]["low"] <= entry["value"] <= entry["seeds"]["high"] for entry in gains)


def test_the_summary_has_gain_coverage_and_labels(rows):
    said = generators.summary(Contents(rows))
    assert "by guidance scale: +.100 +- .000 at 0 (label agreement .990, density 1.100, coverage .900)" in said
    assert generators.summary(Contents([])) == "no generator has both methods"


@pytest.mark.parametrize("missing", ["", "length", "guidance"])
def test_it_is_drawn_with_or_without_a_panel(rows, missing):
    shown = [row for row in rows if row.panel != missing]
    figure = generators.draw(Contents(shown, note="quick preset", caption=generators.CAPTION))
    assert_nothing_overlaps(figure)


def test_no_rows_is_an_error_with_advice():
    with pytest.raises(ValueError, match=r"generators\.draw: got no rows of any panel"):
        generators.draw(Contents([]))
