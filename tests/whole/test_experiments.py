"""Recipes: files based on one another, and those of the ImageNet worlds against the paper's tables."""

import re
from pathlib import Path

import pytest
from support.places import EXPERIMENTS

from empirical.config import from_dict
from empirical.learning.rates import cooldown_start
from empirical.loop.patience import patience
from empirical.settings.recipes import load_toml
from figures.paper import numbers as paper

RECIPES = sorted(path for task in ("imagenet100", "imagenet1k") for path in (EXPERIMENTS / task).rglob("*.toml"))
LINES = {run.recipe: run for table in (paper.TABLE1, paper.TABLE2, paper.TABLE4, paper.TABLE5) for run in table}
LINES.pop("")
TABLE3 = ("practice", "omega_0", "omega_0.03", "omega_0.07", "fixed_patience", "newest_twice")  # in the paper's order


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)


def name_of(path):
    return str(path.relative_to(EXPERIMENTS).with_suffix(""))


def run(path):
    return from_dict(load_toml(path))


@pytest.fixture(scope="module")
def runs():
    """All recipes of the ImageNet worlds, resolved: none of their data or weights are here."""
    return {name_of(path): run(path) for path in RECIPES}


# inheritance


def test_a_recipe_says_only_what_differs_from_its_base(tmp_path):
    write(tmp_path, low='top = 1\nlist = [1, 2]\n[a]\nx = 1\ny = 2\n[a.deep]\nz = 3\n[b]\n"p.q" = 1\n')
    write(tmp_path / "rows", middle='base = "../low.toml"\nlist = [3]\n[a]\ny = 5\n[a.deep]\nw = 4\n')
    write(tmp_path / "rows", high='base = "middle.toml"\n[a]\nx = 6\n[c]\nk = 7\n')
    assert load_toml(tmp_path / "rows" / "high.toml") == {
        "top": 1, "list": [3], "a": {"x": 6, "y": 5, "deep": {"z": 3, "w": 4}}, "b": {"p.q": 1}, "c": {"k": 7},
    }  # fmt: skip
    assert load_toml(tmp_path / "low.toml")["a"] == {"x": 1, "y": 2, "deep": {"z": 3}}


def test_a_base_that_leads_nowhere_is_named_with_the_file_that_asks_for_it(tmp_path, complains):
    write(
        tmp_path, gone='base = "none.toml"\n', number="base = 3\n", place='base = "."\n', above='base = "gone.toml"\n'
    )
    for name, where in (("gone", "gone"), ("place", "place"), ("number", "number"), ("above", "gone")):
        with complains(f"{tmp_path / where}.toml: base"):
            load_toml(tmp_path / f"{name}.toml")


def test_files_that_are_each_others_base_are_refused(tmp_path, complains):
    write(tmp_path, own='base = "own.toml"\n', a='base = "b.toml"\n', b='base = "c.toml"\n', c='base = "x/b.toml"\n')
    (tmp_path / "x").symlink_to(tmp_path)
    with complains(f"{tmp_path / 'own.toml'}: base"):
        load_toml(tmp_path / "own.toml")
    with complains("c.toml: base"):
        load_toml(tmp_path / "a.toml")


# the recipes of the ImageNet worlds


def test_every_line_that_is_a_run_of_ours_has_a_recipe_and_no_recipe_is_left_over():
    asked = {*LINES, *(f"imagenet100/table3/{name}" for name in TABLE3)}
    asked |= {f"{task}/{kind}" for task in ("imagenet100", "imagenet1k") for kind in ("static", "practice", "prune")}
    assert {name_of(path) for path in RECIPES} == asked


def test_all_recipes_have_the_papers_settings(runs):
    for name, found in runs.items():
        hundred, training = name.startswith("imagenet100"), found.training
        assert found.world.name == name.split("/")[0]
        assert found.learner.kind == "vit_base_patch16_224"
        assert (training.batch, training.lr) == ((64 * 32, 3e-3) if hundred else (128 * 32, 1.6e-3))
        assert training.iterations == (50_000 if hundred else 100_000) * (2 if "table1" in name else 1)
        assert (training.schedule, training.warmup, training.cooldown) == ("wsd", 0.1, 0.2)
        assert (training.label_smoothing, training.mixup, training.cutmix) == (0.11, 0.5, 1.0)
        assert (training.ema_decay, training.augment, training.bf16) == (0.999, "crop_flip", True)
        assert (found.sampling.steps, found.sampling.guidance_scale) == (50, 2.0 if "table1" in name else 3.0)
        if found.acquire.omega:
            assert (found.acquire.kind, found.acquire.every) == ("x0/tiny", 5)
            assert found.acquire.omega == 0.05 or "table3" in name
    generators = {name: found.world.generator for name, found in runs.items()}
    assert len({generators[line.recipe] for line in paper.TABLE2}) == 4
    assert {generators[name] for name in runs if "table2" not in name} == {generators["imagenet100/table2/ldm_1.5"]}


def test_sizes_are_those_of_the_tables(runs):
    for name, line in LINES.items():
        growth = runs[name].growth
        total = growth.initial + growth.additions * growth.addition
        rounding = 50_000 if "table1" in name else 0  # "1.9M"
        assert abs(total - line.samples) <= rounding, name
        assert (growth.additions == 0) == (line.method == paper.STATIC)
        assert (runs[name].acquire.omega == 0) == (line.method == paper.STATIC)
        if line.growth:
            printed = (growth.initial, growth.addition, growth.additions, growth.patience)
            assert printed == (line.growth if line.samples != 1_794_000 else (130_000, 64_000, 26, 5))
            assert growth.incremental


def test_the_totals_printed_add_up_but_for_one():
    lines = [line for line in (*paper.TABLE4, *paper.TABLE5) if line.growth]
    off = [line.samples for line in lines if line.growth[0] + line.growth[1] * line.growth[2] != line.samples]
    assert off == [1_794_000]


def test_the_ablation_changes_one_thing_at_a_time(runs):
    first, *others = (runs[f"imagenet100/table3/{name}"] for name in TABLE3)
    assert [other.acquire.omega for other in others] == [0, 0.03, 0.07, 0.05, 0.05]
    assert {other.growth for other in others[:3]} == {first.growth}
    assert {other.training for other in others} == {first.training}
    assert [other.growth.incremental for other in others[3:]] == [False, True]
    assert [other.growth.newest_weight for other in others[3:]] == [1, 2]


def test_all_additions_fit(runs):
    """Waiting as long as patience says, without an improvement, takes at most half of the time for additions."""
    for name, found in runs.items():
        growth = found.growth
        sizes = (growth.initial + k * growth.addition for k in range(growth.additions))
        waiting = growth.evaluate_every * sum(patience(growth, size) for size in sizes)
        assert waiting <= cooldown_start(found.training) / 2, name


def test_headers_have_the_papers_numbers(runs):
    wanted = {name: dict(line.numbers) for name, line in LINES.items()}
    for name, (*_, val, train) in zip(TABLE3, paper.TABLE3, strict=True):
        wanted[f"imagenet100/table3/{name}"] = {"validation": val, "train": train}
    for task, table in (("imagenet100", paper.TABLE4), ("imagenet1k", paper.TABLE5)):
        for kind in ("static", "practice"):
            growth = runs[f"{task}/{kind}"].growth
            total = growth.initial + growth.additions * growth.addition
            (line,) = (line for line in table if Path(line.recipe).name.startswith(kind) and line.samples == total)
            wanted[f"{task}/{kind}"] = dict(line.numbers)
    for name, numbers in wanted.items():
        (said,) = re.findall(r"^# Expect \(the paper's\): (.*)\.", (EXPERIMENTS / f"{name}.toml").read_text(), re.M)
        found = {key: float(value) for key, value in re.findall(r"(\w+) (\d+(?:\.\d+)?)", said.split(" (")[0])}
        assert found == numbers, name


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_every_recipe_opens_as_a_lab_note(path):
    text = path.read_text()
    header = text.split("\n\n")[0]
    assert all(line.startswith("#") for line in header.splitlines())
    for word in (
        "Expect",
        "Hardware",
        "Duration: see --dry-run",
        f"run experiments/{name_of(path)}.toml --device cuda",
    ):
        assert word in header
