"""Figures 7, curation, spectra and phase: theory and Monte Carlo on the same axes."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.theory_figures import MODULES, SMALL, rows

import rmt
from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.drawing import ticks
from figures.theory import curation, fig7, phase, spectra
from rmt import covariance
from rmt.limits import optimal_ridge


@pytest.mark.parametrize("name", ["fig7", "curation", "spectra"])
def test_simulation_lies_on_the_exact_law(name):
    """The line, interpolated between its points in the logarithms, within 4 stderr + C/d, C = 1.5 before looking."""
    checked = 0
    for row in rows(name):
        if row.source != "simulation" or row.panel == "z":
            continue
        line = table.select(rows(name), panel=row.panel, series=row.series, source="theory")
        law = np.exp(np.interp(np.log(row.x), [np.log(r.x) for r in line], [np.log(r.y) for r in line]))
        bound = 4 * row.stderr + 1.5 / 60 + 0.04 * law  # the last for the interpolation of a dozen points
        assert bound < 0.12
        assert abs(row.y - law) < bound, row
        checked += 1
    assert checked == {"fig7": 4 * 3 * 3, "curation": 4 * 4 * 2, "spectra": 2 * 2 * 3}[name]


def test_fig7_asks_rmt():
    line = table.select(rows("fig7"), panel="n = 300, ridge 0.1", series=fig7.RANDOM, source="theory")
    blind = rmt.Problem(n=300 * line[3].x, d=60, ridge=0.1 / line[3].x, rule=rmt.KeepAll(), rho=0.9)
    assert line[3].y == pytest.approx(rmt.error_rate(blind))
    z = table.select(rows("fig7"), panel="z", series="keep hard, n = 300, ridge 0.1")
    simulated = table.select(rows("fig7"), panel="n = 300, ridge 0.1", series="keep hard", source="simulation")
    for score, row in zip(z, simulated, strict=True):
        law = rmt.error_rate(rmt.Problem(n=300, d=60, ridge=0.1, rule=rmt.KeepHard(row.x), rho=0.9))
        assert score.x == pytest.approx(5 * row.x)
        assert score.y == pytest.approx((row.y - law) / row.stderr)
    said = fig7.summary(Contents(rows("fig7")))
    assert "30 Monte-Carlo points away from p = d/n: z-scores" in said
    assert "; 6 at it: " in said  # .2 x 300 = 60


def test_curation_asks_rmt():
    panel = "much data, weak generator"
    row = table.select(rows("curation"), panel=panel, series="keep easy" + curation.CHECKED, source="theory")[4]
    p = np.geomspace(0.1, 1, 12)[4]
    problem = rmt.Problem(n=1200, d=60, ridge=1.0, rule=rmt.KeepEasy(p), rho=0.95, rho_generator=0.7, label_aware=True)
    assert row.y == pytest.approx(optimal_ridge(problem).error_rate)
    assert row.x < p
    best = curation.optimum(rows("curation"), panel, curation.EASY)
    assert best.y < curation.optimum(rows("curation"), panel, curation.HARD).y
    assert "much data, weak generator: keep easy" in curation.summary(Contents(rows("curation")))


def test_spectra_asks_rmt():
    world = spectra.world(60, 0.6, 0.95)
    problem = rmt.Problem(n=512, d=60, ridge=0.4 * spectra.RIDGES, rule=rmt.KeepHard(0.4))
    solution = covariance.solve(problem, **world)
    assert solution.rho == pytest.approx(0.95, rel=1e-12)
    line = table.select(rows("spectra"), panel="eigenvalues ~ k^-0.6", series="keep hardest 40 %", source="theory")
    assert line[4].x == 512
    assert line[4].y == pytest.approx(solution.value.min())
    assert "12 Monte-Carlo points within 0.0" in spectra.summary(Contents(rows("spectra")))


def test_phase_asks_rmt():
    ratio, rho, best = phase.matrix(rows("phase"), phase.BEST)
    assert ratio.tolist() == [2.0**k for k in range(-1, 8)]
    assert (rho[0], rho[-1]) == (pytest.approx(0.4), 1.0)
    assert best[-1, -1] < 0.1
    saved = phase.matrix(rows("phase"), phase.GAIN)[2]
    assert saved.min() > -1e-9
    line = table.select(rows("phase"), quantity=phase.LINE)
    assert line[-1].x == 1.0
    after = np.searchsorted(ratio, line[-1].y)
    assert saved[-1, after - 1] < 0.01 <= saved[-1, after]
    assert "most error saved" in phase.summary(Contents(rows("phase")))


@pytest.mark.parametrize("name", ["fig7", "curation", "spectra"])
def test_a_point_depends_on_itself_only(name):
    fewer = {
        "fig7": {"simulated": [0.4], "pools": [300]},
        "curation": {"simulated": [0.9]},
        "spectra": {"fractions": [0.4]},
    }
    again = MODULES[name].compute(Inputs({**SMALL[name], **fewer[name]}))
    assert set(again) <= set(rows(name))


def test_a_rate_axis_has_plain_labels():
    ax = Figure().add_subplot()
    ticks.log_rate_axis(ax, [0.011, 0.4])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0.01", "0.02", "0.05", "0.1", "0.2"]
    ticks.log_rate_axis(ax, [0.2, 0.41])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0.2", "0.25", "0.3", "0.4"]
