"""Least squares by variable projection: the shape parameters of a family are searched, its linear ones computed.

For given shape parameters a and b are an ordinary linear least-squares problem (Golub and Pereyra,
doi:10.1137/0710036), so that only one or two numbers are searched: from every local minimum of a grid that does not
depend on starting values, by Levenberg and Marquardt's method with Kaufman's Jacobian (doi:10.1007/BF01932995), in a
box. All problems, which are the rows of an array, are solved at once: starts, resampled values, and fits in which a
parameter or the curve's value at a place is held (profile likelihood).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fitting.curves import Floats, ParametricCurve

Shape = tuple[float, ...]
MOST_PLACES = 60
"""Distinct x that the starts of a place parameter (one searched linearly) take up; of more, quantiles."""
MOST_STARTS = 60
STEPS = 200
CONVERGED = 1e-14
"""Relative gain in a step below which a fit counts as found."""


@dataclass(frozen=True, eq=False)
class Problems:
    """Least-squares problems of one family on its scaled axis, one a row.

    Parameters
    ----------
    family
        The family.
    u
        Places on the axis, shape (n,).
    y
        Values, shape (m, n).
    weights
        Weight of each point, shape (m, n) or (n,); a residual counts by its square.
    held
        What is held at `level`: None, "a", "b", or "value", the curve's value at `place`.
    level
        The held number, shape (m,).
    place
        Where the curve's value is held, on the axis, shape (m,).
    outer
        Scale and shift from this axis to the one on which b is held.
    """

    family: type[ParametricCurve]
    u: Floats
    y: Floats
    weights: Floats
    held: str | None = None
    level: Floats | None = None
    place: Floats | None = None
    outer: tuple[float, float] = (1.0, 0.0)

    def rows(self, chosen: NDArray[np.intp]) -> "Problems":
        """Return some of the problems."""

        def part(values: Floats | None) -> Floats | None:
            return None if values is None else values[chosen]

        weights = self.weights if self.weights.ndim == 1 else self.weights[chosen]
        y, level, place = self.y[chosen], part(self.level), part(self.place)
        return Problems(self.family, self.u, y, weights, self.held, level, place, self.outer)


@dataclass(frozen=True, eq=False)
class Projection:
    """What is left when the linear parameters are computed.

    Parameters
    ----------
    cost
        Sum of squared weighted residuals, shape (m,).
    residuals
        Weighted residuals, fitted less measured, shape (m, n).
    a, b
        The linear parameters on the scaled axis, shape (m,).
    jacobian
        Kaufman's derivative of the residuals by the searched numbers, shape (m, n, k), or None.
    """

    cost: Floats
    residuals: Floats
    a: Floats
    b: Floats
    jacobian: Floats | None


def box(family: type[ParametricCurve]) -> tuple[Floats, Floats]:
    """Lower and upper bounds of the searched numbers, logarithms where a range says so, shape (k,) each."""
    ends = [[range_.lower, range_.upper] for range_ in family.search.values()]
    logs = _logs(family)
    low, high = np.array(ends).T
    return np.where(logs, np.log(np.where(logs, low, 1)), low), np.where(logs, np.log(np.where(logs, high, 1)), high)


def shape_parameters(family: type[ParametricCurve], searched: Floats) -> tuple[Floats, ...]:
    """Shape parameters of searched numbers (…, k), each of the shape (…)."""
    found = []
    for j, range_ in enumerate(family.search.values()):
        value = np.exp(searched[..., j]) if range_.logarithmic else searched[..., j]
        found.append(np.clip(value, range_.lower, range_.upper))  # the logarithm of a bound rounds
    return tuple(found)


def project(problems: Problems, searched: Floats, derive: bool = False) -> Projection:
    """Compute the linear parameters for searched numbers of the shape (m, k)."""
    family = problems.family
    shape = [parameter[:, None] for parameter in shape_parameters(family, searched)]
    logs = _logs(family)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        _, h, *slopes = family.partials(problems.u[None, :], 0.0, 1.0, *shape)
        largest = np.max(np.abs(h), axis=1, keepdims=True)
        size = np.where((largest > 0) & np.isfinite(largest) & (problems.held != "b"), largest, 1.0)
        columns = [h / size, *(s * (p if log else 1) / size for s, p, log in zip(slopes, shape, logs, strict=True))]
        if problems.held == "b":  # b is held on the outer axis: what it multiplies there, in units of h here
            columns = _stretched(problems, columns, shape, logs)
        if problems.held == "value":
            assert problems.place is not None, "a held value has a place"
            _, there, *bends = family.partials(problems.place[:, None], 0.0, 1.0, *shape)
            at_place = [there, *(s * (p if log else 1) for s, p, log in zip(bends, shape, logs, strict=True))]
            columns = [column - value / size for column, value in zip(columns, at_place, strict=True)]
    columns = [np.nan_to_num(column, nan=0.0, posinf=0.0, neginf=0.0) for column in columns]
    return _linear(problems, columns, size[:, 0], derive)


def _stretched(problems: Problems, columns: list[Floats], shape: list[Floats], logs: list[bool]) -> list[Floats]:
    """Columns in the units of the outer axis, on which b is the factor."""
    scale, shift = problems.outer

    def factor(changed: int | None = None, step: float = 0.0) -> Floats:
        moved = list(shape)
        if changed is not None:
            moved[changed] = moved[changed] * np.exp(step) if logs[changed] else moved[changed] + step
        return np.asarray(problems.family.moved(scale, shift, 0.0, 1.0, *moved)[1])

    h = columns[0] / factor()
    derived = []
    for j, column in enumerate(columns[1:]):
        ratio = (factor(j, 1e-6) / factor(j, -1e-6) - 1) / 2e-6
        derived.append(column / factor() - h * ratio)
    return [h, *derived]


def _linear(problems: Problems, columns: list[Floats], size: Floats, derive: bool) -> Projection:
    """Solve for the linear parameters that are free, given h and its derivatives in units of `size`."""
    h, *slopes = columns
    w = np.broadcast_to(problems.weights, problems.y.shape)
    level = 0.0 if problems.level is None else problems.level[:, None]
    free_level = problems.held in (None, "b")
    total = np.sum(w**2, axis=1, keepdims=True)

    def centred(values: Floats) -> Floats:
        """Weighted values, less their weighted mean where the level is free."""
        return w * (values - np.sum(w**2 * values, axis=1, keepdims=True) / total) if free_level else w * values

    if problems.held == "b":
        target, basis = centred(problems.y - level * h), np.zeros_like(h)
        b = np.broadcast_to(level, (len(h), 1))
    else:
        target, basis = centred(problems.y - (level if problems.held else 0.0)), centred(h)
        length = np.sum(basis**2, axis=1, keepdims=True)
        b = np.sum(basis * target, axis=1, keepdims=True) / np.where(length > 0, length, 1.0)
    residuals = b * basis - target
    a = np.sum(w**2 * (problems.y - b * h), axis=1, keepdims=True) / total
    jacobian = None
    if derive:
        parts = []
        for slope in slopes:
            part = centred(b * slope)
            if problems.held != "b":
                part = part - basis * (np.sum(basis * part, axis=1, keepdims=True) / np.where(length > 0, length, 1.0))
            parts.append(part)
        jacobian = np.stack(parts, axis=2)
    with np.errstate(over="ignore"):
        return Projection(np.sum(residuals**2, axis=1), residuals, a[:, 0], b[:, 0] / size, jacobian)


def polish(
    problems: Problems, start: Floats, fixed: NDArray[np.bool_] | None = None, tolerance: float = CONVERGED
) -> tuple[Floats, Floats]:
    """Local minima from the starts.

    Parameters
    ----------
    problems
        m problems.
    start
        Searched numbers to start from, shape (m, k), inside the box.
    fixed
        Which of them stay, shape (k,) or (m, k).
    tolerance
        Relative gain in a step below which a problem counts as solved; three times in a row at the least tolerance.

    Returns
    -------
    tuple of arrays
        Searched numbers, shape (m, k), and their costs, shape (m,).
    """
    low, high = box(problems.family)
    s = np.clip(start, low, high)
    stay = np.broadcast_to(np.zeros(len(low), dtype=bool) if fixed is None else fixed, s.shape)
    cost = project(problems, s).cost
    damping = np.full(len(s), 1e-3)
    calm = np.zeros(len(s), dtype=int)
    enough = 3 if tolerance <= CONVERGED else 1
    for _ in range(STEPS):
        active = np.flatnonzero(calm < enough)
        if len(active) == 0:
            break
        part = problems.rows(active)
        here = project(part, s[active], derive=True)
        step = _step(here, s[active], stay[active], damping[active], low, high)
        trial = np.clip(s[active] + step, low, high)
        found = project(part, trial).cost
        better = found < cost[active]
        gain = np.where(better, cost[active] - found, 0.0)
        small = (gain <= tolerance * cost[active]) & (damping[active] < 1e-1)
        s[active] = np.where(better[:, None], trial, s[active])
        cost[active] = np.where(better, found, cost[active])
        damping[active] = np.clip(np.where(better, damping[active] / 8, damping[active] * 6), 1e-12, 1e12)
        tiny = np.max(np.abs(step), axis=1) < 1e-11
        calm[active] = np.where(small & (better | tiny), calm[active] + 1, 0) + np.where(tiny, 1, 0)
        calm[active[damping[active] > 1e10]] = enough
    return s, cost


def _step(here: Projection, s: Floats, stay: NDArray[np.bool_], damping: Floats, low: Floats, high: Floats) -> Floats:
    """Damped Gauss-Newton step; what stays, or lies at a bound and would leave the box, does not move."""
    assert here.jacobian is not None, "asked for"
    gradient = np.einsum("mnk,mn->mk", here.jacobian, here.residuals)
    normal = np.einsum("mnk,mnl->mkl", here.jacobian, here.jacobian)
    k = s.shape[1]
    stuck = stay | ((s <= low) & (gradient > 0)) | ((s >= high) & (gradient < 0))
    diagonal = np.einsum("mkk->mk", normal)
    floor = 1e-30 + 1e-14 * diagonal.max(axis=1, keepdims=True)
    normal = normal + np.eye(k) * (damping[:, None] * np.maximum(diagonal, floor) + 1e-300)[:, None, :]
    free = ~stuck
    normal = np.where(free[:, :, None] & free[:, None, :], normal, np.eye(k))
    gradient = np.where(free, gradient, 0.0)
    step = -np.linalg.solve(normal, gradient[:, :, None])[:, :, 0]
    step = np.nan_to_num(step, nan=0.0, posinf=0.0, neginf=0.0)
    reach = 0.25 * (high - low)
    return np.asarray(np.clip(step, -reach, reach))


def starts(problems: Problems) -> Floats:
    """Return the searched numbers of the local minima of a grid, best first, shape (m, k); for one problem.

    The grid of a number that is searched linearly, a place on the axis, holds the measured places and their middles
    too.
    """
    family = problems.family
    low, high = box(family)
    axes = []
    for j, range_ in enumerate(family.search.values()):
        axis = np.linspace(low[j], high[j], range_.starts)
        if not range_.logarithmic:
            places = np.unique(problems.u)
            if len(places) > MOST_PLACES:
                places = np.quantile(places, np.linspace(0, 1, MOST_PLACES))
            axis = np.unique(np.r_[axis, places, (places[1:] + places[:-1]) / 2])
            axis = axis[(axis >= low[j]) & (axis <= high[j])]
        axes.append(axis)
    grid = np.array(list(product(*axes)))
    n = problems.y.shape[1]
    many = Problems(family, problems.u, np.broadcast_to(problems.y, (len(grid), n)), problems.weights)
    chunks = np.array_split(np.arange(len(grid)), 1 + len(grid) * n // 1_000_000)
    costs = np.concatenate([project(many.rows(rows), grid[rows]).cost for rows in chunks])
    cost = costs.reshape([len(axis) for axis in axes])
    least = np.ones(cost.shape, dtype=bool)
    padded = np.pad(cost, 1, constant_values=np.inf)
    for shift in product((0, 1, 2), repeat=cost.ndim):
        window = tuple(slice(i, i + size) for i, size in zip(shift, cost.shape, strict=True))
        least &= cost <= padded[window]
    chosen = np.flatnonzero(least.ravel())
    chosen = chosen[np.argsort(cost.ravel()[chosen], kind="stable")][:MOST_STARTS]
    return grid[chosen]


def minimise(problems: Problems) -> tuple[Floats, float]:
    """Return the searched numbers of least squares, shape (k,), and their cost; for one problem."""
    begin = starts(problems)
    many = Problems(
        problems.family, problems.u, np.broadcast_to(problems.y, (len(begin), problems.y.shape[1])), problems.weights
    )
    found, cost = polish(many, begin)
    best = int(np.argmin(cost))
    return found[best], float(cost[best])


def at_bounds(family: type[ParametricCurve], searched: Sequence[float]) -> tuple[str, ...]:
    """Names of the shape parameters that lie at a search bound."""
    low, high = box(family)
    near = 1e-9 * (high - low)
    s = np.asarray(searched)
    return tuple(
        name for name, bound in zip(family.search, (s <= low + near) | (s >= high - near), strict=True) if bound
    )


def _logs(family: type[ParametricCurve]) -> list[bool]:
    return [range_.logarithmic for range_ in family.search.values()]
