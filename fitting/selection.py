"""Choosing among fits: corrected Akaike criterion, leave-one-out error, and when a fit is poor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fitting.errors import CurveError, MeasurementError
from fitting.fit import FAMILY_NAMES, Fit, checked_points, fit_curve, refit

POOR_R_SQUARED = 0.9
POOR_PROBABILITY = 1e-3


@dataclass(frozen=True)
class Candidate:
    """One row of the table of fits.

    Parameters
    ----------
    family
        What was fitted.
    fit
        The fit, or None when the points do not allow one.
    leave_one_out
        Root of the mean squared error, mAP, at points that the fit did not see; nan when there is none.
    reason
        Why there is no fit, or why it is poor; empty otherwise.
    """

    family: str
    fit: Fit | None
    leave_one_out: float
    reason: str

    @property
    def aicc(self) -> float:
        """Corrected Akaike criterion; +inf when there is no fit or too few points."""
        return math.inf if self.fit is None else self.fit.aicc


def compare_fits(
    x: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None = None,
    domain: tuple[float, float] | None = None,
    families: Sequence[str] = FAMILY_NAMES,
    robust: bool = False,
) -> tuple[Candidate, ...]:
    """Fit every family; best first: least AICc, and of equals, such as with few points, least leave-one-out error.

    Parameters are those of `fit_curve`.

    Raises
    ------
    MeasurementError
        When no family can be fitted.
    """
    xs, ys, weights = checked_points(x, y, sigma)
    sigmas = None if sigma is None else 1 / weights
    rows = []
    for family in families:
        try:
            fit = fit_curve(xs, ys, family, sigmas, domain, robust)
        except (CurveError, MeasurementError) as error:
            rows.append(Candidate(family, None, math.nan, str(error)))
        else:
            rows.append(Candidate(family, fit, leave_one_out(fit), poor(fit)))
    if all(row.fit is None for row in rows):
        raise MeasurementError(rows[0].reason)
    return tuple(sorted(rows, key=_rank))


def leave_one_out(fit: Fit) -> float:
    """Root of the mean squared error, mAP, of each point under the fit to all others; nan when these are too few.

    A parametric family is refitted from the shape of the whole fit, a robust fit with its weights.
    """
    errors = []
    for index in range(len(fit.x)):
        keep = np.arange(len(fit.x)) != index
        if len(np.unique(fit.x[keep])) < max(2, fit.parameters if fit.shape else 2):
            return math.nan
        if fit.shape:
            without = refit(fit, fit.y, np.where(keep, fit.weights, 0.0))
        else:
            without = fit_curve(fit.x[keep], fit.y[keep], fit.family, 1 / fit.weights[keep], fit.domain)
        errors.append(fit.y[index] - without.curve(float(fit.x[index])))
    return float(np.sqrt(np.mean(np.square(errors))))


def poor(fit: Fit) -> str:
    """Say why a fit is poor, or return an empty string.

    It is when it explains less than nine tenths of the variance, or misses points by more than their standard errors
    allow (chi-square test at 0.1 %).
    """
    if fit.r_squared < POOR_R_SQUARED:
        return f"poor: it explains {max(fit.r_squared, 0):.0%} of the variance"
    if fit.sigma is not None and fit.freedom > 0:
        from scipy.stats import chi2

        if chi2.sf(fit.chi_square, fit.freedom) < POOR_PROBABILITY:
            times = math.sqrt(fit.chi_square / fit.freedom)
            return f"poor: it misses the points by {times:.1f} of their standard errors"
    return ""


def _rank(row: Candidate) -> tuple[bool, float, float]:
    error = math.inf if math.isnan(row.leave_one_out) else row.leave_one_out
    return row.fit is None, row.aicc, error
