"""Every family of the registry has all that file form, schema, fit and command line need."""

from decimal import Decimal

import jsonschema
import numpy as np
import pytest

from fitting import FAMILIES, as_python, curve_from_dict, curve_to_dict, fit_curve, formula
from instances import instance_schema


def example(kind):
    """A curve in the middle of the family's search space."""
    family = FAMILIES[kind]
    shape = [np.sqrt(r.lower * r.upper) if r.logarithmic else 0.5 for r in family.search.values()]
    values = dict(zip(family.names(), [0.7, 0.2, *shape], strict=True))
    return family.of(values, (0.0, 1.0))


@pytest.mark.parametrize("kind", FAMILIES)
def test_file_form_schema_and_text(kind):
    curve = example(kind)
    document = curve_to_dict(curve)
    assert curve_from_dict(document) == curve
    schema = instance_schema()
    jsonschema.validate(document, {**schema["$defs"]["curve"], "$defs": schema["$defs"]})
    x, space = np.linspace(-0.2, 1.2, 9), {}
    exec(as_python(curve), space)
    assert space["accuracy"](x) == pytest.approx(curve(x))
    assert eval(formula(curve, 17), {"x": 0.3, "exp": np.exp}) == pytest.approx(curve(0.3))


@pytest.mark.parametrize("kind", FAMILIES)
def test_partials_are_the_derivatives_in_floats_and_decimals(kind):
    curve, x = example(kind), np.linspace(0.01, 1, 7)
    decimals = {name: Decimal(value) for name, value in curve.parameters.items()}
    exact = curve.partials(np.array([Decimal(float(v)) for v in x]), **decimals)
    pairs = zip(curve.parameters.items(), curve.partials(x, **curve.parameters), exact, strict=True)
    for (name, value), ours, precise in pairs:
        step = 1e-6 * abs(value)
        ends = [curve.formula(x, **{**curve.parameters, name: value + sign * step}) for sign in (1, -1)]
        assert np.broadcast_to(ours, x.shape) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-7)
        assert np.broadcast_to(ours, x.shape) == pytest.approx(np.array(precise, dtype=float), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize(("scale", "shift"), [(3.0, 0.0), (1e9, 0.0), (0.5, 0.25)])
def test_the_curve_on_another_axis_has_the_same_values(kind, scale, shift):
    curve = example(kind)
    moved, u = curve.on_axis(scale, shift), np.linspace(0, 1, 9)
    assert moved(scale * u + shift) == pytest.approx(curve(u), rel=1e-9)


@pytest.mark.parametrize("kind", FAMILIES)
def test_bends_slopes_touching_and_inverse_agree(kind):
    curve, x = example(kind), np.linspace(0.01, 0.99, 99)
    slopes = (curve(x + 1e-5) - curve(x - 1e-5)) / 2e-5
    assert curve.slopes(x) == pytest.approx(slopes, rel=1e-4, abs=1e-9)
    assert curve.bends(0, 1)[0][0] == 0
    for place in (0.3, 0.7):
        slope = float(curve.slopes(np.array([place]))[0])
        assert any(abs(touch - place) < 1e-6 for touch in curve.touching(slope))
    target = 0.5 * (curve(0.0) + curve(1.0))
    found = curve.inverse(target)
    assert found is not None
    assert curve(found) >= target


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_fit_finds_the_family_again(kind):
    curve, x = example(kind), np.linspace(0, 1, 15)
    assert fit_curve(x, curve(x), kind).rmse < 1e-7
