"""Measurements, fitted mAP curves and their piecewise-linear functions."""

from fitting.curve_file import curve_from_dict, curve_to_dict, read_curve, write_curve
from fitting.curves import FAMILIES, Curve, Logistic, PiecewiseLinear, PowerLaw, SaturatingExponential
from fitting.errors import CurveError, LeosplitError, MeasurementError
from fitting.fit import FAMILY_NAMES, Fit, fit_curve
from fitting.measurements import Measurements, read_measurements
from fitting.piecewise import Approximation, piecewise_linear
from fitting.presets import preset_curves, preset_curves_source

__all__ = [
    "FAMILIES",
    "FAMILY_NAMES",
    "Approximation",
    "Curve",
    "CurveError",
    "Fit",
    "LeosplitError",
    "Logistic",
    "MeasurementError",
    "Measurements",
    "PiecewiseLinear",
    "PowerLaw",
    "SaturatingExponential",
    "curve_from_dict",
    "curve_to_dict",
    "fit_curve",
    "piecewise_linear",
    "preset_curves",
    "preset_curves_source",
    "read_curve",
    "read_measurements",
    "write_curve",
]
