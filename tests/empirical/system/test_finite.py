"""Numbers that are not finite stop a run where they arise, and are never signed."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.runs import folder_of, tiny

from empirical.runs.execute import execute
from empirical.system.files import read_signed, write_signed
from empirical.system.finite import require_finite


def test_finite_values_pass():
    require_finite("here", 3, "do")
    require_finite("here", -1e308, "do")
    require_finite("here", torch.ones(0, 3), "do")
    require_finite("here", torch.tensor([[1.0, -2.0], [3.0, 4.0]]), "do")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_first_sample_that_is_not_finite_is_named(bad):
    values = torch.ones(5, 2, 2)
    values[3, 1, 0] = values[4, 0, 0] = bad
    with pytest.raises(FloatingPointError, match=rf"^here: got {bad} in 2 of 5, .* place 3; allowed .*; lower it$"):
        require_finite("here", values, "lower it")
    with pytest.raises(FloatingPointError, match=rf"^here: got {bad}; allowed finite numbers; lower it$"):
        require_finite("here", bad, "lower it")


NESTED = st.recursive(
    st.floats() | st.integers() | st.text(max_size=3) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def spoilt(value):
    """Tell whether nested plain values have a number that is not finite."""
    if isinstance(value, dict | list):
        return any(map(spoilt, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and not math.isfinite(value)


@given(values=st.dictionaries(st.text(min_size=1, max_size=3).filter(lambda s: s != "sha256"), NESTED, max_size=3))
def test_only_finite_values_are_signed(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("signed") / "a.json"
    if spoilt(values):
        with pytest.raises(FloatingPointError, match=r"a.json: .+: got (nan|-?inf); allowed finite numbers"):
            write_signed(path, values)
        assert not path.exists()
    else:
        write_signed(path, values)
        assert read_signed(path, "do") == values


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"acquire.omega": 1e10}, "sampling: batch from image 24 on: .* lower acquire.omega"),
        ({"acquire.omega": 1e5, "world.dimension": 128, "sampling.steps": 100}, "sampling: .* lower acquire.omega"),
        ({"sampling.guidance_scale": 1e38}, "sampling: batch from image 0 on: .* sampling.guidance_scale"),
        ({"world.ridge": 1e200}, "training: weights of the ridge learner at iteration 0: .* change world.ridge"),
    ],
)
def test_a_run_stops_where_numbers_overflow_and_leaves_no_result(tmp_path, change, place):
    run = tiny("linear", **{"growth.patience": 1, **change})
    for _ in range(2):  # run again, it stops again
        with pytest.raises(FloatingPointError, match=place):
            execute(run, tmp_path)
    assert not (folder_of(run, tmp_path) / "result.json").exists()
