"""Abstract instances for tests and studies: a torus, or any directed graph, with rates drawn around a nominal one."""

from typing import Any

import networkx as nx
import numpy as np

from fitting.checks import short
from fitting.presets import preset_curves
from instances.checks import InstanceError
from instances.constellation import MAXIMUM_SATELLITES
from instances.instance import Accuracy, Instance, Link
from instances.isl import LinkPlan, grid_rows
from instances.link_budget import STANDARD_RADIO
from instances.roles import components, draw_roles
from instances.task_model import Hardware, TaskModel

NOMINAL_LENGTH_M = 4.0e6
"""Length of a link without one, m: between the neighbours of Iridium's planes; scenario."""


def generate_torus(
    rows: int,
    columns: int,
    *,
    tasks: int = 3,
    computing: int = 2,
    seed: int = 0,
    spread: float = 0.3,
    task_model: TaskModel | None = None,
    hardware: Hardware | None = None,
) -> Instance:
    """Make an instance on a torus of `rows` planes with `columns` satellites each.

    Parameters
    ----------
    rows, columns
        Planes and satellites a plane, at least 1 each; ids are ``"plane-slot"``, links have directions.
    tasks, computing, seed, spread, task_model, hardware
        As in `generate_from_graph`.

    Raises
    ------
    InstanceError
        If a number is out of range.
    """
    require_torus(rows, columns)
    plan = LinkPlan.from_rows(grid_rows(rows, columns))
    graph: nx.DiGraph[Any] = nx.DiGraph(name=f"torus-{rows}x{columns}")
    for index in range(rows * columns):
        graph.add_node(f"{index // columns}-{index % columns}", plane=index // columns, slot=index % columns)
    names = list(graph)
    for source, target, direction in zip(plan.source, plan.target, plan.direction, strict=True):
        graph.add_edge(names[source], names[target], direction=direction)
    return generate_from_graph(
        graph,
        tasks=tasks,
        computing=computing,
        seed=seed,
        spread=spread,
        task_model=task_model,
        hardware=hardware,
    )


def require_torus(rows: int, columns: int) -> None:
    """Refuse sizes that no torus has, before one is made."""
    if rows < 1 or columns < 1:
        raise InstanceError(f"torus: rows and columns must be at least 1, got {rows} and {columns}")
    if rows * columns > MAXIMUM_SATELLITES:
        raise InstanceError(f"torus: {rows} x {columns} is more than {MAXIMUM_SATELLITES} satellites")


def generate_from_graph(
    graph: "nx.DiGraph[Any]",
    *,
    tasks: int = 3,
    computing: int = 2,
    seed: int = 0,
    spread: float = 0.3,
    task_model: TaskModel | None = None,
    hardware: Hardware | None = None,
) -> Instance:
    """Make an instance on a directed graph.

    Every link's rate is its nominal rate times a factor drawn uniformly from [1 − spread, 1 + spread], each
    direction by itself. The seed draws the roles (see `draw_roles`), then the tasks, then the factors.

    Parameters
    ----------
    graph
        Nodes become satellites (optional attributes `role`, `plane` and `slot`), edges links. An edge's attributes
        `rate_bps` (bit/s), `length_m` (m) and `direction` are taken where given; a missing length is 4000 km, a
        missing rate what the presets' radio reaches over the length.
    tasks, computing
        Numbers of tasks and computing satellites; not used where nodes have a `role`: then every sensing one has a
        task.
    seed
        Seed, at least 0.
    spread
        Half-width of the factor, in [0, 1).
    task_model, hardware
        Distributions; the presets' by default.

    Raises
    ------
    InstanceError
        If a number is out of range, or no draw of roles can be served.
    """
    if not 0.0 <= spread < 1.0:
        raise InstanceError(f"spread must be in [0, 1), got {spread!r}")
    if seed < 0:
        raise InstanceError(f"seed must be at least 0, got {seed}")
    if len(graph) > MAXIMUM_SATELLITES:
        raise InstanceError(f"graph: {len(graph)} nodes are more than {MAXIMUM_SATELLITES} satellites")
    if not graph.is_directed() or graph.is_multigraph():
        raise InstanceError(
            "graph must be a networkx.DiGraph; an undirected one is made directed by graph.to_directed()"
        )
    model, equipment, rng = task_model or TaskModel(), hardware or Hardware(), np.random.default_rng(seed)
    names = [str(node) for node in graph]
    index = {node: k for k, node in enumerate(graph)}
    ends = np.array([(index[a], index[b]) for a, b in graph.edges], dtype=np.intp).reshape(-1, 2)
    role = {k: str(data["role"]) for k, data in enumerate(graph.nodes.values()) if "role" in data}
    if not role:
        senses, computes = draw_roles(rng, components(len(names), ends[:, 0], ends[:, 1]), tasks, computing)
        role = dict.fromkeys(senses, "remote_sensing") | dict.fromkeys(computes, "computing")
    senses = sorted(k for k, name in role.items() if name == "remote_sensing")
    drawn = tuple(model.draw(rng, names[k]) for k in senses)
    factors = rng.uniform(1.0 - spread, 1.0 + spread, size=len(ends))
    return Instance(
        name=f"{graph.name or 'graph'}-{len(senses)}t{list(role.values()).count('computing')}c-s{seed}",
        satellites=tuple(
            equipment.satellite(name, role.get(k, "relay"), plane=data.get("plane"), slot=data.get("slot"))
            for k, (name, (_, data)) in enumerate(zip(names, graph.nodes(data=True), strict=True))
        ),
        links=tuple(
            _link(names[index[a]], names[index[b]], data, float(factor))
            for (a, b, data), factor in zip(graph.edges(data=True), factors, strict=True)
        ),
        tasks=drawn,
        accuracy=Accuracy(*preset_curves()),
        meta={"generator": str(graph.name or "graph"), "seed": seed, "spread": spread},
    )


def _link(source: str, target: str, data: dict[str, Any], factor: float) -> Link:
    """One edge as a link, its nominal rate scaled by `factor`."""
    try:
        length = float(data.get("length_m", NOMINAL_LENGTH_M))
        rate = float(data.get("rate_bps", STANDARD_RADIO.rate_bps(length)))
    except (OverflowError, TypeError, ValueError):
        got = short(data)
        raise InstanceError(f"edge {source} -> {target}: rate_bps and length_m must be numbers, got {got}") from None
    direction = data.get("direction")
    return Link(source, target, rate * factor, length, None if direction is None else str(direction))
