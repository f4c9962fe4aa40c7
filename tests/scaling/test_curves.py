"""Curves from CSV files: the formats, and errors that name file, row and column."""

import numpy as np
import pytest

from scaling import curves
from scaling.curves import read


def write(tmp_path, text):
    path = tmp_path / "curves.csv"
    path.write_text(text)
    return path


def test_seeds_become_rows_in_order_of_x(tmp_path):
    text = "seed,x,series,y\n1,200,b,4\n0,200,b,3\n0,100,b,1\n1,100,b,2\n\n7,5,a,9\n"
    b, a = read(write(tmp_path, text))
    assert (b.name, b.stderr, b.n_seeds) == ("b", None, None)
    np.testing.assert_array_equal(b.x, [100, 200])
    np.testing.assert_array_equal(b.y, [[1, 3], [2, 4]])
    assert (a.name, a.x, a.y) == ("a", [5], [9])  # one seed is one curve


def test_standard_errors_and_a_single_series(tmp_path):
    (one,) = read(write(tmp_path, "x,y,stderr,n_seeds\n2,.5,.1,8\n1,.6,.2,6\n"))
    assert (one.name, one.n_seeds) == ("curves", 6)
    np.testing.assert_array_equal(one.points[2], [0.2, 0.1])


def test_the_projects_tables_are_told_apart_by_what_differs(tmp_path):
    header = ",".join((*curves.PLACE, "x", "y", "stderr", "n_seeds"))
    rows = "fig4,linear,static,accuracy,practice,1,.5,.1,8\nfig4,digits,static,accuracy,practice,1,.5,.1,8\n"
    theory = "fig4,linear,static,accuracy,theory,1,.5,,\n"
    names = [one.name for one in read(write(tmp_path, f"{header}\n{rows}{theory}"))]
    assert names == ["linear, practice", "digits, practice", "linear, theory"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: got the columns of an empty file; allowed x and y"),
        ("x,y\n", "curves.csv: got no rows below the header; allowed at least one"),
        ("x,z\n1,2\n", "row 1: got the columns x, z; allowed x and y"),
        ("x,y,y\n1,2,3\n", "row 1: got the columns x, y, y; allowed x and y"),
        ("x,y,seed,stderr\n1,2,0,1\n", "row 1: got columns seed and stderr; allowed one of them"),
        ("x,y\n1,2\n1,2,3\n", "row 3: got 3 cells; allowed 2"),
        ("x,y\n1,two\n", "row 2 column y: got 'two'; allowed finite numbers"),
        ("x,y\n1,nan\n", "row 2 column y: got 'nan'; allowed finite numbers"),
        ("x,y\n1,2\n0,2\n", "row 3 column x: got 0; allowed numbers > 0"),
        ("x,y,stderr\n1,2,-1\n", "row 2 column stderr: got -1; allowed numbers >= 0"),
        ("x,y,stderr\n1,2,1\n2,2,\n", "row 3 column stderr: got an empty cell; allowed one in each row, or none"),
        ("x,y,stderr,n_seeds\n1,2,1,1\n", "row 2 column n_seeds: got 1; allowed whole numbers >= 2"),
        ("x,y,seed\n1,2,0\n1,3,0\n", "row 3: got series 'curves', x = 1, seed 0 again, as in row 2; allowed one row"),
        ("x,y,seed\n1,2,0\n1,3,1\n2,3,1\n", "column seed: got no seed 0 of series 'curves' at x = 2; allowed the same"),
        ("x,y\n1,\udcff\n", "allowed CSV in UTF-8"),
    ],
)
def test_an_error_names_file_row_and_column(tmp_path, text, message):
    path = tmp_path / "curves.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=rf"curves\.csv.*{message[11:] if message.startswith('curves') else message}"):
        read(path)
