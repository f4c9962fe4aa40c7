"""Figure 3: what it asks of `rmt`, what it shows, and the numbers its recipe promises."""

import tomllib

import numpy as np
import pytest
from support.places import EXPERIMENTS

import rmt
from empirical.settings.build import build
from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.theory import fig3

RECIPE = EXPERIMENTS / "fig3.toml"
SMALL = {
    "d": 64,
    "rho": 0.95,
    "fractions": [1.0, 0.5, 0.3],
    "first_log2": 5,
    "last_log2": 12,
    "points_per_octave": 3,
    "ridge_low_log10": -5,
    "ridge_high_log10": 1,
    "ridges": 13,
    "v1_visible": 0.005,
    "simulated_log2": 9,
    "trials": 128,
    "simulated_samples": 32768,
    "least_trials": 4,
    "seed": 0,
}


def preset(name, **changes):
    recipe = tomllib.loads(RECIPE.read_text())
    presets, _ = recipe.pop("presets"), recipe.pop("compute_s")
    return {**recipe, **presets[name], **changes}


@pytest.fixture(scope="module")
def rows():
    return table.check(fig3.compute(Inputs(SMALL)))


def test_simulation_lies_on_the_exact_law(rows):
    law = {(r.panel, r.series, r.x): r.y for r in rows if r.source == "theory"}
    simulated = [r for r in rows if r.source == "simulation" and r.panel == "kept"]
    assert len(simulated) == 3 * 5
    for row in simulated:
        bound = 4 * row.stderr + 0.5 / 64  # finite size: .5/d, stated before looking
        assert bound < 0.05
        assert abs(row.y - law["kept", row.series, row.x]) < bound
    assert {r.n_seeds for r in simulated} == {128, 64}  # 32,768 samples a point at most: 64 trials of 512


def test_panels_show_the_same_accuracies(rows):
    for p in SMALL["fractions"]:
        for source in ("theory", "simulation"):
            kept, pool = (
                table.select(rows, panel=name, series=fig3.series_name(p), source=source) for name in ("kept", "pool")
            )
            np.testing.assert_allclose([r.x for r in pool], [r.x / p for r in kept])
            assert [r.y for r in pool] == [r.y for r in kept]


def test_best_ridge_beats_every_other_of_its_list():
    settings = build(fig3.Config, SMALL, "fig3")
    pool = np.array([100.0, 400.0, 6000.0])
    problem = fig3.best_ridge(settings, 0.3, pool)
    for per_kept in np.logspace(-5, 1, 13):
        other = rmt.Problem(n=pool, d=64, ridge=0.3 * per_kept, rule=rmt.KeepHard(0.3), rho=0.95)
        assert np.all(rmt.error_rate(problem) <= rmt.error_rate(other))


def test_keep_all_is_keep_all(rows):
    line = table.select(rows, panel="kept", series="keep all", source="theory")
    problem = rmt.Problem(n=4096, d=64, ridge=np.logspace(-5, 1, 13), rule=rmt.KeepAll(), rho=0.1)
    assert 1 - line[-1].y == pytest.approx(rmt.error_rate(problem).min())


def test_a_point_depends_on_itself_only(rows):
    fewer = fig3.compute(Inputs({**SMALL, "fractions": [0.3], "simulated_log2": 6}))
    assert set(fewer) <= set(rows)


def test_v1_is_given_only_where_it_differs(rows):
    exact = {r.x: r.y for r in table.select(rows, panel="kept", series="keep all", source="theory")}
    v1 = table.select(rows, series="keep all" + fig3.V1)
    assert 0 < len(v1) < len(exact)
    assert {r.panel for r in v1} == {"kept"}
    assert all(exact[r.x] - r.y > 0.005 for r in v1)


def test_progress_names_every_point():
    seen = []
    fig3.compute(Inputs({**SMALL, "simulated_log2": 6, "trials": 4}, progress=lambda *call: seen.append(call)))
    assert [done for done, _, _ in seen] == list(range(6))
    assert seen[1] == (1, 6, "keep 1: 64 samples")


@pytest.mark.parametrize("name", ["default", "quick"])
def test_the_recipe_promises_what_the_law_says(name):
    """The numbers in the recipe's header, without the Monte Carlo."""
    rows = fig3.compute(Inputs(preset(name, simulated_log2=0)))
    series, found = fig3.best_saving(rows, "kept")
    assert (series, round(found.method_x), round(found.baseline_x), round(found.factor, 1)) == (
        "keep hardest 10 %", 1683, 12144, 7.2,
    )  # fmt: skip
    series, found = fig3.best_saving(rows, "pool")
    assert (series, round(found.method_x), round(found.factor, 1)) == ("keep hardest 50 %", 5558, 2.2)
    at_most = [round(r.y, 4) for r in rows if r.panel == "kept" and r.x == 2**18 and fig3.V1 not in r.series]
    assert at_most == [0.9894, 0.9913, 0.9947, 0.9962, 0.9966]
    assert max(r.y for r in rows if fig3.V1 in r.series) < 0.9072
    text = RECIPE.read_text()
    assert all(number in text for number in ("1,683", "12,144", "5,558", ".9894", ".9913", ".9947", ".9962", ".9966"))


def test_summary_is_one_line_with_numbers(rows):
    line = fig3.summary(Contents(rows))
    assert "\n" not in line
    assert "keep hardest 30 %: accuracy 0.95 with" in line
    assert "15 Monte-Carlo points within 0.0" in line
    assert fig3.summary(Contents([])) == "0 Monte-Carlo points within 0.0000 of the exact law"


def test_no_comparison_where_a_level_is_not_reached(rows):
    low = [row for row in rows if row.x < 256]
    assert fig3.best_saving(low, "kept") is None
    fig3.draw(Contents(low))


def test_draw_names_every_series_once(rows):
    figure = fig3.draw(Contents(rows, note="quick preset", caption=fig3.describe(SMALL)))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        "keep all", "keep hardest 50 %", "keep hardest 30 %", "Monte Carlo", "law of arXiv v1, where it differs",
    ]  # fmt: skip
    assert figure._suptitle.get_text().startswith("Linear classifier, d = 64; pruning direction at cosine 0.95")
    assert figure._supxlabel.get_text() == "quick preset"
    x, y = np.array(figure.axes[0].lines[0].get_data())  # keep-all, increasing
    linear = np.exp(np.interp(0.95, y, np.log(x)))
    assert linear == pytest.approx(fig3.best_saving(rows, "kept")[1].baseline_x, rel=0.01)
    with pytest.raises(ValueError, match=r"fig3.draw: got no rows; allowed .*; do compute"):
        fig3.draw(Contents([]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lambda": 1}, "fig3.lambda: got 1; allowed the keys d, rho, fractions, .*; remove or rename the key"),
        ({"d": 64.5}, "fig3.d: got 64.5; allowed a value of type int; correct the value"),
        ({"d": True}, "fig3.d: got True; allowed a value of type int"),
        ({"d": 0}, "fig3.d: got 0; allowed whole numbers >= 1"),
        ({"fractions": 0.5}, "fig3.fractions: got 0.5; allowed a list"),
        ({"fractions": [0.5, "x"]}, r"fig3.fractions\[1\]: got 'x'; allowed a value of type float"),
        ({"fractions": [0.5, 1.5]}, r"fig3.fractions: got \[0.5, 1.5\]; allowed keep fractions in \(0, 1\]"),
        ({"fractions": []}, r"fig3.fractions: got \[\]"),
        ({"rho": 1.5}, r"rho=1.5; allowed cosines in \[-1, 1\]"),
        ({"rho": float("nan")}, "fig3.rho: got nan; allowed a finite number"),
        ({"last_log2": 5}, "fig3.first_log2: got 5; allowed 0 ... last_log2 - 1"),
        ({"simulated_log2": 13}, "fig3.simulated_log2: got 13; allowed at most last_log2"),
        ({"least_trials": 1}, "fig3.least_trials: got 1; allowed 2 ... trials"),
        ({"seed": -1}, "fig3.seed: got -1"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        fig3.compute(Inputs({**SMALL, **changes}))


def test_missing_settings_are_named():
    with pytest.raises(ValueError, match=r"fig3\.rho: got None; allowed a value; add the key"):
        fig3.compute(Inputs({k: v for k, v in SMALL.items() if k not in ("rho", "seed")}))


def test_the_recipe_opens_with_a_lab_note():
    note = [line for line in RECIPE.read_text().split("\n\n")[0].splitlines() if line.startswith("#")]
    assert all(any(word in line for line in note) for word in ("Shows:", "Expect:", "duration:", "Command:"))
