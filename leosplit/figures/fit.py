"""Measured points, the fitted curve with its band, and the piecewise-linear function."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fitting import Approximation, Curve, Fit
from leosplit.figures.style import COLOURS, new_figure


def draw_fit(
    fit: Fit,
    x_label: str,
    band: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None = None,
    band_label: str = "",
    conservative: Curve | None = None,
    approximation: Approximation | None = None,
    title: str = "",
) -> Figure:
    """Draw a fit above its residuals.

    Parameters
    ----------
    fit
        Points and curve.
    x_label
        What the points were measured over, with its unit.
    band
        x, lower and upper end of the band, three arrays of one shape, or None.
    band_label
        What the legend calls it.
    conservative
        The conservative curve, or None.
    approximation
        The piecewise-linear function, or None.
    title
        Title of the figure.
    """
    figure, (axes, below) = new_figure(6.8, 5.8, rows=2)
    if (grid := axes.get_gridspec()) is not None:
        grid.set_height_ratios((3, 1))
    lo, hi = fit.curve.domain
    x = np.union1d(np.linspace(lo, hi, 400), fit.x)
    if band is not None:
        axes.fill_between(band[0], band[1], band[2], color=COLOURS[4], alpha=0.3, lw=0, label=band_label)
    axes.plot(x, fit.curve(x), color=COLOURS[0], lw=1.8, label=fit.family.replace("_", " "))
    if conservative is not None:
        axes.plot(x, conservative(x), color=COLOURS[2], lw=1.4, ls="--", label="conservative curve")
    if approximation is not None:
        function = approximation.function
        label = f"{approximation.segments} segments, {approximation.side}, error ≤ {approximation.error:.2g}"
        axes.plot(function.x, function.y, "-s", color=COLOURS[1], lw=1.1, ms=4, label=label)
    axes.errorbar(
        fit.x,
        fit.y,
        yerr=fit.sigma if fit.known_errors else None,
        fmt="o",
        color=COLOURS[6],
        ms=4,
        lw=1,
        label="measured",
        zorder=5,
    )
    axes.set_ylabel("mAP")
    below.axhline(0.0, color=COLOURS[0], lw=1.0)
    below.errorbar(fit.x, fit.residuals, yerr=fit.sigma if fit.known_errors else None, fmt="o", color=COLOURS[6], ms=4)
    below.set_xlabel(x_label)
    below.set_ylabel("residual")
    axes.set_title(title, loc="left")
    axes.legend(loc="lower right")
    return figure
