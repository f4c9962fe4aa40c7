"""Figures 7, curation, spectra and phase: theory and Monte Carlo on the same axes, recipes, drawings, bad settings."""

import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.legend import Legend

import rmt
from figures import curation, fig7, panels, phase, spectra, table
from rmt import covariance
from rmt.limits import optimal_ridge

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
MODULES = {"fig7": fig7, "curation": curation, "spectra": spectra, "phase": phase}
SMALL = {
    "fig7": {"d": 60, "rho": 0.9, "pools": [100, 300], "ridges": [1e-3, 0.1], "least_fraction": 0.1, "points": 9,
             "simulated": [0.2, 0.4, 1.0], "trials": 24, "seed": 0},
    "curation": {"d": 60, "rho": 0.95, "weak": 0.7, "strong": 1.0, "little": 2.0, "much": 20.0, "least_fraction": 0.1,
                 "points": 12, "simulated": [0.3, 0.9], "trials": 16, "seed": 0},
    "spectra": {"d": 60, "rho": 0.95, "exponents": [0.0, 0.6], "fractions": [1.0, 0.4], "first_log2": 5,
                "last_log2": 10, "points_per_octave": 1, "simulated_log2": 9, "trials": 24, "seed": 0},
    "phase": {"first_log2": -1, "last_log2": 7, "points_per_octave": 1, "least_rho": 0.4, "cosines": 6, "pays": 0.01},
}  # fmt: skip


def preset(name, part):
    recipe = tomllib.loads((EXPERIMENTS / f"{name}.toml").read_text())
    return {**{k: v for k, v in recipe.items() if k not in ("presets", "compute_s")}, **recipe["presets"][part]}


@pytest.fixture(scope="module")
def rows():
    return {name: table.check(module.compute(SMALL[name])) for name, module in MODULES.items()}


@pytest.mark.parametrize("name", ["fig7", "curation", "spectra"])
def test_simulation_lies_on_the_exact_law(rows, name):
    """The line, interpolated between its points in the logarithms, within 4 stderr + C/d, C = 1.5 before looking."""
    checked = 0
    for row in rows[name]:
        if row.source != "simulation" or row.panel == "z":
            continue
        line = table.select(rows[name], panel=row.panel, series=row.series, source="theory")
        law = np.exp(np.interp(np.log(row.x), [np.log(r.x) for r in line], [np.log(r.y) for r in line]))
        bound = 4 * row.stderr + 1.5 / 60 + 0.04 * law  # the last for the interpolation of a dozen points
        assert bound < 0.12
        assert abs(row.y - law) < bound, row
        checked += 1
    assert checked == {"fig7": 4 * 3 * 3, "curation": 4 * 4 * 2, "spectra": 2 * 2 * 3}[name]


def test_fig7_asks_rmt(rows):
    line = table.select(rows["fig7"], panel="n = 300, ridge 0.1", series=fig7.RANDOM, source="theory")
    blind = rmt.Problem(n=300 * line[3].x, d=60, ridge=0.1 / line[3].x, rule=rmt.KeepAll(), rho=0.9)
    assert line[3].y == pytest.approx(rmt.error_rate(blind))
    z = table.select(rows["fig7"], panel="z", series="keep hard, n = 300, ridge 0.1")
    simulated = table.select(rows["fig7"], panel="n = 300, ridge 0.1", series="keep hard", source="simulation")
    for score, row in zip(z, simulated, strict=True):
        law = rmt.error_rate(rmt.Problem(n=300, d=60, ridge=0.1, rule=rmt.KeepHard(row.x), rho=0.9))
        assert score.x == pytest.approx(5 * row.x)
        assert score.y == pytest.approx((row.y - law) / row.stderr)
    said = fig7.summary(rows["fig7"])
    assert "30 Monte-Carlo points away from p = d/n: z-scores" in said
    assert "; 6 at it: " in said  # .2 x 300 = 60


def test_curation_asks_rmt(rows):
    panel = "much data, weak generator"
    row = table.select(rows["curation"], panel=panel, series="keep easy" + curation.CHECKED, source="theory")[4]
    p = np.geomspace(0.1, 1, 12)[4]
    problem = rmt.Problem(n=1200, d=60, ridge=1.0, rule=rmt.KeepEasy(p), rho=0.95, rho_generator=0.7, label_aware=True)
    assert row.y == pytest.approx(optimal_ridge(problem).error_rate)
    assert row.x < p
    best = curation.optimum(rows["curation"], panel, curation.EASY)
    assert best.y < curation.optimum(rows["curation"], panel, curation.HARD).y
    assert "much data, weak generator: keep easy" in curation.summary(rows["curation"])


def test_spectra_asks_rmt(rows):
    world = spectra.world(60, 0.6, 0.95)
    problem = rmt.Problem(n=512, d=60, ridge=0.4 * spectra.RIDGES, rule=rmt.KeepHard(0.4))
    solution = covariance.solve(problem, **world)
    assert solution.rho == pytest.approx(0.95, rel=1e-12)
    line = table.select(rows["spectra"], panel="eigenvalues ~ k^-0.6", series="keep hardest 40 %", source="theory")
    assert line[4].x == 512
    assert line[4].y == pytest.approx(solution.value.min())
    assert "12 Monte-Carlo points within 0.0" in spectra.summary(rows["spectra"])


def test_phase_asks_rmt(rows):
    ratio, rho, best = phase.matrix(rows["phase"], phase.BEST)
    assert ratio.tolist() == [2.0**k for k in range(-1, 8)]
    assert (rho[0], rho[-1]) == (pytest.approx(0.4), 1.0)
    assert best[-1, -1] < 0.1
    saved = phase.matrix(rows["phase"], phase.GAIN)[2]
    assert saved.min() > -1e-9
    line = table.select(rows["phase"], panel=phase.LINE)
    assert line[-1].x == 1.0
    after = np.searchsorted(ratio, line[-1].y)
    assert saved[-1, after - 1] < 0.01 <= saved[-1, after]
    assert "most error saved" in phase.summary(rows["phase"])


@pytest.mark.parametrize("name", ["fig7", "curation", "spectra"])
def test_a_point_depends_on_itself_only(rows, name):
    fewer = {
        "fig7": {"simulated": [0.4], "pools": [300]},
        "curation": {"simulated": [0.9]},
        "spectra": {"fractions": [0.4]},
    }
    again = MODULES[name].compute({**SMALL[name], **fewer[name]})
    assert set(again) <= set(rows[name])


@pytest.mark.parametrize("name", MODULES)
def test_progress_counts_every_step(name):
    seen = []
    small = {**SMALL[name], **({} if name == "phase" else {"trials": 2})}
    MODULES[name].compute(small, progress=lambda *call: seen.append(call))
    assert [done for done, _, _ in seen] == list(range(seen[0][1]))


@pytest.mark.parametrize("name", MODULES)
def test_drawings_are_complete_and_nothing_overlaps(rows, name):
    module = MODULES[name]
    figure = module.draw(rows[name], note="quick preset: few seeds and points", caption=module.describe(SMALL[name]))
    figure.draw_without_rendering()
    said = [text.get_text() for legend in figure.findobj(Legend) for text in legend.get_texts()]
    assert len(said) == len(set(said)) == {"fig7": 4, "curation": 8, "spectra": 3, "phase": 1}[name]
    assert figure._supxlabel.get_text() == "quick preset: few seeds and points"
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            labels = [t.get_window_extent() for t in axis.get_ticklabels() if t.get_visible() and t.get_text()]
            assert not any(a.overlaps(b) for a, b in combinations(labels, 2)), (name, ax.get_title())
    blocks = [ax.get_tightbbox().padded(-1) for ax in figure.axes]
    blocks += [legend.get_window_extent() for legend in figure.findobj(Legend)] + [figure._suptitle.get_window_extent()]
    assert not any(a.overlaps(b) for a, b in combinations(blocks, 2))
    assert all(figure.bbox.x0 <= b.x0 and b.x1 <= figure.bbox.x1 for b in blocks)


@pytest.mark.parametrize("name", MODULES)
def test_without_rows_there_is_advice(name):
    with pytest.raises(ValueError, match=rf"{name}\.draw: got no rows; allowed .*; do compute them first"):
        MODULES[name].draw([])
    assert MODULES[name].summary([])


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("part", ["default", "quick"])
def test_recipes_are_valid_and_say_what_they_show(name, part):
    text = (EXPERIMENTS / f"{name}.toml").read_text()
    assert all(f"# {word}" in text for word in ("Shows:", "Expect:", "Hardware and duration:", "Command:"))
    MODULES[name].Config(**preset(name, part))


@pytest.mark.parametrize(
    ("name", "without", "promises"),
    [
        ("fig7", {"simulated": []}, ".255 .123 .052 .240 .125 .055 .273 .161 .079 .263 .160 .078"),
        ("curation", {"simulated": []}, ".228 .267 .192 .163 .186 .077 .207 .062 .016 .030"),
        ("spectra", {"simulated_log2": 0, "points_per_octave": 1}, ".0150 .0148 .0102 .0120 .0147 .0155 .0084"),
        ("phase", {"first_log2": 9, "least_rho": 0.98, "cosines": 2}, ".00592 .948"),
    ],
)
def test_recipes_promise_what_the_law_says(name, without, promises):
    """The numbers in the recipes' headers are those of the theory's summaries, computed without the Monte Carlo."""
    text = (EXPERIMENTS / f"{name}.toml").read_text()
    said = MODULES[name].summary(MODULES[name].compute({**preset(name, "default"), **without}))
    assert [number for number in promises.split() if number not in text or number not in said] == []


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("fig7", {"pools": []}, r"fig7.pools: got \[\]; allowed whole numbers >= 1"),
        ("fig7", {"ridges": [0.0]}, r"fig7.ridges: got \[0.0\]; allowed numbers > 0"),
        ("fig7", {"simulated": [1.2]}, r"fig7.simulated: got \[1.2\]; allowed keep fractions"),
        ("fig7", {"typo": 1}, r"fig7: got unknown keys \['typo'\]"),
        ("curation", {"weak": 1.0}, "curation.weak: got 1.0; allowed cosines, weak < strong"),
        ("curation", {"little": 30.0}, "curation.little: got 30.0; allowed 0 < little < much"),
        ("curation", {"trials": 1}, "curation.trials: got 1; allowed whole numbers >= 2"),
        ("spectra", {"rho": 1.1}, r"spectra.rho: got 1.1; allowed cosines in \[-1, 1\]"),
        ("spectra", {"fractions": [0.0]}, r"spectra.fractions: got \[0.0\]"),
        ("spectra", {"simulated_log2": 20}, "spectra.simulated_log2: got 20; allowed at most last_log2"),
        ("phase", {"pays": 0.0}, r"phase.pays: got 0.0; allowed shares in \(0, 1\)"),
        ("phase", {"last_log2": -1}, "phase.first_log2: got -1; allowed less than last_log2"),
    ],
)
def test_bad_settings_are_refused(name, changes, message):
    with pytest.raises(ValueError, match=message):
        MODULES[name].compute({**SMALL[name], **changes})


def test_a_rate_axis_has_plain_labels():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    panels.log_rate_axis(ax, [0.011, 0.4])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0.01", "0.02", "0.05", "0.1", "0.2"]
    panels.log_rate_axis(ax, [0.2, 0.41])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0.2", "0.25", "0.3", "0.4"]
