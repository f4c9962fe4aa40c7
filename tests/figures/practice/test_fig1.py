"""Figure 1 from invented records: the paper's numbers, runs of recipes, and the digits of fig4."""

import numpy as np
import pytest
from matplotlib.legend import Legend
from support.layout import assert_nothing_overlaps
from support.places import EXPERIMENTS
from support.records import invented

from empirical.settings.recipes import load_toml
from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.contract.table import select
from figures.paper import numbers as paper
from figures.practice import fig1


def own(recipe, line, seed, right):
    sets = {name: {"totals": [500], "hits": [right], "raw_hits": [0]} for name in ("validation", "sketch")}
    return invented(recipe, line, seed, sets=sets)


def digits(series, size, accuracy):
    return [
        invented("digits", series, seed, value=size, accuracy=accuracy + 0.01 * seed, pool_size=size)
        for seed in range(3)
    ]


RECORDS = [
    own("imagenet100/table4", "static, 64k", 0, 290),
    own("imagenet1k/table5", "DP, 160k + 1 x 160k", 0, 200),
    own("imagenet1k/table5", "DP, 160k + 1 x 160k", 1, 220),
    *digits(paper.STATIC, 128, 0.90),
    *digits(paper.STATIC, 8192, 0.94),
    *digits(paper.DP, 512, 0.95),
]


def contents_of(records=RECORDS, note=""):
    return Contents(rows_of(records), note, fig1.CAPTION, details=fig1.details(records))


def rows_of(records=RECORDS):
    return table.check(fig1.compute(Inputs({}, records)))


def test_own_runs_stand_beside_the_papers_points():
    rows = rows_of()
    own_points = [row for row in rows if row.source == "practice" and row.panel != "digits"]
    assert not select(own_points, panel="IN-100")  # one run has no standard error over seeds: it is not in the table
    (hundred,) = fig1.own_points(contents_of(), "IN-100")
    error = pytest.approx(np.sqrt(0.58 * 0.42 / 500))
    assert hundred[2:9] == (paper.STATIC, "accuracy", "practice", 64_000, 0.58, error, None)
    (thousand,) = select(own_points, panel="IN-1k")
    assert thousand[2:9] == (paper.DP, "accuracy", "practice", 320_000, pytest.approx(0.42), pytest.approx(0.02), 2)
    assert len(select(rows, source="paper")) == 18 + 13
    assert len(select(rows, panel="digits")) == 3


def test_savings_are_the_papers_whatever_else_there_is():
    assert "IN-1k, accuracy 0.452: 6.9x fewer samples (4.2 to 17); IN-1k, own points: 1" in fig1.summary(contents_of())
    assert "digits, accuracy 0.9" in fig1.summary(contents_of())
    assert fig1.summary(Contents([])) == "no panel has both methods"


@pytest.mark.parametrize("records", [RECORDS, RECORDS[:3], []], ids=["all", "no digits", "nothing run"])
def test_it_is_drawn_legibly(records):
    figure = fig1.draw(contents_of(records, "quick preset"))
    assert_nothing_overlaps(figure)
    (legend,) = figure.findobj(Legend)
    named = {text.get_text() for text in legend.get_texts()}
    assert ("static, own runs" in named) == bool(records)
    assert len(figure.axes) == 2 * (3 if records == RECORDS else 2)  # curves, and the samples saved below


def test_no_rows_is_an_error_with_advice():
    with pytest.raises(ValueError, match=r"fig1\.draw: got no rows of any panel; allowed .*; do run a world first"):
        fig1.draw(Contents([]))


def test_its_runs_are_those_of_figure_4():
    """Equal series, in the same world: equal runs, which are made once."""
    one, four = (load_toml(EXPERIMENTS / f"{name}.toml") for name in ("fig1", "fig4"))
    assert all(series in four["series"] for series in one["series"])
    for preset in ("default", "quick"):
        assert one["presets"][preset]["seeds"]["digits"] == four["presets"][preset]["seeds"]["digits"]
