"""Choosing among fits: corrected Akaike criterion, leave-one-out error, and when a fit is poor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from fitting.errors import CurveError, MeasurementError
from fitting.fit import FAMILY_NAMES, Fit, checked_points, fit_anywhere, fit_curve, out_of_range, refit

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
    weight
        Akaike weight among the fits, which sum to 1 (Burnham and Anderson, doi:10.1007/b97636); nan where the
        points are too few for the criterion.
    """

    family: str
    fit: Fit | None
    leave_one_out: float
    reason: str
    weight: float = math.nan

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
    relative: bool = False,
) -> tuple[Candidate, ...]:
    """Fit every family; best first.

    A poor fit never comes before one that is not. Otherwise the least AICc is best; where the points are too few for
    that of a fit to be finite, the least leave-one-out error, those at a search bound last. Parameters are those of
    `fit_curve`.

    Raises
    ------
    MeasurementError
        When no family can be fitted, or the best fit leaves the accuracies from 0 to 1 on a domain that is asked for.
    """
    xs, ys, weights = checked_points(x, y, sigma)
    sigmas = None if sigma is None else 1 / weights
    rows = []
    for family in families:
        try:
            fit = fit_anywhere(xs, ys, family, sigmas, domain, robust, relative)
        except (CurveError, MeasurementError) as error:
            rows.append(Candidate(family, None, math.nan, str(error)))
        else:
            rows.append(Candidate(family, fit, leave_one_out(fit), poor(fit)))
    if all(row.fit is None for row in rows):
        raise MeasurementError(rows[0].reason)
    rows = _weighted(rows)
    # with too few points for one of the good fits AICc compares nothing: it would favour whatever has fewer parameters
    good = [row for row in rows if row.fit is not None and not row.reason]
    by_criterion = all(math.isfinite(row.aicc) for row in good or rows if row.fit is not None)
    rows.sort(key=lambda row: _rank(row, by_criterion))
    if domain is None:
        return tuple(rows)
    beyond = ["" if row.fit is None else out_of_range(row.fit) for row in rows]
    if beyond[0]:
        raise MeasurementError(beyond[0])
    return tuple(
        replace(row, reason=row.reason or "leaves the range 0 to 1 on the domain") if left else row
        for row, left in zip(rows, beyond, strict=True)
    )


def leave_one_out(fit: Fit) -> float:
    """Root of the mean squared error, mAP, of each point under the fit to all others; nan when these are too few.

    A parametric family is refitted from the shape of the whole fit, a robust fit with its weights; its errors count by
    its trust in their points.
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
    return float(np.sqrt(np.average(np.square(errors), weights=fit.trust)))


def poor(fit: Fit) -> str:
    """Say why a fit is poor, or return an empty string.

    It is when it explains less than nine tenths of the variance, or misses points by more than their standard errors
    allow (chi-square test at 0.1 %). Points that a robust fit distrusts count by its trust in them.
    """
    if fit.r_squared < POOR_R_SQUARED:
        return f"poor: it explains {max(fit.r_squared, 0):.0%} of the variance"
    if fit.known_errors and fit.freedom > 0:
        from scipy.stats import chi2

        if chi2.sf(fit.chi_square, fit.freedom) < POOR_PROBABILITY:
            times = math.sqrt(fit.chi_square / fit.freedom)
            return f"poor: it misses the points by {times:.1f} of their standard errors"
    return ""


def _weighted(rows: list[Candidate]) -> list[Candidate]:
    """Add Akaike weights to those with a finite criterion."""
    least = min((row.aicc for row in rows), default=math.inf)
    if not math.isfinite(least):
        return rows
    shares = [math.exp(-0.5 * (row.aicc - least)) for row in rows]
    return [
        replace(row, weight=share / sum(shares) if math.isfinite(row.aicc) else math.nan)
        for row, share in zip(rows, shares, strict=True)
    ]


def _rank(row: Candidate, by_criterion: bool) -> tuple[bool, bool, bool, float, float]:
    error = math.inf if math.isnan(row.leave_one_out) else row.leave_one_out
    bound = not by_criterion and row.fit is not None and bool(row.fit.at_bounds)
    return row.fit is None, bool(row.reason), bound, row.aicc if by_criterion else error, error
