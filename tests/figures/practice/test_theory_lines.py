"""Theory lines of fig4 and fig5: a row of theory beside every row of the linear world's runs, and lines between."""

import numpy as np
import pytest
from support.records import invented, linear_config

from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.contract.limits import TOLERANCE, comparisons
from figures.contract.table import select
from figures.practice import fig4, fig5
from rmt.practice import Guided, Plain, Pruned, learning_curve

SEEDS = (0, 1)


def run(panel, series, value, seed, growth, size, **acquire):
    """A run of the linear world; an added sample costs what a plain one does."""
    additions = growth.get("additions", 0)
    pool = [{"images": 256, "gflop": 1.0, "entropy": 0.5}]
    images = growth.get("addition", 0) * acquire.get("ratio", 1)
    pool += [{"images": images, "gflop": images / 256, "entropy": 0.6}] * additions
    accuracy = 0.86 + seed / 100 + acquire.get("ratio", 4) / 200
    numbers = {"config": linear_config(growth, **acquire), "pool": pool, "pool_size": size, "accuracy": accuracy}
    return invented(panel, series, seed, value=value, **numbers)


@pytest.fixture(scope="module")
def fig4_rows():
    records = []
    for seed in SEEDS:
        records += [run("linear", "static", n, seed, {"initial": n}, n) for n in (256, 512, 1024)]
        for series, acquire in (
            ("deliberate practice", {"omega": 0.02}),
            ("dynamic, omega = 0", {}),
            ("random direction", {"omega": 0.02, "direction": "random"}),
        ):
            for k in (1, 3):
                growth = {"initial": 256, "addition": 256, "additions": k}
                records.append(run("linear", series, k, seed, growth, 256 * (k + 1), **acquire))
    return table.check(fig4.compute(Inputs({"paper": False}, records)))


def test_every_series_of_fig4_has_its_theory(fig4_rows):
    pairs = comparisons(fig4_rows)
    assert len(pairs) == len(select(fig4_rows, source="practice")) == 9
    plain = {n: learning_curve([n / 128], 0.01, [], first=Plain(10)).accuracy[0] for n in (256, 512, 768, 1024)}
    guided = learning_curve((2,) * 4, 0.01, Guided(0.02 * 128**0.5, 10, tolerance=TOLERANCE)).accuracy
    for series in ("static", "dynamic, omega = 0", "random direction"):
        law = {row.x: row.y for row in select(fig4_rows, series=series, source="theory")}
        assert all(law[n] == pytest.approx(plain[n], abs=1e-12) for n in law if n in plain)
    line = select(fig4_rows, series="deliberate practice", source="theory")
    assert [row.x for row in line] == [512, 768, 1024]
    assert [row.y for row in line] == pytest.approx(guided[1:], abs=1e-12)
    assert len(select(fig4_rows, series="static", source="theory")) > 50
    assert "theory: z-scores of 9 points (" in fig4.summary(Contents(fig4_rows))


@pytest.fixture(scope="module")
def fig5_rows():
    records = []
    for seed in SEEDS:

        def one(panel, series, value, size=256, seed=seed, **acquire):
            growth = {"initial": 256, "addition": size, "additions": 1}
            return run(f"{panel} linear", series, value, seed, growth, 256 + size, **acquire)

        records += [one("a", fig5.PRUNE, ratio, ratio=ratio) for ratio in (1, 4, 16)]
        records += [one("a", fig5.BASELINE, n, size=n) for n in (256, 1024)]
        for series in ("through x0", "through denoiser", fig5.RANDOM):  # share the run without guidance
            records.append(one("b", series, 0.0, omega=0.0, direction="random"))
        records += [one("b", "through x0", omega, omega=omega) for omega in (0.01, 0.04, 0.2)]
        records += [one("b", "through denoiser", 0.01, omega=0.01, through="denoiser")]
        records += [one("b", fig5.RANDOM, 0.2, omega=0.2, direction="random")]
    return table.check(fig5.compute(Inputs({"usual_omega": {"linear": 0.01}}, records)))


def law(rows, panel, series):
    return {row.x: row.y for row in select(rows, panel=panel, series=series, source="theory")}


def test_every_series_of_fig5_has_its_theory(fig5_rows):
    practice = [row for row in fig5_rows if row.source == "practice" and row.quantity == "accuracy"]
    assert len(comparisons(fig5_rows)) == len(practice)
    pruned, baseline = law(fig5_rows, "a linear", fig5.PRUNE), law(fig5_rows, "a linear", fig5.BASELINE)
    assert pruned[16] == pytest.approx(learning_curve((2, 2), 0.01, Pruned(1 / 16, 10)).accuracy[1], abs=1e-12)
    assert baseline[4] == pytest.approx(learning_curve((2, 8), 0.01, Plain(10)).accuracy[1], abs=1e-12)
    assert pruned[1] == pytest.approx(baseline[1], abs=1e-9)
    assert (len(pruned) > 20, max(pruned), max(baseline)) == (True, 16, pytest.approx(16))
    guided = law(fig5_rows, "b linear", "through x0")
    assert list(guided) == pytest.approx([0, 0.01, 0.02, 0.04, np.sqrt(0.04 * 0.2), 0.2])
    mechanism = Guided(0.02 * 128**0.5, 10, tolerance=TOLERANCE)
    assert list(guided.values())[2] == pytest.approx(learning_curve((2, 2), 0.01, mechanism).accuracy[1], abs=1e-9)
    assert len(set(np.round(list(law(fig5_rows, "b linear", fig5.RANDOM).values()), 12))) == 1  # it changes nothing
    assert law(fig5_rows, "d linear", "DP through x0") == {1.0: guided[0.01]}


def test_fig5_says_where_the_dimension_is_too_low_for_the_limit(fig5_rows):
    said = fig5.summary(Contents(fig5_rows))
    assert "theory: z-scores of 10 points (" in said
    far = said.split("too low for the limit: ")[1]
    assert [sentence.split(" at ")[0] for sentence in far.split(", ")] == ["through x0", fig5.RANDOM]
    ax = next(ax for ax in fig5.draw(Contents(fig5_rows)).axes if ax.get_title().startswith("b"))
    assert list(ax.get_xticks()) == [0, 0.01, 0.04, 0.2]  # those of the runs
