"""`verify` on figures: an intact one passes, and damage to each of its files and runs is named."""

import json
import shutil

import pytest
from support.forgery import flip, only, rewrite
from support.small_experiments import COMMAND, in_this_process, write_experiments

import paper_repro
from empirical.system.files import write_signed


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    """Make a figure with its runs, and return the output folder."""
    folder = tmp_path_factory.mktemp("figure")
    places = ["--experiments", str(write_experiments(folder / "experiments")), "--out", str(folder / "out")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("empirical.scale.workers.sweep", in_this_process)
        assert paper_repro.main([*COMMAND, *places]) == 0
    return folder / "out"


@pytest.fixture
def verify_figure(figure, tmp_path, capsys):
    """Copy the figure to damage; return its folder, and a function that verifies it."""
    out = tmp_path / "out"
    shutil.copytree(figure, out)

    def verify():
        code = paper_repro.main(["verify", str(out / "fig4")])
        output = capsys.readouterr().out
        lines = [line for line in output.splitlines() if line[:3] in ("ok ", "OFF")]
        assert code == (1 if any(line.startswith("OFF") for line in lines) else 0)
        return {line.split(": ")[1] for line in lines if line.startswith("OFF")}, output

    return out, verify


def test_an_intact_figure_passes(verify_figure):
    off, output = verify_figure[1]()
    assert off == set()
    assert "all 10 pass their checks" in output
    assert "byte for byte" in output


def better(out):
    """Give a run of the table another accuracy, with a right digest."""
    rewrite(only(out, "runs/linear/*/result.json"), accuracy=lambda a: a / 2)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda out: flip(out / "fig4" / "fig4.csv", -8), {"table"}),
        (lambda out: (out / "fig4" / "fig4.csv").unlink(), {"table"}),
        (lambda out: flip(out / "fig4" / "fig4_seeds.csv", -8), {"table"}),
        (lambda out: (out / "fig4" / "fig4_seeds.csv").unlink(), {"table"}),
        (lambda out: (out / "fig4" / "fig4.pdf").unlink(), {"pictures"}),
        (lambda out: (out / "fig4" / "fig4.png").write_bytes(b""), {"pictures"}),
        (lambda out: (out / "fig4" / "fig4.png").write_bytes(b"not a png"), {"pictures"}),
        (lambda out: flip(out / "fig4" / "fig4.svg"), {"pictures"}),
        (lambda out: rewrite(out / "fig4" / "fig4.json", details=lambda _: {}), {"table"}),
        (lambda out: rewrite(out / "fig4" / "fig4.json", versions=lambda _: {}, runs=lambda r: r[1:]), {"table"}),
        (better, {"table"}),
        (lambda out: shutil.rmtree(only(out, "runs/linear/*/result.json").parent), {"run"}),
        (lambda out: flip(only(out, "runs/linear/*/pool/*.parquet"), 100), {"pool files"}),
    ],
)
def test_damage_to_a_figure_or_its_runs_is_named(verify_figure, damage, expected):
    out, verify = verify_figure
    damage(out)
    assert verify()[0] == expected


def test_a_cut_manifest_is_named(verify_figure):
    out, verify = verify_figure
    path = out / "fig4" / "fig4.json"
    values = json.loads(path.read_text())
    del values["runs"], values["sha256"]
    write_signed(path, values)
    off, output = verify()
    assert off == {"manifest"}
    assert "fig4.json.runs: got None" in output


@pytest.mark.parametrize("values", [[], 3, None, {}, "text", {"runs": [{}], "settings": 3, "series": 3}])
def test_a_manifest_of_any_shape_is_named_and_the_other_files_are_looked_at(verify_figure, values):
    out, verify = verify_figure
    path = out / "fig4" / "fig4.json"
    if isinstance(values, dict):
        write_signed(path, values)
    else:
        path.write_text(json.dumps(values))
    assert verify()[0] == {"manifest"}
    (out / "fig4" / "fig4.png").unlink()
    (out / "fig4" / "fig4.csv").write_text("damage")
    assert verify()[0] == {"manifest", "table", "pictures"}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"settings": lambda _: 3}, "manifest"),
        ({"runs": lambda _: [{}]}, "manifest"),
        ({"runs": lambda _: 3}, "manifest"),
        ({"runs__0__value": lambda _: "text"}, "manifest"),
        ({"series": lambda _: 3}, "manifest"),
        ({"invented": lambda _: 3}, "manifest"),
        ({"seeds": lambda _: [7]}, "manifest"),
        ({"files__invented.csv": lambda _: ""}, "manifest"),
        ({"series__0__invented": lambda _: 3}, "table"),
        ({"runs__0__seed": lambda _: 1}, "table"),
        ({"cost__images": lambda n: n - 1}, "table"),
        ({"files": lambda files: {**files, "fig4_seeds.csv": "0"}}, "table"),
        ({"files": lambda files: {**files, "fig4.svg": "0"}}, "pictures"),
    ],
)
def test_a_signed_manifest_with_wrong_entries_is_named(verify_figure, change, check):
    out, verify = verify_figure
    rewrite(out / "fig4" / "fig4.json", **change)
    assert check in verify()[0]


def test_a_forged_manifest_is_named_and_a_signed_one_says_what_is_not_checked(verify_figure):
    out, verify = verify_figure
    path = out / "fig4" / "fig4.json"
    rewrite(path, preset=lambda _: "default")
    off, output = verify()
    assert off == set()
    assert "command, preset, learner, worlds, versions, hardware and time: signed, not checked" in output
    path.write_text(path.read_text().replace('"preset": "default"', '"preset": "other"'))
    assert verify()[0] == {"manifest"}
