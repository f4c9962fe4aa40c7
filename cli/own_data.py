"""Read a user's features for `theory-data`: a .npz file, pairs of .npy files, or the embedded digits."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.system.errors import InputError, require

NAMES = ("X", "y", "X_test", "y_test", "scores")
PROBE = 128  # rows at most, and a tenth of all, on which scores are learned where none are given
DIGITS_TRAIN = 1200  # the later rows of scikit-learn's digits are by other writers
Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class OwnData:
    """Rows (M, d) with labels (M,), test rows and scores, as `rmt.data.learning_curve` takes them."""

    X: Array
    y: Array
    X_test: Array | None = None
    y_test: Array | None = None
    scores: Array | None = None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(np.unique(self.y))

    @property
    def tests(self) -> dict[str, Any]:
        """The arguments that name the test rows."""
        return {"X_test": self.X_test, "y_test": self.y_test}


def read(files: Sequence[Path]) -> OwnData:
    """Read the arrays of one .npz file or of two or four .npy files (X, y, X_test, y_test); no file means the digits.

    Rows of more than one axis are flattened, and all rows are centred by the mean of X: the learner has no intercept.
    InputError refuses files that cannot be read, pickled objects, unknown names, and arrays that do not fit.
    """
    arrays = _digits() if not files else _archive(files[0]) if len(files) == 1 else _pairs(files)
    for name in ("X", "X_test"):
        if name in arrays:
            arrays[name] = _flat(name, arrays[name])
    X, labels = arrays["X"], arrays["y"]
    require(labels.shape == (len(X),), "y", f"shape {labels.shape}", f"shape ({len(X)},), one label a row of X")
    whole = labels.dtype.kind in "iufb" and bool((labels == np.rint(labels)).all())
    require(
        whole, "y", f"{labels.dtype} numbers that are not whole", "+-1 or whole numbers, one a class", "number them"
    )
    names = np.unique(labels)
    require(len(names) > 1, "y", f"the class {names[0]:g} alone", "two classes or more", "add rows of another class")
    columns = arrays.get("X_test", X).shape[1]
    require(
        columns == X.shape[1], "X_test", f"{columns} columns", f"{X.shape[1]}, those of X", "give the same features"
    )
    require(bool(np.isfinite(X).all()), "X", "NaN or infinity", "finite numbers", "leave such rows out")
    mean = X.mean(axis=0)
    return OwnData(**{name: array - mean if name in ("X", "X_test") else array for name, array in arrays.items()})


def with_scores(data: OwnData, rng: np.random.Generator) -> OwnData:
    """Return the data with scores; where none are given, a probe scores the rows, and its own rows leave.

    The probe is a ridge classifier of up to 128 random rows, a tenth of all. The score is high where its two largest
    outputs are close: the highest are the hardest rows.
    """
    if data.scores is not None:
        return data
    order = rng.permutation(len(data.X))
    count = min(PROBE, len(order) // 10)
    names, labels = np.unique(data.y, return_inverse=True)
    require(
        count >= len(names), "X", f"{len(order)} rows", f"{10 * len(names)} rows or more, for a probe", "give scores"
    )
    probe, rest = np.split(order, [count])
    A = data.X[probe]
    ridge = 1e-2 * np.sum(A**2) / count + np.finfo(float).tiny
    kernel = A @ A.T / count + ridge * np.eye(count)
    outputs = data.X[rest] @ (A.T @ np.linalg.solve(kernel, np.eye(len(names))[labels[probe]] - 1 / len(names)))
    top = np.sort(outputs, axis=1)
    return replace(data, X=data.X[rest], y=data.y[rest], scores=top[:, -2] - top[:, -1])


def _digits() -> dict[str, Array]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    X, y = digits.data / 16, digits.target
    return {"X": X[:DIGITS_TRAIN], "y": y[:DIGITS_TRAIN], "X_test": X[DIGITS_TRAIN:], "y_test": y[DIGITS_TRAIN:]}


def _archive(path: Path) -> dict[str, Array]:
    arrays = _load(path)
    require(isinstance(arrays, dict), str(path), "one array", "a .npz file, or pairs of .npy files", "name y.npy, too")
    unknown = sorted(set(arrays) - set(NAMES))
    require(not unknown, str(path), unknown, f"the arrays {', '.join(NAMES)}", "rename or drop the others")
    require({"X", "y"} <= set(arrays), str(path), sorted(arrays), "X and y at least", "add them")
    return arrays


def _pairs(files: Sequence[Path]) -> dict[str, Array]:
    require(len(files) in (2, 4), "files", len(files), "one .npz, or X.npy y.npy, or X.npy y.npy X_test.npy y_test.npy")
    arrays = {name: _load(path) for name, path in zip(NAMES, files, strict=False)}
    for path, array in zip(files, arrays.values(), strict=True):
        require(not isinstance(array, dict), str(path), "an archive", "a .npy file, or one .npz alone", "name one .npz")
    return arrays


def _load(path: Path) -> Any:
    """Load an array, or a dict of arrays from an archive; pickled objects are refused."""
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        allowed = "a .npz or .npy file of numbers, without pickled objects"
        raise InputError(str(path), str(error), allowed, "save it by numpy.savez(path, X=X, y=y)") from None


def _flat(name: str, array: Array) -> Array:
    numeric = array.dtype.kind in "iufb" and array.ndim >= 2 and array.size > 0
    require(
        numeric, name, f"{array.dtype} of shape {array.shape}", "numbers of shape (rows, ...)", "pass one row a sample"
    )
    return array.reshape(len(array), -1).astype(np.float64)
