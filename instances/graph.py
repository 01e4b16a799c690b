"""Instances as networkx graphs, and graph files: GraphML and node-link JSON, in and out.

A graph that `to_networkx` made holds the whole instance: satellites as nodes, links as edges, the rest as JSON text
in the graph attribute ``leosplit``. Any other directed graph is an instance once its edges have a rate and a length.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import networkx as nx

from fitting.checks import repeated, short
from fitting.errors import LeosplitError
from fitting.jsonfile import parse_json, read_json, read_text, require_plain_xml, write_json
from fitting.whole_file import whole_file
from instances.checks import InstanceError, whole
from instances.file import instance_from_dict, instance_to_dict
from instances.generate import generate_from_graph
from instances.instance import Instance, Link, Satellite

GRAPH_KEY = "leosplit"
_POSITION = ("x_m", "y_m", "z_m")
_NODE_KEYS = tuple(f.name for f in fields(Satellite) if f.name not in ("id", "position_m"))
_EDGE_KEYS = tuple(f.name for f in fields(Link) if f.name not in ("source", "target"))


def to_networkx(instance: Instance) -> "nx.DiGraph[Any]":
    """Make the graph of an instance, without loss.

    Parameters
    ----------
    instance
        The instance.

    Returns
    -------
    networkx.DiGraph
        Nodes have `role`, `ops_per_s` and so on, positions as `x_m`, `y_m`, `z_m`; edges `rate_bps`, `length_m`,
        `direction` and their place `index`; what is not set is left out.
    """
    document = instance_to_dict(instance)
    rest = {key: value for key, value in document.items() if key not in ("satellites", "links")}
    graph: nx.DiGraph[Any] = nx.DiGraph(name=instance.name, **{GRAPH_KEY: json.dumps(rest)})
    for satellite in instance.satellites:
        values = {key: getattr(satellite, key) for key in _NODE_KEYS}
        values |= dict(zip(_POSITION, satellite.position_m or (None,) * 3, strict=True))
        graph.add_node(satellite.id, **{key: value for key, value in values.items() if value is not None})
    for index, link in enumerate(instance.links):
        values = {key: getattr(link, key) for key in _EDGE_KEYS} | {"index": index}
        graph.add_edge(link.source, link.target, **{key: value for key, value in values.items() if value is not None})
    return graph


def from_networkx(
    graph: "nx.DiGraph[Any]",
    *,
    tasks: int = 3,
    computing: int = 2,
    seed: int = 0,
    rate_key: str = "rate_bps",
    length_key: str = "length_m",
    where: str = "graph",
) -> Instance:
    """Make an instance of a graph.

    Parameters
    ----------
    graph
        What `to_networkx` made is given back as it was; the other parameters are for graphs from elsewhere.
    tasks, computing, seed
        How roles are drawn where nodes have no `role`, and tasks; see `generate_from_graph`.
    rate_key, length_key
        Names of the edge attributes that hold the rate, bit/s, and the length, m.
    where
        Name of the graph in messages.

    Raises
    ------
    InstanceError
        If an edge lacks its rate or length, or a value is not allowed.
    """
    if GRAPH_KEY in graph.graph:
        return _restore(graph, where)
    if graph.is_multigraph():
        raise InstanceError(f"{where}: parallel links between two satellites are not supported")
    plain: nx.DiGraph[Any] = nx.DiGraph(name=graph.graph.get("name") or Path(where).stem)
    twice = repeated(str(node) for node in graph)
    if twice is not None:
        raise InstanceError(f"{where}: two nodes are called {short(twice)}")
    plain.add_nodes_from((str(node), _kept(data, ("role", "plane", "slot"))) for node, data in graph.nodes(data=True))
    for source, target, data in graph.to_directed().edges(data=True):
        for key in (rate_key, length_key):
            if key not in data:
                has = ", ".join(map(str, data)) or "none"
                raise InstanceError(f"{where}: edge {source} -> {target} has no attribute {key!r}, only {has}")
        values = {"rate_bps": data[rate_key], "length_m": data[length_key]}
        plain.add_edge(str(source), str(target), **values, **_kept(data, ("direction",)))
    return generate_from_graph(plain, tasks=tasks, computing=computing, seed=seed, spread=0.0)


def _kept(data: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: data[key] for key in keys if key in data}


def _restore(graph: "nx.DiGraph[Any]", where: str) -> Instance:
    """Undo `to_networkx`."""
    document = parse_json(str(graph.graph[GRAPH_KEY]), f"{where}: attribute {GRAPH_KEY!r}")
    satellites = []
    for node, data in graph.nodes(data=True):
        values = {"id": node, **_kept(data, _NODE_KEYS)}
        if all(key in data for key in _POSITION):
            values["position_m"] = [data[key] for key in _POSITION]
        satellites.append(values)
    edges = sorted(graph.edges(data=True), key=lambda edge: whole("index of an edge", edge[2].get("index", 0), 0))
    links = [{"from": source, "to": target, **_kept(data, _EDGE_KEYS)} for source, target, data in edges]
    if not isinstance(document, dict):
        raise InstanceError(f"{where}: attribute {GRAPH_KEY!r} must hold a JSON object")
    return instance_from_dict({**document, "satellites": satellites, "links": links}, where)


def write_graph(instance: Instance, path: str | Path, form: str | None = None) -> None:
    """Write an instance as a graph file that reads back without loss.

    Parameters
    ----------
    instance
        The instance.
    path
        The file.
    form
        ``graphml`` or ``node-link``; by default what the suffix says, ``.graphml`` or ``.json``.
    """
    graph = to_networkx(instance)
    if _form(path, form) == "graphml":
        with whole_file(path) as file:
            nx.write_graphml_xml(graph, file)
    else:
        write_json(nx.node_link_data(graph, edges="edges"), path)


def read_graph(path: str | Path, form: str | None = None, **options: Any) -> Instance:
    """Read an instance from a graph file.

    Parameters
    ----------
    path
        GraphML or node-link JSON, with the edges under ``edges`` or ``links``.
    form
        As in `write_graph`.
    options
        Passed to `from_networkx`.

    Raises
    ------
    LeosplitError
        If the file cannot be read or makes no instance.
    """
    with located(path):
        graph = _read_graphml(path) if _form(path, form) == "graphml" else _read_node_link(path)
        return from_networkx(graph, where=str(path), **options)


@contextmanager
def located(path: str | Path) -> Iterator[None]:
    """Put the file in front of an error that does not name it."""
    try:
        yield
    except RecursionError:
        raise InstanceError(f"{path}: nested too deeply") from None
    except LeosplitError as error:
        if str(error).startswith(str(path)):
            raise
        raise InstanceError(f"{path}: {error}") from None


def _form(path: str | Path, form: str | None) -> str:
    known = {".graphml": "graphml", ".json": "node-link"}
    chosen = form or known.get(Path(path).suffix.lower())
    if chosen not in known.values():
        given = form or Path(path).suffix or "no suffix"
        raise InstanceError(f"{path}: a graph file is graphml or node-link (.graphml or .json), got {given}")
    return str(chosen)


def _read_graphml(path: str | Path) -> "nx.DiGraph[Any]":
    text = read_text(path)
    require_plain_xml(text, str(path))
    try:
        graph: nx.DiGraph[Any] = nx.parse_graphml(text)
    except Exception as error:  # networkx trusts the file, and fails in ways of its own where it is wrong
        raise InstanceError(f"{path}: not GraphML that can be read: {_reason(error)}") from None
    return graph


def _read_node_link(path: str | Path) -> "nx.DiGraph[Any]":
    document = read_json(path)
    edges = "links" if isinstance(document, dict) and "links" in document else "edges"
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), list) or edges not in document:
        raise InstanceError(f"{path}: node-link JSON must be an object with nodes and edges")
    if not isinstance(document.get("graph", {}), dict):
        raise InstanceError(f"{path}: graph must be an object, got {short(document['graph'])}")
    for key in ("nodes", edges):
        if not isinstance(document[key], list):
            raise InstanceError(f"{path}: {key} must be a list, got {short(document[key])}")
        for k, item in enumerate(document[key]):
            if not isinstance(item, dict):
                raise InstanceError(f"{path}: {key}[{k}] must be an object, got {short(item)}")
    try:
        graph: nx.DiGraph[Any] = nx.node_link_graph(document, multigraph=False, edges=edges)
    except Exception as error:  # as above
        raise InstanceError(f"{path}: not node-link JSON that can be read: {_reason(error)}") from None
    return graph


def _reason(error: Exception) -> str:
    """Return an error of another library in one line of bounded length."""
    return f"{type(error).__name__} {' '.join(str(error).split())}"[:200]
