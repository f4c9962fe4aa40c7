"""Test recipes that are based on one another, and compare the ImageNet recipes with the paper's tables."""

import re

import pytest
from support.errors import complains
from support.places import EXPERIMENTS

import paper_repro
from empirical.config import from_dict, world_of
from empirical.learning.rates import cooldown_start
from empirical.loop.patience import patience
from empirical.scale.series import series_of
from empirical.settings import recipes
from empirical.settings.recipes import load_toml
from figures.paper import numbers as paper

TABLES = {  # the tables of recipes, and the printed lines that are runs
    "imagenet100/table1": [line for line in paper.TABLE1 if line.ours and line.name.startswith("IN-100")],
    "imagenet100/table2": paper.TABLE2,
    "imagenet100/table3": paper.TABLE3,
    "imagenet100/table4": paper.TABLE4,
    "imagenet1k/table1": [line for line in paper.TABLE1 if line.ours and line.name.startswith("IN-1k")],
    "imagenet1k/table5": paper.TABLE5,
}
SINGLE = [f"{task}/{kind}" for task in ("imagenet100", "imagenet1k") for kind in ("static", "practice", "prune")]
LINES = {(table, line.name): line for table, lines in TABLES.items() for line in lines}


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)


@pytest.fixture(scope="module")
def runs():
    """Make the runs of all ImageNet recipes by (file, line), without their data and weights."""
    keys = [*((name, "") for name in SINGLE), *LINES]
    return {(name, line): from_dict(recipes.read(EXPERIMENTS / f"{name}.toml", line).run) for name, line in keys}


# inheritance


def test_a_recipe_says_only_what_differs_from_its_base(tmp_path):
    write(tmp_path, low='top = 1\nlist = [1, 2]\n[a]\nx = 1\ny = 2\n[a.deep]\nz = 3\n[b]\n"p.q" = 1\n')
    write(tmp_path / "rows", middle='base = "../low.toml"\nlist = [3]\n[a]\ny = 5\n[a.deep]\nw = 4\n')
    write(tmp_path / "rows", high='base = "middle.toml"\n[a]\nx = 6\n[c]\nk = 7\n')
    assert load_toml(tmp_path / "rows" / "high.toml") == {
        "top": 1, "list": [3], "a": {"x": 6, "y": 5, "deep": {"z": 3, "w": 4}}, "b": {"p.q": 1}, "c": {"k": 7},
    }  # fmt: skip
    assert load_toml(tmp_path / "low.toml")["a"] == {"x": 1, "y": 2, "deep": {"z": 3}}


def test_a_base_that_leads_nowhere_is_named_with_the_file_that_asks_for_it(tmp_path):
    write(
        tmp_path, gone='base = "none.toml"\n', number="base = 3\n", place='base = "."\n', above='base = "gone.toml"\n'
    )
    for name, where in (("gone", "gone"), ("place", "place"), ("number", "number"), ("above", "gone")):
        with complains(f"{tmp_path / where}.toml: base"):
            load_toml(tmp_path / f"{name}.toml")


def test_files_that_are_each_others_base_are_refused(tmp_path):
    write(tmp_path, own='base = "own.toml"\n', a='base = "b.toml"\n', b='base = "c.toml"\n', c='base = "x/b.toml"\n')
    (tmp_path / "x").symlink_to(tmp_path)
    with complains(f"{tmp_path / 'own.toml'}: base"):
        load_toml(tmp_path / "own.toml")
    with complains("c.toml: base"):
        load_toml(tmp_path / "a.toml")


def test_a_line_of_a_table_is_a_recipe_on_the_rest_of_its_file_and_a_base_of_its_own(tmp_path):
    write(tmp_path, low="[a]\nx = 1\ny = 2\n", other="[a]\nz = 5\n[throughput.images]\nw = 1\n")
    lines = '[lines]\nfirst = {}\n"of two words" = { base = "other.toml", a = { y = 3 } }\n'
    write(tmp_path, table=f'base = "low.toml"\n{lines}')
    path = tmp_path / "table.toml"
    assert recipes.read(path, "first").run == {"a": {"x": 1, "y": 2}}
    assert recipes.read(path, "of two words") == recipes.Recipe(
        {"a": {"x": 1, "y": 3, "z": 5}}, {"images": {"w": 1}}, {}
    )
    assert list(recipes.lines(path)) == ["first", "of two words"]
    for line in ("", "third"):
        with complains(f"{path}: line"):
            recipes.read(path, line)
    with complains(f"{tmp_path / 'low'}.toml: line"):
        recipes.read(tmp_path / "low.toml", "first")


def test_a_line_is_run_by_its_name(tmp_path, capsys):
    lines = '[lines]\n"few, guided" = { growth.initial = 64, acquire.omega = 0.02 }\nplain = { acquire.omega = 0.0 }\n'
    write(tmp_path, table=f'base = "{EXPERIMENTS / "worlds" / "digits.toml"}"\n{lines}')
    command = ["run", str(tmp_path / "table.toml"), "--out", str(tmp_path), "--dry-run"]
    assert paper_repro.main([*command, "--line", "few, guided"]) == 0
    printed = capsys.readouterr().out
    assert "growth.initial = 64" in printed
    assert "acquire.omega = 0.02" in printed
    assert paper_repro.main(command) != 0
    assert "'few, guided', 'plain'" in " ".join(capsys.readouterr().err.split())


def test_series_of_a_world_share_settings_unless_they_decline():
    keys = {"panel": "p", "name": "s", "vary": "growth.additions", "values": [1]}
    tables = {
        "common": {"linear": {"growth.initial": 8, "acquire.omega": 0.0}},
        "series": [
            {**keys, "world": "linear", "set": {"acquire.omega": 0.1}},
            {**keys, "world": "linear", "common": False, "set": {"growth.additions": 0}},
            {**keys, "world": "digits"},
        ],
    }
    settings = [series.set for series in series_of("fig4", tables)]
    assert settings == [{"growth.initial": 8, "acquire.omega": 0.1}, {"growth.additions": 0}, {}]
    with complains("fig4.toml: common"):
        series_of("fig4", {**tables, "common": {"glyphs": {}}})


# the recipes of the ImageNet worlds


def test_every_line_that_is_a_run_of_ours_has_a_recipe_and_no_recipe_is_left_over():
    there = {path.relative_to(EXPERIMENTS).with_suffix("") for path in EXPERIMENTS.glob("imagenet*/**/*.toml")}
    assert {str(name) for name in there} == {*SINGLE, *TABLES}
    for name, lines in TABLES.items():
        assert list(recipes.lines(EXPERIMENTS / f"{name}.toml")) == [line.name for line in lines]


def test_the_lines_of_tables_shown_together_have_names_of_their_own():
    names = [line.name for line in (*paper.TABLE4, *paper.TABLE5)]
    assert len(set(names)) == len(names)


def test_all_recipes_have_the_papers_settings(runs):
    for (name, line), run in runs.items():
        hundred, training = name.startswith("imagenet100"), run.training
        assert run.world.name == name.split("/")[0]
        assert run.learner.kind == "vit_base_patch16_224"
        assert (training.batch, training.lr) == ((64 * 32, 3e-3) if hundred else (128 * 32, 1.6e-3))
        assert training.iterations == (50_000 if hundred else 100_000) * (2 if "table1" in name else 1)
        assert (training.schedule, training.warmup, training.cooldown) == ("wsd", 0.1, 0.2)
        assert (training.label_smoothing, training.mixup, training.cutmix) == (0.11, 0.5, 1.0)
        assert (training.ema_decay, training.augment, training.bf16) == (0.999, "crop_flip", True)
        assert (run.sampling.steps, run.sampling.guidance_scale) == (50, 2.0 if "table1" in name else 3.0)
        if run.acquire.omega:
            assert (run.acquire.mode, run.acquire.every) == ("x0/tiny", 5)
            assert run.acquire.omega == 0.05 or "table3" in name, line
    generators = {key: world_of(run).generator for key, run in runs.items()}
    assert len({generators["imagenet100/table2", line.name] for line in paper.TABLE2}) == 4
    usual = generators["imagenet100/table2", "LDM-1.5"]
    assert {generator for (name, _), generator in generators.items() if "table2" not in name} == {usual}


def test_settings_are_those_of_the_tables(runs):
    """A recipe has all settings that the CSV file has for its line; 130,000 + 27 x 64,000 is run with 26 additions."""
    for key, line in LINES.items():
        run, printed = runs[key], dict(line.settings)
        growth, total = run.growth, run.growth.initial + run.growth.additions * run.growth.addition
        rounding = 50_000 if "table1" in key[0] else 0  # "1.9M"
        assert abs(total - printed.pop("samples", total)) <= rounding, key
        if "omega" not in printed:
            assert (growth.additions == 0) == (run.acquire.omega == 0) == (line.method == paper.STATIC)
        if line.settings.get("samples") == 1_794_000:
            assert printed.pop("additions") == growth.additions + 1 == 27
        stated = {"omega": run.acquire.omega, "t_max": growth.patience, **vars(growth)}
        assert {name: stated[name] for name in printed} == printed, key
        assert growth.incremental or line.method == paper.STATIC or line.name == "fixed patience"


def test_the_totals_printed_add_up_but_for_one():
    grown = [line.settings for line in (*paper.TABLE4, *paper.TABLE5) if "additions" in line.settings]
    off = [s["samples"] for s in grown if s["initial"] + s["addition"] * s["additions"] != s["samples"]]
    assert len(grown) == 19
    assert off == [1_794_000]


def test_the_ablation_changes_one_thing_at_a_time(runs):
    first, *others = (runs["imagenet100/table3", line.name] for line in paper.TABLE3)
    assert [other.acquire.omega for other in others] == [0, 0.03, 0.07, 0.05, 0.05]
    assert {other.growth for other in others[:3]} == {first.growth}
    assert {other.training for other in others} == {first.training}
    assert [other.growth.incremental for other in others[3:]] == [False, True]
    assert [other.growth.newest_weight for other in others[3:]] == [1, 2]


def test_all_additions_fit(runs):
    """Waiting out the patience of every addition takes at most half of the iterations before the cool-down."""
    for name, run in runs.items():
        growth = run.growth
        sizes = (growth.initial + k * growth.addition for k in range(growth.additions))
        waiting = growth.evaluate_every * sum(patience(growth, size) for size in sizes)
        assert waiting <= cooldown_start(run.training) / 2, name


def test_headers_of_single_recipes_have_the_papers_numbers(runs):
    for task, table in (("imagenet100", paper.TABLE4), ("imagenet1k", paper.TABLE5)):
        for kind in ("static", "practice"):
            growth = runs[f"{task}/{kind}", ""].growth
            total = growth.initial + growth.additions * growth.addition
            method = paper.STATIC if kind == "static" else paper.DP
            (line,) = (line for line in table if line.method == method and line.settings["samples"] == total)
            text = (EXPERIMENTS / f"{task}/{kind}.toml").read_text()
            (expected,) = re.findall(r"^# Expect \(the paper's\): (.*)\.", text, re.M)
            numbers = re.findall(r"(\w+) (\d+(?:\.\d+)?)", expected.split(" (")[0])
            assert {key: float(value) for key, value in numbers} == line.per_cent


@pytest.mark.parametrize("name", [*SINGLE, *TABLES])
def test_every_recipe_opens_as_a_lab_note(name):
    header = (EXPERIMENTS / f"{name}.toml").read_text().split("\n\n")[0]
    assert all(line.startswith("#") for line in header.splitlines())
    lines = "|".join(re.escape(line.name) for line in TABLES.get(name, []))
    command = rf"run experiments/{name}\.toml" + (f' --line "({lines})"' if lines else "") + " --device cuda"
    for pattern in ("Expect", "Hardware", "Duration: see --dry-run", command):
        assert re.search(pattern, header)
