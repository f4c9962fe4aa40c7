"""The tables that are filled as runs of their recipes finish: table1, table2, table4, table5."""

import doctest
import json
from pathlib import Path

import numpy as np
import pytest
from support.layout import assert_nothing_overlaps
from support.places import EXPERIMENTS
from support.records import NOTHING, invented

import paper_repro
from cli.recorded import OwnRuns, find
from empirical.config import from_dict, to_dict
from empirical.runs.manifest import manifest
from empirical.scale.series import series_of
from empirical.settings.recipes import load_toml, read
from empirical.system.errors import InputError
from empirical.system.files import write_json, write_signed
from figures.contract import table
from figures.contract.figure import Contents, Inputs
from figures.contract.table import select
from figures.paper import beside_own_runs as recorded
from figures.paper import numbers as paper
from figures.registry import figure
from scaling import curves

TABLES = {name: figure(name) for name in ("table1", "table2", "table4", "table5")}
LINES = {"table4": paper.TABLE4, "table5": paper.TABLE5}
FIRST, SECOND, THIRD = "static, 64k", "static, 130k", "DP, 32k + 3 x 16k"
RECIPE = """base = "base.toml"
[lines]
"LDM-1.4" = { growth.initial = 16 }
"LDM-1.5" = { growth.initial = 32 }
"""
BASE = """
[world]
name = "imagenet100"
data = "somewhere"
[learner]
kind = "vit_base_patch16_224"
[training]
iterations = 10
[sampling]
steps = 5
"""


def done(line, seed, **hits):
    """A finished run of a line: 200 images of each set, in two classes, `hits` of them right."""
    sets = {name: {"totals": [150, 50], "hits": [right - 10, 10], "raw_hits": [0, 0]} for name, right in hits.items()}
    return invented("imagenet100/table4", line, seed, sets=sets)


def scaled(series, growth, seed, accuracy, size=None):
    initial, addition, additions = growth
    config = {"growth": {"initial": initial, "addition": addition, "additions": additions}}
    size = initial + addition * additions if size is None else size
    return invented("digits", series, seed, value=additions, accuracy=accuracy, pool_size=size, config=config)


RECORDS = [
    *(done(FIRST, seed, validation=100 + 20 * seed) for seed in range(3)),
    done(SECOND, 5, validation=120, sketch=60, v2=90),
    *(scaled(paper.STATIC, (128, 0, 0), seed, 0.90 + 0.02 * seed) for seed in range(2)),
    *(scaled(paper.DP, (64, 32, 6), seed, 0.94, 250) for seed in range(2)),
    *(scaled(paper.DP, (128, 64, 6), seed, 0.96) for seed in range(2)),  # as many additions, another line
]
CONFIG = {"scale": 500, "recipes": ["imagenet100/table4"], "in progress": [THIRD]}


def contents_of(module, records=(), note=""):
    return Contents(rows_of(module, records=records), note, module.describe(CONFIG), details=module.details(records))


def rows_of(module, config=CONFIG, records=()):
    return table.check(module.compute(Inputs(config, records)))


def test_several_seeds_have_their_standard_error_and_one_run_that_of_its_images():
    rows = [row for row in rows_of(TABLES["table4"], records=RECORDS) if row.source == "practice"]
    (several,) = select(rows, panel="validation", series=FIRST)
    assert several[5:9] == (64_000, pytest.approx(0.6), pytest.approx(0.1 / np.sqrt(3)), 3)
    assert not select(rows, series=SECOND, source="practice")  # one run has no standard error over seeds
    assert not select(rows, series=THIRD)
    single = TABLES["table4"].details(RECORDS)[recorded.SINGLE]
    assert [(run["line"], run["set"], run["hits"], run["images"]) for run in single] == [
        (SECOND, "validation", 120, 200), (SECOND, "sketch", 60, 200),  # the paper's table has no column of ImageNet-V2
    ]  # fmt: skip
    for row, share in zip(recorded.single_rows("table4", single), (0.6, 0.3), strict=True):
        assert row[5:9] == (130_000, share, pytest.approx(np.sqrt(share * (1 - share) / 200)), None)


def test_scaled_lines_are_found_by_their_sizes():
    rows = rows_of(TABLES["table4"], records=RECORDS)
    found = {row.series: (row.x, row.y) for row in select(rows, panel="digits", quantity="accuracy")}
    assert found == {
        FIRST: (64_000, pytest.approx(0.91)),
        "DP, 32k + 6 x 16k": (128_000, pytest.approx(0.94)),
        "DP, 64k + 6 x 32k": (256_000, pytest.approx(0.96)),
    }
    assert [row.y for row in select(rows, panel="digits", quantity="samples")] == [128, 250, 512]


def test_scaled_runs_of_no_line_are_refused():
    with pytest.raises(ValueError, match=r"table4: runs of digits, times 500: got .*65000.*; allowed sizes whose"):
        rows_of(TABLES["table4"], records=[scaled(paper.STATIC, (130, 0, 0), 0, 0.9)])


def test_cells_say_what_there_is():
    lines = TABLES["table4"].markdown(contents_of(TABLES["table4"], RECORDS)).splitlines()
    cells = {line.split(" | ")[0].lstrip("| "): line.strip("| ").split(" | ") for line in lines[2:20]}
    assert list(cells) == [line.name for line in paper.TABLE4]
    assert cells[FIRST][1:5] == [".5656", ".600 +- .058 (3 seeds)", ".2786", "-"]
    assert cells[FIRST][7:] == [".910 +- .010", "128"]
    p, n, z = 0.6, 200, 1.959964  # Wilson's interval
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = ((centre + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    assert cells[SECOND][2] == f".600 ({low:.3f} to {high:.3f})".replace("0.", ".")
    assert cells[THIRD][1:3] == [".5948", "-"]
    assert len({line.count("|") for line in lines[:20]}) == 1
    assert TABLES["table4"].describe(CONFIG).endswith("(in progress: DP, 32k + 3 x 16k)")
    said = TABLES["table4"].summary(contents_of(TABLES["table4"], RECORDS))
    assert "2 of 18 lines have finished runs, static, 64k .600 +- .058 (3 seeds)" in said
    assert "best of digits: static, 64k .910 +- .010, DP, 64k + 6 x 32k .960" in said


def test_real_data_and_the_work_of_others_are_no_runs():
    lines = TABLES["table1"].markdown(Contents(rows_of(TABLES["table1"]))).splitlines()[2:12]
    own = {line.split(" | ")[0].strip("| "): line.split(" | ")[2].strip() for line in lines}
    ours = {line.name for line in paper.TABLE1 if line.method == paper.DP}
    assert {name for name, cell in own.items() if cell == "-"} == ours
    assert set(own.values()) == {"", "-"}


@pytest.mark.parametrize("name", TABLES)
def test_the_papers_numbers_are_all_there(name):
    module = TABLES[name]
    rows = rows_of(module)
    assert len(rows) == {"table1": 60 - 7, "table2": 4, "table4": 18 * 3, "table5": 13 * 3 - 2}[name]
    assert {row.source for row in rows} == {"paper"}
    assert "0 of" in module.summary(Contents(rows))


@pytest.mark.parametrize("name", TABLES)
def test_nothing_overlaps(name):
    records = RECORDS if name == "table4" else ()
    module = TABLES[name]
    assert_nothing_overlaps(module.draw(contents_of(module, records, "quick preset")))


@pytest.mark.parametrize("name", ["table4", "table5"])
@pytest.mark.parametrize("preset", ["default", "quick"])
def test_the_digits_run_are_lines_of_the_table(name, preset):
    values = load_toml(EXPERIMENTS / f"{name}.toml")
    known = {(line.method, line.settings["samples"]) for line in LINES[name]}
    seen = []
    for series in series_of(name, values):
        for value in series.points(preset, name):
            growth = {"growth.addition": 0, **series.set, series.vary: value}
            total = growth["growth.initial"] + growth["growth.additions"] * growth["growth.addition"]
            seen.append((series.name, total * values["scale"]))
    assert set(seen) <= known
    assert len(set(seen)) == len(seen)


# finding runs


def pretend(root, recipe, name, *, finished=True, started="2026-01-01", **changes):
    """The folder of a run of a recipe, without its making."""
    folder = root / "imagenet100" / name
    folder.mkdir(parents=True)
    seed = changes.pop("seed", 0)
    config = to_dict(from_dict({**recipe, "world": {**recipe["world"], **changes}, "seed": seed}))
    write_signed(folder / "manifest.json", {**manifest("cpu"), "started": f"{started}T00:00:00Z"})
    write_json(folder / "config.json", config)
    if finished:
        sets = {"validation": {"totals": [10], "hits": [len(name)], "raw_hits": [0]}}
        write_signed(folder / "result.json", {**NOTHING, "sets": sets, "config": config})
    return folder


@pytest.fixture
def place(tmp_path):
    """Experiments with a table of two recipes, and where runs are."""
    recipes = tmp_path / "experiments" / "imagenet100"
    recipes.mkdir(parents=True)
    for name, text in (("table2", RECIPE), ("base", BASE)):
        (recipes / f"{name}.toml").write_text(text)
    (tmp_path / "experiments" / "table2.toml").write_text((EXPERIMENTS / "table2.toml").read_text())
    return tmp_path / "experiments", tmp_path / "out" / "runs"


def test_runs_are_known_by_their_configuration_wherever_the_data_were(place):
    experiments, root = place
    recipe = read(experiments / "imagenet100" / "table2.toml", "LDM-1.4").run
    pretend(root, recipe, "aa", seed=1, data="elsewhere", v2="there")
    pretend(root, recipe, "bbb", seed=0, started="2026-01-01")
    pretend(root, recipe, "cccc", seed=0, started="2026-02-01")  # of other weights, say
    pretend(root, recipe, "ddddd", seed=0, started="2026-03-01", finished=False)
    pretend(root, recipe, "eeeeee", size=64)
    pretend(root, read(experiments / "imagenet100" / "table2.toml", "LDM-1.5").run, "fffffff", finished=False)
    found = find(["imagenet100/table2"], experiments, root)
    assert [(r.panel, r.series, r.seed) for r in found.records] == [
        ("imagenet100/table2", "LDM-1.4", seed) for seed in (0, 1)
    ]
    assert found.names == ["cccc", "aa"]
    assert found.in_progress == ["LDM-1.5"]
    assert [recorded.Score.of(r, "validation") for r in found.records] == [(0, 4, 10), (1, 2, 10)]


def test_without_runs_nothing_is_found_and_without_recipes_it_is_said(place):
    experiments, root = place
    assert find(["imagenet100/table2"], experiments, root) == OwnRuns([], [], [])
    with pytest.raises(InputError, match=r"imagenet100/tabel2.toml: got .*; allowed an existing TOML file"):
        find(["imagenet100/tabel2"], experiments, root)


def test_the_command_fills_the_table_as_runs_finish(place, capsys):
    """Data and weights of these runs have never been on this machine."""
    experiments, root = place
    command = ["table2", "--experiments", str(experiments), "--out", str(root.parent)]
    assert paper_repro.main(command) == 0
    stem = root.parent / "table2" / "table2"
    assert "| LDM-1.4 | .5906 | - |" in stem.with_suffix(".md").read_text()
    recipe = read(experiments / "imagenet100" / "table2.toml", "LDM-1.4").run
    pretend(root, recipe, "begun", finished=False)
    assert paper_repro.main(command) == 0
    assert "(in progress: LDM-1.4)" in stem.with_suffix(".md").read_text()
    pretend(root, recipe, "four")
    assert paper_repro.main(command) == 0
    assert "| LDM-1.4 | .5906 | .400 (.168 to .687) |" in stem.with_suffix(".md").read_text()
    assert "in progress" not in stem.with_suffix(".md").read_text()
    manifest = json.loads(stem.with_suffix(".json").read_text())
    assert [entry["run"] for entry in manifest["runs"]] == ["four"]
    assert "1 of 4 lines" in " ".join(capsys.readouterr().out.split())


def test_examples():
    assert doctest.testmod(recorded).failed == doctest.testmod(paper).failed == 0


@pytest.mark.parametrize(("table", "lines", "images"), [(4, paper.TABLE4, 5_000), (5, paper.TABLE5, 50_000)])
def test_the_curves_for_law_are_the_tables_with_binomial_errors(table, lines, images):
    path = Path(paper.__file__).with_name(f"table{table}_curves.csv")
    series = {one.name: one for one in curves.read(path)}
    for method, one in series.items():
        own = sorted((line for line in lines if line.method == method), key=lambda line: line.settings["samples"])
        share = np.array([line.per_cent["validation"] for line in own]) / 100
        np.testing.assert_array_equal(one.x, [line.settings["samples"] for line in own])
        np.testing.assert_allclose(one.y, share, atol=1e-6)
        np.testing.assert_allclose(one.stderr, np.sqrt(share * (1 - share) / images), rtol=1e-3)
