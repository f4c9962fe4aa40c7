"""How output.py writes a figure that has a table in Markdown, and one that has none."""

import matplotlib

from figures import output
from figures.contract.figure import Figure, Inputs
from figures.contract.table import Row


def produce(folder, figure, note=""):
    return output.produce(figure, folder / "t", Inputs({}), [], note, dict, reuse=(folder / "t.json").exists())


def invented(**more):
    rows = [Row("t", "p", "s", "accuracy", "paper", 0.0, 0.5)]
    return Figure(
        name="t",
        compute=lambda *_: rows,
        draw=lambda *_: matplotlib.figure.Figure(),
        summary=lambda *_: "a line",
        describe=lambda *_: "A caption",
        **more,
    )


def test_a_figure_with_markdown_gets_a_file_that_its_line_names(tmp_path):
    figure = invented(markdown=lambda contents: f"| {contents.rows[0].y} |\n")
    said, picture = produce(tmp_path, figure, note="quick preset")
    assert said == "a line; table: t.md"
    assert (tmp_path / "t.md").read_text() == "A caption (quick preset)\n\n| 0.5 |\n"
    (tmp_path / "t.md").unlink()
    produce(tmp_path, figure)  # drawn again from the stored table: the file is written again, too
    assert (tmp_path / "t.md").read_text() == "A caption\n\n| 0.5 |\n"
    assert picture.exists()


def test_a_figure_without_markdown_gets_none(tmp_path):
    said, _ = produce(tmp_path, invented())
    assert said == "a line"
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".json", ".pdf", ".png", ".svg"]
