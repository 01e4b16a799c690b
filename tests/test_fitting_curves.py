"""Curves: values, exact inverse, maximum, dictionaries."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitting import (
    CurveError,
    LeosplitError,
    Logistic,
    PiecewiseLinear,
    PowerLaw,
    SaturatingExponential,
    curve_from_dict,
    curve_to_dict,
    read_curve,
    write_curve,
)

CURVES = [
    PiecewiseLinear((0, 0.05, 0.1, 0.2, 0.4), (0.7, 0.79, 0.785, 0.84, 0.89)),
    SaturatingExponential(0.78, 0.28, 1.5e-8, (0, 3.7e8)),
    PowerLaw(0.796, 0.0049, 1.82, 0.158, (0, 1.05)),
    Logistic(0.2, 0.6, 12.0, 0.3, (0, 1)),
]
FALLING = SaturatingExponential(0.5, -0.3, 2.0, (0, 1))


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.kind)
def test_arrays_equal_numbers_and_constant_outside(curve):
    lo, hi = curve.domain
    x = np.linspace(lo, hi, 101)
    assert curve(x) == pytest.approx([curve(float(value)) for value in x], abs=1e-15)
    assert curve(x.reshape(1, -1)).shape == (1, 101)
    assert isinstance(curve(lo), float)
    assert curve(lo - 1) == curve(lo)
    assert curve(hi + 1) == curve(hi)


def test_values_by_hand():
    assert CURVES[0](0.15) == pytest.approx(0.8125)
    assert CURVES[1](1e8) == pytest.approx(0.78 - 0.28 * math.exp(-1.5))
    assert CURVES[2](0.042) == pytest.approx(0.796 - 0.0049 * 0.2**-1.82)
    assert CURVES[3](0.3) == pytest.approx(0.5)


@pytest.mark.parametrize("curve", [*CURVES, FALLING], ids=lambda curve: curve.kind)
def test_inverse_is_the_least_feasible_argument(curve):
    lo, hi = curve.domain
    grid = np.linspace(lo, hi, 20_001)
    values = np.array([curve(float(x)) for x in grid])
    for target in np.linspace(values.min(), values.max(), 37):
        first = int(np.argmax(values >= target))
        result = curve.inverse(float(target))
        assert result is not None
        assert curve(result) >= target
        assert grid[max(first - 1, 0)] <= result <= grid[first]
        if result > lo:
            assert curve(math.nextafter(result, lo)) <= target


def test_inverse_passes_over_a_peak_that_lies_left_of_the_interval():
    curve = CURVES[0]
    assert curve.inverse(0.7885) == pytest.approx(0.05 * 0.885 / 0.9)
    assert curve.inverse(0.7885, lo=0.07) == pytest.approx(0.1 + 0.1 * 0.0035 / 0.055)
    assert curve.inverse(0.788, lo=0.05) == 0.05
    assert curve.inverse(0.89) == pytest.approx(0.4, abs=1e-15)
    assert curve.inverse(0.8900001) is None
    assert curve.inverse(0.8, hi=0.1) is None
    assert curve.inverse(0.6, lo=-3.0) == -3.0
    assert curve.inverse(0.85, lo=0.4, hi=0.4) == 0.4


def test_inverse_of_a_falling_and_of_a_constant_curve():
    assert FALLING.inverse(0.6) == 0
    assert FALLING.inverse(0.6, lo=0.9) is None
    level = PiecewiseLinear((0, 1), (0.5, 0.5))
    assert (level.inverse(0.5), level.inverse(0.51)) == (0, None)


def test_maximum_takes_the_first_of_equals():
    curve = PiecewiseLinear((0, 1, 2, 3), (0.1, 0.5, 0.2, 0.5))
    assert curve.maximum() == (1, 0.5)
    assert curve.maximum(1.5, 2.5) == pytest.approx((1.5, 0.35))
    assert CURVES[1].maximum(0, 1e8) == (1e8, CURVES[1](1e8))
    assert FALLING.maximum()[0] == 0


@pytest.mark.parametrize(("lo", "hi"), [(1, 0), (math.nan, 1), (0, math.inf)])
def test_an_interval_that_is_none(lo, hi):
    with pytest.raises(CurveError, match="two finite ends"):
        CURVES[0].inverse(0.5, lo, hi)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=8),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_inverse_of_any_piecewise_curve(y, target, one, other):
    curve = PiecewiseLinear(np.linspace(0, 1, len(y)), y)
    lo, hi = min(one, other), max(one, other)
    result = curve.inverse(target, lo, hi)
    if result is None:
        assert curve.maximum(lo, hi)[1] < target
    else:
        assert lo <= result <= hi
        assert curve(result) >= target
        assert all(curve(float(x)) < target + 1e-12 for x in np.linspace(lo, result, 50)[:-1] if x < result)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.kind)
def test_dictionary_and_file_round_trip(curve, tmp_path):
    assert curve_from_dict(json.loads(json.dumps(curve_to_dict(curve)))) == curve
    write_curve(curve, tmp_path / "curve.json")
    assert read_curve(tmp_path / "curve.json") == curve


FAMILY = {"kind": "power_law", "parameters": {"a": 0.8, "b": 0.1, "c": 1, "d": 0.1}, "domain": [0, 1]}
BAD = [
    (None, "accuracy.large must be an object"),
    ([], "must be an object"),
    ({}, "kind must be one of piecewise_linear, saturating_exponential, power_law, logistic, got None"),
    ({"kind": ["x"]}, "kind must be one of"),
    ({"kind": "spline"}, "kind must be one of"),
    ({"kind": "piecewise_linear", "x": [0, 1]}, "lacks the key 'y'"),
    ({"kind": "piecewise_linear", "x": [0, 1], "y": [0, 1], "z": 1}, "unknown key 'z'"),
    ({"kind": "piecewise_linear", "x": [0, 1], "y": [0]}, "as many x as y"),
    ({"kind": "piecewise_linear", "x": [0], "y": [0]}, "at least two"),
    ({"kind": "piecewise_linear", "x": [0, 0], "y": [0, 1]}, "strictly ascending, got x[1] = 0.0 after 0.0"),
    ({"kind": "piecewise_linear", "x": [0, 2, 1], "y": [0, 1, 1]}, "strictly ascending, got x[2] = 1.0 after 2.0"),
    ({"kind": "piecewise_linear", "x": [0, math.nan], "y": [0, 1]}, "x[1] must be a finite number, got nan"),
    ({"kind": "piecewise_linear", "x": [0, 1], "y": [0, math.inf]}, "y[1] must be a finite number, got inf"),
    ({"kind": "piecewise_linear", "x": [0, 10**400], "y": [0, 1]}, "x[1] must be a finite number"),
    ({"kind": "piecewise_linear", "x": [0, "1"], "y": [0, 1]}, "x[1] must be a finite number, got '1'"),
    ({"kind": "piecewise_linear", "x": [False, True], "y": [0, 1]}, "x[0] must be a finite number, got False"),
    ({"kind": "piecewise_linear", "x": "01", "y": [0, 1]}, "x must be a list of numbers"),
    ({**FAMILY, "parameters": [1]}, "parameters must be an object"),
    ({**FAMILY, "parameters": {"a": 1, "b": 1, "c": 1}}, "parameters lacks the key 'd'"),
    ({**FAMILY, "parameters": {**FAMILY["parameters"], "e": 1}}, "parameters has the unknown key 'e'"),
    ({**FAMILY, "parameters": {**FAMILY["parameters"], "d": 0}}, "x + d > 0"),
    ({**FAMILY, "parameters": {**FAMILY["parameters"], "a": None}}, "parameters.a must be a finite number"),
    ({**FAMILY, "domain": [1, 0]}, "ascending order, got [1.0, 0.0]"),
    ({**FAMILY, "domain": [0, 1, 2]}, "domain must be two numbers, got 3"),
    ({**FAMILY, "domain": None}, "domain must be a list"),
    ({"kind": "power_law", "domain": [0, 1]}, "lacks the key 'parameters'"),
    (
        {"kind": "saturating_exponential", "parameters": {"a": 1, "b": 1, "c": -1e9}, "domain": [0, 1]},
        "must be finite on the domain",
    ),
]


@pytest.mark.parametrize(("data", "message"), BAD)
def test_bad_dictionaries_are_one_sentence(data, message):
    with pytest.raises(CurveError) as error:
        curve_from_dict(data, "accuracy.large")
    assert message in str(error.value)
    assert str(error.value).startswith("accuracy.large")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[1]", '{"kind": NaN}'])
def test_bad_files(text, tmp_path):
    path = tmp_path / "curve.json"
    path.write_text(text)
    with pytest.raises(LeosplitError) as error:
        read_curve(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
