"""Curves against first principles: slopes by differences, bends by chords, tangents, inverse and maximum by search."""

import math
from itertools import pairwise, product

import numpy as np
import pytest

from fitting import CurveError, Logistic, PiecewiseLinear, PowerLaw, SaturatingExponential

SIGNS = list(product((0.3, -0.3), (2.0, -2.0)))
SMOOTH = [
    *(SaturatingExponential(0.5, b, c, (0.1, 1.2)) for b, c in SIGNS),
    *(PowerLaw(0.5, 0.1 * b, c, 0.3, (0.1, 1.2)) for b, c in SIGNS),
    PowerLaw(0.5, 0.2, -0.5, 0.3, (0.1, 1.2)),
    *(Logistic(0.3, b, 3 * c, 0.5, (0.1, 1.2)) for b, c in SIGNS),
    *(Logistic(0.3, 0.5, 4.0, d, (0.1, 1.2)) for d in (-1.0, 2.0)),
]
FLAT = [
    SaturatingExponential(0.5, 0.0, 2.0, (0.0, 1.0)), SaturatingExponential(0.5, 0.3, 0.0, (0.0, 1.0)),
    PowerLaw(0.5, 0.0, 2.0, 0.3, (0.0, 1.0)), PowerLaw(0.5, 0.3, 0.0, 0.3, (0.0, 1.0)),
    Logistic(0.5, 0.0, 2.0, 0.3, (0.0, 1.0)), Logistic(0.5, 0.3, 0.0, 0.3, (0.0, 1.0)),
]  # fmt: skip
LINES = [
    PiecewiseLinear((0.1, 0.3, 0.6, 1.2), (0.2, 0.7, 0.4, 0.9)), PiecewiseLinear((0.1, 1.2), (0.8, 0.3)),
    PiecewiseLinear((0.1, 0.2, 0.5, 0.7, 1.2), (0.1, 0.6, 0.6, 0.2, 0.6)),
]  # fmt: skip
STRAIGHT = PowerLaw(0.5, 0.2, -1.0, 0.3, (0.1, 1.2))


def strange(curve):
    return repr(curve)[:60]


@pytest.mark.parametrize("curve", [*SMOOTH, *FLAT, *LINES, STRAIGHT], ids=strange)
def test_slopes_are_those_of_differences(curve):
    lo, hi = curve.domain
    x = np.random.default_rng(0).uniform(lo + 1e-3, hi - 1e-3, 50)
    if isinstance(curve, PiecewiseLinear):
        x = x[np.abs(x[:, None] - np.array(curve.x)).min(axis=1) > 1e-5]
    step = 1e-6
    assert curve.slopes(x) == pytest.approx((curve(x + step) - curve(x - step)) / (2 * step), rel=1e-5, abs=1e-8)
    assert (curve.slopes(np.array([lo - 1, lo - 1e-9, hi + 1e-9, hi + 1])) == 0).all()


@pytest.mark.parametrize("curve", LINES, ids=strange)
def test_slopes_at_kinks_and_ends_are_those_of_the_right_part_and_the_last(curve):
    parts = np.diff(curve.y) / np.diff(curve.x)
    assert curve.slopes(np.array(curve.x)) == pytest.approx([*parts, parts[-1]], rel=1e-12)


@pytest.mark.parametrize("curve", SMOOTH, ids=strange)
def test_slopes_at_the_ends_of_a_smooth_curve_are_its_own(curve):
    lo, hi = curve.domain
    ends = (curve(lo + 1e-7) - curve(lo)) / 1e-7, (curve(hi) - curve(hi - 1e-7)) / 1e-7
    assert curve.slopes(np.array([lo, hi])) == pytest.approx(ends, rel=1e-4)


@pytest.mark.parametrize("curve", [*SMOOTH, *FLAT, *LINES, STRAIGHT], ids=strange)
@pytest.mark.parametrize(("before", "after"), [(0.0, 0.0), (0.4, 0.7), (0.3, -0.2), (-0.35, 0.25), (-0.5, -0.3)])
def test_bends_divide_an_interval_and_chords_lie_on_their_side(curve, before, after):
    lo, hi = curve.domain[0] - before, curve.domain[1] + after
    parts = curve.bends(lo, hi)
    assert (parts[0][0], parts[-1][1]) == (lo, hi)
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    for left, right, bend in parts:
        assert left < right
        a, b = curve(left), curve(right)
        for share in (0.2, 0.5, 0.9):
            above = curve((1 - share) * left + share * right) - ((1 - share) * a + share * b)
            assert -bend * above > 1e-9 if bend else abs(above) < 1e-12


@pytest.mark.parametrize("curve", SMOOTH, ids=strange)
def test_points_that_touch_have_the_slope_and_none_is_missing(curve):
    lo, hi = curve.domain
    for x in np.random.default_rng(1).uniform(lo, hi, 30):
        slope = float(curve.slopes(np.array([x]))[0])
        points = curve.touching(slope)
        assert min(abs(point - x) for point in points) < 1e-6
        for point in points:
            within = type(curve)(**curve.parameters, domain=(min(point, lo), max(point, hi) + 1e-3))
            assert within.slopes(np.array([point]))[0] == pytest.approx(slope, rel=1e-6)
    assert curve.touching(0.0) == curve.touching(-float(curve.slopes(np.array([lo]))[0])) == ()


def test_slopes_that_are_nowhere_touch_nothing():
    steepest = Logistic(0.3, 0.5, 4.0, 0.5, (0.0, 1.0))  # b c / 4 at d
    assert steepest.touching(0.5) == pytest.approx((0.5, 0.5))
    assert steepest.touching(0.5001) == ()
    for curve in (*FLAT, *LINES, STRAIGHT):
        for slope in (-1.0, 0.0, 0.2, 1.0):
            assert curve.touching(slope) == ()


@pytest.mark.parametrize("curve", [*SMOOTH, *FLAT, *LINES, STRAIGHT], ids=strange)
def test_maximum_and_inverse_are_those_of_a_search(curve):
    rng = np.random.default_rng(2)
    for _ in range(20):
        lo, hi = sorted(rng.uniform(-0.2, 1.5, 2).tolist())
        x = np.unique(np.concatenate([np.linspace(lo, hi, 2001), *[[k] for k in curve.domain if lo < k < hi]]))
        x = np.unique(np.concatenate([x, [k for k in getattr(curve, "x", ()) if lo < k < hi]]))
        values = np.array([curve(float(at)) for at in x])
        at, value = curve.maximum(lo, hi)
        assert value == curve(at) >= values.max() - 1e-15
        assert at <= x[values == values.max()][0] + 1e-12
        for target in (float(rng.uniform(values.min(), values.max())), float(values[700])):
            found = curve.inverse(target, lo, hi)
            first = int(np.argmax(values >= target))
            assert curve(found) >= target
            assert x[max(first - 1, 0)] <= found <= x[first]
            below = math.nextafter(found, -math.inf)
            assert found == lo or curve(below) < target or below in (lo, *getattr(curve, "x", ()))
        assert curve.inverse(math.nextafter(value, math.inf), lo, hi) is None
        assert curve.inverse(value, lo, hi) is not None


def test_a_point_as_interval_and_values_that_are_no_numbers():
    curve = LINES[0]
    assert curve.maximum(0.3, 0.3) == (0.3, 0.7)
    assert curve.inverse(0.7, 0.3, 0.3) == 0.3
    assert curve.inverse(0.71, 0.3, 0.3) is None
    assert curve.inverse(-math.inf) == 0.1
    with pytest.raises(CurveError, match="must be a number, got nan"):
        curve.inverse(math.nan)
    for lo, hi in ((math.nan, 1.0), (0.0, math.nan), (-math.inf, 1.0), (0.0, math.inf), (0.5, 0.4)):
        with pytest.raises(CurveError, match="two finite ends in ascending order"):
            curve.maximum(lo, hi)
    assert curve.maximum(0.2) == (1.2, 0.9)
    assert curve.maximum(hi=0.5) == (0.3, 0.7)


@pytest.mark.parametrize(("x", "y", "words"), [
    ((0.0, 1.0), (0.5,), "as many x as y, at least two, got 2 x and 1 y"),
    ((0.0,), (0.5,), "at least two, got 1 x and 1 y"),
    ((0.0, math.inf), (0.5, 0.5), "x[1] must be finite"),
    ((0.0, 1.0), (math.nan, 0.5), "y[0] must be finite"),
    ((0.0, 1.0, 1.0), (0.1, 0.2, 0.3), "strictly ascending, got x[2] = 1.0 after 1.0"),
    ((0.0, -1.0), (0.1, 0.2), "strictly ascending, got x[1] = -1.0 after 0.0"),
])  # fmt: skip
def test_points_that_make_no_curve(x, y, words):
    with pytest.raises(CurveError) as caught:
        PiecewiseLinear(x, y)
    assert words in str(caught.value)


@pytest.mark.parametrize(("make", "words"), [
    (lambda: SaturatingExponential(math.nan, 1, 1, (0, 1)), "parameter a must be finite"),
    (lambda: PowerLaw(1, 1, 1, math.inf, (0, 1)), "parameter d must be finite"),
    (lambda: Logistic(1, 1, 1, 0, (1, 1)), "ascending order, got [1.0, 1.0]"),
    (lambda: Logistic(1, 1, 1, 0, (0, math.inf)), "ascending order, got [0.0, inf]"),
    (lambda: Logistic(1, 1, 1, 0, (-math.inf, 1)), "ascending order, got [-inf, 1.0]"),
    (lambda: PowerLaw(1, 1, 1, 0.5, (-0.5, 1)), "x + d > 0 on its domain, got -0.5 + 0.5 at the lower end"),
    (lambda: SaturatingExponential(1, 1, -800, (0, 1)), "must be finite on the domain [0.0, 1.0]"),
    (lambda: SaturatingExponential(1, 1, 800, (-1, 1)), "must be finite on the domain [-1.0, 1.0]"),
])  # fmt: skip
def test_parameters_that_make_no_curve(make, words):
    with pytest.raises(CurveError) as caught:
        make()
    assert words in str(caught.value)


def test_values_are_numbers_exact_at_the_points_and_alike_in_arrays():
    for curve in LINES:
        assert [curve(x) for x in curve.x] == list(curve.y)
        middles = [(a + b) / 2 for a, b in pairwise(curve.x)]
        assert [curve(x) for x in middles] == pytest.approx([(a + b) / 2 for a, b in pairwise(curve.y)], rel=1e-12)
        assert isinstance(curve(np.float64(0.5)), float)
        assert isinstance(curve(np.array(0.5)), float)
        assert isinstance(curve(1), float)
        assert curve(np.array([-1.0, 5.0])).tolist() == [curve.y[0], curve.y[-1]]
    assert curve.domain == (curve.x[0], curve.x[-1])
    assert SMOOTH[0].parameters == {"a": 0.5, "b": 0.3, "c": 2.0}


@pytest.mark.parametrize("curve", [*SMOOTH, *FLAT, STRAIGHT], ids=strange)
def test_partial_derivatives_are_those_of_differences(curve):
    x, values = np.linspace(0.15, 1.1, 9), curve.parameters
    for name, found in zip(values, curve.partials(x, *values.values()), strict=True):
        ends = [curve.formula(x, **(values | {name: values[name] + step})) for step in (-1e-6, 1e-6)]
        assert found == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("curve", [*SMOOTH, *FLAT, STRAIGHT], ids=strange)
def test_moved_parameters_give_the_same_values_on_the_other_axis(curve):
    u, values = np.linspace(0.15, 1.1, 9), curve.parameters
    for scale, shift in ((1.0, 0.0), (2.5, 0.0), (2.0, 0.125)):
        moved = dict(zip(values, curve.moved(scale, shift, *values.values()), strict=True))
        x = shift + scale * u
        assert curve.formula(x, **moved) == pytest.approx(curve.formula(u, **values), rel=1e-9)


def test_numbers_and_slopes_are_bounded():
    """Up to 1e60 in size, ends included: a curve's arithmetic then stays finite."""
    for x, y, words in (
        ((0.0, 1.1e60), (0.0, 1.0), "x[1] must be finite"), ((0.0, 1.0), (-1.1e60, 1.0), "y[0] must be finite"),
        ((0.0, 1e-30), (0.0, 1e31), "the slope before x[1]"), ((0.0, 1e-30), (1e31, 0.0), "the slope before x[1]"),
    ):  # fmt: skip
        with pytest.raises(CurveError) as caught:
            PiecewiseLinear(x, y)
        assert words in str(caught.value)
    assert PiecewiseLinear((-1e60, 1e60), (-1.0, 1.0)).domain == (-1e60, 1e60)
    assert PiecewiseLinear((0.0, 1.0), (-5e59, 4.9e59)).y == (-5e59, 4.9e59)
    with pytest.raises(CurveError, match="must be finite"):
        SaturatingExponential(0.5, 1.1e60, 1.0, (0.0, 1.0))
    for make in (
        lambda: SaturatingExponential(0.5, 1e40, -100.0, (0.0, 1.0)),
        lambda: PowerLaw(0.5, 1.0, 30.0, 1e-9, (0.0, 1.0)),
    ):
        with pytest.raises(CurveError, match="must be finite on the domain"):
            make()


@pytest.mark.parametrize("curve", [*SMOOTH, *FLAT, STRAIGHT], ids=strange)
def test_a_curve_on_another_axis_has_the_same_values_there(curve):
    lo, hi = curve.domain
    for scale, shift in ((2.0, 0.125), (0.5, -0.025)):
        moved = curve.on_axis(scale, shift)
        assert moved.domain == pytest.approx((lo * scale + shift, hi * scale + shift), rel=1e-12)
        u = np.linspace(lo, hi, 7)
        assert moved(u * scale + shift) == pytest.approx(curve(u), rel=1e-9)
        assert curve.on_axis(scale, shift, (0.2, 0.9)).domain == (0.2, 0.9)
    assert Logistic(0.5, 0.1, 1.0, 0.0, (0.0, 1 / 1e60)).domain == (0.0, 1 / 1e60)
    assert PiecewiseLinear((0.0, 1 / 1e60), (0.5, 0.5)).x == (0.0, 1 / 1e60)
