"""Fits of the families: parameters recovered, hard inputs, the shipped curves."""

import json

import numpy as np
import pytest

from fitting import Logistic, MeasurementError, PowerLaw, SaturatingExponential, fit_curve, preset_curves
from fitting.make_presets import compute_preset_curves
from fitting.presets import DATA, preset_curves_source

TRUE = [
    SaturatingExponential(0.79, 0.2, 6.0, (0.03, 1.05)),
    SaturatingExponential(0.78, 0.28, 1.5e-8, (1e6, 1e9)),
    PowerLaw(0.8, 0.02, 1.2, 0.1, (0.0, 1.05)),
    PowerLaw(0.8, 3e3, 0.6, 2e6, (0.0, 1e9)),
    Logistic(0.3, 0.45, 14.0, 0.25, (0.0, 1.0)),
    Logistic(0.3, 0.45, 3e-8, 2e8, (0.0, 1e9)),
]


@pytest.mark.parametrize("true", TRUE, ids=str)
def test_exact_points_give_the_parameters_back(true):
    x = np.linspace(*true.domain, 12)
    fit = fit_curve(x, true(x), true.kind)
    assert fit.rmse < 1e-8
    assert fit.curve.domain == true.domain
    assert fit.curve.parameters == pytest.approx(true.parameters, rel=1e-3)


def test_least_squares_beats_every_neighbour():
    rng = np.random.default_rng(5)
    true = TRUE[2]
    x = np.sort(rng.uniform(*true.domain, 30))
    y = true(x) + rng.normal(0, 0.01, 30)
    sigma = rng.uniform(0.005, 0.02, 30)
    fit = fit_curve(x, y, true.kind, sigma=sigma)
    for name, value in fit.curve.parameters.items():
        for factor in (0.99, 1.01):
            moved = PowerLaw(**{**fit.curve.parameters, name: value * factor}, domain=fit.curve.domain)
            assert np.sum(((y - moved(x)) / sigma) ** 2) > fit.chi_square


def test_too_few_points_are_named():
    with pytest.raises(
        MeasurementError, match="power_law has 4 parameters and needs at least as many distinct x, got 2"
    ):
        fit_curve([0, 0, 1], [0.1, 0.2, 0.3], "power_law")
    with pytest.raises(MeasurementError, match="two or more distinct x"):
        fit_curve([1, 1], [0.1, 0.2], "power_law")
    with pytest.raises(MeasurementError, match="finite"):
        fit_curve([0, 1, 2], [0.1, np.nan, 0.3], "saturating_exponential")
    with pytest.raises(MeasurementError, match="family must be one of"):
        fit_curve([0, 1, 2], [0.1, 0.2, 0.3], "spline")


@pytest.mark.parametrize("family", ["saturating_exponential", "power_law", "logistic"])
def test_a_constant_is_fitted_by_a_constant(family):
    fit = fit_curve([0, 1, 2, 3, 4], [0.5] * 5, family)
    assert fit.curve(np.linspace(0, 4, 9)) == pytest.approx(0.5)


def test_the_shipped_curves_are_what_the_command_computes():
    shipped = json.loads((DATA / "preset_curves.json").read_text())
    again = compute_preset_curves()
    assert again["source"] == shipped["source"] == preset_curves_source()
    assert again["large"]["parameters"] == pytest.approx(shipped["large"]["parameters"], rel=1e-5)
    assert again["large"]["domain"] == shipped["large"]["domain"]
    assert again["small"]["x"] == shipped["small"]["x"]
    assert again["small"]["y"] == pytest.approx(shipped["small"]["y"])


def test_preset_targets_are_reachable():
    large, small = preset_curves()
    assert large.domain[0] == 0
    assert large(0.4) > 0.77
    assert large(0.0) < 0.74
    assert small.domain == (0, 11_689_512 * 32)
    assert 1e6 < small.inverse(0.70) < 3.741e8


@pytest.mark.parametrize(
    ("x", "message"),
    [([0, 1, 2, 3, 1e300], "must lie within"), ([1, 1 + 1e-15, 1 + 2e-15, 1 + 3e-15, 1 + 4e-15], "told apart")],
)
def test_numbers_that_leave_no_digits_are_refused(x, message):
    with pytest.raises(MeasurementError, match=message):
        fit_curve(x, [0.1, 0.2, 0.3, 0.4, 0.5], "power_law")
