"""The tidy table: what it refuses, that it comes back equal, that nobody sees half a file."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.system.errors import InputError
from figures.contract import table
from figures.contract.table import Row

GOOD = Row("fig4", "digits", "static", "accuracy", "practice", 128.0, 0.9, 0.002, 8)
finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1, max_size=20)
rows = st.builds(
    Row,
    names,
    names,
    names,
    names,
    st.sampled_from(table.SOURCES),
    finite,
    finite,
    st.floats(0, 1e300),
    st.integers(2, 10**6),
    st.just(()),
)


@given(st.lists(rows, unique_by=lambda row: row[:6], max_size=8))
def test_rows_come_back_equal(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    exact = [row._replace(stderr=None, n_seeds=None) for row in rows if row.source in ("theory", "paper")]
    written = [row for row in rows if row.source in table.MEASURED] + exact
    table.save(written, path)
    assert table.load(path) == written


def test_numpy_numbers_are_written_as_numbers(tmp_path):
    table.save([GOOD._replace(x=np.float64(0.1), y=np.float32(0.5), n_seeds=np.int64(8))], tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text().splitlines()[1] == "fig4,digits,static,accuracy,practice,0.1,0.5,0.002,8"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "guess"}, "got source 'guess'; allowed theory, simulation, practice, paper; do"),
        ({"panel": ""}, "got an empty panel; allowed any non-empty text; do name"),
        ({"quantity": ""}, "got an empty quantity; allowed any non-empty text; do name"),
        ({"x": float("nan")}, "got x = nan; allowed finite numbers; do"),
        ({"y": float("inf")}, "got y = inf; allowed finite numbers; do"),
        ({"stderr": -1e-9}, "got stderr = -1e-09; allowed finite numbers >= 0; do"),
        ({"stderr": float("nan")}, "got stderr = nan; allowed finite numbers >= 0; do"),
        ({"stderr": None}, "practice point with stderr = None, n_seeds = 8; allowed a standard error over at least 2"),
        ({"source": "simulation", "n_seeds": None}, "a simulation point with stderr = 0.002, n_seeds = None; allowed"),
        ({"n_seeds": 1}, "n_seeds = 1; allowed a standard error over at least 2 seeds; do run more seeds"),
    ],
)
def test_bad_rows_are_refused_by_number(change, message):
    with pytest.raises(ValueError, match=r"table\.check row 1: ") as caught:
        table.check([GOOD, GOOD._replace(**{"x": 1.0, **change})])
    assert message in str(caught.value)


def test_a_point_is_given_once():
    with pytest.raises(ValueError, match=r"row 2: got .* again, first in row 0; allowed one row per point; do"):
        table.check([GOOD, GOOD._replace(x=256.0), GOOD._replace(y=0.8)])
    table.check([GOOD, GOOD._replace(source="theory")])  # theory and practice share a point
    table.check([GOOD, GOOD._replace(quantity="gap")])  # so do two quantities


def test_select_filters_and_sorts():
    rows = [GOOD._replace(x=3.0), GOOD, GOOD._replace(panel="linear"), GOOD._replace(source="theory")]
    assert table.select(rows, panel="digits", source="practice") == [rows[0], rows[1]]
    assert table.select(rows, series="other") == table.select(rows, quantity="other") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"got the columns \[\]; allowed exactly"),
        ("figure,panel\n", r"got the columns \['figure', 'panel'\]; allowed exactly"),
        ("HEAD\na,b,c,d,paper,1,2,,,9\n", "line 2: got .* allowed 5 names"),
        ("HEAD\na,b,c,d,paper,1,2,,\na,b,c,d,paper,one,2,,\n", "line 3: got .*'one'.* allowed 5 names"),
        ("HEAD\na,b,c,d,paper,1,nan,,\n", "row 0: got y = nan"),
        ("HEAD\na,b,c,d,practice,1,2,0.1,8.5\n", "line 2: got .*'8.5'"),
        (b"\xff\xfe\x00", "allowed CSV in UTF-8"),
    ],
)
def test_a_damaged_file_is_refused_with_its_place(tmp_path, text, message):
    path = tmp_path / "rows.csv"
    data = text if isinstance(text, bytes) else text.replace("HEAD", ",".join(table.COLUMNS)).encode()
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        table.load(path)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    table.save([GOOD], path)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(InputError, match=r"got 'No space left on device'; allowed a writable folder .*; free"):
            table.save([GOOD._replace(y=0.5)], path)
    with pytest.raises(ValueError, match="source 'x'"):
        table.save([GOOD._replace(source="x")], path)
    assert table.load(path) == [GOOD]
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.csv"]


def test_samples_stand_beside_the_table(tmp_path):
    """The file of samples has the keys of the rows; without samples an older one is deleted."""
    path = tmp_path / "fig4.csv"
    table.save([GOOD._replace(samples=((0, 0.5), (3, 0.25))), GOOD._replace(x=256.0)], path)
    assert (tmp_path / "fig4_seeds.csv").read_text().splitlines() == [
        "figure,panel,series,quantity,source,x,seed,y",
        "fig4,digits,static,accuracy,practice,128.0,0,0.5",
        "fig4,digits,static,accuracy,practice,128.0,3,0.25",
    ]
    table.save([GOOD], path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["fig4.csv"]


def test_an_impossible_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another --out"):
        table.save([GOOD], tmp_path / "file" / "rows.csv")
