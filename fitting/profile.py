"""Profile likelihood: how far a number can move before the fit to the points becomes too bad.

A number of interest, a parameter or the curve's value at a place, is held, and all else is fitted anew. Its interval
ends where the sum of squares exceeds the least one by the square of Student's (or the normal) quantile times the
variance of the errors (D. M. Bates and D. G. Watts, *Nonlinear Regression Analysis*, section 6.1,
doi:10.1002/9780470316757). Unlike the interval of the standard error it need not be symmetric, and it may be open: then
an end is infinite.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fitting.curves import Floats, ParametricCurve
from fitting.families import FAMILIES
from fitting.fit import Fit, axis_of
from fitting.search import Problems, box, polish, project, shape_parameters

ACCURACY = 1e-5
"""Relative accuracy of the distance, in units of the quantile, at which an end is found."""
TOLERANCE = 1e-9
"""Relative accuracy of the sums of squares."""
SHARE = 0.01
DOUBLINGS = 80
REFINEMENTS = 40

Evaluate = Callable[[NDArray[np.intp], Floats, Floats], tuple[Floats, Floats]]
"""Distances and searched numbers (m, k) of some problems at levels (m,), from starts (r, m, k)."""


@dataclass(frozen=True, eq=False)
class Ends:
    """Ends of intervals.

    Parameters
    ----------
    level
        The ends, shape (m,); infinite where there is none.
    searched
        Searched numbers of the fits there, shape (m, k).
    """

    level: Floats
    searched: Floats


def value_ends(fit: Fit, x: Floats, sides: Floats, reach: float, scale: float, guess: Floats) -> Floats:
    """Lower (side −1) or upper (1) ends of the curve's value at x, shape (n,).

    Parameters
    ----------
    fit
        A least-squares fit of a parametric family.
    x, sides
        Where and which end, shape (n,); x inside the domain.
    reach
        Quantile.
    scale
        Factor from 1/weights to the deviation of the errors.
    guess
        Standard error of each value, shape (n,), from which the search starts; may be infinite.
    """
    width, shift = axis_of(fit.x, fit.domain)
    centre = np.asarray(fit.curve(x), dtype=float)
    problems = replace(_problems(fit, len(x)), held="value", level=centre, place=(x - shift) / width)
    return _ends(fit, problems, centre, sides, reach, scale, guess).level


def linear_ends(fit: Fit, name: str, reach: float, scale: float, guess: float) -> tuple[float, float]:
    """Return the ends of the interval of a or b; infinite where a bound of the search, not the points, sets one."""
    assert isinstance(fit.curve, ParametricCurve), "the caller checks"
    value = np.full(2, fit.curve.parameters[name])
    problems = replace(_problems(fit, 2), held=name, level=value)
    sides = np.array([-1.0, 1.0])
    found = _ends(fit, problems, value, sides, reach, scale, np.full(2, guess))
    limited = _limited(replace(problems, level=found.level), found.searched, reach * scale)
    ends = np.where(limited, sides * np.inf, found.level)
    return float(ends[0]), float(ends[1])


def shape_ends(fit: Fit, name: str, reach: float, scale: float) -> tuple[float, float]:
    """Return the ends of the interval of a shape parameter; infinite where a bound of the search sets one."""
    family = FAMILIES[fit.family]
    index = list(family.search).index(name)
    here, sides = np.array(fit.shape), np.array([-1.0, 1.0])
    held = np.arange(len(here)) == index
    bounds = np.array([end[index] for end in box(family)])

    def evaluate(rows: NDArray[np.intp], levels: Floats, starts: Floats) -> tuple[Floats, Floats]:
        begin = starts.copy()
        begin[:, :, index] = levels
        return _best(_problems(fit, len(rows)), begin, fit, scale, held)

    start = np.broadcast_to(here, (1, 2, len(here)))
    distance, shape = evaluate(np.arange(2), bounds, start)
    open_ = (distance < reach) | (bounds == here[index])
    # an open end is searched for too, from a bound that counts as just too far, and then left out
    outer = bounds, np.where(open_, reach, distance), shape
    found = _refine(evaluate, (np.full(2, here[index]), np.zeros(2), start[0]), outer, reach)
    open_ |= _limited(_problems(fit, 2), found.searched, reach * scale, index)
    width, shift = axis_of(fit.x, fit.domain)
    moved = family.moved(width, shift, 0.0, 1.0, *shape_parameters(family, found.searched))[2 + index]
    ends = np.where(open_, sides * np.inf, moved)
    return float(ends[0]), float(ends[1])


def _limited(problems: Problems, searched: Floats, distance: float, held: int | None = None) -> NDArray[np.bool_]:
    """Tell at which ends a shape parameter lies at a bound beyond which the fit would still get better.

    It counts where e times the parameter (or 1 further, for a place) would change the sum of squares by more than a
    hundredth of what the interval allows.
    """
    low, high = box(problems.family)
    limited = np.zeros(len(searched), dtype=bool)
    cost = project(problems, searched).cost
    for j in range(len(low)):
        if j == held:
            continue
        for bound, inward in ((low[j], 1e-4), (high[j], -1e-4)):
            at_bound = np.abs(searched[:, j] - bound) <= 1e-9 * (high[j] - low[j])
            inside = searched.copy()
            inside[:, j] += inward
            slope = (project(problems, inside).cost - cost) / abs(inward)
            limited |= at_bound & (slope > SHARE * distance**2)
    return limited


def _problems(fit: Fit, count: int) -> Problems:
    scale, shift = axis_of(fit.x, fit.domain)
    y = np.broadcast_to(fit.y, (count, len(fit.y)))
    return Problems(FAMILIES[fit.family], (fit.x - shift) / scale, y, fit.weights, outer=(scale, shift))


def _ends(
    fit: Fit, problems: Problems, centre: Floats, sides: Floats, reach: float, scale: float, guess: Floats
) -> Ends:
    """Levels on one side of the centres, shape (m,), at which the distance is `reach`."""
    count, here = len(centre), np.broadcast_to(np.array(fit.shape), (len(centre), len(fit.shape)))
    typical = max(float(np.ptp(fit.y)), 1e-9 * float(np.max(np.abs(fit.y))), 1e-300)
    step = reach * np.where(np.isfinite(guess) & (guess > 0), np.minimum(guess, 10 * typical), 0.1 * typical)

    def evaluate(rows: NDArray[np.intp], levels: Floats, starts: Floats) -> tuple[Floats, Floats]:
        part = problems.rows(rows)
        return _best(replace(part, level=levels), starts, fit, scale, None)

    inner, inner_distance, inner_shape = centre.copy(), np.zeros(count), here.copy()
    outer, outer_distance, outer_shape = centre + sides * step, np.full(count, -1.0), here.copy()
    active = np.arange(count)
    for _ in range(DOUBLINGS):
        starts = np.stack([inner_shape[active], here[active]])
        distance, shape = evaluate(active, outer[active], starts)
        outer_distance[active], outer_shape[active] = distance, shape
        short = active[distance < reach]
        inner[short], inner_distance[short] = outer[short], outer_distance[short]
        inner_shape[short] = outer_shape[short]
        active = short
        if len(active) == 0:
            break
        step[active] *= 2
        outer[active] = inner[active] + sides[active] * step[active]
    found = _refine(evaluate, (inner, inner_distance, inner_shape), (outer, outer_distance, outer_shape), reach)
    level = found.level.copy()
    level[active] = sides[active] * np.inf
    return Ends(level, found.searched)


def _best(
    problems: Problems, starts: Floats, fit: Fit, scale: float, fixed: NDArray[np.bool_] | None
) -> tuple[Floats, Floats]:
    """Distances √(S − S₀)/scale and searched numbers of the best of several starts, shape (r, m, k)."""
    repeats, count, size = starts.shape
    rows = np.tile(np.arange(count), repeats)
    found, cost = polish(problems.rows(rows), starts.reshape(-1, size), fixed, TOLERANCE)
    cost = cost.reshape(repeats, count)
    chosen = np.argmin(cost, axis=0)
    least = float(np.sum((fit.residuals * fit.weights) ** 2))
    distance = np.sqrt(np.maximum(cost[chosen, np.arange(count)] - least, 0.0)) / scale
    return distance, found.reshape(repeats, count, size)[chosen, np.arange(count)]


def _refine(
    evaluate: Evaluate, inner: tuple[Floats, Floats, Floats], outer: tuple[Floats, Floats, Floats], reach: float
) -> Ends:
    """Levels between inner (too near) and outer (too far) ones whose distance is `reach`: the Illinois method."""
    near, near_distance, near_shape = (values.copy() for values in inner)
    far, far_distance, far_shape = (values.copy() for values in outer)
    near_gap, far_gap = near_distance - reach, far_distance - reach
    last = np.zeros(len(near))
    active = np.flatnonzero(far_gap > ACCURACY * reach)
    for _ in range(REFINEMENTS):
        if len(active) == 0:
            break
        share = near_gap[active] / (near_gap[active] - far_gap[active])
        middle = near[active] + np.clip(share, 0.01, 0.99) * (far[active] - near[active])
        distance, shape = evaluate(active, middle, np.stack([near_shape[active], far_shape[active]]))
        gap = distance - reach
        beyond = gap >= 0
        there, here = active[beyond], active[~beyond]
        far[there], far_gap[there], far_shape[there] = middle[beyond], gap[beyond], shape[beyond]
        near[here], near_gap[here], near_shape[here] = middle[~beyond], gap[~beyond], shape[~beyond]
        near_gap[there[last[there] > 0]] /= 2  # the same end twice in a row: the other's weight is halved
        far_gap[here[last[here] < 0]] /= 2
        last[there], last[here] = 1, -1
        done = np.abs(gap) <= ACCURACY * reach
        far[active[done]], far_shape[active[done]] = middle[done], shape[done]
        active = active[~done & (np.abs(far[active] - near[active]) > 1e-12 * np.abs(far[active]))]
    return Ends(far, far_shape)
