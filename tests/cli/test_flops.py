"""Test the command `flops`: the table that it shows, and the page that it writes."""

import pytest
from support.small_architecture import Small
from torch import nn

import paper_repro
from cli import flops


@pytest.fixture
def counted_small(monkeypatch):
    """Replace the architecture by one whose operations are counted in a second."""
    monkeypatch.setattr("empirical.worlds.random_imagenet.RandomImageNet100", lambda: Small(size=32))
    monkeypatch.setattr(flops, "learner", lambda classes: nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, classes)))


@pytest.mark.usefixtures("counted_small")
def test_the_table_is_shown_and_written(tmp_path, capsys):
    path = tmp_path / "docs" / "cost.md"
    assert paper_repro.main(["flops", "--markdown", str(path)]) == 0
    output, page = capsys.readouterr().out, path.read_text()
    assert f"python paper_repro.py flops --markdown {path.as_posix()}" in page
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(lines) == 1 + 1 + len(flops.PATHS) * len(flops.DECODERS) + 1  # heads, plain, modes, the paper's
    for line in lines[1:]:
        assert line.split("|")[1].split(":")[0].strip() in output


def test_rows_are_relative_to_plain_sampling():
    modes = [flops.Mode("plain", "", 2.0, 100.0, 100.0), flops.Mode("x0", "tiny", 3.0, 150.0, 110.0)]
    assert flops.rows(modes) == [
        ("plain sampling", "", "2.00", "1.00", "100", "1.00", "1.00"),
        (flops.PATHS["x0"], "AutoencoderTiny", "3.00", "1.50", "150", "1.50", "1.10"),
    ]
