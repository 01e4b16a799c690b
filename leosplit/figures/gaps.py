"""The gap of each scheme on each instance, as a strip of points."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from leosplit.figures.style import COLOURS, MARKERS, literal, new_figure
from solvers.gaps import GapRow

_LINEAR_PERCENT = 0.01


def draw_gaps(rows: Sequence[GapRow], title: str = "Gap of each scheme") -> Figure:
    """Draw the gaps of every scheme, one marker an instance.

    A filled marker is the gap to a proven optimum; a hollow one the gap to a bound, which overstates it. The two
    are never joined or averaged.

    Parameters
    ----------
    rows
        Rows of the gap table.
    title
        Title of the figure.
    """
    schemes = list(dict.fromkeys(row.scheme for row in rows))
    instances = list(dict.fromkeys(row.instance for row in rows))
    figure, (axes,) = new_figure(7.2, 1.6 + 0.32 * len(schemes))
    for k, name in enumerate(instances):
        shift = (k - (len(instances) - 1) / 2) * 0.6 / max(len(instances), 1)
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        axes.plot([], [], marker, color=colour, label=literal(name))
        for row in rows:
            gap = row.gap_to_optimum if row.gap_to_optimum is not None else row.gap_to_bound
            if row.instance != name or gap is None or not math.isfinite(gap):
                continue
            fill = colour if row.gap_to_optimum is not None else "white"
            axes.plot(100 * gap, schemes.index(row.scheme) + shift, marker, color=colour, markerfacecolor=fill, ms=5)
    axes.set_xscale("symlog", linthresh=_LINEAR_PERCENT)
    axes.set_xlim(left=-_LINEAR_PERCENT / 4)
    axes.set_yticks(range(len(schemes)), [literal(name) for name in schemes])
    axes.set_ylim(len(schemes) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("gap in %; filled: to the proven optimum, hollow: to the bound (linear below 0.01 %)")
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=min(len(instances), 4), frameon=False)
    return figure
