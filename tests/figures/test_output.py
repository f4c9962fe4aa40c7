"""How output.py writes a figure that has a table in Markdown, and one that has none."""

import json
import logging

import matplotlib
import pytest
from support.forgery import rewrite

from figures import output
from figures.contract.figure import Figure, Inputs
from figures.contract.table import Row

ABOUT = {
    **dict.fromkeys(("command", "preset", "learner"), "a text"),
    "series": [],
    "worlds": {},
    "cost": {},
    "wall_s": 0.5,
    "versions": {},
    "git_revision": "a text",
    "hardware": {},
    "started": "a text",
    "arithmetic": {},
    "made_on": {},
}


def produce(folder, figure, note=""):
    return output.produce(figure, folder / "t", Inputs({}), [], note, lambda: ABOUT, reuse=True)


def invented(computed=(), **more):
    rows = [Row("t", "p", "s", "accuracy", "practice", 0.0, 0.5, 0.1, 2, ((0, 0.4), (1, 0.6)))]

    def compute(_):
        for note in computed:
            note()
        return rows

    return Figure(
        name="t",
        compute=compute,
        draw=lambda *_: matplotlib.figure.Figure(),
        summary=lambda *_: "a line",
        describe=lambda *_: "A caption",
        **more,
    )


def test_a_figure_with_markdown_gets_a_file_that_its_line_names(tmp_path):
    figure = invented(markdown=lambda contents: f"| {contents.rows[0].y} |\n")
    said, _, picture = produce(tmp_path, figure, note="quick preset")
    assert said == "a line; table: t.md"
    assert (tmp_path / "t.md").read_text() == "A caption (quick preset)\n\n| 0.5 |\n"
    (tmp_path / "t.md").unlink()
    produce(tmp_path, figure)  # drawn again from the stored table: the file is written again, too
    assert (tmp_path / "t.md").read_text() == "A caption\n\n| 0.5 |\n"
    assert picture.exists()


def test_a_figure_without_markdown_gets_none(tmp_path):
    said = produce(tmp_path, invented()).summary
    assert said == "a line"
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".csv", ".json", ".pdf", ".png", ".svg"]


@pytest.fixture
def made(tmp_path):
    """A figure's folder, and how to make it again: the number of tables that were computed since."""
    computed = []
    figure = invented([lambda: computed.append(1)], markdown=lambda _: "a table\n")
    produce(tmp_path, figure)
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def again():
        computed.clear()
        produce(tmp_path, figure)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == whole
        return len(computed)

    return tmp_path, again


def test_a_whole_table_is_drawn_again(made, caplog):
    folder, again = made
    assert again() == 0
    (folder / "t.png").write_bytes(b"not a png")
    (folder / "t.svg").unlink()
    assert again() == 0
    assert not caplog.records


def digit(path):
    path.write_text(path.read_text().replace("0.5", "0.123456"))


TABLE = "t.csv: not the file that its manifest describes; made anew"
SEEDS = "t_seeds.csv: not the file that its manifest describes; made anew"
OLD = "t.json: a manifest without digests, of an older version; made anew"
SIGNED = "t.json: contents that do not match their digest; made anew"


def unsigned(path):
    values = json.loads(path.read_text())
    del values["sha256"], values["files"]
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: digit(f / "t.csv"), TABLE),
        (lambda f: (f / "t.csv").write_text((f / "t.csv").read_text().splitlines()[0] + "\n"), TABLE),
        (lambda f: (f / "t.csv").write_bytes(b"\xff damage"), TABLE),
        (lambda f: (f / "t.csv").unlink(), "t.csv: missing; made anew"),
        (lambda f: (f / "t_seeds.csv").write_text("damage"), SEEDS),
        (lambda f: (f / "t_seeds.csv").unlink(), "t_seeds.csv: missing; made anew"),
        (lambda f: unsigned(f / "t.json"), OLD),
        (lambda f: (f / "t.json").write_text((f / "t.json").read_text().replace("a text", "forged")), SIGNED),
        (lambda f: rewrite(f / "t.json", runs=lambda _: 3), "t.json.runs: 3; made anew"),
        (lambda f: rewrite(f / "t.json", files=lambda _: {}), TABLE.partition(";")[0]),
        *((lambda f, text=text: (f / "t.json").write_text(text), "t.json: ") for text in ("", "[]", "3", "null", "{}")),
    ],
)
def test_a_damaged_table_or_manifest_is_said_once_and_made_anew(made, caplog, damage, said):
    folder, again = made
    damage(folder)
    with caplog.at_level(logging.WARNING):
        assert again() == 1
    (record,) = caplog.records
    assert record.getMessage().startswith(said)
    assert record.getMessage().endswith("; made anew")
    assert again() == 0


def test_the_manifest_has_the_digests_of_all_other_files(made):
    folder, _ = made
    assert set(json.loads((folder / "t.json").read_text())["files"]) == {
        path.name for path in folder.iterdir() if path.name != "t.json"
    }
