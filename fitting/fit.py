"""Least-squares fits: the three parametric families and shape-constrained curves, weighted, robust on request."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fitting.curves import Curve, Floats, ParametricCurve, PiecewiseLinear
from fitting.errors import MeasurementError
from fitting.families import FAMILIES
from fitting.measurements import LARGEST
from fitting.search import Problems, Shape, at_bounds, minimise, polish, project, shape_parameters

if TYPE_CHECKING:
    import pandas as pd

SHAPES = ("monotone", "monotone_concave")
FAMILY_NAMES = (*FAMILIES, *SHAPES)
"""What can be fitted: the parametric families, and ascending (concave) piecewise-linear curves through every x."""
LEAST_X, LARGEST_X = 1e-5, 1e5
"""Sizes of x between which parameters are shown as they are."""
HUBER = 1.345  # 95 % efficiency for normal errors
MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted curve with the points it was fitted to.

    Parameters
    ----------
    family
        Name of what was fitted, one of `FAMILY_NAMES`.
    curve
        The fitted curve.
    x, y
        The points, shape (n,), x ascending.
    sigma
        Standard error of each y, shape (n,), or None when all count alike.
    parameters
        Number of fitted parameters; of a shape-constrained fit, of its distinct levels or slopes.
    domain
        Domain that was asked for.
    shape
        Scaled shape parameters of a parametric family, from which a refit can start.
    weights
        Weight of each point, shape (n,): 1/sigma, or less where a robust fit distrusts a point.
    relative
        Whether `sigma` only weighs the points; its unit is then estimated from the residuals.
    """

    family: str
    curve: Curve
    x: Floats
    y: Floats
    sigma: Floats | None
    parameters: int
    domain: tuple[float, float]
    shape: Shape
    weights: Floats
    relative: bool = False

    @property
    def residuals(self) -> Floats:
        """Measured less fitted value, shape (n,)."""
        return self.y - self.curve(self.x)

    @property
    def known_errors(self) -> bool:
        """Whether the standard errors of the points are known, not only their ratios."""
        return self.sigma is not None and not self.relative

    @property
    def precision(self) -> Floats:
        """Weight of each point before any distrust, 1/sigma or 1, shape (n,)."""
        return np.ones_like(self.y) if self.sigma is None else 1 / self.sigma

    @property
    def trust(self) -> Floats:
        """How much a robust fit lets each point count, in (0, 1], shape (n,); 1 everywhere in other fits."""
        share = (self.weights / self.precision) ** 2
        return np.where(share > 1 - 1e-9, 1.0, share)

    @property
    def chi_square(self) -> float:
        """Sum of squared residuals, each divided by its standard error where one is known, and counted by trust."""
        return float(np.sum(self.trust * (self.residuals * self.precision) ** 2))

    @property
    def rmse(self) -> float:
        """Root of the mean squared residual, mAP."""
        return float(np.sqrt(np.mean(self.residuals**2)))

    @property
    def r_squared(self) -> float:
        """Share of the variance explained, points counted by trust; nan when all y are equal."""
        if np.all(self.y == self.y[0]):  # their mean may differ from them by rounding
            return math.nan
        mean = np.average(self.y, weights=self.trust)
        return 1 - float(np.sum(self.trust * self.residuals**2)) / float(np.sum(self.trust * (self.y - mean) ** 2))

    @property
    def at_bounds(self) -> tuple[str, ...]:
        """Names of the parameters that lie at a bound of the search: a better value may lie beyond."""
        return at_bounds(FAMILIES[self.family], self.shape) if self.shape else ()

    @property
    def freedom(self) -> int:
        """Points less parameters."""
        return len(self.x) - self.parameters

    @property
    def aicc(self) -> float:
        """Akaike's criterion corrected for small samples (Hurvich and Tsai, doi:10.1093/biomet/76.2.297).

        The error's variance is a parameter too. It is +inf when there are too few points for the correction.
        """
        n, k = len(self.x), self.parameters + 1
        if n - k - 1 <= 0:
            return math.inf
        scale = 1.0 if self.sigma is None else float(np.mean(self.sigma**2))
        mean_square = max(self.chi_square * scale / n, 1e-18)
        return n * math.log(mean_square) + 2 * k + 2 * k * (k + 1) / (n - k - 1)

    @property
    def unit(self) -> float:
        """A power of 1000 in which x is of ordinary size: 1 from 1e-5 to 1e5."""
        largest = float(np.max(np.abs(self.x)))
        return 1.0 if LEAST_X <= largest <= LARGEST_X else 10.0 ** (3 * math.floor(math.log10(largest) / 3))

    def in_units(self, unit: float) -> "Fit":
        """Return the same fit of x/unit."""
        if unit == 1.0:
            return self
        if isinstance(self.curve, ParametricCurve):
            curve: Curve = self.curve.on_axis(1 / unit, 0.0)
        else:
            assert isinstance(self.curve, PiecewiseLinear), "a fit is parametric or piecewise linear"
            curve = PiecewiseLinear(tuple(x / unit for x in self.curve.x), self.curve.y)
        domain = self.domain[0] / unit, self.domain[1] / unit
        return replace(self, curve=curve, x=self.x / unit, domain=domain)

    def frame(self) -> "pd.DataFrame":
        """One row a point: x, y, sigma where known, fitted value, residual, standardised residual, trust."""
        from fitting.views import frame

        return frame(self)

    def plot(self, axes: Any = None, confidence: float = 0.95) -> Any:
        """Draw points, curve and band on matplotlib axes, new ones by default; returns the axes."""
        from fitting.views import plot

        return plot(self, axes, confidence)

    def _repr_html_(self) -> str:
        from fitting.views import html

        return html(self)


def fit_curve(
    x: ArrayLike,
    y: ArrayLike,
    family: str,
    sigma: ArrayLike | None = None,
    domain: tuple[float, float] | None = None,
    robust: bool = False,
    relative: bool = False,
) -> Fit:
    """Least-squares fit of a parametric family or of a shape-constrained curve.

    Parameters
    ----------
    x, y
        The points, shape (n,); x may repeat.
    family
        `saturating_exponential`, `power_law`, `logistic`; or `monotone`, `monotone_concave`: the exact least-squares
        solution among all ascending (and concave) functions, piecewise linear between the measured x.
    sigma
        Standard error of each y, shape (n,); by default all count alike.
    domain
        Domain of a parametric curve, by default the range of x. It may extend the range: the curve is extrapolated
        there. A shape-constrained curve ends with its points and is constant beyond.
    robust
        Huber's loss, by reweighting: a point that misses by more than 1.345 deviations counts less (the deviation is
        the scaled median of the absolute residuals, less the smallest ones, one fewer than there are parameters).

    relative
        Whether `sigma` only weighs the points, such as by their number of runs.

    Raises
    ------
    MeasurementError
        When there are fewer distinct x than parameters, a number is not finite, the domain begins below 0 where no x
        does, or the curve leaves [0, 1] on a domain that is asked for.
    """
    fit = fit_anywhere(x, y, family, sigma, domain, robust, relative)
    if domain is not None and (beyond := out_of_range(fit)):
        raise MeasurementError(beyond)
    return fit


def out_of_range(fit: Fit) -> str:
    """Say where a curve leaves the accuracies from 0 to 1 on its domain, or return an empty string."""
    for x in fit.curve.domain:
        value = float(fit.curve(x))
        if not -1e-9 <= value <= 1 + 1e-9:
            return (
                f"the {fit.family} fit is {value:.4g} at {x:g}, no accuracy from 0 to 1; "
                "a domain nearer to the points is needed, or another family"
            )
    return ""


def fit_anywhere(
    x: ArrayLike,
    y: ArrayLike,
    family: str,
    sigma: ArrayLike | None,
    domain: tuple[float, float] | None,
    robust: bool,
    relative: bool,
) -> Fit:
    """As `fit_curve`, also where the curve leaves the accuracies from 0 to 1."""
    if family not in FAMILY_NAMES:
        raise MeasurementError(f"the family must be one of {', '.join(FAMILY_NAMES)}, got {family!r}")
    x, y, weights = checked_points(x, y, sigma)
    if domain is not None and domain[0] < 0 <= x[0]:
        raise MeasurementError(
            f"the domain must not begin below 0, where no size is, got [{domain[0]:g}, {domain[1]:g}]"
        )
    domain = (float(x[0]), float(x[-1])) if domain is None else (float(domain[0]), float(domain[1]))
    if not (np.all(np.isfinite(domain)) and domain[0] < domain[1]):
        raise MeasurementError(f"the domain must be two finite numbers in ascending order, got {list(domain)}")
    fit = _weighted_fit(x, y, family, weights, domain, ())
    fit = replace(fit, sigma=None if sigma is None else 1 / weights, relative=relative)
    return _reweighted(fit, weights) if robust else fit


def _reweighted(fit: Fit, weights: Floats) -> Fit:
    """Huber's fit, by reweighting a least-squares fit until the curve stays."""
    x, y, family, domain = fit.x, fit.y, fit.family, fit.domain
    for _ in range(50):
        misses = np.abs(fit.residuals) * weights
        # a fit passes near as many points as it has parameters: those say nothing about the errors
        deviation = max(MAD_TO_DEVIATION * float(np.median(np.sort(misses)[min(fit.parameters, len(x)) - 1 :])), 1e-9)
        trust = HUBER * deviation / np.maximum(misses, HUBER * deviation)
        again = _weighted_fit(x, y, family, weights * np.sqrt(trust), domain, fit.shape)
        again = replace(again, sigma=fit.sigma, relative=fit.relative)
        moved = float(np.max(np.abs(again.curve(x) - fit.curve(x))))
        fit = again
        if moved < 1e-9:
            break
    return fit


def refit(fit: Fit, y: Floats, weights: Floats | None = None) -> Fit:
    """Fit the same family to other values at the same x, from the shape of `fit`; `weights` by default its own."""
    weights = fit.weights if weights is None else weights
    again = _weighted_fit(fit.x, y, fit.family, weights, fit.domain, fit.shape)
    return replace(again, sigma=fit.sigma, relative=fit.relative)


def _weighted_fit(x: Floats, y: Floats, family: str, weights: Floats, domain: tuple[float, float], start: Shape) -> Fit:
    if family in SHAPES:
        levels, parameters = _shaped(x, y, weights, concave=family == "monotone_concave")
        return Fit(family, levels, x, y, None, parameters, domain, (), weights)
    kind = FAMILIES[family]
    count, distinct = len(kind.names()), len(np.unique(x))
    if distinct < count:
        raise MeasurementError(f"{family} has {count} parameters and needs at least as many distinct x, got {distinct}")
    scale, shift = axis_of(x, domain)
    problem = Problems(kind, (x - shift) / scale, y[None, :], weights)
    if start:
        searched = polish(problem, np.array([start]))[0][0]
    else:
        searched, _ = minimise(problem)
    curve = curve_of(problem, searched[None, :], (scale, shift), domain)
    return Fit(family, curve, x, y, None, count, domain, tuple(searched.tolist()), weights)


def axis_of(x: Floats, domain: tuple[float, float]) -> tuple[float, float]:
    """Scale and shift of the axis on which x and the domain span 0 to 1."""
    shift = min(domain[0], float(x[0]))
    return max(domain[1], float(x[-1])) - shift, shift


def curve_of(
    problem: Problems, searched: Floats, axis: tuple[float, float], domain: tuple[float, float]
) -> ParametricCurve:
    """Curve, in the units of x, of the searched numbers of a problem, shape (1, k)."""
    found = project(problem, searched)
    shape = [float(parameter[0]) for parameter in shape_parameters(problem.family, searched)]
    on_unit = ((domain[0] - axis[1]) / axis[0], (domain[1] - axis[1]) / axis[0])
    values = dict(zip(problem.family.names(), (float(found.a[0]), float(found.b[0]), *shape), strict=True))
    return problem.family.of(values, on_unit).on_axis(*axis, domain)


def _shaped(x: Floats, y: Floats, weights: Floats, concave: bool) -> tuple[PiecewiseLinear, int]:
    """Exact weighted least squares among ascending (and concave) functions; the curve and its degrees of freedom."""
    from scipy.optimize import isotonic_regression, nnls

    places, group = np.unique(x, return_inverse=True)
    total = np.bincount(group, weights**2)
    means = np.bincount(group, weights**2 * y) / total
    if not concave:
        levels = np.asarray(isotonic_regression(means, weights=total).x)
        return PiecewiseLinear(tuple(places.tolist()), tuple(levels.tolist())), len(np.unique(levels))
    # ascending and concave on a grid: a constant and non-negative multiples of min(x, knot), one a knot
    hinges = np.minimum(places[:, None], places[None, 1:]) - places[0]
    hinges /= places[-1] - places[0]
    root = np.sqrt(total)
    middle, hinge_means = float(means @ total / total.sum()), total @ hinges / total.sum()
    slopes, _ = nnls(root[:, None] * (hinges - hinge_means), root * (means - middle))
    levels = middle + (hinges - hinge_means) @ slopes
    levels = np.maximum.accumulate(levels)
    return PiecewiseLinear(tuple(places.tolist()), tuple(levels.tolist())), 1 + int(np.count_nonzero(slopes))


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
    if any(np.max(np.abs(values), initial=0.0) > LARGEST for values in (xs, ys, sigmas, 1 / sigmas)):
        raise MeasurementError(f"x, y, sigma and 1/sigma must lie within ±{LARGEST:g}")
    if len(np.unique(xs)) < 2:
        raise MeasurementError(f"a curve needs points at two or more distinct x, got {len(np.unique(xs))}")
    spread = float(np.ptp(xs))
    if spread < max(1e-9 * float(np.max(np.abs(xs))), 1 / LARGEST):
        raise MeasurementError(f"the x must be told apart: from {xs.min():g} to {xs.max():g} is {spread:g} only")
    order = np.argsort(xs, kind="stable")
    return xs[order], ys[order], 1 / sigmas[order]
