"""Check the arguments of `learning_curve`, and bring rows, labels and targets into one form."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import qr

from rmt._check import Array, real, require

Labels = np.ndarray  # whole numbers from 0 on


class Test(NamedTuple):
    """Test rows X (T, d) with labels 0 ... K-1 (T,)."""

    X: Array
    labels: Labels


class Rows(NamedTuple):
    """Training rows X (M, d), labels 0 ... K-1 (M,), and targets Y (M, K), or (M, 1) for two classes.

    With more columns than rows, X and the test rows are coordinates in the span of the training rows, in which w lies.
    """

    X: Array
    labels: Labels
    Y: Array
    test: Test | None


def checked_rows(where: str, X: Any, y: Any, X_test: Any, y_test: Any) -> Rows:
    """Check rows and labels; warn of repeated rows."""
    X = _matrix(where, "X", X)
    M, d = X.shape
    require(M >= 4, where, "rows of X", M, "at least 4 rows", "pass one row a sample")
    largest = np.abs(X).max()
    require(1e-100 < largest < 1e100, where, "largest |X|", largest, "1e-100 to 1e100", "change the unit of X")
    names, labels = np.unique(_labels(where, "y", y, M), return_inverse=True)
    counts = np.bincount(labels)
    if len(names) < 2:
        _refuse(where, f"y with the one class {names[0]}", "two classes or more", "pass the labels of all classes")
    if counts.min() < 2:
        rare = names[counts.argmin()]
        _refuse(where, f"class {rare} with 1 row", "at least 2 rows a class", "leave the class out, or add rows")
    if (X_test is None) != (y_test is None):
        _refuse(where, "one of X_test and y_test", "both or neither", "pass both")
    repeated = M - len(np.unique(X, axis=0))
    if repeated:
        warnings.warn(
            f"{where}: got {repeated:,} of {M:,} rows that repeat an earlier one; allowed, but a row that is left out "
            "is predicted by its copies, so that errors without test rows come out too small; do remove the copies",
            stacklevel=3,
        )
    onehot: Array = np.eye(len(names))[labels]
    Y = 2 * onehot[:, 1:] - 1 if len(names) == 2 else onehot - 1 / len(names)
    test = None if X_test is None else _checked_test(where, X_test, y_test, d, names)
    if d > M:
        basis, R = qr(X.T, mode="economic", check_finite=False)
        X = np.ascontiguousarray(R.T, dtype=np.float64)
        test = None if test is None else test._replace(X=test.X @ basis)
    return Rows(X, labels, Y, test)


def _checked_test(where: str, X: Any, y: Any, columns: int, names: Labels) -> Test:
    X = _matrix(where, "X_test", X)
    if X.shape[1] != columns:
        _refuse(where, f"X_test with {X.shape[1]} columns", f"{columns} columns, as X has", "pass the same features")
    given = _labels(where, "y_test", y, len(X))
    unknown = given[~np.isin(given, names)]
    if unknown.size:
        _refuse(where, f"y_test with class {unknown[0]}", "the classes of y", "leave out classes without training rows")
    return Test(X, np.searchsorted(names, given))


class Grid(NamedTuple):
    """Pool sizes, ridges relative to the pool, keep fractions, and the scores (M,) of the rows, or None."""

    n: list[int]
    ridge: Array
    keep: Array
    scores: Array | None

    def ranks(self, M: int, rng: np.random.Generator) -> Labels:
        """Return the place of every row when the highest score comes first; equal scores are in random order."""
        scores = np.zeros(M) if self.scores is None else self.scores
        places = np.empty(M, dtype=np.int64)
        places[np.lexsort((rng.random(M), -scores))] = np.arange(M)
        return places


def checked_grid(where: str, M: int, n: Any, ridge: Any, scores: Any, keep: Any) -> Grid:
    """Check sizes, ridges, keep fractions and scores against each other and against the number of rows."""
    sizes = _list(where, "n", n)
    whole = (sizes == np.rint(sizes)) & (sizes >= 1) & (sizes <= M)
    do = "draw at most the rows there are: the law predicts subsets of the data, not more data"
    require(whole, where, "n", sizes, f"whole numbers from 1 to {M:,}", do)
    ridges = _list(where, "ridge", ridge)
    require(ridges > 0, where, "ridge", ridges, "numbers > 0", "pass a small one, e.g. 1e-6 of the mean square of X")
    if (scores is None) != (keep is None):
        _refuse(where, "one of scores and keep", "both or neither", "pass both to prune")
    fractions = _list(where, "keep", 1.0 if keep is None else keep)
    require((fractions > 0) & (fractions <= 1), where, "keep", fractions, "fractions in (0, 1]", "pass e.g. 0.5")
    if scores is not None:
        scores = real(where, "scores", scores)
        if scores.shape != (M,):
            _refuse(where, f"scores of shape {scores.shape}", f"shape ({M},), one score a row of X", "score every row")
        require(np.isfinite(scores), where, "scores", scores, "finite values", "leave out rows without a score")
    return Grid([int(size) for size in sizes], ridges, fractions, scores)


def share(p: float, count: int) -> int:
    """Return ceil(p count), where a product that is whole but for rounding counts as whole.

    >>> share(0.07, 100), share(0.5, 3)
    (7, 2)
    """
    return math.ceil(round(p * count, 9))


def _list(where: str, name: str, values: Any) -> Array:
    array = np.atleast_1d(real(where, name, values))
    if array.ndim != 1 or not array.size:
        _refuse(where, f"{name} of shape {array.shape}", "a number or a list of numbers", "pass e.g. [0.1, 1.0]")
    require(np.isfinite(array), where, name, array, "finite values", "remove NaN and infinity")
    return array


def _matrix(where: str, name: str, values: Any) -> Array:
    array = real(where, name, values)
    if array.ndim != 2 or not array.size:
        _refuse(where, f"{name} of shape {array.shape}", "shape (rows, columns)", "pass one row a sample")
    bad = ~np.isfinite(array)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        _refuse(where, f"{name}[{row}, {column}] = {array[row, column]}", "finite values", "remove NaN and infinity")
    return np.ascontiguousarray(array)


def _labels(where: str, name: str, values: Any, rows: int) -> Labels:
    array = real(where, name, values, kinds="iufb")
    if array.shape != (rows,):
        _refuse(where, f"{name} of shape {array.shape}", f"shape ({rows},), one label a row", "pass whole numbers")
    whole = (array == np.rint(array)) & (np.abs(array) < 2**53)
    require(whole, where, name, array, "labels +-1 or whole numbers, one a class", "number the classes")
    return array.astype(np.int64)


def _refuse(where: str, got: str, allowed: str, do: str) -> None:
    raise ValueError(f"{where}: got {got}; allowed {allowed}; do {do}")
