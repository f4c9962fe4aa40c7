"""Finished runs of tables of recipes are found again by their settings and by the weights of their generator."""

import shutil
from pathlib import Path

import pytest
from support import tiny_stable_diffusion
from support.records import NOTHING

from cli.recorded import find
from empirical.config import from_dict, to_dict
from empirical.runs.folder import run_directory
from empirical.runs.result import Result, write_result
from empirical.runs.sharing import begin
from empirical.settings.recipes import read

RECIPES = """
[world]
name = "imagenet100"
data = "{data}"
generator = "{generator}"
tiny = "{tiny}"
[learner]
kind = "test_vit"
[training]
iterations = 2
[sampling]
steps = 2
[lines]
"one line" = {{ growth.initial = 2 }}
"another line" = {{ growth.initial = 4 }}
"""


class Table:
    """A table of two recipes, the toy models that they name, and the folder of the runs."""

    def __init__(self, folder):
        self.folder, self.root = folder, folder / "runs"
        self.places = {name: folder / name for name in ("data", "generator", "tiny")}
        tiny_stable_diffusion.save(self.places["generator"])
        tiny_stable_diffusion.save_tiny(self.places["tiny"])
        self.write()

    def write(self):
        self.path = self.folder / "experiments" / "imagenet100" / "table2.toml"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(RECIPES.format(**self.places))

    def move(self, name):
        """Move a folder of models or data, and name the new place in the recipes."""
        moved = self.folder / "elsewhere" / name
        if self.places[name].exists():
            shutil.copytree(self.places[name], moved)
            shutil.rmtree(self.places[name])
        self.places[name] = moved
        self.write()

    def finish(self, line):
        """Leave the folder of a finished run, as `execute` begins and ends it; nothing is trained."""
        run = from_dict(read(self.path, line).run)
        folder = run_directory(run, self.root)
        begin(run, folder.parent, folder, "cpu")
        write_result(folder / "result.json", Result(**{**NOTHING, "config": to_dict(run)}))

    def lines(self):
        """Return the names of the lines whose finished runs are found."""
        return [
            record.series for record in find(["imagenet100/table2"], self.folder / "experiments", self.root).records
        ]


@pytest.fixture
def table(tmp_path):
    made = Table(tmp_path)
    made.finish("one line")
    assert made.lines() == ["one line"]
    return made


@pytest.mark.parametrize("names", [["data"], ["generator"], ["tiny"], ["data", "generator", "tiny"]])
def test_a_run_is_found_after_its_data_and_models_have_moved(table, names):
    for name in names:
        table.move(name)
    assert table.lines() == ["one line"]


@pytest.mark.parametrize("name", ["generator", "tiny"])
def test_a_run_of_other_weights_at_another_place_is_not_found(table, name):
    table.move(name)
    shutil.rmtree(table.places[name])
    {"generator": tiny_stable_diffusion.save, "tiny": tiny_stable_diffusion.save_tiny}[name](table.places[name], seed=1)
    assert table.lines() == []


def test_without_weights_at_the_new_place_nothing_is_found_and_nothing_fails(table):
    table.places["generator"] = Path("nowhere")
    table.write()
    assert table.lines() == []


def test_a_run_is_found_by_the_names_of_its_models_where_these_are_gone(table):
    shutil.rmtree(table.places["generator"])
    assert table.lines() == ["one line"]
