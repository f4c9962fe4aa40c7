"""The table of guidance modes, from invented records."""

import pytest
from support.layout import assert_nothing_overlaps
from support.places import EXPERIMENTS
from support.records import invented

from empirical.scale.series import series_of
from empirical.settings.recipes import load_toml
from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.contract.table import select
from figures.tables import modes

CHEAP = "x0, linear map"


def record(series, seed, accuracy, work, entropy, *, omega=0.05, seconds=0.0):
    """A run with 256 plain and 256 added samples; `work` and `seconds` are those of an added one, a plain one's 10."""
    pool = [
        {"images": 256, "gflop": 2560.0, "entropy": 2.3},
        {"images": 256, "gflop": 256.0 * work, "entropy": entropy},
    ]
    cost = {"sampling_cpu_s": 256 * (10.0 + (seconds or work))}
    return invented(
        modes.PANEL,
        series,
        seed,
        value=omega,
        accuracy=accuracy,
        pool=pool,
        cost=cost,
        config={"acquire": {"omega": omega}},
    )


RECORDS = [
    record(series, seed, accuracy + 0.01 * seed, work, entropy, omega=omega, seconds=seconds)
    for series, accuracy, work, entropy, omega, seconds in (
        (modes.COSTLIEST, 0.95, 30.0, 0.6, 0.05, 33.0),
        (CHEAP, 0.94, 10.9, 0.5, 0.05, 12.0),
        ("x0, tiny decoder", 0.945, 11.5, 0.55, 0.05, 13.0),
        (modes.RANDOM, 0.92, 10.0, 0.2, 0.05, 10.0),
        (modes.PLAIN, 0.91, 10.0, 0.1, 0.0, 10.0),
    )
    for seed in range(3)
]


@pytest.fixture(scope="module")
def rows():
    return table.check(modes.compute(Inputs({}, RECORDS)))


def test_costs_are_those_of_an_added_sample_in_plain_ones(rows):
    work = {row.series: row.y for row in select(rows, quantity=modes.COST)}
    time = {row.series: row.y for row in select(rows, quantity=modes.CPU)}
    assert work == pytest.approx(
        {modes.COSTLIEST: 3, CHEAP: 1.09, "x0, tiny decoder": 1.15, modes.RANDOM: 1, modes.PLAIN: 1}
    )
    assert time == pytest.approx(
        {modes.COSTLIEST: 3.3, CHEAP: 1.2, "x0, tiny decoder": 1.3, modes.RANDOM: 1, modes.PLAIN: 1}
    )


def test_changes_are_from_the_dear_mode_and_paired_by_seed(rows):
    (change,) = select(rows, quantity="change", series=CHEAP)
    assert change.y == pytest.approx(-0.01)
    assert change.stderr == pytest.approx(0, abs=1e-12)
    against = {(c["line"], c["against"]) for c in modes.details(RECORDS)["changes"]}
    assert {(CHEAP, modes.COSTLIEST), (CHEAP, modes.PLAIN), (modes.PLAIN, modes.COSTLIEST)} <= against


def test_the_modes_that_cost_almost_nothing_are_said(rows):
    (sentence,) = modes.cheap(rows)  # neither the tiny decoder's 1.15 nor the controls
    costs = f"{CHEAP} costs 1.09 of plain sampling, entropy 0.50 (costliest way: 0.60)"
    assert sentence == f"{costs}, accuracy -.010 +- .000 from the costliest way"
    assert sentence in modes.summary(Contents(rows))
    lines = modes.markdown(Contents(rows)).splitlines()
    assert lines[0] == "|  | accuracy | change | FLOPs | entropy | CPU time |"
    assert lines[2] == f"| {modes.COSTLIEST} | .960 +- .006 | - | 3 | .600 +- .000 | 3.3 |"


def test_without_plain_runs_there_is_no_cpu_ratio():
    rows = modes.compute(Inputs({}, [r for r in RECORDS if r.series != modes.PLAIN]))
    assert not select(rows, quantity=modes.CPU)
    assert modes.summary(Contents(rows))


def test_the_picture_is_legible_and_needs_runs(rows):
    figure = modes.draw(Contents(rows, "quick preset", modes.describe({})))
    assert len(figure.axes) == 2
    assert_nothing_overlaps(figure)
    with pytest.raises(ValueError, match="no rows"):
        modes.draw(Contents([]))


@pytest.mark.parametrize("preset", ["default", "quick"])
def test_every_line_of_the_file_is_a_mode_that_its_name_says(preset):
    lines = {}
    for series in series_of("modes", load_toml(EXPERIMENTS / "modes.toml")):
        values = series.points(preset, "modes")
        assert len(values) <= 1
        if values:
            lines[series.name] = values[0], series.set
    assert set(lines) <= set(modes.LINES)
    assert preset == "quick" or set(lines) == set(modes.LINES)
    assert {modes.COSTLIEST, modes.PLAIN, CHEAP} <= set(lines)
    usual = lines[modes.COSTLIEST][0]
    for name, (omega, given) in lines.items():
        if name in (modes.PLAIN, modes.RANDOM):
            continue
        path, shown, *more = name.split(", ")
        assert given["acquire.through"] == path
        assert shown.startswith(given["acquire.decode"])
        every = given.get("acquire.every", 1)
        assert every == (int(more[0].removeprefix("every ")[0]) if more else 1)
        assert omega == pytest.approx(usual * (every if name.endswith("omega") else 1))
