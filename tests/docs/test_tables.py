"""The tables of the pages: small, valid, without traces of a machine; keys that lead nowhere are refused."""

import doctest
import importlib
import sys

import pytest
from support.places import DOCS

from figures.contract.figure import Contents
from figures.contract.table import load
from figures.registry import figure

pytest.importorskip("sphinx")
TABLES = DOCS / "tables"


@pytest.fixture(scope="module")
def extension():
    """Return a function that imports a module of docs/_ext, which only the pages have on their path."""
    sys.path.insert(0, str(DOCS / "_ext"))
    yield importlib.import_module
    sys.path.remove(str(DOCS / "_ext"))


def test_tables_are_valid_and_small():
    names = sorted(path.stem for path in TABLES.glob("*.csv"))
    assert {"fig3", "fig4", "fig5"} <= set(names)
    assert names == sorted(path.stem for path in TABLES.glob("*.json"))
    for name in names:  # that of the figure, or of the figure and a world: fig4_digits
        assert all(f"{name}_".startswith(f"{row.figure}_") for row in load(TABLES / f"{name}.csv"))
    assert sum(path.stat().st_size for path in TABLES.iterdir()) < 1_500_000


def test_manifests_name_no_folder_of_a_machine():
    assert [path.name for path in TABLES.glob("*.json") if '"/' in path.read_text() or " /" in path.read_text()] == []


@pytest.mark.parametrize("name", ["tables", "shipped", "plain_docstrings"])
def test_doctests_of_the_extension(extension, name):
    assert doctest.testmod(extension(name)).failed == 0


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("fig44; digits; static; accuracy; 512", "got the figure 'fig44'"),
        ("fig4; digits; static; accuracy", "allowed 'figure; panel; series; quantity; x'"),
        ("fig4; digits; statik; accuracy; 512", "got series 'statik'"),
        ("fig4; digits; static; accuracy; 513", "got x = 513"),
        ("fig4; digits; static; accuracy; 512; theory", "got source 'theory'"),
    ],
)
def test_a_key_that_leads_nowhere_is_refused_by_name(extension, key, fault):
    with pytest.raises(ValueError, match=fault):
        extension("tables").row(key)


def test_a_path_that_leads_nowhere_is_refused_by_name(extension):
    with pytest.raises(ValueError, match="got size=511; allowed"):
        extension("tables").detail("fig4; gains; panel=digits; size=511; gain over static")


def test_the_page_of_grades_has_the_shipped_table(extension):
    table = extension("tables").shipped("grade")
    written = figure("grade").markdown(Contents(table.rows, details=table.manifest["details"]))
    page = (DOCS / "grade.md").read_text().splitlines()
    assert [line for line in page if line.startswith("|")] == [x for x in written.splitlines() if x.startswith("|")]


def test_a_role_writes_the_row_of_the_table(extension):
    row = next(
        row
        for row in load(TABLES / "fig4.csv")
        if (row.panel, row.series, row.source, row.x) == ("digits", "static", "practice", 512)
    )
    text = extension("shipped").ROLES["num"]("fig4; digits; static; accuracy; 512")
    value, stderr = (float(part) for part in text.split(" +- "))
    assert abs(value - row.y) <= 0.0005
    assert abs(stderr - row.stderr) <= 0.0005
