"""Figures loss and exponent: the law and its Monte Carlo on the same axes, recipes, drawings, bad settings."""

import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.legend import Legend

import rmt
from figures import exponent, loss, table

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
MODULES = {"loss": loss, "exponent": exponent}
SMALL = {
    "loss": {"rho": 0.95, "fractions": [1.0, 0.4], "first_log2": 1, "last_log2": 4, "ridge_low_log10": -3,
             "ridge_high_log10": 0, "ridges_per_decade": 1, "ratio": 8, "d": 60, "trials": 8, "simulated_log2": [2],
             "seed": 0},
    "exponent": {"cosines": [0.95], "fractions": [0.4], "ridge": 1e-2, "tiny_ridges": [], "ridges": [1e-2, 1e-4],
                 "first_log10": 1, "last_log10": 4, "d": 24, "trials": 6, "simulated_log10": [1, 2, 3, 4], "seed": 0},
}  # fmt: skip


def preset(name, part):
    recipe = tomllib.loads((EXPERIMENTS / f"{name}.toml").read_text())
    return {**{k: v for k, v in recipe.items() if k not in ("presets", "compute_s")}, **recipe["presets"][part]}


@pytest.fixture(scope="module")
def rows():
    return {name: table.check(module.compute(SMALL[name])) for name, module in MODULES.items()}


@pytest.mark.parametrize("name", MODULES)
def test_simulation_lies_on_the_law(rows, name):
    """Within 4 stderr + C/d, C = 1.5 before looking."""
    checked = 0
    for row in rows[name]:
        if row.source == "simulation" and not row.panel.startswith("fit"):
            line = table.select(rows[name], panel=row.panel, series=row.series, source="theory")
            law = next(r.y for r in line if r.x == row.x)
            assert abs(row.y - law) < 4 * row.stderr + 1.5 / SMALL[name]["d"] < 0.15, row
            checked += 1
    assert checked == {"loss": 3 * 2, "exponent": 2 * 2 * 4}[name]


def test_loss_asks_rmt(rows):
    panel = loss.SIZE.format("logistic")
    row = table.select(rows["loss"], panel=panel, series="keep hardest 40 %", source="theory")[2]
    ridges = np.logspace(-3, 0, 4)
    asked = rmt.Problem(n=8, d=1, ridge=ridges, rule=rmt.KeepHard(0.4), rho=0.95, loss="logistic")
    assert row.x == 8
    assert row.y == pytest.approx(rmt.error_rate(asked).min(), rel=1e-9)
    below = table.select(rows["loss"], panel=loss.RIDGE.format("logistic"), series="keep hardest 40 %")
    np.testing.assert_allclose([r.y for r in below], rmt.error_rate(asked), rtol=1e-9)
    assert "logistic at n = 16 d: keep all" in loss.summary(rows["loss"])


def test_exponent_asks_rmt(rows):
    panel = exponent.panel_name(0.95, "fixed")
    line = table.select(rows["exponent"], panel=panel, series="logistic, keep hard", source="theory")
    asked = rmt.Problem(n=[r.x for r in line], d=1, ridge=1e-2, rule=rmt.KeepHard(0.4), rho=0.95, loss="logistic")
    np.testing.assert_allclose([r.y for r in line], rmt.error_rate(asked), rtol=1e-9)
    slopes = table.select(rows["exponent"], panel=f"slope, {panel}", series="squared, keep all")
    assert slopes[-1].y == pytest.approx(-0.5, abs=0.01)
    fits = [row for row in rows["exponent"] if row.panel == "fit, ridge best" and row.series.endswith("keep all")]
    assert abs(fits[0].y - 0.5) < 4 * fits[0].stderr < 0.3
    assert "rho = 0.95, ridge best, squared: last slopes -0.50" in exponent.summary(rows["exponent"])


def test_cross_entropy_learns_noiseless_labels_at_rate_one_and_squared_loss_at_one_half():
    """What the figure says, from three decades of the law at cosine 1."""
    ratios = np.array([1e3, 1e4, 1e5])
    rule = rmt.KeepHard([[1.0], [0.3]])
    ridge = 0.1 * ratios**-3
    errors = rmt.error_rate(rmt.Problem(n=ratios, d=1, ridge=ridge, rule=rule, rho=1.0, loss="logistic"))
    np.testing.assert_allclose(np.diff(np.log10(errors), axis=1), -1.0, atol=0.02)
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-3)


@pytest.mark.parametrize("name", MODULES)
def test_drawings_are_complete_and_nothing_overlaps(rows, name):
    module = MODULES[name]
    figure = module.draw(rows[name], note="quick preset: few seeds and points", caption=module.describe(SMALL[name]))
    figure.draw_without_rendering()
    said = [text.get_text() for legend in figure.findobj(Legend) for text in legend.get_texts()]
    assert len(said) == len(set(said)) == {"loss": 3, "exponent": 7}[name]
    blocks = [ax.get_tightbbox().padded(-1) for ax in figure.axes]
    blocks += [legend.get_window_extent() for legend in figure.findobj(Legend)]
    assert not any(a.overlaps(b) for a, b in combinations(blocks, 2))


@pytest.mark.parametrize("name", MODULES)
def test_without_rows_there_is_advice(name):
    with pytest.raises(ValueError, match=rf"{name}\.draw: got no rows; allowed .*; do compute them first"):
        MODULES[name].draw([])
    assert MODULES[name].summary([]) == "no panel"


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("part", ["default", "quick"])
def test_recipes_are_valid_and_say_what_they_show(name, part):
    text = (EXPERIMENTS / f"{name}.toml").read_text()
    assert all(f"# {word}" in text for word in ("Shows:", "Expect:", "Hardware and duration:", "Command:"))
    MODULES[name].Config(**preset(name, part))


@pytest.mark.parametrize("name", MODULES)
def test_progress_counts_every_step(name):
    seen = []
    MODULES[name].compute({**SMALL[name], "trials": 2}, progress=lambda *call: seen.append(call))
    assert [done for done, _, _ in seen] == list(range(seen[0][1]))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("loss", {"fractions": [1.5]}, r"loss.fractions: got \[1.5\]; allowed keep fractions"),
        ("loss", {"simulated_log2": [9]}, r"loss.simulated_log2: got \[9\]; allowed first_log2 ... last_log2"),
        ("loss", {"typo": 1}, r"loss: got unknown keys \['typo'\]"),
        ("loss", {"trials": 1}, "loss.trials: got 1; allowed whole numbers >= 2"),
        ("exponent", {"fractions": [1.0]}, r"exponent.fractions: got \[1.0\]"),
        ("exponent", {"simulated_log10": [1]}, r"exponent.simulated_log10: got \[1\]; allowed none, or 4 sizes"),
        ("exponent", {"cosines": [1.2]}, r"exponent.cosines: got \[1.2\]"),
        ("exponent", {"last_log10": 2}, "exponent.first_log10: got 1; allowed last_log10 - 2"),
    ],
)
def test_bad_settings_are_refused(name, changes, message):
    with pytest.raises(ValueError, match=message):
        MODULES[name].compute({**SMALL[name], **changes})
