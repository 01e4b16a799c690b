"""How training went: delay and reward against epochs, as the source's Fig. 6 (arXiv 2605.04565)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from leosplit.figures.style import COLOURS, GREY, new_figure

if TYPE_CHECKING:
    from solvers.marl.options import Epoch


def draw_training(
    history: "Sequence[Epoch]", untrained: float | None = None, title: str = "Training of the routing policy"
) -> Figure:
    """Draw transmission delay and reward of greedy routing on held-out episodes after each epoch.

    Parameters
    ----------
    history
        The epochs.
    untrained
        Transmission delay of the prior alone, relative to shortest paths.
    title
        Title of the figure.
    """
    figure, (left, right) = new_figure(8.0, 3.2, columns=2)
    epochs = [epoch.epoch for epoch in history]
    left.axhline(100, color=GREY, linewidth=1, linestyle="--")
    left.annotate(
        "shortest paths", (epochs[-1], 100), xytext=(0, -10), textcoords="offset points", ha="right", color=GREY
    )
    if untrained is not None:
        left.axhline(100 * untrained, color=GREY, linewidth=1, linestyle=":", label="before training (the prior alone)")
        left.legend(loc="center right")
    left.plot(epochs, [100 * epoch.transmission for epoch in history], color=COLOURS[0])
    left.set_ylabel("transmission delay, % of shortest paths'")
    right.plot(epochs, [epoch.reward for epoch in history], color=COLOURS[1])
    right.set_ylabel("mean reward R")
    for axes in (left, right):
        axes.set_xlabel("epoch")
    left.set_title(title, loc="left")
    return figure
