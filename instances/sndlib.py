"""Networks of SNDlib (http://sndlib.zib.de), native and XML, for the routing problem (7) alone.

S. Orlowski, M. Pióro, A. Tomaszewski, R. Wessäly, "SNDlib 1.0 — Survivable Network Design Library", Networks 55 (2010),
doi:10.1002/net.20371.

A demand from s to t becomes a task on s that t computes: its data packet at ρ = 1 and its model packet both have the
demand's size, accuracy asks for nothing, and computing takes next to no time, so what is left is routing. A node can
hold only one task and no task can sit on a computing node, so demands are taken in the order of size as long as they
fit.
"""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fitting import PiecewiseLinear
from fitting.checks import DEEPEST
from fitting.jsonfile import read_text, require_plain_xml, require_values
from instances.checks import InstanceError
from instances.graph import located
from instances.ground import great_circle_m
from instances.instance import Accuracy, Instance, Link, Satellite, Task
from instances.rate_units import rate_unit_bps

_FREE_OPS = 1e-9
"""Work of a task that only routes, op: far below any delay."""


@dataclass(frozen=True)
class _Plain:
    """What both formats hold.

    Attributes
    ----------
    nodes
        Coordinates (x, y) by id.
    links
        Source, target, capacity; one for each link of the file.
    demands
        Source, target, value.
    unit
        Unit of capacities and demands as the file's META tells it.
    """

    nodes: dict[str, tuple[float, float]]
    links: list[tuple[str, str, float]]
    demands: list[tuple[str, str, float]]
    unit: str | None = None


def read_sndlib(
    path: str | Path,
    *,
    unit: str | None = None,
    seconds: float = 1.0,
    directed: bool | None = None,
    tasks: int | None = None,
) -> Instance:
    """Read a network as an instance of the routing problem; solve it with ``--problem routing --offload-ratio 1``.

    Parameters
    ----------
    path
        A file in SNDlib's native or XML format.
    unit
        What a capacity or a demand is written in, a key of `RATE_UNITS`; None takes the file's META, else Mbit/s.
    seconds
        A demand's packet holds its rate over this time, bit = value · unit · seconds.
    directed
        Whether a link goes one way; None finds out: it does where every link of the file has one the other way.
    tasks
        At most this many demands.

    Raises
    ------
    InstanceError
        If the file cannot be read, or a link has no capacity.

    Notes
    -----
    A link's rate is its pre-installed capacity, else its largest module. Its length is the great circle where the
    coordinates look like degrees, else 0. ``meta`` says how many demands were left out.
    """
    with located(path):
        return _instance(Path(path), read_text(path), unit, seconds, directed, tasks)


def _instance(
    path: Path, content: str, unit: str | None, seconds: float, directed: bool | None, tasks: int | None
) -> Instance:
    """Parse a network and make its instance."""
    plain = (_from_xml if content.lstrip().startswith("<") else _from_native)(content, str(path))
    for a, b, *_ in [*plain.links, *plain.demands]:
        for end in (a, b):
            if end not in plain.nodes:
                raise InstanceError(f"{path}: {end!r} is no node of the network")
    for kind, rows in (("link", plain.links), ("demand", plain.demands)):
        for a, b, value in rows:
            if not 0.0 <= value < math.inf:
                raise InstanceError(f"{path}: the value of {kind} {a} - {b} must be a finite number >= 0, got {value}")
    unit_bps = rate_unit_bps(unit or plain.unit or "Mbit/s", f"{path}: unit")
    pairs = {(a, b) for a, b, _ in plain.links}
    one_way = all((b, a) in pairs for a, b in pairs) if directed is None else directed
    chosen = _fitting(plain.demands, tasks)
    if not chosen:
        raise InstanceError(f"{path}: the network has no demands")
    roles = dict.fromkeys((b for _, b, _ in chosen), "computing")
    roles |= dict.fromkeys((a for a, _, _ in chosen), "remote_sensing")
    geographic = all(abs(x) <= 180.0 and abs(y) <= 90.0 for x, y in plain.nodes.values())
    links: dict[tuple[str, str], Link] = {}
    for a, b, capacity in plain.links:
        if capacity <= 0.0:
            raise InstanceError(f"{path}: link {a} - {b} has neither a pre-installed capacity nor a module")
        length = great_circle_m(plain.nodes[a], plain.nodes[b]) if geographic else 0.0
        for ends in ((a, b),) if one_way else ((a, b), (b, a)):
            rate = capacity * unit_bps + (links[ends].rate_bps if ends in links else 0.0)  # parallel links add up
            links[ends] = Link(*ends, rate, length)
    return Instance(
        name=path.stem,
        satellites=tuple(_node(name, roles.get(name, "relay")) for name in plain.nodes),
        links=tuple(links.values()),
        tasks=tuple(_task(a, b, value * unit_bps * seconds) for a, b, value in chosen),
        accuracy=Accuracy(PiecewiseLinear((0.0, 1.0), (1.0, 1.0)), PiecewiseLinear((0.0, 1.0), (1.0, 1.0))),
        meta={
            "source": "SNDlib",
            "directed": one_way,
            "demands": len(chosen),
            "demands_left_out": len(plain.demands) - len(chosen),
        },
    )


def _fitting(demands: list[tuple[str, str, float]], limit: int | None) -> list[tuple[str, str, float]]:
    """Demands in order of size that give each node one role and at most one task."""
    sources: set[str] = set()
    sinks: set[str] = set()
    chosen: list[tuple[str, str, float]] = []
    for a, b, value in sorted(demands, key=lambda demand: -demand[2]):
        if value > 0.0 and a != b and a not in sources and a not in sinks and b not in sources:
            sources.add(a)
            sinks.add(b)
            chosen.append((a, b, value))
    return chosen[:limit]


def _node(name: str, role: str) -> Satellite:
    return Satellite(name, role) if role == "relay" else Satellite(name, role, ops_per_s=1.0, utilization=1.0)


def _task(source: str, target: str, bits: float) -> Task:
    return Task(
        satellite=source,
        frames=1,
        pixels_per_frame=1.0,
        bits_per_pixel=1.0,
        feature_bits_per_frame=bits,
        feature_ops_per_bit=0.0,
        small_ops_per_frame=_FREE_OPS,
        large_ops_per_frame=_FREE_OPS,
        residual_levels_bpp=(1.0,),
        model_packet_bits_range=(bits, bits),
        large_map_min=0.0,
        small_map_min=0.0,
        computing_satellite=target,
    )


def _from_native(content: str, where: str) -> _Plain:
    """Parse ``SECTION ( entry entry … )``; see the format's page at SNDlib."""
    plain = re.sub(r"^[?#].*$", "", content, flags=re.M)
    require_values(plain, " \t\n()", where)
    tokens = [
        _Token(found, number)
        for number, line in enumerate(plain.split("\n"), 1)
        for found in re.findall(r"[()]|[^\s()]+", line)
    ]
    sections: dict[str, list[Any]] = {}
    stack: list[list[Any]] = [[]]
    opened: list[int] = []
    for token in tokens:
        if token == "(":
            if len(stack) > DEEPEST:
                raise InstanceError(f"{where}, line {token.line}: more than {DEEPEST} brackets inside each other")
            stack.append([])
            opened.append(token.line)
        elif token == ")":
            if len(stack) == 1:
                raise InstanceError(f"{where}, line {token.line}: a bracket closes that was never opened")
            opened.pop()
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    if len(stack) > 1:
        raise InstanceError(f"{where}, line {opened[-1]}: this and {len(opened) - 1} other brackets are never closed")
    top = stack[0]
    sections = {str(key): value for key, value in zip(top[::2], top[1::2], strict=False)}
    for name in ("NODES", "LINKS", "DEMANDS"):
        if not isinstance(sections.get(name), list):
            raise InstanceError(f"{where}: not an SNDlib network: section {name} is missing")
    rows = {name: list(_rows(sections[name], width, f"{where}, section {name}")) for name, width in _WIDTHS.items()}
    return _Plain(
        unit=_native_unit(sections.get("META")),
        nodes=dict(_entry(_native_node, row, where) for row in rows["NODES"]),
        links=[_entry(_native_link, row, where) for row in rows["LINKS"]],
        demands=[_entry(_native_demand, row, where) for row in rows["DEMANDS"]],
    )


def _native_unit(meta: Any) -> str | None:
    """Return the unit of ``META ( … unit = MBITPERSEC … )``; blanks around = may be missing."""
    words = " ".join(word for word in meta if isinstance(word, str)) if isinstance(meta, list) else ""
    found = re.search(r"\bunit\s*=\s*([\w/]+)", words, flags=re.IGNORECASE)
    return found[1] if found else None


class _Token(str):
    """A word of a file that knows its line."""

    line: int

    def __new__(cls, text: str, line: int) -> "_Token":
        token = super().__new__(cls, text)
        token.line = line
        return token


_WIDTHS = {"NODES": 2, "LINKS": 7, "DEMANDS": 5}
"""Items of an entry, its id first; a bracket is one item."""
_T = TypeVar("_T")


def _line(row: list[Any]) -> int:
    """Return the line of the first word of an entry."""
    first = row[0]
    return _line(first) if isinstance(first, list) and first else getattr(first, "line", 0)


def _rows(section: list[Any], width: int, place: str) -> Iterator[list[Any]]:
    """Entries of a fixed number of items; each starts with its id on a line of its own."""
    for k in range(0, len(section), width):
        row = section[k : k + width]
        words = [isinstance(item, str) for item in row]
        brackets = {2: [1], 7: [1, 6], 5: [1]}[width]
        if len(row) < width or any(word == (i in brackets) for i, word in enumerate(words)):
            if isinstance(row[0], list) and k:  # the entry before lacks an item, and took one of this
                row = section[k - width : k - 1]
            form = " ".join("( … )" if i in brackets else "word" for i in range(width))
            raise InstanceError(
                f"{place}, line {_line(row)}: an entry must have {width} items, {form}, got {_shown(row)}"
            )
        yield row


def _shown(row: list[Any]) -> str:
    """Return an entry as it would stand in a file, shortened."""
    text = " ".join(f"( {_shown(item)} )" if isinstance(item, list) else item for item in row)
    return text if len(text) <= 60 else text[:57] + "..."


def _entry(read: Callable[[list[Any]], _T], row: list[Any], where: str) -> _T:
    """Read one entry, or name it with its line."""
    try:
        return read(row)
    except (ValueError, IndexError, TypeError) as error:
        what = "too few items in a bracket" if isinstance(error, IndexError) else error
        raise InstanceError(f"{where}, line {_line(row)}: not an SNDlib entry, {what}: {_shown(row)}") from None


def _native_node(row: list[Any]) -> tuple[str, tuple[float, float]]:
    """Row: id ( longitude latitude )."""
    return str(row[0]), (float(row[1][0]), float(row[1][1]))


def _native_demand(row: list[Any]) -> tuple[str, str, float]:
    """Row: id ( source target ) routing_unit value max_path_length."""
    return str(row[1][0]), str(row[1][1]), float(row[3])


def _native_link(row: list[Any]) -> tuple[str, str, float]:
    """Row: id ( source target ) capacity cost routing_cost setup_cost ( {capacity cost}* )."""
    modules = [float(value) for value in row[6][::2]]
    return str(row[1][0]), str(row[1][1]), float(row[2]) or max(modules, default=0.0)


def _from_xml(content: str, where: str) -> _Plain:
    """Parse the XML form; its name space is http://sndlib.zib.de/network."""
    require_plain_xml(content, where)
    try:
        root = ET.fromstring(content)
    except ET.ParseError as error:
        raise InstanceError(f"{where}: not an SNDlib network: not valid XML: {error}") from None
    nodes = dict(_element(_xml_node, node, where) for node in root.findall(".//{*}nodes/{*}node"))
    links = [_element(_xml_link, link, where) for link in root.findall(".//{*}links/{*}link")]
    demands = [_element(_xml_demand, demand, where) for demand in root.findall(".//{*}demands/{*}demand")]
    if not nodes or not links:
        raise InstanceError(f"{where}: not an SNDlib network: it has no nodes or no links")
    return _Plain(nodes, links, demands, (root.findtext(".//{*}meta/{*}unit") or "").strip() or None)


def _element(read: Callable[[ET.Element], _T], element: ET.Element, where: str) -> _T:
    """Read one element, or name it by its id."""
    kind, name = element.tag.rpartition("}")[2], element.attrib.get("id")
    if not name:
        raise InstanceError(f"{where}: not an SNDlib network: a {kind} has no id")
    try:
        return read(element)
    except ValueError as error:
        raise InstanceError(f"{where}: not an SNDlib network: {kind} {name}: {error}") from None


def _xml_node(node: ET.Element) -> tuple[str, tuple[float, float]]:
    return node.attrib["id"], (_value(node, ".//{*}x", "0"), _value(node, ".//{*}y", "0"))


def _xml_demand(demand: ET.Element) -> tuple[str, str, float]:
    return (*_ids(demand), _value(demand, "{*}demandValue"))


def _xml_link(link: ET.Element) -> tuple[str, str, float]:
    installed = link.find(".//{*}preInstalledModule/{*}capacity")
    modules = [float(item.text or 0.0) for item in link.findall(".//{*}addModule/{*}capacity")]
    capacity = float(installed.text or 0.0) if installed is not None else 0.0
    source, target = _ids(link)
    return source, target, capacity or max(modules, default=0.0)


def _ids(element: ET.Element) -> tuple[str, str]:
    source, target = ((element.findtext(f"{{*}}{key}") or "").strip() for key in ("source", "target"))
    return source, target


def _value(element: ET.Element, path: str, default: str | None = None) -> float:
    found = element.findtext(path, default)
    if found is None:
        raise ValueError(f"it lacks {path.rpartition('}')[2]}")
    return float(found)
