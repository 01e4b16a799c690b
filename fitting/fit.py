"""Least-squares fits of the three parametric families to measured accuracies."""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from fitting.curves import Curve, Floats
from fitting.errors import MeasurementError
from fitting.families import SEARCHES, Search, Shape


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted curve with the points it was fitted to.

    Parameters
    ----------
    curve
        The fitted curve.
    x, y
        The points, shape (n,), x ascending.
    sigma
        Standard error of each y, shape (n,), or None when all count alike.
    parameters
        Number of fitted parameters (of a shape-constrained fit: of distinct levels and slopes).
    """

    curve: Curve
    x: Floats
    y: Floats
    sigma: Floats | None
    parameters: int

    @property
    def residuals(self) -> Floats:
        """Measured less fitted value, shape (n,)."""
        return self.y - self.curve(self.x)

    @property
    def chi_square(self) -> float:
        """Sum of squared residuals, each divided by its standard error where one is known."""
        return float(np.sum((self.residuals / (1.0 if self.sigma is None else self.sigma)) ** 2))

    @property
    def rmse(self) -> float:
        """Root of the mean squared residual, mAP."""
        return float(np.sqrt(np.mean(self.residuals**2)))

    @property
    def r_squared(self) -> float:
        """Share of the variance explained; nan when all y are equal."""
        spread = float(np.sum((self.y - self.y.mean()) ** 2))
        return 1 - float(np.sum(self.residuals**2)) / spread if spread > 0 else math.nan


def fit_family(
    x: ArrayLike,
    y: ArrayLike,
    family: str,
    sigma: ArrayLike | None = None,
    domain: tuple[float, float] | None = None,
) -> Fit:
    """Least-squares fit of one parametric family.

    Parameters
    ----------
    x, y
        The points, shape (n,); x may repeat.
    family
        `saturating_exponential`, `power_law` or `logistic`.
    sigma
        Standard error of each y, shape (n,); by default all count alike.
    domain
        Domain of the curve, by default the range of x. It may extend the range: the curve is extrapolated there.

    Raises
    ------
    MeasurementError
        When there are fewer distinct x than parameters, or a number is not finite.
    """
    if family not in SEARCHES:
        raise MeasurementError(f"the family must be one of {', '.join(SEARCHES)}, got {family!r}")
    search = SEARCHES[family]
    x, y, weights = checked_points(x, y, sigma)
    distinct = len(np.unique(x))
    if distinct < search.parameters:
        raise MeasurementError(
            f"{family} has {search.parameters} parameters and needs at least as many distinct x, got {distinct}"
        )
    domain = (float(x[0]), float(x[-1])) if domain is None else domain
    shift, scale = min(domain[0], float(x[0])), max(domain[1], float(x[-1])) - min(domain[0], float(x[0]))
    shape, linear = _search(search, (x - shift) / scale, y, weights)
    curve = search.curve(float(linear[0]), float(linear[1]), shape, scale, shift, domain)
    return Fit(curve, x, y, None if sigma is None else 1 / weights, search.parameters)


def checked_points(x: ArrayLike, y: ArrayLike, sigma: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    """Return x (ascending), y and weights 1/sigma as arrays of one shape (n,).

    Raises
    ------
    MeasurementError
        When there are fewer than two distinct x, shapes differ, or a number is not finite.
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    sigmas = np.ones_like(ys) if sigma is None else np.asarray(sigma, dtype=float)
    if xs.ndim != 1 or xs.shape != ys.shape or xs.shape != sigmas.shape:
        raise MeasurementError(f"x, y and sigma must have one length, got {xs.shape}, {ys.shape} and {sigmas.shape}")
    if not (np.all(np.isfinite(xs)) and np.all(np.isfinite(ys)) and np.all(np.isfinite(sigmas))):
        raise MeasurementError("x, y and sigma must be finite numbers")
    if np.any(sigmas <= 0):
        raise MeasurementError("every sigma must be above 0")
    if len(np.unique(xs)) < 2:
        raise MeasurementError(f"a curve needs points at two or more distinct x, got {len(np.unique(xs))}")
    order = np.argsort(xs, kind="stable")
    return xs[order], ys[order], 1 / sigmas[order]


def _search(search: Search, u: Floats, y: Floats, weights: Floats) -> tuple[Shape, Floats]:
    """Shape and linear parameters of least weighted squares: the best points of the grid, each polished."""
    from scipy.optimize import least_squares  # a third of a second to import

    def residuals(shape: Floats) -> Floats:
        return _projected(search, tuple(shape), u, y, weights)[2]

    grid = sorted(product(*search.start), key=lambda shape: _projected(search, shape, u, y, weights)[1])
    best: tuple[Shape, float] | None = None
    for start in grid[:3]:
        polished = least_squares(
            residuals,
            start,
            bounds=search.bounds,
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
        )
        if best is None or polished.cost < best[1]:
            best = tuple(float(value) for value in polished.x), float(polished.cost)
    assert best is not None, "the grid of a family is not empty"
    return best[0], _projected(search, best[0], u, y, weights)[0]


def _projected(search: Search, shape: Shape, u: Floats, y: Floats, weights: Floats) -> tuple[Floats, float, Floats]:
    """Best (a, b) for a shape, the weighted sum of squares and the weighted residuals."""
    h = search.basis(u, shape)
    total = np.sum(weights**2)
    h_mean, y_mean = np.sum(weights**2 * h) / total, np.sum(weights**2 * y) / total
    centred = weights * (h - h_mean)
    spread = float(centred @ centred)
    b = float(centred @ (weights * (y - y_mean))) / spread if spread > 0 else 0.0
    a = y_mean - b * h_mean
    residuals = weights * (a + b * h - y)
    return np.array([a, b]), float(residuals @ residuals), residuals
