"""Published graphs as networks: rates with their units, lengths from coordinates, parallel and missing edges told."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import networkx as nx

from fitting.checks import repeated, short
from instances.checks import CHECKS, InstanceError
from instances.ground import great_circle_m
from instances.rate_units import rate_unit_bps

ZOO_RATE = "LinkSpeedRaw"
"""Edge attribute of the Internet Topology Zoo with the rate in bit/s."""
LIKELY_BPS = (1e3, 1e15)
"""Rates outside are warned about: most often another unit."""
_KEPT_OF_NODES, _KEPT_OF_EDGES = ("role", "plane", "slot"), ("direction",)
Parallel = Literal["sum", "refuse"]


@dataclass(frozen=True)
class GraphOptions:
    """How the attributes of a graph are read.

    Attributes
    ----------
    rate_key
        Edge attribute with the rate; where it is missing, the Topology Zoo's ``LinkSpeedRaw`` (bit/s) counts.
    rate_unit
        Unit of the attribute and of `rate`, see `RATE_UNITS`.
    rate
        Rate of the edges without one; None refuses them.
    length_key
        Edge attribute with the length, m; where it is missing, the great circle between the ends' coordinates counts.
    length_m
        Length of the edges without one whose ends lack coordinates, m; None makes it 0 where `rate` is given, and
        refuses them otherwise.
    parallel
        Whether parallel edges are summed (the longest tells the length) or refused.
    """

    rate_key: str = "rate_bps"
    rate_unit: str = "bit/s"
    rate: float | None = None
    length_key: str = "length_m"
    length_m: float | None = None
    parallel: Parallel = "sum"

    def __post_init__(self) -> None:
        """Reject values out of range."""
        rate_unit_bps(self.rate_unit)
        CHECKS.choice("parallel", self.parallel, ("sum", "refuse"))
        if self.rate is not None:
            CHECKS.number("rate", self.rate, above=0.0)
        if self.length_m is not None:
            CHECKS.number("length_m", self.length_m, 0.0)


def plain_network(
    graph: "nx.Graph[Any]", options: GraphOptions, name: str, where: str
) -> tuple["nx.DiGraph[Any]", list[str]]:
    """Turn a graph into one whose directed edges have rates and lengths.

    Parameters
    ----------
    graph
        Directed or not, with parallel edges or not; an undirected edge is a link each way.
    options
        How its attributes are read.
    name
        Name of the result.
    where
        Name of the graph in messages.

    Returns
    -------
    network, notes
        The network, and sentences on what was assumed.

    Raises
    ------
    InstanceError
        If an edge has no rate or length, or one that is not allowed, with the edge.
    """
    plain: nx.DiGraph[Any] = nx.DiGraph(name=name)
    plain.add_nodes_from((str(node), _kept(data, _KEPT_OF_NODES)) for node, data in graph.nodes(data=True))
    twice = repeated(str(node) for node in graph)
    if twice is not None:
        raise InstanceError(f"{where}: two nodes are called {short(twice)}")
    places = {node: _coordinates(data) for node, data in graph.nodes(data=True)}
    noted = dict.fromkeys(("loops", "parallel", "rate", "length"), 0)
    for a, b, data in graph.edges(data=True):
        if a == b:
            noted["loops"] += 1
            continue
        place = f"{where}: edge {a} -> {b}"
        rate = _rate_bps(data, options, place, noted)
        length = _length_m(data, options, (places[a], places[b]), place, noted)
        for ends in ((str(a), str(b)),) if graph.is_directed() else ((str(a), str(b)), (str(b), str(a))):
            if plain.has_edge(*ends):
                if options.parallel == "refuse":
                    raise InstanceError(f"{place}: a parallel edge; parallel: sum adds their rates")
                noted["parallel"] += 1
                edge = plain.edges[ends]
                edge["rate_bps"] += rate
                edge["length_m"] = max(edge["length_m"], length)
            else:
                plain.add_edge(*ends, rate_bps=rate, length_m=length, **_kept(data, _KEPT_OF_EDGES))
    return plain, _notes(noted, plain, options)


def _notes(noted: Mapping[str, int], plain: "nx.DiGraph[Any]", options: GraphOptions) -> list[str]:
    sentences = {
        "loops": "{} edges from a node to itself left out",
        "parallel": "rates of {} parallel links added to those of others",
        "rate": f"{{}} edges without a rate have {options.rate or 0.0:g} {options.rate_unit}",
        "length": "{} edges whose ends have no coordinates have the length "
        + ("0; length_m gives them another" if options.length_m is None else f"{options.length_m:g} m"),
    }
    notes = [sentences[key].format(count) for key, count in noted.items() if count]
    odd = [rate for *_, rate in plain.edges.data("rate_bps") if not LIKELY_BPS[0] <= rate <= LIKELY_BPS[1]]
    if odd:
        notes.append(f"{len(odd)} links have rates such as {odd[0]:g} bit/s: is rate_unit right?")
    return notes


def _kept(data: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: data[key] for key in keys if key in data}


def _rate_bps(data: Mapping[str, Any], options: GraphOptions, place: str, noted: dict[str, int]) -> float:
    """Rate of one edge, by its attribute, the Zoo's, or the default."""
    for key, unit in ((options.rate_key, rate_unit_bps(options.rate_unit)), (ZOO_RATE, 1.0)):
        if key in data:
            return _value(data[key], f"{place}: {key}", positive=True) * unit
    if options.rate is None:
        raise InstanceError(
            f"{place} has no attribute {options.rate_key!r}, only {_names(data)}; rate gives such edges a rate (--rate)"
        )
    noted["rate"] += 1
    return options.rate * rate_unit_bps(options.rate_unit)


def _length_m(
    data: Mapping[str, Any],
    options: GraphOptions,
    ends: tuple[tuple[float, float] | None, tuple[float, float] | None],
    place: str,
    noted: dict[str, int],
) -> float:
    """Length of one edge, by its attribute, the great circle, or the default."""
    if options.length_key in data:
        return _value(data[options.length_key], f"{place}: {options.length_key}", positive=False)
    if ends[0] is not None and ends[1] is not None:
        return great_circle_m(ends[0], ends[1])
    if options.length_m is None and options.rate is None:
        raise InstanceError(
            f"{place} has no attribute {options.length_key!r}, only {_names(data)}, and its ends have no coordinates; "
            "length_m gives such edges a length (--length)"
        )
    noted["length"] += 1
    return options.length_m or 0.0


def _names(data: Mapping[str, Any]) -> str:
    """Names of the attributes of an edge."""
    return ", ".join(str(key) for key in data if key != "key")[:200] or "none"


def _value(given: Any, what: str, *, positive: bool) -> float:
    """Return an attribute as a number, given as one or as text."""
    try:
        value = float(given) if isinstance(given, str) else given
    except ValueError:
        value = given
    return CHECKS.number(what, value, above=0.0) if positive else CHECKS.number(what, value, 0.0)


def _coordinates(data: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return longitude and latitude of a node, degrees, or None where it has none."""
    lower = {str(key).lower(): value for key, value in data.items()}
    try:
        east, north = (float(lower.get(key, lower.get(key[:3], "none"))) for key in ("longitude", "latitude"))
    except (TypeError, ValueError):
        return None
    return (east, north) if abs(east) <= 360.0 and abs(north) <= 90.0 and math.isfinite(east) else None
