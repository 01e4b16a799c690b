"""How sure a fit is: standard errors, intervals, bands, and a curve that is conservative at a chosen confidence."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitting.curves import Floats, ParametricCurve, PiecewiseLinear
from fitting.errors import MeasurementError
from fitting.fit import Fit, axis_of, refit
from fitting.parameter_errors import spread
from fitting.profile import linear_ends, shape_ends, value_ends
from fitting.search import Problems, polish, project, shape_parameters

SAMPLES = 300
CONTRADICTED = 0.05
"""Probability of so large a misfit below which known errors count as too small."""
EXACT = 1e-9
"""Residuals below this share of the values' range are rounding: the profile has no shape then."""


@dataclass(frozen=True)
class Estimate:
    """A parameter of a fit.

    Parameters
    ----------
    name, value
        The parameter.
    standard_error
        Its standard error, from the Jacobian; inf where the points do not identify it, nan where no point is left.
    interval
        Two-sided confidence interval; an infinite end is one that the points do not give.
    remark
        What limits it, such as `at a search bound`, `not identifiable`, `no upper end`; empty otherwise.
    """

    name: str
    value: float
    standard_error: float
    interval: tuple[float, float]
    remark: str


def covariance(fit: Fit) -> NDArray[np.float64]:
    """Covariance matrix of the parameters of a parametric fit, in their order, from the Jacobian at the optimum.

    With known standard errors they are taken as they are, or larger where the misfit contradicts them; otherwise the
    error's variance is estimated from the residuals. Of a robust fit it is Huber's sandwich, in which a distrusted
    point counts as a residual at the limit of trust (P. J. Huber, "Robust regression: asymptotics, conjectures and
    Monte Carlo", Ann. Statist. 1 (1973), doi:10.1214/aos/1176342503). Infinite where the points do not identify the
    parameters.

    Raises
    ------
    MeasurementError
        When the fit is not parametric or no point is left to estimate the variance from.
    """
    curve = _parametric(fit)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(error_scale(fit) ** 2 * spread(curve, fit.x, fit.precision).inverse)


def standard_errors(fit: Fit) -> dict[str, float]:
    """Return the standard error of each parameter; inf where the points do not identify it.

    Raises
    ------
    MeasurementError
        As `covariance`.
    """
    curve = _parametric(fit)
    with np.errstate(over="ignore"):
        errors = error_scale(fit) * spread(curve, fit.x, fit.precision).roots
    return dict(zip(curve.names(), errors.tolist(), strict=True))


def correlation(fit: Fit) -> NDArray[np.float64]:
    """Correlation matrix of the parameters, in their order; 0 beside the diagonal where one is not identified.

    Raises
    ------
    MeasurementError
        As `covariance`.
    """
    error_scale(fit)
    matrix = spread(_parametric(fit), fit.x, fit.precision).unit_inverse
    with np.errstate(invalid="ignore", over="ignore"):
        deviations = np.sqrt(np.diag(matrix))
        shares = matrix / deviations[:, None] / deviations[None, :]
    return np.where(np.eye(len(matrix)) > 0, 1.0, np.clip(np.nan_to_num(shares), -1, 1))


def estimates(fit: Fit, confidence: float = 0.95) -> tuple[Estimate, ...]:
    """Parameters with standard errors, intervals and what limits them.

    The intervals follow the profile likelihood (see `fitting.profile`); those of robust fits, whose likelihood is not
    that of the errors, and of fits that pass through every point, the standard error and Student's t.

    Raises
    ------
    MeasurementError
        As `covariance`, and when the confidence is not between 0 and 1.
    """
    curve, errors = _parametric(fit), standard_errors(fit)
    reach, scale = quantile(fit, 0.5 + 0.5 * _checked(confidence)), error_scale(fit)
    rows = []
    for name, value in curve.parameters.items():
        if not _has_profile(fit):
            low, high = value - reach * errors[name], value + reach * errors[name]
        elif name in curve.search:
            low, high = shape_ends(fit, name, reach, scale)
        else:
            low, high = linear_ends(fit, name, reach, scale, errors[name])
        remarks = ["at a search bound"] if name in fit.at_bounds else []
        ends = {(False, False): "not identifiable", (False, True): "no lower end", (True, False): "no upper end"}
        remarks += [text] if (text := ends.get((math.isfinite(low), math.isfinite(high)))) else []
        rows.append(Estimate(name, value, errors[name], (low, high), ", ".join(remarks)))
    return tuple(rows)


def intervals(fit: Fit, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """Two-sided confidence interval of each parameter; see `estimates`.

    Raises
    ------
    MeasurementError
        As `estimates`.
    """
    return {row.name: row.interval for row in estimates(fit, confidence)}


def band(fit: Fit, x: Floats, confidence: float = 0.95, samples: int = SAMPLES, seed: int = 0) -> tuple[Floats, Floats]:
    """Lower and upper end of the pointwise confidence band of a curve at `x`, two arrays of the shape of x.

    Of a least-squares fit of a parametric family it is the profile likelihood of the curve's value. Otherwise the
    values are refitted with resampled residuals (of known standard errors: with normal errors; of a robust fit:
    outliers cut to the limit of trust), `samples` times; each quantile is widened from the normal to Student's t for
    the few points that measurements have.

    Raises
    ------
    MeasurementError
        When no point is left to estimate the variance from, or the confidence is not between 0 and 1.
    """
    tail, x = 0.5 - 0.5 * _checked(confidence), np.asarray(x, dtype=float)
    if _has_profile(fit):
        lower, upper = _profiled(fit, x, (-1, 1), 1 - tail)
        return lower, upper
    curves, centre = resampled(fit, x, samples, seed, 1 - tail), np.asarray(fit.curve(x))
    return (
        np.minimum(np.quantile(curves, tail, axis=0), centre),
        np.maximum(np.quantile(curves, 1 - tail, axis=0), centre),
    )


def conservative(fit: Fit, confidence: float = 0.95, samples: int = SAMPLES, seed: int = 0) -> PiecewiseLinear:
    """Lower one-sided band of a fit as a curve: at each x the true curve is at least as high with this confidence.

    Used as f or g, a residual or packet chosen by its inverse meets (4b) or (4c) with that confidence. It is linear
    between 65 points and the measured ones, never above the fitted curve there, and ascending where that is.

    Raises
    ------
    MeasurementError
        As `band`.
    """
    lo, hi = fit.curve.domain
    x = np.union1d(np.linspace(lo, hi, 65), np.clip(fit.x, lo, hi))
    centre = np.asarray(fit.curve(x))
    if _has_profile(fit):
        lower = np.minimum(_profiled(fit, x, (-1,), _checked(confidence))[0], centre)
    else:
        curves = resampled(fit, x, samples, seed, _checked(confidence))
        lower = np.minimum(np.quantile(curves, 1 - _checked(confidence), axis=0), centre)
        if fit.family == "monotone":
            lower[x >= fit.x[-1]] = np.minimum(lower[x >= fit.x[-1]], _last_alone(fit, confidence))
    if np.all(np.diff(centre) >= 0):
        lower = np.minimum.accumulate(lower[::-1])[::-1]
    return PiecewiseLinear(tuple(x.tolist()), tuple(lower.tolist()))


def _last_alone(fit: Fit, confidence: float) -> float:
    """Lower end of what the points at the last x say alone.

    A monotone fit ends too high, by the largest of the errors there, which the resampled values do not show.
    """
    last = fit.x == fit.x[-1]
    mean = float(np.average(fit.y[last], weights=fit.precision[last] ** 2))
    error = error_scale(fit) / math.sqrt(float(np.sum(fit.precision[last] ** 2)))
    return mean - quantile(fit, confidence) * error


def _has_profile(fit: Fit) -> bool:
    """Tell whether the profile likelihood of a fit has a shape: least squares, parametric, not through every point."""
    if not fit.shape or np.any(fit.trust < 1):
        return False
    return bool(error_scale(fit) > EXACT * float(np.max(np.abs(fit.y))) * float(np.min(fit.precision)))


def _profiled(fit: Fit, x: Floats, sides: tuple[int, ...], probability: float) -> tuple[Floats, ...]:
    """Return the ends of the profile likelihood interval of the value at each x on each side, of the shape of x."""
    curve = _parametric(fit)
    inside = np.clip(x.ravel(), *curve.domain)
    with np.errstate(all="ignore"):
        gradient = np.stack(np.broadcast_arrays(*curve.partials(inside, **curve.parameters)), axis=1)
        guess = np.sqrt(np.einsum("ij,jk,ik->i", gradient, covariance(fit), gradient))
    places, guesses = np.tile(inside, len(sides)), np.tile(guess, len(sides))
    which = np.repeat(np.array(sides, dtype=float), len(inside))
    ends = value_ends(fit, places, which, abs(quantile(fit, probability)), error_scale(fit), guesses)
    ends = np.where(np.isfinite(ends), ends, np.asarray(curve(places)))
    return tuple(part.reshape(x.shape) for part in np.split(ends, len(sides)))


def resampled(fit: Fit, x: Floats, samples: int, seed: int, probability: float = 0.975) -> NDArray[np.float64]:
    """Values at `x` of curves refitted to resampled values, shape (samples, len(x)).

    Their distances from the curve are widened from the normal's quantile at a probability to that of Student's t.
    """
    from scipy.stats import norm

    wider, centre = quantile(fit, probability) / float(norm.ppf(probability)), np.asarray(fit.curve(x))
    return np.asarray(centre + wider * (_refitted(fit, x, samples, seed) - centre))


def _refitted(fit: Fit, x: Floats, samples: int, seed: int) -> NDArray[np.float64]:
    """Values at `x` of curves refitted to resampled values, shape (samples, len(x))."""
    rng = np.random.default_rng(seed)
    fitted, scale = np.asarray(fit.curve(fit.x)), error_scale(fit)
    if fit.known_errors:
        y = fitted + scale / fit.precision * rng.standard_normal((samples, len(fitted)))
    else:
        y = fitted + rng.choice(_inflated(fit), (samples, len(fitted))) / fit.precision
    if not isinstance(fit.curve, ParametricCurve):
        return np.array([refit(fit, row, fit.precision).curve(x) for row in y])
    width, shift = axis_of(fit.x, fit.domain)
    problems = Problems(type(fit.curve), (fit.x - shift) / width, y, fit.precision)
    searched, _ = polish(problems, np.broadcast_to(np.array(fit.shape), (samples, len(fit.shape))))
    linear, shape = project(problems, searched), shape_parameters(type(fit.curve), searched)
    u = (np.clip(x, *fit.curve.domain) - shift) / width
    h = fit.curve.partials(u[None, :], 0.0, 1.0, *(parameter[:, None] for parameter in shape))[1]
    return np.asarray(linear.a[:, None] + linear.b[:, None] * h)


def _inflated(fit: Fit) -> Floats:
    """Weighted residuals as large as the errors behind them: centred, divided by √(1 − leverage) or its mean.

    Those of a robust fit are cut where trust ends, and stretched by what that takes from their spread.
    """
    shares = np.full(len(fit.x), fit.parameters / len(fit.x))
    if isinstance(fit.curve, ParametricCurve):
        shares = np.minimum(_leverages(fit), 0.95)
    residuals = _stretch(fit) * fit.residuals * fit.trust * fit.precision / np.sqrt(1 - shares)
    return np.asarray(residuals - residuals.mean())


def _leverages(fit: Fit) -> Floats:
    """Diagonal of the hat matrix of a parametric fit, shape (n,), from the directions that the points identify."""
    with np.errstate(all="ignore"):
        columns = _parametric(fit).partials(fit.x, **_parametric(fit).parameters)
        jacobian = np.stack(np.broadcast_arrays(*columns), axis=1) * fit.precision[:, None]
        unit = np.nan_to_num(jacobian / np.linalg.norm(jacobian, axis=0), posinf=0, neginf=0)
    left, values, _ = np.linalg.svd(unit, full_matrices=False)
    return np.asarray(np.sum(left[:, values > 1e-12 * values[0]] ** 2, axis=1))


def error_scale(fit: Fit) -> float:
    """Return the factor from 1/weights to the deviation of the errors."""
    if fit.freedom < 1:
        if fit.known_errors:
            return 1.0
        raise MeasurementError(
            f"{fit.family} uses up all {len(fit.x)} points; its uncertainty needs at least {fit.parameters + 1}"
        )
    spread = _stretch(fit) * math.sqrt(float(np.sum((fit.residuals * fit.trust * fit.precision) ** 2)) / fit.freedom)
    return float(misfit(fit.chi_square, fit.freedom, spread)) if fit.known_errors else spread


def misfit(chi_square: ArrayLike, freedom: int, spread: ArrayLike) -> Floats:
    """Return the factor on known errors: what the residuals say where they contradict them at 5 %, otherwise 1."""
    from scipy.stats import chi2

    return np.where(chi2.sf(chi_square, freedom) < CONTRADICTED, np.maximum(1.0, spread), 1.0)


def _stretch(fit: Fit) -> float:
    """Factor from the spread of residuals cut where trust ends to that of the estimate; 1 where all are trusted.

    It is K/mean(ψ′) of Huber's sandwich with the correction K for few points (P. J. Huber, *Robust Statistics*,
    section 7.6; doi:10.1002/0471725250).
    """
    trusted = float(np.mean(fit.trust >= 1.0))
    if trusted == 0.0:
        raise MeasurementError(f"{fit.family} trusts none of the {len(fit.x)} points; its uncertainty is unknown")
    return (1.0 + fit.parameters / len(fit.x) * (1.0 - trusted) / trusted) / trusted


def _parametric(fit: Fit) -> ParametricCurve:
    if not isinstance(fit.curve, ParametricCurve):
        raise MeasurementError(f"{fit.family} has no parameters; a parametric family is needed")
    return fit.curve


def quantile(fit: Fit, probability: float) -> float:
    """Quantile of Student's t for the points that are left, or of the normal where the errors are known."""
    from scipy.stats import norm, t

    error_scale(fit)
    return float(norm.ppf(probability) if fit.known_errors else t.ppf(probability, fit.freedom))


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise MeasurementError(f"the confidence must lie between 0 and 1, got {confidence}")
    return confidence
