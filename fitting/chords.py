"""Piecewise-linear functions with their breakpoints on the curve, and how many segments those need.

On a concave or convex curve a part of a chord errs less than the chord, so that taking the longest chord each time is
optimal. Elsewhere it is not: a shorter chord may end where the next one reaches further. There the breakpoints are put
on a grid and the fewest chords are a shortest path. Run with the error less what a curve can hide between two grid
points it finds a function; run with the error plus what moving both ends of a chord to their nearest grid points can
cost, it proves how many chords any function needs, on the grid or not. Both margins vanish as the grid gets finer.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fitting.curves import Curve, Floats, PiecewiseLinear
from fitting.enclosure import Enclosure, deviation

CELLS_PER_CHORD = (16, 64, 256, 1024)
"""Grids that are tried in turn, cells for each chord of a function that is known."""
MOST_CELLS = 6_000
STEPS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0)
"""Shares of the largest margin in which the margins of single chords are rounded up."""


def bend(curve: Curve, lo: float, hi: float) -> int:
    """−1 when the curve is concave on the whole of [lo, hi], 1 when convex, 0 when neither is told by its parts."""
    parts = curve.bends(lo, hi)
    bends = {bend for *_, bend in parts}
    if bends != {0}:
        return bends.pop() if len(bends) == 1 else 0
    x = np.array([lo, *(right for _, right, _ in parts)])
    turns = np.sign(np.diff(np.diff(np.asarray(curve(x))) / np.diff(x)))
    return -1 if np.all(turns <= 0) else int(np.all(turns >= 0))


def longest_chords(
    curve: Curve, chains: Enclosure, error: float, most: int, beyond: bool = False
) -> PiecewiseLinear | None:
    """Put breakpoints on the curve, each segment as long as the error allows; None when `most` are too few.

    With `beyond` each segment, but the last, is a little longer than that, which proves how many are needed where the
    curve is concave or convex.
    """
    x, grid = [float(chains.x[0])], chains.x
    while x[-1] < grid[-1]:
        if len(x) > most:
            return None
        first = int(np.searchsorted(grid, x[-1], side="right"))
        ends = grid[first:]

        def good(index: int, ends: Floats = ends) -> bool:
            return chord_error(curve, x[-1], float(ends[index])) <= error

        # a shorter chord of a concave or convex curve errs less, so the longest is found; elsewhere a long one is
        last = bisect_left(range(len(ends)), True, key=lambda index: not good(index)) - 1
        reach = float(ends[last]) if last >= 0 else x[-1]
        missed = float(ends[last + 1]) if last + 1 < len(ends) else reach
        while missed - reach > 1e-12 * (grid[-1] - grid[0]):
            middle = 0.5 * (reach + missed)
            if chord_error(curve, x[-1], middle) <= error:
                reach = middle
            else:
                missed = middle
        reach = missed if beyond else reach
        if reach == x[-1]:
            return None
        x.append(reach)
    return on_curve(curve, x)


def fewest_chords(curve: Curve, known: PiecewiseLinear, error: float) -> tuple[PiecewiseLinear, int]:
    """Return an interpolant with no more segments than a known one, and a proven lower bound of their number.

    Parameters
    ----------
    curve
        The curve.
    known
        An interpolant within the error; its ends are those of the interval.
    error
        Largest distance allowed.
    """
    best, proven = known, 1
    for cells in CELLS_PER_CHORD:
        count = cells * (len(best.x) - 1)
        if count > MOST_CELLS:
            break
        grid = _grid(curve, known.x, cells)
        found = _shortest(grid, error * (1 - 1e-9) - grid.hidden, None)
        if found is not None and len(found) < len(best.x):
            shorter = on_curve(curve, grid.x[found].tolist())
            if all(chord_error(curve, a, b) <= error for a, b in pairwise(shorter.x)):
                best = shorter
        # near its ends a chord of some length is no steeper against the curve than the error over half a cell
        margin = error + float(np.max((grid.most - grid.least) * grid.reach))
        path = _shortest(grid, error * (1 + 1e-9), margin)
        assert path is not None, "neighbours on the grid are always joined"
        proven = max(proven, len(path) - 1)
        if proven == len(best.x) - 1:
            break
    return best, proven


def chord_error(curve: Curve, a: float, b: float) -> float:
    """Certified largest distance of the curve from its chord on [a, b]."""
    return max(deviation(curve, PiecewiseLinear((a, b), (curve(a), curve(b))), a, b))


def on_curve(curve: Curve, x: Sequence[float]) -> PiecewiseLinear:
    """Return the interpolant with these breakpoints."""
    return PiecewiseLinear(tuple(x), tuple(curve(value) for value in x))


@dataclass(frozen=True, eq=False)
class _Grid:
    """A curve on a grid; between neighbours it is linear, or concave, or convex.

    Parameters
    ----------
    x, y
        Points of the curve, shape (n,).
    hidden
        Largest distance of the curve from the chord of two neighbours.
    least, most
        Bounds of the derivative on both cells beside each point, shape (n,).
    reach
        Largest distance of a place from the grid point nearest to it, for each point, shape (n,).
    """

    x: Floats
    y: Floats
    hidden: float
    least: Floats
    most: Floats
    reach: Floats


def _grid(curve: Curve, known: tuple[float, ...], cells: int) -> _Grid:
    """Grid of this many cells on each known chord, with the ends of the curve's parts."""
    parts = curve.bends(known[0], known[-1])
    cuts = np.union1d(known, [a for a, _, _ in parts])
    lengths = np.diff(known)[np.searchsorted(known, cuts[1:]) - 1]
    counts = np.ceil(np.diff(cuts) / lengths * cells).astype(int)
    pieces = [np.linspace(a, b, 1 + max(1, n)) for (a, b), n in zip(pairwise(cuts), counts, strict=True)]
    x = np.unique(np.concatenate(pieces))
    y = np.asarray(curve(x))
    width, mean = np.diff(x), np.diff(y) / np.diff(x)
    curved = np.zeros(len(width), dtype=bool)
    for a, b, bend in parts:
        curved |= (x[:-1] >= a) & (x[1:] <= b) & (bend != 0)
    ends = curve.slopes(x)
    low = np.where(curved, np.minimum(ends[:-1], ends[1:]), mean)
    high = np.where(curved, np.maximum(ends[:-1], ends[1:]), mean)
    return _Grid(
        x,
        y,
        float(np.max((high - low) * width)) / 4,
        np.minimum(np.r_[low, low[-1]], np.r_[low[0], low]),
        np.maximum(np.r_[high, high[-1]], np.r_[high[0], high]),
        0.5 * np.maximum(np.r_[width, width[-1]], np.r_[width[0], width]),
    )


def _shortest(grid: _Grid, error: float, margin: float | None) -> list[int] | None:
    """Shortest path of chords, as grid indices; None when there is none.

    Parameters
    ----------
    grid
        The curve.
    error
        How far the curve may lie from a chord at the grid points between its ends.
    margin
        With a number, chords are let pass that stand for any within the error whose ends lie nearest to theirs, and
        no such chord costs more than this margin; with None only those within the error itself.
    """
    if error <= 0:
        return None
    last, window = len(grid.x) - 1, 32
    parent = np.full(last + 1, -1, dtype=np.intp)
    layer = [0]
    while parent[last] < 0 and layer:
        following: list[int] = []
        for i in layer:
            ends, window = _chords_from(grid, i, error, margin, window)
            new = ends[parent[ends] < 0]
            parent[new] = i
            following += new.tolist()
        layer = sorted(following)
    if parent[last] < 0:
        return None
    path = [last]
    while path[-1] != 0:
        path.append(int(parent[path[-1]]))
    return path[::-1]


def _chords_from(grid: _Grid, i: int, error: float, margin: float | None, window: int) -> tuple[NDArray[np.intp], int]:
    """Return the ends of the chords from point `i`, and how many points had to be looked at."""
    largest = error + (margin or 0.0)
    while True:
        stop = min(i + 1 + window, len(grid.x))
        dx, dy = grid.x[i + 1 : stop] - grid.x[i], grid.y[i + 1 : stop] - grid.y[i]
        low, high = np.maximum.accumulate((dy - largest) / dx), np.minimum.accumulate((dy + largest) / dx)
        closed = low > high
        if closed[-1] or stop == len(grid.x):
            break
        window *= 2
    count = int(closed.argmax()) + 1 if closed[-1] else len(dx)  # beyond, no line from here passes all points
    dx, dy = dx[:count], dy[:count]
    slope = dy / dx
    if margin is None:
        good = _passes(dx, dy, slope, error)
    else:
        good = np.zeros(count, dtype=bool)
        needed = np.minimum(_moved(grid, i, slope, dx), margin)
        for smaller, share in pairwise((-1.0, *STEPS)):
            chosen = (needed > smaller * margin) & (needed <= share * margin)
            if np.any(chosen):
                good |= chosen & _passes(dx, dy, slope, error + share * margin)
    good[0] = True
    return i + 1 + np.flatnonzero(good), max(32, 2 * count)


def _passes(dx: Floats, dy: Floats, slope: Floats, error: float) -> NDArray[np.bool_]:
    """Tell which chords pass every point before their end within the error."""
    low, high = np.maximum.accumulate((dy - error) / dx), np.minimum.accumulate((dy + error) / dx)
    good = np.ones(len(dx), dtype=bool)
    good[1:] = (low[:-1] <= slope[1:]) & (slope[1:] <= high[:-1])
    return good


def _moved(grid: _Grid, i: int, slope: Floats, dx: Floats) -> Floats:
    """Most that moving the ends of a chord to their nearest grid points, `i` and those after it, can change it.

    At its end a chord meets the curve; a step r away it has left the curve by r times the difference of their slopes,
    and the chord of the grid points is no farther from it anywhere than at its ends. Its own slope differs from theirs
    by what the ends moved over its length.
    """
    ends = slice(i + 1, i + 1 + len(dx))
    here = np.maximum(np.abs(grid.most[i] - slope), np.abs(grid.least[i] - slope))
    there = np.maximum(np.abs(grid.most[ends] - slope), np.abs(grid.least[ends] - slope))
    reach = np.maximum(grid.reach[i], grid.reach[ends])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(dx > 2 * reach, np.maximum(here, there) * reach / (1 - 2 * reach / dx), np.inf)
