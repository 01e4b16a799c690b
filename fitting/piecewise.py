"""Piecewise-linear functions of a curve with a certified error and a proven number of segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from fitting.chords import bend, fewest_chords, longest_chords
from fitting.curves import Curve, Floats, PiecewiseLinear
from fitting.enclosure import Enclosure, deviation, enclose
from fitting.errors import CurveError
from fitting.tube import fewest_links, path_points

Side = Literal["under", "over", "interpolate", "best"]
MOST_SEGMENTS = 1000
MOST_POINTS = 100_000
"""Points of the chains beyond which they get no finer, although a segment may still be unproven."""
PHASES = ((64, 1.05, 1.05), (512, 1.005, 1.006), (4096, 1.0002, 1.0))
"""By how much chains are narrower than the error, to which ratio it is bisected, and what finer ones may still find."""
TIE = 2e-9
"""Relative amount by which an error may be passed where exactly that error saves a segment."""


@dataclass(frozen=True)
class Approximation:
    """A piecewise-linear function and what is proven about it.

    Parameters
    ----------
    function
        The function, through the ends of the interval.
    side
        `under` (never above the curve), `over` (never below), `interpolate` (breakpoints on the curve) or `best`.
    error
        Certified bound of the largest distance from the curve on the interval.
    asked
        The error that was asked for; of an approximation by segments, the one that was found for them.
    fewest
        Proven lower bound of the segments that any function of the same side needs to keep within `asked`; a free
        function for `best`, one with its breakpoints on the curve for `interpolate`. It equals `segments` but for rare
        ties, and for `interpolate` on a curve that is neither concave nor convex: there it is mostly equal or one
        less, and beyond a few hundred segments only the bound of `best`.
    """

    function: PiecewiseLinear
    side: Side
    error: float
    asked: float
    fewest: int

    @property
    def segments(self) -> int:
        """Number of segments."""
        return len(self.function.x) - 1

    @property
    def minimal(self) -> bool:
        """Whether no function of this side with fewer segments keeps within `asked`."""
        return self.segments == self.fewest


def piecewise_linear(
    curve: Curve,
    interval: tuple[float, float] | None = None,
    max_error: float | None = None,
    segments: int | None = None,
    side: Side = "best",
) -> Approximation:
    """Continuous piecewise-linear function of a curve on an interval.

    Either `max_error` is given, and the function has the fewest segments that keep within it, or `segments`, and its
    error is the least for them (to a relative 1e-3, or 1e-9 of the curve's range). What is proven about the number
    stands in `fewest`. Only for `interpolate` on a curve of mixed curvature may fewer segments do, or less error for as
    many: see `Approximation`; its search takes tenths of a second. The function is monotone where the curve is monotone
    on the interval, and concave (convex) where the curve is concave (convex) on it; neither costs a segment. The knob
    for its accuracy is `max_error`; the number of segments grows with its inverse square root.

    Parameters
    ----------
    curve
        The curve; breakpoints of a piecewise-linear curve are nothing special, they may be passed over.
    interval
        Lower and upper end, by default the domain. Outside, the function is constant: it bounds the curve on the
        interval only.
    max_error
        Largest distance allowed, in mAP, above 0; kept to a relative 2e-9 where exactly it saves a segment.
    segments
        Number of segments, at least 1.
    side
        `under`: never above the curve; `over`: never below; `interpolate`: breakpoints on the curve; `best`: free.

    Raises
    ------
    CurveError
        When not exactly one of error and segments is given, one is out of range, or the interval is empty.
    """
    lo, hi = curve.domain if interval is None else (float(interval[0]), float(interval[1]))
    if not (np.isfinite(lo) and np.isfinite(hi) and lo < hi):
        raise CurveError(f"the interval must be two finite numbers in ascending order, got [{lo}, {hi}]")
    if side not in get_args(Side):
        raise CurveError(f"the side must be one of {', '.join(get_args(Side))}, got {side!r}")
    if (max_error is None) == (segments is None):
        raise CurveError("exactly one of max_error and segments must be given")
    if max_error is not None:
        if not (np.isfinite(max_error) and max_error > 0):
            raise CurveError(f"max_error must be a finite number above 0, got {max_error}")
        return _within(curve, lo, hi, float(max_error), side)
    assert segments is not None, "checked above"
    if segments != int(segments) or not 1 <= segments <= MOST_SEGMENTS:
        raise CurveError(f"segments must be a whole number from 1 to {MOST_SEGMENTS}, got {segments}")
    return _least_error(curve, lo, hi, int(segments), side)


def _within(curve: Curve, lo: float, hi: float, error: float, side: Side, divisor: int = 64) -> Approximation:
    """Fewest segments for an error: the tube around the inner chains gives them, that around the outer proves them."""
    least = _rounding(enclose(curve, lo, hi, np.inf))
    if error < least:
        raise CurveError(f"the error {error} is lost in rounding; at least {least:.3g} is needed here")
    while True:
        chains = enclose(curve, lo, hi, error / divisor)
        function = _candidate(curve, chains, error, side, MOST_SEGMENTS)
        if function is None:
            raise CurveError(f"the error {error} needs more than {MOST_SEGMENTS} segments; a larger one is allowed")
        fewest = _lower_bound(curve, chains, error, side)
        if (
            len(function.x) - 1 <= fewest
            or divisor > 2**18
            or len(chains.x) > MOST_POINTS
            or side == "interpolate"  # its number does not come from the chains
        ):
            break
        divisor *= 16
    if len(function.x) - 1 > fewest:  # a tie: just this error allows fewer segments, and rounding must not cost one
        function = _candidate(curve, chains, error * (1 + TIE), side, len(function.x) - 2) or function
    if side == "interpolate" and len(function.x) - 1 > fewest:
        function, proven = fewest_chords(curve, function, error)
        fewest = max(fewest, proven)
    function = _on_its_side(curve, function, lo, hi, side)
    return Approximation(function, side, max(0.0, *deviation(curve, function, lo, hi)), error, fewest)


def _least_error(curve: Curve, lo: float, hi: float, segments: int, side: Side) -> Approximation:
    """Least error for a number of segments: doubled or halved from a guess, then bisected by ever finer chains."""
    chains = enclose(curve, lo, hi, np.inf)
    largest = 1.01 * float(chains.above.max() - chains.below.min()) or 1e-9
    least = max(1e-9 * largest, _rounding(chains))
    largest = max(largest, least)
    # what a parabola needs; the error of N segments falls with 1/N²
    high = low = max(largest / (16 * segments**2), least)
    if _fits(curve, lo, hi, high, side, segments, PHASES[0][0]):
        while low > least and _fits(curve, lo, hi, max(low / 2, least), side, segments, PHASES[0][0]):
            high = low = max(low / 2, least)
        if low == least:
            return _within(curve, lo, hi, least, side)
        low = max(low / 2, least)
    else:
        while high < largest and not _fits(curve, lo, hi, high, side, segments, PHASES[0][0]):
            low, high = high, min(2 * high, largest)
    for divisor, ratio, missed in PHASES:
        chains = enclose(curve, lo, hi, low / divisor)
        while high > low * ratio:
            middle = float(np.sqrt(low * high))
            if _candidate(curve, chains, middle, side, segments) is not None:
                high = middle
            else:
                low = middle
        low /= missed
    return _within(curve, lo, hi, high, side, PHASES[-1][0])


def _rounding(chains: Enclosure) -> float:
    """Return the least error that is told apart from rounding: some units in the last place of the values."""
    return 64.0 * float(np.spacing(np.abs([chains.above, chains.below]).max()))


def _fits(curve: Curve, lo: float, hi: float, error: float, side: Side, segments: int, divisor: int) -> bool:
    return _candidate(curve, enclose(curve, lo, hi, error / divisor), error, side, segments) is not None


def _candidate(curve: Curve, chains: Enclosure, error: float, side: Side, most: int) -> PiecewiseLinear | None:
    """Build a function of a side within an error, or None when it needs more than `most` segments."""
    if side == "interpolate":
        return longest_chords(curve, chains, error * (1 - 1e-9), most)
    return _path(chains, error, side, most)


def _tube(chains: Enclosure, error: float, side: Side, inner: bool) -> tuple[Floats, Floats]:
    """Lower and upper chain of a tube that lies inside (or around) the true tube of the side."""
    error *= 1 - 1e-9 if inner else 1 + 1e-9
    low_shift, high_shift = {"under": (error, 0.0), "over": (0.0, error)}.get(side, (error, error))
    if inner:
        return chains.above - low_shift, chains.below + high_shift
    return chains.below - low_shift, chains.above + high_shift


def _path(chains: Enclosure, error: float, side: Side, most: int) -> PiecewiseLinear | None:
    """Build the function with the fewest segments inside the inner tube, monotone where the curve is."""
    found = fewest_links(chains.x, *_tube(chains, error, side, inner=True), most=most)
    if found is None:
        return None
    x, y = path_points(chains.x, *found)
    rises, falls = np.diff(chains.below), np.diff(chains.above)
    if np.all(rises >= 0):
        return _running_maximum(x, y)
    if np.all(falls <= 0):
        back = _running_maximum([-value for value in reversed(x)], list(reversed(y)))
        return _function([-value for value in reversed(back.x)], back.y[::-1])
    return _function(x, y)


def _lower_bound(curve: Curve, chains: Enclosure, error: float, side: Side) -> int:
    """Proven number of segments that every function of the side needs."""
    if side == "interpolate":
        if bend(curve, float(chains.x[0]), float(chains.x[-1])):
            # a part of a chord errs less, so that the longest chords are the fewest
            longest = longest_chords(curve, chains, error * (1 + 1e-9) + 1e-15, MOST_SEGMENTS, beyond=True)
            return 1 if longest is None else len(longest.x) - 1
        side = "best"
    found = fewest_links(chains.x, *_tube(chains, error, side, inner=False))
    assert found is not None, "no limit was set"
    return len(found[0]) + 1


def _running_maximum(x: list[float], y: list[float]) -> PiecewiseLinear:
    """Largest value so far of a piecewise-linear function; it has no more segments than the function.

    Inside a tube of ascending chains it stays inside: what falls is levelled, and the level ends on the next rise.
    """
    xs, ys = [x[0]], [y[0]]
    for (left, right), (low, high) in zip(pairwise(x), pairwise(y), strict=True):
        if high <= ys[-1]:
            continue
        if low < ys[-1]:
            crossing = left + (ys[-1] - low) / (high - low) * (right - left)
            if xs[-1] < crossing < right:
                xs.append(crossing)
                ys.append(ys[-1])
        xs.append(right)
        ys.append(high)
    if xs[-1] < x[-1]:
        xs.append(x[-1])
        ys.append(ys[-1])
    return _function(xs, ys)


def _on_its_side(curve: Curve, function: PiecewiseLinear, lo: float, hi: float, side: Side) -> PiecewiseLinear:
    """Move an `under` or `over` function by what rounding let it cross, so that the bound is certified."""
    above, below = deviation(curve, function, lo, hi)
    shift = {"under": -max(0.0, below), "over": max(0.0, above)}.get(side, 0.0)
    if shift == 0.0:
        return function
    moved = np.array(function.y) + shift
    outward = np.inf if shift > 0 else -np.inf
    return _function(function.x, np.nextafter(np.nextafter(moved, outward), outward).tolist())


def _function(x: Sequence[float], y: Sequence[float]) -> PiecewiseLinear:
    return PiecewiseLinear(tuple(x), tuple(y))
