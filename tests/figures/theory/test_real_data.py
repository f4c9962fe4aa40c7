"""Figure real_data: its points on the law, invented images with a known crossing, its words and its drawing."""

import base64
import tomllib
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from support.places import EXPERIMENTS
from support.records import invented

from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.contract.table import Row, select
from figures.theory import real_data
from figures.theory.own_data import agreement

SMALL = {
    "seed": 1, "trials": 12, "peak_ridges": [0.01], "peak_sizes": [100, 400], "pool": 600, "keep": [0.3, 1.0],
    "keep_ridge": 0.1, "cnn_sizes": [40, 120], "cnn_ridge": 0.1,
}  # fmt: skip


def packed(rows):
    return base64.b64encode(rows.astype("<f4").tobytes()).decode()


def pictured(seed, count=200, classes=3, d=6):
    """Invent a record: plain images spread widely, guided ones on a shifted place, test images like the plain ones."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = 2 * np.eye(classes, d)
    sets = {
        "plain": rng.standard_normal((count, d)) + centres[labels],
        "guided": rng.standard_normal((count, d)) + 0.4 * centres[labels],
        "test": rng.standard_normal((count, d)) + centres[labels],
    }
    answer = {name: {"labels": labels.tolist(), "features": packed(rows)} for name, rows in sets.items()}
    return invented("digits", "deliberate practice", seed, value=11, examined={**answer, "dimension": d})


@pytest.fixture(scope="module")
def rows():
    return table.check(real_data.compute(Inputs(SMALL, [pictured(seed) for seed in (0, 1)])))


def test_refits_lie_on_the_law_in_every_panel(rows):
    """Two classes within 10 % (3 standard errors of 12 refits); ten classes on 300 features within 20 %, below it."""
    for panel, count, few in (("pool size", 4, "ten"), ("keep fraction", 8, "none"), ("digits", 6, "none")):
        shown = select(rows, panel=panel)
        compared = agreement(row for row in shown if few not in row.series)
        beyond = agreement(row for row in shown if few in row.series)
        assert len(compared.z) + len(beyond.z) == count
        assert np.abs(compared.relative).max() < 0.1
        assert np.all((beyond.relative < 0.02) & (beyond.relative > -0.2))


def test_gains_are_paired_differences_over_runs(rows):
    """The gain is plain minus the other kind, averaged over the runs' own refits."""
    errors = {(row.series, row.source, row.x): row.y for row in select(rows, panel="digits", quantity="error rate")}
    gains = select(rows, quantity="gain over plain")
    assert {row.series for row in gains} == {"guided images", "half guided"}
    for row in gains:
        source = "theory" if row.source == "theory" else "simulation"
        expected = errors["plain images", source, row.x] - errors[row.series, source, row.x]
        assert row.y == pytest.approx(expected, abs=1e-12)
        assert (row.n_seeds or 2) == 2


def test_a_half_guided_set_has_pairs_of_both():
    record = pictured(3)
    kinds = real_data._kinds(record)
    plain, guided, half = (kinds[kind][0] for kind in ("plain images", "guided images", "half guided"))
    raw = {name: real_data._unpacked(record.examined[name]["features"], 6) for name in ("plain", "guided")}
    expected = np.where((np.arange(200) // 10 % 2 < 1)[:, None], raw["guided"], raw["plain"])
    assert half == pytest.approx(expected - expected.mean(axis=0))
    assert plain.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-12)
    assert not np.allclose(plain, guided)


def test_the_crossing_is_interpolated_on_a_log_scale():
    def line(kind, errors):
        return [
            Row("real_data", "digits", kind, "error rate", "theory", x, y)
            for x, y in zip((100.0, 400.0), errors, strict=True)
        ]

    crossing = line("plain images", (0.2, 0.1)) + line("guided images", (0.3, 0.0))
    assert real_data.crossing(crossing, "theory") == pytest.approx(200.0)
    assert real_data.crossing(line("plain images", (0.2, 0.1)) + line("guided images", (0.3, 0.2)), "theory") is None


def test_the_drawing_is_complete_and_nothing_overlaps(rows):
    contents = Contents(rows, note="quick preset", caption=real_data.describe(SMALL))
    figure = real_data.FIGURE.draw(contents)
    assert [ax.get_title()[:3] for ax in figure.axes] == ["(a)", "(b)", "(c)"]
    assert [len(ax.get_legend().get_texts()) for ax in figure.axes] == [2, 4, 3]
    figure.draw_without_rendering()
    legends = [ax.get_legend().get_window_extent() for ax in figure.axes]
    blocks = [*legends, *(ax.get_window_extent() for ax in figure.axes), figure._suptitle.get_window_extent()]
    assert not any(a.overlaps(b) for a, b in combinations(blocks, 2))
    assert all(figure.bbox.x0 <= b.x0 and b.x1 <= figure.bbox.x1 and figure.bbox.y0 <= b.y0 for b in blocks)
    words = real_data.summary(contents)
    assert words.count("median relative error") == 3
    assert "guided images against plain with 120" in words


def test_without_runs_there_are_two_panels_and_without_rows_advice():
    few = real_data.compute(Inputs(SMALL | {"keep": [1.0], "peak_sizes": [200]}))
    assert {row.panel for row in few} == {"pool size", "keep fraction"}
    with pytest.raises(ValueError, match=r"real_data\.draw: got no rows"):
        real_data.FIGURE.draw(Contents([]))


@pytest.mark.parametrize("part", ["default", "quick"])
def test_the_recipe_is_valid_and_says_what_it_shows(part):
    text = (EXPERIMENTS / "real_data.toml").read_text()
    assert all(f"# {word}" in text for word in ("Shows:", "Expect:", "Hardware and duration:", "Command:"))
    recipe = tomllib.loads(text)
    own = {key: value for key, value in recipe.items() if key not in ("presets", "compute_s", "series")}
    preset = {key: value for key, value in recipe["presets"][part].items() if key != "seeds"}
    config = real_data.Config(**own, **preset)
    for bad in ({"trials": 1}, {"pool": 5000}, {"seed": -1}):
        with pytest.raises(ValueError, match="real_data"):
            replace(config, **bad)
