"""What a fit says of new places, and of another fit: predictions and differences with intervals."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fitting.bjontegaard import Method, bd_map, bd_rate
from fitting.curves import Floats
from fitting.errors import MeasurementError
from fitting.fit import Fit
from fitting.uncertainty import SAMPLES, band, error_scale, quantile, resampled


@dataclass(frozen=True, eq=False)
class Prediction:
    """A curve's values with intervals, arrays of one shape.

    Parameters
    ----------
    x
        Where.
    value
        Value of the fitted curve.
    lower, upper
        Confidence interval of the curve.
    new_lower, new_upper
        Interval of one new measurement there; with known errors, one of their typical size.
    """

    x: Floats
    value: Floats
    lower: Floats
    upper: Floats
    new_lower: Floats
    new_upper: Floats


def predict(fit: Fit, x: ArrayLike, confidence: float = 0.95, samples: int = SAMPLES, seed: int = 0) -> Prediction:
    """Predict the accuracy at x, shape (n,), with two-sided intervals; outside the domain the curve is constant.

    Raises
    ------
    MeasurementError
        As `band`, and when an x is not finite.
    """
    places = np.atleast_1d(np.asarray(x, dtype=float))
    if not np.all(np.isfinite(places)):
        raise MeasurementError("the places of a prediction must be finite numbers")
    value = np.asarray(fit.curve(places))
    lower, upper = band(fit, places, confidence, samples, seed)
    error = quantile(fit, 0.5 + 0.5 * confidence) * error_scale(fit) * float(np.median(1 / fit.precision))
    return Prediction(
        places, value, lower, upper, value - np.hypot(value - lower, error), value + np.hypot(upper - value, error)
    )


@dataclass(frozen=True)
class Difference:
    """How another curve differs from a reference.

    Parameters
    ----------
    domain
        The range of x that the points of both cover.
    mean, mean_interval
        Mean difference in mAP over it, other less reference, and its interval.
    x, value, lower, upper
        The difference along the domain, with its pointwise interval.
    rate, rate_interval
        Bjøntegaard delta of the rate (−0.1: 10 % less), and its interval; nan where `remark` says why.
    accuracy, accuracy_interval
        Bjøntegaard delta of the mAP, and its interval.
    remark
        Why a delta is missing; empty otherwise.
    """

    domain: tuple[float, float]
    mean: float
    mean_interval: tuple[float, float]
    x: Floats
    value: Floats
    lower: Floats
    upper: Floats
    rate: float
    rate_interval: tuple[float, float]
    accuracy: float
    accuracy_interval: tuple[float, float]
    remark: str


def difference(
    reference: Fit,
    other: Fit,
    confidence: float = 0.95,
    method: Method = "pchip",
    samples: int = SAMPLES,
    seed: int = 0,
) -> Difference:
    """Compare two fits by their curves over the range that both measured, and by the Bjøntegaard deltas of the points.

    The deltas are those of the measured points. All intervals come from fits to resampled values.

    Raises
    ------
    MeasurementError
        When the measured ranges share less than a place, or no point is left to estimate a variance from.
    """
    low, high = max(reference.x[0], other.x[0]), min(reference.x[-1], other.x[-1])
    if not low < high:
        raise MeasurementError(
            f"the two have no x in common: [{reference.x[0]:g}, {reference.x[-1]:g}] and "
            f"[{other.x[0]:g}, {other.x[-1]:g}]"
        )
    x = np.linspace(low, high, 101)
    value = np.asarray(other.curve(x)) - np.asarray(reference.curve(x))
    tail = 0.5 + 0.5 * confidence
    spread = resampled(other, x, samples, seed + 1, tail) - resampled(reference, x, samples, seed, tail)
    lower, upper = _ends(spread, value, confidence)
    mean_lower, mean_upper = _ends(_mean(spread)[:, None], np.array([_mean(value[None])[0]]), confidence)
    drawn = [resampled(fit, fit.x, samples, seed + i, tail) for i, fit in enumerate((reference, other))]
    deltas, intervals, remarks = [], [], []
    for function in (bd_rate, bd_map):
        try:
            delta = function(reference.x, reference.y, other.x, other.y, method)
        except MeasurementError as error:
            deltas.append(math.nan)
            intervals.append((math.nan, math.nan))
            remarks.append(str(error))
            continue
        curves = function(reference.x, reference.curve(reference.x), other.x, other.curve(other.x), method)
        found = [_or_nan(function, reference.x, a, other.x, b, method) for a, b in zip(*drawn, strict=True)]
        ends = _ends(np.array([value for value in found if not math.isnan(value)])[:, None] - curves + delta,
                     np.array([delta]), confidence)  # fmt: skip
        deltas.append(delta)
        intervals.append((float(ends[0][0]), float(ends[1][0])))
    return Difference(
        (float(low), float(high)), float(_mean(value[None])[0]), (float(mean_lower[0]), float(mean_upper[0])),
        x, value, lower, upper, deltas[0], intervals[0], deltas[1], intervals[1], "; ".join(dict.fromkeys(remarks)),
    )  # fmt: skip


def _or_nan(function: object, *arguments: object) -> float:
    """Value of a delta; nan where resampled values have none."""
    assert callable(function), "one of the deltas"
    try:
        return float(function(*arguments))
    except MeasurementError:
        return math.nan


def _mean(values: Floats) -> Floats:
    """Mean along an even grid by the trapezoidal rule, shape (rows,)."""
    return np.asarray((values[:, 1:] + values[:, :-1]).sum(axis=1) / (2 * (values.shape[1] - 1)))


def _ends(values: Floats, centre: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Quantiles of resampled values (samples, n), which hold the centre."""
    tail = 0.5 - 0.5 * confidence
    if len(values) == 0:
        return np.full(len(centre), np.nan), np.full(len(centre), np.nan)
    return (
        np.minimum(np.quantile(values, tail, axis=0), centre),
        np.maximum(np.quantile(values, 1 - tail, axis=0), centre),
    )
