"""Chains that enclose a curve, and the certified deviation of a piecewise-linear function from it."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fitting.curves import Curve, Floats, PiecewiseLinear


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Two polygonal chains over one grid with below(x) ≤ curve(x) ≤ above(x) everywhere.

    On a concave part the chord lies below and the tangents above, on a convex part the other way round; a tangent
    kink is a grid point of both. No sampling is involved: between grid points the order holds by curvature.

    Parameters
    ----------
    x
        Grid, strictly ascending, shape (n,).
    below, above
        The chains, shape (n,).
    """

    x: Floats
    below: Floats
    above: Floats

    @property
    def width(self) -> float:
        """Largest distance between the chains."""
        return float(np.max(self.above - self.below))


def enclose(curve: Curve, lo: float, hi: float, width: float) -> Enclosure:
    """Enclosure of a curve on [lo, hi] whose chains are at most `width` apart (within floating point)."""
    xs, below, above = [np.array([lo])], [np.array([curve(lo)])], [np.array([curve(lo)])]
    for left, right, bend in curve.bends(lo, hi):
        part = _refined(curve, left, right, bend, width)
        xs.append(part.x[1:])
        below.append(part.below[1:])
        above.append(part.above[1:])
    return Enclosure(np.concatenate(xs), np.concatenate(below), np.concatenate(above))


def _refined(curve: Curve, left: float, right: float, bend: int, width: float) -> Enclosure:
    """Enclosure of one part, halved until it is narrow enough."""
    grid = np.array([left, right])
    width = max(width, 4.0 * float(np.spacing(np.abs(curve(grid)).max())))  # a narrower one is lost in rounding
    while True:
        y = np.asarray(curve(grid))
        if bend == 0:
            return Enclosure(grid, y, y)
        slopes = curve.slopes(grid)
        step, rise = np.diff(grid), np.diff(y)
        mean = rise / step
        turn = slopes[1:] - slopes[:-1]
        # where the two tangents of a cell cross, and how far from the chord
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(turn == 0, 0.5, (slopes[1:] - mean) / turn)
        share = np.clip(share, 0.0, 1.0)
        height = np.abs((mean - slopes[:-1]) * share * step)
        middle = 0.5 * (grid[:-1] + grid[1:])
        wide = (height > width) & (middle > grid[:-1]) & (middle < grid[1:])
        if not np.any(wide) or len(grid) > 1_000_000:
            break
        grid = np.sort(np.concatenate([grid, middle[wide]]))
    kinks = grid[:-1] + share * step
    chord = y[:-1] + share * rise
    keep = (kinks > grid[:-1]) & (kinks < grid[1:])
    x = np.concatenate([grid, kinks[keep]])
    order = np.argsort(x, kind="stable")
    on_chord = np.concatenate([y, chord[keep]])[order]
    on_tangent = np.concatenate([y, chord[keep] - bend * height[keep]])[order]
    return Enclosure(x[order], on_chord, on_tangent) if bend < 0 else Enclosure(x[order], on_tangent, on_chord)


def deviation(curve: Curve, function: PiecewiseLinear, lo: float, hi: float) -> tuple[float, float]:
    """Certified upper bounds of max(curve − function) and max(function − curve) over [lo, hi].

    On a segment inside a concave or convex part the extreme lies at an end or where the curve's derivative equals the
    slope of the segment, which each family gives in closed form; the error of that point is bounded by the curvature
    (a concave function lies below its tangent). Two units in the last place of the values are added for rounding.

    Returns
    -------
    tuple of float
        How far the curve rises above the function, and how far the function rises above the curve.
    """
    above = below = -math.inf
    knots = [x for x in function.x if lo < x < hi]
    for left, right, bend in curve.bends(lo, hi):
        for a, b in pairwise([left, *(x for x in knots if left < x < right), right]):
            differences = [curve(a) - function(a), curve(b) - function(b)]
            slack = 0.0
            if bend:
                slope = (function(b) - function(a)) / (b - a)
                for x in curve.touching(slope):
                    if a < x < b:
                        differences.append(curve(x) - function(x))
                        slack = abs(float(curve.slopes(np.array([x]))[0]) - slope) * (b - a)
            above = max(above, max(differences) + (slack if bend < 0 else 0.0))
            below = max(below, -min(differences) + (slack if bend > 0 else 0.0))
    rounding = 2 * float(np.spacing(max(abs(value) for value in function.y)))
    return above + rounding, below + rounding
