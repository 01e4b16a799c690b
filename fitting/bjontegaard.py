"""Bjøntegaard deltas: the average difference of two rate-accuracy curves in rate and in accuracy.

G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", ITU-T SG16 document VCEG-M33, 2001, with a
cubic polynomial; with piecewise cubic Hermite (`pchip`) or Akima interpolation, which do not
overshoot (C. Herglotz et al., "The Bjøntegaard Bible", arXiv:2304.12852). Rates count by their logarithm.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from fitting.curves import Floats
from fitting.errors import MeasurementError

Method = Literal["pchip", "akima", "cubic"]
LEAST_POINTS = 4


def bd_rate(
    rate: ArrayLike, accuracy: ArrayLike, other_rate: ArrayLike, other_accuracy: ArrayLike, method: Method = "pchip"
) -> float:
    """Average difference in rate at equal accuracy, over the accuracies of both: −0.1 is 10 % less rate.

    Parameters
    ----------
    rate, accuracy
        Points of the reference, shape (n,), n ≥ 4; rates above 0. The accuracy must rise with the rate.
    other_rate, other_accuracy
        Points of the other, likewise.
    method
        The interpolation.

    Raises
    ------
    MeasurementError
        When points are too few, a rate is not above 0, the accuracy does not rise, or the curves share no accuracy.
    """
    first, second = _points(rate, accuracy, "reference"), _points(other_rate, other_accuracy, "other")
    for (_, quality), name in ((first, "reference"), (second, "other")):
        if np.any(np.diff(quality) <= 0):
            raise MeasurementError(f"the accuracy of the {name} must rise with the rate for a difference in rate")
    return float(np.expm1(_mean_difference((first[1], first[0]), (second[1], second[0]), "accuracy", method)))


def bd_map(
    rate: ArrayLike, accuracy: ArrayLike, other_rate: ArrayLike, other_accuracy: ArrayLike, method: Method = "pchip"
) -> float:
    """Average difference in accuracy at equal rate, over the rates of both; parameters and errors as of `bd_rate`.

    The accuracy need not rise with the rate.
    """
    first, second = _points(rate, accuracy, "reference"), _points(other_rate, other_accuracy, "other")
    return _mean_difference(first, second, "rate", method)


def _points(rate: ArrayLike, accuracy: ArrayLike, name: str) -> tuple[Floats, Floats]:
    """Logarithms of the rates, ascending, and the accuracies."""
    rates, values = np.asarray(rate, dtype=float), np.asarray(accuracy, dtype=float)
    if rates.shape != values.shape or rates.ndim != 1 or len(rates) < LEAST_POINTS:
        raise MeasurementError(
            f"the {name} needs {LEAST_POINTS} or more rates with as many accuracies for a Bjøntegaard delta, "
            f"got the shapes {rates.shape} and {values.shape}"
        )
    if not (np.all(np.isfinite(rates)) and np.all(np.isfinite(values)) and np.all(rates > 0)):
        raise MeasurementError(f"the rates of the {name} must be finite numbers above 0, its accuracies finite")
    if len(np.unique(rates)) < len(rates):
        raise MeasurementError(f"the rates of the {name} must differ for a Bjøntegaard delta")
    order = np.argsort(rates)
    return np.log(rates[order]), values[order]


def _mean_difference(first: tuple[Floats, Floats], second: tuple[Floats, Floats], over: str, method: Method) -> float:
    """Mean of the second less the first curve over the part that both cover."""
    if method not in get_args(Method):
        raise MeasurementError(f"the method must be one of {', '.join(get_args(Method))}, got {method!r}")
    low, high = max(first[0][0], second[0][0]), min(first[0][-1], second[0][-1])
    if not low < high:
        raise MeasurementError(f"the two have no {over} in common, so no Bjøntegaard delta")
    return (_integral(*second, low, high, method) - _integral(*first, low, high, method)) / float(high - low)


def _integral(x: Floats, y: Floats, low: float, high: float, method: Method) -> float:
    from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

    if method == "cubic":
        centre = x.mean()  # a polynomial of centred x is the same one, better conditioned
        integral = np.polyint(np.polyfit(x - centre, y, 3))
        return float(np.polyval(integral, high - centre) - np.polyval(integral, low - centre))
    curve = PchipInterpolator(x, y) if method == "pchip" else Akima1DInterpolator(x, y)
    return float(curve.integrate(low, high))
