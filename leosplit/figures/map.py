"""The map of a network: satellites, links and the routes of a solution."""

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from formulation import Solution
from instances import Instance
from instances.ground import ground_track_deg
from instances.presets import EPOCH
from leosplit.figures.style import COLOURS, GREY, literal, new_figure

Point = tuple[float, float]
Ends = tuple[float, float]
_MANY = 300
_RATES = ListedColormap(colormaps["Blues"](np.linspace(0.25, 1.0, 256)))  # the palest blues vanish on white
_ROLE_STYLE = {
    "relay": ("o", "#b0b0b0", 2.5),
    "remote_sensing": ("^", "#222222", 6.5),
    "computing": ("s", "#b00020", 7.5),
}


@dataclass(frozen=True)
class Layout:
    """Where satellites stand on paper.

    Attributes
    ----------
    places
        Point of each satellite id.
    labels
        Labels of the two axes.
    limits
        Ends of each axis that repeats beyond them, or None where it does not.
    """

    places: dict[str, Point]
    labels: tuple[str, str]
    limits: tuple[Ends | None, Ends | None]


def layout(instance: Instance) -> Layout:
    """Place satellites over the ground, else at plane and slot, else by force."""
    satellites = instance.satellites
    if all(satellite.position_m is not None for satellite in satellites):
        epoch = datetime.fromisoformat(str(instance.meta.get("epoch", EPOCH)))
        positions = np.array([satellite.position_m for satellite in satellites])
        latitude, longitude = ground_track_deg(positions[None], np.array([instance.time_s or 0.0]), epoch)
        points = zip(longitude[0].tolist(), latitude[0].tolist(), strict=True)
        places = {satellite.id: point for satellite, point in zip(satellites, points, strict=True)}
        return Layout(places, ("longitude [°]", "latitude [°]"), ((-180.0, 180.0), None))
    if all(satellite.plane is not None and satellite.slot is not None for satellite in satellites):
        places = {satellite.id: (float(satellite.plane or 0), float(satellite.slot or 0)) for satellite in satellites}
        right, top = (max(axis) + 0.5 for axis in zip(*places.values(), strict=True))
        return Layout(places, ("plane", "slot in the plane"), ((-0.5, right), (-0.5, top)))
    import networkx as nx

    graph = nx.Graph((link.source, link.target) for link in instance.links)
    graph.add_nodes_from(satellite.id for satellite in satellites)
    forced = {name: (float(x), float(y)) for name, (x, y) in nx.kamada_kawai_layout(graph).items()}
    return Layout(forced, ("", ""), (None, None))


def _nearest(start: float, end: float, ends: Ends | None) -> float:
    """Return the image of `end` that is nearest to `start` on an axis that may repeat."""
    period = ends[1] - ends[0] if ends else math.inf
    shift = round((end - start) / period)
    return end - period * shift if shift else end


def _strokes(start: Point, end: Point, limits: tuple[Ends | None, Ends | None]) -> list[tuple[Point, Point]]:
    """Return the line from one point to another; twice, running off the edges, where the map repeats between them."""
    there = (_nearest(start[0], end[0], limits[0]), _nearest(start[1], end[1], limits[1]))
    if there == end:
        return [(start, end)]
    back = (start[0] - there[0] + end[0], start[1] - there[1] + end[1])
    return [(start, there), (back, end)]


def _draw_line(axes: Axes, plan: Layout, ends: tuple[str, str], offset: float = 0.0, **style: Any) -> None:
    """Draw a link, moved sideways by an offset so that packets that share it stay visible."""
    for (x1, y1), (x2, y2) in _strokes(plan.places[ends[0]], plan.places[ends[1]], plan.limits):
        length = math.hypot(x2 - x1, y2 - y1) or 1.0
        dx, dy = -(y2 - y1) / length * offset, (x2 - x1) / length * offset
        axes.plot([x1 + dx, x2 + dx], [y1 + dy, y2 + dy], **style)


def draw_map(instance: Instance, solution: Solution | None = None, title: str | None = None) -> Figure:
    """Draw a network, the rates of its links, and the routes of a solution with their loads.

    Links have the colour of their rate, the slower of the two directions. Data packets are solid, model packets dashed,
    one colour a task; packets on one link run side by side, and a number on a link says how many packets of one kind
    share a direction of it. Satellites with positions stand over the ground, others at their plane and slot.

    Parameters
    ----------
    instance
        The network.
    solution
        The routes; none are drawn when left out.
    title
        Title of the figure; the instance's name when left out.
    """
    plan = layout(instance)
    figure, (axes,) = new_figure(8.0, 5.2)
    _draw_links(figure, axes, plan, instance, faint=solution is not None)
    if solution is not None:
        _draw_routes(axes, plan, solution)
        _draw_loads(axes, plan, solution)
    for role, (marker, colour, size) in _ROLE_STYLE.items():
        points = [plan.places[satellite.id] for satellite in instance.satellites if satellite.role == role]
        small = size / 2 if len(points) > _MANY else size
        axes.plot(*zip(*points, strict=True) if points else ([], []), marker, color=colour, ms=small, zorder=4)
    _name_satellites(axes, plan, instance)
    axes.set(xlabel=plan.labels[0], ylabel=plan.labels[1])
    axes.set_title(literal(title or instance.name), loc="left")
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    horizontal, vertical = plan.limits
    if horizontal is not None:
        axes.set_xlim(horizontal)
        if horizontal == (-180.0, 180.0):
            axes.set_xticks(range(-180, 181, 60))
    if vertical is not None:
        axes.set_ylim(vertical)
    _draw_legend(figure, solution)
    return figure


def _draw_links(figure: Figure, axes: Axes, plan: Layout, instance: Instance, *, faint: bool) -> None:
    """Draw each pair of satellites once, in the colour of its slower direction, and the scale of rates."""
    rates: dict[tuple[str, str], float] = {}
    for link in instance.links:
        pair = (link.target, link.source) if (link.target, link.source) in rates else (link.source, link.target)
        rates[pair] = min(rates.get(pair, math.inf), link.rate_bps / 1e6)
    if not rates:
        return
    pieces = [(stroke, rate) for pair, rate in rates.items() for stroke in _strokes(*_ends(plan, pair), plan.limits)]
    low, high = min(rates.values()), max(rates.values())
    scale = LogNorm(low, high) if high > 1.5 * low else Normalize(low * 0.99, high * 1.01)
    width = 0.5 if len(rates) > _MANY else 1.1
    lines = LineCollection(
        [stroke for stroke, _ in pieces],
        array=np.array([rate for _, rate in pieces]),
        cmap=_RATES,
        norm=scale,
        lw=width,
        alpha=0.6 if faint else 0.9,
        zorder=1,
    )
    axes.add_collection(lines)
    axes.autoscale_view()
    bar = figure.colorbar(lines, ax=axes, pad=0.015, aspect=35)
    bar.set_label("rate of the link [Mbit/s]")
    if isinstance(scale, LogNorm):
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _ends(plan: Layout, pair: tuple[str, str]) -> tuple[Point, Point]:
    return plan.places[pair[0]], plan.places[pair[1]]


def _draw_loads(axes: Axes, plan: Layout, solution: Solution) -> None:
    """Write the largest load n of each link that is shared at its middle."""
    loads: dict[tuple[str, str], int] = {}
    for kind in ("data_path", "model_path"):
        count = Counter(step for task in solution.tasks for step in pairwise(getattr(task, kind) or ()))
        for (source, target), load in count.items():
            pair = (min(source, target), max(source, target))
            loads[pair] = max(loads.get(pair, 0), load)
    for pair, load in loads.items():
        (x1, y1), (x2, y2) = _strokes(*_ends(plan, pair), plan.limits)[0]
        if load > 1:
            box = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": GREY, "lw": 0.6}
            middle = ((x1 + x2) / 2, (y1 + y2) / 2)
            axes.annotate(str(load), middle, ha="center", va="center", fontsize=6.5, bbox=box, zorder=4.5)


def _name_satellites(axes: Axes, plan: Layout, instance: Instance) -> None:
    """Write the ids of all satellites that do more than relay, towards the middle of the map."""
    middle = sum(plan.limits[0]) / 2 if plan.limits[0] else 0.0
    for satellite in instance.satellites:
        if satellite.role == "relay":
            continue
        x, y = plan.places[satellite.id]
        side = 1 if x <= middle else -1
        text = axes.annotate(
            literal(satellite.id),
            (x, y),
            xytext=(6 * side, 5),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            fontsize=7,
            zorder=5,
        )
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def _draw_routes(axes: Axes, plan: Layout, solution: Solution) -> None:
    """Draw each packet's route with its place among the packets of the same pair of satellites."""
    heights = [y for _, y in plan.places.values()]
    step = 0.009 * ((max(heights) - min(heights)) or 1.0)
    used: dict[frozenset[str], int] = {}
    for k, task in enumerate(solution.tasks):
        colour = COLOURS[k % len(COLOURS)]
        for path, dash in ((task.data_path, "-"), (task.model_path, (0, (3, 2)))):
            for source, target in pairwise(path or ()):
                pair = frozenset((source, target))
                rank = used[pair] = used.get(pair, 0) + 1
                side = (rank // 2) * (-1) ** rank * (1 if source < target else -1)
                style = {"color": colour, "linestyle": dash, "lw": 1.8, "zorder": 3}
                _draw_line(axes, plan, (source, target), step * side, **style)


def _draw_legend(figure: Figure, solution: Solution | None) -> None:
    """Explain markers and lines below the map."""
    handles = [
        Line2D([], [], color=colour, marker=marker, ms=size, ls="", label=role.replace("_", " "))
        for role, (marker, colour, size) in _ROLE_STYLE.items()
    ]
    if solution is not None:
        handles += [
            Line2D([], [], color=GREY, ls="-", label="data packet"),
            Line2D([], [], color=GREY, ls="--", label="model packet"),
            Line2D([], [], color=GREY, marker="$2$", ms=4.5, ls="", label="packets that share a link"),
        ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
