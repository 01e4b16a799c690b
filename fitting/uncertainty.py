"""How sure a fit is: parameter covariance, bootstrap bands, and a curve that is conservative at a chosen confidence."""

import math
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from fitting.curves import Floats, ParametricCurve, PiecewiseLinear
from fitting.errors import MeasurementError
from fitting.fit import Fit, refit

SAMPLES = 300


def covariance(fit: Fit) -> NDArray[np.float64]:
    """Covariance matrix of the parameters of a parametric fit, in their order, from the Jacobian at the optimum.

    With known standard errors they are taken as they are, or larger where the misfit says so; otherwise the error's
    variance is estimated from the residuals. Of a robust fit it is Huber's sandwich, in which a distrusted point counts
    as a residual at the limit of trust (P. J. Huber, "Robust regression: asymptotics, conjectures and Monte Carlo",
    Ann. Statist. 1 (1973), doi:10.1214/aos/1176342503). Infinite where the points do not identify the parameters.

    Raises
    ------
    MeasurementError
        When the fit is not parametric or no point is left to estimate the variance from.
    """
    jacobian = _jacobian(fit) * fit.precision[:, None]
    lengths = np.linalg.norm(jacobian, axis=0)
    if np.any(lengths == 0) or np.linalg.cond(jacobian / np.where(lengths == 0, 1, lengths)) > 1e10:
        return np.full((fit.parameters, fit.parameters), np.inf)
    inverse = np.linalg.inv((jacobian / lengths).T @ (jacobian / lengths))
    return np.asarray(_scale(fit) ** 2 * inverse / np.outer(lengths, lengths))


def intervals(fit: Fit, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """Two-sided confidence interval of each parameter, by its standard error and Student's t.

    Raises
    ------
    MeasurementError
        As `covariance`, and when the confidence is not between 0 and 1.
    """
    curve = _parametric(fit)
    reach = _quantile(fit, 0.5 + 0.5 * _checked(confidence)) * np.sqrt(np.diag(covariance(fit)))
    pairs = zip(curve.parameters.items(), reach, strict=True)
    return {name: (value - float(half), value + float(half)) for (name, value), half in pairs}


def band(fit: Fit, x: Floats, confidence: float = 0.95, samples: int = SAMPLES, seed: int = 0) -> tuple[Floats, Floats]:
    """Lower and upper end of the pointwise bootstrap band of a curve at `x`, two arrays of the shape of x.

    The values are refitted with resampled residuals (of known standard errors: with normal errors; of a robust fit:
    outliers cut to the limit of trust); each quantile is widened from the normal to Student's t for the few points that
    measurements have.

    Raises
    ------
    MeasurementError
        When no point is left to estimate the variance from, or the confidence is not between 0 and 1.
    """
    tail = 0.5 - 0.5 * _checked(confidence)
    curves, centre = _bootstrap(fit, x, samples, seed), np.asarray(fit.curve(x))
    return (
        centre + _widened(fit, np.minimum(np.quantile(curves, tail, axis=0) - centre, 0), 1 - tail),
        centre + _widened(fit, np.maximum(np.quantile(curves, 1 - tail, axis=0) - centre, 0), 1 - tail),
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
    tail = 1 - _checked(confidence)
    low = np.minimum(np.quantile(_bootstrap(fit, x, samples, seed), tail, axis=0) - centre, 0)
    lower = centre + _widened(fit, low, confidence)
    if np.all(np.diff(centre) >= 0):
        lower = np.minimum.accumulate(lower[::-1])[::-1]
    return PiecewiseLinear(tuple(x.tolist()), tuple(lower.tolist()))


def _bootstrap(fit: Fit, x: Floats, samples: int, seed: int) -> NDArray[np.float64]:
    """Values at `x` of curves refitted to resampled values, shape (samples, len(x))."""
    rng = np.random.default_rng(seed)
    fitted, scale = np.asarray(fit.curve(fit.x)), _scale(fit)
    values = np.empty((samples, len(x)))
    residuals = _inflated(fit)
    for index in range(samples):
        if fit.sigma is None:
            y = fitted + rng.choice(residuals, len(residuals))
        else:
            y = fitted + scale * fit.sigma * rng.standard_normal(len(fitted))
        values[index] = refit(fit, y, fit.precision).curve(x)
    return values


def _inflated(fit: Fit) -> Floats:
    """Residuals as large as the errors behind them: centred, divided by √(1 − leverage) or its mean.

    Those of a robust fit are cut where trust ends, and stretched by what that takes from their spread.
    """
    shares = np.full(len(fit.x), fit.parameters / len(fit.x))
    if isinstance(fit.curve, ParametricCurve):
        q, _ = np.linalg.qr(_jacobian(fit) * fit.precision[:, None])
        shares = np.minimum(np.sum(q**2, axis=1), 0.95)
    residuals = _stretch(fit) * fit.residuals * fit.trust / np.sqrt(1 - shares)
    return np.asarray(residuals - residuals.mean())


def _scale(fit: Fit) -> float:
    """Factor from 1/weights to the deviation of the errors."""
    if fit.freedom < 1:
        raise MeasurementError(
            f"{fit.family} uses up all {len(fit.x)} points; its uncertainty needs at least {fit.parameters + 1}"
        )
    spread = _stretch(fit) * math.sqrt(float(np.sum((fit.residuals * fit.trust * fit.precision) ** 2)) / fit.freedom)
    return spread if fit.sigma is None else max(1.0, spread)


def _stretch(fit: Fit) -> float:
    """Factor from the spread of residuals cut where trust ends to that of the estimate; 1 where all are trusted.

    It is K/mean(ψ′) of Huber's sandwich with the correction K for few points (P. J. Huber, *Robust Statistics*,
    section 7.6; doi:10.1002/0471725250).
    """
    trusted = float(np.mean(fit.trust >= 1.0))
    if trusted == 0.0:
        raise MeasurementError(f"{fit.family} trusts none of the {len(fit.x)} points; its uncertainty is unknown")
    return (1.0 + fit.parameters / len(fit.x) * (1.0 - trusted) / trusted) / trusted


def _jacobian(fit: Fit) -> NDArray[np.float64]:
    """Differentiate the values at the points by the parameters, shape (n, parameters), central differences."""
    curve = _parametric(fit)
    columns = []
    for name, value in curve.parameters.items():
        step = 1e-6 * abs(value) or 1e-9
        ends = [curve.formula(fit.x, **{**curve.parameters, name: value + sign * step}) for sign in (1, -1)]
        columns.append((np.asarray(ends[0]) - np.asarray(ends[1])) / (2 * step))
    return np.array(columns).T


def _parametric(fit: Fit) -> ParametricCurve:
    if not isinstance(fit.curve, ParametricCurve):
        raise MeasurementError(f"{fit.family} has no parameters; a parametric family is needed")
    assert [f.name for f in fields(fit.curve)][-1] == "domain", "parameters come first"
    return fit.curve


def _widened(fit: Fit, offset: Floats, quantile: float) -> Floats:
    from scipy.stats import norm

    return np.asarray(offset * (_quantile(fit, quantile) / float(norm.ppf(quantile))))


def _quantile(fit: Fit, probability: float) -> float:
    from scipy.stats import norm, t

    _scale(fit)
    return float(norm.ppf(probability) if fit.sigma is not None else t.ppf(probability, fit.freedom))


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise MeasurementError(f"the confidence must lie between 0 and 1, got {confidence}")
    return confidence
