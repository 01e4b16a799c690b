"""Figures of the report as SVG that follows the page's colours and needs no network."""

import io
import re
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from leosplit.figures.style import COLOURS, clean_texts, literal, new_figure
from leosplit.report.statistics import profiles

if TYPE_CHECKING:
    import pandas as pd

_TEXT = "#010203"
_POINTS = 300
_RC: Any = {"svg.fonttype": "none", "svg.hashsalt": "leosplit", "font.family": "sans-serif"}


def to_svg(figure: Figure, label: str) -> str:
    """Return a figure as inline SVG: no background, text and frames in the colour of the page's text.

    Parameters
    ----------
    figure
        The figure.
    label
        What a screen reader says.
    """
    for axes in figure.axes:
        axes.tick_params(colors=_TEXT)
        axes.xaxis.label.set_color(_TEXT)
        axes.yaxis.label.set_color(_TEXT)
        axes.title.set_color(_TEXT)
        axes.grid(color="#88888840")
        for spine in axes.spines.values():
            spine.set_edgecolor(_TEXT)
    for legend in figure.legends:
        for entry in legend.get_texts():
            entry.set_color(_TEXT)
    clean_texts(figure)
    buffer = io.StringIO()
    with mpl.rc_context(_RC):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_TEXT, "currentColor")
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def gap_chart(frame: "pd.DataFrame") -> Figure:
    """Draw the share of instances that each scheme has within a gap: proven optima solid, bounds dashed."""
    figure, (axes,) = new_figure(7.0, 4.0)
    for k, (scheme, rows) in enumerate(frame.groupby("scheme", sort=False)):
        colour = COLOURS[k % len(COLOURS)]
        proven = rows["gap_to_optimum"].dropna().to_numpy(float)
        bounded = rows.loc[rows["gap_to_optimum"].isna(), "gap_to_bound"].dropna().to_numpy(float)
        for values, dash in ((proven, "-"), (bounded, "--")):
            if len(values):
                x, y = _steps(100 * values)
                axes.plot(x, y, dash, color=colour, lw=1.6, drawstyle="steps-post")
        axes.plot([], [], "-", color=colour, label=literal(str(scheme)))
    axes.set_xscale("symlog", linthresh=0.01)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set(ylim=(0, 1.02), xlabel="gap in % (linear below 0.01 %)", ylabel="share of instances within it")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def profile_chart(frame: "pd.DataFrame") -> Figure:
    """Draw the performance profile of every scheme."""
    figure, (axes,) = new_figure(7.0, 4.0)
    for k, (scheme, ratios) in enumerate(profiles(frame).items()):
        x, y = _steps(ratios)
        axes.plot(x, y, color=COLOURS[k % len(COLOURS)], lw=1.6, drawstyle="steps-post", label=literal(scheme))
    axes.set_xscale("log")
    axes.set(ylim=(0, 1.02), xlabel="delay divided by the least delay known", ylabel="share of instances within it")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if round(value, 6) in (1.5, 2, 3, 5) else "")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def axis_chart(frame: "pd.DataFrame", column: str) -> Figure:
    """Draw the mean delay of each scheme against a parameter that was varied."""
    figure, (axes,) = new_figure(7.0, 4.0)
    for k, (scheme, rows) in enumerate(frame.groupby("scheme", sort=False)):
        means = rows.groupby(column)["objective_s"].mean().dropna()
        axes.plot(
            means.index,
            means.to_numpy(),
            "o-",
            ms=4,
            color=COLOURS[k % len(COLOURS)],
            lw=1.4,
            label=literal(str(scheme)),
        )
    axes.set(xlabel=literal(column.removeprefix("parameter_")), ylabel="mean delay [s]", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def _steps(values: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Return an empirical distribution with no more points than a figure can show."""
    values = np.sort(values)
    shares = np.arange(1, len(values) + 1) / len(values)
    if len(values) > _POINTS:
        keep = np.unique(np.linspace(0, len(values) - 1, _POINTS).astype(int))
        values, shares = values[keep], shares[keep]
    finite = np.isfinite(values)
    return np.concatenate([values[:1], values])[np.r_[finite[:1], finite]], np.concatenate([[0.0], shares])[
        np.r_[finite[:1], finite]
    ]
