"""Many instances at once: the performance profile of the schemes, and quality against decision time."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from leosplit.figures.style import COLOURS, MARKERS, literal, new_figure
from solvers.gap_statistics import GapStatistics, best_known
from solvers.gaps import GapRow

STYLES = ("-", "--", ":", "-.")


def draw_profile(rows: Sequence[GapRow], title: str = "Performance profile") -> Figure:
    """Draw for each scheme the share of instances that it solves within a ratio of the best delay known.

    Dolan and Moré, Mathematical Programming 91, 2002, doi:10.1007/s101070100263, with the delay in place of the time.

    Parameters
    ----------
    rows
        The gap table.
    title
        Title of the figure.
    """
    best = best_known(rows)
    figure, (axes,) = new_figure(7.2, 4.6)
    for k, scheme in enumerate(dict.fromkeys(row.scheme for row in rows)):
        own = [row for row in rows if row.scheme == scheme]
        ratios = sorted(100 * (row.objective_s / best[row.instance] - 1) for row in own if row.objective_s is not None)
        shares = np.arange(1, len(ratios) + 1) / len(own)
        style = STYLES[k // len(COLOURS) % len(STYLES)]
        axes.step([0, *ratios, 1e3], [0, *shares, *shares[-1:]] if ratios else [0, 0], where="post",
                  color=COLOURS[k % len(COLOURS)], linestyle=style, label=literal(scheme))  # fmt: skip
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set_xlim(0, 200)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("within this many % of the best delay known (linear below 0.01 %)")
    axes.set_ylabel("share of instances")
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def draw_quality_time(statistics: Sequence[GapStatistics], title: str = "Quality against time") -> Figure:
    """Draw each scheme's mean gap to the best known delay against its median decision time.

    Parameters
    ----------
    statistics
        Of the gap table; the kind `best_known` is drawn.
    title
        Title of the figure.
    """
    figure, (axes,) = new_figure(7.2, 4.6)
    for k, entry in enumerate(entry for entry in statistics if entry.base == "best_known"):
        axes.plot(
            entry.decision_s,
            100 * entry.mean,
            MARKERS[k // len(COLOURS) % len(MARKERS)],
            color=COLOURS[k % len(COLOURS)],
            label=literal(entry.scheme),
            clip_on=False,
        )
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=0.01)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("median decision time [s]")
    axes.set_ylabel("mean gap to best known, % (linear below 0.01)")
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure
