"""Delay against the number of computing satellites that may serve."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from leosplit.figures.style import COLOURS, literal, new_figure
from solvers.placement import Placement
from solvers.result import Termination


def draw_placement(found: Sequence[Placement], title: str, objective: str = "mean") -> Figure:
    """Draw the best delay for each count with its bound, and the places beside it.

    Parameters
    ----------
    found
        One placement a count, ascending.
    title
        Title of the figure.
    objective
        Of the problem, for the axis.
    """
    figure, (axes,) = new_figure(6.4, 4.2)
    solved = [(one, one.result.objective_s) for one in found if one.result.objective_s is not None]
    axes.plot([one.count for one, _ in solved], [value for _, value in solved], color=COLOURS[0], zorder=1)
    for proven, label in ((True, "proven optimum"), (False, "best found, with its bound")):
        mine = [point for point in solved if (point[0].result.termination is Termination.OPTIMAL) is proven]
        if mine:
            axes.plot(
                [one.count for one, _ in mine],
                [value for _, value in mine],
                "o",
                color=COLOURS[0],
                markerfacecolor=COLOURS[0] if proven else "white",
                label=label,
            )
    for one, value in solved:
        if one.result.termination is not Termination.OPTIMAL and one.result.bound_s is not None:
            axes.plot([one.count] * 2, [one.result.bound_s, value], color=COLOURS[0], linewidth=1)
        axes.annotate(
            literal(", ".join(one.places)),
            (one.count, value),
            xytext=(0, 8),
            ha="center",
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_xticks([one.count for one in found])
    axes.margins(x=0.2, y=0.2)
    axes.set_xlabel("computing satellites that may serve")
    axes.set_ylabel(f"{'mean' if objective == 'mean' else 'largest'} delay [s]")
    axes.set_title(title, loc="left")
    axes.legend(frameon=False)
    return figure
