"""Piecewise-linear functions: error, side, shape, and the number of segments against brute force."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from fitting import CurveError, Logistic, PiecewiseLinear, PowerLaw, SaturatingExponential, preset_curves
from fitting.chords import bend, chord_error, longest_chords
from fitting.enclosure import deviation, enclose
from fitting.piecewise import piecewise_linear

DIPS = PiecewiseLinear((0, 0.05, 0.1, 0.2, 0.4), (0.7, 0.79, 0.785, 0.84, 0.89))
DOTA = PiecewiseLinear((10, 20, 30, 40, 50, 60, 70, 80), (0.588, 0.636, 0.649, 0.658, 0.660, 0.659, 0.669, 0.668))
CURVES = {
    "power": preset_curves()[0],
    "exponential": SaturatingExponential(0.78, 0.28, 1.5e-8, (0, 1e9)),
    "logistic": Logistic(0.3, 0.45, 14.0, 0.25, (0, 1)),
    "falling": SaturatingExponential(0.2, -0.5, 3.0, (0, 1)),
    "falling logistic": Logistic(0.7, -0.45, 14.0, 0.25, (0, 1)),
    "dips": DIPS,
    "dota": DOTA,
    "constant": PiecewiseLinear((0, 1), (0.5, 0.5)),
    "two points": PiecewiseLinear((0, 1), (0.2, 0.5)),
}
SIDES = ("best", "under", "over", "interpolate")


def gaps(curve, function, lo, hi):
    """Smallest and largest difference curve − function on a grid that includes all breakpoints."""
    x = np.union1d(np.linspace(lo, hi, 20_001), function.x)
    return float((curve(x) - function(x)).min()), float((curve(x) - function(x)).max())


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("error", [0.03, 1e-3, 1e-4])
@pytest.mark.parametrize("name", CURVES)
def test_error_side_and_proof(name, error, side):
    curve = CURVES[name]
    found = piecewise_linear(curve, max_error=error, side=side)
    low, high = gaps(curve, found.function, *curve.domain)
    assert max(-low, high) <= found.error + 1e-15
    assert found.error <= error
    if side == "under":
        assert low >= 0
    if side == "over":
        assert high <= 0
    if side == "interpolate":
        assert np.allclose(curve(np.array(found.function.x)), found.function.y, atol=1e-15)
    if side != "interpolate" or name in ("power", "exponential", "falling"):
        assert found.minimal
    assert found.function.domain == curve.domain


@pytest.mark.parametrize("name", CURVES)
def test_certified_error_is_attained(name):
    found = piecewise_linear(CURVES[name], max_error=2e-3)
    low, high = gaps(CURVES[name], found.function, *CURVES[name].domain)
    assert found.error <= max(-low, high) + 1e-6


@pytest.mark.parametrize("side", SIDES)
def test_shape_is_kept(side):
    for name in ("power", "exponential", "logistic", "falling", "falling logistic"):
        curve = CURVES[name]
        function = piecewise_linear(curve, max_error=1e-3, side=side).function
        steps = np.diff(function.y) * np.sign(curve(curve.domain[1]) - curve(curve.domain[0]))
        assert np.all(steps >= 0), name
        slopes = np.diff(function.y) / np.diff(function.x)
        if name in ("power", "exponential"):
            assert np.all(np.diff(slopes) <= 0), name
        if name == "falling":
            assert np.all(np.diff(slopes) >= 0)


def fewest_by_brute_force(x, low, high, most):
    """Fewest links whose breakpoints lie on the grid x, by linear programs over every choice of breakpoints."""
    for links in range(1, most + 1):
        for inner in combinations(range(1, len(x) - 1), links - 1):
            knots = [x[0], *(x[i] for i in inner), x[-1]]
            basis = np.array([np.interp(x, knots, row) for row in np.eye(len(knots))]).T
            rows, limits = np.vstack([basis, -basis]), np.concatenate([high, -low])
            if linprog(np.zeros(len(knots)), rows, limits, bounds=(None, None)).status == 0:
                return links
    return most + 1


@settings(max_examples=25)
@given(st.lists(st.integers(0, 8), min_size=3, max_size=8), st.sampled_from(SIDES[:3]), st.floats(0.06, 0.2))
def test_no_more_segments_than_brute_force_on_a_grid(values, side, error):
    curve = PiecewiseLinear(np.arange(len(values)), np.array(values) / 10)
    found = piecewise_linear(curve, max_error=error, side=side)
    x = np.union1d(np.arange(len(values)), np.linspace(0, len(values) - 1, 15))
    y = curve(x)
    low = y - (error if side != "over" else 0)
    high = y + (error if side != "under" else 0)
    assert found.segments <= fewest_by_brute_force(x, low, high, found.segments - 1 if found.segments > 1 else 1)
    assert found.fewest <= found.segments


@pytest.mark.parametrize("side", SIDES[:3])
def test_an_error_that_is_just_enough_saves_the_segment(side):
    curve, error = PiecewiseLinear((0, 1, 2), (0, 0.3, 0.4)), (0.05 if side == "best" else 0.1)
    found = piecewise_linear(curve, max_error=error, side=side)
    assert found.segments == 1
    assert found.minimal
    assert found.error == pytest.approx(error, rel=3e-9)


def test_chords_of_a_steep_curve_are_proven_fewest():
    curve = PowerLaw(0.65, -288276.2194823177, 1.3307631530270982, 23.35026460168171, (0, 33790.9))
    found = piecewise_linear(curve, max_error=0.0108, side="interpolate")
    assert found.segments > 500
    assert found.minimal


def fewest_on_grid(curve, x, error):
    """Fewest chords between points of a grid, every chord tried."""
    steps = [0] + [len(x)] * (len(x) - 1)
    for j in range(1, len(x)):
        for i in range(j):
            if steps[i] + 1 < steps[j] and chord_error(curve, x[i], x[j]) <= error:
                steps[j] = steps[i] + 1
    return steps[-1]


@pytest.mark.parametrize("seed", range(8))
def test_chords_of_mixed_curves_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    if seed % 2:
        curve = Logistic(0.2, rng.uniform(0.2, 0.7), rng.uniform(5, 40), rng.uniform(0.2, 0.8), (0, 1))
    else:
        x = np.unique(np.round(rng.uniform(0, 1, 7), 3))
        curve = PiecewiseLinear((0, *x, 1.5), rng.uniform(0.2, 0.8, len(x) + 2))
    lo, hi = curve.domain
    error = 10 ** rng.uniform(-2.3, -1.3)
    found = piecewise_linear(curve, max_error=error, side="interpolate")
    grid = np.union1d(np.linspace(lo, hi, 60), [a for a, _, _ in curve.bends(lo, hi)]).tolist()
    brute = fewest_on_grid(curve, grid, error)
    assert found.fewest <= found.segments <= brute
    assert found.fewest >= found.segments - 1
    assert max(chord_error(curve, a, b) for a, b in pairwise(found.function.x)) <= error


def test_a_shorter_chord_first_can_save_one():
    curve, error = Logistic(0.2, 0.6, 14.0, 0.5, (0, 1)), 0.0126
    greedy = longest_chords(curve, enclose(curve, 0, 1, error / 64), error, 100)
    found = piecewise_linear(curve, max_error=error, side="interpolate")
    assert found.segments < len(greedy.x) - 1
    assert found.minimal


@pytest.mark.parametrize("side", ["best", "under"])
def test_hundreds_of_segments_are_proven_too(side):
    found = piecewise_linear(CURVES["logistic"], max_error=1e-6, side=side)
    assert found.segments > 300
    assert found.minimal


def test_a_concave_chain_is_concave():
    assert [bend(CURVES[name], *CURVES[name].domain) for name in ("power", "falling", "logistic", "dips")] == [
        -1,
        1,
        0,
        0,
    ]
    assert bend(PiecewiseLinear((0, 1, 3), (0, 0.5, 0.7)), 0, 3) == -1
    assert bend(PiecewiseLinear((0, 1, 3), (0.5, 0.1, 0)), 0, 3) == 1


@settings(max_examples=60)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=12),
    st.sampled_from(SIDES),
    st.floats(1e-3, 0.5),
)
def test_any_piecewise_curve(values, side, error):
    curve = PiecewiseLinear(np.linspace(0, 1, len(values)), values)
    found = piecewise_linear(curve, max_error=error, side=side)
    low, high = gaps(curve, found.function, 0, 1)
    assert max(-low, high) <= error * (1 + 3e-9)
    assert found.fewest <= found.segments <= len(values) - 1 + (error < 1e-3)
    if side == "under":
        assert low >= 0
    if side == "over":
        assert high <= 0
    if all(a <= b for a, b in pairwise(values)) and side != "interpolate":
        assert np.all(np.diff(found.function.y) >= 0)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", ["power", "logistic", "dota"])
def test_segments_give_the_least_error(name, side):
    curve = CURVES[name]
    found = piecewise_linear(curve, segments=4, side=side)
    assert found.segments <= 4
    if side != "interpolate" or name == "power":
        assert piecewise_linear(curve, max_error=found.error * 0.998, side=side).fewest > 4
    low, high = gaps(curve, found.function, *curve.domain)
    assert max(-low, high) <= found.error


def test_one_segment_of_a_parabola_like_curve_by_hand():
    # the best line of a concave curve errs by half of the chord's largest deviation, here at the slope of the chord
    curve = SaturatingExponential(1, 1, 1, (0, 1))
    slope = 1 - np.exp(-1)
    peak = 1 - slope + slope * np.log(slope)
    assert piecewise_linear(curve, segments=1).error == pytest.approx(peak / 2, rel=1e-3)
    assert piecewise_linear(curve, segments=1, side="under").error == pytest.approx(peak, rel=1e-3)
    assert deviation(curve, PiecewiseLinear((0, 1), (0, slope)), 0, 1) == pytest.approx((peak, 0), abs=1e-12)


def test_interval_beyond_the_domain_and_inside_it():
    curve = CURVES["power"]
    for interval in [(-0.5, 2.0), (0.1, 0.4), (1.5, 2.5)]:
        found = piecewise_linear(curve, interval, max_error=1e-3, side="under")
        low, high = gaps(curve, found.function, *interval)
        assert low >= 0
        assert high <= 1e-3
        assert found.function.domain == interval
        assert found.minimal


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("width", [0.1, 1e-3, 1e-6])
def test_enclosures_enclose(name, width):
    curve = CURVES[name]
    chains = enclose(curve, *curve.domain, width)
    x = np.linspace(*curve.domain, 5001)
    assert np.all(np.interp(x, chains.x, chains.below) <= curve(x) + 1e-15)
    assert np.all(np.interp(x, chains.x, chains.above) >= curve(x) - 1e-15)
    assert chains.width <= width + 1e-15
    assert np.all(np.diff(chains.x) > 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one"),
        ({"max_error": 1e-3, "segments": 3}, "exactly one"),
        ({"max_error": 0.0}, "above 0"),
        ({"max_error": float("nan")}, "above 0"),
        ({"segments": 0}, "from 1 to"),
        ({"segments": 2.5}, "whole number"),
        ({"max_error": 1e-3, "side": "left"}, "must be one of under, over"),
        ({"max_error": 1e-3, "interval": (1, 0)}, "ascending"),
        ({"max_error": 1e-9}, "more than 1000 segments"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(CurveError, match=message):
        piecewise_linear(CURVES["power"], **arguments)
