"""Figure files and recipes with wrong shapes and types: each is refused with the name of the file and of the key."""

import re

import pytest
from support.small_experiments import COMMAND, FIGURE, WORLD

import paper_repro


def changed(pattern, replacement):
    """Return the figure file with the first match of a pattern replaced, or with a line at its top."""
    text, count = re.subn(pattern, replacement, FIGURE, count=1, flags=re.MULTILINE)
    assert count == 1
    return text


def top(line):
    """Return the figure file with a line before its first table."""
    return changed(r"^paper = true$", f"paper = true\n{line}")


WRONG = {
    "series = 3": (top("series = 3").partition("[[series]]")[0], "series"),
    "series = [3]": (top("series = [3]").partition("[[series]]")[0], "series[0]"),
    **{
        f"no {key}": (changed(rf"^{key} = .*\n", ""), f"series[0].{key}")
        for key in ("panel", "name", "world", "vary", "values")
    },
    **{
        f"{key} = 3": (changed(rf"^{key} = .*$", f"{key} = 3"), f"series[0].{key}")
        for key in ("panel", "name", "world", "vary", "values", "set")
    },
    "another world": (changed("^world = .*$", 'world = "moons"'), "series[0].world"),
    "another panel": (changed("^panel = .*$", 'panel = "moons"'), "panel of series 'static'"),
    "an unknown key": (changed("^vary", 'colour = "red"\nvary'), "series[0].colour"),
    "a preset of values": (changed("^values = .*$", "values = { slow = [1] }"), "series[0].values"),
    "no values": (changed("^values = .*$", "values = []"), "series[0].values"),
    "no values of the preset": (changed("^values = .*$", "values = { default = [16] }"), "'static'.values"),
    "no values of any preset": (changed("^values = .*$", "values = { default = [], quick = [] }"), "series[0].values"),
    "a value that is a text": (changed("^values = .*$", 'values = ["a"]'), "series[0].values[0]"),
    "a value twice": (changed("^values = .*$", "values = [16, 16]"), "series[0].values"),
    "a value that is not finite": (changed("^values = .*$", "values = [inf]"), "series[0].values[0]"),
    "a setting that is a table": (changed("^set = .*$", "set = { growth.additions = 0 }"), "series[0].set.growth"),
    "a setting that does not exist": (changed("^set = .*$", 'set = { "growth.number" = 0 }'), "growth.number"),
    "common = 3 of a series": (changed("^vary", "common = 3\nvary"), "series[0].common"),
    "by_default = 3": (changed("^vary", "by_default = 3\nvary"), "series[0].by_default"),
    "examine = 3": (changed("^vary", "examine = 3\nvary"), "series[0].examine"),
    "an unknown question": (changed("^vary", 'examine = "why"\nvary'), "examine"),
    "common = 3": (top("common = 3"), "common"),
    "common.linear = 3": (top("common = { linear = 3 }"), "common.linear"),
    "common of another world": (top("common = { moons = {} }"), "common"),
    "a table in common": (top("common = { linear = { growth = { initial = 3 } } }"), "set.growth"),
    "presets = 3": (top("presets = 3").partition("[presets")[0], "presets"),
    "presets.quick = 3": (top("presets = { quick = 3 }").partition("[presets")[0], "presets.quick"),
    "no such preset": (top("presets = { default = {} }").partition("[presets")[0], "presets"),
    "an unknown preset": (changed(r"^\[presets.default", "[presets.slow"), "presets"),
    "seeds = 3": (top("presets = { quick = { seeds = 3 } }").partition("[presets")[0], "presets.quick.seeds"),
    "seeds of another world": (changed("^linear = 2", "moons = 2"), "presets.default.seeds"),
    **{
        f"linear = {count} seeds": (changed("^linear = 2", f"linear = {count}"), "presets.default.seeds.linear")
        for count in ("'a'", "-1", "0", "1", "2.0", "true", "3e9", "3_000_000_000", "[2]")
    },
    "compute_s = 'x'": (changed("^compute_s = .*$", "compute_s = 'x'"), "compute_s"),
    "compute_s.quick = 'x'": (changed("^compute_s = .*$", "compute_s = { quick = 'x' }"), "compute_s.quick"),
    "compute_s.quick = -1": (changed("^compute_s = .*$", "compute_s = { quick = -1 }"), "compute_s.quick"),
    "compute_s.quick = nan": (changed("^compute_s = .*$", "compute_s = { quick = nan }"), "compute_s.quick"),
    "no compute_s": (changed("^compute_s = .*$", ""), "compute_s"),
    "an unknown setting": (top("colour = 'red'"), "colour"),
    "a setting of another type": (changed("^paper = .*$", "paper = 3"), "paper"),
    "no setting": (changed("^paper = .*$", ""), "paper"),
}


@pytest.mark.parametrize(("text", "key"), WRONG.values(), ids=list(WRONG))
def test_a_figure_file_of_another_shape_is_refused_by_file_and_key(small, refused, text, key):
    (small.folder / "fig4.toml").write_text(text)
    message = refused("fig4", "--preset", "quick", "--dry-run", *small.places)
    assert "fig4.toml" in message
    assert key in message


def test_an_empty_list_of_one_preset_leaves_out_the_series(small, capsys):
    (small.folder / "fig4.toml").write_text(changed("^values = .*$", "values = { default = [16], quick = [] }"))
    assert paper_repro.main([*COMMAND, "--dry-run", *small.places]) == 0
    printed = capsys.readouterr().out
    assert "deliberate practice" in printed
    assert "static" not in printed


THEORY = "# Figure 3.\ncompute_s = { quick = 1 }\n[presets.quick]\n"


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("fig3", THEORY, "fig3.toml.d"),
        ("fig3", THEORY + "colour = 3\n", "colour"),
        ("table1", THEORY + "recipes = 3\n", "recipes"),
        ("table1", THEORY + "recipes = ['nowhere']\n", "nowhere.toml"),
        ("table4", THEORY + "recipes = []\n", "scale"),
        ("fig2", THEORY + "window = { digits = [1, 2, 3] }\n", "window.digits"),
        ("fig2", THEORY + "window = { moons = [1, 2] }\n", "window"),
        ("fig5", THEORY + "usual_omega = { linear = 0.1 }\n", "usual_omega"),
        ("fig6", THEORY + "rounds = [1]\nwindow = 3\n", "window"),
        ("fig6", THEORY + "rounds = [1]\nwindow = { digits = [0, 1] }\n", "window"),
        ("fig9", THEORY + "window = 3\n", "window"),
    ],
)
def test_settings_of_a_figure_are_checked_by_its_own_declaration(tmp_path, refused, name, text, key):
    (tmp_path / f"{name}.toml").write_text(text)
    arguments = ["--preset", "quick", "--dry-run", "--experiments", tmp_path, "--out", tmp_path / "out"]
    assert key in refused(name, *arguments)


SPEEDS = WORLD.format(iterations=12, steps=8).partition("[throughput]")[0]


@pytest.mark.parametrize(
    ("tables", "key"),
    [
        ("throughput = 3\n", "throughput"),
        ("throughput = { images = 3 }\n", "throughput.images"),
        ("throughput = { images = { x0 = 'fast' } }\n", "throughput.images.x0"),
        ("throughput = { images = { x0 = nan } }\n", "throughput.images.x0"),
        ("throughput = { images = { x0 = inf } }\n", "throughput.images.x0"),
        ("throughput = { images = { x0 = 0 } }\n", "throughput.images.x0"),
        ("throughput = { iterations = { ridge = -1.0 } }\n", "throughput.iterations.ridge"),
        ("throughput = { device = 3 }\n", "throughput.device"),
        ("throughput = { pictures = { x0 = 3 } }\n", "throughput.pictures"),
        ("generator = 3\n", "generator"),
        ("generator = { presets = 3 }\n", "generator.presets"),
        ("generator = { presets = { quick = 3 } }\n", "generator.presets.quick"),
        ("generator = { presets = { quick = { set = 3 } } }\n", "generator.presets.quick.set"),
        ("lines = 3\n", "lines"),
        ("lines = { one = 3 }\n", "lines.one"),
        ("base = 3\n", "base"),
        ("growth = 3\n", "growth"),
        ("world = [3]\n", "world"),
    ],
)
def test_a_recipe_of_another_shape_is_refused_by_its_key(tmp_path, refused, tables, key):
    recipe = tmp_path / "recipe.toml"
    sections = SPEEDS
    for section in ("growth", "world"):
        if tables.startswith(section):
            sections = re.sub(rf"\[{section}\]\n(?:[^\[]*\n)?", "", sections)
    recipe.write_text(tables + sections)
    assert key in refused("run", recipe, "--dry-run", "--out", tmp_path / "out")


def test_a_file_of_measured_speeds_is_read_as_strictly_as_a_recipe(small, refused):
    small.out.joinpath("throughput").mkdir(parents=True)
    (small.out / "throughput" / "a.toml").write_text("[settings]\n[throughput]\nimages = { plain = 'fast' }\n")
    assert "a.toml: throughput.images.plain" in refused(*COMMAND, "--dry-run", *small.places)
