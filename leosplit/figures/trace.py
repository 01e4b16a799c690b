"""The paper's Figure 5: what the bisection does, iteration by iteration."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from leosplit.figures.style import COLOURS, GREY, new_figure
from solvers.result import Result


def draw_trace(result: Result, exact: Result, title: str) -> Figure:
    """Draw delay, idle times of both sides and ρ of every task against the iteration.

    Parameters
    ----------
    result
        Result of a bisection scheme, with its trace.
    exact
        Result of the exact solver on the same instance: its optimum and bound are drawn as lines.
    title
        Title of the figure.
    """
    records = result.trace
    steps = [record["iteration"] for record in records]
    figure, (left, middle, right) = new_figure(11.0, 3.8, 3)
    left.plot(steps, [record["mean_delay_s"] for record in records], "o-", color=COLOURS[0], ms=4, label="bisection")
    if exact.objective_s is not None:
        left.axhline(exact.objective_s, color="black", ls="--", lw=1.2, label="exact")
    if exact.bound_s is not None:
        left.axhline(exact.bound_s, color=GREY, ls=":", lw=1.2, label="proven bound")
    left.set(ylabel="mean delay [s]")
    left.set_title(title, loc="left")
    for name, colour, words in (
        ("idle_computing_s", COLOURS[1], "computing satellite waits"),
        ("idle_remote_sensing_s", COLOURS[2], "remote-sensing satellite waits"),
    ):
        middle.plot(steps, [float(np.mean(record[name])) for record in records], "o-", color=colour, ms=4, label=words)
    middle.set(ylabel="idle time, mean over tasks [s]")
    _draw_ratios(right, steps, records)
    for axes in (left, middle, right):
        axes.set_xlabel("iteration")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (left, middle):
        axes.legend(frameon=False, fontsize=8)
    return figure


def _draw_ratios(axes: Any, steps: list[int], records: tuple[dict[str, Any], ...]) -> None:
    """Draw one line a task."""
    ratios = np.array([record["offload_ratio"] for record in records])
    for k in range(ratios.shape[1]):
        axes.plot(steps, ratios[:, k], "-", color=COLOURS[k % len(COLOURS)], lw=1.3)
    axes.set(ylabel="allocation ratio ρ of each task", ylim=(-0.03, 1.03))
