"""Measurements, fitted mAP curves and their piecewise-linear functions."""

from fitting.bjontegaard import bd_map, bd_rate
from fitting.curve_file import (
    curve_from_dict,
    curve_to_dict,
    is_surface,
    read_curve,
    surface_from_dict,
    surface_to_dict,
    write_curve,
    write_surface,
)
from fitting.curves import Curve, ParametricCurve, PiecewiseLinear
from fitting.errors import CurveError, LeosplitError, MeasurementError
from fitting.export import as_pyomo, as_python, formula
from fitting.families import FAMILIES, Logistic, PowerLaw, SaturatingExponential
from fitting.fit import FAMILY_NAMES, Fit, fit_curve
from fitting.layouts import LAYOUTS
from fitting.measurements import Measurements
from fitting.piecewise import Approximation, piecewise_linear
from fitting.prediction import Difference, Prediction, difference, predict
from fitting.presets import preset_curves, preset_curves_source
from fitting.reading import read_measurements
from fitting.selection import Candidate, compare_fits
from fitting.triangulated import Triangulated, fit_surface
from fitting.uncertainty import (
    Estimate,
    band,
    conservative,
    correlation,
    covariance,
    estimates,
    intervals,
    standard_errors,
)

__all__ = [
    "FAMILIES",
    "FAMILY_NAMES",
    "LAYOUTS",
    "Approximation",
    "Candidate",
    "Curve",
    "CurveError",
    "Difference",
    "Estimate",
    "Fit",
    "LeosplitError",
    "Logistic",
    "MeasurementError",
    "Measurements",
    "ParametricCurve",
    "PiecewiseLinear",
    "PowerLaw",
    "Prediction",
    "SaturatingExponential",
    "Triangulated",
    "as_pyomo",
    "as_python",
    "band",
    "bd_map",
    "bd_rate",
    "compare_fits",
    "conservative",
    "correlation",
    "covariance",
    "curve_from_dict",
    "curve_to_dict",
    "difference",
    "estimates",
    "fit_curve",
    "fit_surface",
    "formula",
    "intervals",
    "is_surface",
    "piecewise_linear",
    "predict",
    "preset_curves",
    "preset_curves_source",
    "read_curve",
    "read_measurements",
    "standard_errors",
    "surface_from_dict",
    "surface_to_dict",
    "write_curve",
    "write_surface",
]
