"""What `rmt.data` refuses: every message names the argument, what is allowed and what to do."""

import numpy as np
import pytest

import rmt
from rmt.data import equivalent

ROWS = np.random.default_rng(0).standard_normal((30, 4))
LABELS = np.arange(30) % 3
GOOD = {"X": ROWS, "y": LABELS, "n": [10, 20], "ridge": [0.1]}
ONE_NAN = np.where(np.arange(120).reshape(30, 4) == 77, np.nan, ROWS)

BAD = {
    "NaN in X": ({"X": ONE_NAN}, r"X\[19, 1\] = nan"),
    "X of one axis": ({"X": ROWS[0]}, r"X of shape \(4,\)"),
    "X of text": ({"X": [["a", "b"]] * 30}, "X="),
    "X of complex numbers": ({"X": ROWS * 1j}, "X="),
    "X without columns": ({"X": ROWS[:, :0]}, r"X of shape \(30, 0\)"),
    "three rows": ({"X": ROWS[:3], "y": [0, 1, 1]}, "rows of X=3"),
    "X of zeros": ({"X": 0 * ROWS}, r"largest \|X\|=0"),
    "X beyond squares": ({"X": 1e200 * ROWS}, r"largest \|X\|=2"),
    "too few labels": ({"y": LABELS[1:]}, r"y of shape \(29,\)"),
    "labels that are no whole numbers": ({"y": LABELS + 0.5}, "y=0.5"),
    "NaN in y": ({"y": np.where(LABELS > 1, np.nan, 0)}, "y=nan"),
    "one class": ({"y": np.ones(30)}, "y with the one class 1"),
    "a class with one row": ({"y": np.arange(30) // 29}, "class 1 with 1 row"),
    "n of 0": ({"n": [10, 0]}, "n=0"),
    "n above M": ({"n": 31}, "n=31"),
    "half a row": ({"n": [10.5]}, "n=10.5"),
    "no n": ({"n": []}, r"n of shape \(0,\)"),
    "n of two axes": ({"n": [[10]]}, r"n of shape \(1, 1\)"),
    "ridge of 0": ({"ridge": 0}, "ridge=0"),
    "ridge below rounding": ({"ridge": 1e-14}, "ridge=1e-14"),
    "a huge ridge": ({"ridge": 1e30}, r"ridge=1e\+30"),
    "NaN as ridge": ({"ridge": [np.nan]}, "ridge=nan"),
    "scores alone": ({"scores": ROWS[:, 0]}, "one of scores and keep"),
    "keep alone": ({"keep": 0.5}, "one of scores and keep"),
    "scores of another length": ({"scores": ROWS[:9, 0], "keep": 0.5}, r"scores of shape \(9,\)"),
    "NaN in scores": ({"scores": ONE_NAN[:, 1], "keep": 0.5}, "scores=nan"),
    "keep of 0": ({"scores": ROWS[:, 0], "keep": [0.5, 0.0]}, "keep=0"),
    "keep above 1": ({"scores": ROWS[:, 0], "keep": 1.01}, "keep=1.01"),
    "test rows alone": ({"X_test": ROWS}, "one of X_test and y_test"),
    "test rows of other columns": ({"X_test": ROWS[:, 1:], "y_test": LABELS}, "X_test with 3 columns"),
    "NaN in X_test": ({"X_test": ONE_NAN, "y_test": LABELS}, r"X_test\[19, 1\] = nan"),
    "a new class in the test": ({"X_test": ROWS, "y_test": LABELS + 1}, "y_test with class 3"),
    "a number as generator": ({"rng": 5}, "rng=5"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused_by_name(case):
    changed, message = BAD[case]
    with pytest.raises(ValueError, match=rf"(?s)^rmt\.data\.learning_curve: got {message}.*; allowed .+; do .+"):
        rmt.data.learning_curve(**(GOOD | changed))


@pytest.mark.parametrize(("changed", "message"), [({"trials": 1}, "trials=1"), ({"n": 30}, "n=30")])
def test_bad_refits_are_refused_by_name(changed, message):
    with pytest.raises(ValueError, match=rf"^rmt\.data\.simulate: got {message}.*; allowed .+; do .+"):
        rmt.data.simulate(**(GOOD | changed), rng=np.random.default_rng(0))


def test_a_fixed_point_that_is_not_reached_is_told(monkeypatch):
    monkeypatch.setitem(equivalent.fixed_point.__globals__, "STEPS", 1)
    with pytest.warns(RuntimeWarning, match=r"got residual .* at n=10, ridge=0\.1, keep=1; allowed 1e-06; do"):
        law = rmt.data.learning_curve(**GOOD)
    assert not law.converged.any()
    assert law.residual.min() > 1e-6
