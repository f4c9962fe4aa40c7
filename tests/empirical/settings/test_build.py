"""Values are checked against type hints: what is kept as it is, what becomes a float or a pair, what is refused."""

import math

import pytest
from support.errors import complains

from empirical.settings.build import checked

VALUES = list[int | float] | dict[str, list[int | float]]


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, float, 3.0),
        (3, int | float, 3),
        (3.0, int | float, 3.0),
        (None, int | None, None),
        ([1, 2], tuple[float, float], (1.0, 2.0)),
        ([1, 2.5, 3], tuple[float, ...], (1.0, 2.5, 3.0)),
        ({"a": 1}, dict[str, float], {"a": 1.0}),
        ([1, 0.5], VALUES, [1, 0.5]),
        ({"quick": []}, VALUES, {"quick": []}),
    ],
)
def test_values_of_the_type_are_kept_or_converted(value, hint, expected):
    result = checked(value, hint, "here")
    assert result == expected
    assert repr(result) == repr(expected)  # 3 and 3.0 differ


@pytest.mark.parametrize(
    ("value", "hint", "where"),
    [
        (True, int, "here"),
        (True, int | float, "here"),
        (1.0, int | None, "here"),
        (math.nan, int | float, "here"),
        (10**400, float, "here"),
        ([1, 10**30], list[int], "here"),
        ([1, "a"], VALUES, "here[1]"),
        ({"quick": [1, None]}, VALUES, "here.quick[1]"),
        ({"quick": 3}, VALUES, "here.quick"),
        ("a", VALUES, "here"),
        ([], dict[str, int], "here"),
        ({"a": {"b": "c"}}, dict[str, dict[str, int]], "here.a.b"),
        ([1, 2, 3], tuple[int, int], "here"),
        (1.0, tuple[float, ...], "here"),
        ([1.0, math.inf], tuple[float, ...], "here[1]"),
    ],
)
def test_other_values_are_refused_with_their_place(value, hint, where):
    with complains(where):
        checked(value, hint, "here")
