"""The map of a network: satellites, links and the routes of a solution."""

import math
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from formulation import Solution
from instances import Instance
from leosplit.figures.style import COLOURS, GREY, new_figure

Point = tuple[float, float]
_ROLE_STYLE = {
    "relay": ("o", "#c8c8c8", 2.5),
    "remote_sensing": ("^", "#222222", 6.5),
    "computing": ("s", "#b00020", 7.5),
}


def layout(instance: Instance) -> tuple[dict[str, Point], tuple[str, str], float | None]:
    """Place the satellites on paper.

    Returns
    -------
    places : dict
        Point of each satellite id.
    labels : tuple of str
        Labels of the two axes.
    period : float or None
        Length after which the first axis repeats (degrees), or None.
    """
    satellites = instance.satellites
    if all(satellite.position_m is not None for satellite in satellites):
        places = {}
        for satellite in satellites:
            x, y, z = satellite.position_m or (0.0, 0.0, 0.0)
            right_ascension = math.degrees(math.atan2(y, x))
            places[satellite.id] = (right_ascension, math.degrees(math.atan2(z, math.hypot(x, y))))
        return places, ("right ascension [°]", "declination [°]"), 360.0
    if all(satellite.plane is not None and satellite.slot is not None for satellite in satellites):
        grid = {satellite.id: (float(satellite.plane or 0), float(satellite.slot or 0)) for satellite in satellites}
        return grid, ("plane", "slot in the plane"), None
    import networkx as nx

    graph = nx.Graph((link.source, link.target) for link in instance.links)
    graph.add_nodes_from(satellite.id for satellite in satellites)
    places = {name: (float(x), float(y)) for name, (x, y) in nx.kamada_kawai_layout(graph).items()}
    return places, ("", ""), None


def _strokes(start: Point, end: Point, period: float | None) -> list[tuple[Point, Point]]:
    """Return the line from one point to another, cut in two where it leaves a periodic map."""
    if period is None or abs(end[0] - start[0]) <= period / 2:
        return [(start, end)]
    shift = period if end[0] < start[0] else -period
    return [(start, (end[0] + shift, end[1])), ((start[0] - shift, start[1]), end)]


def _draw_line(
    axes: Axes, start: Point, end: Point, period: float | None, offset: float = 0.0, **style: object
) -> None:
    """Draw a link, moved sideways by an offset so that packets that share it stay visible."""
    for (x1, y1), (x2, y2) in _strokes(start, end, period):
        length = math.hypot(x2 - x1, y2 - y1) or 1.0
        dx, dy = -(y2 - y1) / length * offset, (x2 - x1) / length * offset
        axes.plot([x1 + dx, x2 + dx], [y1 + dy, y2 + dy], **style)  # type: ignore[arg-type]


def draw_map(instance: Instance, solution: Solution | None = None, title: str | None = None) -> Figure:
    """Draw a network and the routes of a solution.

    Data packets are solid, model packets dashed, one colour a task; packets on one link run side by side. Satellites
    with positions stand at their right ascension and declination, others at their plane and slot.

    Parameters
    ----------
    instance
        The network.
    solution
        The routes; none are drawn when left out.
    title
        Title of the figure; the instance's name when left out.
    """
    places, labels, period = layout(instance)
    figure, (axes,) = new_figure(8.0, 5.2)
    for link in instance.links:
        _draw_line(axes, places[link.source], places[link.target], period, color="#e2e2e2", lw=0.6, zorder=1)
    if solution is not None:
        _draw_routes(axes, places, period, solution)
    for role, (marker, colour, size) in _ROLE_STYLE.items():
        points = [places[satellite.id] for satellite in instance.satellites if satellite.role == role]
        axes.plot(*zip(*points, strict=True) if points else ([], []), marker, color=colour, ms=size, zorder=4)
    for satellite in instance.satellites:
        if satellite.role != "relay":
            axes.annotate(
                satellite.id, places[satellite.id], xytext=(5, 5), textcoords="offset points", fontsize=7, zorder=5
            )
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.set_title(title or instance.name, loc="left")
    axes.grid(visible=False)
    if period is not None:
        axes.set_xlim(-period / 2, period / 2)
    _draw_legend(figure)
    return figure


def _draw_routes(axes: Axes, places: dict[str, Point], period: float | None, solution: Solution) -> None:
    """Draw each packet's route with its place among the packets of the same pair of satellites."""
    span = max(y for _, y in places.values()) - min(y for _, y in places.values()) or 1.0
    used: dict[frozenset[str], int] = {}
    for k, task in enumerate(solution.tasks):
        colour = COLOURS[k % len(COLOURS)]
        for path, dash in ((task.data_path, "-"), (task.model_path, (0, (3, 2)))):
            for source, target in pairwise(path or ()):
                pair = frozenset((source, target))
                rank = used[pair] = used.get(pair, 0) + 1
                side = (rank // 2) * (-1) ** rank * (1 if source < target else -1)
                style = {"color": colour, "linestyle": dash, "lw": 1.8, "zorder": 3}
                _draw_line(axes, places[source], places[target], period, 0.009 * span * side, **style)


def _draw_legend(figure: Figure) -> None:
    """Explain markers and lines below the map."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, ms=size, ls="", label=role.replace("_", " "))
        for role, (marker, colour, size) in _ROLE_STYLE.items()
    ]
    handles += [
        Line2D([], [], color=GREY, ls="-", label="data packet"),
        Line2D([], [], color=GREY, ls="--", label="model packet"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
