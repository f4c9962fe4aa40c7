"""The figure of outliers, from invented records: which omega is faithful, which harmless, what a filter rescues."""

import pytest
from support.invented_tables import OUTLIERS, fidelity, rows_of

from figures.contract.figure import Contents
from figures.contract.table import select
from figures.practice import outliers


def test_the_faithful_omega_is_the_last_before_the_first_failure():
    """At .05 the lower 95 % bound is .953 - 4.30 * .0033 = .939, below .95 * .99 = .9405; a smaller spread passes."""
    assert outliers.faithful(rows_of(outliers, OUTLIERS), "digits") == (0.0, False)
    tighter = fidelity({0.0: [1.0, 0.98, 0.99], 0.05: [0.953, 0.953, 0.954], 0.1: [0.6, 0.5, 0.7], 0.2: [0.99] * 3})
    assert outliers.faithful(rows_of(outliers, tighter), "digits") == (0.05, False)  # .2 passes again, and is not taken
    assert outliers.faithful(rows_of(outliers, tighter[:6]), "digits") == (0.05, True)
    assert outliers.faithful(rows_of(outliers, tighter[3:]), "digits") is None  # nothing to compare with


def test_the_harmless_omega_follows_paired_means():
    rows = rows_of(outliers, OUTLIERS)
    gains = {row.x: row.y for row in select(rows, panel="b digits", quantity=outliers.OVER_PLAIN, series=outliers.ALL)}
    assert gains == {0.05: pytest.approx(0.02), 0.1: pytest.approx(-0.02 / 3)}
    assert outliers.harmless(rows, "digits") == (0.05, False)


def test_rescue_is_measured_against_no_filter_at_the_same_omega():
    rows = rows_of(outliers, OUTLIERS)
    (rescue,) = select(rows, panel="b digits", quantity=outliers.OVER_NONE)
    assert (rescue.series, rescue.x, rescue.y) == ("20 % dropped", 0.1, pytest.approx(0.07 / 3))
    (cost,) = select(rows, panel="b digits", quantity=outliers.COST, series="20 % dropped")
    assert (cost.x, cost.y) == (0.1, 1.25)
    (instead,) = select(rows, panel="b digits", quantity=outliers.OVER_PLAIN, series=outliers.INSTEAD)
    assert instead.y == pytest.approx(0.07 / 3)


def test_outliers_look_at_the_added_round_only():
    rows = rows_of(outliers, OUTLIERS)
    assert select(rows, panel="a digits", series=outliers.FAR)[0].y == pytest.approx(0.01)
    assert {row.quantity for row in rows if row.series == outliers.DISTANCE} == {"distance"}


def test_outliers_in_markdown():
    said = outliers.markdown(Contents(rows_of(outliers, OUTLIERS)))
    assert "| 0.1 | .600 +- .058 | .400 +- .058 | .923 +- .009 | -.007 +- .003 | +.023 +- .007 |" in said
    assert "Labels are faithful up to omega 0. Accuracy is not below that of plain samples up to 0.05." in said
    assert "With the reference's images added instead: .953 +- .003." in said
    assert "Full loop, usual omega, 20% dropped: -.003 +- .003." in said
    assert "linear" not in said


def test_outliers_summary():
    said = outliers.summary(Contents(rows_of(outliers, OUTLIERS)))
    assert said == (
        "digits: labels faithful up to omega 0, accuracy not below plain up to 0.05, "
        "best filter 20 % dropped at 0.1: +.023 +- .007"
    )
