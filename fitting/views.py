"""A fit as a table, as HTML for notebooks, and as a plot."""

from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from fitting.curves import ParametricCurve
from fitting.errors import MeasurementError
from fitting.export import formula
from fitting.uncertainty import Estimate, band, estimates

if TYPE_CHECKING:
    import pandas as pd

    from fitting.fit import Fit


def frame(fit: "Fit") -> "pd.DataFrame":
    """One row a point: x, y, sigma where known, fitted value, residual, standardised residual, trust."""
    import pandas as pd

    weighted = fit.residuals * fit.precision
    scale = float(np.sqrt(np.sum(weighted**2) / fit.freedom)) if fit.freedom > 0 else np.nan
    unit = 1.0 if fit.known_errors else scale
    columns = {"x": fit.x, "y": fit.y} | ({} if fit.sigma is None else {"sigma": fit.sigma})
    columns |= {"fitted": np.asarray(fit.curve(fit.x)), "residual": fit.residuals}
    columns |= {"standardised": weighted / unit if unit else np.full(len(fit.x), np.nan), "trust": fit.trust}
    return pd.DataFrame(columns)


def html(fit: "Fit") -> str:
    """Return a small table of parameters for notebooks."""
    rows = "".join(
        f"<tr><td>{row.name}</td><td>{row.value:.6g}</td><td>{row.standard_error:.2g}</td>"
        f"<td>[{row.interval[0]:.4g}, {row.interval[1]:.4g}]</td><td>{escape(row.remark)}</td></tr>"
        for row in estimates_or_none(fit)
    )
    head = "<tr><th>parameter</th><th>value</th><th>standard error</th><th>95 % interval</th><th></th></tr>"
    table = f"<table>{head}{rows}</table>" if rows else ""
    text = f"{fit.family}: {formula(fit.curve)}; {len(fit.x)} points, rmse {fit.rmse:.3g}"
    return f"<div><p>{escape(text)}</p>{table}</div>"


def plot(fit: "Fit", axes: Any = None, confidence: float = 0.95) -> Any:
    """Draw points, curve and band on matplotlib axes, new ones by default; returns the axes."""
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots()[1]
    x = np.union1d(np.linspace(*fit.curve.domain, 200), fit.x)
    with suppress(MeasurementError):  # without a point to spare there is no band
        axes.fill_between(x, *band(fit, x, confidence), alpha=0.25, lw=0, label=f"{confidence:.0%} band")
    axes.plot(x, fit.curve(x), label=fit.family.replace("_", " "))
    axes.errorbar(fit.x, fit.y, yerr=fit.sigma if fit.known_errors else None, fmt="o", label="measured")
    axes.set_ylabel("mAP")
    axes.legend()
    return axes


def estimates_or_none(fit: "Fit", confidence: float = 0.95) -> tuple[Estimate, ...]:
    """Return the estimates of a parametric fit with a point to spare, or none."""
    if not isinstance(fit.curve, ParametricCurve) or fit.freedom < 1:
        return ()
    try:
        return estimates(fit, confidence)
    except MeasurementError:
        return ()
