"""Instances as networkx graphs, and graph files: GraphML and node-link JSON in and out, GML in.

A graph that `to_networkx` made holds the whole instance: satellites as nodes, links as edges, the rest as JSON text
in the graph attribute ``leosplit``. Any other graph is an instance once its edges have a rate, see
`instances.graph_import`.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import networkx as nx

from fitting.checks import short
from fitting.errors import LeosplitError
from fitting.jsonfile import parse_json, read_json, read_text, require_plain_xml, write_json
from fitting.whole_file import whole_file
from instances.checks import InstanceError, whole
from instances.file import instance_from_dict, instance_to_dict
from instances.generate import generate_from_graph
from instances.graph_import import GraphOptions, plain_network
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
    graph: "nx.Graph[Any]",
    *,
    tasks: int = 3,
    computing: int = 2,
    seed: int = 0,
    where: str = "graph",
    **reading: Any,
) -> Instance:
    """Make an instance of a graph.

    Parameters
    ----------
    graph
        Any networkx graph: directed or not, with parallel edges or not. What `to_networkx` made is given back as it
        was; the other parameters are for graphs from elsewhere.
    tasks, computing, seed
        How roles are drawn where nodes have no `role`, and tasks; see `generate_from_graph`.
    where
        Name of the graph in messages.
    **reading
        How rates and lengths are read: fields of `GraphOptions`. What had to be assumed is in ``meta["notes"]``.

    Raises
    ------
    InstanceError
        If an edge lacks its rate, or a value is not allowed.
    """
    if GRAPH_KEY in graph.graph:
        return _restore(graph, where)
    name = str(graph.graph.get("name") or graph.graph.get("label") or Path(where).stem)
    plain, notes = plain_network(graph, GraphOptions(**reading), name, where)
    made = generate_from_graph(plain, tasks=tasks, computing=computing, seed=seed, spread=0.0)
    return replace(made, meta={**made.meta, "notes": notes}) if notes else made


def _restore(graph: "nx.Graph[Any]", where: str) -> Instance:
    """Undo `to_networkx`."""
    document = parse_json(str(graph.graph[GRAPH_KEY]), f"{where}: attribute {GRAPH_KEY!r}")
    satellites = []
    for node, data in graph.nodes(data=True):
        values = {"id": node, **{key: data[key] for key in _NODE_KEYS if key in data}}
        if all(key in data for key in _POSITION):
            values["position_m"] = [data[key] for key in _POSITION]
        satellites.append(values)
    links = []
    for source, target, data in sorted(graph.edges(data=True), key=_place):
        links.append({"from": source, "to": target, **{key: data[key] for key in _EDGE_KEYS if key in data}})
    if not isinstance(document, dict):
        raise InstanceError(f"{where}: attribute {GRAPH_KEY!r} must hold a JSON object")
    return instance_from_dict({**document, "satellites": satellites, "links": links}, where)


def _place(edge: tuple[Any, Any, dict[str, Any]]) -> int:
    return whole("index of an edge", edge[2].get("index", 0), 0)


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
        GraphML, GML, or node-link JSON with the edges under ``edges`` or ``links``.
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
        return from_networkx(_READERS[_form(path, form)](path), where=str(path), **options)


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
    chosen = form or _FORMS.get(Path(path).suffix.lower())
    if chosen not in _FORMS.values():
        given = form or Path(path).suffix or "no suffix"
        raise InstanceError(f"{path}: a graph file is gml, graphml or node-link (.gml, .graphml or .json), got {given}")
    return str(chosen)


def _read_xml(path: str | Path) -> "nx.Graph[Any]":
    text = read_text(path)
    require_plain_xml(text, str(path))
    try:
        graph: nx.Graph[Any] = nx.parse_graphml(text, force_multigraph=True)
    except Exception as error:  # networkx trusts the file, and fails in ways of its own where it is wrong
        raise InstanceError(f"{path}: not GraphML that can be read: {_reason(error)}") from None
    return graph


def _read_gml(path: str | Path) -> "nx.Graph[Any]":
    text = read_text(path)
    if "multigraph" not in text:  # networkx refuses parallel edges without this key
        text = re.sub(r"graph\s*\[", "graph [\n  multigraph 1", text, count=1)
    try:
        graph: nx.Graph[Any] = nx.parse_gml(text, label="id")
    except Exception as error:  # as above
        raise InstanceError(f"{path}: not GML that can be read: {_reason(error)}") from None
    return graph


def _read_node_link(path: str | Path) -> "nx.Graph[Any]":
    """Read node-link JSON; without a key ``directed``, edges that stand there both ways say that it is."""
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
        known = {_hashable(node["id"]) for node in document["nodes"]}
        ends = [(_hashable(edge["source"]), _hashable(edge["target"])) for edge in document[edges]]
    except (KeyError, TypeError) as error:  # no id, or one that is no key
        raise InstanceError(f"{path}: not node-link JSON that can be read: {_reason(error)}") from None
    for a, b in ends:
        for end in (a, b):
            if end not in known:
                raise InstanceError(f"{path}: edge {short(a)} -> {short(b)}: there is no node {short(end)}")
    both = {(a, b) for a, b in ends if a != b}
    turned = next(((a, b) for a, b in ends if a != b and (b, a) in both), None)
    if turned is not None and document.get("directed") is False and not document.get("multigraph"):
        raise InstanceError(
            f"{path}: edge {short(turned[0])} - {short(turned[1])} stands there both ways in a graph that says "
            "directed: false; directed: true keeps both"
        )
    document = {"directed": turned is not None, **document, "multigraph": True}
    for place, edge in enumerate(document[edges]):
        edge["key"] = place
    try:
        graph: nx.Graph[Any] = nx.node_link_graph(document, edges=edges)
    except Exception as error:  # as above
        raise InstanceError(f"{path}: not node-link JSON that can be read: {_reason(error)}") from None
    return graph


def _reason(error: Exception) -> str:
    """Return an error of another library in one line of bounded length."""
    return f"{type(error).__name__} {' '.join(str(error).split())}"[:200]


def _hashable(value: Any) -> Any:
    """Return an id as networkx keeps it; a TypeError where it can be none."""
    found = tuple(value) if isinstance(value, list) else value
    hash(found)
    return found


_FORMS = {".graphml": "graphml", ".gml": "gml", ".json": "node-link"}
_READERS = {"graphml": _read_xml, "gml": _read_gml, "node-link": _read_node_link}
