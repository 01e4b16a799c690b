"""Curves as Pyomo constraints, Bjøntegaard deltas against a published implementation, views of a fit."""

import numpy as np
import pyomo.environ as pyo
import pytest

from fitting import (
    Logistic,
    MeasurementError,
    PowerLaw,
    as_pyomo,
    bd_map,
    bd_rate,
    difference,
    fit_curve,
    formula,
    piecewise_linear,
    predict,
)


@pytest.mark.parametrize("curve", [PowerLaw(0.8, 0.02, 1.2, 0.1, (0, 1)), Logistic(0.2, 0.6, 12, 0.3, (0, 1))], ids=str)
def test_the_pyomo_snippet_is_the_function(curve):
    function = piecewise_linear(curve, max_error=5e-3, side="under").function
    space = {}
    exec(as_pyomo(function, 5e-3), space)
    for target in (0.4, 0.55, 0.7):
        model = pyo.ConcreteModel()
        model.x, model.accuracy = pyo.Var(bounds=(0, 10)), pyo.Var(bounds=(target, 1))
        space["add_accuracy"](model, model.x, model.accuracy)
        model.cost = pyo.Objective(expr=model.x)
        pyo.SolverFactory("highs").solve(model)
        assert pyo.value(model.x) == pytest.approx(function.inverse(target), abs=1e-6)


def test_formulas_read_like_formulas():
    assert formula(PowerLaw(0.8, -0.02, 1.2, -0.1, (0.2, 1))) == "0.8 + 0.02*(x - 0.1)**(-1.2)"


RATES = np.array([0.05, 0.11, 0.2, 0.43, 0.9])


@pytest.mark.parametrize("method", ["pchip", "akima", "cubic"])
def test_deltas_equal_those_of_the_published_package(method):
    published = pytest.importorskip("bjontegaard")
    rng = np.random.default_rng(3000)
    for _ in range(50):
        first, second = (np.sort(rng.uniform(0.3, 0.8, 5)) for _ in range(2))
        other = np.sort(RATES * rng.uniform(0.7, 1.4, 5))
        asked = {"method": method, "require_matching_points": False, "min_overlap": 0}
        ours = bd_rate(RATES, first, other, second, method), bd_map(RATES, first, other, second, method)
        theirs = published.bd_rate(RATES, first, other, second, **asked)
        assert 100 * ours[0] == pytest.approx(theirs, rel=1e-6, abs=1e-8)
        theirs = published.bd_psnr(RATES, first, other, second, **asked)
        assert ours[1] == pytest.approx(theirs, rel=1e-6, abs=1e-10)


def test_a_tenth_less_rate_is_minus_a_tenth():
    quality = np.array([0.4, 0.5, 0.58, 0.63, 0.65])
    for method in ("pchip", "akima", "cubic"):
        assert bd_rate(RATES, quality, 0.9 * RATES, quality, method) == pytest.approx(-0.1)
        assert bd_map(RATES, quality, RATES, quality + 0.02, method) == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("rates", "quality", "message"),
    [
        (RATES[:3], [0.1, 0.2, 0.3], "needs 4 or more rates"),
        (-RATES, [0.1, 0.2, 0.3, 0.4, 0.5], "finite numbers above 0"),
        (RATES, [0.1, 0.3, 0.2, 0.4, 0.5], "must rise with the rate"),
        (RATES, [0.9, 0.91, 0.92, 0.93, 0.94], "no accuracy in common"),
        ([1, 1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4, 0.5], "must differ"),
    ],
)
def test_what_has_no_delta_is_said(rates, quality, message):
    with pytest.raises(MeasurementError, match=message):
        bd_rate(RATES, [0.1, 0.2, 0.3, 0.4, 0.5], rates, quality)


def two_fits():
    rng = np.random.default_rng(3)
    x = np.linspace(0.05, 1, 9)
    y = 0.8 - 0.4 * np.exp(-5 * x) + 0.002 * rng.standard_normal(9)
    return fit_curve(x, y, "saturating_exponential"), fit_curve(x, y + 0.03, "saturating_exponential")


def test_a_difference_and_a_prediction_have_intervals():
    first, second = two_fits()
    found = difference(first, second)
    assert found.mean == pytest.approx(0.03)
    assert found.mean_interval[0] < 0.03 < found.mean_interval[1]
    assert found.accuracy_interval[0] < found.accuracy < found.accuracy_interval[1]
    assert found.rate < 0
    same = predict(first, [0.2, 0.4])
    assert np.all((same.new_lower < same.lower) & (same.upper < same.new_upper))
    with pytest.raises(MeasurementError, match="no x in common"):
        difference(first, fit_curve(first.x + 5, first.y, "saturating_exponential"))


def test_a_fit_shows_itself():
    fit, _ = two_fits()
    table = fit.frame()
    assert list(table.columns) == ["x", "y", "fitted", "residual", "standardised", "trust"]
    assert (table.standardised**2).sum() == pytest.approx(fit.freedom)
    shown = fit._repr_html_()
    assert "<table>" in shown
    assert "exp(" in shown
    import matplotlib

    matplotlib.use("Agg")
    axes = fit.plot()
    assert axes.get_ylabel() == "mAP"
    monotone = fit_curve(fit.x, fit.y, "monotone")
    assert "piecewise linear" in monotone._repr_html_()
    assert monotone.plot(axes) is axes
