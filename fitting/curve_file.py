"""Curves as dictionaries: the CURVE of an instance file and of `leosplit fit -o`."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from fitting.checks import Checks, short
from fitting.curves import Curve, ParametricCurve, PiecewiseLinear
from fitting.errors import CurveError
from fitting.families import FAMILIES
from fitting.jsonfile import read_json, write_json
from fitting.triangulated import Triangulated

SURFACE_KIND = "triangulated"
_CHECKS = Checks(CurveError)
KINDS = (PiecewiseLinear.kind, *FAMILIES)


def curve_to_dict(curve: Curve) -> dict[str, Any]:
    """Write a curve as a dictionary, ready for JSON; `curve_from_dict` gives an equal curve back."""
    if isinstance(curve, PiecewiseLinear):
        return {"kind": curve.kind, "x": list(curve.x), "y": list(curve.y)}
    if isinstance(curve, ParametricCurve):
        return {"kind": curve.kind, "parameters": curve.parameters, "domain": list(curve.domain)}
    raise CurveError(f"a {type(curve).__name__} has no file form; allowed are {', '.join(KINDS)}")


def curve_from_dict(data: Any, where: str = "curve") -> Curve:
    """Curve of a dictionary.

    Parameters
    ----------
    data
        ``{"kind": "piecewise_linear", "x": […], "y": […]}`` or ``{"kind": …, "parameters": {…}, "domain": [lo, hi]}``.
    where
        What the message of an error calls the curve, such as ``accuracy.large``.

    Raises
    ------
    CurveError
        With one sentence: where, what, what is allowed.
    """
    if not isinstance(data, dict):
        raise CurveError(f"{where} must be an object with a kind, got {short(data)}")
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise CurveError(f"{where}.kind must be one of {', '.join(KINDS)}, got {short(kind)}")
    try:
        if kind == PiecewiseLinear.kind:
            _check_keys(data, ("kind", "x", "y"), where)
            return PiecewiseLinear(*(_CHECKS.numbers(f"{where}.{axis}", data[axis]) for axis in "xy"))
        return _family_from_dict(data, kind, where)
    except CurveError as error:
        message = str(error)
        raise CurveError(message if message.startswith(where) else f"{where}: {message}") from None


def surface_to_dict(surface: Triangulated) -> dict[str, Any]:
    """Write a triangulated function as a dictionary, ready for JSON."""
    return {"kind": SURFACE_KIND, "points": [list(point) for point in surface.points]}


def surface_from_dict(data: Any, where: str = "curve") -> Triangulated:
    """Triangulated function of ``{"kind": "triangulated", "points": [[feature, residual, mAP], …]}``.

    Raises
    ------
    CurveError
        With one sentence: where, what, what is allowed.
    """
    if not is_surface(data):
        raise CurveError(f"{where} must be an object of the kind {SURFACE_KIND}")
    _check_keys(data, ("kind", "points"), where)
    if not isinstance(data["points"], list):
        raise CurveError(f"{where}.points must be a list of [feature, residual, mAP], got {short(data['points'])}")
    points = [_CHECKS.numbers(f"{where}.points[{index}]", point) for index, point in enumerate(data["points"])]
    for index, point in enumerate(points):
        if len(point) != 3:
            raise CurveError(f"{where}.points[{index}] must be [feature, residual, mAP], got {len(point)} numbers")
    try:
        return Triangulated(tuple((point[0], point[1], point[2]) for point in points))
    except CurveError as error:
        raise CurveError(f"{where}: {error}") from None


def write_surface(surface: Triangulated, path: str | Path) -> None:
    """Write a triangulated function as a JSON file."""
    write_json(surface_to_dict(surface), path)


def is_surface(data: Any) -> bool:
    """Tell whether a dictionary says that it is a triangulated function."""
    return isinstance(data, dict) and data.get("kind") == SURFACE_KIND


def read_curve(path: str | Path) -> Curve:
    """Curve of a JSON file, as `leosplit fit -o` writes it.

    Raises
    ------
    JsonError
        When the file cannot be read or is not JSON.
    CurveError
        When it is not a curve.
    """
    data = read_json(path)
    return curve_from_dict(data, str(path))


def write_curve(curve: Curve, path: str | Path) -> None:
    """Write a curve as a JSON file."""
    write_json(curve_to_dict(curve), path)


def _family_from_dict(data: dict[str, Any], kind: str, where: str) -> Curve:
    _check_keys(data, ("kind", "parameters", "domain"), where)
    family = FAMILIES[kind]
    names = [field.name for field in fields(family) if field.name != "domain"]
    if not isinstance(data["parameters"], dict):
        raise CurveError(f"{where}.parameters must be an object, got {short(data['parameters'])}")
    _check_keys(data["parameters"], names, f"{where}.parameters")
    values = {name: _CHECKS.number(f"{where}.parameters.{name}", data["parameters"][name]) for name in names}
    domain = _CHECKS.numbers(f"{where}.domain", data["domain"])
    if len(domain) != 2:
        raise CurveError(f"{where}.domain must be two numbers, got {len(domain)}")
    return family.of(values, (domain[0], domain[1]))


def _check_keys(data: dict[str, Any], names: tuple[str, ...] | list[str], where: str) -> None:
    for name in names:
        if name not in data:
            raise CurveError(f"{where} lacks the key {name!r}; needed are {', '.join(names)}")
    for key in data:
        if key not in names:
            raise CurveError(f"{where} has the unknown key {short(key)}; allowed are {', '.join(names)}")
