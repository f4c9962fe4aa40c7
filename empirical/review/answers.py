"""Read the answers that `examine` has stored, and check their digests, keys and types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from empirical.settings.build import checked
from empirical.system.errors import require
from empirical.system.files import read_signed

PICTURE: dict[str, type] = {
    "png": str,
    "label": int,
    "entropy": float,
    "class": int,
    "seed": int,
    "round": int,
    "omega": float,
}
SHARES: dict[str, type] = {
    "round": int,
    "omega": float,
    "rows": int,
    "agreement": float,
    "distance": float,
    "far": float,
}
ERRORS: dict[str, Any] = {"round": int, "added_at": int, "rows": int, "misclassified": int}
FEATURED: dict[str, Any] = {"labels": list[int], "features": str}
SHAPES: dict[str, dict[str, Any]] = {  # a dict has exactly its keys; a list has any number of items of its one shape
    "hindsight": {
        "step": list[int],
        "rounds": [ERRORS | {"error": list[float], "error_misclassified": list[float]}],
    },
    "fidelity": {"rounds": [SHARES], "real": {"agreement": float}},
    "diversity": {"agreement": float, "density": float, "coverage": float},
    "features": {"guided": FEATURED, "plain": FEATURED, "test": FEATURED, "dimension": int},
}
PICTURES: dict[str, dict[str, type]] = {  # further values of the pictures of each kind
    "omegas": {},
    "reverse": {"step": int, "level": float},
    "rows": {"before": float},
    "pools": {"pool": str, "before": float},
}
for _kind, _values in PICTURES.items():
    SHAPES[_kind] = {"names": dict[str, str], "iterations": list[int], "images": [PICTURE | _values]}


def read_answer(path: Path) -> dict[str, Any]:
    """Read a stored answer, whose file is named after its kind; InputError names a missing or damaged one."""
    do = f"delete {path} and rerun"
    answer = read_signed(path, do)
    _check(answer, SHAPES[path.stem.partition("-")[0]], str(path), do)
    return answer


def _check(value: Any, shape: Any, where: str, do: str) -> None:
    if isinstance(shape, dict):
        keys = set(checked(value, dict[str, Any], where))
        require(keys == set(shape), where, sorted(keys), f"exactly the keys {', '.join(shape)}", do)
        for key, inner in shape.items():
            _check(value[key], inner, f"{where}.{key}", do)
    elif isinstance(shape, list):
        for number, item in enumerate(checked(value, list[Any], where)):
            _check(item, shape[0], f"{where}[{number}]", do)
    else:
        checked(value, shape, where)
