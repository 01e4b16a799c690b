"""The figure of a simulation: delay, allocation and change over the slots."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from leosplit.figures.style import COLOURS, GREY, literal, new_figure

if TYPE_CHECKING:
    from instances import Scenario
    from leosplit.simulation import SlotResult


def draw_simulation(results: "Sequence[SlotResult]", scenario: "Scenario", scheme: str) -> Figure:
    """Draw delays, offload ratios, hand-overs and link churn over time.

    Parameters
    ----------
    results
        The slots, in order.
    scenario, scheme
        What was simulated, for the title and the length of a slot.
    """
    figure, (delay, ratio, routes, churn) = new_figure(7.2, 7.2, rows=4)
    hours = scenario.span_s > 2.0 * 3600.0
    unit, name = (3600.0, "h") if hours else (60.0, "min")
    _draw_delay(delay, results, unit, scenario.slot_s)
    ratios = [(t.time_s / unit, t.offload_ratio) for one in results for t in one.tasks if t.offload_ratio is not None]
    ratio.plot([time for time, _ in ratios], [rho for _, rho in ratios], ".", color=COLOURS[2], ms=5)
    ratio.set(ylabel="offload ratio ρ", ylim=(-0.05, 1.05))
    times = [one.row.time_s / unit for one in results]
    width = 0.8 * scenario.slot_s / unit
    routes.bar(times, [one.row.routes for one in results], width, color="#d4d4d4", label="routes")
    routes.bar(times, [one.row.broken_routes for one in results], width, color=COLOURS[1], label="broken by this slot")
    marked = [one.row for one in results if one.row.handovers]
    marks = [row.time_s / unit for row in marked], [row.handovers for row in marked]
    routes.plot(*marks, "v", color=COLOURS[0], ms=4, label="handed over")
    routes.set(ylabel="routes")
    routes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    churn.step(
        times, [one.row.links_new + one.row.links_gone for one in results], where="mid", color=COLOURS[3], lw=1.0
    )
    churn.set(ylabel="links changed", xlabel=f"time after the epoch [{name}]", ylim=(0, None))
    for axes in (delay, routes):
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.2, fontsize=8, frameon=False)
    delay.set_title(literal(f"{scenario.name}: {scheme}"), loc="left")
    figure.align_ylabels()
    return figure


def _draw_delay(axes: Axes, results: "Sequence[SlotResult]", unit: float, slot_s: float) -> None:
    """Draw the tasks' delays, the mean of each slot, what is cut off, and Δt where it is in reach."""
    tasks = [(t.time_s / unit, t.delay_s) for one in results for t in one.tasks if t.delay_s is not None]
    means = [(one.row.time_s / unit, one.row.mean_s) for one in results if one.row.mean_s is not None]
    axes.plot([time for time, _ in tasks], [delay for _, delay in tasks], ".", color=COLOURS[4], ms=4, label="task")
    level = [mean for _, mean in means]
    axes.plot([time for time, _ in means], level, "_", color=COLOURS[0], ms=7, mew=1.6, label="slot mean")
    top = max((delay for _, delay in tasks), default=1.0)
    axes.set(ylabel="delay T [s]", ylim=(0.0, 1.1 * top))
    if top > 0.5 * slot_s:
        axes.axhline(slot_s, color=GREY, lw=1.0, ls="--")
        axes.annotate("Δt", (0.0, slot_s), xycoords=("axes fraction", "data"), color=GREY, va="bottom", fontsize=8)
    lost = [task.time_s / unit for one in results for task in one.tasks if task.termination == "cut_off"]
    if lost:
        axes.plot(lost, [0.03 * top] * len(lost), "x", color=COLOURS[1], ms=5, label="cut off")
