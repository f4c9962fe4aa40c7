"""Figures loss and exponent: the law and its Monte Carlo on the same axes."""

import numpy as np
import pytest
from support.theory_figures import SMALL, rows

import rmt
from figures.contract import table
from figures.contract.figure import Contents
from figures.theory import exponent, loss


@pytest.mark.parametrize("name", ["loss", "exponent"])
def test_simulation_lies_on_the_law(name):
    """Within 4 stderr + C/d, C = 1.5 before looking."""
    checked = 0
    for row in rows(name):
        if row.source == "simulation" and row.quantity == "error rate":
            line = table.select(rows(name), panel=row.panel, series=row.series, source="theory", quantity="error rate")
            law = next(r.y for r in line if r.x == row.x)
            assert abs(row.y - law) < 4 * row.stderr + 1.5 / SMALL[name]["d"] < 0.15, row
            checked += 1
    assert checked == {"loss": 3 * 2, "exponent": 2 * 2 * 4}[name]


def test_loss_asks_rmt():
    panel = loss.SIZE.format("logistic")
    row = table.select(rows("loss"), panel=panel, series="keep hardest 40 %", source="theory")[2]
    ridges = np.logspace(-3, 0, 4)
    asked = rmt.Problem(n=8, d=1, ridge=ridges, rule=rmt.KeepHard(0.4), rho=0.95, loss="logistic")
    assert row.x == 8
    assert row.y == pytest.approx(rmt.error_rate(asked).min(), rel=1e-9)
    below = table.select(rows("loss"), panel=loss.RIDGE.format("logistic"), series="keep hardest 40 %")
    np.testing.assert_allclose([r.y for r in below], rmt.error_rate(asked), rtol=1e-9)
    assert "logistic at n = 16 d: keep all" in loss.summary(Contents(rows("loss")))


def test_exponent_asks_rmt():
    panel = exponent.panel_name(0.95, "fixed")
    line = table.select(rows("exponent"), panel=panel, series="logistic, keep hard", quantity="error rate")
    asked = rmt.Problem(n=[r.x for r in line], d=1, ridge=1e-2, rule=rmt.KeepHard(0.4), rho=0.95, loss="logistic")
    np.testing.assert_allclose([r.y for r in line], rmt.error_rate(asked), rtol=1e-9)
    slopes = table.select(rows("exponent"), panel=panel, series="squared, keep all", quantity="slope")
    assert slopes[-1].y == pytest.approx(-0.5, abs=0.01)
    fits = table.select(rows("exponent"), panel="ridge best", quantity="exponent", series="squared, keep all")
    assert abs(fits[0].y - 0.5) < 4 * fits[0].stderr < 0.3
    assert "rho = 0.95, ridge best, squared: last slopes -0.50" in exponent.summary(Contents(rows("exponent")))


def test_cross_entropy_learns_noiseless_labels_at_rate_one_and_squared_loss_at_one_half():
    """What the figure says, from three decades of the law at cosine 1."""
    ratios = np.array([1e3, 1e4, 1e5])
    rule = rmt.KeepHard([[1.0], [0.3]])
    ridge = 0.1 * ratios**-3
    errors = rmt.error_rate(rmt.Problem(n=ratios, d=1, ridge=ridge, rule=rule, rho=1.0, loss="logistic"))
    np.testing.assert_allclose(np.diff(np.log10(errors), axis=1), -1.0, atol=0.02)
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-3)
