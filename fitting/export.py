"""A curve as text that goes on elsewhere: its formula, a Python function, constraints for Pyomo."""

from itertools import pairwise

from fitting.chords import bend
from fitting.curves import Curve, ParametricCurve, PiecewiseLinear
from fitting.errors import CurveError


def formula(curve: Curve, digits: int = 6) -> str:
    """Return the formula with its numbers, such as `0.8 - 0.45*exp(-3.9*x)`, in the syntax of Python."""
    if isinstance(curve, ParametricCurve):
        numbers = {name: f"{value:.{digits}g}" for name, value in curve.parameters.items()}
        return _with_signs(curve.formula_text.format(**numbers))
    if isinstance(curve, PiecewiseLinear):
        return f"piecewise linear through {len(curve.x)} points"
    raise CurveError(f"a {type(curve).__name__} has no formula")


def as_python(curve: Curve, name: str = "accuracy") -> str:
    """Return the source of a Python function of x, a number or an array, which needs NumPy only."""
    low, high = curve.domain
    lines = [f"def {name}(x):", f'    """mAP at x from {low!r} to {high!r}; constant outside."""']
    if isinstance(curve, ParametricCurve):
        numbers = {key: f"({value!r})" if value < 0 else repr(value) for key, value in curve.parameters.items()}
        body = curve.formula_text.format(**numbers)
        lines += [f"    x = np.clip(x, {low!r}, {high!r})", f"    return {body.replace('exp', 'np.exp')}"]
    elif isinstance(curve, PiecewiseLinear):
        lines += [f"    return np.interp(x, {list(curve.x)!r}, {list(curve.y)!r})"]
    else:
        raise CurveError(f"a {type(curve).__name__} has no Python form")
    return "\n".join(["import numpy as np", "", "", *lines, ""])


def as_pyomo(function: PiecewiseLinear, error: float | None = None) -> str:
    """Return the source of a Python function that adds accuracy <= f(x) to a Pyomo model.

    Where f is concave its chords say so, without binaries; elsewhere `pyomo.environ.Piecewise` does, incrementally.

    Parameters
    ----------
    function
        The piecewise-linear function.
    error
        Its largest distance from the curve, for the text.
    """
    low, high = function.domain
    within = "" if error is None else f"; at most {error:.3g} from the fitted curve"
    lines = [
        "import pyomo.environ as pyo",
        "",
        "",
        "def add_accuracy(model, x, accuracy):",
        f'    """Bound the variable `accuracy` by f of the variable `x`, x from {low!r} to {high!r}{within}."""',
        f"    x.setlb({low!r} if x.lb is None else max(x.lb, {low!r}))",
        f"    x.setub({high!r} if x.ub is None else min(x.ub, {high!r}))",
    ]
    if bend(function, low, high) < 0:
        chords = []
        for (left, right), (bottom, top) in zip(pairwise(function.x), pairwise(function.y), strict=True):
            slope = (top - bottom) / (right - left)
            chords.append((slope, bottom - slope * left))
        lines += [
            f"    chords = {chords!r}  # slope and intercept",
            "    model.accuracy_chords = pyo.Constraint(",
            "        range(len(chords)), rule=lambda m, i: accuracy <= chords[i][0] * x + chords[i][1]",
            "    )",
        ]
    else:
        lines += [
            f"    points, values = {list(function.x)!r}, {list(function.y)!r}",
            "    model.accuracy_pieces = pyo.Piecewise(",
            '        accuracy, x, pw_pts=points, f_rule=values, pw_constr_type="UB", pw_repn="INC"',
            "    )",
        ]
    return "\n".join([*lines, ""])


def _with_signs(text: str) -> str:
    """Write a sum of a negative number as a difference, and a difference of one as a sum."""
    return text.replace("+ -", "- ").replace("- -", "+ ").replace("(--", "(").replace("(-(-", "(")
